//! The npm registry: packages that are hosted here and those of upstream registries, under one name
//! each.
//!
//! - `documents`: what clients resolve versions by, built when a package changes;
//! - `packages`: their rows, and how a hosted one is changed;
//! - `name`: what a package may be called; `version`: how its versions are written; `schema`: the tables and the list of all statements;
//!   `topics`: what a commit tells caches;
//! - `blobs`: files by their content, tarballs and documents; `archive`: what a tarball holds;
//!   `publish`: how a version comes in.
//! - `access`: who calls and what they may; `accounts`, `tokens`: what that depends on.

pub mod access;
pub mod accounts;
pub mod archive;
pub mod blobs;
pub mod documents;
pub mod name;
pub mod packages;
pub mod publish;
pub mod schema;
pub mod tokens;
pub mod topics;
pub mod version;
