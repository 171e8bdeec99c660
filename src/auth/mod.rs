//! Who calls, and how often they may.
//!
//! - `passwords` are hashed off the shard; a right one is answered by `tokens`, signed with the
//!   `keys` of the data folder;
//! - `principal`: the guards of handlers; they hold a token against the `sessions` of the store,
//!   and a cookie against forged requests (`cookies`, `csrf`);
//! - `rate` counts hits of a peer or a subject across every shard, `budget` holds the settings'
//!   limits;
//! - `watch` follows the key files while the server runs, `api` shows their public halves.

pub mod api;
pub mod budget;
pub mod cookies;
pub mod csrf;
pub mod keys;
pub mod passwords;
pub mod principal;
pub mod rate;
pub mod role;
pub mod secrets;
pub mod sessions;
pub mod tokens;
pub mod watch;

pub use role::Role;
pub use secrets::{Secret, SecretHash, is_equal, random, text_of};
