//! The HTTP server over real sockets: the binary as users run it, and the library with routes of
//! its own where the product has none that would do.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod application;
#[path = "../websocket"]
mod autobahn {
    pub(crate) mod cases;
    pub(crate) mod replies;
}
mod bodies;
mod config;
mod connections;
mod conventions;
mod deadlines;
mod drain;
mod exchanges;
mod hostile;
mod in_process;
mod observation;
mod reload;
mod routes;
mod secrets;
mod shelf;
mod sockets;
#[path = "../support/mod.rs"]
mod support;
mod wire;

// The cases of the WebSocket suite name it so.
use autobahn::replies;
