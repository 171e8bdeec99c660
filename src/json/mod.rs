//! JSON and queries in, JSON out, and what they look like: one declaration says what a field is
//! called, what it takes and how it is described.
//!
//! - `shape`: the `shape!` macro and the traits behind it; `choice`: closed sets of words;
//! - `body`: the bytes of a request's body and the text of its query;
//! - `fault`: what is wrong with an input, every fault at once, with its place;
//! - `text`, `number`, `time`, `list`, `change`, `document`: types of fields;
//! - `schema`: JSON Schema (draft 2020-12) of all of these, for the OpenAPI document.

mod body;
mod change;
mod choice;
mod document;
mod fault;
mod list;
mod number;
mod schema;
mod shape;
mod text;
mod time;

#[cfg(test)]
mod tests;

pub use body::{BodyFault, read_body, read_query};
pub use change::Change;
pub use document::Document;
pub use fault::{At, Fault, Faults};
pub use list::List;
pub use number::{Amount, Int};
pub use schema::{Describe, Schemas, merge};
pub use shape::{Fields, Object, Property, Raw, Read, Slot, object_schema, property, read_object};
pub use text::{Line, Slug, Text};
pub use time::Time;
