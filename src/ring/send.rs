//! Sends: one in flight per connection, its bytes owned by the slot until the kernel is done.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use io_uring::{opcode, squeue, types};

use super::core::Core;
use super::slot::{Held, Slot};
use super::token::{Key, Kind, pack};

/// What one send carries.
pub enum Outgoing {
    /// Bytes that the caller wrote; the memory is kept by the ring for the next writer.
    Owned(Vec<u8>),
    /// Bytes that others read as well: counted, never copied.
    Shared(Bytes),
    /// A head that the caller wrote and a stored body behind it, sent as one message.
    HeadAndBody(Vec<u8>, Bytes),
}

impl Outgoing {
    /// Bytes in all.
    pub fn len(&self) -> usize {
        match self {
            Outgoing::Owned(bytes) => bytes.len(),
            Outgoing::Shared(bytes) => bytes.len(),
            Outgoing::HeadAndBody(head, body) => head.len() + body.len(),
        }
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The part that follows the first `sent` bytes and lies in one piece.
    fn piece(&self, sent: usize) -> &[u8] {
        match self {
            Outgoing::Owned(bytes) => &bytes[sent..],
            Outgoing::Shared(bytes) => &bytes[sent..],
            Outgoing::HeadAndBody(head, _) if sent < head.len() => &head[sent..],
            Outgoing::HeadAndBody(head, body) => &body[sent - head.len()..],
        }
    }
}

/// A send in flight.
pub(super) struct Sending {
    outgoing: Outgoing,
    sent: usize,
    /// The message header of a send in two pieces, at an address that the kernel knows.
    message: Option<Box<Message>>,
}

struct Message {
    header: libc::msghdr,
    pieces: [libc::iovec; 2],
}

impl Sending {
    fn new(outgoing: Outgoing) -> Sending {
        Sending {
            outgoing,
            sent: 0,
            message: None,
        }
    }

    /// The operation for what is left.
    fn entry(&mut self, target: types::Fd) -> squeue::Entry {
        if let Outgoing::HeadAndBody(head, body) = &self.outgoing
            && self.sent < head.len()
            && !body.is_empty()
        {
            let message = self.message.insert(Message::new(&head[self.sent..], body));
            return opcode::SendMsg::new(target, &raw const message.header).build();
        }
        let piece = self.outgoing.piece(self.sent);
        let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        opcode::Send::new(target, piece.as_ptr(), length).build()
    }
}

impl Message {
    fn new(head: &[u8], body: &[u8]) -> Box<Message> {
        let pieces = [head, body].map(|piece| libc::iovec {
            iov_base: piece.as_ptr().cast_mut().cast(),
            iov_len: piece.len(),
        });
        // SAFETY: a `msghdr` is integers and pointers, for which zeros are a valid value.
        let header = unsafe { std::mem::zeroed::<libc::msghdr>() };
        let mut message = Box::new(Message { header, pieces });
        message.header.msg_iov = message.pieces.as_mut_ptr();
        message.header.msg_iovlen = message.pieces.len();
        message
    }
}

impl Core {
    /// Starts a send; the caller has seen [`Core::poll_sent`] ready, or gets its bytes back.
    pub(super) fn start_send(&mut self, key: Key, outgoing: Outgoing) -> Result<(), Outgoing> {
        let slot = &mut self.streams[key.index as usize];
        if slot.sending.is_some() {
            return Err(outgoing);
        }
        if self.closing {
            slot.send_failure.get_or_insert(libc::ECANCELED);
        }
        if outgoing.is_empty() || slot.send_failure.is_some() {
            self.recycle(outgoing);
            return Ok(());
        }
        slot.sending = Some(Sending::new(outgoing));
        slot.in_flight += 1;
        self.submit_send(key);
        Ok(())
    }

    fn submit_send(&mut self, key: Key) {
        let slot = &mut self.streams[key.index as usize];
        let target = slot.target();
        let sending = slot.sending.as_mut().expect("a send was started");
        let entry = sending.entry(target).user_data(pack(Kind::Send, key));
        self.push(entry);
    }

    /// Ready once nothing is in flight; an error stays until the stream is dropped.
    pub(super) fn poll_sent(&mut self, key: Key, context: &Context<'_>) -> Poll<io::Result<()>> {
        let slot = &mut self.streams[key.index as usize];
        if let Some(errno) = slot.send_failure {
            return Poll::Ready(Err(io::Error::from_raw_os_error(errno)));
        }
        if slot.sending.is_none() {
            return Poll::Ready(Ok(()));
        }
        if slot.deadline.passed {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        slot.wait_to_write(context);
        Poll::Pending
    }

    /// Handles the completion of a send.
    pub(super) fn sent(&mut self, key: Key, result: i32) {
        let slot = &mut self.streams[key.index as usize];
        let Some(sending) = &mut slot.sending else {
            unreachable!("a send completed that was not started");
        };
        if let Ok(count @ 1..) = usize::try_from(result) {
            sending.sent += count;
            self.counters.sent_bytes += count as u64;
            let is_short = sending.sent < sending.outgoing.len();
            if is_short && slot.held == Held::ByStream && !self.closing {
                self.extend_deadline(key);
                return self.submit_send(key);
            }
        }
        slot.in_flight -= 1;
        let finished = slot.sending.take().expect("checked above");
        self.finish_send(key, result, finished);
    }

    fn finish_send(&mut self, key: Key, result: i32, finished: Sending) {
        let slot = &mut self.streams[key.index as usize];
        if result <= 0 {
            fail_send(slot, if result < 0 { -result } else { libc::EPIPE });
        }
        slot.wake_writer();
        self.recycle(finished.outgoing);
        self.release_if_quiet(key);
    }

    /// Keeps the memory of a finished send for the next writer.
    fn recycle(&mut self, outgoing: Outgoing) {
        if let Outgoing::Owned(mut bytes) | Outgoing::HeadAndBody(mut bytes, _) = outgoing
            && self.spare.len() < SPARE_COUNT_MAX
            && (1..=SPARE_BYTES_MAX).contains(&bytes.capacity())
        {
            bytes.clear();
            self.spare.push(bytes);
        }
    }
}

/// A failed send ends the connection: whoever waits to read is told as well.
fn fail_send(slot: &mut Slot, errno: i32) {
    slot.send_failure = Some(errno);
    slot.wake_reader();
}

/// Buffers kept for writers: as many as a busy shard has replies in flight.
const SPARE_COUNT_MAX: usize = 256;
/// A buffer that grew past this is given back to the allocator.
const SPARE_BYTES_MAX: usize = 64 << 10;
