//! Publishing a version: the body is read as it comes, its tarball to the spool, everything else
//! to memory; both are checked, and what is left to do is one change of the package.
//!
//! - `decoder` and `base64`: the body's two parts told apart; `intake`: both on their way;
//!   `document` and `members`: what the body says; `checks`: whether that agrees with itself and
//!   with the tarball; `claim`: whether its name is free; `publication`: what comes of it;
//!   `announce`: who is told of it; `api`: the endpoint.

mod announce;
pub mod api;
mod base64;
mod checks;
mod claim;
mod decoder;
mod document;
mod fault;
mod intake;
mod members;
mod publication;

#[cfg(test)]
mod tests;

pub use checks::{Checked, Tarball};
pub use claim::Claim;
pub use decoder::Decoder;
pub use document::Document;
pub use fault::PublishFault;
pub use publication::{Publication, Publisher};
