//! One server end of a WebSocket: the decoder joined to pongs and to the closing handshake
//! (RFC 6455, 5.5 and 7).

use thirteen_kernels::level::Level;

use super::close::{CloseCode, CloseFrame};
use super::decoder::{Decoded, Decoder, Event, MessageKind, Payload};
use super::encode;
use super::violation::Violation;

/// What a connection keeps for its WebSocket.
///
/// Bytes that come in are given to [`Endpoint::advance`]; what it has to say to the peer it appends
/// to the caller's output buffer. At most one close frame is ever written, and nothing after it:
/// after [`Endpoint::phase`] leaves [`Phase::Open`] the caller writes no frames of its own.
#[derive(Debug)]
pub struct Endpoint {
    decoder: Decoder,
    phase: Phase,
}

/// How far the closing handshake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Messages go both ways.
    Open,
    /// Our close frame is written; the peer's is awaited, for as long as the caller's patience
    /// lasts, and its messages are dropped.
    Closing,
    /// Nothing more will be read or written: flush the output and close the connection.
    Over,
}

/// What one call of [`Endpoint::advance`] achieved.
#[derive(Debug, PartialEq, Eq)]
pub struct Advance {
    /// How many bytes of the input are done with.
    pub consumed_bytes: usize,
    /// What came of them.
    pub incoming: Incoming,
}

/// What came from the peer.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    /// Nothing complete; all of the input is consumed.
    Nothing,
    /// A message.
    Message {
        /// Text or binary.
        kind: MessageKind,
        /// Its bytes; those of a text message are UTF-8.
        payload: Payload,
    },
    /// A ping, already answered.
    Ping,
    /// A pong.
    Pong(Payload),
    /// Something that came after our close frame and was dropped.
    Late,
    /// The end; the phase is [`Phase::Over`].
    End(Ending),
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ending {
    /// The peer asked first, and was answered with its own code.
    ByPeer(CloseFrame),
    /// The peer answered our close frame.
    ByUs(CloseFrame),
    /// The peer broke the protocol, and was told so unless we had closed already.
    Violated(Violation),
}

impl Endpoint {
    /// The end of a connection whose handshake was accepted.
    pub fn new(level: Level, message_bytes_max: u32) -> Endpoint {
        Endpoint {
            decoder: Decoder::new(level, message_bytes_max),
            phase: Phase::Open,
        }
    }

    /// How far the closing handshake is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Bytes of memory that are held for messages in progress.
    pub fn buffered_bytes(&self) -> usize {
        self.decoder.buffered_bytes()
    }

    /// Reads `input`, in which payloads are unmasked in place, up to and including the first frame
    /// or message that is complete; call it again with the rest until all is consumed. Pongs and
    /// the close frame are appended to `out`: fewer bytes than were read, and once a close frame.
    #[inline]
    pub fn advance(&mut self, input: &mut [u8], out: &mut Vec<u8>) -> Advance {
        if self.phase == Phase::Over {
            return Advance {
                consumed_bytes: input.len(),
                incoming: Incoming::Nothing,
            };
        }
        match self.decoder.decode(input) {
            Ok(Decoded {
                consumed_bytes,
                event: None,
            }) => Advance {
                consumed_bytes,
                incoming: Incoming::Nothing,
            },
            Ok(Decoded {
                consumed_bytes,
                event: Some(event),
            }) => Advance {
                consumed_bytes,
                incoming: self.receive(event, input, out),
            },
            Err(violation) => {
                let incoming = self.violate(violation, out);
                Advance {
                    consumed_bytes: input.len(),
                    incoming,
                }
            }
        }
    }

    /// Starts the closing handshake, once: later calls, and calls after the end, write nothing.
    /// The reason is at most 123 bytes.
    pub fn close(&mut self, code: CloseCode, reason: &str, out: &mut Vec<u8>) {
        if self.phase == Phase::Open {
            encode::close(code, reason, out);
            self.phase = Phase::Closing;
        }
    }

    #[inline]
    fn receive(&mut self, event: Event, input: &[u8], out: &mut Vec<u8>) -> Incoming {
        match (event, self.phase) {
            (Event::Message { kind, payload }, Phase::Open) => Incoming::Message { kind, payload },
            (Event::Ping(payload), Phase::Open) => {
                encode::pong(payload.bytes(input), out);
                Incoming::Ping
            }
            (Event::Pong(payload), Phase::Open) => Incoming::Pong(payload),
            (Event::Close(close), Phase::Open) => {
                match close.code {
                    Some(code) => encode::close(code, "", out),
                    None => encode::close_without_code(out),
                }
                self.phase = Phase::Over;
                Incoming::End(Ending::ByPeer(close))
            }
            (Event::Close(close), Phase::Closing | Phase::Over) => {
                self.phase = Phase::Over;
                Incoming::End(Ending::ByUs(close))
            }
            (
                Event::Message { .. } | Event::Ping(_) | Event::Pong(_),
                Phase::Closing | Phase::Over,
            ) => Incoming::Late,
        }
    }

    #[cold]
    fn violate(&mut self, violation: Violation, out: &mut Vec<u8>) -> Incoming {
        self.close(violation.close_code(), violation.reason(), out);
        self.phase = Phase::Over;
        Incoming::End(Ending::Violated(violation))
    }
}

const _: () = assert!(size_of::<Endpoint>() <= 104);

#[cfg(test)]
mod tests {
    use super::*;

    const PING: [u8; 7] = [0x89, 0x81, 0, 0, 0, 0, b'p'];
    const PONG: [u8; 7] = [0x8a, 0x81, 0, 0, 0, 0, b'p'];
    const MESSAGE: [u8; 7] = [0x82, 0x81, 0, 0, 0, 0, b'm'];
    const CLOSE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9];
    const CLOSE_WITHOUT_CODE: [u8; 6] = [0x88, 0x80, 0, 0, 0, 0];

    fn endpoint() -> Endpoint {
        Endpoint::new(Level::detect(), 100)
    }

    fn close_frame(code: u16, reason: Payload) -> CloseFrame {
        CloseFrame {
            code: CloseCode::from_wire(code),
            reason,
        }
    }

    /// Feeds frames one by one; what came of each, and all that was written.
    fn feed(endpoint: &mut Endpoint, frames: &[&[u8]]) -> (Vec<Incoming>, Vec<u8>) {
        let mut out = Vec::new();
        let mut seen = Vec::new();
        for frame in frames {
            let advance = endpoint.advance(&mut frame.to_vec(), &mut out);
            assert_eq!(advance.consumed_bytes, frame.len());
            seen.push(advance.incoming);
        }
        (seen, out)
    }

    #[test]
    fn pings_are_answered_and_pongs_reported() {
        let (seen, out) = feed(&mut endpoint(), &[&PING, &PONG]);
        assert_eq!(seen, [Incoming::Ping, Incoming::Pong(Payload::Input(6..7))]);
        assert_eq!(out, b"\x8a\x01p");
    }

    #[test]
    fn the_peers_close_is_answered_once_with_its_code() {
        let mut endpoint = self::endpoint();
        let (seen, out) = feed(&mut endpoint, &[&CLOSE, &CLOSE, &PING, &MESSAGE]);
        let end = Incoming::End(Ending::ByPeer(close_frame(1001, Payload::Input(8..8))));
        assert_eq!(
            seen,
            [end, Incoming::Nothing, Incoming::Nothing, Incoming::Nothing]
        );
        assert_eq!(out, b"\x88\x02\x03\xe9");
        assert_eq!(endpoint.phase(), Phase::Over);
    }

    #[test]
    fn a_close_without_a_code_is_answered_without_one() {
        let (seen, out) = feed(&mut endpoint(), &[&CLOSE_WITHOUT_CODE]);
        let close = CloseFrame {
            code: None,
            reason: Payload::Input(6..6),
        };
        assert_eq!(seen, [Incoming::End(Ending::ByPeer(close))]);
        assert_eq!(out, b"\x88\x00");
    }

    #[test]
    fn after_our_close_the_peer_is_heard_only_for_its_own() {
        let mut endpoint = self::endpoint();
        let mut out = Vec::new();
        endpoint.close(CloseCode::NORMAL, "Timeout", &mut out);
        endpoint.close(CloseCode::GOING_AWAY, "", &mut out);
        assert_eq!(
            out, b"\x88\x09\x03\xe8Timeout",
            "one close frame, the first"
        );
        assert_eq!(endpoint.phase(), Phase::Closing);
        let (seen, out) = feed(&mut endpoint, &[&PING, &MESSAGE, &PONG, &CLOSE]);
        let end = Incoming::End(Ending::ByUs(close_frame(1001, Payload::Input(8..8))));
        assert_eq!(seen, [Incoming::Late, Incoming::Late, Incoming::Late, end]);
        assert_eq!(out, b"");
        assert_eq!(endpoint.phase(), Phase::Over);
    }

    #[test]
    fn a_violation_sends_its_code_and_ends() {
        let mut endpoint = self::endpoint();
        let unmasked: &[u8] = &[0x82, 0x00];
        let (seen, out) = feed(&mut endpoint, &[unmasked, &PING]);
        let end = Incoming::End(Ending::Violated(Violation::Unmasked));
        assert_eq!(seen, [end, Incoming::Nothing]);
        assert_eq!(out, b"\x88\x12\x03\xeaFrame not masked");
    }

    #[test]
    fn a_violation_after_our_close_is_not_answered() {
        let mut endpoint = self::endpoint();
        endpoint.close(CloseCode::NORMAL, "", &mut Vec::new());
        let (seen, out) = feed(&mut endpoint, &[&[0xc2]]);
        assert_eq!(
            seen,
            [Incoming::End(Ending::Violated(Violation::ReservedBit))]
        );
        assert_eq!(out, b"");
    }
}
