//! Removes what was promised and never came.

use std::sync::Arc;
use std::time::Duration;

use super::desk::Desk;
use super::sql;
use crate::shard;
use crate::store::{SqlFault, Store};
use crate::telemetry::process::unix_ms;

/// Forgets expired promises again and again; runs on one shard.
pub async fn run(store: Arc<Store>, desk: Arc<Desk>) {
    loop {
        sweep(&store, &desk).await;
        shard::sleep(INTERVAL).await;
    }
}

async fn sweep(store: &Store, desk: &Arc<Desk>) {
    // One that is being written when its time is over may still come to its end.
    let before = unix_ms() as i64 - GRACE_MS;
    let forgotten = store.write(move |tx| sql::forget_unused(tx, before)).await;
    let unused = match forgotten {
        Ok(Ok::<_, SqlFault>(unused)) if unused.is_empty() => return,
        Ok(Ok(unused)) => unused,
        Ok(Err(fault)) => return tracing::warn!(target: "vault", %fault, "no sweep"),
        Err(fault) => return tracing::warn!(target: "vault", %fault, "no sweep"),
    };
    // A file can be in its place although its row never said so: when the process ended between
    // the move and the commit.
    let desk = desk.clone();
    let removal = shard::offload(move || {
        for id in unused {
            let place = desk.place_of(id);
            match std::fs::remove_file(&place) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    let path = place.display();
                    tracing::warn!(target: "vault", %error, %path, "an orphan is left behind");
                }
                Ok(()) | Err(_) => {}
            }
        }
    });
    if let Err(fault) = removal.await {
        tracing::warn!(target: "vault", %fault, "orphans are left behind");
    }
}

const INTERVAL: Duration = Duration::from_secs(300);
const GRACE_MS: i64 = 60 * 60 * 1000;
