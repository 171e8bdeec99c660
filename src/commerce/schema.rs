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

/// The statements of every resource whose text is fixed, by name: each `sql.rs` is one line here.
pub const STATEMENTS: &[&[(&str, &str)]] = &[
    crate::auth::sessions::STATEMENTS,
    crate::mail::outbox::STATEMENTS,
    crate::audit::STATEMENTS,
    super::idempotency::STATEMENTS,
    super::accounts::addresses::sql::STATEMENTS,
    super::accounts::links::sql::STATEMENTS,
    super::accounts::sign_in::sql::STATEMENTS,
    super::accounts::users::sql::STATEMENTS,
    catalog::attributes::sql::STATEMENTS,
    catalog::categories::sql::STATEMENTS,
    catalog::products::listing::STATEMENTS,
    catalog::products::sql::STATEMENTS,
    catalog::search::sql::STATEMENTS,
    catalog::variants::sql::STATEMENTS,
    crate::vault::uploads::sql::STATEMENTS,
    inventory::sql::STATEMENTS,
    inventory::reservations::sql::STATEMENTS,
];

/// Every form of the statements that are put together from pieces, by name.
#[cfg(test)]
pub fn built_statements() -> Vec<(String, String)> {
    let mut built = catalog::products::listing::built_statements();
    built.extend(catalog::search::sql::built_statements());
    built
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::plans::Plans;

    /// Walks that are as they should be: statement, what it walks through, and why.
    const ALLOWED_SCANS: &[(&str, &str, &str)] = &[
        (
            "products::listing::extent",
            "found",
            "rows of an index that a LIMIT ends",
        ),
        (
            "products::listing::walk",
            "walked",
            "the rows of a walk along an index, of which a LIMIT lets few through",
        ),
        (
            "search::matching",
            "found",
            "what the index found, of which a LIMIT lets few through",
        ),
        ("audit::LAST", "audit_logs", "from its end, one row"),
        (
            "audit::WALK",
            "audit_logs",
            "the whole chain is what is checked",
        ),
        (
            "users::COUNT",
            "users USING INDEX users_live",
            "only where staff asks for the total",
        ),
        (
            "inventory::COUNT",
            "inventory USING INDEX inventory_item",
            "counts everything, in the heavy lane, for who asks for the total",
        ),
    ];

    #[test]
    fn every_statement_is_valid_and_walks_through_nothing_unlisted() {
        let built = built_statements();
        let mut all: Vec<(&str, &str)> = fixed().collect();
        all.extend(built.iter().map(|(name, sql)| (&**name, &**sql)));
        Plans::hold(&DEFINITION, all.into_iter(), ALLOWED_SCANS);
    }

    #[test]
    fn every_statement_stays_prepared() {
        Plans::hold_prepared(&DEFINITION, fixed());
    }

    fn fixed() -> impl Iterator<Item = (&'static str, &'static str)> {
        STATEMENTS.iter().copied().flatten().copied()
    }

    #[test]
    fn references_are_checked_by_the_statement_that_breaks_them() {
        // A check that is put off to the commit would fail the commands of others with it.
        for migration in DEFINITION.migrations {
            let text = migration.to_uppercase();
            assert!(!text.contains("DEFERRABLE") && !text.contains("DEFER_FOREIGN_KEYS"));
        }
    }
}
