//! Names that an upstream does not have, or has nothing usable under, for a short while.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::missing::Missing;
use crate::limits::{UPSTREAM_MISS_MS, UPSTREAM_MISSES_MAX};
use crate::registry::name::PackageName;

/// Why names were not to be had a moment ago.
#[derive(Default)]
pub struct Misses {
    names: Mutex<HashMap<PackageName, Miss>>,
}

struct Miss {
    missing: Missing,
    until_ms: u64,
}

impl Misses {
    /// Notes why a name is not to be had.
    pub fn note(&self, name: &PackageName, missing: Missing, now_ms: u64) {
        let mut names = self.lock();
        if names.len() >= UPSTREAM_MISSES_MAX {
            names.retain(|_, miss| miss.until_ms > now_ms);
        }
        // Names that nobody has cost whoever makes them up a request each, not us memory.
        if names.len() < UPSTREAM_MISSES_MAX {
            let until_ms = now_ms + UPSTREAM_MISS_MS;
            names.insert(name.clone(), Miss { missing, until_ms });
        }
    }

    /// Why a name was not to be had a moment ago.
    pub fn find(&self, name: &PackageName, now_ms: u64) -> Option<Missing> {
        let mut names = self.lock();
        match names.get(name) {
            Some(miss) if miss.until_ms > now_ms => Some(miss.missing.clone()),
            Some(_) => {
                names.remove(name);
                None
            }
            None => None,
        }
    }

    /// Forgets a name, or all of them.
    pub fn forget(&self, name: Option<&PackageName>) {
        match name {
            Some(name) => drop(self.lock().remove(name)),
            None => self.lock().clear(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PackageName, Miss>> {
        // A map stays whole whatever panics beside it.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert!(misses.find(&name("a"), 0).is_none());
        misses.note(&name("a"), Missing::NotFound, 0);
        assert!(misses.find(&name("a"), UPSTREAM_MISS_MS - 1).is_some());
        assert!(misses.find(&name("b"), 0).is_none());
        assert!(misses.find(&name("a"), UPSTREAM_MISS_MS).is_none());
        misses.note(&name("a"), Missing::NotFound, 0);
        misses.note(&name("b"), Missing::NotFound, 0);
        misses.forget(Some(&name("a")));
        assert!(misses.find(&name("a"), 0).is_none() && misses.find(&name("b"), 0).is_some());
        misses.forget(None);
        assert!(misses.find(&name("b"), 0).is_none());
    }

    #[test]
    fn made_up_names_take_no_more_room_than_there_is() {
        let misses = Misses::default();
        for number in 0..UPSTREAM_MISSES_MAX + 10 {
            misses.note(&name(&format!("n{number}")), Missing::NotFound, 0);
        }
        assert_eq!(misses.lock().len(), UPSTREAM_MISSES_MAX);
        misses.note(&name("later"), Missing::NotFound, UPSTREAM_MISS_MS);
        assert_eq!(misses.lock().len(), 1);
    }
}
