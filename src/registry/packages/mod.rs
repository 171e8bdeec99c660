//! Packages: their rows, and how a hosted one is changed.
//!
//! - `rows`: packages, versions, tags, collaborators and stars as the store keeps them; `sql`: how
//!   they are read and written;
//! - `turns`: one change of a package at a time; `draft`: its rows meanwhile; `change`: a change
//!   from its turn to its commit, and a publish;
//! - `body`: documents that clients send back; `api`: the endpoints.

pub mod api;
pub mod body;
pub mod change;
pub mod draft;
pub mod rows;
pub mod sql;
pub mod turns;
