//! Accounts in the store.

use crate::id::Id;
use crate::store::{Row, SqlFault, Tx, View};

use super::rules::{AccountName, Email};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Its address; empty where none was told.
    pub email: String,
    /// The stored form of its password.
    pub password: String,
    /// When it was made, in unix milliseconds.
    pub created_at: i64,
    /// When it was last changed.
    pub updated_at: i64,
}

/// The account of a name.
pub fn named(view: &View<'_>, name: &str) -> Result<Option<Account>, SqlFault> {
    view.one(NAMED, &[&name], account)
}

/// The account of an id.
pub fn read(view: &View<'_>, id: Id) -> Result<Option<Account>, SqlFault> {
    view.one(READ, &[&id], account)
}

/// Makes an account; `false` where the name is taken.
pub fn create(
    tx: &mut Tx<'_>,
    id: Id,
    name: &AccountName,
    email: Option<&Email>,
    password: &str,
) -> Result<bool, SqlFault> {
    let now_ms = tx.now_ms();
    let (name, email) = (name.as_str(), email.map_or("", Email::as_str));
    let made = tx.run(CREATE, &[&id, &name, &email, &password, &now_ms])?;
    Ok(made == 1)
}

/// Changes the stored form of a password.
pub fn set_password(tx: &mut Tx<'_>, id: Id, password: &str) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(SET_PASSWORD, &[&id, &password, &now_ms]).map(|_| ())
}

/// Changes an address.
pub fn set_email(tx: &mut Tx<'_>, id: Id, email: &Email) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    let email = email.as_str();
    tx.run(SET_EMAIL, &[&id, &email, &now_ms]).map(|_| ())
}

fn account(row: &Row<'_>) -> Result<Account, SqlFault> {
    Ok(Account {
        id: row.get(0)?,
        name: row.get(1)?,
        email: row.get(2)?,
        password: row.get(3)?,
        created_at: row.get(4)?,
        updated_at: row.get(5)?,
    })
}

const NAMED: &str = "\
    SELECT id, name, email, password, created_at, updated_at FROM accounts WHERE name = ?1";
const READ: &str = "\
    SELECT id, name, email, password, created_at, updated_at FROM accounts WHERE id = ?1";
const CREATE: &str = "\
    INSERT INTO accounts (id, name, email, password, created_at, updated_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT (name) DO NOTHING";
const SET_PASSWORD: &str = "UPDATE accounts SET password = ?2, updated_at = ?3 WHERE id = ?1";
const SET_EMAIL: &str = "UPDATE accounts SET email = ?2, updated_at = ?3 WHERE id = ?1";

/// Every statement, for the test of query plans.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("accounts::NAMED", NAMED),
    ("accounts::READ", READ),
    ("accounts::CREATE", CREATE),
    ("accounts::SET_PASSWORD", SET_PASSWORD),
    ("accounts::SET_EMAIL", SET_EMAIL),
];
