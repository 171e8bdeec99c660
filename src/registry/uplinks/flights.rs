//! One at a time of each: whoever wants what another fetches already waits for that one's outcome.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::shard::Reply;

/// What is being fetched in the process, and who waits for it. A lock that is held for one look
/// into a map, beside a request to another server.
pub struct Flights<K, T: Send + 'static> {
    waiting: Arc<Mutex<Waiting<K, T>>>,
}

type Waiting<K, T> = HashMap<K, Vec<Reply<T>>>;

/// The duty to fetch something and tell those who wait. Dropped unused it tells them that nobody
/// does.
pub struct Landing<K: Eq + Hash, T: Send + 'static> {
    waiting: Arc<Mutex<Waiting<K, T>>>,
    /// Nothing once they were told: the key may be another landing's then.
    key: Option<K>,
}

impl<K: Eq + Hash + Clone, T: Clone + Send + 'static> Flights<K, T> {
    /// None.
    pub fn new() -> Flights<K, T> {
        Flights {
            waiting: Arc::default(),
        }
    }

    /// Waits for what is fetched under a key. Where nobody fetches it, who called has to, unless
    /// so many are under way already: then the reply is given back.
    pub fn join(
        &self,
        key: &K,
        reply: Option<Reply<T>>,
        flights_max: usize,
    ) -> Result<Option<Landing<K, T>>, Full<T>> {
        let mut waiting = lock(&self.waiting);
        if let Some(others) = waiting.get_mut(key) {
            others.extend(reply);
            return Ok(None);
        }
        if waiting.len() >= flights_max {
            return Err(Full(reply));
        }
        waiting.insert(key.clone(), reply.into_iter().collect());
        Ok(Some(Landing {
            waiting: self.waiting.clone(),
            key: Some(key.clone()),
        }))
    }

    /// How many are under way.
    pub fn len(&self) -> usize {
        lock(&self.waiting).len()
    }
}

/// Too much is fetched at once; who waited is given back.
pub struct Full<T: Send + 'static>(pub Option<Reply<T>>);

impl<K: Eq + Hash, T: Clone + Send + 'static> Landing<K, T> {
    /// Tells all who wait. Whoever comes later fetches again.
    pub fn land(mut self, outcome: &T) {
        for reply in self.take() {
            reply.send(outcome.clone());
        }
    }
}

impl<K: Eq + Hash, T: Send + 'static> Landing<K, T> {
    fn take(&mut self) -> Vec<Reply<T>> {
        let key = self.key.take();
        let replies = key.and_then(|key| lock(&self.waiting).remove(&key));
        replies.unwrap_or_default()
    }
}

impl<K: Eq + Hash, T: Send + 'static> Drop for Landing<K, T> {
    fn drop(&mut self) {
        // A reply that is dropped says that no answer comes.
        drop(self.take());
    }
}

fn lock<K, T: Send + 'static>(waiting: &Mutex<Waiting<K, T>>) -> MutexGuard<'_, Waiting<K, T>> {
    // A map stays whole whatever panics beside it.
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
