//! WebSocket payloads: unmasking and UTF-8.

mod mask;
mod utf8;

pub use mask::unmask;
pub use utf8::{Utf8Fault, Utf8Stream};
