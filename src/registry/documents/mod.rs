//! The documents of packages, which clients resolve versions by.
//!
//! - `fields`: JSON objects read as pieces of their text; `source`: what a package's documents are
//!   made from, rows of the store or an upstream's document; `build`: their two forms; `pack`:
//!   their encodings, as one blob;
//! - `cache`: what a shard keeps in memory; `load`: how it comes there; `index`: where each version
//!   stands; `accept` and `base`: what a request asks for; `api`: the endpoints.

pub mod accept;
pub mod api;
pub mod base;
pub mod build;
pub mod cache;
pub mod fields;
pub mod index;
pub mod load;
pub mod pack;
pub mod source;

pub use build::{Built, VersionLine, build};
pub use cache::Documents;
pub use pack::{Packed, Part, pack};
pub use source::{Candidate, Everything, Fate, Filter, Hosted, Source, SourceFault};

#[cfg(test)]
mod tests;
