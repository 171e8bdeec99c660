//! The task that empties the outbox, on one shard: one letter at a time, off the shard. So a slow
//! mail server holds one thread of the offload pool and never two.

use std::rc::Rc;
use std::time::Duration;

use crate::context::Context;
use crate::shard::{self, OffloadFault};
use crate::store::{SqlFault, StoreFault, Tx};
use crate::telemetry::process::unix_ms;

use super::outbox;
use super::{Delivery, DeliveryFault, deliver};

/// Sends what is due until the server drains.
pub async fn run(context: Rc<Context>) {
    while !context.draining.is_raised() {
        match round(&context).await {
            Ok(Round::Emptied) => shard::sleep(INTERVAL).await,
            Ok(Round::MoreIsDue) => {}
            Err(fault) => {
                tracing::warn!(target: "mail", %fault, "the outbox cannot be read or written");
                shard::sleep(PAUSE).await;
            }
        }
    }
}

/// What a look into the outbox came to.
enum Round {
    Emptied,
    MoreIsDue,
}

/// Whether a letter was tried.
enum Sent {
    /// It was, with or without success.
    Settled,
    /// The pool was full, which is no fault of the letter's: it stays due.
    NoThread,
}

async fn round(context: &Context) -> Result<Round, StoreFault> {
    let store = &context.house.commerce;
    let now_ms = unix_ms() as i64;
    let due = store.read(|view| outbox::due(view, now_ms, BATCH_LETTERS as i64))?;
    let count = due.len();
    for (delivery, attempts) in due {
        if context.draining.is_raised() {
            return Ok(Round::Emptied);
        }
        match send(context, delivery, attempts).await? {
            Sent::Settled => {}
            Sent::NoThread => return Ok(Round::Emptied),
        }
    }
    Ok(if count == BATCH_LETTERS {
        Round::MoreIsDue
    } else {
        Round::Emptied
    })
}

async fn send(context: &Context, delivery: Delivery, attempts: i64) -> Result<Sent, StoreFault> {
    let (settings, data) = {
        let settings = context.settings.borrow();
        (settings.mail.clone(), context.house.data.clone())
    };
    let id = delivery.id.clone();
    let outcome = shard::offload(move || deliver(&settings, &data, &delivery)).await;
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(OffloadFault::Full) => return Ok(Sent::NoThread),
        Err(fault @ OffloadFault::Panicked) => Err(DeliveryFault::Final(fault.to_string())),
    };
    let settle = move |tx: &mut Tx<'_>| -> Result<(), SqlFault> {
        match &outcome {
            Ok(()) => outbox::sent(tx, &id),
            Err(DeliveryFault::Passing(cause)) if attempts + 1 < ATTEMPTS_MAX => {
                tracing::info!(target: "mail", id, cause, "a letter is tried again later");
                let next_ms = tx.now_ms() + wait_ms(attempts);
                outbox::put_off(tx, &id, next_ms, cause)
            }
            Err(DeliveryFault::Passing(cause) | DeliveryFault::Final(cause)) => {
                tracing::warn!(target: "mail", id, cause, "a letter was given up");
                outbox::given_up(tx, &id, cause)
            }
        }
    };
    context.house.commerce.write(settle).await??;
    Ok(Sent::Settled)
}

/// 10 s, then four times as long each time, up to some three hours.
fn wait_ms(attempts: i64) -> i64 {
    10_000 << (2 * attempts.clamp(0, 5))
}

/// Removes letters that were sent or given up a month ago, some at a time.
///
/// # Errors
/// What the store says.
pub fn sweep(tx: &mut Tx<'_>, count_max: i64) -> Result<usize, SqlFault> {
    let before_ms = tx.now_ms() - KEPT_MS;
    outbox::sweep(tx, before_ms, count_max)
}

/// Letters that are read together.
const BATCH_LETTERS: usize = 16;
/// How often the outbox is looked into.
const INTERVAL: Duration = Duration::from_millis(500);
/// How long a store that fails is left alone.
const PAUSE: Duration = Duration::from_secs(5);
/// Attempts over some seven hours.
const ATTEMPTS_MAX: i64 = 8;
/// How long settled rows are kept.
const KEPT_MS: i64 = 30 * 24 * 3600 * 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_bounded() {
        let waits: Vec<i64> = (0..8).map(wait_ms).collect();
        assert_eq!(waits[..3], [10_000, 40_000, 160_000]);
        assert!(waits.is_sorted() && waits[7] < 3 * 3600 * 1000);
    }
}
