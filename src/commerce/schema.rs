//! The shop's schema and the list of its statements.

use crate::store::Definition;

use super::inventory;

/// `commerce.db`.
pub const DEFINITION: Definition = Definition {
    name: "commerce",
    migrations: &[
        include_str!("migrations/0001_identity.sql"),
        include_str!("migrations/0002_catalog.sql"),
        include_str!("migrations/0003_stock.sql"),
    ],
};

/// The statements of every resource, by name: each `sql.rs` is one line here.
pub const STATEMENTS: &[&[(&str, &str)]] = &[
    inventory::sql::STATEMENTS,
    inventory::reservations::sql::STATEMENTS,
];
