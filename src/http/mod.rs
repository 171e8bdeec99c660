//! The HTTP/1.1 server (RFC 9110, RFC 9112) and WebSockets (RFC 6455).
//!
//! - `route` and `router`: the tables and how a URL finds its row;
//! - `request`, `reply`, `exchange`, `problem`: what a handler reads and writes;
//! - `endpoint`, `inputs`, `outcome`: handlers whose signature says who may call, what comes in and
//!   what goes out;
//! - `server` and `conversation`: a door's connections and the life of one of them; `answer`: one
//!   request on it;
//! - `input` and `body`: bytes on their way in; `lingering`: how a connection is closed;
//! - `websocket` is the codec, `live` a WebSocket connection.

mod answer;
mod asked;
mod body;
mod cache;
mod coding;
mod compress;
mod conditional;
mod conversation;
mod counted;
mod cursor;
mod date;
mod endpoint;
mod exchange;
mod input;
mod inputs;
mod lingering;
mod live;
mod outcome;
mod page;
mod policy;
mod problem;
mod range;
mod rehearsal;
mod reply;
mod request;
mod route;
mod router;
mod seats;
mod server;
mod status;
mod store_fault;
mod trace;
pub mod websocket;

pub use crate::json::Property;
pub use cache::{CacheTally, Generations, Rendered, ReplyCache};
pub use coding::{AcceptedCodings, Coding};
pub use compress::{Effort, compress};
pub use conditional::{
    EntityTag, Expected, Strength, TagCondition, Versioned, VersionedParts, conditions, etag_of,
    etag_of_parts, if_match, not_modified,
};
pub use counted::Counted;
pub use cursor::{Cursor, CursorValues, TEXT_BYTES_MAX as CURSOR_TEXT_BYTES_MAX};
pub use endpoint::{Admission, Content, Describing, Endpoint, Guard, Input, Mounted, Signature};
pub use exchange::{Exchange, Stored, Streaming};
pub use inputs::{Body, Query, Streamed};
pub use live::{Event, Live, LiveEnd, Pause};
pub use outcome::{Accepted, Answer, Created, Json, NoContent, Sent, Written};
pub use page::{LIMIT_DEFAULT, LIMIT_MAX, PAGE_MAX, Page, PageQuery, Start, Total, invalid_cursor};
pub use policy::{
    API_SECURITY, CorsPolicy, DoorPolicy, PAGES_SECURITY, PICTURE_SECURITY, ProblemForm, RequestIds,
};
pub use problem::{
    Afterwards, FieldFault, Occurrence, PROBLEM_JSON, Problem, RateExceeded, pointer,
};
pub use range::{Part, part};
pub use rehearsal::{Rehearsal, rehearse};
pub use reply::{Prepared, Reply};
pub use request::{Request, form, percent_encoded};
pub use route::{
    Access, Begin, Handler, Negotiate, Outcome, PlainHandler, PromptHandler, Promptness, RateClass,
    Route, Session, Tunnel, Upgrade, WaitingHandler, delete, get, method_name, post, put,
};
pub use router::{Found, Router};
pub use seats::Seat;
pub use server::{Application, ConnectionChange, Observation, Server, ServerOptions};
pub use status::reason;
pub use trace::{Came, QUANTUM_ID_BYTES_MAX, QuantumId, Trace};
