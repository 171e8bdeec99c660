//! How other threads reach a shard: a lock-free queue of jobs, and a bell for when it sleeps.
//!
//! A busy shard looks at the queue on every turn, so that posting costs no system call. The bell
//! is an eventfd; posts and the ring's completions ring it only while the shard sleeps.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use crossbeam_queue::SegQueue;
use rustix::event::{EventfdFlags, eventfd};

/// Something to run on the shard that owns the inbox.
pub type Job = Box<dyn FnOnce() + Send>;

/// The queue of one shard.
pub struct Inbox {
    jobs: SegQueue<Job>,
    asleep: AtomicBool,
    bell: OwnedFd,
}

impl Inbox {
    /// An empty queue with a bell of its own.
    pub fn new() -> io::Result<Arc<Inbox>> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Arc::new(Inbox {
            jobs: SegQueue::new(),
            asleep: AtomicBool::new(false),
            bell,
        }))
    }

    /// Hands a job to the shard; from any thread.
    pub fn post(&self, job: Job) {
        self.jobs.push(job);
        // Pairs with the fence of `fall_asleep`: either we see that the shard sleeps, or it sees
        // the job before it does.
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Relaxed) {
            self.ring_bell();
        }
    }

    /// The oldest job.
    pub fn take(&self) -> Option<Job> {
        self.jobs.pop()
    }

    /// Says that the shard is about to sleep; `false` if there is a job after all.
    pub fn fall_asleep(&self) -> bool {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if self.jobs.is_empty() {
            return true;
        }
        self.wake_up();
        false
    }

    /// Says that the shard looks at its queue again.
    pub fn wake_up(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// Jobs that wait.
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether no job waits.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// The descriptor that becomes readable when a shard that sleeps has something to do.
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    fn ring_bell(&self) {
        match rustix::io::write(&self.bell, &1_u64.to_ne_bytes()) {
            // EAGAIN: the counter is full, so the bell rings already.
            Ok(_) | Err(rustix::io::Errno::AGAIN) => {}
            Err(error) => unreachable!("an open eventfd refused a write: {error}"),
        }
    }

    /// Resets the bell after it rang.
    pub(super) fn silence(&self) {
        let mut count = [0; 8];
        match rustix::io::read(&self.bell, &mut count) {
            Ok(_) | Err(rustix::io::Errno::AGAIN) => {}
            Err(error) => unreachable!("an open eventfd refused a read: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_keeps_the_shard_awake() {
        let inbox = Inbox::new().unwrap();
        assert!(inbox.fall_asleep());
        inbox.wake_up();
        inbox.post(Box::new(|| {}));
        assert!(!inbox.fall_asleep());
        assert_eq!(inbox.len(), 1);
        assert!(inbox.take().is_some());
        assert!(inbox.is_empty());
    }

    #[test]
    fn the_bell_rings_once_for_a_sleeper() {
        let inbox = Inbox::new().unwrap();
        assert!(inbox.fall_asleep());
        inbox.post(Box::new(|| {}));
        inbox.post(Box::new(|| {}));
        let mut count = [0; 8];
        assert_eq!(rustix::io::read(inbox.bell(), &mut count), Ok(8));
        assert_eq!(u64::from_ne_bytes(count), 1);
        assert!(rustix::io::read(inbox.bell(), &mut count).is_err());
    }
}
