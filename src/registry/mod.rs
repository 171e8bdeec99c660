//! The npm registry: packages that are hosted here and those of upstream registries, under one name
//! each.
//!
//! - `packages`: their rows, and how a hosted one is changed;
//! - `name`: what a package may be called; `schema`: the tables and the list of all statements;
//!   `topics`: what a commit tells caches.

pub mod name;
pub mod packages;
pub mod schema;
pub mod topics;
