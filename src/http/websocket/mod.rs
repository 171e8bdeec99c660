//! WebSocket by RFC 6455 without sockets: bytes in, events and reply bytes out.
//!
//! - `encode` writes the server's frames;
//! - `frame`, `close` and `violation` are the vocabulary of the above.
//!
//! No extension is ever negotiated, so reserved bits are always a violation.

mod close;
mod decoder;
pub mod encode;
mod frame;
mod payload;
mod violation;

pub use close::{CloseCode, CloseFrame};
pub use decoder::{Decoded, Decoder, Event, MessageKind, Payload};
pub use frame::{Fragment, FrameHead, Opcode};
pub use violation::Violation;
