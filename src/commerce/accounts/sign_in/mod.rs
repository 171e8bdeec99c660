//! Sessions: they begin with a password, go on by refresh tokens that are good once each, and end.

pub mod api;
pub mod rules;
pub mod sql;
