//! Categories: a tree of bounded depth, each with its path from the root.

pub mod api;
pub mod change;
pub mod rules;
pub mod shapes;
pub mod sql;
