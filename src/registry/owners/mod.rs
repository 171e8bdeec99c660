//! Owners of packages one by one, as pnpm changes them. npm and yarn 1 put the list of all back
//! (`packages::api`).
//!
//! - `api`: the endpoints.

pub mod api;
