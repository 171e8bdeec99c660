//! A WebSocket connection as its session sees it.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::limits::WEBSOCKET_CLOSE_PATIENCE;
use crate::ring::{Outgoing, TcpStream};

use super::input::{Filled, Input};
use super::lingering::linger;
use super::websocket::{
    CloseCode, Ending, Endpoint, Incoming, MessageKind, Payload, Phase, encode,
};

/// An open WebSocket. Frames that others send to the same stream, such as broadcasts, may come
/// between ours; a frame is never split.
pub struct Live {
    stream: Rc<TcpStream>,
    input: Input,
    /// Bytes at the start of the input that the last message covered.
    handed_out: usize,
    endpoint: Endpoint,
    out: Vec<u8>,
    peer: SocketAddr,
}

/// What came from the peer.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A message; [`Live::bytes`] reads it until the next wait.
    Message(MessageKind, Payload),
    /// A ping, which is answered, or a pong.
    Alive,
    /// The connection ends; nothing more comes.
    End(LiveEnd),
}

/// Why a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub enum LiveEnd {
    /// Close frames were exchanged, or the protocol was broken.
    Closed(Ending),
    /// The peer closed its socket without a close frame, or the socket failed.
    Lost,
}

/// Why a wait ended without anything from the peer.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Pause {
    /// The deadline passed.
    Deadline,
    /// Something about the server changed, such as that it drains.
    Interrupted,
}

impl Live {
    pub(super) fn new(
        stream: TcpStream,
        input: Input,
        peer: SocketAddr,
        endpoint: Endpoint,
    ) -> Live {
        Live {
            stream: Rc::new(stream),
            input,
            handed_out: 0,
            endpoint,
            out: Vec::new(),
            peer,
        }
    }

    /// The stream, for those who broadcast to it whole frames.
    pub fn stream(&self) -> &Rc<TcpStream> {
        &self.stream
    }

    /// The address of the peer.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Writes a binary message; it leaves with the next wait.
    pub fn write(&mut self, payload: &[u8]) {
        if self.endpoint.phase() == Phase::Open {
            encode::binary(payload, &mut self.out);
        }
    }

    /// Writes a text message; it leaves with the next wait.
    pub fn write_text(&mut self, payload: &str) {
        if self.endpoint.phase() == Phase::Open {
            encode::text(payload, &mut self.out);
        }
    }

    /// The bytes of a message.
    pub fn bytes<'m>(&'m self, payload: &'m Payload) -> &'m [u8] {
        payload.bytes(self.input.bytes())
    }

    /// Moves the deadline of the next wait.
    pub fn set_deadline(&self, span: Option<Duration>) {
        self.stream.set_deadline(span);
    }

    /// Sends what is written and waits for the peer.
    pub async fn next(&mut self) -> Result<Event, Pause> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// As [`Live::next`], for sessions that wait for other things too. While a send does not
    /// progress nothing is read.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Event, Pause>> {
        loop {
            self.input.consume(std::mem::take(&mut self.handed_out));
            if !self.input.is_empty() {
                let advance = self.endpoint.advance(self.input.bytes_mut(), &mut self.out);
                self.handed_out = advance.consumed_bytes;
                match advance.incoming {
                    Incoming::Nothing | Incoming::Late => continue,
                    Incoming::Message { kind, payload } => {
                        return Poll::Ready(Ok(Event::Message(kind, payload)));
                    }
                    Incoming::Ping | Incoming::Pong(_) => return Poll::Ready(Ok(Event::Alive)),
                    Incoming::End(ending) => {
                        return Poll::Ready(Ok(Event::End(LiveEnd::Closed(ending))));
                    }
                }
            }
            match ready!(self.poll_flush(context)) {
                Ok(()) => {}
                Err(error) => return Poll::Ready(paused_or_lost(&error)),
            }
            match ready!(self.input.poll_fill(&self.stream, context)) {
                Ok(Filled::Bytes) => {}
                Ok(Filled::End) => return Poll::Ready(Ok(Event::End(LiveEnd::Lost))),
                Err(error) => return Poll::Ready(paused_or_lost(&error)),
            }
        }
    }

    /// Closes the connection: a close frame, the peer's answer or a little patience, the end.
    pub async fn close(mut self, code: CloseCode, reason: &str) {
        self.endpoint.close(code, reason, &mut self.out);
        self.finish().await;
    }

    /// Ends a connection whose end was announced: sends what is written, and waits a little for
    /// the peer to close first, so that it sees everything.
    pub async fn finish(mut self) {
        self.stream.set_deadline(Some(WEBSOCKET_CLOSE_PATIENCE));
        while self.endpoint.phase() != Phase::Over {
            match self.next().await {
                Ok(Event::End(_)) | Err(Pause::Deadline) => break,
                Ok(Event::Message(..) | Event::Alive) | Err(Pause::Interrupted) => {}
            }
        }
        if poll_fn(|context| self.poll_flush(context)).await.is_ok()
            && self.stream.sent().await.is_ok()
        {
            self.input = Input::default();
            linger(&self.stream).await;
        }
    }

    fn poll_flush(&mut self, context: &Context<'_>) -> Poll<io::Result<()>> {
        if self.out.is_empty() {
            return Poll::Ready(Ok(()));
        }
        ready!(self.stream.poll_sent(context))?;
        let outgoing = Outgoing::Owned(std::mem::take(&mut self.out));
        let started = self.stream.start_send(outgoing);
        assert!(started.is_ok(), "nothing was in flight");
        Poll::Ready(Ok(()))
    }
}

fn paused_or_lost(error: &io::Error) -> Result<Event, Pause> {
    if error.kind() == io::ErrorKind::TimedOut {
        Err(Pause::Deadline)
    } else if error.kind() == io::ErrorKind::Interrupted {
        Err(Pause::Interrupted)
    } else {
        Ok(Event::End(LiveEnd::Lost))
    }
}
