//! Logging in by a browser: a client asks for a page, opens it, and waits until somebody has
//! signed in there or made an account; then it gets a token, once.
//!
//! - `rules`: the page, and what keeps its form from being sent by other sites; `sql`: the logins
//!   that clients wait for; `api`: the endpoints.

pub mod api;
mod rules;
pub mod sql;
