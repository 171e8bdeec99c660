//! Documents of packages at upstreams: fetched when they are asked for, asked about again when they
//! are no longer fresh, served meanwhile as they are.

use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_lite::future::or;

use super::flights::Full;
use super::ingest::{self, Fetched};
use super::missing::Missing;
use super::rules::{Freshness, Verdict, freshness};
use super::tally::Outcome;
use super::uplink::{Uplink, condition};
use crate::context::{self, Context};
use crate::limits::{
    UPSTREAM_DOCUMENT_BYTES_MAX, UPSTREAM_DOCUMENT_PATIENCE, UPSTREAM_DOCUMENTS_MAX,
    UPSTREAM_REFRESHES_MAX,
};
use crate::outgoing::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED,
};
use crate::outgoing::{Request, Response};
use crate::registry::name::PackageName;
use crate::registry::packages::rows::{PackageRow, VersionRow};
use crate::registry::packages::sql;
use crate::registry::{topics, uplinks};
use crate::shard;
use crate::store::SqlFault;
use crate::telemetry::Counter;
use crate::telemetry::process::unix_ms;

/// What a package that the store knows is worth to who asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is hosted here, or its upstream was asked a moment ago.
    Current,
    /// It is served, with this `Age` in seconds, and its upstream is asked meanwhile.
    Stale {
        /// How long ago the upstream was asked with success.
        age_s: u64,
    },
    /// As good as not there: it is not of the upstream that its name comes from.
    Absent,
    /// The settings block it.
    Blocked,
}

/// What a package that has documents is worth at this moment.
pub fn standing(context: &Context, row: &PackageRow) -> Standing {
    let Some(hash) = row.upstream else {
        return Standing::Current;
    };
    let house = &context.house;
    let is_origin = |uplink: &std::sync::Arc<Uplink>| uplink.hash == hash;
    if !house.uplinks.of_name(&row.name).is_some_and(is_origin) {
        return Standing::Absent;
    }
    let policy = context.uplink_policy();
    if policy.rules.blocks(&row.name) {
        return Standing::Blocked;
    }
    let settings = context.settings.borrow();
    if settings.registry.offline {
        return Standing::Current;
    }
    let fresh_ms = settings.registry.fresh.as_millis() as i64;
    let is_outdated = row.fields.as_deref() != Some(&*policy.fingerprint);
    let judged = freshness(row.checked_at, row.rebuild_at, fresh_ms, now_ms());
    match (judged, is_outdated) {
        (Freshness::Fresh, false) => Standing::Current,
        (Freshness::Stale { age_s }, _) => Standing::Stale { age_s },
        (Freshness::Fresh, true) => Standing::Stale { age_s: 0 },
    }
}

/// Whether the rules in force show a version of an upstream.
pub fn shows(context: &Context, name: &PackageName, row: &VersionRow) -> bool {
    let rules = &context.uplink_policy().rules;
    if !rules.hide_anything() {
        return true;
    }
    let verdict = rules.judge(name, &row.version, row.published_at, row.seen_at, now_ms());
    verdict == Verdict::Shown
}

/// Fetches the document of a package, or asks its upstream whether there is a newer one, and waits
/// until the store has what came of it.
///
/// # Errors
/// Why it is not to be had. What is in the store already can be served all the same, unless it is
/// [`Missing::NotFound`] or [`Missing::Blocked`].
pub async fn bring(
    context: &Context,
    name: &PackageName,
    patience: Duration,
) -> Result<(), Missing> {
    context.telemetry.count(Counter::UpstreamDocumentMisses);
    let (answer, reply) = shard::answer();
    begin(context, name, Some(reply));
    let fetched = async {
        let given_up = || Missing::unreachable("the fetch was given up");
        answer.await.unwrap_or_else(|_| Err(given_up()))
    };
    let late = async {
        shard::sleep(patience).await;
        Err(Missing::unreachable("it took too long"))
    };
    or(fetched, late).await
}

/// Asks the upstream of a package in the background whether there is a newer document, unless it is
/// being asked or too many are.
pub fn revalidate(context: &Context, name: &PackageName) {
    let uplinks = &context.house.uplinks;
    if uplinks.refreshing.load(Ordering::Relaxed) < UPSTREAM_REFRESHES_MAX {
        begin(context, name, None);
    }
}

fn begin(context: &Context, name: &PackageName, reply: Option<shard::Reply<Result<(), Missing>>>) {
    let house = context.house.clone();
    let is_background = reply.is_none();
    let joined = house
        .uplinks
        .documents
        .join(name, reply, UPSTREAM_DOCUMENTS_MAX);
    let landing = match joined {
        Ok(Some(landing)) => landing,
        Ok(None) => return,
        Err(Full(reply)) => {
            if let Some(reply) = reply {
                reply.send(Err(Missing::unreachable("too many packages are fetched")));
            }
            return;
        }
    };
    let name = name.clone();
    if is_background {
        house.uplinks.refreshing.fetch_add(1, Ordering::Relaxed);
    }
    let counted = Refreshing {
        uplinks: is_background.then(|| house.uplinks.clone()),
    };
    shard::spawn(async move {
        let context = context::here();
        let late = async {
            shard::sleep(UPSTREAM_DOCUMENT_PATIENCE).await;
            Err(Missing::unreachable("it took too long"))
        };
        let outcome = or(fetch(&context, &name), late).await;
        if let Err(missing) = &outcome
            && is_background
        {
            tracing::debug!(target: "registry", %name, ?missing, "a package stays as it is");
        }
        landing.land(&outcome);
        drop(counted);
    });
}

/// A background fetch, for as long as it lives.
struct Refreshing {
    uplinks: Option<std::sync::Arc<uplinks::Uplinks>>,
}

impl Drop for Refreshing {
    fn drop(&mut self) {
        if let Some(uplinks) = &self.uplinks {
            uplinks.refreshing.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

async fn fetch(context: &Rc<Context>, name: &PackageName) -> Result<(), Missing> {
    let house = &context.house;
    let row = house.registry.read(|view| sql::read(view, name))?;
    if row.as_ref().is_some_and(|row| row.upstream.is_none()) {
        return Ok(());
    }
    let uplink = house
        .uplinks
        .of_name(name)
        .ok_or(Missing::NotFound)?
        .clone();
    let policy = context.uplink_policy();
    if policy.rules.blocks(name) {
        return Err(Missing::Blocked);
    }
    let known = row.filter(|row| row.upstream == Some(uplink.hash) || row.document.is_none());
    let is_there = known.as_ref().is_some_and(|row| row.document.is_some());
    if context.settings.borrow().registry.offline {
        return if is_there {
            Ok(())
        } else {
            Err(Missing::Offline)
        };
    }
    if !is_there && house.uplinks.misses.holds(name, house.steady_ms()) {
        return Err(Missing::NotFound);
    }
    let reusable = known.as_ref().filter(|row| {
        let is_due = row.rebuild_at.is_some_and(|at| at <= now_ms());
        row.document.is_some() && !is_due && row.fields.as_deref() == Some(&*policy.fingerprint)
    });
    let request = request_for(&uplink, name, reusable);
    let response = uplink
        .ask(&context.outgoing, request, house.steady_ms())
        .await?;
    match response.status {
        200 => {
            let fetched = read(context, &uplink, response).await?;
            ingest::ingest(context, &uplink, name, fetched).await
        }
        304 if is_there => {
            uplink.tally.count(Outcome::Unchanged);
            confirm(context, name).await
        }
        status => {
            let missing = uplink.refusal(status);
            if missing == Missing::NotFound {
                house.uplinks.misses.note(name, house.steady_ms());
                if is_there {
                    return ingest::forget(context, &uplink, name).await;
                }
            }
            Err(missing)
        }
    }
}

fn request_for(uplink: &Uplink, name: &PackageName, row: Option<&PackageRow>) -> Request {
    let request = Request::get(uplink.path_of(name))
        .header(ACCEPT, HeaderValue::from_static("application/json"))
        .header(
            ACCEPT_ENCODING,
            HeaderValue::from_static(super::decode::ACCEPTED),
        );
    let Some(row) = row else { return request };
    let request = condition(request, IF_NONE_MATCH, row.etag.as_deref());
    condition(request, IF_MODIFIED_SINCE, row.last_modified.as_deref())
}

/// Reads the whole document; it is decoded later, off the shard.
async fn read(context: &Context, uplink: &Uplink, response: Response) -> Result<Fetched, Missing> {
    let text = |name| response.header(name).map(str::to_owned);
    let mut fetched = Fetched {
        etag: text(&ETAG),
        last_modified: text(&LAST_MODIFIED),
        coding: text(&CONTENT_ENCODING),
        body: Vec::new(),
    };
    match response.body.collect(UPSTREAM_DOCUMENT_BYTES_MAX).await {
        Ok(body) => {
            uplink.tally.add_bytes(body.len() as u64);
            fetched.body = body;
            Ok(fetched)
        }
        Err(fault) => {
            uplink.count_fault(&fault, context.house.steady_ms());
            Err(uplink.missing(&fault))
        }
    }
}

/// Notes that what is here is what the upstream has.
async fn confirm(context: &Context, name: &PackageName) -> Result<(), Missing> {
    let name = name.clone();
    let command = move |tx: &mut crate::store::Tx<'_>| {
        if let Some(row) = sql::read(tx, &name)? {
            let now_ms = tx.now_ms();
            sql::mark_checked(tx, row.id, now_ms)?;
            tx.touch(topics::package(&name));
        }
        Ok::<(), SqlFault>(())
    };
    let written = context.house.registry.write(command).await?;
    written.map_err(|fault| Missing::Store(fault.into()))
}

/// Unix milliseconds.
pub(super) fn now_ms() -> i64 {
    i64::try_from(unix_ms()).expect("the year is not 292 million")
}
