//! Links in the store.

use super::rules::{LINK_MS, Purpose};
use crate::auth::SecretHash;
use crate::id::Id;
use crate::store::{SqlFault, ToValue, Tx, View};

/// Stores a link to the address that the user has; those of the same purpose that they had are
/// good no more.
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

/// Uses a link up; gives the user whose it is, unless it is good no more, or was mailed to another
/// address than the user has.
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

/// Ends a user's links of every purpose: whoever reads the mail of an address that was given up
/// has no business with the account.
///
/// # Errors
/// What the store says.
pub fn end_all(tx: &mut Tx<'_>, user: Id) -> Result<usize, SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(END_ALL, &[&user.text(), &now_ms])
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
    INSERT INTO account_tokens (hash, user_id, purpose, email_key, created_at, expires_at) \
    SELECT ?1, id, ?3, email_key, ?4, ?5 FROM users WHERE id = ?2";
const IS_GOOD: &str = "\
    SELECT user_id FROM account_tokens \
    WHERE hash = ?1 AND purpose = ?2 AND used_at IS NULL AND expires_at > ?3 \
    AND email_key = (SELECT users.email_key FROM users WHERE users.id = user_id)";
const CONSUME: &str = "\
    UPDATE account_tokens SET used_at = ?3 \
    WHERE hash = ?1 AND purpose = ?2 AND used_at IS NULL AND expires_at > ?3 \
    AND email_key = (SELECT users.email_key FROM users WHERE users.id = user_id) \
    RETURNING user_id";
const END_ALL: &str = "\
    UPDATE account_tokens SET used_at = ?2 WHERE user_id = ?1 AND used_at IS NULL";
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
    ("links::END_ALL", END_ALL),
    ("links::REMOVE_ALL", REMOVE_ALL),
    ("links::SWEEP", SWEEP),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Role, Secret};
    use crate::commerce::scene::Scene;

    /// Ending all links at a move is one guard; this is the other, which stands without it.
    #[test]
    fn a_link_is_good_at_the_address_that_it_was_mailed_to() {
        const MOVE: &str = "UPDATE users SET email = ?2, email_key = ?2 WHERE id = ?1";
        let scene = Scene::new();
        let user = scene.user("ada@example.com", Role::Customer);
        let hash = Secret::of([7; 32]).hash();
        let purpose = Purpose::ResetPassword;
        scene.write(move |tx| issue(tx, user, purpose, &Secret::of([7; 32]).hash()));
        let is_good = || scene.read(|view| is_good(view, purpose, &hash, 0));
        let consume = || scene.write(move |tx| consume(tx, purpose, &Secret::of([7; 32]).hash()));
        assert!(is_good());
        scene.write(move |tx| tx.run(MOVE, &[&user.text(), &"eve@example.com"]));
        assert!(!is_good());
        assert_eq!(consume(), None);
        scene.write(move |tx| tx.run(MOVE, &[&user.text(), &"ada@example.com"]));
        assert!(is_good());
        assert_eq!(consume(), Some(user));
        assert_eq!(consume(), None);
    }

    #[test]
    fn all_links_of_a_user_end_at_once_and_nobody_elses() {
        let scene = Scene::new();
        let ada = scene.user("ada@example.com", Role::Customer);
        let eve = scene.user("eve@example.com", Role::Customer);
        let links = [
            (ada, Purpose::ResetPassword),
            (ada, Purpose::VerifyEmail),
            (eve, Purpose::ResetPassword),
        ];
        let hash = |at: usize| Secret::of([at as u8; 32]).hash();
        for (at, (user, purpose)) in links.into_iter().enumerate() {
            scene.write(move |tx| issue(tx, user, purpose, &hash(at)));
        }
        assert_eq!(scene.write(move |tx| end_all(tx, ada)), 2);
        let good: Vec<bool> = links
            .iter()
            .enumerate()
            .map(|(at, (_, purpose))| scene.read(|view| is_good(view, *purpose, &hash(at), 0)))
            .collect();
        assert_eq!(good, [false, false, true]);
    }
}
