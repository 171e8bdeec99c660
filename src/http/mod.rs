//! The HTTP/1.1 server.

pub mod websocket;
