//! Stars: packages that accounts like.
//!
//! npm gives one by putting a document back (`packages::api`), pnpm by a request of its own.
//!
//! - `api`: the endpoints.

pub mod api;
