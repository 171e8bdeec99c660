//! When what is kept of upstreams was last asked for: collected by each shard, written now and
//! then.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::fetch::now_ms;
use crate::context::Context;
use crate::id::Id;
use crate::limits::{UPSTREAM_USE_MS, UPSTREAM_USES_INTERVAL, UPSTREAM_USES_MAX};
use crate::registry::packages::rows::{PackageRow, VersionRow};
use crate::registry::packages::sql;
use crate::shard;
use crate::store::{SqlFault, Tx};

/// What was asked for on one shard and is not written yet. What a crash loses of it makes
/// something look less used than it is.
#[derive(Default)]
pub struct Uses {
    documents: RefCell<HashMap<Id, i64>>,
    tarballs: RefCell<HashMap<(Id, String), i64>>,
}

/// Notes that a package's documents were asked for, or, with a version, its tarball.
pub fn used(context: &Context, package: &PackageRow, version: Option<&VersionRow>) {
    if package.upstream.is_none() {
        return;
    }
    let now_ms = now_ms();
    let is_known = |used_at: Option<i64>| used_at.is_some_and(|at| now_ms - at < UPSTREAM_USE_MS);
    match version {
        None if !is_known(package.used_at) => {
            let mut documents = context.uses.documents.borrow_mut();
            if documents.len() < UPSTREAM_USES_MAX {
                documents.insert(package.id, now_ms);
            }
        }
        Some(version) if !is_known(version.used_at) => {
            let mut tarballs = context.uses.tarballs.borrow_mut();
            if tarballs.len() < UPSTREAM_USES_MAX {
                tarballs.insert((package.id, version.version.clone()), now_ms);
            }
        }
        None | Some(_) => {}
    }
}

/// Writes what this shard collects, for as long as it serves.
pub async fn run(context: Rc<Context>) {
    loop {
        shard::sleep(UPSTREAM_USES_INTERVAL).await;
        write(&context).await;
    }
}

/// Writes what this shard has collected.
pub async fn write(context: &Context) {
    let documents = context.uses.documents.take();
    let tarballs = context.uses.tarballs.take();
    if documents.is_empty() && tarballs.is_empty() {
        return;
    }
    // No topic is touched: nothing that is served depends on it.
    let command = move |tx: &mut Tx<'_>| {
        for (package, at) in documents {
            sql::mark_used(tx, package, at)?;
        }
        for ((package, version), at) in tarballs {
            sql::mark_version_used(tx, package, &version, at)?;
        }
        Ok::<(), SqlFault>(())
    };
    if let Ok(Err(fault)) = context.house.registry.write(command).await {
        tracing::warn!(target: "registry", %fault, "what was used is not noted");
    }
}
