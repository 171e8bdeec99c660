//! Links that are mailed: each holds a secret that is good once, for half an hour.

pub mod rules;
pub mod sql;
