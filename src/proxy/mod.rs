//! The CONNECT proxy of the registry door (PROTOCOL.md): tunnels to the upstreams that a registry
//! hash names, and `GET` and `HEAD` that are passed on to them.
//!
//! - `decision`: pure, from a request's headers to an upstream; `refusal`: why not;
//! - `headers`: the `X-Bun-*` headers of a request; `local`: what a shard keeps;
//! - `api`: the two rows; `tunnel`: bytes both ways; `forward`: one exchange with an upstream.

pub mod api;
mod decision;
mod forward;
mod headers;
mod local;
mod refusal;
mod tunnel;

pub use decision::{Authority, Upstreams, decide};
pub use headers::check;
pub use local::Local;
pub use refusal::Refusal;
