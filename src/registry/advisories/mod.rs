//! Advisories: what is known to be wrong with versions of packages.
//!
//! - `asked`: what clients ask, in npm's two forms; `audits`: how much that may take; `rules`: the
//!   report of the older form; `osv`: a folder of files that answers without an upstream;
//!   `recent`: answers of upstreams, for a short while;
//! - `api`: the endpoints; what is hosted here is never part of a question to an upstream.
//!
//! Of the older form, which tells a whole tree, an upstream is asked in the newer one, which tells
//! names and versions alone: the tree stays here, and npm's own registry retires that form.

pub mod api;
mod asked;
mod audits;
pub mod osv;
mod recent;
mod rules;

pub use audits::Audits;
pub use recent::Recent;
