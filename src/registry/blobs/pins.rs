//! Which files the sweep has to leave alone: those that may be named by a row that is about to be
//! written.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::digest::Sha512Digest;
use super::spool::Hashed;

/// A file that is in its place, durable, and stays there while this lives. Whoever writes a row
/// that names it holds this until the row's commit.
#[derive(Debug)]
pub struct Kept {
    /// Its SHA-512.
    pub sha512: Sha512Digest,
    pins: Arc<Pins>,
}

/// Files that were claimed to be removed; given back when dropped.
pub struct Doomed {
    digests: Vec<Sha512Digest>,
    pins: Arc<Pins>,
}

/// The pins of all files, and the claims on others.
#[derive(Debug, Default)]
pub(super) struct Pins {
    state: Mutex<State>,
    /// Told when claims are given back.
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    pinned: HashMap<Sha512Digest, usize>,
    doomed: HashSet<Sha512Digest>,
}

impl Pins {
    /// Pins a file that is about to be moved to its place; waits until the sweep has decided on an
    /// older one of the same content.
    pub(super) fn pin(self: &Arc<Pins>, file: &Hashed) -> Kept {
        let digest = file.digests.sha512;
        let state = self.lock();
        let mut state = self
            .freed
            .wait_while(state, |state| state.doomed.contains(&digest))
            .unwrap_or_else(PoisonError::into_inner);
        self.count(&mut state, digest)
    }

    /// Pins a file that is there; nothing where it may be gone at any moment.
    pub(super) fn pin_unless_doomed(self: &Arc<Pins>, digest: Sha512Digest) -> Option<Kept> {
        let mut state = self.lock();
        let is_doomed = state.doomed.contains(&digest);
        (!is_doomed).then(|| self.count(&mut state, digest))
    }

    pub(super) fn doom(
        self: &Arc<Pins>,
        digests: impl IntoIterator<Item = Sha512Digest>,
    ) -> Doomed {
        let mut state = self.lock();
        let mut claimed = Vec::new();
        for digest in digests {
            if !state.pinned.contains_key(&digest) && state.doomed.insert(digest) {
                claimed.push(digest);
            }
        }
        Doomed {
            digests: claimed,
            pins: self.clone(),
        }
    }

    fn count(self: &Arc<Pins>, state: &mut State, digest: Sha512Digest) -> Kept {
        *state.pinned.entry(digest).or_default() += 1;
        Kept {
            sha512: digest,
            pins: self.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Counts stay right whatever panics beside them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Doomed {
    /// The files.
    pub fn digests(&self) -> &[Sha512Digest] {
        &self.digests
    }

    pub(super) fn holds(&self, digest: &Sha512Digest) -> bool {
        self.digests.contains(digest)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let mut state = self.pins.lock();
        if let Some(count) = state.pinned.get_mut(&self.sha512) {
            *count -= 1;
            if *count == 0 {
                state.pinned.remove(&self.sha512);
            }
        }
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        let mut state = self.pins.lock();
        for digest in &self.digests {
            state.doomed.remove(digest);
        }
        drop(state);
        self.pins.freed.notify_all();
    }
}
