//! Bytes that bodies may take in memory, by all shards together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::shard;

/// How many bytes may be held at once.
pub struct Budget {
    left: AtomicUsize,
}

/// Bytes of a budget that somebody holds; dropped, they are free again.
pub struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// So many bytes.
    pub fn new(bytes: usize) -> Arc<Budget> {
        Arc::new(Budget {
            left: AtomicUsize::new(bytes),
        })
    }

    /// A share of it, with nothing yet.
    pub fn share(self: &Arc<Self>) -> Share {
        Share {
            budget: self.clone(),
            bytes: 0,
        }
    }

    fn take(&self, bytes: usize) -> bool {
        let less = |left: usize| left.checked_sub(bytes);
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        taken.is_ok()
    }
}

impl Share {
    /// Takes more; whether there was as much.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let is_taken = self.budget.take(bytes);
        self.bytes += if is_taken { bytes } else { 0 };
        is_taken
    }

    /// As [`Share::grow`], and waits a while for others to give theirs back. It looks again and
    /// again: those who hold bytes are on any shard, and none has to know who waits.
    #[must_use]
    pub async fn grow_within(&mut self, bytes: usize, patience: Duration) -> bool {
        let mut left = patience;
        while !self.grow(bytes) {
            if left.is_zero() {
                return false;
            }
            let span = LOOK_INTERVAL.min(left);
            shard::sleep(span).await;
            left -= span;
        }
        true
    }

    /// Takes more or gives back, so that it has so many; whether it could.
    #[must_use]
    pub fn resize(&mut self, bytes: usize) -> bool {
        match bytes.checked_sub(self.bytes) {
            Some(more) => self.grow(more),
            None => {
                self.shrink_to(bytes);
                true
            }
        }
    }

    /// Keeps no more than so many bytes.
    pub fn shrink_to(&mut self, bytes: usize) {
        let freed = self.bytes.saturating_sub(bytes);
        self.budget.left.fetch_add(freed, Ordering::Relaxed);
        self.bytes -= freed;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

const LOOK_INTERVAL: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_taken_than_there_is_and_what_is_dropped_is_free() {
        let budget = Budget::new(10);
        let (mut one, mut other) = (budget.share(), budget.share());
        assert!(one.grow(6) && !other.grow(5) && other.grow(4));
        assert!(!one.grow(1));
        one.shrink_to(4);
        assert!(other.grow(2) && !other.grow(1));
        assert!(!other.resize(7) && other.resize(5) && other.resize(6));
        drop(other);
        assert!(one.grow(6) && !one.grow(1));
        drop(one);
        assert!(budget.share().grow(10));
    }

    #[test]
    fn many_threads_never_hold_more_than_there_is() {
        let (budget, held) = (Budget::new(100), Arc::new(AtomicUsize::new(0)));
        let threads: Vec<_> = (0..4)
            .map(|_| (budget.clone(), held.clone()))
            .map(|(budget, held)| {
                std::thread::spawn(move || {
                    for bytes in (1..70).cycle().take(10_000) {
                        let mut share = budget.share();
                        if share.grow(bytes) {
                            assert!(held.fetch_add(bytes, Ordering::SeqCst) + bytes <= 100);
                            held.fetch_sub(bytes, Ordering::SeqCst);
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(budget.share().grow(100));
    }
}
