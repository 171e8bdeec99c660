//! Tokens in the store. Whoever takes one away touches `topics::account` of its owner.

use serde_json::Value;

use crate::id::Id;
use crate::store::{Row, SqlFault, Tx, View};

use super::rules::{Access, Networks, Token, TokenHash, key_of};

/// A token, without what would let anybody use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its id.
    pub id: Id,
    /// Whose.
    pub account_id: Id,
    /// The beginning of its text.
    pub shown: String,
    /// What its owner calls it.
    pub description: String,
    /// What it may do.
    pub access: Access,
    /// Where it may come from.
    pub networks: Networks,
    /// When it was made, in unix milliseconds.
    pub created_at: i64,
    /// When its time is over.
    pub expires_at: Option<i64>,
    /// When it was last seen, to the hour.
    pub used_at: Option<i64>,
}

/// A token in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The token.
    pub token: Stored,
    /// What clients name it by.
    pub key: String,
}

/// What is asked for with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What its owner calls it.
    pub description: String,
    /// What it may do.
    pub access: Access,
    /// Where it may come from.
    pub networks: Networks,
    /// For how long it is good; without it until it is revoked.
    pub lifetime_ms: Option<i64>,
}

impl Wanted {
    /// The token of a login.
    pub fn of_login(description: String, lifetime_ms: Option<i64>) -> Wanted {
        Wanted {
            description,
            access: Access::Write,
            networks: Networks::default(),
            lifetime_ms,
        }
    }
}

/// A token that is shown, with its owner's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The token.
    pub token: Stored,
    /// Its owner's name.
    pub name: String,
}

/// The token of a hash and its owner.
pub fn holder(view: &View<'_>, hash: &TokenHash) -> Result<Option<Holder>, SqlFault> {
    view.one(HOLDER, &[hash], |row| {
        let token = stored(row)?;
        let name = row.get(9)?;
        Ok(Holder { token, name })
    })
}

/// The tokens of an account, the youngest first: at most `count` that are older than the one of
/// `before`.
pub fn list(
    view: &View<'_>,
    account: Id,
    before: Option<Id>,
    count: i64,
) -> Result<Vec<Listed>, SqlFault> {
    let before = before.map_or_else(|| LAST_ID.to_owned(), |id| id.to_string());
    view.all(LIST, &[&account, &before, &count], |row| {
        let (token, hash): (Stored, TokenHash) = (stored(row)?, row.get(9)?);
        let key = key_of(&hash);
        Ok(Listed { token, key })
    })
}

/// How many tokens an account has.
pub fn count(view: &View<'_>, account: Id) -> Result<u64, SqlFault> {
    let count = view.one(COUNT, &[&account], |row| row.get::<i64>(0))?;
    Ok(count.unwrap_or_default().unsigned_abs())
}

/// Makes a token of an account.
pub fn create(
    tx: &mut Tx<'_>,
    account: Id,
    token: &Token,
    wanted: &Wanted,
) -> Result<Listed, SqlFault> {
    let now_ms = tx.now_ms();
    let made = Stored {
        id: Id::fresh(),
        account_id: account,
        shown: token.shown().to_owned(),
        description: wanted.description.clone(),
        access: wanted.access,
        networks: wanted.networks.clone(),
        created_at: now_ms,
        expires_at: wanted.lifetime_ms.map(|lifetime| now_ms + lifetime),
        used_at: None,
    };
    let networks = Value::from(made.networks.texts()).to_string();
    tx.run(
        CREATE,
        &[
            &made.id,
            &account,
            &token.hash(),
            &made.shown,
            &made.description,
            &made.access.as_str(),
            &networks,
            &made.created_at,
            &made.expires_at,
        ],
    )?;
    let key = key_of(&token.hash());
    Ok(Listed { token: made, key })
}

/// Takes away the tokens of an account whose time is over. Nobody can use them, so that no topic
/// is touched.
pub fn drop_expired(tx: &mut Tx<'_>, account: Id) -> Result<usize, SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(DROP_EXPIRED, &[&account, &now_ms])
}

/// Takes away the token of a hash, if it is this account's; gives its id.
pub fn revoke(tx: &mut Tx<'_>, account: Id, hash: &TokenHash) -> Result<Option<Id>, SqlFault> {
    tx.one(REVOKE, &[hash, &account], |row| row.get(0))
}

/// Takes away the token of a hash; gives its id and owner.
pub fn revoke_shown(tx: &mut Tx<'_>, hash: &TokenHash) -> Result<Option<(Id, Id)>, SqlFault> {
    tx.one(REVOKE_SHOWN, &[hash], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Takes away every token of an account but one; tells how many.
pub fn revoke_others(tx: &mut Tx<'_>, account: Id, kept: Option<Id>) -> Result<usize, SqlFault> {
    let kept = kept.map(|id| id.to_string()).unwrap_or_default();
    tx.run(REVOKE_OTHERS, &[&account, &kept])
}

/// Notes that a token was seen.
pub fn mark_used(tx: &mut Tx<'_>, id: Id) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(MARK_USED, &[&id, &now_ms]).map(|_| ())
}

fn stored(row: &Row<'_>) -> Result<Stored, SqlFault> {
    let (access, networks): (String, String) = (row.get(4)?, row.get(5)?);
    let unreadable = |what: &str| SqlFault::Other(format!("tokens.{what} holds what is none"));
    let texts: Vec<String> = serde_json::from_str(&networks).map_err(|_| unreadable("networks"))?;
    Ok(Stored {
        id: row.get(0)?,
        account_id: row.get(1)?,
        shown: row.get(2)?,
        description: row.get(3)?,
        access: Access::parse(&access).ok_or_else(|| unreadable("access"))?,
        networks: Networks::parse(&texts).map_err(|_| unreadable("networks"))?,
        created_at: row.get(6)?,
        expires_at: row.get(7)?,
        used_at: row.get(8)?,
    })
}

/// After every id.
const LAST_ID: &str = "g";

const HOLDER: &str = "\
    SELECT tokens.id, account_id, shown, description, access, networks, tokens.created_at, \
    expires_at, used_at, accounts.name FROM tokens JOIN accounts ON accounts.id = account_id \
    WHERE hash = ?1";
const LIST: &str = "\
    SELECT id, account_id, shown, description, access, networks, created_at, expires_at, used_at, \
    hash FROM tokens WHERE account_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
const COUNT: &str = "SELECT count(*) FROM tokens WHERE account_id = ?1";
const CREATE: &str = "\
    INSERT INTO tokens (id, account_id, hash, shown, description, access, networks, created_at, \
    expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const DROP_EXPIRED: &str = "DELETE FROM tokens WHERE account_id = ?1 AND expires_at <= ?2";
const REVOKE: &str = "DELETE FROM tokens WHERE hash = ?1 AND account_id = ?2 RETURNING id";
const REVOKE_SHOWN: &str = "DELETE FROM tokens WHERE hash = ?1 RETURNING id, account_id";
const REVOKE_OTHERS: &str = "DELETE FROM tokens WHERE account_id = ?1 AND id <> ?2";
const MARK_USED: &str = "UPDATE tokens SET used_at = ?2 WHERE id = ?1";

/// Every statement, for the test of query plans.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("tokens::HOLDER", HOLDER),
    ("tokens::LIST", LIST),
    ("tokens::COUNT", COUNT),
    ("tokens::CREATE", CREATE),
    ("tokens::DROP_EXPIRED", DROP_EXPIRED),
    ("tokens::REVOKE", REVOKE),
    ("tokens::REVOKE_SHOWN", REVOKE_SHOWN),
    ("tokens::REVOKE_OTHERS", REVOKE_OTHERS),
    ("tokens::MARK_USED", MARK_USED),
];
