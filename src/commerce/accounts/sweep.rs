//! What is over is removed: sessions, refresh tokens, links, idempotency keys, old mail.

use std::rc::Rc;
use std::time::Duration;

use super::links;
use super::sign_in;
use crate::commerce::idempotency;
use crate::context::Context;
use crate::mail;
use crate::shard;
use crate::store::{SqlFault, Tx};

/// Sweeps once a minute until the server drains; on one shard.
pub async fn run(context: Rc<Context>) {
    while !context.draining.is_raised() {
        // The writer has other things to do: a backlog goes away over some rounds.
        match context.house.commerce.write(sweep).await {
            Ok(Ok(0)) => {}
            Ok(Ok(count)) => tracing::debug!(target: "accounts", count, "what was over is removed"),
            Ok(Err(fault)) => tracing::warn!(target: "accounts", %fault, "the sweep failed"),
            Err(fault) => tracing::warn!(target: "accounts", %fault, "the sweep failed"),
        }
        shard::sleep(INTERVAL).await;
    }
}

fn sweep(tx: &mut Tx<'_>) -> Result<usize, SqlFault> {
    let before_ms = tx.now_ms() - GRACE_MS;
    let sessions = sign_in::sql::sweep(tx, before_ms, ROWS_MAX)?;
    let links = links::sql::sweep(tx, before_ms, ROWS_MAX)?;
    let keys = idempotency::sweep(tx, ROWS_MAX)?;
    let letters = mail::sender::sweep(tx, ROWS_MAX)?;
    Ok(sessions + links + keys + letters)
}

const INTERVAL: Duration = Duration::from_secs(60);
/// Rows of a kind that one round removes.
const ROWS_MAX: i64 = 500;
/// For how long what is over can still be looked at.
const GRACE_MS: i64 = 24 * 3600 * 1000;
