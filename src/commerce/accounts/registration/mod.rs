//! How a user comes to be, and shows that the address is theirs.

pub mod api;
pub mod rules;
