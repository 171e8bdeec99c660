//! What is counted of upstreams: cells that all shards share, touched once per request to another
//! server.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::outgoing::OutgoingFault;

/// How a request to an upstream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With what was asked for.
    Fetched,
    /// With nothing else than what is here (304).
    Unchanged,
    /// The upstream does not have it (404, 410).
    NotFound,
    /// The upstream does not want to give it (any other status below 500).
    Refused,
    /// The upstream failed (a status from 500 on).
    Failed,
    /// Not in time.
    TimedOut,
    /// Without a whole answer: no address, no connection, no proof of its name, cut off.
    Broken,
    /// With something else than what was asked for: a digest, a length or a document is wrong.
    Unsound,
    /// Not asked: it failed too often a moment ago.
    HeldBack,
}

impl Outcome {
    /// All of them, in the order of their numbers.
    pub const ALL: [Outcome; 9] = [
        Outcome::Fetched,
        Outcome::Unchanged,
        Outcome::NotFound,
        Outcome::Refused,
        Outcome::Failed,
        Outcome::TimedOut,
        Outcome::Broken,
        Outcome::Unsound,
        Outcome::HeldBack,
    ];

    /// As metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Fetched => "fetched",
            Outcome::Unchanged => "unchanged",
            Outcome::NotFound => "not_found",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
            Outcome::TimedOut => "timed_out",
            Outcome::Broken => "broken",
            Outcome::Unsound => "unsound",
            Outcome::HeldBack => "held_back",
        }
    }

    /// What a status stands for.
    pub fn of_status(status: u16) -> Outcome {
        match status {
            200..=299 => Outcome::Fetched,
            304 => Outcome::Unchanged,
            404 | 410 => Outcome::NotFound,
            0..=499 => Outcome::Refused,
            500.. => Outcome::Failed,
        }
    }

    /// What a fault stands for.
    pub fn of_fault(fault: &OutgoingFault) -> Outcome {
        match fault {
            OutgoingFault::Timeout(_) => Outcome::TimedOut,
            OutgoingFault::TooLong => Outcome::Unsound,
            OutgoingFault::Name(_)
            | OutgoingFault::Refused(_)
            | OutgoingFault::Connect(_)
            | OutgoingFault::Tls(_)
            | OutgoingFault::Reset
            | OutgoingFault::Protocol(_)
            | OutgoingFault::Busy => Outcome::Broken,
        }
    }
}

/// The counts of one upstream.
#[derive(Debug, Default)]
pub struct Tally {
    outcomes: [AtomicU64; Outcome::ALL.len()],
    bytes: AtomicU64,
}

impl Tally {
    /// Counts how a request ended.
    pub fn count(&self, outcome: Outcome) {
        self.outcomes[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts bytes of bodies, as they came.
    pub fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Every outcome with its count.
    pub fn outcomes(&self) -> Vec<(&'static str, u64)> {
        let counts = self
            .outcomes
            .iter()
            .map(|cell| cell.load(Ordering::Relaxed));
        let names = Outcome::ALL.into_iter().map(Outcome::as_str);
        names.zip(counts).collect()
    }

    /// Bytes of bodies.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_counted_under_their_names() {
        for (number, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, number, "{outcome:?}");
        }
        for (status, outcome) in [
            (200, Outcome::Fetched),
            (206, Outcome::Fetched),
            (304, Outcome::Unchanged),
            (404, Outcome::NotFound),
            (410, Outcome::NotFound),
            (401, Outcome::Refused),
            (302, Outcome::Refused),
            (429, Outcome::Refused),
            (500, Outcome::Failed),
            (503, Outcome::Failed),
        ] {
            assert_eq!(Outcome::of_status(status), outcome, "{status}");
        }
        let tally = Tally::default();
        tally.count(Outcome::Unsound);
        tally.add_bytes(7);
        let counted: Vec<_> = tally
            .outcomes()
            .into_iter()
            .filter(|(_, n)| *n > 0)
            .collect();
        assert_eq!((counted, tally.bytes()), (vec![("unsound", 1)], 7));
    }
}
