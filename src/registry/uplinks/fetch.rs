//! Documents of packages at upstreams: fetched when they are asked for, asked about again when they
//! are no longer fresh, served meanwhile as they are.

use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_lite::future::or;

use super::chain::Chain;
use super::collect;
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
    chain: Chain,
    patience: Duration,
) -> Result<(), Missing> {
    context.telemetry.count(Counter::UpstreamDocumentMisses);
    let (answer, reply) = shard::answer();
    begin(context, name, chain, Some(reply));
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
/// being asked, too many are, or it was asked in vain a moment ago.
pub fn revalidate(context: &Context, name: &PackageName, chain: Chain) {
    let house = &context.house;
    let uplinks = &house.uplinks;
    if uplinks.pauses.find(name, house.steady_ms()).is_some() {
        return;
    }
    if uplinks.refreshing.load(Ordering::Relaxed) < UPSTREAM_REFRESHES_MAX {
        begin(context, name, chain, None);
    }
}

fn begin(
    context: &Context,
    name: &PackageName,
    chain: Chain,
    reply: Option<shard::Reply<Result<(), Missing>>>,
) {
    let house = context.house.clone();
    let is_background = reply.is_none();
    let key = (name.clone(), chain);
    let joined = house
        .uplinks
        .documents
        .join(&key, reply, UPSTREAM_DOCUMENTS_MAX);
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
    let (name, chain) = key;
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
        let outcome = or(fetch(&context, &name, &chain), late).await;
        if let Err(missing) = &outcome
            && is_background
        {
            tracing::debug!(target: "registry", %name, ?missing, "a package stays as it is");
            let house = &context.house;
            let missing = missing.clone();
            house.uplinks.pauses.note(&name, missing, house.steady_ms());
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

async fn fetch(context: &Rc<Context>, name: &PackageName, chain: &Chain) -> Result<(), Missing> {
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
    match house.uplinks.misses.find(name, house.steady_ms()) {
        // One that came back since is looked at as ever.
        Some(Missing::NotFound) if is_there => {}
        Some(missing) => return Err(missing),
        None => {}
    }
    let reusable = known.as_ref().filter(|row| {
        let is_due = row.rebuild_at.is_some_and(|at| at <= now_ms());
        row.document.is_some() && !is_due && row.fields.as_deref() == Some(&*policy.fingerprint)
    });
    let request = request_for(&uplink, name, reusable);
    let response = uplink
        .ask(&context.outgoing, request, chain, house.steady_ms())
        .await?;
    match response.status {
        200 => {
            let taken = match read(context, &uplink, response).await {
                Ok(fetched) => ingest::ingest(context, &uplink, name, fetched).await,
                Err(missing) => Err(missing),
            };
            // It is as long, and as wrong, for everybody who asks.
            if let Err(missing @ Missing::Unsound { .. }) = &taken {
                let now_ms = house.steady_ms();
                house.uplinks.misses.note(name, missing.clone(), now_ms);
            }
            taken
        }
        304 if is_there => {
            uplink.tally.count(Outcome::Unchanged);
            confirm(context, name).await
        }
        status => {
            let missing = uplink.refusal(status);
            // What it does not let us have, it does not let the next one have either.
            if matches!(status, 400..500) {
                let now_ms = house.steady_ms();
                house.uplinks.misses.note(name, missing.clone(), now_ms);
            }
            if missing == Missing::NotFound && is_there {
                return ingest::forget(context, &uplink, name).await;
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
    let (etag, last_modified, coding) =
        (text(&ETAG), text(&LAST_MODIFIED), text(&CONTENT_ENCODING));
    let bytes_max = UPSTREAM_DOCUMENT_BYTES_MAX;
    let collected = collect::collect(context, uplink, response.body, bytes_max).await?;
    Ok(Fetched {
        etag,
        last_modified,
        coding,
        collected,
    })
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
