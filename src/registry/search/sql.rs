//! The index in the store: FTS5, and nothing else of the registry knows of it.

use super::super::name::PackageName;
use super::card::Card;
use crate::id::Id;
use crate::store::{Row, SqlFault, Tx, View};

/// A package that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its name.
    pub name: PackageName,
    /// What is shown of it, a JSON object.
    pub card: String,
    /// How well its words fit; more is better.
    pub fit: f64,
    /// How much it tells of what it should, from 0 to 1.
    pub quality: f64,
    /// When it was published; Unix milliseconds.
    pub published_at: i64,
    /// How many accounts have starred it.
    pub stars: i64,
}

/// Lets a search find a package by its card, or by nothing; in the command that changes it.
///
/// # Errors
/// What the store says.
pub fn index(tx: &mut Tx<'_>, package: Id, card: Option<&Card>) -> Result<(), SqlFault> {
    // Its words go with it.
    tx.run(REMOVE, &[&package])?;
    let Some(card) = card else {
        return Ok(());
    };
    let number = tx.one(
        ADD,
        &[&package, &card.shown, &card.quality, &card.published_at],
        |row| row.get::<i64>(0),
    )?;
    let number = number.ok_or_else(|| SqlFault::Other("a card has a number".to_owned()))?;
    tx.run(
        ADD_WORDS,
        &[
            &number,
            &card.name,
            &card.keywords,
            &card.description,
            &card.people,
            &card.facets,
        ],
    )?;
    Ok(())
}

/// The packages that fit best, at most [`FOUND_MAX`].
///
/// # Errors
/// What the store says.
pub fn matching(view: &View<'_>, expression: &str) -> Result<Vec<Found>, SqlFault> {
    view.all(MATCHING, &[&expression, &FOUND_MAX], found)
}

/// The packages by name, at most [`FOUND_MAX`].
///
/// # Errors
/// What the store says.
pub fn all(view: &View<'_>) -> Result<Vec<Found>, SqlFault> {
    view.all(ALL, &[&FOUND_MAX], found)
}

fn found(row: &Row<'_>) -> Result<Found, SqlFault> {
    let unreadable = |_| SqlFault::Other("packages.name holds what is none".to_owned());
    Ok(Found {
        name: PackageName::parse_old(row.text(0)?).map_err(unreadable)?,
        card: row.get(1)?,
        fit: -row.get::<f64>(2)?,
        quality: row.get(3)?,
        published_at: row.get(4)?,
        stars: row.get(5)?,
    })
}

/// Packages that one search ranks.
pub const FOUND_MAX: i64 = 1000;

const REMOVE: &str = "DELETE FROM package_cards WHERE package_id = ?1";
const ADD: &str = "\
    INSERT INTO package_cards (package_id, card, quality, published_at) VALUES (?1, ?2, ?3, ?4) \
    RETURNING number";
const ADD_WORDS: &str = "\
    INSERT INTO package_search (rowid, name, keywords, description, people, facets) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
// In SQLite a CROSS JOIN goes through its sides in this order.
const MATCHING: &str = "\
    SELECT packages.name, card, score, quality, published_at, \
    (SELECT count(*) FROM stars WHERE stars.package_id = packages.id) FROM ( \
    SELECT rowid AS number, bm25(package_search, 10.0, 5.0, 2.0, 1.0, 0.0) AS score \
    FROM package_search WHERE package_search MATCH ?1 ORDER BY score LIMIT ?2 \
    ) AS fitting CROSS JOIN package_cards ON package_cards.number = fitting.number \
    CROSS JOIN packages ON packages.id = package_id";
const ALL: &str = "\
    SELECT packages.name, card, 0.0, quality, published_at, \
    (SELECT count(*) FROM stars WHERE stars.package_id = packages.id) \
    FROM package_cards CROSS JOIN packages ON packages.id = package_id \
    ORDER BY package_cards.number DESC LIMIT ?1";

/// Every statement, for the test of query plans.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("search::REMOVE", REMOVE),
    ("search::ADD", ADD),
    ("search::ADD_WORDS", ADD_WORDS),
    ("search::MATCHING", MATCHING),
    ("search::ALL", ALL),
];
