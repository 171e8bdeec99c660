//! The value of `Date`, made once a second.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::telemetry::date::http_date;
use crate::telemetry::process::unix_ms;

/// The date of one shard's replies.
pub(super) struct DateLine {
    line: Cell<[u8; 29]>,
    ends: Cell<Instant>,
}

impl DateLine {
    pub(super) fn new(now: Instant) -> DateLine {
        let date = DateLine {
            line: Cell::new([0; 29]),
            ends: Cell::new(now),
        };
        date.refresh(now);
        date
    }

    /// Makes the date anew when its second is over.
    pub(super) fn refresh(&self, now: Instant) {
        if now < self.ends.get() {
            return;
        }
        let unix_ms = unix_ms();
        self.line.set(http_date(unix_ms / 1000));
        let left = Duration::from_millis(1000 - unix_ms % 1000);
        self.ends.set(now + left);
    }

    pub(super) fn line(&self) -> [u8; 29] {
        self.line.get()
    }
}
