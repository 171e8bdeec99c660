//! Addresses of users: where orders are sent to.

pub mod api;
mod countries;
pub mod rules;
pub mod sql;
