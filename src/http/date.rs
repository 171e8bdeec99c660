//! The value of `Date`, made once a second.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::telemetry::date::http_date;

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
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        self.line.set(http_date(since_epoch.as_secs()));
        let left = Duration::from_nanos(u64::from(1_000_000_000 - since_epoch.subsec_nanos()));
        self.ends.set(now + left);
    }

    pub(super) fn line(&self) -> [u8; 29] {
        self.line.get()
    }
}
