//! Logins that clients wait for, in the store.

use crate::auth::SecretHash;
use crate::id::Id;
use crate::store::{SqlFault, Tx, View};

/// A login, as its page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The address of the client that waits.
    pub peer: String,
    /// Who has signed in.
    pub account: Option<Id>,
}

/// Begins a login, and forgets those whose time is over.
pub fn begin(
    tx: &mut Tx<'_>,
    page: &SecretHash,
    done: &SecretHash,
    peer: &str,
) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(FORGET, &[&now_ms])?;
    let expires_at = now_ms + LIFETIME_MS;
    let id = Id::fresh();
    tx.run(BEGIN, &[&id, page, done, &peer, &expires_at])
        .map(|_| ())
}

/// The login of a page.
pub fn of_page(
    view: &View<'_>,
    page: &SecretHash,
    now_ms: i64,
) -> Result<Option<Waiting>, SqlFault> {
    view.one(OF_PAGE, &[page, &now_ms], |row| {
        Ok(Waiting {
            peer: row.get(0)?,
            account: row.get(1)?,
        })
    })
}

/// The login that a client asks for.
pub fn of_client(
    view: &View<'_>,
    done: &SecretHash,
    now_ms: i64,
) -> Result<Option<Waiting>, SqlFault> {
    view.one(OF_CLIENT, &[done, &now_ms], |row| {
        Ok(Waiting {
            peer: row.get(0)?,
            account: row.get(1)?,
        })
    })
}

/// Notes who has signed in; `false` where somebody has, or where its time is over.
pub fn finish(tx: &mut Tx<'_>, page: &SecretHash, account: Id) -> Result<bool, SqlFault> {
    let now_ms = tx.now_ms();
    Ok(tx.run(FINISH, &[page, &account, &now_ms])? == 1)
}

/// Ends a login that somebody has signed in to; tells who.
pub fn take(tx: &mut Tx<'_>, done: &SecretHash) -> Result<Option<Id>, SqlFault> {
    let now_ms = tx.now_ms();
    tx.one(TAKE, &[done, &now_ms], |row| row.get(0))
}

/// How long a client waits: npm's registry gives as much.
pub const LIFETIME_MS: i64 = 10 * 60 * 1000;

const FORGET: &str = "DELETE FROM logins WHERE expires_at <= ?1";
const BEGIN: &str = "\
    INSERT INTO logins (id, page, done, peer, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)";
const OF_PAGE: &str = "\
    SELECT peer, account_id FROM logins WHERE page = ?1 AND expires_at > ?2";
const OF_CLIENT: &str = "\
    SELECT peer, account_id FROM logins WHERE done = ?1 AND expires_at > ?2";
const FINISH: &str = "\
    UPDATE logins SET account_id = ?2 \
    WHERE page = ?1 AND account_id IS NULL AND expires_at > ?3";
const TAKE: &str = "\
    DELETE FROM logins WHERE done = ?1 AND account_id IS NOT NULL AND expires_at > ?2 \
    RETURNING account_id";

/// Every statement, for the test of query plans.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("login::FORGET", FORGET),
    ("login::BEGIN", BEGIN),
    ("login::OF_PAGE", OF_PAGE),
    ("login::OF_CLIENT", OF_CLIENT),
    ("login::FINISH", FINISH),
    ("login::TAKE", TAKE),
];
