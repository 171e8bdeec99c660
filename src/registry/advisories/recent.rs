//! Answers of upstreams, for a short while: every install asks, and of the same lockfile the same.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Instant;

use bytes::Bytes;

use crate::limits::{ADVISORIES_FRESH, ADVISORIES_KEPT_BYTES_MAX, ADVISORIES_KEPT_MAX};

/// What one shard was answered, as it came: taken apart it is many times as long.
#[derive(Default)]
pub struct Recent {
    answers: RefCell<HashMap<[u8; 32], (Instant, Bytes)>>,
}

impl Recent {
    /// The answer to a question, by its hash.
    pub(super) fn find(&self, question: &[u8; 32], now: Instant) -> Option<Bytes> {
        let answers = self.answers.borrow();
        let (at, answer) = answers.get(question)?;
        (now.saturating_duration_since(*at) < ADVISORIES_FRESH).then(|| answer.clone())
    }

    /// Keeps an answer, where there is room for it.
    pub(super) fn keep(&self, question: [u8; 32], now: Instant, answer: Bytes) {
        let mut answers = self.answers.borrow_mut();
        answers.retain(|_, (at, _)| now.saturating_duration_since(*at) < ADVISORIES_FRESH);
        let bytes: usize = answers.values().map(|(_, answer)| answer.len()).sum();
        let fits = bytes + answer.len() <= ADVISORIES_KEPT_BYTES_MAX;
        if answers.len() < ADVISORIES_KEPT_MAX && fits {
            answers.insert(question, (now, answer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_for_its_time_and_no_more_than_so_many_are() {
        let (recent, now) = (Recent::default(), Instant::now());
        recent.keep([1; 32], now, Bytes::new());
        assert!(recent.find(&[1; 32], now).is_some() && recent.find(&[2; 32], now).is_none());
        assert!(recent.find(&[1; 32], now + ADVISORIES_FRESH).is_none());
        for number in 0..=ADVISORIES_KEPT_MAX as u8 {
            recent.keep([number; 32], now, Bytes::new());
        }
        assert_eq!(recent.answers.borrow().len(), ADVISORIES_KEPT_MAX);
    }

    #[test]
    fn no_more_bytes_are_kept_than_may_be() {
        let (recent, now) = (Recent::default(), Instant::now());
        let half = Bytes::from(vec![0; ADVISORIES_KEPT_BYTES_MAX / 2]);
        for number in 1..=3 {
            recent.keep([number; 32], now, half.clone());
        }
        let kept = [1, 2, 3].map(|number| recent.find(&[number; 32], now).is_some());
        assert_eq!(kept, [true, true, false]);
        recent.keep([4; 32], now + ADVISORIES_FRESH, half);
        assert!(recent.find(&[4; 32], now + ADVISORIES_FRESH).is_some());
        assert_eq!(recent.answers.borrow().len(), 1);
    }
}
