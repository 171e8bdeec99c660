//! Products by words: FTS5 with prefixes and ranks.

pub mod api;
pub mod rules;
pub mod shapes;
pub mod sql;

pub use rules::words_of;
