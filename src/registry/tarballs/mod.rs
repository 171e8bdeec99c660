//! Tarballs, from the disk to whoever may read their package.
//!
//! - `api`: the endpoint; `sql`: which file is meant; `cache`: short ones that were asked for;
//!   `reading`: long ones, a piece ahead of what is sent; `upstream`: those that are not here.

pub mod api;
mod cache;
mod reading;
pub mod sql;
mod upstream;

pub use cache::Kept as KeptTarballs;
