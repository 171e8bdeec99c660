//! Links in the store.

use super::rules::{LINK_MS, Purpose};
use crate::auth::SecretHash;
use crate::id::Id;
use crate::store::{SqlFault, ToValue, Tx, View};

/// Stores a link; those of the same purpose that the user had are good no more.
///
/// # Errors
/// What the store says.
pub fn issue(
    tx: &mut Tx<'_>,
    user: Id,
    purpose: Purpose,
    hash: &SecretHash,
) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    let user = user.text();
    tx.run(REVOKE, &[&user, &purpose.as_str(), &now_ms])?;
    let expires_at = now_ms + LINK_MS;
    let args: [&dyn ToValue; 5] = [hash, &user, &purpose.as_str(), &now_ms, &expires_at];
    tx.run(ISSUE, &args).map(|_| ())
}

/// Whether a link is good, without using it up.
///
/// # Errors
/// What the store says.
pub fn is_good(
    view: &View<'_>,
    purpose: Purpose,
    hash: &SecretHash,
    now_ms: i64,
) -> Result<bool, SqlFault> {
    let args: [&dyn ToValue; 3] = [hash, &purpose.as_str(), &now_ms];
    Ok(view.one(IS_GOOD, &args, |_| Ok(()))?.is_some())
}

/// Uses a link up; gives the user whose it is, unless it is good no more.
///
/// # Errors
/// What the store says.
pub fn consume(
    tx: &mut Tx<'_>,
    purpose: Purpose,
    hash: &SecretHash,
) -> Result<Option<Id>, SqlFault> {
    let now_ms = tx.now_ms();
    let args: [&dyn ToValue; 3] = [hash, &purpose.as_str(), &now_ms];
    tx.one(CONSUME, &args, |row| row.get(0))
}

/// Removes a user's links.
///
/// # Errors
/// What the store says.
pub fn remove_all(tx: &mut Tx<'_>, user: Id) -> Result<(), SqlFault> {
    tx.run(REMOVE_ALL, &[&user.text()]).map(|_| ())
}

/// Removes links that have been over for a time, at most so many.
///
/// # Errors
/// What the store says.
pub fn sweep(tx: &mut Tx<'_>, before_ms: i64, count_max: i64) -> Result<usize, SqlFault> {
    tx.run(SWEEP, &[&before_ms, &count_max])
}

const REVOKE: &str = "\
    UPDATE account_tokens SET used_at = ?3 \
    WHERE user_id = ?1 AND purpose = ?2 AND used_at IS NULL";
const ISSUE: &str = "\
    INSERT INTO account_tokens (hash, user_id, purpose, created_at, expires_at) \
    VALUES (?1, ?2, ?3, ?4, ?5)";
const IS_GOOD: &str = "\
    SELECT user_id FROM account_tokens \
    WHERE hash = ?1 AND purpose = ?2 AND used_at IS NULL AND expires_at > ?3";
const CONSUME: &str = "\
    UPDATE account_tokens SET used_at = ?3 \
    WHERE hash = ?1 AND purpose = ?2 AND used_at IS NULL AND expires_at > ?3 RETURNING user_id";
const REMOVE_ALL: &str = "DELETE FROM account_tokens WHERE user_id = ?1";
const SWEEP: &str = "\
    DELETE FROM account_tokens WHERE hash IN \
    (SELECT hash FROM account_tokens WHERE expires_at < ?1 LIMIT ?2)";

/// Every statement, for the test of query plans.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("links::REVOKE", REVOKE),
    ("links::ISSUE", ISSUE),
    ("links::IS_GOOD", IS_GOOD),
    ("links::CONSUME", CONSUME),
    ("links::REMOVE_ALL", REMOVE_ALL),
    ("links::SWEEP", SWEEP),
];
