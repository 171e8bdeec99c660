//! Received bytes on their way to the parsers: read in place, gathered only where they must be.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use crate::ring::{Received, TcpStream};

/// The unread bytes of a connection. They lie in a ring buffer until a head or a piece of a body
/// spans two of them; then they are gathered in memory of the connection's own, so that a peer
/// that dribbles holds no ring buffer.
#[derive(Default)]
pub(super) struct Input {
    held: Option<Received>,
    gathered: Vec<u8>,
    start: usize,
}

/// What waiting for bytes brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Filled {
    Bytes,
    /// The peer has closed its half.
    End,
}

impl Input {
    /// What is there, in one piece.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.held {
            Some(held) => &held[self.start..],
            None => &self.gathered[self.start..],
        }
    }

    /// As [`Input::bytes`], to be changed in place.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.held {
            Some(held) => &mut held[self.start..],
            None => &mut self.gathered[self.start..],
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    /// Drops bytes that were read. Memory goes back as soon as nothing is left.
    pub(super) fn consume(&mut self, count: usize) {
        self.start += count;
        if self.is_empty() {
            self.held = None;
            self.start = 0;
            self.gathered = Vec::new();
        }
    }

    /// Waits for more bytes and puts them behind those that are there.
    pub(super) async fn fill(&mut self, stream: &TcpStream) -> io::Result<Filled> {
        poll_fn(|context| self.poll_fill(stream, context)).await
    }

    /// As [`Input::fill`], for hand-written futures.
    pub(super) fn poll_fill(
        &mut self,
        stream: &TcpStream,
        context: &Context<'_>,
    ) -> Poll<io::Result<Filled>> {
        self.gather();
        let Some(received) = ready!(stream.poll_receive(context))? else {
            return Poll::Ready(Ok(Filled::End));
        };
        if self.gathered.is_empty() {
            self.held = Some(received);
        } else {
            self.gathered.extend_from_slice(&received);
        }
        Poll::Ready(Ok(Filled::Bytes))
    }

    /// Moves what is left to the start of our own memory; a ring buffer goes back.
    fn gather(&mut self) {
        if let Some(held) = self.held.take() {
            self.gathered.extend_from_slice(&held[self.start..]);
        } else {
            self.gathered.drain(..self.start);
        }
        self.start = 0;
    }
}
