//! WebSocket by RFC 6455 without sockets: bytes in, events and reply bytes out.
//!
//! - `handshake` and `origin` decide whether a request becomes a WebSocket;
//! - `endpoint` is what a connection holds: it feeds received bytes through the `decoder`, answers
//!   pings and runs the closing handshake;
//! - `encode` writes the server's frames;
//! - `frame`, `close` and `violation` are the vocabulary of the above.
//!
//! No extension is ever negotiated, so reserved bits are always a violation.

mod close;
mod decoder;
pub mod encode;
mod endpoint;
mod frame;
mod handshake;
mod origin;
mod violation;

pub use close::{CloseCode, CloseFrame};
pub use decoder::{Decoded, Decoder, Event, MessageKind, Payload};
pub use endpoint::{Advance, Ending, Endpoint, Incoming, Phase};
pub use frame::{Fragment, FrameHead, Opcode};
pub use handshake::{Accepted, Refusal, Subprotocols, Terms, UpgradeRequest, accept};
pub use origin::{OriginFault, OriginPolicy, UnreadableOrigin};
pub use violation::Violation;
