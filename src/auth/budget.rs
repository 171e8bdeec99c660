//! Budgets: how often a class of requests may come, as settings say it.

use std::sync::atomic::{AtomicBool, Ordering};

use super::rate::{RateKey, RateTable, Rule, Verdict};
use crate::http::{Problem, RateExceeded};
use crate::limits::RATE_KEYS_EXPECTED;

/// The counts of one class, shared by all shards. A limit of 0 counts nothing.
pub struct Budget {
    table: RateTable,
    is_counted: AtomicBool,
}

impl Budget {
    /// A budget of so many hits in a window.
    ///
    /// # Panics
    /// When these are out of the bounds of [`Rule::new`], which are those of the settings.
    pub fn new(limit: u32, window_ms: u32) -> Budget {
        let rule = Rule::new(limit.max(1), window_ms).expect("settings have the bounds of a rule");
        Budget {
            table: RateTable::new(rule, RATE_KEYS_EXPECTED),
            is_counted: AtomicBool::new(limit > 0),
        }
    }

    /// Takes another limit; what is counted stays.
    ///
    /// # Panics
    /// As [`Budget::new`].
    pub fn change(&self, limit: u32) {
        let rule = self.table.change_limit(limit.max(1));
        assert!(rule.is_some(), "settings have the bounds of a rule");
        self.is_counted.store(limit > 0, Ordering::Relaxed);
    }

    /// Counts a hit; 429 where it is over the limit.
    pub fn admit(&self, key: RateKey, now_ms: u64) -> Result<(), Problem> {
        if !self.is_counted.load(Ordering::Relaxed) {
            return Ok(());
        }
        match self.table.check(key, now_ms) {
            Verdict::Allowed => Ok(()),
            Verdict::Limited { retry_after_ms } => Err(self.exceeded(retry_after_ms)),
        }
    }

    fn exceeded(&self, retry_after_ms: u64) -> Problem {
        let rule = self.table.rule();
        let exceeded = RateExceeded {
            limit: rule.limit(),
            window_ms: rule.window_ms(),
            retry_after_ms,
        };
        Problem::limited("Too many requests; wait a little.", exceeded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::rate::RateKeys;

    #[test]
    fn a_hit_over_the_limit_is_told_when_to_come_again() {
        let budget = Budget::new(2, 15_000);
        let keys = RateKeys::new();
        let (one, other) = (keys.subject(b"one"), keys.subject(b"other"));
        assert!(budget.admit(one, 0).is_ok() && budget.admit(one, 1).is_ok());
        let problem = budget.admit(one, 2).unwrap_err();
        assert_eq!(problem.status, 429);
        let header = |name: &str| {
            let mut headers = problem.headers.iter();
            headers.find(|(found, _)| *found == name).unwrap().1.clone()
        };
        assert_eq!(header("RateLimit-Policy"), "2;w=15");
        assert_eq!(header("RateLimit-Remaining"), "0");
        assert_eq!(header("Retry-After"), header("RateLimit-Reset"));
        assert!(budget.admit(other, 2).is_ok());
        budget.change(0);
        assert!((0..100).all(|_| budget.admit(one, 3).is_ok()));
        budget.change(1);
        assert!(budget.admit(one, 4).is_err(), "what was counted stays");
    }
}
