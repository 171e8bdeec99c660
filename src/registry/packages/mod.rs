//! Packages: their rows, and how a hosted one is changed.
//!
//! - `rows`: packages, versions, tags, collaborators and stars as the store keeps them; `sql`: how
//!   they are read and written.

pub mod rows;
pub mod sql;
