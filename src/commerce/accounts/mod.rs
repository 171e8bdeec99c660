//! Identity: users and what is theirs.
//!
//! - `registration`: how a user comes to be; `sign_in`: sessions; `recovery`: a forgotten password;
//! - `users` and `addresses`: what they and staff read and change;
//! - `links`: the mailed tokens that the first and the third work with;
//! - `fields`: types of fields; `sweep`: what is over is removed.

pub mod addresses;
pub mod fields;
pub mod links;
pub mod recovery;
pub mod registration;
pub mod sign_in;
pub mod sweep;
pub mod users;
