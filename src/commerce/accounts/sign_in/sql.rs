//! Sessions and their refresh tokens in the store.

use super::rules::{Fate, SESSION_MS, SessionState, Stored, fate, refresh_end};
use crate::auth::{SecretHash, sessions};
use crate::id::Id;
use crate::store::{SqlFault, ToValue, Tx, View};

crate::choice! {
    /// Why a session ended.
    pub enum Because {
        Logout = "logout",
        /// A refresh token was shown twice.
        Reuse = "reuse",
        /// The password was set anew.
        Password = "password",
        /// The user is gone.
        Deleted = "deleted",
    }
}

/// What became of a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// Its successor is good; `at` is the moment of the answer, which may have been given before.
    Good {
        /// The session.
        session: Id,
        /// Whose.
        user: Id,
        /// Unix milliseconds.
        at: i64,
    },
    /// It was used before, and its session has ended.
    Revoked {
        /// The session.
        session: Id,
        /// Whose.
        user: Id,
    },
    /// It is good for nothing.
    Refused,
}

/// Begins a session with its first refresh token.
///
/// # Errors
/// What the store says.
pub fn begin(tx: &mut Tx<'_>, session: Id, user: Id, refresh: &SecretHash) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    let expires_at = now_ms + SESSION_MS;
    tx.run(
        BEGIN,
        &[&session.text(), &user.text(), &now_ms, &expires_at],
    )?;
    add_token(tx, session, refresh, expires_at)
}

/// The refresh token of a hash.
///
/// # Errors
/// What the store says.
pub fn token(view: &View<'_>, hash: &SecretHash) -> Result<Option<Stored>, SqlFault> {
    view.one(TOKEN, &[hash], |row| {
        Ok(Stored {
            session: row.get(0)?,
            user: row.get(1)?,
            expires_at: row.get(2)?,
            rotated_at: row.get(3)?,
            session_state: match row.get(4)? {
                true => SessionState::Live,
                false => SessionState::Ended,
            },
            session_expires_at: row.get(5)?,
        })
    })
}

/// Uses a refresh token up and puts its successor in its place, or ends its session.
///
/// # Errors
/// What the store says.
pub fn rotate(
    tx: &mut Tx<'_>,
    hash: &SecretHash,
    successor: &SecretHash,
) -> Result<Rotation, SqlFault> {
    let now_ms = tx.now_ms();
    let Some(stored) = token(tx, hash)? else {
        return Ok(Rotation::Refused);
    };
    let Stored { session, user, .. } = stored;
    let at = match fate(&stored, now_ms) {
        Fate::Rotate => {
            tx.run(USE, &[hash, &now_ms, successor])?;
            add_token(tx, session, successor, stored.session_expires_at)?;
            now_ms
        }
        Fate::Repeat { at } => at,
        Fate::Revoke => {
            revoke(tx, session, user, Because::Reuse)?;
            return Ok(Rotation::Revoked { session, user });
        }
        Fate::Refuse => return Ok(Rotation::Refused),
    };
    Ok(Rotation::Good { session, user, at })
}

/// Ends a session.
///
/// # Errors
/// What the store says.
pub fn revoke(tx: &mut Tx<'_>, session: Id, user: Id, because: Because) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(REVOKE, &[&session.text(), &now_ms, &because.as_str()])?;
    tx.touch(sessions::topic(user));
    Ok(())
}

/// Ends every session of a user; tells how many there were.
///
/// # Errors
/// What the store says.
pub fn revoke_all(tx: &mut Tx<'_>, user: Id, because: Because) -> Result<usize, SqlFault> {
    let now_ms = tx.now_ms();
    let count = tx.run(REVOKE_ALL, &[&user.text(), &now_ms, &because.as_str()])?;
    tx.touch(sessions::topic(user));
    Ok(count)
}

/// Removes refresh tokens and sessions that have been over for a time, at most so many of each.
///
/// # Errors
/// What the store says.
pub fn sweep(tx: &mut Tx<'_>, before_ms: i64, count_max: i64) -> Result<usize, SqlFault> {
    let tokens = tx.run(SWEEP_TOKENS, &[&before_ms, &count_max])?;
    let sessions = tx.run(SWEEP_SESSIONS, &[&before_ms, &count_max])?;
    Ok(tokens + sessions)
}

fn add_token(
    tx: &mut Tx<'_>,
    session: Id,
    hash: &SecretHash,
    session_expires_at: i64,
) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    let expires_at = refresh_end(now_ms, session_expires_at);
    let args: [&dyn ToValue; 4] = [hash, &session.text(), &now_ms, &expires_at];
    tx.run(ADD_TOKEN, &args).map(|_| ())
}

const BEGIN: &str = "\
    INSERT INTO sessions (id, user_id, created_at, expires_at) VALUES (?1, ?2, ?3, ?4)";
const ADD_TOKEN: &str = "\
    INSERT INTO refresh_tokens (hash, session_id, issued_at, expires_at) VALUES (?1, ?2, ?3, ?4)";
const TOKEN: &str = "\
    SELECT sessions.id, sessions.user_id, refresh_tokens.expires_at, rotated_at, \
    revoked_at IS NULL AND deleted_at IS NULL, sessions.expires_at FROM refresh_tokens \
    JOIN sessions ON sessions.id = refresh_tokens.session_id \
    JOIN users ON users.id = sessions.user_id WHERE refresh_tokens.hash = ?1";
const USE: &str = "\
    UPDATE refresh_tokens SET rotated_at = ?2, replaced_by = ?3 WHERE hash = ?1";
const REVOKE: &str = "\
    UPDATE sessions SET revoked_at = ?2, revoked_because = ?3 \
    WHERE id = ?1 AND revoked_at IS NULL";
const REVOKE_ALL: &str = "\
    UPDATE sessions SET revoked_at = ?2, revoked_because = ?3 \
    WHERE user_id = ?1 AND revoked_at IS NULL";
const SWEEP_TOKENS: &str = "\
    DELETE FROM refresh_tokens WHERE hash IN \
    (SELECT hash FROM refresh_tokens WHERE expires_at < ?1 LIMIT ?2)";
const SWEEP_SESSIONS: &str = "\
    DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < ?1 LIMIT ?2)";

/// Every statement, for the test of query plans.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("sign_in::BEGIN", BEGIN),
    ("sign_in::ADD_TOKEN", ADD_TOKEN),
    ("sign_in::TOKEN", TOKEN),
    ("sign_in::USE", USE),
    ("sign_in::REVOKE", REVOKE),
    ("sign_in::REVOKE_ALL", REVOKE_ALL),
    ("sign_in::SWEEP_TOKENS", SWEEP_TOKENS),
    ("sign_in::SWEEP_SESSIONS", SWEEP_SESSIONS),
];
