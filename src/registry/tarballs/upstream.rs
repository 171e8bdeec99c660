//! Tarballs of upstreams: which are known of, and those that are not here.

use super::api::{etag_of, missing};
use super::sql::{self, Place};
use crate::context::Context;
use crate::http::{Exchange, Problem, Request, not_modified};
use crate::limits::UPSTREAM_PATIENCE;
use crate::registry::blobs::Sha512Digest;
use crate::registry::name::PackageName;
use crate::registry::packages::rows::{PackageRow, VersionRow, VersionState};
use crate::registry::packages::sql as packages;
use crate::registry::uplinks::{self, Missing, Origin, Standing};
use crate::store::StoreFault;
use crate::telemetry::Counter;

/// The place of a tarball that no version is known to have, once the upstream of its package was
/// asked for the versions that there are; an installation from a lockfile asks for nothing else.
///
/// # Errors
/// Why the upstream cannot be asked.
pub(super) async fn bring(
    context: &Context,
    request: &Request<'_>,
    name: &PackageName,
    file: &str,
) -> Result<Option<Place>, Problem> {
    if !matches!(uplinks::origin_of(context, name)?, Origin::Upstream(_)) {
        return Ok(None);
    }
    let store = &context.house.registry;
    let row = store.read(|view| packages::read(view, name))?;
    // Names of files that nobody has cost the upstream nothing while its document is fresh.
    if let Some(row) = row.filter(|row| row.document.is_some())
        && uplinks::standing(context, &row) == Standing::Current
    {
        return Ok(None);
    }
    uplinks::refuse_loop(context, request)?;
    match uplinks::bring(context, name, UPSTREAM_PATIENCE).await {
        Ok(()) => Ok(store.read(|view| sql::find(view, name, file))?),
        Err(Missing::NotFound) => Ok(None),
        Err(missing) => Err(missing.into()),
    }
}

/// Notes that a tarball was here when it was asked for.
///
/// # Errors
/// Why it is not served although it is here.
pub(super) fn note_hit(context: &Context, name: &PackageName, file: &str) -> Result<(), Problem> {
    let (package, version) = served(context, name, file)?;
    uplinks::used(context, &package, Some(&version));
    context.telemetry.count(Counter::UpstreamTarballHits);
    Ok(())
}

/// Answers with a tarball that is not here.
///
/// # Errors
/// Why it is not to be had.
pub(super) async fn send(
    context: &Context,
    exchange: &mut Exchange<'_>,
    name: &PackageName,
    file: &str,
    cache_control: &str,
) -> Result<(), Problem> {
    let request = exchange.request();
    let (package, version) = served(context, name, file)?;
    let promised = version.integrity.as_deref();
    let promised = promised.and_then(Sha512Digest::of_integrity);
    let etag = promised.map(|digest| etag_of(&digest));
    let mut headers = vec![
        ("Cache-Control", cache_control),
        ("Accept-Ranges", "bytes"),
        ("Content-Type", "application/octet-stream"),
    ];
    if let Some(etag) = &etag {
        if let Some(known) = not_modified(&request, etag.as_bytes()) {
            let mut reply = exchange.reply();
            reply.status(304).header("ETag", known);
            reply.header("Cache-Control", cache_control).empty();
            return Ok(());
        }
        headers.push(("ETag", etag));
    }
    uplinks::refuse_loop(context, &request)?;
    uplinks::send_tarball(context, exchange, &package, &version, &headers).await
}

/// The rows of an upstream's tarball, if it may be served at this moment: its package is of the
/// upstream that the name comes from, and the rules in force show its version, whatever those said
/// that its documents were made by.
///
/// # Errors
/// 403 where the settings block the package, 404 where the version is not shown.
fn served(
    context: &Context,
    name: &PackageName,
    file: &str,
) -> Result<(PackageRow, VersionRow), Problem> {
    let found = rows(context, name, file)?;
    let is_live = |row: &VersionRow| row.state == VersionState::Live;
    let found = found.filter(|(package, version)| package.upstream.is_some() && is_live(version));
    let (package, version) = found.ok_or_else(|| missing(name.as_str(), file))?;
    match uplinks::standing(context, &package) {
        Standing::Current | Standing::Stale { .. } if uplinks::shows(context, name, &version) => {
            Ok((package, version))
        }
        Standing::Blocked => Err(Missing::Blocked.into()),
        Standing::Current | Standing::Stale { .. } | Standing::Absent => {
            Err(missing(name.as_str(), file))
        }
    }
}

fn rows(
    context: &Context,
    name: &PackageName,
    file: &str,
) -> Result<Option<(PackageRow, VersionRow)>, StoreFault> {
    context.house.registry.read(|view| {
        let Some(package) = packages::read(view, name)? else {
            return Ok(None);
        };
        let version = packages::version_of_file(view, package.id, file)?;
        Ok(version.map(|version| (package, version)))
    })
}
