//! Tarballs, from the disk to whoever may read their package.
//!
//! - `api`: the endpoint; `sql`: which file is meant; `cache`: which were asked for, and the bytes
//!   of short ones; `reading`: long ones, a piece ahead of what is sent; `upstream`: those that are
//!   not here.

pub mod api;
mod cache;
mod reading;
pub mod sql;
mod upstream;

pub use cache::Kept as KeptTarballs;
