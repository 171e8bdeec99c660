//! The shop: each resource is a folder of `api`, `rules` and `sql`.

pub mod audit;
pub mod inventory;
pub mod schema;
