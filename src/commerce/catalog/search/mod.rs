//! Products by words: FTS5 with prefixes and ranks.

pub mod rules;
pub mod sql;

pub use rules::words_of;
