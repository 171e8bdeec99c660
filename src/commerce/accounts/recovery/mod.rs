//! A forgotten password: a letter with a link, and another password.

pub mod api;
pub mod rules;
