//! The search index in the store: FTS5, and nothing else in the house knows of it.

use crate::commerce::catalog::products::rules::Filter;
use crate::commerce::catalog::products::statement::Statement;
use crate::store::{Row, SqlFault, Tx, View};

use super::rules::{Expression, Words};

/// A product that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// Its number.
    pub number: i64,
    /// How well it fits (BM25); less is better.
    pub score: f64,
}

/// The products that fit best, best first. Where more than [`RANKED_MAX`] fit, those are ranked
/// that have the words in their names, and of the others the latest. `rest` has the conditions
/// that the expression does not hold.
pub fn ranked(
    view: &View<'_>,
    expression: &Expression,
    rest: &Filter,
    ceiling: i64,
) -> Result<Vec<Match>, SqlFault> {
    let mut found = best(view, &expression.anywhere, rest, ceiling)?;
    if found.len() > RANKED_MAX {
        let mut by_name = best(view, &expression.in_name, rest, ceiling)?;
        by_name.truncate(RANKED_MAX);
        let known: std::collections::HashSet<i64> =
            by_name.iter().map(|found| found.number).collect();
        found.retain(|found| !known.contains(&found.number));
        by_name.extend(found);
        by_name.truncate(RANKED_MAX);
        found = by_name;
    }
    found.sort_by(|one, other| {
        let by_score = one.score.total_cmp(&other.score);
        by_score.then(other.number.cmp(&one.number))
    });
    Ok(found)
}

/// The highest number that the index knows; 0 where it is empty.
pub fn ceiling(view: &View<'_>) -> Result<i64, SqlFault> {
    Ok(view
        .one(CEILING, &[], |row| row.get(0))?
        .unwrap_or_default())
}

/// Adds the words of a product.
pub fn add(tx: &mut Tx<'_>, number: i64, words: &Words) -> Result<(), SqlFault> {
    let Words {
        name,
        sku,
        description,
        facets,
    } = words;
    tx.run(ADD, &[&number, name, sku, description, facets])?;
    Ok(())
}

/// Takes the words of a product out.
pub fn remove(tx: &mut Tx<'_>, number: i64) -> Result<(), SqlFault> {
    tx.run(REMOVE, &[&number])?;
    Ok(())
}

fn best(
    view: &View<'_>,
    expression: &str,
    rest: &Filter,
    ceiling: i64,
) -> Result<Vec<Match>, SqlFault> {
    let statement = matching(expression, rest, ceiling);
    view.all_built(&statement.text, &statement.arguments(), |row: &Row<'_>| {
        Ok(Match {
            number: row.get(0)?,
            score: row.get(1)?,
        })
    })
}

fn matching(expression: &str, rest: &Filter, ceiling: i64) -> Statement {
    let mut statement = Statement::of(MATCHES);
    statement.bind(expression);
    statement.condition(" AND rowid <= ", ceiling);
    statement.add(" ORDER BY rowid DESC");
    statement.condition(" LIMIT ", CHECKED_MAX);
    let inner = std::mem::take(&mut statement.text);
    statement.add("SELECT found.number, found.score FROM (");
    statement.add(&inner);
    // In SQLite a CROSS JOIN goes through its sides in this order.
    statement.add(") AS found CROSS JOIN products AS walked");
    statement.add(" WHERE walked.number = found.number AND walked.deleted_at IS NULL");
    statement.with_statuses(rest);
    statement.meet(rest);
    statement.condition(" LIMIT ", RANKED_MAX as i64 + 1);
    statement
}

/// Products that are ranked for one search, at most.
pub const RANKED_MAX: usize = 1000;
/// Products of which conditions are checked that the index does not hold, at most.
const CHECKED_MAX: i64 = 4000;

const CEILING: &str = "SELECT MAX(number) FROM products";
const ADD: &str = "INSERT INTO product_search (rowid, name, sku, description, facets) \
     VALUES (?1, ?2, ?3, ?4, ?5)";
const REMOVE: &str = "DELETE FROM product_search WHERE rowid = ?1";
const MATCHES: &str = "SELECT rowid AS number, bm25(product_search, 10.0, 8.0, 1.0, 0.0) AS score \
     FROM product_search WHERE product_search MATCH ";

/// Every statement of this file whose text is fixed.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("search::CEILING", CEILING),
    ("search::ADD", ADD),
    ("search::REMOVE", REMOVE),
];

/// The statements that are put together.
#[cfg(test)]
pub fn built_statements() -> Vec<(String, String)> {
    let shop = Filter::of_shop();
    let priced = Filter {
        price_min: Some(1),
        rating_min_centi: Some(1),
        ..shop.clone()
    };
    let form = |name: &str, rest| (name.to_owned(), matching("a", rest, 1).text);
    vec![
        form("search::matching", &shop),
        form("search::matching(conditions)", &priced),
    ]
}
