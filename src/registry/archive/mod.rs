//! Tarballs of packages, read without being unpacked.
//!
//! - `inspect`: the whole look, in steps that take no more than a moment each; `tar`: one header
//!   after the other; `path`: where an entry would come to lie; `manifest`: what its `package.json`
//!   says; `fault`: why an archive is refused; `inspected`: what it tells.
//!
//! npm's clients take the first folder of every path away and unpack what is left, each with its
//! own opinion of what is odd. An archive that one of them would read in another way than this
//! room is refused, so that all see the version that was looked at.

mod fault;
mod inspect;
mod inspected;
mod manifest;
mod path;
mod tar;

#[cfg(test)]
mod tests;

pub use fault::ArchiveFault;
pub use inspect::{Inspection, Step, inspect};
pub use inspected::{Inspected, Readme};
