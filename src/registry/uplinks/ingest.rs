//! Taking an upstream's document in: made anew by our rules, kept, and noted in one command with
//! what changed.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::io::{self, Read as _};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::json;

use super::collect::Collected;
use super::decode::{DecodeFault, decode, likely_bytes};
use super::eviction;
use super::fetch::now_ms;
use super::missing::Missing;
use super::need::Need;
use super::policy::PolicyInForce;
use super::rules::Verdict;
use super::tally::Outcome;
use super::uplink::Uplink;
use crate::audit::{self, Actor, Entry};
use crate::context::Context;
use crate::id::Id;
use crate::limits::{UPSTREAM_DOCUMENT_BYTES_MAX, UPSTREAM_MAKING_PATIENCE, UPSTREAM_VERSIONS_MAX};
use crate::outgoing::OutgoingFault;
use crate::registry::blobs::{Blobs, Hashed, Kept, Sha512Digest, sweep};
use crate::registry::budget::Share;
use crate::registry::documents::base;
use crate::registry::documents::{Built, Candidate, Fate, Filter, Part, Source, build};
use crate::registry::name::PackageName;
use crate::registry::packages::rows::{
    DocumentRow, PackageRow, TagRow, VersionRow, VersionState, Visibility,
};
use crate::registry::packages::sql;
use crate::registry::topics;
use crate::shard;
use crate::store::{SqlFault, Tx};

/// An upstream's document as it came.
pub(super) struct Fetched {
    /// Its `ETag`.
    pub etag: Option<String>,
    /// Its `Last-Modified`.
    pub last_modified: Option<String>,
    /// Its `Content-Encoding`.
    pub coding: Option<String>,
    /// In that coding.
    pub collected: Collected,
}

/// What is known of a package before.
#[derive(Default)]
struct Known {
    package: Option<PackageRow>,
    versions: HashMap<String, VersionRow>,
    /// The revision of what is there of another upstream.
    former: Option<i64>,
}

impl Known {
    /// The revision of what is in the store.
    fn revision(&self) -> Option<i64> {
        let package = self.package.as_ref().map(|package| package.revision);
        package.or(self.former)
    }
}

/// A document that was taken in, to be kept.
struct Made {
    file: Hashed,
    parts: [u64; 6],
    versions: Vec<VersionRow>,
    gone: Vec<String>,
    tags: Vec<TagRow>,
    modified_at: i64,
    rebuild_at: Option<i64>,
}

/// Makes the documents of a package from what its upstream sent, and commits them with the rows of
/// its versions and tags.
///
/// # Errors
/// Why they cannot be used or kept; what was there before stays.
pub(super) async fn ingest(
    context: &Rc<Context>,
    uplink: &Arc<Uplink>,
    name: &PackageName,
    fetched: Fetched,
) -> Result<(), Missing> {
    let house = &context.house;
    let known = know(context, uplink, name)?;
    let package = known.package.clone();
    let known_revision = known.revision();
    let (etag, last_modified) = (fetched.etag.clone(), fetched.last_modified.clone());
    let work = Work {
        name: name.clone(),
        base: base::primary(context),
        policy: context.uplink_policy(),
        blobs: house.blobs.clone(),
        now_ms: now_ms(),
        known,
    };
    let made = make(context, uplink, work, fetched).await;
    let made = made.inspect_err(|missing| {
        if matches!(missing, Missing::Unreachable { .. }) {
            return; // there was no room for it
        }
        uplink.tally.count(Outcome::Unsound);
        let upstream = &uplink.shown;
        tracing::warn!(target: "registry", %upstream, %name, ?missing, "a document is refused");
    })?;
    uplink.tally.count(Outcome::Fetched);
    let bytes = i64::try_from(made.file.digests.bytes).expect("a document is bounded");
    let row = row_of(uplink, name, package.as_ref(), &made, context);
    let row = PackageRow {
        etag,
        last_modified,
        revision: known_revision.map_or(1, |revision| revision + 1),
        ..row
    };
    let kept = house.blobs.keep_soon(vec![made.file]).await;
    let kept = kept.map_err(|error| Missing::Disk(format!("a document is not kept: {error}")))?;
    let change = Change {
        known_revision,
        row,
        versions: made.versions,
        gone: made.gone,
        tags: made.tags,
        upstream: uplink.shown.clone(),
        kept,
    };
    let written = house.registry.write(move |tx| change.commit(tx)).await?;
    let left = written.map_err(|fault| match fault {
        // What a document says breaks no rule of ours unless it makes no sense.
        SqlFault::Constraint { detail, .. } => {
            tracing::error!(target: "registry", %name, detail, "a document breaks a rule");
            Missing::unsound("its versions contradict one another")
        }
        fault @ (SqlFault::Busy | SqlFault::Full | SqlFault::Io | SqlFault::Other(_)) => {
            Missing::Store(fault.into())
        }
    })?;
    house.uplinks.misses.forget(Some(name));
    house.uplinks.pauses.forget(Some(name));
    house.uplinks.add_cached(bytes);
    eviction::hold(context);
    sweep::discard(&house.registry, &house.blobs, &left.digests).await;
    Ok(())
}

/// Makes the documents off the shard, once there is room for what that takes: first for what the
/// body is likely to become, then, where it becomes more, for that.
async fn make(
    context: &Context,
    uplink: &Uplink,
    mut work: Work,
    mut fetched: Fetched,
) -> Result<Made, Missing> {
    let body_bytes = fetched.collected.body.len();
    let coding = fetched.coding.as_deref();
    let mut need = Need::likely(likely_bytes(
        coding,
        body_bytes,
        UPSTREAM_DOCUMENT_BYTES_MAX,
    ));
    loop {
        let mut room = context.house.uplinks.making.share();
        let bytes = need.bytes(work.old_bytes());
        if !room.grow_within(bytes, UPSTREAM_MAKING_PATIENCE).await {
            return Err(uplink.missing(&OutgoingFault::Busy));
        }
        let trying = shard::offload(move || work.make(fetched, need, room));
        let tried = trying.await;
        match tried.map_err(|fault| Missing::Disk(fault.to_string()))?? {
            Tried::Made(made) => return Ok(*made),
            Tried::Needs(needs) => (work, fetched, need) = *needs,
        }
    }
}

/// Notes that an upstream does not have a package any more that it had.
///
/// # Errors
/// [`Missing::NotFound`], unless what it had is kept.
pub(super) async fn forget(
    context: &Rc<Context>,
    uplink: &Arc<Uplink>,
    name: &PackageName,
) -> Result<(), Missing> {
    let house = &context.house;
    let known = know(context, uplink, name)?;
    let Some(package) = known.package else {
        return Err(Missing::NotFound);
    };
    let is_kept = context.uplink_policy().keeps_removed;
    let live = known.versions.into_values();
    let live = live.filter(|row| row.state != VersionState::Removed);
    let gone: Vec<String> = live.map(|row| row.version).collect();
    let row = PackageRow {
        revision: package.revision + 1,
        checked_at: Some(now_ms()),
        document: package.document.clone().filter(|_| is_kept),
        etag: None,
        last_modified: None,
        ..package.clone()
    };
    let change = Change {
        known_revision: Some(package.revision),
        row,
        versions: Vec::new(),
        gone: if is_kept { Vec::new() } else { gone },
        tags: Vec::new(),
        upstream: uplink.shown.clone(),
        kept: Vec::new(),
    };
    let tags = house.registry.read(|view| sql::tags(view, package.id))?;
    let change = Change {
        tags: if is_kept { tags } else { Vec::new() },
        ..change
    };
    let written = house.registry.write(move |tx| change.commit(tx)).await?;
    let left = written.map_err(|fault| Missing::Store(fault.into()))?;
    sweep::discard(&house.registry, &house.blobs, &left.digests).await;
    if is_kept {
        Ok(())
    } else {
        Err(Missing::NotFound)
    }
}

fn know(context: &Context, uplink: &Uplink, name: &PackageName) -> Result<Known, Missing> {
    let known = context.house.registry.read(|view| {
        let Some(package) = sql::read(view, name)? else {
            return Ok(Known::default());
        };
        // Of another upstream's package of this name nothing goes on but the count of changes.
        if package.upstream != Some(uplink.hash) {
            return Ok(Known {
                former: Some(package.revision),
                ..Known::default()
            });
        }
        let versions = sql::versions(view, package.id)?.into_iter();
        Ok(Known {
            versions: versions.map(|row| (row.version.clone(), row)).collect(),
            package: Some(package),
            former: None,
        })
    });
    Ok(known?)
}

fn row_of(
    uplink: &Uplink,
    name: &PackageName,
    package: Option<&PackageRow>,
    made: &Made,
    context: &Context,
) -> PackageRow {
    let now_ms = now_ms();
    PackageRow {
        id: package.map_or_else(Id::fresh, |package| package.id),
        name: name.clone(),
        upstream: Some(uplink.hash),
        access: Visibility::Public,
        revision: 1,
        fields: Some(context.uplink_policy().fingerprint.clone()),
        created_at: package.map_or(now_ms, |package| package.created_at),
        modified_at: made.modified_at,
        document: Some(DocumentRow {
            digest: made.file.digests.sha512.0,
            base: base::primary(context),
            parts: made.parts,
        }),
        etag: None,
        last_modified: None,
        checked_at: Some(now_ms),
        rebuild_at: made.rebuild_at,
        used_at: Some(
            package
                .and_then(|package| package.used_at)
                .unwrap_or(now_ms),
        ),
    }
}

/// What is done off the shard.
struct Work {
    name: PackageName,
    base: String,
    policy: Arc<PolicyInForce>,
    blobs: Arc<Blobs>,
    now_ms: i64,
    known: Known,
}

/// What came of trying to make documents.
enum Tried {
    Made(Box<Made>),
    /// There was no room for what the body became.
    Needs(Box<(Work, Fetched, Need)>),
}

impl Work {
    /// Makes them in the room that was taken for what is likely needed, if that is enough.
    fn make(self, fetched: Fetched, need: Need, mut room: Share) -> Result<Tried, Missing> {
        let body = &fetched.collected.body;
        let decoded = decode(fetched.coding.as_deref(), body, need.text_bytes_max());
        let is_first = need.text_bytes_max() < UPSTREAM_DOCUMENT_BYTES_MAX;
        if is_first && decoded == Err(DecodeFault::TooLong) {
            let need = Need::likely(UPSTREAM_DOCUMENT_BYTES_MAX);
            drop(decoded);
            return Ok(Tried::Needs(Box::new((self, fetched, need))));
        }
        let wrong = |fault| Missing::unsound(format!("its coding is wrong ({fault:?})"));
        let text = decoded.map_err(wrong)?;
        let exact = Need::of_text(&text);
        if !room.resize(exact.bytes(self.old_bytes())) {
            drop(text);
            return Ok(Tried::Needs(Box::new((self, fetched, exact))));
        }
        let text = match text {
            Cow::Owned(text) => Some(text),
            Cow::Borrowed(_) => None,
        };
        // What becomes of the body is in the room; its own share is for the next one's.
        let Collected { body, share } = fetched.collected;
        let text = text.unwrap_or(body);
        drop(share);
        let made = self.make_of(text)?;
        drop(room);
        Ok(Tried::Made(Box::new(made)))
    }

    fn make_of(&self, text: Vec<u8>) -> Result<Made, Missing> {
        let judge = Judge {
            work: self,
            listed: RefCell::default(),
            blocked: RefCell::default(),
            rebuild_at: Cell::new(None),
            judged: Cell::new(0),
        };
        let built = self.build(&text, &judge)?;
        // The text has been taken over: what follows needs its room.
        drop(text);
        let (file, parts) = self
            .spool(&built)
            .map_err(|error| Missing::Disk(format!("a document is not kept: {error}")))?;
        let (listed, blocked) = (judge.listed.take(), judge.blocked.take());
        let rebuild_at = judge.rebuild_at.get();
        Ok(Made {
            versions: self.changed(&built, &listed, &blocked),
            gone: self.gone(&built, &listed, &blocked),
            modified_at: modified_at(
                self.known.package.as_ref(),
                &file.digests.sha512,
                self.now_ms,
            ),
            tags: tags_of(built),
            parts,
            file,
            rebuild_at,
        })
    }

    fn build(&self, text: &[u8], judge: &Judge<'_>) -> Result<Built, Missing> {
        let old = self.old_document()?;
        let mut source = Source::of_upstream(&self.name, text, judge)
            .map_err(|fault| Missing::unsound(fault.to_string()))?;
        if judge.judged.get() > UPSTREAM_VERSIONS_MAX {
            return Err(Missing::unsound(format!(
                "it has more than {UPSTREAM_VERSIONS_MAX} versions"
            )));
        }
        if let Some(old) = &old {
            let old = Source::of_kept(&self.name, old)
                .map_err(|fault| Missing::Disk(format!("a kept document: {fault}")))?;
            source.adopt(old, |version| judge.is_kept(version));
        }
        Ok(build(&source, &self.base))
    }

    /// How long the document before is, where it is read.
    fn old_bytes(&self) -> usize {
        let package = self
            .known
            .package
            .as_ref()
            .filter(|_| self.policy.keeps_removed);
        let document = package.and_then(|package| package.document.as_ref());
        document.map_or(0, |document| Part::Full.place(&document.parts).1 as usize)
    }

    /// The document before, where versions that are not in the next one are to stay.
    fn old_document(&self) -> Result<Option<Vec<u8>>, Missing> {
        let package = self.known.package.as_ref();
        let document = package.and_then(|package| package.document.as_ref());
        let Some(document) = document.filter(|_| self.policy.keeps_removed) else {
            return Ok(None);
        };
        let (start, length) = Part::Full.place(&document.parts);
        let read = || -> io::Result<Vec<u8>> {
            let mut file = self.blobs.open(&Sha512Digest(document.digest))?;
            io::Seek::seek(&mut file, io::SeekFrom::Start(start))?;
            let mut text = Vec::new();
            file.take(length).read_to_end(&mut text)?;
            Ok(text)
        };
        match read() {
            Ok(text) => Ok(Some(text)),
            Err(error) => Err(Missing::Disk(format!("a kept document: {error}"))),
        }
    }

    fn spool(&self, built: &Built) -> io::Result<(Hashed, [u64; 6])> {
        let mut spool = self.blobs.begin()?;
        let parts = built.pack_to(|part| spool.write(part))?;
        Ok((spool.finish(), parts))
    }

    /// The rows of versions that are other than they were. One that is blocked is held back, so
    /// that it is as it was once it is not.
    fn changed(
        &self,
        built: &Built,
        listed: &HashSet<String>,
        blocked: &HashSet<String>,
    ) -> Vec<VersionRow> {
        let known = self.known.versions.values();
        let held = known
            .filter(|row| blocked.contains(&row.version))
            .map(|row| VersionRow {
                state: VersionState::Held,
                ..row.clone()
            });
        let rows = built.versions.iter().map(|line| {
            let known = self.known.versions.get(&line.version);
            // One that is kept is as it was, but that another may have its file's name by now.
            if let Some(known) = known.filter(|_| !listed.contains(&line.version)) {
                return VersionRow {
                    file: line.file.clone(),
                    ..known.clone()
                };
            }
            VersionRow {
                version: line.version.clone(),
                file: line.file.clone(),
                state: match line.is_held {
                    true => VersionState::Held,
                    false => VersionState::Live,
                },
                manifest: None,
                integrity: line.integrity.clone(),
                shasum: line.shasum.clone(),
                upstream_url: line.tarball_url.clone(),
                digest: known.and_then(|known| known.digest),
                bytes: known.and_then(|known| known.bytes),
                published_at: line.published_at,
                seen_at: self.seen_at(&line.version, line.published_at),
                used_at: known.and_then(|known| known.used_at),
                publisher: None,
            }
        });
        // What is shown gets its name from what is not, if need be.
        held.chain(rows)
            .filter(|row| self.known.versions.get(&row.version) != Some(row))
            .collect()
    }

    /// The versions that the upstream had and has no longer, but for those that are kept.
    fn gone(
        &self,
        built: &Built,
        listed: &HashSet<String>,
        blocked: &HashSet<String>,
    ) -> Vec<String> {
        let shown: HashSet<&str> = built.versions.iter().map(|line| &*line.version).collect();
        let known = self.known.versions.values();
        let gone = known.filter(|row| {
            row.state != VersionState::Removed
                && !listed.contains(&row.version)
                && !blocked.contains(&row.version)
                && !shown.contains(&*row.version)
        });
        gone.map(|row| row.version.clone()).collect()
    }

    /// Since when a version counts as known. What was there before the package was first asked for
    /// has been seen by everybody since its publication.
    fn seen_at(&self, version: &str, published_at: Option<i64>) -> i64 {
        match self.known.versions.get(version) {
            Some(known) => known.seen_at,
            None if self.known.versions.is_empty() => {
                published_at.unwrap_or(self.now_ms).min(self.now_ms)
            }
            None => self.now_ms,
        }
    }
}

/// When our document became what it is. It changes by our rules as well, which the upstream knows
/// nothing of, so its own time counts for nothing here.
fn modified_at(before: Option<&PackageRow>, digest: &Sha512Digest, now_ms: i64) -> i64 {
    let Some(package) = before else {
        return now_ms;
    };
    match &package.document {
        Some(document) if document.digest == digest.0 => package.modified_at,
        // `Last-Modified` has seconds, which move on even where the clock was put back.
        _ if now_ms <= package.modified_at => (package.modified_at / 1000 + 1) * 1000,
        _ => now_ms,
    }
}

fn tags_of(built: Built) -> Vec<TagRow> {
    let tags = built.tags.into_iter();
    tags.map(|(tag, version)| TagRow { tag, version }).collect()
}

/// Judges the versions of a document, and notes which it lists and when it has to be made again.
struct Judge<'w> {
    work: &'w Work,
    listed: RefCell<HashSet<String>>,
    blocked: RefCell<HashSet<String>>,
    rebuild_at: Cell<Option<i64>>,
    /// Versions that were looked at.
    judged: Cell<usize>,
}

impl Judge<'_> {
    fn verdict(&self, version: &str, published_at: Option<i64>) -> Verdict {
        let work = self.work;
        let seen_at = work.seen_at(version, published_at);
        let rules = &work.policy.rules;
        rules.judge(&work.name, version, published_at, seen_at, work.now_ms)
    }

    /// Whether a version that the upstream removed stays.
    fn is_kept(&self, version: &str) -> bool {
        let Some(known) = self.work.known.versions.get(version) else {
            return false;
        };
        let is_listed = self.listed.borrow().contains(version);
        let verdict = self.verdict(version, known.published_at);
        known.state == VersionState::Live && !is_listed && verdict == Verdict::Shown
    }
}

impl Filter for Judge<'_> {
    fn judge(&self, candidate: &Candidate<'_>) -> Fate {
        self.judged.set(self.judged.get() + 1);
        if self.judged.get() > UPSTREAM_VERSIONS_MAX {
            return Fate::Dropped;
        }
        match self.verdict(candidate.version, candidate.published_at) {
            Verdict::Blocked => {
                self.blocked
                    .borrow_mut()
                    .insert(candidate.version.to_owned());
                Fate::Dropped
            }
            Verdict::Shown => {
                self.listed
                    .borrow_mut()
                    .insert(candidate.version.to_owned());
                Fate::Shown
            }
            Verdict::HeldUntil(at) => {
                self.listed
                    .borrow_mut()
                    .insert(candidate.version.to_owned());
                let earliest = self.rebuild_at.get().map_or(at, |other| other.min(at));
                self.rebuild_at.set(Some(earliest));
                Fate::Held
            }
        }
    }
}

/// One command's worth of change.
struct Change {
    known_revision: Option<i64>,
    row: PackageRow,
    versions: Vec<VersionRow>,
    gone: Vec<String>,
    /// All that there are to be.
    tags: Vec<TagRow>,
    upstream: String,
    kept: Vec<Kept>,
}

/// Files that rows may not name any more. What was kept stays pinned until the commit.
struct Left {
    digests: Vec<Sha512Digest>,
    _kept: Vec<Kept>,
}

impl Change {
    fn commit(self, tx: &mut Tx<'_>) -> Result<Left, SqlFault> {
        let mut left = Left {
            digests: Vec::new(),
            _kept: self.kept,
        };
        let current = sql::read(tx, &self.row.name)?;
        if current.as_ref().map(|row| row.revision) != self.known_revision {
            // Somebody published or changed it meanwhile: what they wrote stands.
            left.digests
                .extend(left._kept.iter().map(|kept| kept.sha512));
            return Ok(left);
        }
        match current {
            None => sql::insert(tx, &self.row, None)?,
            Some(current) => {
                if current.upstream.is_none() {
                    return Ok(left);
                }
                let old = current.document.as_ref().map(|document| document.digest);
                left.digests.extend(old.map(Sha512Digest));
                if current.id == self.row.id {
                    sql::update(tx, &self.row, None)?;
                } else {
                    let versions = sql::versions(tx, current.id)?.into_iter();
                    let digests = versions.filter_map(|row| row.digest);
                    left.digests.extend(digests.map(Sha512Digest));
                    sql::remove(tx, current.id)?;
                    sql::insert(tx, &self.row, None)?;
                }
            }
        }
        let package = self.row.id;
        let mut changed = Vec::new();
        for row in &self.versions {
            let known = sql::version(tx, package, &row.version)?;
            let mut row = row.clone();
            if let Some(known) = known {
                let is_same = (&known.integrity, &known.shasum) == (&row.integrity, &row.shasum);
                if is_same {
                    (row.digest, row.bytes) = (known.digest, known.bytes);
                } else {
                    changed.push(row.version.clone());
                    left.digests.extend(known.digest.map(Sha512Digest));
                    (row.digest, row.bytes) = (None, None);
                }
                row.used_at = known.used_at;
            }
            sql::free_file(tx, package, &row.file, &row.version)?;
            sql::put_version(tx, package, &row, None)?;
        }
        for version in &self.gone {
            if let Some(known) = sql::version(tx, package, version)? {
                left.digests.extend(known.digest.map(Sha512Digest));
            }
            sql::set_blob(tx, package, version, None)?;
            sql::set_state(tx, package, version, VersionState::Removed)?;
        }
        put_tags(tx, package, &self.tags)?;
        let told = [
            ("package.versions_removed_upstream", &self.gone),
            ("package.versions_changed_upstream", &changed),
        ];
        for (action, versions) in told {
            tell(tx, action, &self.row.name, &self.upstream, versions)?;
        }
        tx.touch(topics::package(&self.row.name));
        tx.touch(topics::packages());
        Ok(left)
    }
}

fn put_tags(tx: &mut Tx<'_>, package: Id, tags: &[TagRow]) -> Result<(), SqlFault> {
    let known = sql::tags(tx, package)?;
    for tag in tags.iter().filter(|tag| !known.contains(tag)) {
        sql::put_tag(tx, package, &tag.tag, &tag.version)?;
    }
    for tag in known {
        if !tags.iter().any(|one| one.tag == tag.tag) {
            sql::remove_tag(tx, package, &tag.tag)?;
        }
    }
    Ok(())
}

/// Writes into the audit log what an upstream did to versions that it had shown.
fn tell(
    tx: &mut Tx<'_>,
    action: &'static str,
    name: &PackageName,
    upstream: &str,
    versions: &[String],
) -> Result<(), SqlFault> {
    if versions.is_empty() {
        return Ok(());
    }
    let named = &versions[..versions.len().min(VERSIONS_TOLD_MAX)];
    let count = versions.len();
    tracing::warn!(target: "registry", %name, %upstream, count, ?named, "{action}");
    let entry = Entry {
        actor: Actor::System,
        action,
        subject: ("package", name.as_str()),
        detail: json!({ "upstream": upstream, "count": count, "versions": named }),
    };
    audit::append(tx, &entry)
}

/// Versions that one line tells of by name.
const VERSIONS_TOLD_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_is_another_is_a_later_one() {
        let mut package = PackageRow {
            id: Id::fresh(),
            name: PackageName::parse("a").unwrap(),
            upstream: Some(1),
            access: Visibility::Public,
            revision: 1,
            fields: None,
            created_at: 0,
            modified_at: 5_500,
            document: Some(DocumentRow {
                digest: [1; 64],
                base: String::new(),
                parts: [0; 6],
            }),
            etag: None,
            last_modified: None,
            checked_at: None,
            rebuild_at: None,
            used_at: None,
        };
        let (same, other) = (Sha512Digest([1; 64]), Sha512Digest([2; 64]));
        assert_eq!(modified_at(None, &same, 9_000), 9_000);
        assert_eq!(modified_at(Some(&package), &same, 9_000), 5_500);
        assert_eq!(modified_at(Some(&package), &other, 9_000), 9_000);
        // The clock was put back.
        assert_eq!(modified_at(Some(&package), &other, 5_000), 6_000);
        package.document = None;
        assert_eq!(modified_at(Some(&package), &same, 9_000), 9_000);
    }
}
