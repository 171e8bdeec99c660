//! A breaker: it stops asking a peer that fails, and tries now and then whether it is back.
//!
//! Outcomes are counted over a sliding window. Above 25 % failures it opens; after a pause one
//! probe at a time is let through, and once failures are below 12.5 % of the outcomes since it
//! opened it closes. Times are the caller's milliseconds, so that it can be tested without waiting.

use std::sync::{Mutex, PoisonError};

use crate::limits::{
    BREAKER_BUCKETS, BREAKER_OUTCOMES_MIN, BREAKER_PAUSE_MS, BREAKER_PROBES_MIN, BREAKER_WINDOW_MS,
};

/// A breaker that all shards share. It is asked once for each request to a peer, which costs
/// far more than a lock that hardly anyone contends for.
#[derive(Debug, Default)]
pub struct Breaker {
    inner: Mutex<Inner>,
}

/// Whether a peer may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Closed,
    /// It may, to see whether it is back; the outcome has to be recorded.
    Probe,
    /// Not before so many milliseconds have passed.
    Open {
        /// At least 1.
        retry_after_ms: u64,
    },
}

/// How a request to a peer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was answered.
    Well,
    /// It was not answered in time, or with a fault of the peer.
    Badly,
}

/// What a breaker has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Outcomes in the window.
    pub outcomes: u32,
    /// Those that were failures.
    pub failures: u32,
    /// When it opened; `None` while it is closed.
    pub open_since_ms: Option<u64>,
}

impl Breaker {
    /// A closed one.
    pub fn new() -> Breaker {
        Breaker::default()
    }

    /// Whether the peer may be asked at this moment.
    pub fn admit(&self, now_ms: u64) -> Admission {
        self.with(|inner| inner.admit(now_ms))
    }

    /// Counts how a request that was admitted ended.
    pub fn record(&self, now_ms: u64, ended: Ended) {
        self.with(|inner| inner.record(now_ms, ended));
    }

    /// What was counted.
    pub fn tally(&self, now_ms: u64) -> Tally {
        self.with(|inner| inner.tally(now_ms))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        // Counts stay sound wherever a panic would leave them.
        work(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Debug, Default)]
struct Inner {
    window: Window,
    opened: Option<Opened>,
}

/// An open breaker.
#[derive(Clone, Copy, Debug)]
struct Opened {
    since_ms: u64,
    /// When the next probe may go.
    probe_at_ms: u64,
}

impl Inner {
    fn admit(&mut self, now_ms: u64) -> Admission {
        let Some(opened) = &mut self.opened else {
            return Admission::Closed;
        };
        if now_ms < opened.probe_at_ms {
            return Admission::Open {
                retry_after_ms: opened.probe_at_ms - now_ms,
            };
        }
        // One at a time; one whose outcome is never told is followed by the next after a pause.
        opened.probe_at_ms = now_ms + BREAKER_PAUSE_MS;
        Admission::Probe
    }

    fn record(&mut self, now_ms: u64, ended: Ended) {
        self.window.count(now_ms, ended);
        let (outcomes, failures) = self.window.sums(now_ms);
        match &mut self.opened {
            None => {
                // More than a quarter.
                if outcomes >= BREAKER_OUTCOMES_MIN && failures * 4 > outcomes {
                    self.window = Window::default();
                    self.opened = Some(Opened {
                        since_ms: now_ms,
                        probe_at_ms: now_ms + BREAKER_PAUSE_MS,
                    });
                }
            }
            Some(opened) => match ended {
                Ended::Badly => opened.probe_at_ms = now_ms + BREAKER_PAUSE_MS,
                // Less than an eighth.
                Ended::Well if outcomes >= BREAKER_PROBES_MIN && failures * 8 < outcomes => {
                    self.opened = None;
                    self.window = Window::default();
                }
                Ended::Well => opened.probe_at_ms = now_ms,
            },
        }
    }

    fn tally(&mut self, now_ms: u64) -> Tally {
        let (outcomes, failures) = self.window.sums(now_ms);
        Tally {
            outcomes,
            failures,
            open_since_ms: self.opened.map(|opened| opened.since_ms),
        }
    }
}

/// Outcomes of the last while, in buckets of equal length.
#[derive(Debug, Default)]
struct Window {
    buckets: [Bucket; BREAKER_BUCKETS],
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// The number of its span of time, from 1; 0 for none.
    span: u64,
    outcomes: u32,
    failures: u32,
}

impl Window {
    fn count(&mut self, now_ms: u64, ended: Ended) {
        let span = span_of(now_ms);
        let bucket = &mut self.buckets[(span % BREAKER_BUCKETS as u64) as usize];
        if bucket.span != span {
            *bucket = Bucket {
                span,
                ..Bucket::default()
            };
        }
        bucket.outcomes = bucket.outcomes.saturating_add(1);
        bucket.failures += u32::from(ended == Ended::Badly);
    }

    fn sums(&self, now_ms: u64) -> (u32, u32) {
        let oldest = (span_of(now_ms) + 1).saturating_sub(BREAKER_BUCKETS as u64);
        let live = self
            .buckets
            .iter()
            .filter(|bucket| bucket.span >= oldest.max(1));
        live.fold((0, 0), |(outcomes, failures), bucket| {
            (outcomes + bucket.outcomes, failures + bucket.failures)
        })
    }
}

fn span_of(now_ms: u64) -> u64 {
    now_ms / (BREAKER_WINDOW_MS / BREAKER_BUCKETS as u64) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &Breaker, now_ms: u64, times: u32) {
        (0..times).for_each(|_| breaker.record(now_ms, Ended::Badly));
    }

    fn succeed(breaker: &Breaker, now_ms: u64, times: u32) {
        (0..times).for_each(|_| breaker.record(now_ms, Ended::Well));
    }

    fn opened(now_ms: u64) -> Breaker {
        let breaker = Breaker::new();
        fail(&breaker, now_ms, BREAKER_OUTCOMES_MIN);
        assert!(matches!(breaker.admit(now_ms), Admission::Open { .. }));
        breaker
    }

    #[test]
    fn few_outcomes_open_nothing() {
        let breaker = Breaker::new();
        fail(&breaker, 0, BREAKER_OUTCOMES_MIN - 1);
        assert_eq!(breaker.admit(0), Admission::Closed);
        fail(&breaker, 0, 1);
        let retry_after_ms = BREAKER_PAUSE_MS;
        assert_eq!(breaker.admit(0), Admission::Open { retry_after_ms });
        assert_eq!(breaker.tally(0).open_since_ms, Some(0));
    }

    #[test]
    fn a_quarter_is_not_too_many_and_one_more_is() {
        let breaker = Breaker::new();
        succeed(&breaker, 0, 75);
        fail(&breaker, 0, 25);
        assert_eq!(breaker.admit(0), Admission::Closed);
        let (outcomes, failures) = (breaker.tally(0).outcomes, breaker.tally(0).failures);
        assert_eq!((outcomes, failures), (100, 25));
        fail(&breaker, 0, 1);
        assert!(matches!(breaker.admit(0), Admission::Open { .. }));
    }

    #[test]
    fn failures_leave_the_window_with_time() {
        let breaker = Breaker::new();
        fail(&breaker, 0, BREAKER_OUTCOMES_MIN - 1);
        let later = BREAKER_WINDOW_MS - 1;
        assert_eq!(breaker.tally(later).failures, BREAKER_OUTCOMES_MIN - 1);
        assert_eq!(breaker.tally(BREAKER_WINDOW_MS).failures, 0);
        fail(&breaker, BREAKER_WINDOW_MS, 1);
        assert_eq!(breaker.admit(BREAKER_WINDOW_MS), Admission::Closed);
    }

    #[test]
    fn one_probe_goes_at_a_time() {
        let breaker = opened(1000);
        assert!(matches!(
            breaker.admit(1000 + BREAKER_PAUSE_MS - 1),
            Admission::Open { retry_after_ms: 1 }
        ));
        let now = 1000 + BREAKER_PAUSE_MS;
        assert_eq!(breaker.admit(now), Admission::Probe);
        assert!(matches!(breaker.admit(now), Admission::Open { .. }));
        fail(&breaker, now + 5, 1);
        let retry_after_ms = BREAKER_PAUSE_MS;
        assert_eq!(breaker.admit(now + 5), Admission::Open { retry_after_ms });
        // One that was never told of does not keep the next from going.
        let next = now + 5 + BREAKER_PAUSE_MS;
        assert_eq!(breaker.admit(next), Admission::Probe);
        assert_eq!(breaker.admit(next + BREAKER_PAUSE_MS), Admission::Probe);
    }

    #[test]
    fn probes_that_go_well_close_it() {
        let breaker = opened(0);
        let now = BREAKER_PAUSE_MS;
        for _ in 1..BREAKER_PROBES_MIN {
            assert_eq!(breaker.admit(now), Admission::Probe);
            succeed(&breaker, now, 1);
        }
        assert_eq!(breaker.admit(now), Admission::Probe);
        succeed(&breaker, now, 1);
        assert_eq!(breaker.admit(now), Admission::Closed);
        // What failed before it opened is forgotten.
        let tally = breaker.tally(now);
        assert_eq!((tally.outcomes, tally.open_since_ms), (0, None));
    }

    #[test]
    fn an_eighth_of_failures_keeps_it_open() {
        let breaker = opened(0);
        let now = BREAKER_PAUSE_MS;
        assert_eq!(breaker.admit(now), Admission::Probe);
        fail(&breaker, now, 1);
        let now = now + BREAKER_PAUSE_MS;
        for _ in 0..7 {
            assert_eq!(breaker.admit(now), Admission::Probe);
            succeed(&breaker, now, 1);
        }
        // One of eight is not below an eighth; one of nine is.
        assert_eq!(breaker.admit(now), Admission::Probe);
        succeed(&breaker, now, 1);
        assert_eq!(breaker.admit(now), Admission::Closed);
    }
}
