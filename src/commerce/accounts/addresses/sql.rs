//! Addresses in the store.

use super::rules::Address;
use crate::id::Id;
use crate::json::Time;
use crate::store::{Row, SqlFault, ToValue, Tx, View};

/// The addresses of a user, in the order of their making.
///
/// # Errors
/// What the store says.
pub fn list(
    view: &View<'_>,
    user: Id,
    after: Option<Id>,
    count_max: i64,
    skip: i64,
) -> Result<Vec<Address>, SqlFault> {
    let after = after.map_or_else(String::new, |id| id.to_string());
    view.all(LIST, &[&user.text(), &after, &count_max, &skip], address)
}

/// How many addresses a user has.
///
/// # Errors
/// What the store says.
pub fn count(view: &View<'_>, user: Id) -> Result<i64, SqlFault> {
    let count = view.one(COUNT, &[&user.text()], |row| row.get(0))?;
    Ok(count.unwrap_or(0))
}

/// One address of a user.
///
/// # Errors
/// What the store says.
pub fn read(view: &View<'_>, user: Id, id: Id) -> Result<Option<Address>, SqlFault> {
    view.one(READ, &[&user.text(), &id.text()], address)
}

/// Stores an address. Where it is the default, the one that was it is so no more.
///
/// # Errors
/// What the store says.
pub fn insert(tx: &mut Tx<'_>, user: Id, address: &Address) -> Result<(), SqlFault> {
    put(tx, INSERT, user, address)
}

/// Stores what an update changed; the version goes on by one.
///
/// # Errors
/// What the store says.
pub fn update(tx: &mut Tx<'_>, user: Id, address: &Address) -> Result<(), SqlFault> {
    put(tx, UPDATE, user, address)
}

fn put(
    tx: &mut Tx<'_>,
    statement: &'static str,
    user: Id,
    address: &Address,
) -> Result<(), SqlFault> {
    if address.is_default {
        clear_default(tx, user)?;
    }
    let now_ms = tx.now_ms();
    let args: [&dyn ToValue; 13] = [
        &address.id.text(),
        &user.text(),
        &address.label,
        &address.recipient,
        &address.line1,
        &address.line2,
        &address.city,
        &address.region,
        &address.postal_code,
        &address.country,
        &address.phone,
        &address.is_default,
        &now_ms,
    ];
    tx.run(statement, &args).map(|_| ())
}

/// Removes an address. Where it was the default, the oldest of the others is from here on.
///
/// # Errors
/// What the store says.
pub fn remove(tx: &mut Tx<'_>, user: Id, address: &Address) -> Result<(), SqlFault> {
    tx.run(REMOVE, &[&user.text(), &address.id.text()])?;
    if address.is_default {
        let now_ms = tx.now_ms();
        tx.run(PROMOTE, &[&user.text(), &now_ms])?;
    }
    Ok(())
}

/// Removes every address of a user.
///
/// # Errors
/// What the store says.
pub fn remove_all(tx: &mut Tx<'_>, user: Id) -> Result<(), SqlFault> {
    tx.run(REMOVE_ALL, &[&user.text()]).map(|_| ())
}

fn clear_default(tx: &mut Tx<'_>, user: Id) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(CLEAR_DEFAULT, &[&user.text(), &now_ms]).map(|_| ())
}

fn address(row: &Row<'_>) -> Result<Address, SqlFault> {
    Ok(Address {
        id: row.get(0)?,
        version: row.get(1)?,
        label: row.get(2)?,
        recipient: row.get(3)?,
        line1: row.get(4)?,
        line2: row.get(5)?,
        city: row.get(6)?,
        region: row.get(7)?,
        postal_code: row.get(8)?,
        country: row.get(9)?,
        phone: row.get(10)?,
        is_default: row.get(11)?,
        created_at: Time(row.get(12)?),
        updated_at: Time(row.get(13)?),
    })
}

const LIST: &str = "\
    SELECT id, version, label, recipient, line1, line2, city, region, postal_code, country, \
    phone, is_default, created_at, updated_at FROM addresses \
    WHERE user_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3 OFFSET ?4";
const COUNT: &str = "SELECT count(*) FROM addresses WHERE user_id = ?1";
const READ: &str = "\
    SELECT id, version, label, recipient, line1, line2, city, region, postal_code, country, \
    phone, is_default, created_at, updated_at FROM addresses WHERE user_id = ?1 AND id = ?2";
const INSERT: &str = "\
    INSERT INTO addresses (id, user_id, label, recipient, line1, line2, city, region, \
    postal_code, country, phone, is_default, created_at, updated_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13)";
const UPDATE: &str = "\
    UPDATE addresses SET version = version + 1, label = ?3, recipient = ?4, line1 = ?5, \
    line2 = ?6, city = ?7, region = ?8, postal_code = ?9, country = ?10, phone = ?11, \
    is_default = ?12, updated_at = ?13 WHERE id = ?1 AND user_id = ?2";
const CLEAR_DEFAULT: &str = "\
    UPDATE addresses SET is_default = 0, version = version + 1, updated_at = ?2 \
    WHERE user_id = ?1 AND is_default = 1";
const REMOVE: &str = "DELETE FROM addresses WHERE user_id = ?1 AND id = ?2";
const PROMOTE: &str = "\
    UPDATE addresses SET is_default = 1, version = version + 1, updated_at = ?2 WHERE id = \
    (SELECT id FROM addresses WHERE user_id = ?1 ORDER BY id LIMIT 1)";
const REMOVE_ALL: &str = "DELETE FROM addresses WHERE user_id = ?1";

/// Every statement, for the test of query plans.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("addresses::LIST", LIST),
    ("addresses::COUNT", COUNT),
    ("addresses::READ", READ),
    ("addresses::INSERT", INSERT),
    ("addresses::UPDATE", UPDATE),
    ("addresses::CLEAR_DEFAULT", CLEAR_DEFAULT),
    ("addresses::REMOVE", REMOVE),
    ("addresses::PROMOTE", PROMOTE),
    ("addresses::REMOVE_ALL", REMOVE_ALL),
];
