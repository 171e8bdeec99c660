//! Keeping what is kept of upstreams within its bound, and clearing it by hand.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use super::rules::{Kept, evicted};
use super::sql::{self, Item};
use super::uses;
use crate::context::{self, Context};
use crate::limits::UPSTREAM_EVICTIONS_MAX;
use crate::registry::blobs::{Sha512Digest, sweep};
use crate::registry::name::PackageName;
use crate::registry::topics;
use crate::shard;
use crate::store::{SqlFault, StoreFault, Tx};

/// What was let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Cleared {
    /// Tarballs.
    pub tarballs: u64,
    /// Packages whose documents went.
    pub documents: u64,
    /// Bytes of both.
    pub bytes: u64,
}

/// Counts what is kept, at the start.
pub async fn count(context: Rc<Context>) {
    let house = &context.house;
    match house.registry.read_heavy(sql::kept_bytes).await {
        Ok(bytes) => house.uplinks.cached_bytes.store(bytes, Ordering::Relaxed),
        Err(fault) => {
            tracing::warn!(target: "registry", %fault, "what is kept of upstreams is not counted");
        }
    }
    hold(&context);
}

/// Lets go of what was not used longest where more is kept than allowed, unless that is being done.
pub fn hold(context: &Context) {
    let uplinks = &context.house.uplinks;
    if over(context) == 0 || uplinks.evicting.swap(1, Ordering::Relaxed) == 1 {
        return;
    }
    shard::spawn(async {
        let context = context::here();
        if let Err(fault) = evict(&context).await {
            tracing::warn!(target: "registry", %fault, "what is kept of upstreams stays too much");
        }
        context.house.uplinks.evicting.store(0, Ordering::Relaxed);
    });
}

/// Lets go of everything that is kept of upstreams, of a package, or of a version's tarball.
///
/// # Errors
/// What the store says.
pub async fn clear(
    context: &Context,
    name: Option<PackageName>,
    version: Option<String>,
) -> Result<Cleared, StoreFault> {
    let house = &context.house;
    house.uplinks.misses.forget(name.as_ref());
    let listed = house
        .registry
        .read_heavy(move |view| sql::list(view, name.as_ref()));
    let mut listed = listed.await?;
    if version.is_some() {
        listed.retain(|kept| kept.what.version == version);
    }
    let mut cleared = Cleared::default();
    while !listed.is_empty() {
        let rest = listed.split_off(listed.len().min(UPSTREAM_EVICTIONS_MAX as usize));
        let some = let_go(context, std::mem::replace(&mut listed, rest)).await?;
        cleared.tarballs += some.tarballs;
        cleared.documents += some.documents;
        cleared.bytes += some.bytes;
    }
    Ok(cleared)
}

async fn evict(context: &Rc<Context>) -> Result<(), StoreFault> {
    let house = &context.house;
    uses::write(context).await;
    let bytes = house.registry.read_heavy(sql::kept_bytes);
    house
        .uplinks
        .cached_bytes
        .store(bytes.await?, Ordering::Relaxed);
    loop {
        let bytes_over = over(context);
        if bytes_over == 0 {
            return Ok(());
        }
        let least = house
            .registry
            .read_heavy(|view| sql::least_used(view, UPSTREAM_EVICTIONS_MAX));
        let mut least = least.await?;
        // What was fetched last is being read by who asked for it, however little room there is.
        least.sort_by_key(|kept| kept.used_at);
        least.pop();
        let going = evicted(least, bytes_over);
        if going.is_empty() {
            return Ok(());
        }
        let cleared = let_go(context, going).await?;
        let count = cleared.tarballs + cleared.documents;
        house.uplinks.evicted.fetch_add(count, Ordering::Relaxed);
        tracing::info!(
            target: "registry",
            tarballs = cleared.tarballs,
            documents = cleared.documents,
            bytes = cleared.bytes,
            "made room in what is kept of upstreams"
        );
        if cleared == Cleared::default() {
            return Ok(());
        }
    }
}

/// Bytes above the bound.
fn over(context: &Context) -> u64 {
    let max = context.settings.borrow().registry.cache_bytes_max;
    let kept = context.house.uplinks.cached_bytes.load(Ordering::Relaxed);
    match (max, u64::try_from(kept)) {
        (0, _) | (_, Err(_)) => 0,
        (max, Ok(kept)) => kept.saturating_sub(max),
    }
}

async fn let_go(context: &Context, items: Vec<Kept<Item>>) -> Result<Cleared, StoreFault> {
    let house = &context.house;
    let (cleared, digests) = house
        .registry
        .write(move |tx| let_go_in(tx, items))
        .await?
        .map_err(StoreFault::from)?;
    let bytes = i64::try_from(cleared.bytes).unwrap_or(i64::MAX);
    house.uplinks.add_cached(-bytes);
    sweep::discard(&house.registry, &house.blobs, &digests).await;
    Ok(cleared)
}

/// Lets go of these in a command: what they were, and the files that rows may not name any more.
///
/// # Errors
/// What the store says.
pub fn let_go_in(
    tx: &mut Tx<'_>,
    items: Vec<Kept<Item>>,
) -> Result<(Cleared, Vec<Sha512Digest>), SqlFault> {
    let mut cleared = Cleared::default();
    let mut digests = Vec::with_capacity(items.len());
    for kept in items {
        if !sql::let_go(tx, &kept.what)? {
            continue;
        }
        match kept.what.version {
            Some(_) => cleared.tarballs += 1,
            None => cleared.documents += 1,
        }
        cleared.bytes += kept.bytes;
        digests.push(Sha512Digest(kept.what.digest));
        tx.touch(topics::package(&kept.what.name));
        tx.touch(topics::packages());
    }
    Ok((cleared, digests))
}
