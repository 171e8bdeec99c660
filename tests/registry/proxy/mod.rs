//! The CONNECT proxy, and requests that are passed on (PROTOCOL.md, "CONNECT proxy").

mod command_line;
mod forwarding;
mod headers;
mod ids;
mod refusals;
mod scene;
mod tunnels;
