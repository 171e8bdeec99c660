//! The search of packages: those that are hosted here, by words, and those of an upstream.
//!
//! - `card`: what a search finds of a package and shows of it, made when it changes; `rules`: what
//!   is searched for; `sql`: the index in the store; `api`: the endpoint, which adds the upstream's
//!   answer.

pub mod api;
pub mod card;
mod rules;
pub mod sql;
