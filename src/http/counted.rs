//! Replies of a known length that are sent piece by piece.

use bytes::Bytes;

use crate::ring::Outgoing;

use super::exchange::{Exchange, lost};
use super::problem::Problem;
use super::reply::{Content, Stage};

/// A reply of a known length on its way. One that is dropped before its end cuts the connection,
/// so that the client sees that it is not whole.
pub struct Counted<'e, 'x> {
    exchange: &'e mut Exchange<'x>,
    left: u64,
}

impl<'x> Exchange<'x> {
    /// Begins a reply whose body has this length and comes in pieces. Nothing of it is compressed.
    /// Headers but `Content-Length` are the caller's.
    pub fn counted(
        &mut self,
        status: u16,
        headers: &[(&str, &str)],
        length: u64,
    ) -> Counted<'_, 'x> {
        let mut reply = self.reply();
        reply.status(status);
        for (name, value) in headers {
            reply.header(name, value);
        }
        reply.end_head(length);
        let is_whole = length == 0 || self.frame.content == Content::Described;
        if !is_whole {
            self.frame.stage = Stage::Streaming;
        }
        Counted {
            left: if is_whole { 0 } else { length },
            exchange: self,
        }
    }
}

impl Counted<'_, '_> {
    /// Bytes that are to come; none where the request was HEAD.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Sends a piece, together with the head if it is the first. It waits until the piece before
    /// has gone, not until this one has.
    ///
    /// # Errors
    /// The peer went away or does not read.
    ///
    /// # Panics
    /// When it is longer than what is left.
    pub async fn write(&mut self, piece: Bytes) -> Result<(), Problem> {
        if piece.is_empty() {
            return Ok(());
        }
        let length = piece.len() as u64;
        assert!(length <= self.left, "a reply is as long as it says");
        let frame = &mut self.exchange.frame;
        let wire = &mut self.exchange.wire;
        frame.leave(wire.out.len() + piece.len());
        let outgoing = match wire.out.is_empty() {
            true => Outgoing::Shared(piece),
            false => {
                let head = std::mem::replace(wire.out, wire.stream.spare_buffer());
                Outgoing::HeadAndBody(head, piece)
            }
        };
        wire.stream.set_deadline(Some(wire.write_timeout));
        let sent = wire.stream.enqueue(outgoing).await;
        sent.map_err(|error| lost(&error, &mut wire.fault))?;
        self.left -= length;
        if self.left == 0 {
            frame.stage = Stage::Whole;
        }
        Ok(())
    }
}
