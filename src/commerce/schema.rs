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
    crate::auth::sessions::STATEMENTS,
    crate::mail::outbox::STATEMENTS,
    super::audit::STATEMENTS,
    inventory::sql::STATEMENTS,
    inventory::reservations::sql::STATEMENTS,
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
        (
            "inventory::COUNT",
            "inventory USING INDEX inventory_item",
            "counts everything, in the heavy lane, for who asks for the total",
        ),
    ];

    #[test]
    fn every_statement_is_valid_and_walks_through_nothing_unlisted() {
        let plans = Plans::of(&DEFINITION).unwrap();
        let mut unlisted = Vec::new();
        let mut used = Vec::new();
        for (name, sql) in STATEMENTS.iter().copied().flatten() {
            let scans = plans
                .scans(sql)
                .unwrap_or_else(|fault| panic!("{name}: {fault}"));
            for scan in scans {
                let listed = ALLOWED_SCANS
                    .iter()
                    .find(|(statement, walked, _)| statement == name && *walked == scan);
                match listed {
                    Some(entry) => used.push(entry),
                    None => unlisted.push(format!("{name} scans {scan}")),
                }
            }
        }
        assert_eq!(
            unlisted, [""; 0],
            "name an index, or list them with a reason"
        );
        let unused = ALLOWED_SCANS.iter().filter(|entry| !used.contains(entry));
        assert_eq!(unused.count(), 0, "a listed scan that is none");
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
