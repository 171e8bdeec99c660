//! The sweeper: releases reservations whose time is over, and forgets those long settled.

use std::rc::Rc;

use crate::context::Context;
use crate::limits::{
    STOCK_RESERVATION_KEPT_MS, STOCK_SWEEP_INTERVAL, STOCK_SWEEP_RESERVATIONS_MAX,
};
use crate::shard;
use crate::store::{SqlFault, Store, StoreFault};
use crate::telemetry::Counter;
use crate::telemetry::process::unix_ms;

use super::sql::{expired, forget, has_settled, sweep};

/// Sweeps for as long as the shard lives.
pub async fn run(context: Rc<Context>) {
    loop {
        shard::sleep(STOCK_SWEEP_INTERVAL).await;
        match round(&context.house.commerce).await {
            Ok(0) => {}
            Ok(released) => {
                context
                    .telemetry
                    .add(Counter::StockReservationsExpired, released);
                tracing::info!(target: "stock", released, "expired reservations were released");
            }
            // What was not swept is swept by a later round.
            Err(fault) => {
                tracing::warn!(target: "stock", cause = %fault, "reservations were not swept");
            }
        }
    }
}

/// Releases everything whose time is over, in commands of a bounded size so that others get their
/// turn, and forgets some of what was settled long ago. Tells how many were released. Where there
/// is nothing to do it writes nothing.
pub async fn round(store: &Store) -> Result<u64, StoreFault> {
    let count = STOCK_SWEEP_RESERVATIONS_MAX;
    let mut released = 0;
    while store.read(|view| Ok(!expired(view, unix_ms() as i64, 1)?.is_empty()))? {
        let swept = store.write(move |tx| sweep(tx, count)).await??;
        released += swept as u64;
        if swept == 0 {
            break; // the writer's clock is behind
        }
    }
    let settled_ms = unix_ms() as i64 - STOCK_RESERVATION_KEPT_MS;
    if store.read(|view| has_settled(view, settled_ms))? {
        let forgotten: Result<usize, SqlFault> =
            store.write(move |tx| forget(tx, settled_ms, count)).await?;
        forgotten?;
    }
    Ok(released)
}
