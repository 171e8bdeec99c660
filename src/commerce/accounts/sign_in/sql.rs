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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Role, Secret};
    use crate::commerce::accounts::sign_in::rules::{REPEAT_MS, successor};
    use crate::commerce::scene::Scene;

    const KEY: [u8; 32] = [5; 32];

    /// Somebody with a session, and its first refresh token.
    fn signed_in(scene: &Scene) -> (Id, Id, Secret) {
        let user = scene.user("ada@example.com", Role::Customer);
        let (session, refresh) = (Id::fresh(), Secret::fresh());
        scene.write(move |tx| begin(tx, session, user, &refresh.hash()));
        (user, session, refresh)
    }

    fn shown(scene: &Scene, token: Secret) -> Rotation {
        let next = successor(&KEY, &token);
        scene.write(move |tx| rotate(tx, &token.hash(), &next.hash()))
    }

    fn is_live(scene: &Scene, user: Id, session: Id) -> bool {
        let grant = crate::auth::tokens::Grant {
            user,
            session,
            role: Role::Customer,
        };
        let now_ms = crate::telemetry::process::unix_ms() as i64;
        scene.read(|view| sessions::is_live(view, &grant, now_ms))
    }

    /// Makes everything that was used as old as this.
    fn let_pass(scene: &Scene, ms: i64) {
        scene.write(move |tx| {
            tx.run(
                "UPDATE refresh_tokens SET rotated_at = rotated_at - ?1",
                &[&ms],
            )
        });
    }

    #[test]
    fn a_token_shown_again_ends_its_family_and_no_other() {
        let scene = Scene::new();
        let (user, session, first) = signed_in(&scene);
        let (other, elsewhere) = (Id::fresh(), Secret::fresh());
        scene.write(move |tx| begin(tx, other, user, &elsewhere.hash()));
        let Rotation::Good { at, .. } = shown(&scene, first) else {
            panic!("the first time it is good");
        };
        assert_eq!(
            shown(&scene, first),
            Rotation::Good { session, user, at },
            "the same answer"
        );
        let second = successor(&KEY, &first);
        assert!(matches!(shown(&scene, second), Rotation::Good { .. }));
        let_pass(&scene, REPEAT_MS + 1);
        let generation = scene.generation_of(user);
        assert!(is_live(&scene, user, session));
        assert_eq!(shown(&scene, first), Rotation::Revoked { session, user });
        assert!(
            scene.generation_of(user) > generation,
            "cached tokens are looked up again"
        );
        assert!(!is_live(&scene, user, session));
        let third = successor(&KEY, &second);
        assert_eq!(
            shown(&scene, third),
            Rotation::Refused,
            "the thief's as well"
        );
        assert!(is_live(&scene, user, other));
        assert!(matches!(shown(&scene, elsewhere), Rotation::Good { .. }));
    }

    #[test]
    fn unknown_tokens_and_ended_sessions_are_refused() {
        let scene = Scene::new();
        let (user, session, first) = signed_in(&scene);
        assert_eq!(shown(&scene, Secret::fresh()), Rotation::Refused);
        scene.write(move |tx| revoke(tx, session, user, Because::Logout));
        assert_eq!(shown(&scene, first), Rotation::Refused);
        let ended = scene.write(move |tx| revoke_all(tx, user, Because::Password));
        assert_eq!(ended, 0, "it had ended already");
    }

    #[test]
    fn what_is_over_is_swept_a_little_at_a_time() {
        let scene = Scene::new();
        let (user, session, first) = signed_in(&scene);
        for _ in 0..3 {
            let (session, refresh) = (Id::fresh(), Secret::fresh());
            scene.write(move |tx| {
                begin(tx, session, user, &refresh.hash())?;
                tx.run(
                    "UPDATE sessions SET expires_at = 1 WHERE id = ?1",
                    &[&session.text()],
                )?;
                tx.run(
                    "UPDATE refresh_tokens SET expires_at = 1 WHERE hash = ?1",
                    &[&refresh.hash()],
                )
            });
        }
        assert_eq!(scene.write(|tx| sweep(tx, 2, 2)), 4, "two of each");
        assert_eq!(scene.write(|tx| sweep(tx, 2, 2)), 2);
        assert_eq!(scene.write(|tx| sweep(tx, 2, 2)), 0);
        assert!(is_live(&scene, user, session));
        assert!(matches!(shown(&scene, first), Rotation::Good { .. }));
    }
}
