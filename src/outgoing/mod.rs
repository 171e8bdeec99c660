//! Requests to other servers: HTTP/1.1 over the ring's streams, with and without TLS.
//!
//! - `client`: [`Outgoing`], what a shard sends requests with; `request` and `response`;
//! - `connection` and `wire`: hyper's client connection on a stream, a task of its own; `pool`:
//!   connections that are kept;
//! - `dial`: from a name to a stream; `dns` and `guard`: to which address;
//! - `redirect`: following where a response points; `url`;
//! - `breaker`: when not to ask at all.

pub mod breaker;
mod client;
mod connection;
mod dial;
pub mod dns;
mod fault;
pub mod guard;
mod pool;
mod redirect;
mod request;
mod response;
#[cfg(test)]
mod tests;
mod url;
mod wire;

pub use client::Outgoing;
pub use fault::{Awaited, NameFault, OutgoingFault};
pub use hyper::Method;
pub use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
pub use request::{Request, Scheme, Target};
pub use response::{Body, Response};
pub use url::{Url, UrlFault};
