//! Removes the files that no row names: what a crash left between a file and its row, and what
//! rows named no longer.

use std::sync::Arc;

use super::{Blobs, Doomed, Sha512Digest, sql};
use crate::limits::{BLOB_SWEEP_FILES_PER_LOOK, BLOB_SWEEP_INTERVAL};
use crate::shard;
use crate::store::Store;

/// Looks through all files, at the start and now and then; runs on one shard.
pub async fn run(store: Arc<Store>, blobs: Arc<Blobs>) {
    loop {
        let mut removed = 0;
        for first in 0..=u8::MAX {
            removed += sweep_folder(&store, &blobs, first).await;
        }
        if removed > 0 {
            tracing::info!(target: "registry", removed, "files that no row names are gone");
        }
        shard::sleep(BLOB_SWEEP_INTERVAL).await;
    }
}

/// Removes those of these files that no row names (any more); how many.
pub async fn discard(store: &Store, blobs: &Arc<Blobs>, digests: &[Sha512Digest]) -> usize {
    let mut removed = 0;
    for some in digests.chunks(BLOB_SWEEP_FILES_PER_LOOK) {
        removed += discard_some(store, blobs, some).await;
        shard::yield_now().await;
    }
    removed
}

async fn sweep_folder(store: &Store, blobs: &Arc<Blobs>, first: u8) -> usize {
    let listing = blobs.clone();
    let listed = shard::offload(move || listing.list(first)).await;
    match listed {
        Ok(Ok(digests)) => discard(store, blobs, &digests).await,
        Ok(Err(error)) => {
            tracing::warn!(target: "registry", %error, "a folder of files is not looked through");
            0
        }
        Err(fault) => {
            tracing::warn!(target: "registry", %fault, "a folder of files is not looked through");
            0
        }
    }
}

async fn discard_some(store: &Store, blobs: &Arc<Blobs>, digests: &[Sha512Digest]) -> usize {
    // Claimed before rows are asked: whoever names a file later pins it first, and a pin waits for
    // the claim's end.
    let doomed = blobs.doom(digests.iter().copied());
    let unnamed = match unnamed(store, &doomed) {
        Ok(unnamed) if unnamed.is_empty() => return 0,
        Ok(unnamed) => unnamed,
        Err(fault) => {
            tracing::warn!(target: "registry", %fault, "files that no row names are left");
            return 0;
        }
    };
    let removing = blobs.clone();
    let removal = shard::offload(move || removing.remove(&doomed, &unnamed)).await;
    removal.unwrap_or_else(|fault| {
        tracing::warn!(target: "registry", %fault, "files that no row names are left");
        0
    })
}

fn unnamed(store: &Store, doomed: &Doomed) -> Result<Vec<Sha512Digest>, crate::store::StoreFault> {
    store.read(|view| {
        let mut unnamed = Vec::new();
        for digest in doomed.digests() {
            if !sql::is_named(view, digest)? {
                unnamed.push(*digest);
            }
        }
        Ok(unnamed)
    })
}
