//! Products, and the lists of them.
//!
//! - `rules`: states, prices, what a list filters and how it is sorted;
//! - `walk`: one page out of several sorted lists; `listing`: the statements of those lists, put
//!   together by `statement`;
//! - `sql`: one product.

pub mod listing;
pub mod rules;
pub mod sql;
pub mod statement;
pub mod walk;
