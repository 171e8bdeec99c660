//! Receives: one operation per connection, paused when its queue holds its share.
//!
//! While there are buffers it is a multishot operation that delivers as bytes come. When they run
//! out, connections stand in line for one buffer at a time, first come first served, so that one
//! fast sender cannot take every buffer that comes back.

use std::io;
use std::ptr;
use std::task::{Context, Poll};

use io_uring::{cqueue, opcode, squeue};

use super::buffers::{BUFFER_BYTES, GROUP, Received};
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
        // Of a reset the socket tells once: where a send was told, the receive sees a plain end.
        if let Some(errno) = slot.send_failure {
            return Poll::Ready(Err(io::Error::from_raw_os_error(errno)));
        }
        match slot.ending {
            Some(Ending::Closed) => return Poll::Ready(Ok(None)),
            Some(Ending::Failed(errno)) => {
                return Poll::Ready(Err(io::Error::from_raw_os_error(errno)));
            }
            None => {}
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

    /// Arms the receive of a slot whose queue has drained, unless it is armed or over. Where
    /// others wait for buffers it goes to the end of their line.
    pub(super) fn arm_if_roomy(&mut self, key: Key) {
        if !self.wants_to_receive(key) {
            return;
        }
        if !self.starved.is_empty() {
            return self.starve(key);
        }
        let slot = &self.streams[key.index as usize];
        let entry = opcode::RecvMulti::new(slot.target(), GROUP).build();
        self.arm(key, entry);
    }

    fn wants_to_receive(&self, key: Key) -> bool {
        let slot = &self.streams[key.index as usize];
        slot.receive == Receive::Idle
            && slot.held == Held::ByStream
            && slot.ending.is_none()
            && slot.received.count() < RESUME_BUFFERS
            && !self.closing
    }

    fn arm(&mut self, key: Key, entry: squeue::Entry) {
        let slot = &mut self.streams[key.index as usize];
        slot.receive = Receive::Armed;
        slot.in_flight += 1;
        self.push(entry.user_data(pack(Kind::Receive, key)));
    }

    /// Handles a completion of a receive.
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
        match -result {
            ..0 => {}
            0 => slot.ending = Some(Ending::Closed),
            // Ended by us, or to be tried again: what follows arms it where it should be.
            libc::ECANCELED | libc::EINTR | libc::EAGAIN => {}
            libc::ENOBUFS => {
                if self.wants_to_receive(key) {
                    self.starve(key);
                }
            }
            errno => slot.ending = Some(Ending::Failed(errno)),
        }
        self.settle_receive(key);
    }

    /// Puts a slot in line for a buffer.
    fn starve(&mut self, key: Key) {
        self.streams[key.index as usize].receive = Receive::Starved;
        self.starved.push_back(key);
        self.counters.starvations += 1;
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

    /// Serves the line for buffers as far as there are any. Each takes one and, for more, goes to
    /// the line's end.
    pub(super) fn feed_starved(&mut self) {
        let mut buffers = self.pool.listed();
        while buffers > 0 {
            let Some(key) = self.starved.pop_front() else {
                return;
            };
            let Some(slot) = self.live(key) else { continue };
            if slot.receive != Receive::Starved {
                continue;
            }
            slot.receive = Receive::Idle;
            let target = slot.target();
            if self.wants_to_receive(key) {
                let entry = opcode::Recv::new(target, ptr::null_mut(), BUFFER_BYTES as u32)
                    .buf_group(GROUP)
                    .build()
                    .flags(squeue::Flags::BUFFER_SELECT);
                self.arm(key, entry);
                buffers -= 1;
            }
        }
    }
}

/// A queue of this many buffers stops its receive: one sender must not take them all. It may hold
/// some hundred by the time we see it, since the kernel goes on for as long as bytes are there.
const SHARE_BUFFERS: u16 = 16;
/// A stopped receive starts again when its queue is shorter than this.
const RESUME_BUFFERS: u16 = 4;
