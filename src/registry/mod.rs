//! The npm registry: packages that are hosted here and those of upstream registries, under one name
//! each.
//!
//! - `documents`: what clients resolve versions by, built when a package changes;
//! - `packages`: their rows, and how a hosted one is changed; `tags`: names for versions; `owners`,
//!   `stars`: who owns and who likes them;
//! - `uplinks`: packages of other registries;
//! - `publish`: how a version comes in; `tarballs`: how its archive goes out; `blobs`: files by
//!   their content; `archive`: what a tarball holds;
//! - `access`: who calls and what they may; `accounts`, `tokens`, `login`: what that depends on;
//!   `body`: what clients send; `wording`: what several parts say alike;
//! - `search`: what is found by words; `listing`: what is here, by name;
//!   `advisories`: what is known to be wrong with versions;
//! - `name` and `version`: how packages and their versions are written; `schema`: the tables and
//!   the list of all statements; `topics`: what a commit tells caches.

pub mod access;
pub mod accounts;
pub mod advisories;
pub mod archive;
pub mod blobs;
pub mod body;
pub mod budget;
pub mod documents;
pub mod listing;
pub mod login;
pub mod name;
pub mod owners;
pub mod packages;
pub mod publish;
pub mod schema;
pub mod search;
pub mod stars;
pub mod tags;
pub mod tarballs;
pub mod tokens;
pub mod topics;
pub mod uplinks;
pub mod version;
pub mod wording;
