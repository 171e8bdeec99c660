//! Signed tokens: `jws` makes and opens them, `access` says what ours hold, `cache` remembers
//! those that a shard has verified; `proxy` has those of the CONNECT proxy.

pub mod access;
mod cache;
pub mod jws;
pub mod proxy;

pub use access::{Claims, Grant, issue, verify};
pub use cache::{Found, TokenCache};
pub use jws::TokenFault;
