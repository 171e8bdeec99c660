//! Follows the key files while the server runs: a rotation by another process reaches every shard.

use std::rc::Rc;
use std::time::Duration;

use super::keys::{Keys, KeysFault, reopen};
use crate::context::{self, Context};
use crate::limits::SHARD_PATIENCE;
use crate::shard;

/// Looks into the folder of keys now and then, until the server drains; on one shard.
pub async fn run(context: Rc<Context>) {
    while !context.draining.is_raised() {
        shard::sleep(INTERVAL).await;
        if let Err(fault) = look(&context).await {
            tracing::error!(target: "auth", %fault, "the keys stay as they are");
            shard::sleep(PAUSE).await;
        }
    }
}

/// Takes over the keys of the folder where they have changed.
///
/// The shards learn of a fresh key before any of them signs with it, so that none refuses a token
/// of another.
async fn look(context: &Context) -> Result<(), KeysFault> {
    let data = context.house.data.clone();
    // A queue that is full, or a job that panicked, is looked at again in a moment.
    let Ok(read) = shard::offload(move || reopen(&data)).await else {
        return Ok(());
    };
    let found = read?;
    let present = context.keys.borrow().clone();
    if found.are_those_of(&present) && found.signing_kid() == present.signing_kid() {
        return Ok(());
    }
    let bus = shard::bus();
    let waiting = found.clone().signing_as(&present);
    let learn = move || adopt(waiting.clone());
    let learned = bus.ask_all_within(SHARD_PATIENCE, learn).await;
    if learned.len() < bus.count() {
        return Ok(()); // a shard is late: the next look begins anew
    }
    let kid = found.signing_kid().to_owned();
    for shard in 0..bus.count() {
        let found = found.clone();
        bus.post(shard, move || adopt(found));
    }
    tracing::info!(target: "auth", kid, "the keys were rotated");
    Ok(())
}

/// A remembered token is trusted without its key: where one has gone, all are verified anew.
fn adopt(keys: Keys) {
    let context = context::here();
    let is_less = !keys.hold_those_of(&context.keys.borrow());
    *context.keys.borrow_mut() = keys;
    if is_less {
        context.tokens.forget_all();
        context.proxy.tokens.forget_all();
    }
}

/// How soon a rotation is seen.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long a folder that cannot be read is left alone.
const PAUSE: Duration = Duration::from_secs(30);
