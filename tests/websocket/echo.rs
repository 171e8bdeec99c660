//! A server that sends each message back, without sockets: bytes in, bytes out.

use thirteen::http::websocket::{Endpoint, Incoming, MessageKind, Phase, encode};
use thirteen_kernels::level::Level;

/// The server.
pub(crate) struct Echo {
    endpoint: Endpoint,
    out: Vec<u8>,
}

impl Echo {
    pub(crate) fn new(message_bytes_max: u32) -> Echo {
        Echo {
            endpoint: Endpoint::new(Level::detect(), message_bytes_max),
            out: Vec::new(),
        }
    }

    /// Takes what a client sent and returns what is to be sent to it.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut input = bytes.to_vec();
        let mut at = 0;
        while at < input.len() {
            let rest = &mut input[at..];
            let advance = self.endpoint.advance(rest, &mut self.out);
            assert!(advance.consumed_bytes > 0, "an advance gets on");
            at += advance.consumed_bytes;
            match advance.incoming {
                Incoming::Nothing => assert_eq!(at, bytes.len()),
                Incoming::Message {
                    kind: MessageKind::Text,
                    payload,
                } => {
                    let text = str::from_utf8(payload.bytes(rest)).expect("text is UTF-8");
                    encode::text(text, &mut self.out);
                }
                Incoming::Message {
                    kind: MessageKind::Binary,
                    payload,
                } => {
                    encode::binary(payload.bytes(rest), &mut self.out);
                }
                Incoming::Ping | Incoming::Pong(_) | Incoming::Late => {}
                Incoming::End(_) => assert_eq!(self.endpoint.phase(), Phase::Over),
            }
        }
        std::mem::take(&mut self.out)
    }

    pub(crate) fn phase(&self) -> Phase {
        self.endpoint.phase()
    }

    pub(crate) fn buffered_bytes(&self) -> usize {
        self.endpoint.buffered_bytes()
    }
}
