//! Packages of other registries: fetched once, checked, kept, and asked about again.
//!
//! - `rules`: which upstream a name comes from, what is fresh, what is shown; without I/O;

pub mod rules;
