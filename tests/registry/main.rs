//! The registry door over real sockets: a file for each part of REGISTRY.md.

#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod accounts;
mod advisories;
mod bases;
mod changes;
mod contents;
mod coverage;
mod dashboard;
mod documents;
mod login;
mod owners;
mod packing;
mod people;
mod proxy;
mod publish;
mod search;
mod shelf;
mod stars;
mod tags;
mod takeovers;
mod tarballs;
mod tokens;
mod upstream_loops;
mod upstream_turns;
mod upstream_weight;
mod upstreams;
mod weight;
