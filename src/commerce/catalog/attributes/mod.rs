//! Attributes: what products can be told apart by, each with the values that it takes.

pub mod api;
pub mod change;
pub mod rules;
pub mod shapes;
pub mod sql;
