//! The npm registry: packages that are hosted here and those of upstream registries, under one name
//! each.
//!
//! - `name`: what a package may be called; `schema`: the tables and the list of all statements;
//!   `topics`: what a commit tells caches;
//! - `access`: who calls and what they may; `accounts`, `tokens`: what that depends on.

pub mod access;
pub mod accounts;
pub mod name;
pub mod schema;
pub mod tokens;
pub mod topics;
