//! Replies whose length is known and whose body comes piece by piece.

use bytes::Bytes;

use crate::ring::Outgoing;

use super::exchange::{Exchange, lost};
use super::problem::Problem;
use super::reply::{Content, Stage};

/// A reply of a known length whose body is sent as it comes. One that is dropped before its end
/// cuts the connection, so that the client sees that it is not whole.
pub struct Measured<'e, 'x> {
    exchange: &'e mut Exchange<'x>,
    bytes_left: u64,
}

impl<'x> Exchange<'x> {
    /// Starts a reply of so many bytes; what it has sent cannot be taken back.
    pub fn measured(
        &mut self,
        status: u16,
        headers: &[(&str, &str)],
        bytes: u64,
    ) -> Measured<'_, 'x> {
        let mut reply = self.reply();
        reply.status(status);
        for (name, value) in headers {
            reply.header(name, value);
        }
        reply.end_head(usize::try_from(bytes).expect("addresses have 64 bits"));
        if self.frame.content == Content::Sent && bytes > 0 {
            self.frame.stage = Stage::Streaming;
        }
        Measured {
            exchange: self,
            bytes_left: bytes,
        }
    }
}

impl Measured<'_, '_> {
    /// Whether the request wants to know of the body and not have it.
    pub fn is_described(&self) -> bool {
        self.exchange.frame.content == Content::Described
    }

    /// Adds a piece. It waits while the peer does not keep up.
    ///
    /// # Panics
    /// When the pieces are more than what was announced.
    pub async fn write(&mut self, piece: Bytes) -> Result<(), Problem> {
        if self.is_described() || piece.is_empty() {
            return Ok(());
        }
        let left = self.bytes_left.checked_sub(piece.len() as u64);
        self.bytes_left = left.expect("a body is no longer than was announced");
        let frame = &mut self.exchange.frame;
        frame.leave(self.exchange.wire.out.len() + piece.len());
        if self.bytes_left == 0 {
            frame.stage = Stage::Whole;
        }
        let wire = &mut self.exchange.wire;
        let head = std::mem::replace(wire.out, wire.stream.spare_buffer());
        wire.stream.set_deadline(Some(wire.write_timeout));
        let outgoing = Outgoing::HeadAndBody(head, piece);
        let sent = wire.stream.enqueue(outgoing).await;
        sent.map_err(|error| lost(&error, &mut wire.fault))
    }
}
