//! The shop's schema and the list of its statements.

use crate::store::Definition;

use super::{catalog, inventory};

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
    catalog::attributes::sql::STATEMENTS,
    catalog::categories::sql::STATEMENTS,
    catalog::products::listing::STATEMENTS,
    catalog::products::sql::STATEMENTS,
    catalog::search::sql::STATEMENTS,
    catalog::variants::sql::STATEMENTS,
    inventory::sql::STATEMENTS,
];
