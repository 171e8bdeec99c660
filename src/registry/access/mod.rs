//! Who calls the registry door, and what they may read and publish.
//!
//! - `rules`: the decisions, as functions of values; `sql`: what they depend on in the store;
//! - `address`: where a request comes from;
//! - `credentials`: what a request shows, and whose it is, with what the shard remembers of it in
//!   `memory`; `guards`: the values that handlers take;
//! - `api`: the endpoints of visibility, access and collaborators.

mod address;
pub mod api;
mod credentials;
mod guards;
mod memory;
pub mod rules;
pub mod sql;

pub use address::{client_address, is_in};
pub(in crate::registry) use credentials::count_account_try;
pub use credentials::{Caller, Holder, invalid_token, unauthenticated, wrong_password};
pub use guards::{Administrator, Member, Visitor, Writer};
pub use memory::Memory;
