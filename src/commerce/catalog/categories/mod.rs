//! Categories: a tree of bounded depth, each with its path from the root.

pub mod rules;
pub mod sql;
