//! What SQLite would walk through from end to end: for tests that hold statements to indexes.

use rusqlite::{Connection, StatementStatus};

use super::fault::SqlFault;
use super::open::{Definition, harden};
use super::view::View;

/// An empty store in memory, to ask for the plans of statements.
pub(crate) struct Plans {
    connection: Connection,
}

impl Plans {
    /// Runs the migrations of a store.
    pub(crate) fn of(definition: &Definition) -> Result<Plans, SqlFault> {
        let connection = Connection::open_in_memory()?;
        harden(&connection)?;
        for migration in definition.migrations {
            connection.execute_batch(migration)?;
        }
        Ok(Plans { connection })
    }

    /// Holds statements to the indexes of a store: none may be invalid, none may walk through what
    /// is not allowed with a reason (statement, what it walks through, why), and nothing may be
    /// allowed that none does.
    pub(crate) fn hold<'s>(
        definition: &Definition,
        statements: impl Iterator<Item = (&'s str, &'s str)>,
        allowed: &[(&str, &str, &str)],
    ) {
        let plans = Plans::of(definition).unwrap();
        let (mut unlisted, mut used) = (Vec::new(), Vec::new());
        for (name, sql) in statements {
            let scans = plans
                .scans(sql)
                .unwrap_or_else(|fault| panic!("{name}: {fault}"));
            for scan in scans {
                let listed = allowed
                    .iter()
                    .find(|(statement, walked, _)| name.starts_with(statement) && *walked == scan);
                match listed {
                    Some(entry) => used.push(entry),
                    None => unlisted.push(format!("{name} scans {scan}")),
                }
            }
        }
        assert_eq!(
            unlisted, [""; 0],
            "give them an index, or list them in ALLOWED_SCANS with a reason"
        );
        let unused: Vec<_> = allowed
            .iter()
            .filter(|entry| !used.contains(entry))
            .map(|(statement, walked, _)| format!("{statement} scans {walked}"))
            .collect();
        assert_eq!(
            unused, [""; 0],
            "in ALLOWED_SCANS, but no statement in STATEMENTS does it"
        );
    }

    /// Holds statements to stay prepared whatever values are bound.
    pub(crate) fn hold_prepared<'s>(
        definition: &Definition,
        statements: impl Iterator<Item = (&'s str, &'s str)>,
    ) {
        let plans = Plans::of(definition).unwrap();
        for (name, sql) in statements {
            assert_eq!(plans.preparations(sql).unwrap(), 0, "{name}");
        }
    }

    /// The scans of a statement; fails where it is not valid SQL for the schema.
    pub(crate) fn scans(&self, sql: &str) -> Result<Vec<String>, SqlFault> {
        scans(&View::new(&self.connection), sql)
    }

    /// How often a statement that is in the cache is prepared again when other values are bound.
    pub(crate) fn preparations(&self, sql: &str) -> Result<i32, SqlFault> {
        let mut statement = self.connection.prepare_cached(sql)?;
        for value in [7_i64, 8, 9] {
            for parameter in 1..=statement.parameter_count() {
                statement.raw_bind_parameter(parameter, value)?;
            }
            // The values are of no use to most statements, which is no matter here.
            let _refused_or_not = statement.raw_query().next();
        }
        Ok(statement.get_status(StatementStatus::RePrepare))
    }
}

/// What a statement walks through from end to end, as SQLite tells it: `products`, or `products
/// USING INDEX products_by_name` where the walk follows an index, which is as it should be where
/// a `LIMIT` ends it.
pub(crate) fn scans(view: &View<'_>, sql: &str) -> Result<Vec<String>, SqlFault> {
    let parameters = vec![super::Value::Null; view.parameters(sql)?];
    let bound: Vec<&dyn super::ToValue> = parameters.iter().map(|value| value as _).collect();
    let explain = format!("EXPLAIN QUERY PLAN {sql}");
    let steps = view.all_built(&explain, &bound, |row| row.get::<String>(3))?;
    Ok(steps.iter().filter_map(|step| scan_of(step)).collect())
}

/// `products` of `SCAN products`; nothing for what has no end to walk to: rows of constants,
/// results of a part of the statement, and virtual tables that were told what to look for.
fn scan_of(step: &str) -> Option<String> {
    // An index that is made for one statement is made by a walk through all rows.
    if step.contains("USING AUTOMATIC ") {
        return Some(step.to_owned());
    }
    let scanned = step.strip_prefix("SCAN ")?;
    let is_told = scanned
        .split_once(" VIRTUAL TABLE INDEX ")
        .is_some_and(|(_, plan)| plan != "0:");
    let is_of_the_statement = scanned.contains("CONSTANT ROW")
        || scanned.ends_with("-ROW VALUES CLAUSE")
        || scanned.starts_with('(');
    (!is_told && !is_of_the_statement).then(|| scanned.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: Definition = Definition {
        name: "shop",
        migrations: &["
            CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price INTEGER) STRICT;
            CREATE INDEX products_by_price ON products (price, id);
            CREATE VIRTUAL TABLE words USING fts5 (name)"],
    };

    #[test]
    fn scans_are_found_and_searches_are_not() {
        let plans = Plans::of(&SHOP).unwrap();
        for (sql, expected) in [
            ("SELECT name FROM products WHERE id = ?1", vec![]),
            (
                "SELECT name FROM products WHERE name = ?1",
                vec!["products"],
            ),
            ("SELECT p.id FROM products p WHERE p.name > ?1", vec!["p"]),
            (
                "SELECT name FROM products ORDER BY price, id LIMIT ?1",
                vec!["products USING INDEX products_by_price"],
            ),
            (
                "SELECT count(*) FROM products",
                vec!["products USING COVERING INDEX sqlite_autoindex_products_1"],
            ),
            ("SELECT name FROM words WHERE words MATCH ?1", vec![]),
            (
                "SELECT name FROM words",
                vec!["words VIRTUAL TABLE INDEX 0:"],
            ),
            (
                "SELECT id FROM products WHERE id IN (SELECT value FROM json_each(?1))",
                vec![],
            ),
            ("UPDATE products SET name = ?1 WHERE id = ?2", vec![]),
            ("DELETE FROM products WHERE name = ?1", vec!["products"]),
            (
                "INSERT INTO products VALUES (?1, ?2, ?3), (?4, ?5, ?6)",
                vec![],
            ),
        ] {
            assert_eq!(plans.scans(sql).unwrap(), expected, "{sql}");
        }
        assert!(plans.scans("SELECT nothing FROM products").is_err());
    }
}
