//! Whether a session is live: what a token's claims are held against.

use super::Role;
use super::tokens::Grant;
use crate::id::Id;
use crate::store::{SqlFault, ToValue, Topic, View};

/// The topic whose generation moves when a session of this user ends, or when their role or their
/// existence does. Whoever writes such a change touches it: every shard looks again before it
/// trusts a token of theirs.
pub fn topic(user: Id) -> Topic {
    Topic::of(user.as_bytes())
}

/// Whether the session of a token lives, its user exists, and has the role that the token says.
///
/// # Errors
/// What the store says.
pub fn is_live(view: &View<'_>, grant: &Grant, now_ms: i64) -> Result<bool, SqlFault> {
    let args: [&dyn ToValue; 3] = [&grant.session.text(), &grant.user.text(), &now_ms];
    let role: Option<String> = view.one(ROLE_OF_LIVE, &args, |row| row.get(0))?;
    Ok(role.is_some_and(|role| Role::parse(&role) == Some(grant.role)))
}

const ROLE_OF_LIVE: &str = "\
    SELECT user_roles.role FROM sessions \
    JOIN users ON users.id = sessions.user_id \
    JOIN user_roles ON user_roles.user_id = users.id \
    WHERE sessions.id = ?1 AND users.id = ?2 AND users.deleted_at IS NULL \
    AND sessions.revoked_at IS NULL AND sessions.expires_at > ?3";

/// Every statement, for the test of query plans.
pub const STATEMENTS: &[(&str, &str)] = &[("auth::ROLE_OF_LIVE", ROLE_OF_LIVE)];
