//! Changes of packages over HTTP, but for publishing.

use serde_json::json;

use super::body::{self, Sent as Document};
use super::change::{Changed, Missing, Told, run, stale};
use super::draft::{Draft, Star};
use super::rows::{Collaborator, Permission};
use super::sql;
use crate::context::Context;
use crate::http::{Exchange, Problem, Sent};
use crate::id::Id;
use crate::limits::OWNERS_MAX;
use crate::registry::access::Writer;
use crate::registry::accounts;
use crate::registry::documents::api::name_of;
use crate::registry::name::PackageName;
use crate::registry::wording::{busy, not_found, owners_counted};
use crate::shard;
use crate::store::{SqlFault, Tx, View};

/// A document that was put: it deprecates, stars, changes owners, or, at its revision, unpublishes
/// versions.
///
/// # Errors
/// 400 where it is none or changes nothing that can be changed so, 409 where it is of another
/// revision than the package.
pub async fn put_document(
    context: &Context,
    writer: Writer,
    name: &PackageName,
    revision: Option<String>,
    body: Vec<u8>,
) -> Result<Changed, Problem> {
    let read = shard::offload(move || body::read(&body)).await;
    let document = read.map_err(busy)?;
    let document = document
        .map_err(|fault| Problem::new(400, format!("The document cannot be read: {}.", fault.0)))?;
    match (&document.versions, &document.owners, &document.stargazers) {
        (None, None, Some(stars)) => {
            let star = Star::of(stars, writer.name());
            set_star(context, &writer, name, star).await
        }
        (None, Some(_), _) => {
            let revision = revision.or_else(|| document.revision.clone());
            give(context, writer, name, revision, document).await
        }
        (Some(_), _, Some(stars)) if moves_star_alone(context, &writer, name, stars)? => {
            let star = Star::of(stars, writer.name());
            set_star(context, &writer, name, star).await
        }
        (Some(_), _, _) => edit(context, writer, name, revision, document).await,
        (None, None, None) => {
            let detail = "A publish holds its archive in `_attachments`; other changes hold \
                `versions`, `maintainers` or `users`.";
            Err(Problem::new(400, detail))
        }
    }
}

/// `PUT /:@package/-rev/:rev`.
pub async fn replace(
    context: &Context,
    writer: Writer,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let request = exchange.request();
    let name = name_of(&request)?;
    let revision = request.parameter("rev")?.into_owned();
    let body = exchange.collect().await?;
    let changed = put_document(context, writer, &name, Some(revision), body).await?;
    reply_changed(exchange, 201, &name, &changed);
    Ok(Sent)
}

/// `DELETE /:@package/-rev/:rev`: all versions.
pub async fn delete(
    context: &Context,
    writer: Writer,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let request = exchange.request();
    let name = name_of(&request)?;
    let revision = request.parameter("rev")?.into_owned();
    let all = |draft: &Draft| draft.live().map(|row| row.version.clone()).collect();
    let changed = unpublish(context, writer, &name, revision, all).await?;
    reply_changed(exchange, 200, &name, &changed);
    Ok(Sent)
}

/// `DELETE /:@package/-/:file/-rev/:rev`: what a client asks for once its version is out of the
/// document, and there is nothing left to do then.
pub async fn delete_file(
    context: &Context,
    writer: Writer,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let request = exchange.request();
    let name = name_of(&request)?;
    let revision = request.parameter("rev")?.into_owned();
    let file = request.parameter("file")?.into_owned();
    let of_file = move |draft: &Draft| {
        let versions = draft.live().filter(|row| row.file == file);
        versions.map(|row| row.version.clone()).collect()
    };
    let changed = unpublish(context, writer, &name, revision, of_file).await?;
    reply_changed(exchange, 200, &name, &changed);
    Ok(Sent)
}

async fn unpublish(
    context: &Context,
    writer: Writer,
    name: &PackageName,
    revision: String,
    which: impl FnOnce(&Draft) -> Vec<String>,
) -> Result<Changed, Problem> {
    let actor = writer.actor();
    let edit = move |draft: &mut Draft, _: i64| {
        let versions = which(draft);
        if !versions.is_empty() && revision != draft.package.revision_text() {
            return Err(stale());
        }
        for version in &versions {
            draft.remove_version(version);
        }
        draft.settle();
        Ok(Told {
            actor,
            action: "package.unpublished",
            detail: json!({ "versions": versions }),
        })
    };
    run_as(context, writer, name, edit).await
}

/// Whether a whole document is there for the caller's star: pnpm puts one, and who stars a package
/// need not own it. An owner's is read for the rest as well.
fn moves_star_alone(
    context: &Context,
    writer: &Writer,
    name: &PackageName,
    stars: &[String],
) -> Result<bool, Problem> {
    let moves = |view: &View<'_>| {
        if writer.may_edit(view, name).is_ok() {
            return Ok(false);
        }
        let Some(row) = sql::read(view, name)? else {
            return Ok(false);
        };
        let own = writer.name();
        let stored = sql::stargazers(view, row.id)?;
        Ok(Star::of(stars, own) != Star::of(&stored, own))
    };
    Ok(context.house.registry.read(moves)?)
}

/// Deprecates versions and takes that back; of a document that was put at its revision, those
/// versions are unpublished that it leaves out.
async fn edit(
    context: &Context,
    writer: Writer,
    name: &PackageName,
    revision: Option<String>,
    document: Document,
) -> Result<Changed, Problem> {
    let actor = writer.actor();
    let own = (writer.account(), writer.name().to_owned());
    let is_replaced = revision.is_some();
    let edit = move |draft: &mut Draft, _: i64| {
        let known = revision.as_ref().or(document.revision.as_ref());
        if known.is_some_and(|known| *known != draft.package.revision_text()) {
            return Err(stale());
        }
        if let Some(unknown) = document.unknown(draft) {
            return Err(unattached(
                name,
                &format!("{unknown} is none of its versions"),
            ));
        }
        let deprecated = document.deprecate(draft);
        if let ((Some(account), name), Some(stars)) = (own, &document.stargazers) {
            let star = Star::of(stars, &name);
            draft.star(account, &name, star);
        }
        let (action, unpublished) = match &revision {
            Some(_) => ("package.unpublished", document.unpublish(draft)),
            None => ("package.deprecated", Vec::new()),
        };
        Ok(Told {
            actor,
            action,
            detail: json!({ "versions": unpublished, "deprecated": deprecated }),
        })
    };
    match run_as(context, writer, name, edit).await {
        // A publish that lost its archive.
        Err(problem) if problem.status == 404 && !is_replaced => {
            Err(unattached(name, "there is no such package"))
        }
        outcome => outcome,
    }
}

/// That a document which could be a publish has no archive.
fn unattached(name: &PackageName, cause: &str) -> Problem {
    let detail = format!(
        "A publish holds the version's archive in `_attachments`, as Base64 in `data`; without one \
         the versions of '{name}' can be deprecated, and {cause}."
    );
    Problem::new(400, detail)
}

/// Makes those accounts the owners of a package, and nobody else. Who names no revision but
/// [`UNREAD`] has not seen who owns it: those accounts own it as well from then on.
async fn give(
    context: &Context,
    writer: Writer,
    name: &PackageName,
    revision: Option<String>,
    document: Document,
) -> Result<Changed, Problem> {
    let names = document.owners.unwrap_or_default();
    let is_addition = revision.as_deref() == Some(UNREAD);
    if names.is_empty() && is_addition {
        let detail =
            "yarn 1 cannot remove owners: it does not read who they are. Use npm owner rm.";
        return Err(Problem::new(400, detail));
    }
    if names.is_empty() || names.len() > OWNERS_MAX {
        return Err(owners_counted());
    }
    let owners = context.house.registry.read(|view| owners(view, &names))?;
    let owners =
        owners.map_err(|unknown| Problem::new(400, format!("There is no account '{unknown}'.")))?;
    let actor = writer.actor();
    let edit = move |draft: &mut Draft, _: i64| {
        let is_stale = |known: String| known != draft.package.revision_text();
        if !is_addition && revision.is_some_and(is_stale) {
            return Err(stale());
        }
        let is_kept = |one: &Collaborator| {
            is_addition
                || one.permission == Permission::Read
                || owners.iter().any(|owner| owner.account == one.account)
        };
        let withdrawn = draft.collaborators.iter().filter(|one| !is_kept(one));
        let withdrawn: Vec<_> = withdrawn.map(|one| one.account).collect();
        for account in withdrawn {
            draft.withdraw(account);
        }
        for owner in owners {
            draft.grant(owner);
        }
        if draft.owners().count() > OWNERS_MAX {
            return Err(owners_counted());
        }
        Ok(Told {
            actor,
            action: "package.owners_changed",
            detail: match is_addition {
                true => json!({ "added": names }),
                false => json!({ "owners": names }),
            },
        })
    };
    run_as(context, writer, name, edit).await
}

/// The accounts of these names, or the first name that nobody has.
fn owners(
    view: &View<'_>,
    names: &[String],
) -> Result<Result<Vec<Collaborator>, String>, SqlFault> {
    let mut owners = Vec::with_capacity(names.len());
    for name in names {
        let Some(account) = accounts::sql::named(view, name)? else {
            return Ok(Err(name.clone()));
        };
        owners.push(Collaborator {
            account: account.id,
            name: account.name,
            email: account.email,
            permission: Permission::Write,
        });
    }
    Ok(Ok(owners))
}

/// Gives or takes the caller's star.
///
/// # Errors
/// 404 where the caller sees no such package; 403 for staff, who has no account; 409 where it
/// became another one meanwhile.
pub async fn set_star(
    context: &Context,
    writer: &Writer,
    name: &PackageName,
    star: Star,
) -> Result<Changed, Problem> {
    writer.visitor().may_read(context, name)?;
    let Some(account) = writer.account() else {
        let detail = "The shop's staff has no account that could star a package.";
        return Err(Problem::new(403, detail));
    };
    let own = writer.name().to_owned();
    let row = context.house.registry.read(|view| sql::read(view, name))?;
    let row = row.ok_or_else(|| not_found(name))?;
    if row.upstream.is_some() {
        let named = name.clone();
        let command = move |tx: &mut Tx<'_>| star_upstreams(tx, &named, account, star);
        let written = context.house.registry.write(command).await?;
        let changed = written.map_err(crate::store::StoreFault::from)?;
        return changed.ok_or_else(stale);
    }
    let actor = writer.actor();
    let edit = move |draft: &mut Draft, _: i64| {
        draft.star(account, &own, star);
        Ok(Told {
            actor,
            action: "package.starred",
            detail: json!({ "given": star == Star::Given }),
        })
    };
    run(
        context,
        name,
        Missing::IsRefused,
        Vec::new(),
        |_| Ok(()),
        edit,
    )
    .await
}

/// Gives or takes a star of an upstream's package, whose document knows nothing of our accounts;
/// nothing where it is gone or hosted here by then.
fn star_upstreams(
    tx: &mut Tx<'_>,
    name: &PackageName,
    account: Id,
    star: Star,
) -> Result<Option<Changed>, SqlFault> {
    let row = sql::read(tx, name)?.filter(|row| row.upstream.is_some());
    let Some(row) = row else {
        return Ok(None);
    };
    match star {
        Star::Given => sql::star(tx, row.id, account)?,
        Star::Taken => sql::unstar(tx, row.id, account)?,
    }
    let revision = row.revision_text();
    Ok(Some(Changed { revision }))
}

/// Changes a package for its owner.
///
/// # Errors
/// What `edit` says; 403 where others own the package, 404 where there is none.
pub async fn run_as(
    context: &Context,
    writer: Writer,
    name: &PackageName,
    edit: impl FnOnce(&mut Draft, i64) -> Result<Told, Problem>,
) -> Result<Changed, Problem> {
    // Before the turn: who may not does not wait in its line.
    context
        .house
        .registry
        .read(|view| Ok(writer.may_edit(view, name)))??;
    let checked = name.clone();
    let check = move |view: &View<'_>| writer.may_edit(view, &checked).map(drop);
    run(context, name, Missing::IsRefused, Vec::new(), check, edit).await
}

/// What npm's registry says of a change; yarn 1 believes nothing but `success`.
pub fn reply_changed(
    exchange: &mut Exchange<'_>,
    status: u16,
    name: &PackageName,
    changed: &Changed,
) {
    exchange.reply().status(status).json(&json!({
        "ok": true,
        "success": true,
        "id": name.as_str(),
        "rev": changed.revision,
    }));
}

/// What yarn 1 puts in a revision's place: it reads the short form of a document, which has neither
/// a revision nor owners.
const UNREAD: &str = "undefined";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::packages::draft::fresh;
    use crate::registry::packages::rows::PackageRow;
    use crate::registry::schema::DEFINITION;
    use crate::store::{Folder, Options, open};

    const ACCOUNT: &str = "\
        INSERT INTO accounts (id, name, email, password, created_at, updated_at) \
        VALUES (?1, 'anna', '', '', 0, 0)";

    #[test]
    fn a_star_is_of_the_upstreams_package_that_is_there_when_it_is_written() {
        let folder = Folder::new();
        let store = open(&DEFINITION, folder.path(), Options { shards: 0 }).unwrap();
        let name = PackageName::parse("a").unwrap();
        let account = Id::fresh();
        let row = |upstream| PackageRow {
            upstream,
            ..fresh(&name, 0)
        };
        let (hosted, upstreams) = (row(None), row(Some(1)));
        let (later, id) = (row(Some(1)), upstreams.id);
        let named = name.clone();
        let write = move |tx: &mut Tx<'_>| {
            tx.run(ACCOUNT, &[&account.text()])?;
            let set = |tx: &mut Tx<'_>, star| star_upstreams(tx, &named, account, star);
            let starred = |tx: &mut Tx<'_>| sql::starred_by(tx, account).map(|all| all.len());
            assert_eq!(set(tx, Star::Given)?, None, "it is gone");
            sql::insert(tx, &upstreams, None)?;
            assert!(set(tx, Star::Given)?.is_some());
            assert_eq!(starred(tx)?, 1);
            // Another upstream's came in its place.
            sql::remove(tx, id)?;
            sql::insert(tx, &later, None)?;
            assert!(set(tx, Star::Given)?.is_some());
            assert!(set(tx, Star::Taken)?.is_some());
            assert_eq!(starred(tx)?, 0);
            sql::remove(tx, later.id)?;
            sql::insert(tx, &hosted, None)?;
            assert_eq!(set(tx, Star::Given)?, None, "its document has to be made");
            Ok::<_, SqlFault>(())
        };
        store.write_blocking(write).unwrap().unwrap();
    }
}
