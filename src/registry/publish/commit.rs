//! Stands in until `packages::change` is there.

use super::publication::Publication;
use crate::context::Context;
use crate::http::Problem;
use crate::id::Id;
use crate::registry::access::Writer;
use crate::registry::name::PackageName;
use crate::registry::packages::rows::{PackageRow, VersionRow, VersionState, Visibility};
use crate::registry::packages::sql;
use crate::registry::topics;
use crate::store::{SqlFault, StoreFault, Tx};

pub(super) async fn change(
    _: &Context,
    _: &Writer,
    _: &PackageName,
    _: Vec<u8>,
) -> Result<String, Problem> {
    Err(Problem::new(501, "not here yet"))
}

pub(super) async fn publish(
    context: &Context,
    publication: Publication,
) -> Result<String, Problem> {
    let Publication {
        name,
        version,
        tags,
        manifest,
        access,
        tarball,
        publisher,
        ..
    } = publication;
    let (integrity, shasum, bytes) = (
        tarball.sha512.integrity(),
        tarball.shasum(),
        tarball.bytes as i64,
    );
    let kept = context.house.blobs.keep_soon(vec![tarball]).await;
    let kept = kept.map_err(super::intake::unstored)?;
    let command = move |tx: &mut Tx<'_>| -> Result<_, SqlFault> {
        let now = tx.now_ms();
        let found = sql::read(tx, &name)?;
        let row = match found {
            Some(mut row) => {
                row.revision += 1;
                sql::update(tx, &row)?;
                row
            }
            None => {
                let row = PackageRow {
                    id: Id::fresh(),
                    name: name.clone(),
                    upstream: None,
                    access: access.unwrap_or(Visibility::Public),
                    revision: 1,
                    fields: None,
                    created_at: now,
                    modified_at: now,
                    document: None,
                    etag: None,
                    last_modified: None,
                    checked_at: None,
                    rebuild_at: None,
                    used_at: None,
                };
                sql::insert(tx, &row)?;
                if let Some(account) = publisher.account {
                    let write = crate::registry::packages::rows::Permission::Write;
                    sql::put_collaborator(tx, row.id, account, write)?;
                }
                row
            }
        };
        if sql::version(tx, row.id, &version)?.is_some() {
            return Ok(Err(version));
        }
        let line = VersionRow {
            file: name.tarball(&version),
            version: version.clone(),
            state: VersionState::Live,
            manifest: Some(manifest.get().to_owned()),
            integrity: Some(integrity),
            shasum: Some(shasum),
            upstream_url: None,
            digest: Some(kept[0].sha512.0),
            bytes: Some(bytes),
            published_at: Some(now),
            seen_at: now,
            used_at: None,
            publisher: Some(publisher.name),
        };
        sql::put_version(tx, row.id, &line)?;
        for tag in tags {
            sql::put_tag(tx, row.id, &tag, &version)?;
        }
        tx.touch(topics::package(&name));
        Ok(Ok((row.revision, kept)))
    };
    let written = context.house.registry.write(command).await?;
    match written.map_err(StoreFault::from)? {
        Ok((revision, _kept)) => Ok(format!("{revision}-0")),
        Err(version) => Err(Problem::new(
            403,
            format!("You cannot publish over the previously published versions: {version}."),
        )),
    }
}
