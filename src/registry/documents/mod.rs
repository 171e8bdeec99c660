//! The documents of packages, which clients resolve versions by.
//!
//! - `fields`: JSON objects read as pieces of their text; `source`: what a package's documents are
//!   made from, rows of the store or an upstream's document; `build`: their two forms; `pack`:
//!   their encodings, as one blob.

pub mod build;
pub mod fields;
pub mod pack;
pub mod source;

pub use build::{Built, VersionLine, build};
pub use pack::{Packed, Part, pack};
pub use source::{Candidate, Everything, Fate, Filter, Hosted, Source, SourceFault};

#[cfg(test)]
mod tests;
