//! The io_uring data plane of one shard: sockets, buffers, deadlines and wake-ups (RING.md).
//!
//! A [`Ring`] belongs to the thread that made it. Streams, listeners and sleeps are handles into
//! it; its owner calls [`Ring::turn`] in a loop. What crosses threads enters by [`wake::Inbox`].
#![allow(unsafe_code)] // the kernel reads and writes memory that we hand it

mod buffers;
mod clock;
mod connect;
mod core;
mod counters;
mod deadline;
mod handle;
mod io_traits;
mod listener;
mod receive;
mod rest;
mod send;
mod shutdown;
mod slot;
mod socket;
mod stream;
mod token;
pub mod wake;

#[cfg(test)]
pub(crate) mod tests;

pub use buffers::Received;
pub use counters::Counters;
pub use deadline::Sleep;
pub use handle::{Holdings, Ring, RingOptions, Turn};
pub use listener::Listener;
pub use rest::{Rest, Waited};
pub use send::Outgoing;
pub use socket::{bind_shared, peer_address};
pub use stream::{Busy, TcpStream};
