//! Tokens: what clients show instead of a password.
//!
//! - `rules`: how a token looks and what it may do; `sql` in the store; `api` the endpoints that
//!   list, make and revoke them.

pub mod api;
pub mod rules;
pub mod sql;
