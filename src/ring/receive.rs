//! Receives: one multishot operation per connection, paused when its queue holds its share.

use std::io;
use std::task::{Context, Poll};

use io_uring::{cqueue, opcode};

use super::buffers::{GROUP, Received};
use super::core::Core;
use super::slot::{Ending, Held, Receive};
use super::token::{Key, Kind, pack};

impl Core {
    /// The next received bytes, `None` after the peer's half close.
    pub(super) fn poll_receive(
        &mut self,
        key: Key,
        context: &Context<'_>,
    ) -> Poll<io::Result<Option<Received>>> {
        let slot = &mut self.streams[key.index as usize];
        if let Some(received) = self.pool.pop(&mut slot.received) {
            self.arm_if_roomy(key);
            return Poll::Ready(Ok(Some(received)));
        }
        match slot.ending {
            Some(Ending::Closed) => return Poll::Ready(Ok(None)),
            Some(Ending::Failed(errno)) => {
                return Poll::Ready(Err(io::Error::from_raw_os_error(errno)));
            }
            None => {}
        }
        if let Some(errno) = slot.send_failure {
            return Poll::Ready(Err(io::Error::from_raw_os_error(errno)));
        }
        if slot.deadline.passed {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if std::mem::take(&mut slot.interrupted) {
            return Poll::Ready(Err(io::ErrorKind::Interrupted.into()));
        }
        slot.wait_to_read(context);
        self.arm_if_roomy(key);
        Poll::Pending
    }

    /// Arms the receive of a slot whose queue has drained, unless it is armed or over.
    pub(super) fn arm_if_roomy(&mut self, key: Key) {
        let slot = &mut self.streams[key.index as usize];
        let roomy = slot.received.count() < RESUME_BUFFERS;
        if slot.receive != Receive::Idle || slot.ending.is_some() || !roomy {
            return;
        }
        slot.receive = Receive::Armed;
        slot.in_flight += 1;
        let entry = opcode::RecvMulti::new(slot.target(), GROUP).build();
        self.push(entry.user_data(pack(Kind::Receive, key)));
    }

    /// Handles a completion of a multishot receive.
    pub(super) fn received(&mut self, key: Key, result: i32, flags: u32) {
        let buffer = cqueue::buffer_select(flags);
        if let Some(id) = buffer {
            self.pool.take(id);
        }
        let slot = &mut self.streams[key.index as usize];
        if !cqueue::more(flags) {
            slot.receive = Receive::Idle;
            slot.in_flight -= 1;
        }
        match (result, buffer) {
            (1.., Some(id)) if slot.held == Held::ByStream => {
                self.counters.received_bytes += result as u64;
                self.pool.push(&mut slot.received, id, result as u32);
            }
            (_, Some(id)) => self.pool.give(id),
            (_, None) => {}
        }
        match result {
            1.. => {}
            0 => slot.ending = Some(Ending::Closed),
            STARVED => self.starve(key),
            CANCELLED => {}
            errno => slot.ending = Some(Ending::Failed(-errno)),
        }
        self.settle_receive(key);
    }

    /// Puts a slot whose receive found no buffer in line for one.
    fn starve(&mut self, key: Key) {
        let slot = &mut self.streams[key.index as usize];
        if slot.held == Held::ByStream && slot.receive == Receive::Idle {
            slot.receive = Receive::Starved;
            self.starved.push_back(key);
            self.counters.starvations += 1;
        }
    }

    /// After a completion: wakes the reader, stops or resumes the kernel's deliveries.
    fn settle_receive(&mut self, key: Key) {
        let slot = &mut self.streams[key.index as usize];
        if slot.held == Held::TearingDown {
            return self.release_if_quiet(key);
        }
        slot.wake_reader();
        if slot.receive == Receive::Armed && slot.received.count() >= SHARE_BUFFERS {
            slot.receive = Receive::Stopping;
            self.counters.pauses += 1;
            self.cancel(Kind::Receive, key);
        } else {
            self.arm_if_roomy(key);
        }
    }

    /// Arms those that wait for buffers, first come first served, as far as buffers are there.
    pub(super) fn feed_starved(&mut self) {
        let mut buffers = usize::from(self.pool.listed());
        while buffers > 0 {
            let Some(key) = self.starved.pop_front() else {
                return;
            };
            let Some(slot) = self.live(key) else { continue };
            if slot.receive == Receive::Starved {
                slot.receive = Receive::Idle;
                self.arm_if_roomy(key);
                buffers -= 1;
            }
        }
    }
}

/// A queue of this many buffers stops its receive: one sender must not take them all.
const SHARE_BUFFERS: u16 = 16;
/// A stopped receive starts again when its queue is shorter than this.
const RESUME_BUFFERS: u16 = 4;
const STARVED: i32 = -libc::ENOBUFS;
const CANCELLED: i32 = -libc::ECANCELED;
