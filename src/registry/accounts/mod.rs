//! Accounts of the registry: who may publish, and read what is not for everybody.
//!
//! - `rules`: what an account may be called; `sql` in the store; `api` the endpoints that npm's
//!   clients make accounts and log in by, and the profile.

pub mod api;
pub mod rules;
pub mod sql;
