//! Users in the store.

use super::rules::User;
use crate::auth::{Role, sessions};
use crate::id::Id;
use crate::json::Time;
use crate::store::{Constraint, Row, SqlFault, ToValue, Tx, View};

/// A user who is to be made.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The id.
    pub id: Id,
    /// As it was typed.
    pub email: String,
    /// What makes two addresses one.
    pub email_key: String,
    /// The name.
    pub name: String,
    /// The PHC string.
    pub password_hash: String,
    /// The role, from the beginning.
    pub role: Role,
}

/// What a login is held against.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Whose they are.
    pub id: Id,
    /// The PHC string.
    pub password_hash: String,
}

/// The user of an id, unless deleted.
///
/// # Errors
/// What the store says.
pub fn read(view: &View<'_>, id: Id) -> Result<Option<User>, SqlFault> {
    view.one(READ, &[&id.text()], user)
}

/// The credentials of the user with an address.
///
/// # Errors
/// What the store says.
pub fn credentials(view: &View<'_>, email_key: &str) -> Result<Option<Credentials>, SqlFault> {
    view.one(CREDENTIALS, &[&email_key], |row| {
        Ok(Credentials {
            id: row.get(0)?,
            password_hash: row.get(1)?,
        })
    })
}

/// Users in the order of their making.
///
/// # Errors
/// What the store says.
pub fn list(
    view: &View<'_>,
    after: Option<Id>,
    count_max: i64,
    skip: i64,
) -> Result<Vec<User>, SqlFault> {
    let after = after.map_or_else(String::new, |id| id.to_string());
    view.all(LIST, &[&after, &count_max, &skip], user)
}

/// How many users there are.
///
/// # Errors
/// What the store says.
pub fn count(view: &View<'_>) -> Result<u64, SqlFault> {
    let count = view.one(COUNT, &[], |row| row.get::<i64>(0))?;
    Ok(count.map_or(0, i64::cast_unsigned))
}

/// Makes a user with a role.
///
/// # Errors
/// One that [`is_email_taken`] knows where the address is taken.
pub fn insert(tx: &mut Tx<'_>, new: &NewUser) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    let id = new.id.text();
    let args: [&dyn ToValue; 6] = [
        &id,
        &new.email,
        &new.email_key,
        &new.name,
        &new.password_hash,
        &now_ms,
    ];
    tx.run(INSERT, &args)?;
    set_role(tx, new.id, new.role, None)
}

/// Whether a statement failed because another user has the address, and for no other rule.
pub fn is_email_taken(fault: &SqlFault) -> bool {
    match fault {
        SqlFault::Constraint {
            kind: Constraint::Unique,
            detail,
        } => detail.ends_with(": users.email_key"),
        SqlFault::Constraint { .. }
        | SqlFault::Busy
        | SqlFault::Full
        | SqlFault::Io
        | SqlFault::Other(_) => false,
    }
}

/// Stores what an update changed; the version goes on by one. Nothing is changed where it is not
/// `user.version` any more, which the number of rows tells.
///
/// # Errors
/// As [`insert`].
pub fn update(tx: &mut Tx<'_>, user: &User) -> Result<usize, SqlFault> {
    let now_ms = tx.now_ms();
    let args: [&dyn ToValue; 8] = [
        &user.id.text(),
        &user.version,
        &user.email,
        &user.email.to_ascii_lowercase(),
        &user.name,
        &user.phone,
        &user.email_verified,
        &now_ms,
    ];
    tx.run(UPDATE, &args)
}

/// Gives a user a role in place of the one before.
///
/// # Errors
/// What the store says.
pub fn set_role(
    tx: &mut Tx<'_>,
    user: Id,
    role: Role,
    granted_by: Option<Id>,
) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    let granted_by = granted_by.map(|id| id.to_string());
    let args: [&dyn ToValue; 4] = [&user.text(), &role.as_str(), &now_ms, &granted_by];
    tx.run(SET_ROLE, &args)?;
    tx.touch(sessions::topic(user));
    Ok(())
}

/// Whether there is another administrator than this one.
///
/// # Errors
/// What the store says.
pub fn has_other_admin(view: &View<'_>, but: Id) -> Result<bool, SqlFault> {
    let other = view.one(OTHER_ADMIN, &[&but.text()], |_| Ok(()))?;
    Ok(other.is_some())
}

/// Whether there is any administrator.
///
/// # Errors
/// What the store says.
pub fn has_admin(view: &View<'_>) -> Result<bool, SqlFault> {
    Ok(view.one(ANY_ADMIN, &[], |_| Ok(()))?.is_some())
}

/// Notes that a user's address is theirs.
///
/// # Errors
/// What the store says.
pub fn verify_email(tx: &mut Tx<'_>, user: Id) -> Result<usize, SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(VERIFY_EMAIL, &[&user.text(), &now_ms])
}

/// Stores another hash for a user's password.
///
/// # Errors
/// What the store says.
pub fn set_password(tx: &mut Tx<'_>, user: Id, hash: &str) -> Result<usize, SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(SET_PASSWORD, &[&user.text(), &hash, &now_ms])
}

/// Leaves of a user what orders refer to, and nothing that is personal.
///
/// # Errors
/// What the store says.
pub fn anonymise(tx: &mut Tx<'_>, user: Id) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    let id = user.text();
    let email = format!("{}@deleted.invalid", &*id);
    tx.run(ANONYMISE, &[&id, &email, &now_ms])?;
    tx.run(REMOVE_ROLE, &[&id])?;
    tx.touch(sessions::topic(user));
    Ok(())
}

fn user(row: &Row<'_>) -> Result<User, SqlFault> {
    let role: String = row.get(4)?;
    let unknown = || SqlFault::Other(format!("`{role}` is stored as a role"));
    Ok(User {
        id: row.get(0)?,
        version: row.get(1)?,
        email: row.get(2)?,
        name: row.get(3)?,
        role: Role::parse(&role).ok_or_else(unknown)?,
        email_verified: row.get(5)?,
        phone: row.get(6)?,
        created_at: Time(row.get(7)?),
        updated_at: Time(row.get(8)?),
    })
}

const READ: &str = "\
    SELECT users.id, version, email, name, role, email_verified_at IS NOT NULL, phone, \
    created_at, updated_at FROM users JOIN user_roles ON user_roles.user_id = users.id \
    WHERE users.id = ?1 AND deleted_at IS NULL";
const CREDENTIALS: &str = "\
    SELECT id, password_hash FROM users WHERE email_key = ?1 AND deleted_at IS NULL";
const LIST: &str = "\
    SELECT users.id, version, email, name, role, email_verified_at IS NOT NULL, phone, \
    created_at, updated_at FROM users JOIN user_roles ON user_roles.user_id = users.id \
    WHERE users.id > ?1 AND deleted_at IS NULL ORDER BY users.id LIMIT ?2 OFFSET ?3";
const COUNT: &str = "SELECT count(*) FROM users WHERE deleted_at IS NULL";
const INSERT: &str = "\
    INSERT INTO users (id, email, email_key, name, password_hash, created_at, updated_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)";
const UPDATE: &str = "\
    UPDATE users SET version = version + 1, email = ?3, email_key = ?4, name = ?5, phone = ?6, \
    email_verified_at = CASE WHEN ?7 THEN email_verified_at END, updated_at = ?8 \
    WHERE id = ?1 AND version = ?2 AND deleted_at IS NULL";
const SET_ROLE: &str = "\
    INSERT INTO user_roles (user_id, role, granted_at, granted_by) VALUES (?1, ?2, ?3, ?4) \
    ON CONFLICT (user_id) DO UPDATE SET role = excluded.role, granted_at = excluded.granted_at, \
    granted_by = excluded.granted_by";
const REMOVE_ROLE: &str = "DELETE FROM user_roles WHERE user_id = ?1";
const OTHER_ADMIN: &str = "\
    SELECT user_id FROM user_roles WHERE role = 'admin' AND user_id <> ?1 LIMIT 1";
const ANY_ADMIN: &str = "SELECT user_id FROM user_roles WHERE role = 'admin' LIMIT 1";
const VERIFY_EMAIL: &str = "\
    UPDATE users SET email_verified_at = ?2, version = version + 1, updated_at = ?2 \
    WHERE id = ?1 AND email_verified_at IS NULL AND deleted_at IS NULL";
const SET_PASSWORD: &str = "\
    UPDATE users SET password_hash = ?2, updated_at = ?3 WHERE id = ?1 AND deleted_at IS NULL";
const ANONYMISE: &str = "\
    UPDATE users SET version = version + 1, email = ?2, email_key = ?2, name = 'Deleted user', \
    phone = NULL, password_hash = '', email_verified_at = NULL, updated_at = ?3, \
    deleted_at = ?3 WHERE id = ?1";

/// Every statement, for the test of query plans.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("users::READ", READ),
    ("users::CREDENTIALS", CREDENTIALS),
    ("users::LIST", LIST),
    ("users::COUNT", COUNT),
    ("users::INSERT", INSERT),
    ("users::UPDATE", UPDATE),
    ("users::SET_ROLE", SET_ROLE),
    ("users::REMOVE_ROLE", REMOVE_ROLE),
    ("users::OTHER_ADMIN", OTHER_ADMIN),
    ("users::ANY_ADMIN", ANY_ADMIN),
    ("users::VERIFY_EMAIL", VERIFY_EMAIL),
    ("users::SET_PASSWORD", SET_PASSWORD),
    ("users::ANONYMISE", ANONYMISE),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commerce::scene::Scene;

    #[test]
    fn an_address_that_is_taken_is_told_from_other_faults() {
        let scene = Scene::new();
        let ada = scene.user("ada@example.com", Role::Customer);
        let fault_of = |id: Id, email: &str| {
            let new = NewUser {
                id,
                email: email.to_owned(),
                email_key: email.to_ascii_lowercase(),
                name: "Somebody".to_owned(),
                password_hash: "none".to_owned(),
                role: Role::Customer,
            };
            scene.try_write(move |tx| insert(tx, &new)).unwrap_err()
        };
        assert!(is_email_taken(&fault_of(Id::fresh(), "ADA@example.com")));
        let ours = fault_of(ada, "eve@example.com");
        assert!(!is_email_taken(&ours), "{ours:?}");
        let is_unique = matches!(
            ours,
            SqlFault::Constraint {
                kind: Constraint::Unique,
                ..
            }
        );
        assert!(is_unique, "{ours:?}");
    }
}
