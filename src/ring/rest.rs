//! How a ring waits when there is nothing to do, and how other threads end that.
//!
//! A short wait is the ring's own system call. The ring polls the bell of its inbox, so that a post
//! is a completion like any other. For a long wait the caller awaits the inbox's alarm, with
//! whatever else its thread waits for; the kernel rings it when there is work. (The ring's own
//! descriptor would not do: the kernel tells nobody who polls it of work that is deferred.)

use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use io_uring::{IoUring, cqueue, opcode, types};

use super::core::{Core, is_passing};
use super::token::{Key, Kind, pack};
use super::wake::{Bed, Inbox};

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waited {
    /// Something is to be done, or may be: the ring wants a turn.
    Worthwhile,
    /// The time passed and nothing came.
    InVain,
}

/// Whether the ring's thread may wait for the ring's alarm to become readable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rest {
    /// It may, for this long if there is a deadline.
    Quiet(Option<Duration>),
    /// There is something to do at once.
    Busy,
}

impl Core {
    /// Submits what is queued and blocks until something completes, a job is posted, a deadline
    /// is due or `limit` has passed.
    pub(super) fn wait(&mut self, limit: Duration) -> io::Result<Waited> {
        self.look_at_clock();
        if !self.inbox.fall_asleep(Bed::Ring) {
            return Ok(Waited::Worthwhile);
        }
        let waited = self.block(limit);
        self.inbox.wake_up();
        self.look_at_clock();
        waited
    }

    fn block(&mut self, limit: Duration) -> io::Result<Waited> {
        self.push_waiting();
        let due = self.deadlines.next_due().unwrap_or(Duration::MAX);
        if self.has_work() || due.is_zero() {
            return Ok(Waited::Worthwhile);
        }
        let span = types::Timespec::from(limit.min(due));
        let until = types::SubmitArgs::new().timespec(&span);
        match self.uring.submitter().submit_with_args(1, &until) {
            Ok(_) => Ok(Waited::Worthwhile),
            Err(error) if error.raw_os_error() == Some(libc::ETIME) => Ok(if due <= limit {
                Waited::Worthwhile
            } else {
                Waited::InVain
            }),
            Err(error) if is_passing(&error) => Ok(Waited::Worthwhile),
            Err(error) => Err(error),
        }
    }

    /// Submits what is queued, lets the kernel ring the alarm and says whether the thread may wait
    /// for that.
    pub(super) fn begin_sleep(&mut self) -> io::Result<Rest> {
        self.look_at_clock();
        if !self.inbox.fall_asleep(Bed::Outside) {
            return Ok(Rest::Busy);
        }
        self.enter()?;
        self.uring.completion().enable_eventfd();
        // The kernel marks work before it looks whether it should tell of it; we say that it
        // should before we look for a mark.
        fence(Ordering::SeqCst);
        let submission = self.uring.submission();
        let is_marked = submission.taskrun() || !submission.is_empty();
        drop(submission);
        let due = self.deadlines.next_due();
        if is_marked || self.has_work() || due == Some(Duration::ZERO) {
            return Ok(Rest::Busy);
        }
        Ok(Rest::Quiet(due))
    }

    /// Ends a sleep, or an attempt at one: the ring turns again.
    pub(super) fn end_sleep(&mut self) {
        self.uring.completion().disable_eventfd();
        self.inbox.wake_up();
        self.inbox.silence();
        self.look_at_clock();
    }

    /// Whether a turn would do something that the kernel does not announce.
    fn has_work(&mut self) -> bool {
        !self.uring.completion().is_empty()
            || !self.waiting.is_empty()
            || (!self.starved.is_empty() && self.pool.listed() > 0)
    }

    /// Has the ring polled by every ring of the bell.
    pub(super) fn listen_for_bell(&mut self) {
        let bell = types::Fd(self.inbox.bell().as_raw_fd());
        let entry = opcode::PollAdd::new(bell, libc::POLLIN as u32)
            .multi(true)
            .build();
        self.push(entry.user_data(pack(Kind::Bell, Key::NONE)));
    }

    /// The bell was rung: whoever turns the ring looks at the inbox anyway.
    pub(super) fn rung(&mut self, flags: u32) {
        if !cqueue::more(flags) && !self.closing {
            self.listen_for_bell();
        }
    }
}

/// Has the kernel ring the alarm when the ring has work, but only while it sleeps.
pub(super) fn connect_alarm(uring: &mut IoUring, inbox: &Inbox) -> io::Result<()> {
    uring.completion().disable_eventfd();
    uring
        .submitter()
        .register_eventfd(inbox.alarm().as_raw_fd())
}
