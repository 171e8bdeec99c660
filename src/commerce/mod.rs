//! The shop: each resource is a folder of `api`, `rules` and `sql`.

pub mod accounts;
pub mod audit;
pub mod idempotency;
pub mod inventory;
pub mod schema;
