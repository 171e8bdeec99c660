//! Who calls, and how often they may.
//!
//! `passwords` are hashed off the shard; a right one is answered by `tokens`, signed with the
//! `keys` of the data folder. `rate` counts hits of a peer or a subject across every shard.

pub mod keys;
pub mod passwords;
pub mod rate;
pub mod role;
pub mod secrets;
pub mod tokens;

pub use role::Role;
pub use secrets::{is_equal, random, text_of};
