//! Tags: names for versions of a package.
//!
//! - `rules`: what a tag may be called; `api`: the endpoints.

pub mod api;
pub mod rules;
