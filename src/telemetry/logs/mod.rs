//! Logs: JSON lines on stderr, written by a thread of their own.
//!
//! A line is `{"timestamp","level","component","message", …fields}`; the component is the room
//! that logs. Control characters are escaped, long texts cut, and fields named like a secret
//! hidden. Where stderr is the journal's socket, each line starts with its priority (`<6>`,
//! sd-daemon(3)), which the journal takes off again.

mod access;
mod filter;
mod line;
mod subscriber;
mod writer;

pub use access::{AccessEntry, AccessLines, AccessPolicy, without_secrets};
pub use filter::{Filter, FilterFault};
pub use subscriber::Logs;
pub use writer::{Sink, Stalled};
