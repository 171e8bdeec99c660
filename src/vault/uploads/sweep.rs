//! Removes what was promised and never came, and what nothing of the catalogue names.
//!
//! The row goes first and the file after its commit: a row without a file would be a promise that
//! is not kept, and a file without a row, which is left where the process ends between the two, is
//! found by a walk through the folder at the next start.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::desk::{self, Desk};
use super::sql;
use crate::id::Id;
use crate::limits::{UPLOAD_SWEEP_ROWS_MAX, UPLOAD_UNUSED_KEPT_MS};
use crate::shard;
use crate::store::{SqlFault, Store, Tx};

/// Forgets what is over again and again; runs on one shard.
pub async fn run(store: Arc<Store>, desk: Arc<Desk>) {
    remove_orphans(&store, &desk).await;
    loop {
        while sweep(&store, &desk).await == Swept::Some {}
        shard::sleep(INTERVAL).await;
    }
}

/// What one command of the sweeper found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Swept {
    /// As much as it takes; there may be more.
    Some,
    /// All that there was, or the store failed.
    All,
}

async fn sweep(store: &Store, desk: &Arc<Desk>) -> Swept {
    let forgotten = match store.write(forget).await {
        Ok(Ok(forgotten)) => forgotten,
        Ok(Err(fault)) => {
            tracing::warn!(target: "vault", %fault, "no sweep");
            return Swept::All;
        }
        Err(fault) => {
            tracing::warn!(target: "vault", %fault, "no sweep");
            return Swept::All;
        }
    };
    let is_all = forgotten.len() < UPLOAD_SWEEP_ROWS_MAX as usize;
    // A file can be in its place although its row never said so: when the process ended between
    // the move and the commit.
    let places = forgotten.into_iter().map(|id| desk.place_of(id));
    remove(places.collect()).await;
    match is_all {
        true => Swept::All,
        false => Swept::Some,
    }
}

fn forget(tx: &mut Tx<'_>) -> Result<Vec<Id>, SqlFault> {
    let now_ms = tx.now_ms();
    // One that is being written when its time is over may still come to its end.
    let mut forgotten = sql::forget_late(tx, now_ms - GRACE_MS, UPLOAD_SWEEP_ROWS_MAX)?;
    let unused_since = now_ms - UPLOAD_UNUSED_KEPT_MS;
    forgotten.extend(sql::forget_unnamed(
        tx,
        unused_since,
        UPLOAD_SWEEP_ROWS_MAX,
    )?);
    Ok(forgotten)
}

/// Removes the files that no row tells of, a folder at a time.
async fn remove_orphans(store: &Store, desk: &Desk) {
    let folders = desk.folders();
    let folders = match shard::offload(folders).await {
        Ok(folders) => folders,
        Err(fault) => return tracing::warn!(target: "vault", %fault, "orphans are not looked for"),
    };
    for folder in folders {
        let files = shard::offload(move || desk::files_of(&folder)).await;
        let Ok(files) = files else {
            tracing::warn!(target: "vault", "a folder is not looked through for orphans");
            continue;
        };
        for some in files.chunks(FILES_PER_LOOK) {
            let orphans = store.read(|view| {
                let mut orphans = Vec::new();
                for (id, place) in some {
                    if sql::read(view, *id)?.is_none() {
                        orphans.push(place.clone());
                    }
                }
                Ok(orphans)
            });
            match orphans {
                Ok(orphans) if orphans.is_empty() => {}
                Ok(orphans) => {
                    let count = orphans.len();
                    remove(orphans).await;
                    tracing::info!(target: "vault", count, "files that no row tells of are gone");
                }
                Err(fault) => tracing::warn!(target: "vault", %fault, "orphans are left behind"),
            }
            shard::yield_now().await;
        }
    }
}

async fn remove(places: Vec<PathBuf>) {
    if places.is_empty() {
        return;
    }
    let removal = shard::offload(move || {
        for place in places {
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
/// Files whose rows are looked for before others get their turn.
const FILES_PER_LOOK: usize = 64;
