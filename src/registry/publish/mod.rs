//! Publishing a version: the body is read as it comes, its tarball to the spool, everything else
//! to memory; both are checked, and what is left to do is one change of the package.

mod publication;

pub use publication::{Publication, Publisher};
