//! The OpenAPI 3.1 document of the api door, made from its route table and the handlers' types.

pub mod api;
pub mod by_hand;
mod document;
mod names;

pub use document::document;
