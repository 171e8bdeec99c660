//! A request and its reply for handlers that wait: the body as it comes, the reply as it goes.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use thirteen_kernels::http::{Connection, Version};

use crate::limits::{COMPRESSED_ELSEWHERE_BYTES_MIN, STREAM_BYTES_MAX};
use crate::ring::{Outgoing, TcpStream};
use crate::shard;
use crate::telemetry::Fault;

use super::asked::Asked;
use super::body::{Body, BodyFault};
use super::coding::Coding;
use super::compress::{Effort, compress};
use super::date::DateLine;
use super::input::Input;
use super::outcome::Answer;
use super::problem::Problem;
use super::reply::{Audience, Content, Frame, Reply, Stage};
use super::request::Request;
use super::route::Tunnel;
use super::seats::{Seat, Seats};

/// One request in the making of its reply.
pub struct Exchange<'x> {
    pub(super) request: Request<'x>,
    pub(super) asked: &'x Asked<'x>,
    pub(super) body: Body,
    pub(super) frame: Frame,
    pub(super) wire: Wire<'x>,
    pub(super) seats: &'x Rc<Seats>,
    /// What the connection becomes after the reply.
    pub(super) tunnel: Option<Tunnel>,
}

/// The parts of a connection that an exchange works with.
pub(super) struct Wire<'x> {
    pub(super) stream: &'x TcpStream,
    pub(super) input: &'x mut Input,
    pub(super) out: &'x mut Vec<u8>,
    pub(super) date: &'x DateLine,
    pub(super) body_timeout: Duration,
    pub(super) write_timeout: Duration,
    /// What the peer did wrong, where the reply's status does not tell.
    pub(super) fault: Option<Fault>,
}

impl<'x> Exchange<'x> {
    /// The request.
    pub fn request(&self) -> Request<'x> {
        self.request
    }

    /// The next piece of the body, `None` at its end. 413, 408 or 400 where it is too long, comes
    /// too slowly or is malformed; the connection ends with the reply then.
    pub async fn read(&mut self) -> Result<Option<&[u8]>, Problem> {
        let Wire {
            stream,
            input,
            body_timeout,
            fault,
            ..
        } = &mut self.wire;
        let piece = self.body.next(stream, input, *body_timeout).await;
        Ok(piece.inspect_err(|error| *fault = error.uncounted())?)
    }

    /// The whole body; its length is bounded by the route.
    pub async fn collect(&mut self) -> Result<Vec<u8>, Problem> {
        let mut whole = Vec::new();
        while let Some(piece) = self.read().await? {
            whole.extend_from_slice(piece);
        }
        Ok(whole)
    }

    /// Says other things about what a browser may do with the reply than its door does, before
    /// the reply is begun: a block of header lines.
    pub fn security(&mut self, lines: &'static [u8]) {
        self.frame.security = Some(lines);
    }

    /// The reply, to be written at once.
    pub fn reply(&mut self) -> Reply<'_> {
        self.close_if_body_stays();
        self.wire.date.refresh(shard::turn_began());
        Reply::new(
            self.wire.out,
            &mut self.frame,
            self.asked,
            self.wire.date.line(),
        )
    }

    /// A place for another connection, which counts as those of clients do for as long as it is
    /// held; `None` where there are as many as may be.
    pub fn seat(&self) -> Option<Seat> {
        self.seats.take()
    }

    /// Answers a `CONNECT` request, and makes the connection a tunnel once that reply has gone.
    ///
    /// # Panics
    /// When a reply was begun before.
    pub fn open_tunnel(&mut self, tunnel: Tunnel) {
        assert!(self.frame.stage == Stage::Nothing, "a reply has one status");
        self.frame.start = self.wire.out.len();
        self.wire
            .out
            .extend_from_slice(b"HTTP/1.1 200 Connection Established\r\n\r\n");
        (self.frame.status, self.frame.stage) = (200, Stage::Whole);
        self.tunnel = Some(tunnel);
    }

    /// Keeps the reply from caches that others share.
    pub(super) fn keep_private(&mut self) {
        self.frame.audience = Audience::Caller;
    }

    /// Writes what a handler gave back.
    pub(super) fn conclude(&mut self, answer: impl Answer) -> Result<(), Problem> {
        if self.frame.stage == Stage::Nothing {
            let request = self.request;
            return answer.write(&request, &mut self.reply());
        }
        let request = self.request;
        answer.write(&request, &mut self.resume_reply())
    }

    /// Replies with stored bytes, which are sent from where they are; in a coding, where they are
    /// text that pays for it and the client takes one.
    pub fn stored(&mut self, status: u16, content_type: &str, body: Bytes) -> Stored {
        let mut reply = self.reply();
        reply.status(status).header("Content-Type", content_type);
        let coding = reply.negotiate(content_type, body.len());
        Stored { body, coding }
    }

    /// Ends a reply, of which all other headers are written, with bytes that are sent from where
    /// they are.
    pub async fn send(&mut self, body: Bytes) -> Result<(), Problem> {
        self.resume_reply().end_head(body.len() as u64);
        if self.frame.content == Content::Described || body.is_empty() {
            return Ok(());
        }
        self.frame.leave(self.wire.out.len() + body.len());
        let Wire {
            stream,
            out,
            write_timeout,
            fault,
            ..
        } = &mut self.wire;
        let head = std::mem::replace(*out, stream.spare_buffer());
        stream.set_deadline(Some(*write_timeout));
        stream
            .enqueue(Outgoing::HeadAndBody(head, body))
            .await
            .map_err(|error| lost(&error, fault))
    }

    /// Starts a reply whose length is not known; what it has sent cannot be taken back.
    pub fn stream(&mut self, status: u16, content_type: &str) -> Streaming<'_, 'x> {
        self.stream_with(status, content_type, &[])
    }

    /// As [`Exchange::stream`], with more headers.
    pub fn stream_with(
        &mut self,
        status: u16,
        content_type: &str,
        headers: &[(&str, &str)],
    ) -> Streaming<'_, 'x> {
        if self.frame.version == Version::Http10 {
            // Without chunks only the end of the connection ends the body.
            self.frame.connection = Connection::Close;
        }
        let mut reply = self.reply();
        reply.status(status);
        for (name, value) in headers {
            reply.header(name, value);
        }
        reply.begin_stream(content_type);
        Streaming { exchange: self }
    }

    /// Hands what is written to the ring, once the send before it has gone.
    async fn flush(&mut self) -> Result<(), Problem> {
        self.frame.leave(self.wire.out.len());
        let Wire {
            stream,
            out,
            write_timeout,
            fault,
            ..
        } = &mut self.wire;
        let bytes = std::mem::replace(*out, stream.spare_buffer());
        stream.set_deadline(Some(*write_timeout));
        stream
            .enqueue(Outgoing::Owned(bytes))
            .await
            .map_err(|error| lost(&error, fault))
    }
}

/// A reply with stored bytes as its body.
pub struct Stored {
    body: Bytes,
    coding: Option<Coding>,
}

impl Stored {
    /// Adds a header.
    pub fn header(self, exchange: &mut Exchange<'_>, name: &str, value: &str) -> Stored {
        exchange.resume_reply().header(name, value);
        self
    }

    /// Sends it.
    pub async fn send(self, exchange: &mut Exchange<'_>) -> Result<(), Problem> {
        let body = self.coded(exchange).await;
        exchange.send(body).await
    }

    /// The body in its coding, which the head is told. A long one is another thread's work; where
    /// there is none free, it is sent as it is.
    async fn coded(self, exchange: &mut Exchange<'_>) -> Bytes {
        let Some(coding) = self.coding else {
            return self.body;
        };
        let body = self.body.clone();
        let work = move || {
            let mut coded = Vec::new();
            compress(coding, Effort::Usual, &body, &mut coded).map(|()| coded)
        };
        let done = if self.body.len() < COMPRESSED_ELSEWHERE_BYTES_MIN {
            work().ok()
        } else {
            shard::offload(work).await.ok().and_then(Result::ok)
        };
        match done {
            Some(coded) => {
                exchange.resume_reply().coded_head(coding);
                Bytes::from(coded)
            }
            None => self.body,
        }
    }
}

/// A reply that is sent piece by piece.
pub struct Streaming<'e, 'x> {
    exchange: &'e mut Exchange<'x>,
}

impl Streaming<'_, '_> {
    /// Adds a piece. It waits while the peer does not keep up.
    pub async fn write(&mut self, piece: &[u8]) -> Result<(), Problem> {
        if self.exchange.frame.content == Content::Described || piece.is_empty() {
            return Ok(());
        }
        let out = &mut *self.exchange.wire.out;
        match self.exchange.frame.version {
            Version::Http10 => out.extend_from_slice(piece),
            Version::Http11 => {
                out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                out.extend_from_slice(piece);
                out.extend_from_slice(b"\r\n");
            }
        }
        if out.len() >= STREAM_BYTES_MAX {
            self.exchange.flush().await
        } else {
            Ok(())
        }
    }

    /// Sends what is written so far instead of waiting for more.
    pub async fn flush(&mut self) -> Result<(), Problem> {
        self.exchange.flush().await
    }

    /// Ends the reply. One that is not ended is cut off, so that the client sees that it is not
    /// whole.
    pub fn finish(self) {
        let frame = &mut self.exchange.frame;
        if frame.content == Content::Sent && frame.version == Version::Http11 {
            self.exchange.wire.out.extend_from_slice(b"0\r\n\r\n");
        }
        frame.stage = Stage::Whole;
    }
}

impl Exchange<'_> {
    /// Says in the reply's head that the connection ends where the rest of the body will not be
    /// read.
    pub(super) fn close_if_body_stays(&mut self) {
        if !self.body.can_be_skipped() {
            self.frame.connection = Connection::Close;
        }
    }

    pub(super) fn resume_reply(&mut self) -> Reply<'_> {
        self.wire.date.refresh(shard::turn_began());
        Reply::resume(
            self.wire.out,
            &mut self.frame,
            self.asked,
            self.wire.date.line(),
        )
    }
}

/// The peer went away or stopped reading; nobody will see this.
pub(super) fn lost(error: &io::Error, fault: &mut Option<Fault>) -> Problem {
    *fault = fault_of_socket(error);
    Problem::from(BodyFault::Lost)
}

/// What the peer of a socket that failed did wrong, if it did.
pub(super) fn fault_of_socket(error: &io::Error) -> Option<Fault> {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, TimedOut};
    if error.kind() == TimedOut {
        Some(Fault::WriteTimeout)
    } else if matches!(error.kind(), ConnectionReset | BrokenPipe) {
        Some(Fault::Reset)
    } else {
        None
    }
}
