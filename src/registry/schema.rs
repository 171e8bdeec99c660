//! The registry's schema and the list of its statements.

use super::{access, accounts, login, tokens};
use crate::store::Definition;

/// `registry.db`.
pub const DEFINITION: Definition = Definition {
    name: "registry",
    migrations: &[
        include_str!("migrations/0001_registry.sql"),
        include_str!("migrations/0002_short_contents.sql"),
    ],
};

/// The statements of every resource, by name: each `sql.rs` is one line here.
pub const STATEMENTS: &[&[(&str, &str)]] = &[
    crate::audit::STATEMENTS,
    super::blobs::sql::STATEMENTS,
    super::packages::sql::STATEMENTS,
    super::uplinks::sql::STATEMENTS,
    super::tarballs::sql::STATEMENTS,
    access::sql::STATEMENTS,
    accounts::sql::STATEMENTS,
    login::sql::STATEMENTS,
    super::listing::sql::STATEMENTS,
    super::search::sql::STATEMENTS,
    tokens::sql::STATEMENTS,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::plans::Plans;

    /// Walks that are as they should be: statement, what it walks through, and why.
    const ALLOWED_SCANS: &[(&str, &str, &str)] = &[
        ("audit::LAST", "audit_logs", "from its end, one row"),
        (
            "audit::WALK",
            "audit_logs",
            "the whole chain is what is checked",
        ),
        ("blobs::EACH_SHORT", "versions", "the doctor looks at all"),
        ("blobs::EACH_SHORT", "packages", "the doctor looks at all"),
        (
            "listing::COUNT",
            "packages",
            "all of them are counted, once after a change, off the shards",
        ),
        ("search::ALL", "package_cards", "from its end, so many rows"),
        (
            "search::MATCHING",
            "fitting",
            "what the index found, so many rows",
        ),
        (
            "uplinks::OLDEST_TARBALLS",
            "versions USING INDEX versions_by_use",
            OLDEST_KEPT,
        ),
        (
            "uplinks::OLDEST_DOCUMENTS",
            "packages USING INDEX packages_by_use",
            OLDEST_KEPT,
        ),
    ];

    const OLDEST_KEPT: &str = "from the end of an index, as many rows as are asked for";

    #[test]
    fn every_statement_is_valid_and_walks_through_nothing_unlisted() {
        Plans::hold(&DEFINITION, fixed(), ALLOWED_SCANS);
    }

    #[test]
    fn every_statement_stays_prepared() {
        Plans::hold_prepared(&DEFINITION, fixed());
    }

    fn fixed() -> impl Iterator<Item = (&'static str, &'static str)> {
        STATEMENTS.iter().copied().flatten().copied()
    }
}
