//! What signing in takes and gives, and what becomes of a refresh token that is shown.

use super::super::fields::{Email, Password};
use super::super::users::rules::User;
use crate::auth::{Secret, keys};
use crate::id::Id;
use crate::json::Text;

crate::shape! {
    /// What `POST /api/v1/auth/login` takes.
    pub struct Login reads {
        pub email: Email,
        pub password: Password,
    }
}

crate::shape! {
    /// What `POST /api/v1/auth/refresh-token` takes; without it the cookie is read.
    pub struct Refresh reads {
        pub refresh_token: Option<Text<1, 100>>,
    }
}

crate::shape! {
    /// A session's tokens. Browsers get them as cookies as well.
    pub struct Tokens writes {
        /// For the header `Authorization: Bearer`.
        pub access_token: String,
        pub token_type: &'static str,
        /// Seconds until the access token is refused.
        pub expires_in: u64,
        /// Good once, for the next pair of tokens.
        pub refresh_token: String,
        pub user: User,
    }
}

/// A refresh token in the store, with its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The session.
    pub session: Id,
    /// Whose.
    pub user: Id,
    /// Unix milliseconds at which the token's time is over.
    pub expires_at: i64,
    /// When it was used.
    pub rotated_at: Option<i64>,
    /// Whether the session lives.
    pub session_state: SessionState,
    /// When the session's time is over, however often it is refreshed.
    pub session_expires_at: i64,
}

/// Whether a session lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// It does.
    Live,
    /// It was revoked, or its user is gone.
    Ended,
}

/// What becomes of a refresh token that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is good: it is used up at this moment, and its successor takes its place.
    Rotate,
    /// It was used a moment ago: the reply may have been lost, and is given again.
    Repeat {
        /// When it was used.
        at: i64,
    },
    /// It was used before: somebody else has it too, so the whole session ends.
    Revoke,
    /// It is good for nothing.
    Refuse,
}

/// Decides on a refresh token.
pub fn fate(stored: &Stored, now_ms: i64) -> Fate {
    let is_over = now_ms >= stored.expires_at || now_ms >= stored.session_expires_at;
    if stored.session_state == SessionState::Ended || is_over {
        return Fate::Refuse;
    }
    match stored.rotated_at {
        None => Fate::Rotate,
        Some(at) if now_ms - at <= REPEAT_MS => Fate::Repeat { at },
        Some(_) => Fate::Revoke,
    }
}

/// The token that follows another. It is derived, so that the same answer can be given twice
/// without a secret being stored; who has neither the key nor the token before cannot derive it.
pub fn successor(key: &[u8; 32], token: &Secret) -> Secret {
    Secret::of(keys::mac(key, token.bytes()))
}

/// The id of the access token that goes with a refresh token, as of a moment.
pub fn access_token_id(key: &[u8; 32], refresh: &Secret, at_ms: i64) -> Id {
    let mac = keys::mac(
        key,
        &[b"access token id".as_slice(), refresh.bytes()].concat(),
    );
    let (random, _) = mac.split_first_chunk::<10>().expect("a MAC has 32 bytes");
    Id::of(at_ms.max(0) as u64, *random)
}

/// When a refresh token of this moment is over.
pub fn refresh_end(now_ms: i64, session_expires_at: i64) -> i64 {
    (now_ms + REFRESH_MS).min(session_expires_at)
}

/// How soon a repeated request gets the same answer.
pub const REPEAT_MS: i64 = 10_000;
/// How long a refresh token waits for its use.
pub const REFRESH_MS: i64 = 30 * DAY_MS;
/// How long a session lasts, however often it is refreshed.
pub const SESSION_MS: i64 = 90 * DAY_MS;
/// What the keys of successors are derived for.
pub const REFRESH_KEY: &str = "refresh tokens";
const DAY_MS: i64 = 24 * 3600 * 1000;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    fn stored() -> Stored {
        Stored {
            session: Id::of(1, [0; 10]),
            user: Id::of(2, [0; 10]),
            expires_at: NOW + 1,
            rotated_at: None,
            session_state: SessionState::Live,
            session_expires_at: NOW + 1,
        }
    }

    #[test]
    fn fates() {
        let used = |ago| Stored {
            rotated_at: Some(NOW - ago),
            ..stored()
        };
        let ended = |stored: Stored| Stored {
            session_state: SessionState::Ended,
            ..stored
        };
        let table = [
            (stored(), Fate::Rotate),
            (used(0), Fate::Repeat { at: NOW }),
            (
                used(REPEAT_MS),
                Fate::Repeat {
                    at: NOW - REPEAT_MS,
                },
            ),
            (used(REPEAT_MS + 1), Fate::Revoke),
            (ended(stored()), Fate::Refuse),
            (ended(used(0)), Fate::Refuse),
            (ended(used(REPEAT_MS + 1)), Fate::Refuse),
            (
                Stored {
                    expires_at: NOW,
                    ..stored()
                },
                Fate::Refuse,
            ),
            (
                Stored {
                    session_expires_at: NOW,
                    ..stored()
                },
                Fate::Refuse,
            ),
        ];
        for (stored, expected) in table {
            assert_eq!(fate(&stored, NOW), expected, "{stored:?}");
        }
    }

    #[test]
    fn a_family_never_meets_itself_and_depends_on_the_key() {
        let first = Secret::of([1; 32]);
        let second = successor(&[2; 32], &first);
        assert_eq!(successor(&[2; 32], &first), second);
        assert_ne!(second, first);
        assert_ne!(successor(&[3; 32], &first), second);
        assert_ne!(successor(&[2; 32], &second), second);
        let id = access_token_id(&[2; 32], &second, NOW);
        assert_eq!(id, access_token_id(&[2; 32], &second, NOW));
        assert_ne!(id, access_token_id(&[2; 32], &first, NOW));
    }

    #[test]
    fn a_session_ends_however_often_it_is_refreshed() {
        assert_eq!(refresh_end(NOW, NOW + SESSION_MS), NOW + REFRESH_MS);
        assert_eq!(refresh_end(NOW, NOW + 5), NOW + 5);
    }
}
