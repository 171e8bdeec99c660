//! The commerce API over real sockets: a file for each resource, named as in the URLs.

#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

#[path = "../support/mod.rs"]
mod support;

mod attributes;
mod auth;
mod categories;
mod coverage;
mod demo;
mod document;
mod inventory;
mod products;
mod tour;
mod uploads;
mod users;
mod world;
