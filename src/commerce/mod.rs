//! The shop: each resource is a folder of `api`, `shapes`, `rules`, `change` and `sql`, as many of
//! these as it needs.
//!
//! - `catalog`: products, categories, variants, attributes, search;
//! - `inventory`: how much there is of each;
//! - `currency`: ISO 4217;
//! - `idempotency`: keys of repeated requests; `listing`: where pages are read;
//! - `demo`: a shop to try; `schema`: the tables and the list of all statements.

pub mod accounts;
pub mod catalog;
pub mod currency;
pub mod demo;
pub mod idempotency;
pub mod inventory;
mod listing;
#[cfg(test)]
pub(crate) mod scene;
pub mod schema;
