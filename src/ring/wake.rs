//! How other threads reach a shard: a lock-free queue of jobs, and two bells for when it sleeps.
//!
//! A busy shard looks at the queue on every turn, so that posting costs no system call. The bells
//! are eventfds. While the shard waits in its ring a post rings the one that the ring polls; while
//! it sleeps outside, the one that it sleeps on, which the kernel rings as well when the ring has
//! work. One bell for both would have the kernel ring it from within its own ring, which it puts
//! off or forgets.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering, fence};

use crossbeam_queue::SegQueue;
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{Errno, read, write};

/// Something to run on the shard that owns the inbox.
pub type Job = Box<dyn FnOnce() + Send>;

/// The queue of one shard.
pub struct Inbox {
    jobs: SegQueue<Job>,
    /// `AWAKE`, `IN_RING`, `OUTSIDE` or `CLOSED`.
    owner: AtomicU8,
    bell: OwnedFd,
    alarm: OwnedFd,
}

/// Where a shard sleeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bed {
    /// In the system call of its ring, which polls the bell.
    Ring,
    /// Elsewhere, until the alarm is readable.
    Outside,
}

impl Inbox {
    /// An empty queue with bells of its own.
    pub fn new() -> io::Result<Arc<Inbox>> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Arc::new(Inbox {
            jobs: SegQueue::new(),
            owner: AtomicU8::new(AWAKE),
            bell: eventfd(0, flags)?,
            alarm: eventfd(0, flags)?,
        }))
    }

    /// Hands a job to the shard; from any thread. A shard that has ended drops it unrun.
    pub fn post(&self, job: Job) {
        self.jobs.push(job);
        // Pairs with the fences of `fall_asleep` and `close`: either we see what the shard has
        // become, or it sees the job before it sleeps or goes.
        fence(Ordering::SeqCst);
        match self.owner.load(Ordering::Relaxed) {
            IN_RING => self.wake_sleeper(IN_RING, &self.bell),
            OUTSIDE => self.wake_sleeper(OUTSIDE, &self.alarm),
            CLOSED => self.clear(),
            AWAKE.. => {}
        }
    }

    /// Rings unless another post has, or the shard woke by itself.
    fn wake_sleeper(&self, seen: u8, eventfd: &OwnedFd) {
        let exchanged =
            self.owner
                .compare_exchange(seen, AWAKE, Ordering::Relaxed, Ordering::Relaxed);
        if exchanged.is_ok() {
            ring(eventfd);
        }
    }

    /// The oldest job.
    pub fn take(&self) -> Option<Job> {
        self.jobs.pop()
    }

    /// Says that the shard is about to sleep; `false` if there is a job after all.
    pub fn fall_asleep(&self, bed: Bed) -> bool {
        let owner = match bed {
            Bed::Ring => IN_RING,
            Bed::Outside => OUTSIDE,
        };
        self.owner.store(owner, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if self.jobs.is_empty() {
            return true;
        }
        self.wake_up();
        false
    }

    /// Says that the shard looks at its queue again.
    pub fn wake_up(&self) {
        self.owner.store(AWAKE, Ordering::Relaxed);
    }

    /// Says that the shard has ended: jobs that wait, and those that come later, are dropped.
    pub fn close(&self) {
        self.owner.store(CLOSED, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.clear();
    }

    /// Jobs that wait.
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether no job waits.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// What a post writes to while the shard waits in its ring. Nobody reads it: the ring is told
    /// of each write, and the count cannot come near its end.
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// What becomes readable when a shard that sleeps outside its ring has something to do.
    pub fn alarm(&self) -> BorrowedFd<'_> {
        self.alarm.as_fd()
    }

    /// Resets the alarm after it rang.
    pub(super) fn silence(&self) {
        let mut count = [0; 8];
        match read(&self.alarm, &mut count) {
            Ok(_) | Err(Errno::AGAIN) => {}
            Err(error) => unreachable!("an open eventfd refused a read: {error}"),
        }
    }

    fn clear(&self) {
        while let Some(job) = self.jobs.pop() {
            drop(job);
        }
    }
}

fn ring(eventfd: &OwnedFd) {
    match write(eventfd, &1_u64.to_ne_bytes()) {
        // EAGAIN: the counter is full, so it rings already.
        Ok(_) | Err(Errno::AGAIN) => {}
        Err(error) => unreachable!("an open eventfd refused a write: {error}"),
    }
}

/// The shard looks at its queue on every turn.
const AWAKE: u8 = 0;
/// The shard waits in its ring: the first post rings the bell.
const IN_RING: u8 = 1;
/// The shard sleeps elsewhere: the first post rings the alarm.
const OUTSIDE: u8 = 2;
/// The shard has ended.
const CLOSED: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(eventfd: BorrowedFd<'_>) -> u64 {
        let mut count = [0; 8];
        match read(eventfd, &mut count) {
            Ok(_) => u64::from_ne_bytes(count),
            Err(error) => {
                assert_eq!(error, Errno::AGAIN);
                0
            }
        }
    }

    #[test]
    fn a_job_keeps_the_shard_awake() {
        let inbox = Inbox::new().unwrap();
        for bed in [Bed::Ring, Bed::Outside] {
            assert!(inbox.fall_asleep(bed));
            inbox.wake_up();
            inbox.post(Box::new(|| {}));
            assert!(!inbox.fall_asleep(bed));
            assert_eq!(inbox.len(), 1);
            assert!(inbox.take().is_some());
            assert!(inbox.is_empty());
            let rings = (rung(inbox.bell()), rung(inbox.alarm()));
            assert_eq!(rings, (0, 0), "an awake shard needs no bell");
        }
    }

    #[test]
    fn the_bell_by_the_bed_rings_once_for_a_sleeper() {
        let inbox = Inbox::new().unwrap();
        for (bed, rings) in [(Bed::Ring, (1, 0)), (Bed::Outside, (0, 1))] {
            assert!(inbox.fall_asleep(bed));
            inbox.post(Box::new(|| {}));
            inbox.post(Box::new(|| {}));
            assert_eq!((rung(inbox.bell()), rung(inbox.alarm())), rings);
            while inbox.take().is_some() {}
        }
    }

    #[test]
    fn a_closed_inbox_drops_jobs_old_and_late() {
        let inbox = Inbox::new().unwrap();
        let kept = Arc::new(());
        for close_at in 0..2 {
            if close_at == 1 {
                inbox.close();
            }
            let held = kept.clone();
            inbox.post(Box::new(move || drop(held)));
        }
        assert!(inbox.is_empty());
        assert_eq!(Arc::strong_count(&kept), 1);
    }

    #[test]
    fn no_post_is_missed_between_the_last_look_and_sleep() {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};

        const JOBS: usize = 20_000;
        let inbox = Inbox::new().unwrap();
        let poster = inbox.clone();
        let posting = std::thread::spawn(move || {
            for _ in 0..JOBS {
                poster.post(Box::new(|| {}));
            }
        });
        let mut taken = 0;
        while taken < JOBS {
            while inbox.take().is_some() {
                taken += 1;
            }
            if taken < JOBS && inbox.fall_asleep(Bed::Outside) {
                let mut ready = [PollFd::new(&inbox.alarm, PollFlags::IN)];
                let patience = Timespec {
                    tv_sec: 10,
                    tv_nsec: 0,
                };
                let woken = poll(&mut ready, Some(&patience)).unwrap();
                assert_eq!(woken, 1, "asleep with {} jobs waiting", inbox.len());
                inbox.silence();
                inbox.wake_up();
            }
        }
        posting.join().unwrap();
    }
}
