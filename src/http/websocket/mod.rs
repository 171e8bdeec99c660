//! WebSocket by RFC 6455 without sockets: bytes in, events and reply bytes out.
//!
//! - `endpoint` is what a connection holds: it feeds received bytes through the `decoder`, answers
//! - `encode` writes the server's frames;
//! - `frame`, `close` and `violation` are the vocabulary of the above.
//!
//! No extension is ever negotiated, so reserved bits are always a violation.

mod close;
mod decoder;
pub mod encode;
mod endpoint;
mod frame;
mod payload;
mod violation;

pub use close::{CloseCode, CloseFrame};
pub use decoder::{Decoded, Decoder, Event, MessageKind, Payload};
pub use endpoint::{Advance, Ending, Endpoint, Incoming, Phase};
pub use frame::{Fragment, FrameHead, Opcode};
pub use violation::Violation;
