//! What the registry door's dashboard reads and changes, below `/_dashboard/api/`.
//!
//! - `shapes`: what comes in and goes out; `config`: the configuration's document and its tags;
//!   `local`: what a shard remembers; `api`: the endpoints.

pub mod api;
mod config;
mod local;
pub mod shapes;

pub use local::Local;
