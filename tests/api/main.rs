//! The commerce API over real sockets: a file for each resource, named as in the URLs.

#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

#[path = "../support/mod.rs"]
mod support;

mod auth;
mod coverage;
mod document;
mod inventory;
mod users;
mod world;
