//! Users, as they and staff see them.

pub mod api;
pub mod rules;
pub mod sql;
