//! Answers of upstreams, for a short while: every install asks, and of the same lockfile the same.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Instant;

use super::rules::Answer;
use crate::limits::{ADVISORIES_FRESH, ADVISORIES_KEPT_MAX};

/// What one shard was answered.
#[derive(Default)]
pub struct Recent {
    answers: RefCell<HashMap<[u8; 32], (Instant, Answer)>>,
}

impl Recent {
    /// The answer to a question, by its hash.
    pub(super) fn find(&self, question: &[u8; 32], now: Instant) -> Option<Answer> {
        let answers = self.answers.borrow();
        let (at, answer) = answers.get(question)?;
        (now.saturating_duration_since(*at) < ADVISORIES_FRESH).then(|| answer.clone())
    }

    /// Keeps an answer.
    pub(super) fn keep(&self, question: [u8; 32], now: Instant, answer: &Answer) {
        let mut answers = self.answers.borrow_mut();
        answers.retain(|_, (at, _)| now.saturating_duration_since(*at) < ADVISORIES_FRESH);
        if answers.len() < ADVISORIES_KEPT_MAX {
            answers.insert(question, (now, answer.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_for_its_time_and_no_more_than_so_many_are() {
        let (recent, now) = (Recent::default(), Instant::now());
        recent.keep([1; 32], now, &Answer::new());
        assert!(recent.find(&[1; 32], now).is_some() && recent.find(&[2; 32], now).is_none());
        assert!(recent.find(&[1; 32], now + ADVISORIES_FRESH).is_none());
        for number in 0..=ADVISORIES_KEPT_MAX as u8 {
            recent.keep([number; 32], now, &Answer::new());
        }
        assert_eq!(recent.answers.borrow().len(), ADVISORIES_KEPT_MAX);
    }
}
