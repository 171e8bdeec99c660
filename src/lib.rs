//! Thirteen: one binary that runs a shop's whole back end. This page is the map of the crate.

pub mod audit;
pub mod auth;
pub mod backup;
pub mod cli;
pub mod commerce;
pub mod context;
pub mod doors;
pub mod http;
pub mod id;
pub mod json;
pub mod limits;
pub mod mail;
pub mod openapi;
pub mod outgoing;
pub mod registry;
pub mod ring;
pub mod routes;
pub mod serve;
pub mod settings;
pub mod shard;
pub mod startup;
pub mod state;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod vault;
