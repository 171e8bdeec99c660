//! What one shard remembers of credentials and packages, so that a request of a known caller for a
//! known package asks the store nothing.
//!
//! Credentials are kept by a hash: SHA-256 of a token, which is what is stored of it, or a MAC of a
//! name and a password under a key that the shard made up. Only good ones are kept. An entry holds
//! the generation of its topic in which it was looked up, and is good for as long as that stands.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::super::name::PackageName;
use super::credentials::Holder;
use super::sql::Package;
use crate::auth;
use crate::limits::{CREDENTIALS_REMEMBERED_MAX, PACKAGE_ACCESS_REMEMBERED_MAX};

/// What a credential is remembered by.
pub(super) type Key = [u8; 32];

/// One shard's memory.
pub struct Memory {
    secret: [u8; 32],
    credentials: RefCell<Box<[Option<Known>]>>,
    turn: Cell<usize>,
    /// Passwords that are checked at this moment, with who waits for the outcome.
    checked: RefCell<HashMap<Key, Vec<Waker>>>,
    packages: RefCell<HashMap<PackageName, (u64, Option<Package>)>>,
}

struct Known {
    key: Key,
    holder: Arc<Holder>,
    generation: u64,
}

/// A password that is checked at this moment: when this is dropped, who waits looks again.
pub(super) struct Check<'m> {
    memory: &'m Memory,
    key: Key,
}

impl Memory {
    /// An empty one.
    pub fn new() -> Memory {
        Memory {
            secret: auth::random(),
            credentials: RefCell::new((0..CREDENTIALS_REMEMBERED_MAX).map(|_| None).collect()),
            turn: Cell::new(0),
            checked: RefCell::default(),
            packages: RefCell::default(),
        }
    }

    /// What a name and a password are remembered by.
    pub(super) fn key_of_password(&self, pair: &[u8]) -> Key {
        auth::keys::mac(&self.secret, pair)
    }

    /// Whose a credential is; `generation_of` tells the generation of a holder's topic.
    pub(super) fn holder(
        &self,
        key: &Key,
        generation_of: impl FnOnce(&Holder) -> u64,
    ) -> Option<Arc<Holder>> {
        let credentials = self.credentials.borrow();
        let mut known = credentials[set_of(key)].iter().flatten();
        let known = known.find(|known| known.key == *key)?;
        let is_valid = known.generation == generation_of(&known.holder);
        is_valid.then(|| known.holder.clone())
    }

    /// Remembers whose a credential is, as it was looked up in this generation.
    pub(super) fn remember(&self, key: Key, holder: Arc<Holder>, generation: u64) {
        let set = &mut self.credentials.borrow_mut()[set_of(&key)];
        let is_same = |way: &Option<Known>| way.as_ref().is_some_and(|known| known.key == key);
        let place = set.iter().position(is_same);
        let place = place.or_else(|| set.iter().position(Option::is_none));
        let place = place.unwrap_or_else(|| {
            self.turn.set(self.turn.get().wrapping_add(1));
            self.turn.get() % WAYS
        });
        set[place] = Some(Known {
            key,
            holder,
            generation,
        });
    }

    /// Begins the check of a password; nothing where another request does that already.
    pub(super) fn begin_check(&self, key: Key) -> Option<Check<'_>> {
        let mut checked = self.checked.borrow_mut();
        if checked.contains_key(&key) {
            return None;
        }
        checked.insert(key, Vec::new());
        Some(Check { memory: self, key })
    }

    /// Waits until the check that another request makes has ended.
    pub(super) async fn checked(&self, key: &Key) {
        let mut is_first_look = true;
        poll_fn(|context| {
            let mut checked = self.checked.borrow_mut();
            match checked.get_mut(key) {
                Some(waiting) if is_first_look => {
                    waiting.push(context.waker().clone());
                    is_first_look = false;
                    Poll::Pending
                }
                // Another check of the same may have begun meanwhile: the caller decides.
                Some(_) | None => Poll::Ready(()),
            }
        })
        .await;
    }

    /// The package of a name, or that there is none, as it was in this generation of its topic.
    pub(super) fn package(&self, name: &PackageName, generation: u64) -> Option<Option<Package>> {
        let packages = self.packages.borrow();
        let (known, package) = packages.get(name)?;
        (*known == generation).then_some(*package)
    }

    /// Remembers the package of a name.
    pub(super) fn remember_package(
        &self,
        name: &PackageName,
        generation: u64,
        package: Option<Package>,
    ) {
        let mut packages = self.packages.borrow_mut();
        // Whoever asks for many names empties it; what is asked for often is back at once.
        if packages.len() >= PACKAGE_ACCESS_REMEMBERED_MAX {
            packages.clear();
        }
        packages.insert(name.clone(), (generation, package));
    }
}

impl Default for Memory {
    fn default() -> Memory {
        Memory::new()
    }
}

impl Drop for Check<'_> {
    fn drop(&mut self) {
        let waiting = self.memory.checked.borrow_mut().remove(&self.key);
        for waker in waiting.into_iter().flatten() {
            waker.wake();
        }
    }
}

fn set_of(key: &Key) -> std::ops::Range<usize> {
    let (head, _) = key.split_first_chunk().expect("a key has 32 bytes");
    let set = u64::from_le_bytes(*head) as usize % (CREDENTIALS_REMEMBERED_MAX / WAYS);
    set * WAYS..(set + 1) * WAYS
}

/// Entries that a credential can be in.
const WAYS: usize = 4;

const _: () = assert!(CREDENTIALS_REMEMBERED_MAX.is_multiple_of(WAYS));

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Context;

    use super::*;
    use crate::id::Id;

    fn holder(number: u64) -> Arc<Holder> {
        Arc::new(Holder::of_password(Id::of(number, [1; 10]), "alice"))
    }

    fn key(number: u64) -> Key {
        auth::keys::mac(&[7; 32], &number.to_le_bytes())
    }

    #[test]
    fn a_credential_is_good_in_its_generation_alone() {
        let memory = Memory::new();
        assert!(memory.holder(&key(1), |_| 5).is_none());
        memory.remember(key(1), holder(1), 5);
        assert_eq!(memory.holder(&key(1), |_| 5).unwrap().id, holder(1).id);
        assert!(memory.holder(&key(1), |_| 6).is_none());
        memory.remember(key(1), holder(1), 6);
        assert!(memory.holder(&key(1), |_| 6).is_some());
        assert!(memory.holder(&key(2), |_| 6).is_none());
    }

    #[test]
    fn it_is_bounded_and_the_latest_is_found() {
        let memory = Memory::new();
        for number in 0..4 * CREDENTIALS_REMEMBERED_MAX as u64 {
            memory.remember(key(number), holder(number), 0);
            assert!(memory.holder(&key(number), |_| 0).is_some());
        }
        let name = |number| PackageName::parse(&format!("p{number}")).unwrap();
        for number in 0..=PACKAGE_ACCESS_REMEMBERED_MAX {
            memory.remember_package(&name(number), 1, None);
        }
        assert!(memory.packages.borrow().len() <= PACKAGE_ACCESS_REMEMBERED_MAX);
        assert_eq!(
            memory.package(&name(PACKAGE_ACCESS_REMEMBERED_MAX), 1),
            Some(None)
        );
        assert_eq!(
            memory.package(&name(PACKAGE_ACCESS_REMEMBERED_MAX), 2),
            None
        );
    }

    #[test]
    fn one_checks_and_the_others_wait_for_it() {
        let memory = Memory::new();
        let check = memory.begin_check(key(1)).unwrap();
        assert!(memory.begin_check(key(1)).is_none());
        assert!(memory.begin_check(key(2)).is_some());
        let (first, context) = (key(1), &mut Context::from_waker(Waker::noop()));
        let mut waiting = pin!(memory.checked(&first));
        assert!(waiting.as_mut().poll(context).is_pending());
        drop(check);
        assert!(waiting.as_mut().poll(context).is_ready());
        assert!(memory.begin_check(key(1)).is_some());
    }
}
