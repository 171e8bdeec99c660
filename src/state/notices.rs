//! The last notices of a shard, for clients whose socket was busy when they came.
//!
//! A client keeps the number of the next notice that it is to have. One that falls further behind
//! than is kept here misses the oldest.

use std::collections::VecDeque;

use crate::limits::NOTICES_KEPT_MAX;

/// Notices as messages, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Notices {
    kept: VecDeque<Box<[u8]>>,
    /// The number of the next one; numbers wrap.
    next: u32,
}

impl Notices {
    /// The number of the next one.
    pub(super) fn next(&self) -> u32 {
        self.next
    }

    pub(super) fn add(&mut self, message: &[u8]) {
        if self.kept.len() == NOTICES_KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(message.into());
        self.next = self.next.wrapping_add(1);
    }

    /// Appends those from a number on, as far as they are kept.
    pub(super) fn since(&self, number: u32, out: &mut Vec<u8>) {
        let missed = self.next.wrapping_sub(number) as usize;
        let told = missed.min(self.kept.len());
        for message in self.kept.range(self.kept.len() - told..) {
            out.extend_from_slice(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_kept() {
        let mut notices = Notices {
            next: u32::MAX - 1,
            ..Notices::default()
        };
        let told = |notices: &Notices, number| {
            let mut out = Vec::new();
            notices.since(number, &mut out);
            out
        };
        let start = notices.next();
        assert_eq!(told(&notices, start), b"");
        for number in 0..NOTICES_KEPT_MAX {
            notices.add(&[number as u8]);
        }
        let all: Vec<u8> = (0..NOTICES_KEPT_MAX as u8).collect();
        assert_eq!(told(&notices, start), all);
        notices.add(b"x");
        assert_eq!(told(&notices, start).len(), NOTICES_KEPT_MAX);
        assert_eq!(told(&notices, start)[0], 1, "the oldest is forgotten");
        assert_eq!(told(&notices, notices.next() - 1), b"x");
        assert_eq!(told(&notices, notices.next()), b"");
    }
}
