//! Names that an upstream does not have, for a short while.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::limits::{UPSTREAM_MISS_MS, UPSTREAM_MISSES_MAX};
use crate::registry::name::PackageName;

/// What upstreams answered 404 for. Only they put names in: that nobody answered is no miss.
#[derive(Default)]
pub struct Misses {
    until_ms: Mutex<HashMap<PackageName, u64>>,
}

impl Misses {
    /// Notes that the upstream of a name does not have it.
    pub fn note(&self, name: &PackageName, now_ms: u64) {
        let mut names = self.lock();
        if names.len() >= UPSTREAM_MISSES_MAX {
            names.retain(|_, until_ms| *until_ms > now_ms);
        }
        // Names that nobody has cost whoever makes them up a request each, not us memory.
        if names.len() < UPSTREAM_MISSES_MAX {
            names.insert(name.clone(), now_ms + UPSTREAM_MISS_MS);
        }
    }

    /// Whether a name was not there a moment ago.
    pub fn holds(&self, name: &PackageName, now_ms: u64) -> bool {
        let mut names = self.lock();
        match names.get(name) {
            Some(until_ms) if *until_ms > now_ms => true,
            Some(_) => {
                names.remove(name);
                false
            }
            None => false,
        }
    }

    /// Forgets a name, or all of them.
    pub fn forget(&self, name: Option<&PackageName>) {
        match name {
            Some(name) => drop(self.lock().remove(name)),
            None => self.lock().clear(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PackageName, u64>> {
        // A map stays whole whatever panics beside it.
        self.until_ms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> PackageName {
        PackageName::parse(text).unwrap()
    }

    #[test]
    fn a_miss_is_believed_for_a_while() {
        let misses = Misses::default();
        assert!(!misses.holds(&name("a"), 0));
        misses.note(&name("a"), 0);
        assert!(misses.holds(&name("a"), UPSTREAM_MISS_MS - 1));
        assert!(!misses.holds(&name("b"), 0));
        assert!(!misses.holds(&name("a"), UPSTREAM_MISS_MS));
        misses.note(&name("a"), 0);
        misses.note(&name("b"), 0);
        misses.forget(Some(&name("a")));
        assert!(!misses.holds(&name("a"), 0) && misses.holds(&name("b"), 0));
        misses.forget(None);
        assert!(!misses.holds(&name("b"), 0));
    }

    #[test]
    fn made_up_names_take_no_more_room_than_there_is() {
        let misses = Misses::default();
        for number in 0..UPSTREAM_MISSES_MAX + 10 {
            misses.note(&name(&format!("n{number}")), 0);
        }
        assert_eq!(misses.lock().len(), UPSTREAM_MISSES_MAX);
        misses.note(&name("later"), UPSTREAM_MISS_MS);
        assert_eq!(misses.lock().len(), 1);
    }
}
