//! What every integration test needs: a server of its own, an HTTP client and a WebSocket client.
#![allow(
    dead_code,
    reason = "each test crate compiles this module and uses its own part of it"
)]

pub(crate) mod blobs;
pub(crate) mod config_client;
pub(crate) mod folder;
pub(crate) mod http;
pub(crate) mod moments;
pub(crate) mod npm;
pub(crate) mod registry;
pub(crate) mod server;
pub(crate) mod upstream;
pub(crate) mod weight;
