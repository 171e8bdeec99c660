//! Packages of upstreams, of one that answers as it is told: what the client saw, what was kept,
//! and what was logged.

mod cache;
mod faults;
mod filters;
mod freshness;
mod integrity;
mod origins;
pub(crate) mod scene;
