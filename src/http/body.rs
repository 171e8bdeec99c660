//! Request bodies as they arrive: counted or chunked, never more than the route takes.

use std::io;
use std::time::Duration;

use thirteen_kernels::http::{BodyLength, ChunkDecoder, ChunkEvent, ChunkFault};

use crate::limits::DISCARD_BYTES_MAX;
use crate::ring::{Outgoing, TcpStream};
use crate::telemetry::Fault;

use super::input::{Filled, Input};
use super::problem::Problem;

/// What is left to read of one request's body.
pub(super) struct Body {
    left: Left,
    bytes_max: u64,
    bytes_read: u64,
    greeting: Greeting,
    /// Bytes at the start of the input that the last piece covered.
    handed_out: usize,
}

/// Whether the client waits to be told to send (RFC 9110, section 10.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Greeting {
    Unasked,
    Awaited,
}

enum Left {
    Nothing,
    Counted(u64),
    Chunked(ChunkDecoder),
}

/// Why a body could not be read.
#[derive(Debug)]
pub(super) enum BodyFault {
    TooLong,
    Chunk(ChunkFault),
    /// The peer sent nothing for too long.
    Stalled,
    /// The peer closed or the socket failed: there is nobody to answer.
    Lost,
}

impl From<BodyFault> for Problem {
    fn from(fault: BodyFault) -> Problem {
        match fault {
            BodyFault::TooLong => {
                Problem::new(413, "The body is longer than this resource takes.").closing()
            }
            BodyFault::Chunk(fault) => Problem::new(fault.status(), fault.as_str()).closing(),
            BodyFault::Stalled => Problem::new(408, "The body did not arrive in time.").closing(),
            BodyFault::Lost => Problem::new(400, "The body ended early.").closing(),
        }
    }
}

impl BodyFault {
    /// The kind of fault, where the reply's status does not tell it.
    pub(super) fn uncounted(&self) -> Option<Fault> {
        match self {
            BodyFault::Chunk(_) => Some(Fault::BodyMalformed),
            BodyFault::TooLong | BodyFault::Stalled | BodyFault::Lost => None,
        }
    }
}

impl Body {
    pub(super) fn new(length: BodyLength, bytes_max: u64, greeting: Greeting) -> Body {
        let left = match length {
            BodyLength::None | BodyLength::Length(0) => Left::Nothing,
            BodyLength::Length(count) => Left::Counted(count),
            BodyLength::Chunked => Left::Chunked(ChunkDecoder::new()),
        };
        let greeting = if matches!(left, Left::Nothing) {
            Greeting::Unasked
        } else {
            greeting
        };
        Body {
            left,
            bytes_max,
            bytes_read: 0,
            greeting,
            handed_out: 0,
        }
    }

    /// Whether a body is announced that is longer than the route takes.
    pub(super) fn is_too_long(&self) -> bool {
        matches!(self.left, Left::Counted(count) if count > self.bytes_max)
    }

    /// Whether all of it was read.
    pub(super) fn is_read(&self) -> bool {
        matches!(self.left, Left::Nothing)
    }

    /// Whether what is left can be read past so that the connection is kept: not if the client was
    /// not told to send it, nor if it is more than it is worth to read.
    pub(super) fn can_be_skipped(&self) -> bool {
        let is_long = matches!(self.left, Left::Counted(count) if count > DISCARD_BYTES_MAX);
        self.greeting == Greeting::Unasked && !is_long
    }

    /// What a handler left unread, to be read past up to the bound for bodies that nobody wants.
    pub(super) fn rest(self) -> Body {
        Body {
            bytes_max: DISCARD_BYTES_MAX,
            bytes_read: 0,
            ..self
        }
    }

    /// The next piece, at the start of `input`; `None` at the end.
    pub(super) async fn next<'i>(
        &mut self,
        stream: &TcpStream,
        input: &'i mut Input,
        patience: Duration,
    ) -> Result<Option<&'i [u8]>, BodyFault> {
        input.consume(std::mem::take(&mut self.handed_out));
        if self.is_too_long() {
            return Err(BodyFault::TooLong);
        }
        if std::mem::replace(&mut self.greeting, Greeting::Unasked) == Greeting::Awaited {
            let greeting = Outgoing::Owned(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec());
            stream
                .enqueue(greeting)
                .await
                .map_err(|_| BodyFault::Lost)?;
        }
        loop {
            if let Some(length) = self.take(input)? {
                self.handed_out = length;
                return Ok(Some(&input.bytes()[..length]));
            }
            if self.is_read() {
                return Ok(None);
            }
            stream.set_deadline(Some(patience));
            match input.fill(stream).await {
                Ok(Filled::Bytes) => {}
                Ok(Filled::End) => return Err(BodyFault::Lost),
                // The server drains: a request that has begun is finished.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    return Err(BodyFault::Stalled);
                }
                Err(_) => return Err(BodyFault::Lost),
            }
        }
    }

    /// Drops the bytes of the last piece, so that the input starts at the next request.
    pub(super) fn finish(&mut self, input: &mut Input) {
        input.consume(std::mem::take(&mut self.handed_out));
    }

    /// How much of the body lies at the start of the input, framing taken away.
    fn take(&mut self, input: &mut Input) -> Result<Option<usize>, BodyFault> {
        let length = match &mut self.left {
            Left::Nothing => return Ok(None),
            Left::Counted(count) => {
                let length = (input.bytes().len() as u64).min(*count);
                *count -= length;
                if *count == 0 {
                    self.left = Left::Nothing;
                }
                length as usize
            }
            Left::Chunked(decoder) => {
                let step = decoder.decode(input.bytes()).map_err(BodyFault::Chunk)?;
                match step.event {
                    ChunkEvent::Data(piece) => {
                        input.consume(piece.start);
                        piece.len()
                    }
                    ChunkEvent::Done => {
                        input.consume(step.consumed);
                        self.left = Left::Nothing;
                        0
                    }
                    ChunkEvent::NeedMore => {
                        input.consume(step.consumed);
                        0
                    }
                }
            }
        };
        self.bytes_read += length as u64;
        if self.bytes_read > self.bytes_max {
            return Err(BodyFault::TooLong);
        }
        Ok((length > 0).then_some(length))
    }
}
