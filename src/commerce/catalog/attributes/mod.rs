//! Attributes: what products can be told apart by, each with the values that it takes.

pub mod rules;
pub mod sql;
