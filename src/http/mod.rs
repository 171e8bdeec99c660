//! The HTTP/1.1 server (RFC 9110, RFC 9112) and WebSockets (RFC 6455).
//!
//! - `route` and `router`: the tables and how a URL finds its row;
//! - `request`, `reply`, `exchange`, `problem`: what a handler reads and writes;
//! - `server` and `conversation`: a door's connections and the life of one of them; `answer`: one
//!   request on it;
//! - `input` and `body`: bytes on their way in; `lingering`: how a connection is closed;
//! - `websocket` is the codec, `live` a WebSocket connection.

mod answer;
mod body;
mod conversation;
mod date;
mod exchange;
mod input;
mod lingering;
mod live;
mod problem;
mod reply;
mod request;
mod route;
mod router;
mod server;
mod status;
pub mod websocket;

pub use exchange::{Exchange, Stored, Streaming};
pub use live::{Event, Live, LiveEnd, Pause};
pub use problem::{Afterwards, FieldFault, Occurrence, PROBLEM_JSON, Problem, pointer};
pub use reply::{Prepared, Reply};
pub use request::Request;
pub use route::{
    Access, Begin, Handler, Negotiate, Outcome, PlainHandler, RateClass, Route, Session, Upgrade,
    WaitingHandler, get, method_name,
};
pub use router::{Found, Router};
pub use server::{Application, ConnectionChange, Observation, Server, ServerOptions};
pub use status::reason;
