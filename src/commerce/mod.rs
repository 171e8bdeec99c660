//! The shop: what is sold, to whom, and what becomes of it.
//!
//! - `catalog`: products, categories, variants, attributes, search;
//! - `inventory`: how much there is of each;
//! - `currency`: ISO 4217.

pub mod catalog;
pub mod currency;
pub mod inventory;
