//! Tarballs on their way from an upstream: one fetch, and however many follow what it has written.

use std::collections::HashMap;
use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::missing::Missing;
use crate::id::Id;
use crate::shard::{self, Reply};

/// Which tarball: a package, and the name of the file.
pub(super) type Key = (Id, String);

/// The tarballs that are being fetched in the process. The lock is held for a look into a map.
#[derive(Default)]
pub struct Growing {
    fetches: Mutex<HashMap<Key, Arc<Fetch>>>,
}

/// One tarball on its way. Its bytes are in the spool, where each follower reads at its own pace:
/// a client that reads slowly costs a file, no memory.
pub(super) struct Fetch {
    state: Mutex<State>,
    followers: AtomicUsize,
}

struct State {
    /// The spool, once there is one.
    file: Option<Arc<File>>,
    /// Bytes that can be read of it.
    written: u64,
    /// What the upstream announced.
    announced: Option<u64>,
    end: Option<Result<(), Missing>>,
    waiting: Vec<Reply<()>>,
}

/// What a follower may send.
pub struct Seen {
    /// Where it is read from.
    pub file: Arc<File>,
    /// Up to which byte. The last one is not among them before the digest was found right.
    pub until: u64,
    /// How many there are, where that is known.
    pub total: Option<u64>,
    /// Whether all are there, and are what was promised.
    pub is_whole: bool,
}

/// A follower, for as long as it lives.
pub struct Follower {
    fetch: Arc<Fetch>,
}

/// The duty to fetch a tarball. Dropped before its end, all followers hear that it failed.
pub struct Fetching {
    growing: Arc<super::uplink::Uplinks>,
    key: Key,
    fetch: Arc<Fetch>,
}

impl Growing {
    /// Follows the fetch of a tarball, which begins where there is none: then it is the caller's
    /// to do. Nothing where too many are under way.
    pub fn follow(
        uplinks: &Arc<super::uplink::Uplinks>,
        key: Key,
        fetches_max: usize,
    ) -> Option<(Follower, Option<Fetching>)> {
        let mut fetches = uplinks.tarballs.lock();
        if let Some(fetch) = fetches.get(&key) {
            return Some((Follower::of(fetch), None));
        }
        if fetches.len() >= fetches_max {
            return None;
        }
        let fetch = Arc::new(Fetch {
            state: Mutex::new(State {
                file: None,
                written: 0,
                announced: None,
                end: None,
                waiting: Vec::new(),
            }),
            followers: AtomicUsize::new(0),
        });
        fetches.insert(key.clone(), fetch.clone());
        drop(fetches);
        let follower = Follower::of(&fetch);
        let fetching = Fetching {
            growing: uplinks.clone(),
            key,
            fetch,
        };
        Some((follower, Some(fetching)))
    }

    /// How many are under way.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Fetch>>> {
        // A map stays whole whatever panics beside it.
        self.fetches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fetch {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for reply in waiting {
            reply.send(());
        }
    }
}

impl Fetching {
    /// The head of the answer came, and there is a spool.
    pub fn begin(&self, file: Arc<File>, announced: Option<u64>) {
        self.fetch.tell(|state| {
            state.file = Some(file);
            state.announced = announced;
        });
    }

    /// So many bytes can be read.
    pub fn grow(&self, written: u64) {
        self.fetch.tell(|state| state.written = written);
    }

    /// It is whole, so many bytes, and what was promised.
    pub(super) fn complete(&self, written: u64) {
        self.fetch.tell(|state| {
            state.written = written;
            state.end = Some(Ok(()));
        });
    }

    /// It is not to be had.
    pub(super) fn fail(&self, missing: Missing) {
        self.fetch.tell(|state| state.end = Some(Err(missing)));
    }

    /// Ends it where nobody wants it any more; whether that is so. Whoever comes afterwards begins
    /// another one: nobody joins between the look and the end.
    pub fn end_unfollowed(&self) -> bool {
        let mut fetches = self.growing.tarballs.lock();
        let is_unfollowed = self.fetch.followers.load(Ordering::Relaxed) == 0;
        if is_unfollowed {
            self.leave(&mut fetches);
        }
        is_unfollowed
    }

    /// Takes it out of the map, where another one may stand under the key.
    fn leave(&self, fetches: &mut HashMap<Key, Arc<Fetch>>) {
        let is_own = |fetch: &Arc<Fetch>| Arc::ptr_eq(fetch, &self.fetch);
        if fetches.get(&self.key).is_some_and(is_own) {
            fetches.remove(&self.key);
        }
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        self.leave(&mut self.growing.tarballs.lock());
        self.fetch.tell(|state| {
            state
                .end
                .get_or_insert_with(|| Err(Missing::unreachable("the fetch was given up")));
        });
    }
}

impl Follower {
    fn of(fetch: &Arc<Fetch>) -> Follower {
        fetch.followers.fetch_add(1, Ordering::Relaxed);
        Follower {
            fetch: fetch.clone(),
        }
    }

    /// What can be sent beyond the first bytes, once there is something or all is there.
    ///
    /// # Errors
    /// Why there will not be any more.
    pub async fn past(&self, offset: u64) -> Result<Seen, Missing> {
        loop {
            let answer = {
                let mut state = self.fetch.lock();
                if let Some(seen) = state.look(offset) {
                    return seen;
                }
                let (answer, reply) = shard::answer();
                state.waiting.push(reply);
                answer
            };
            // One that is dropped says no less than one that is sent: look again.
            let _told_or_gone = answer.await;
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.fetch.followers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl State {
    fn look(&self, offset: u64) -> Option<Result<Seen, Missing>> {
        if let Some(Err(missing)) = &self.end {
            return Some(Err(missing.clone()));
        }
        let file = self.file.clone()?;
        let is_whole = self.end.is_some();
        let (until, total) = match is_whole {
            true => (self.written, Some(self.written)),
            false => (self.written.saturating_sub(1), self.announced),
        };
        let has_more = until > offset || is_whole;
        has_more.then_some(Ok(Seen {
            file,
            until,
            total,
            is_whole,
        }))
    }
}
