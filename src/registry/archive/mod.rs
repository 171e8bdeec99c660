//! Tarballs of packages, read without being unpacked.

mod inspected;

pub use inspected::{Inspected, Readme};
