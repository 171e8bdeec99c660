//! A change of a hosted package: its turn, its rows, its documents, one command.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::draft::{Draft, LATEST};
use super::rows::{
    Collaborator, DocumentRow, Permission, TagRow, VersionRow, VersionState, Visibility,
};
use super::turns;
use crate::audit::{self, Actor, Entry};
use crate::context::Context;
use crate::http::Problem;
use crate::limits::{
    BLOB_SHORT_BYTES_MAX, DOCUMENTS_BUILT_HERE_BYTES_MAX, PACKAGE_VERSIONS_READ_HERE_MAX,
};
use crate::registry::archive::Inspected;
use crate::registry::blobs::{Arrived, Blobs, Hashed, Kept, Sha512Digest, is_file, sweep};
use crate::registry::documents::fields::{Fields, ObjectWriter, write_string};
use crate::registry::documents::{self, Packed, Source};
use crate::registry::name::PackageName;
use crate::registry::publish::{Publication, Publisher};
use crate::registry::search::card::Card;
use crate::registry::wording::{busy, not_found};
use crate::registry::{accounts, search, topics};
use crate::settings::ScopedAccess;
use crate::shard;
use crate::store::{SqlFault, StoreFault, Tx, View};
use crate::telemetry::process::unix_ms;

/// What a change came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// `_rev` of the package from then on.
    pub revision: String,
}

/// What is told of a change.
pub struct Told {
    /// Who did it.
    pub actor: Actor,
    /// What was done, such as `package.published`.
    pub action: &'static str,
    /// Particulars, as an object.
    pub detail: Value,
}

/// Adds a version to its package, which is made where there is none.
///
/// # Errors
/// 409 where the version was published before, 403 where others own the package or an upstream
/// came to have its name.
pub async fn publish(context: &Context, publication: Publication) -> Result<Changed, Problem> {
    let Publication {
        name,
        version,
        tags,
        manifest,
        members,
        access,
        readme,
        tarball,
        inspected,
        publisher,
    } = publication;
    let digests = *tarball.digests();
    let (content, file) = tarball.parted();
    let row = VersionRow {
        file: name.tarball(&version),
        version,
        state: VersionState::Live,
        manifest: Some(finished(manifest.get(), &inspected)?),
        integrity: Some(digests.sha512.integrity()),
        shasum: Some(digests.shasum()),
        upstream_url: None,
        digest: Some(digests.sha512.0),
        bytes: i64::try_from(digests.bytes).ok(),
        published_at: None,
        seen_at: 0,
        used_at: None,
        publisher: Some(publisher.name.clone()),
    };
    let told = Told {
        actor: publisher.actor,
        action: "package.published",
        detail: json!({ "version": row.version, "integrity": row.integrity }),
    };
    let claim = publisher.claim;
    let access = access.or_else(|| usual_access(context, &name));
    let addition = Addition {
        row,
        content,
        tags,
        members,
        access,
        readme,
        owner: owner(context, &publisher)?,
    };
    let edit = move |draft: &mut Draft, now_ms: i64| {
        admit(draft, &addition.row, &publisher)?;
        addition.apply(draft, now_ms)?;
        Ok(told)
    };
    let files = Vec::from_iter(file);
    let named = name.clone();
    let check = move |view: &View<'_>| claim.check(view, &named);
    run(context, &name, Missing::IsMade, files, check, edit).await
}

/// Who reads a new package whose publish does not say; nothing for what holds without a setting.
fn usual_access(context: &Context, name: &PackageName) -> Option<Visibility> {
    name.scope()?;
    match context.settings.borrow().access.scoped_access {
        ScopedAccess::Public => None,
        ScopedAccess::Restricted => Some(Visibility::Restricted),
    }
}

/// A version that is added.
struct Addition {
    row: VersionRow,
    content: Option<Bytes>,
    tags: Vec<String>,
    members: Vec<(String, Box<RawValue>)>,
    access: Option<Visibility>,
    readme: Option<String>,
    owner: Option<Collaborator>,
}

impl Addition {
    fn apply(self, draft: &mut Draft, now_ms: i64) -> Result<(), Problem> {
        if !draft.is_hosted() {
            if let Some(access) = self.access {
                draft.show_to(access);
            }
            if let Some(owner) = self.owner {
                draft.grant(owner);
            }
        }
        let version = self.row.version.clone();
        let row = VersionRow {
            published_at: Some(now_ms),
            seen_at: now_ms,
            ..self.row
        };
        draft.add_version(row, self.content);
        for tag in &self.tags {
            draft.put_tag(tag, &version);
        }
        draft.settle();
        let is_latest = |tag: &TagRow| tag.tag == LATEST && tag.version == version;
        if draft.tags.iter().any(is_latest) {
            let before = draft.package.fields.as_deref().unwrap_or("{}");
            let fields = merged(before, &self.members, self.readme.as_deref())?;
            draft.put_fields(fields);
        }
        Ok(())
    }
}

/// Who owns a package that a publisher makes.
fn owner(context: &Context, publisher: &Publisher) -> Result<Option<Collaborator>, Problem> {
    let Some(id) = publisher.account else {
        return Ok(None);
    };
    let account = context
        .house
        .registry
        .read(|view| accounts::sql::read(view, id))?;
    Ok(account.map(|account| Collaborator {
        account: account.id,
        name: account.name,
        email: account.email,
        permission: Permission::Write,
    }))
}

/// Whether a package that is not there may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is made.
    IsMade,
    /// 404.
    IsRefused,
}

/// Changes a package: `edit` says how, of the rows as they are when its turn has come; `check` is
/// asked in the transaction that writes. `files` are kept together with the documents.
///
/// # Errors
/// What `edit` and `check` say; 503 where there is no room.
pub async fn run(
    context: &Context,
    name: &PackageName,
    missing: Missing,
    mut files: Vec<Hashed>,
    check: impl FnOnce(&View<'_>) -> Result<(), Problem> + Send + 'static,
    edit: impl FnOnce(&mut Draft, i64) -> Result<Told, Problem>,
) -> Result<Changed, Problem> {
    let turn = turns::take(name).await?;
    let now_ms = unix_ms() as i64;
    let mut draft = read(context, name, now_ms).await?;
    if missing == Missing::IsRefused && !draft.is_hosted() {
        return Err(not_found(name));
    }
    let told = edit(&mut draft, now_ms)?;
    if !draft.is_changed() {
        context.house.registry.read(|view| Ok(check(view)))??;
        let revision = draft.package.revision_text();
        return Ok(Changed { revision });
    }
    draft.advance(now_ms);
    let replaced = draft.package.document.take();
    let base = documents::base::primary(context);
    let blobs = context.house.blobs.clone();
    let built = if draft.text_bytes() <= DOCUMENTS_BUILT_HERE_BYTES_MAX {
        build(&blobs, draft, base)
    } else {
        let built = shard::offload(move || build(&blobs, draft, base)).await;
        built.map_err(busy)?
    };
    let (mut draft, file, card) = built.map_err(|error| unwritten(name, &error))?;
    files.extend(file);
    let kept = match files.is_empty() {
        true => Ok(Vec::new()),
        false => context.house.blobs.keep_soon(files).await,
    };
    let kept = kept.map_err(|error| unwritten(name, &error))?;
    let revision = draft.package.revision_text();
    let mut freed = std::mem::take(&mut draft.freed);
    let document = draft.package.document.as_ref();
    freed.extend(replaced.and_then(|old| file_left(&old, document)));
    let command = move |tx: &mut Tx<'_>| write(tx, &draft, card.as_ref(), &told, kept, check);
    context
        .house
        .registry
        .write(command)
        .await?
        .map_err(|fault| match fault {
            Refused::Store(fault) => Problem::from(StoreFault::from(fault)),
            Refused::Told(problem) => problem,
            Refused::Stale => stale(),
        })?;
    drop(turn);
    if !freed.is_empty() {
        let house = context.house.clone();
        shard::spawn(async move {
            sweep::discard(&house.registry, &house.blobs, &freed).await;
        });
    }
    Ok(Changed { revision })
}

/// That the document which a client changed is not the one that is there.
pub fn stale() -> Problem {
    Problem::new(409, "Document update conflict.")
}

enum Refused {
    Store(SqlFault),
    Told(Problem),
    Stale,
}

impl From<SqlFault> for Refused {
    fn from(fault: SqlFault) -> Refused {
        Refused::Store(fault)
    }
}

async fn read(context: &Context, name: &PackageName, now_ms: i64) -> Result<Draft, Problem> {
    let store = &context.house.registry;
    let count = store.read(|view| super::sql::count(view, name))?;
    if count <= PACKAGE_VERSIONS_READ_HERE_MAX {
        return Ok(store.read(|view| Draft::read(view, name, now_ms))?);
    }
    let name = name.clone();
    let read = store.read_heavy(move |view| Draft::read(view, &name, now_ms));
    Ok(read.await?)
}

/// The documents of a package as it is to be, and what a search finds of it.
fn build(
    blobs: &Arc<Blobs>,
    mut draft: Draft,
    base: String,
) -> io::Result<(Draft, Option<Hashed>, Option<Card>)> {
    let source = Source::hosted(draft.rows()).map_err(io::Error::other)?;
    let Packed { bytes, parts } = documents::build(&source, &base).pack()?;
    let arrived = if bytes.len() <= BLOB_SHORT_BYTES_MAX {
        Arrived::Short(bytes)
    } else {
        let mut spool = blobs.begin()?;
        spool.write(&bytes)?;
        Arrived::Long(Box::new(spool))
    };
    let documents = arrived.finish();
    let card = Card::of(&draft.rows());
    draft.package.document = Some(DocumentRow {
        digest: documents.digests().sha512.0,
        base,
        parts,
    });
    let (content, file) = documents.parted();
    draft.document = content;
    Ok((draft, file, card))
}

/// The file of documents, where others take their place.
fn file_left(old: &DocumentRow, new: Option<&DocumentRow>) -> Option<Sha512Digest> {
    let is_replaced = new.is_none_or(|new| new.digest != old.digest);
    (is_replaced && is_file(old.bytes())).then_some(Sha512Digest(old.digest))
}

fn write(
    tx: &mut Tx<'_>,
    draft: &Draft,
    card: Option<&Card>,
    told: &Told,
    kept: Vec<Kept>,
    check: impl FnOnce(&View<'_>) -> Result<(), Problem>,
) -> Result<Vec<Kept>, Refused> {
    check(tx).map_err(Refused::Told)?;
    if !draft.write(tx)? {
        return Err(Refused::Stale);
    }
    search::sql::index(tx, draft.package.id, card)?;
    let entry = Entry {
        actor: told.actor,
        action: told.action,
        subject: ("package", draft.package.name.as_str()),
        detail: told.detail.clone(),
    };
    audit::append(tx, &entry)?;
    tx.touch(topics::package(&draft.package.name));
    tx.touch(topics::packages());
    Ok(kept)
}

/// Whether a version may be added to what is there.
fn admit(draft: &Draft, row: &VersionRow, publisher: &Publisher) -> Result<(), Problem> {
    if let (true, Some(account)) = (draft.is_hosted(), publisher.account) {
        let is_owner =
            |one: &Collaborator| one.account == account && one.permission == Permission::Write;
        if !draft.collaborators.iter().any(is_owner) {
            let detail = "You do not have permission to publish this package.";
            return Err(Problem::new(403, detail));
        }
    }
    let is_same = |one: &&VersionRow| one.version == row.version || one.file == row.file;
    match draft.versions.iter().find(is_same) {
        None => Ok(()),
        Some(other) => {
            let detail = format!(
                "You cannot publish over the previously published versions: {}.",
                other.version
            );
            Err(Problem::new(409, detail))
        }
    }
}

/// The manifest as it is stored: what the registry says itself is left out, what the archive tells
/// is put in.
fn finished(manifest: &str, inspected: &Inspected) -> Result<String, Problem> {
    let unreadable = |_| Problem::new(400, "A version's manifest is an object.");
    let fields = Fields::of(manifest).map_err(unreadable)?;
    let mut out = Vec::with_capacity(manifest.len());
    let mut writer = ObjectWriter::open(&mut out);
    for (name, value) in &fields.0 {
        if !OURS.contains(&&**name) {
            writer.json(name, value.get());
        }
    }
    if inspected.has_install_script {
        writer.json("hasInstallScript", "true");
    }
    let has_shrinkwrap = inspected.has_shrinkwrap.to_string();
    writer.json("_hasShrinkwrap", &has_shrinkwrap);
    if fields.text("bin").is_none()
        && let Some(bin) = &inspected.bin
    {
        writer.json("bin", bin.get());
    }
    let mut dist = ObjectWriter::open(writer.name("dist"));
    for (name, value) in &fields.object("dist").unwrap_or_default().0 {
        if !DIST_OURS.contains(&&**name) {
            dist.json(name, value.get());
        }
    }
    dist.json("fileCount", &inspected.files.to_string());
    dist.json("unpackedSize", &inspected.unpacked_bytes.to_string());
    dist.close();
    writer.close();
    String::from_utf8(out).map_err(|_| Problem::new(400, "A manifest is UTF-8."))
}

/// The package's own fields with those of a publish over them.
fn merged(
    before: &str,
    members: &[(String, Box<RawValue>)],
    readme: Option<&str>,
) -> Result<String, Problem> {
    let damaged = |error| Problem::new(500, format!("a package's fields are damaged: {error}"));
    let before = Fields::of(before).map_err(damaged)?;
    let mut out = Vec::new();
    let mut writer = ObjectWriter::open(&mut out);
    let is_replaced =
        |name: &str| name == "readme" || members.iter().any(|(member, _)| member == name);
    for (name, value) in &before.0 {
        if !is_replaced(name) {
            writer.json(name, value.get());
        }
    }
    for (name, value) in members {
        if name != "readme" {
            writer.json(name, value.get());
        }
    }
    if let Some(readme) = readme {
        write_string(readme, writer.name("readme"));
    }
    writer.close();
    String::from_utf8(out).map_err(|_| Problem::new(400, "A document is UTF-8."))
}

fn unwritten(name: &PackageName, error: &io::Error) -> Problem {
    let full = error.kind() == io::ErrorKind::StorageFull;
    tracing::error!(target: "registry", %name, %error, "a change could not be kept");
    match full {
        true => Problem::new(507, "The disk is full."),
        false => Problem::new(503, "The disk refuses to write.").header("Retry-After", "1"),
    }
}

/// What of a manifest the registry says itself, or tells once with the package.
const OURS: [&str; 7] = [
    "dist",
    "readme",
    "readmeFilename",
    "hasInstallScript",
    "_hasShrinkwrap",
    "_npmUser",
    "_attachments",
];
/// What of `dist` the registry says itself.
const DIST_OURS: [&str; 5] = [
    "integrity",
    "shasum",
    "tarball",
    "fileCount",
    "unpackedSize",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_documents_that_were_a_file_leave_one() {
        let documents = |digest: u8, bytes: usize| DocumentRow {
            digest: [digest; 64],
            base: String::new(),
            parts: [bytes as u64 - 1, 0, 0, 1, 0, 0],
        };
        let (short, long) = (
            documents(1, BLOB_SHORT_BYTES_MAX),
            documents(2, BLOB_SHORT_BYTES_MAX + 1),
        );
        assert_eq!(file_left(&short, Some(&long)), None);
        assert_eq!(file_left(&long, Some(&short)), Some(Sha512Digest([2; 64])));
        assert_eq!(file_left(&long, None), Some(Sha512Digest([2; 64])));
        assert_eq!(file_left(&long, Some(&long)), None, "it is the same");
    }
}
