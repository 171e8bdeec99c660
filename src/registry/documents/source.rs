//! What a package's documents are made from: rows of the store, or an upstream's document.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::{Allowance, Fields, Name, ObjectWriter, Within, string, write_string};
use crate::limits::UPSTREAM_FIELDS_MAX;
use crate::registry::name::PackageName;
use crate::registry::packages::rows::{
    Collaborator, PackageRow, Permission, TagRow, VersionRow, VersionState,
};
use crate::telemetry::date::rfc3339_ms;

/// A package as its documents show it; versions in the order in which they stand there.
#[derive(Debug)]
pub struct Source<'s> {
    pub(super) name: &'s PackageName,
    pub(super) revision: Option<Cow<'s, str>>,
    pub(super) tags: Pairs<'s>,
    pub(super) versions: Vec<Version<'s>>,
    /// Versions that are held back: they are listed, not shown.
    pub(super) held: Vec<Version<'s>>,
    /// `created`, `modified` and each version, as JSON; empty where the upstream has none.
    pub(super) times: Pairs<'s>,
    /// The other fields of the package, as JSON.
    pub(super) rest: Pairs<'s>,
}

/// Names, each with a text or with JSON.
pub(super) type Pairs<'s> = Vec<(Cow<'s, str>, Cow<'s, str>)>;

/// One version.
#[derive(Debug)]
pub(super) struct Version<'s> {
    pub(super) version: Cow<'s, str>,
    pub(super) manifest: Fields<'s>,
    pub(super) published_at: Option<i64>,
    /// What the store knows of a hosted version's tarball; `dist` says it of others.
    pub(super) row: Option<&'s VersionRow>,
    /// The address of who published it, where the document tells it anyhow: that of an owner.
    pub(super) publisher_email: &'s str,
}

/// The rows of a hosted package.
#[derive(Clone, Copy, Debug)]
pub struct Hosted<'s> {
    /// The package.
    pub package: &'s PackageRow,
    /// All its versions, those of other states among them.
    pub versions: &'s [VersionRow],
    /// Its tags.
    pub tags: &'s [TagRow],
    /// Who has rights to it.
    pub collaborators: &'s [Collaborator],
    /// The names of who starred it.
    pub stargazers: &'s [String],
}

/// Which versions of an upstream's package are shown.
pub trait Filter {
    /// Judges a version.
    fn judge(&self, candidate: &Candidate<'_>) -> Fate;
}

/// A version of an upstream's package.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'c> {
    /// Its number.
    pub version: &'c str,
    /// When the upstream says that it was published; Unix milliseconds.
    pub published_at: Option<i64>,
}

/// What becomes of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is shown.
    Shown,
    /// It is not shown yet, and listed as held.
    Held,
    /// It is left out.
    Dropped,
}

/// Shows every version.
#[derive(Clone, Copy, Debug)]
pub struct Everything;

impl Filter for Everything {
    fn judge(&self, _: &Candidate<'_>) -> Fate {
        Fate::Shown
    }
}

/// Why no documents can be made.
#[derive(Debug)]
pub enum SourceFault {
    /// The text is no JSON, or not what a package's document is.
    Json(serde_json::Error),
    /// The document is of another package.
    OtherName(String),
}

impl fmt::Display for SourceFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceFault::Json(error) => write!(out, "not a package's document: {error}"),
            SourceFault::OtherName(name) => write!(out, "the document of another package, {name}"),
        }
    }
}

impl std::error::Error for SourceFault {}

impl From<serde_json::Error> for SourceFault {
    fn from(error: serde_json::Error) -> SourceFault {
        SourceFault::Json(error)
    }
}

impl<'s> Source<'s> {
    /// A hosted package.
    ///
    /// # Errors
    /// A row holds what is no JSON object.
    pub fn hosted(rows: Hosted<'s>) -> Result<Source<'s>, SourceFault> {
        let mut source = Source {
            name: &rows.package.name,
            revision: Some(Cow::Owned(rows.package.revision_text())),
            tags: Vec::with_capacity(rows.tags.len()),
            versions: Vec::with_capacity(rows.versions.len()),
            held: Vec::new(),
            times: vec![
                time_of("created", rows.package.created_at),
                time_of("modified", rows.package.modified_at),
            ],
            rest: Vec::new(),
        };
        for row in rows.versions {
            let Some(manifest) = row.manifest.as_deref() else {
                continue;
            };
            if row.state != VersionState::Live {
                continue;
            }
            let published_at = row.published_at.unwrap_or(row.seen_at);
            source.times.push(time_of(&row.version, published_at));
            source.versions.push(Version {
                version: Cow::Borrowed(&row.version),
                manifest: Fields::of(manifest)?,
                published_at: Some(published_at),
                row: Some(row),
                publisher_email: email_of(row.publisher.as_deref(), rows.collaborators),
            });
        }
        for tag in rows.tags {
            let pair = (Cow::Borrowed(&*tag.tag), Cow::Borrowed(&*tag.version));
            source.tags.push(pair);
        }
        if source.versions.is_empty() {
            source.times.push(unpublished(&rows));
        }
        source.rest = hosted_rest(&rows, &source)?;
        Ok(source)
    }

    /// An upstream's package, of its document in the full form.
    ///
    /// # Errors
    /// The text is not the document of this package, or has too many fields.
    pub fn of_upstream(
        name: &'s PackageName,
        text: &'s [u8],
        filter: &dyn Filter,
    ) -> Result<Source<'s>, SourceFault> {
        Source::read(name, text, filter, &Allowance::new(UPSTREAM_FIELDS_MAX))
    }

    /// An upstream's package, of the document that we made of its own, which has some fields more
    /// than that had.
    ///
    /// # Errors
    /// The text is not the document of this package.
    pub fn of_kept(name: &'s PackageName, text: &'s [u8]) -> Result<Source<'s>, SourceFault> {
        Source::read(name, text, &Everything, &Allowance::new(usize::MAX))
    }

    fn read(
        name: &'s PackageName,
        text: &'s [u8],
        filter: &dyn Filter,
        allowance: &Allowance,
    ) -> Result<Source<'s>, SourceFault> {
        let mut reader = serde_json::Deserializer::from_slice(text);
        let read = reader.deserialize_map(DocumentVisitor(allowance))?;
        reader.end()?;
        if let Some(other) = read.name.filter(|other| other != name.as_str()) {
            return Err(SourceFault::OtherName(other.into_owned()));
        }
        let mut source = Source {
            name,
            revision: read.revision,
            tags: Vec::new(),
            versions: Vec::with_capacity(read.versions.len()),
            held: Vec::new(),
            times: Vec::new(),
            rest: read.rest,
        };
        let pairs = read.times.iter().map(|(name, raw)| (&**name, *raw));
        let published: HashMap<&str, &RawValue> = pairs.collect();
        let mut seen = HashSet::with_capacity(read.versions.len());
        for (version, manifest) in read.versions {
            if !is_number(&version) || !seen.insert(version.clone()) {
                continue;
            }
            let manifest = match Fields::within(manifest.get(), allowance) {
                Ok(manifest) => manifest,
                Err(fault) if allowance.is_exceeded() => return Err(fault.into()),
                Err(_) => continue,
            };
            let published_at = published
                .get(&*version)
                .and_then(|raw| string(raw.get()))
                .and_then(|text| unix_ms(&text));
            let candidate = Candidate {
                version: &version,
                published_at,
            };
            let fate = filter.judge(&candidate);
            let place = match fate {
                Fate::Shown => &mut source.versions,
                Fate::Held => &mut source.held,
                Fate::Dropped => continue,
            };
            place.push(Version {
                version,
                manifest,
                published_at,
                row: None,
                publisher_email: "",
            });
        }
        source.keep_shown(read.tags, read.times);
        Ok(source)
    }

    /// Adds versions of another source of this package that this one does not have, such as those
    /// that an upstream took away, as they were in the documents before.
    pub fn adopt(&mut self, other: Source<'s>, is_kept: impl Fn(&str) -> bool) {
        let known: HashSet<_> = self
            .versions
            .iter()
            .map(|version| version.version.clone())
            .collect();
        let is_missing = |version: &str| !known.contains(version) && is_kept(version);
        let missing = other.versions.into_iter();
        let missing: Vec<_> = missing
            .filter(|version| is_missing(&version.version))
            .collect();
        let times = other.times.into_iter();
        self.times
            .extend(times.filter(|(name, _)| missing.iter().any(|one| one.version == *name)));
        self.versions.extend(missing);
    }

    /// How many versions are shown.
    pub fn shown(&self) -> usize {
        self.versions.len()
    }

    /// Takes over the tags and times of what is shown. A tag of one that is not goes to the newest
    /// that is.
    fn keep_shown(&mut self, tags: Pairs<'s>, times: Vec<(Cow<'s, str>, &'s RawValue)>) {
        let shown: HashSet<&str> = self
            .versions
            .iter()
            .map(|version| &*version.version)
            .collect();
        let hidden: HashSet<&str> = self.held.iter().map(|version| &*version.version).collect();
        let mut kept = Vec::with_capacity(tags.len());
        for (tag, version) in tags {
            if shown.contains(&*version) {
                kept.push((tag, version));
            } else if let Some(other) = newest(shown.iter().copied(), Some(&version)) {
                kept.push((tag, Cow::Owned(other.to_owned())));
            }
        }
        self.times = times
            .into_iter()
            .filter(|(name, _)| {
                let is_version = name
                    .bytes()
                    .next()
                    .is_some_and(|byte| byte.is_ascii_digit());
                shown.contains(&**name) || !is_version && !hidden.contains(&**name)
            })
            .map(|(name, raw)| (name, Cow::Borrowed(raw.get())))
            .collect();
        self.tags = kept;
    }
}

/// The version that `latest` names when nobody says: the highest that is no pre-release, not above
/// `bound` where that leaves one. Where `bound` is a pre-release, others are as good.
pub fn newest<'v>(versions: impl Iterator<Item = &'v str>, bound: Option<&str>) -> Option<&'v str> {
    let bound = bound.and_then(|text| nodejs_semver::Version::parse(text).ok());
    let is_any = bound
        .as_ref()
        .is_some_and(nodejs_semver::Version::is_prerelease);
    let rank = |text: &'v str| {
        let version = nodejs_semver::Version::parse(text).ok()?;
        let is_bound = bound.as_ref().is_none_or(|bound| version <= *bound);
        let is_wanted = is_any || version.pre_release().is_empty();
        Some(((is_bound, is_wanted, version), text))
    };
    let ranked = versions.filter_map(rank);
    let highest = ranked.max_by(|one, other| one.0.cmp(&other.0));
    highest.map(|(_, text)| text)
}

/// What the document of a hosted package says beside its versions: what npm's does, from the
/// manifest of the latest version, the package's own fields, its owners and its stars.
fn hosted_rest<'s>(rows: &Hosted<'s>, source: &Source<'s>) -> Result<Pairs<'s>, SourceFault> {
    let own = Fields::of(rows.package.fields.as_deref().unwrap_or("{}"))?;
    let latest = source.tags.iter().find(|(tag, _)| tag == "latest");
    let latest = latest.and_then(|(_, version)| {
        let mut versions = source.versions.iter();
        versions.find(|one| one.version == *version)
    });
    let mut rest = Vec::new();
    for name in HOISTED {
        let text = latest.and_then(|latest| latest.manifest.text(name));
        if let Some(text) = text.or_else(|| own.text(name)) {
            rest.push((Cow::Borrowed(*name), Cow::Borrowed(text)));
        }
    }
    rest.push((
        Cow::Borrowed("maintainers"),
        maintainers(rows.collaborators),
    ));
    if !rows.stargazers.is_empty() {
        let mut users = Vec::new();
        let mut writer = ObjectWriter::open(&mut users);
        for name in rows.stargazers {
            writer.json(name, "true");
        }
        writer.close();
        rest.push((Cow::Borrowed("users"), json_text(users)));
    }
    Ok(rest)
}

fn owners(collaborators: &[Collaborator]) -> impl Iterator<Item = &Collaborator> {
    let is_owner = |one: &&Collaborator| one.permission == Permission::Write;
    collaborators.iter().filter(is_owner)
}

/// The address of the owner of a name; empty where nobody of that name owns the package.
fn email_of<'c>(name: Option<&str>, collaborators: &'c [Collaborator]) -> &'c str {
    let named = owners(collaborators).find(|one| Some(&*one.name) == name);
    named.map_or("", |one| &one.email)
}

fn maintainers(collaborators: &[Collaborator]) -> Cow<'static, str> {
    let mut out = vec![b'['];
    for (index, one) in owners(collaborators).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let mut writer = ObjectWriter::open(&mut out);
        writer.string("name", &one.name);
        writer.string("email", &one.email);
        writer.close();
    }
    out.push(b']');
    json_text(out)
}

/// What npm's registry says of a package without versions, which clients show as unpublished.
fn unpublished<'s>(rows: &Hosted<'_>) -> (Cow<'s, str>, Cow<'s, str>) {
    let mut out = Vec::new();
    let mut writer = ObjectWriter::open(&mut out);
    let (_, time) = time_of("", rows.package.modified_at);
    writer.json("time", &time);
    let versions = writer.name("versions");
    versions.push(b'[');
    for (index, row) in rows.versions.iter().enumerate() {
        if index > 0 {
            versions.push(b',');
        }
        write_string(&row.version, versions);
    }
    versions.push(b']');
    writer.close();
    (Cow::Borrowed("unpublished"), json_text(out))
}

fn json_text(bytes: Vec<u8>) -> Cow<'static, str> {
    Cow::Owned(String::from_utf8(bytes).expect("strings were written"))
}

fn time_of<'s>(name: &str, unix_ms: i64) -> (Cow<'s, str>, Cow<'s, str>) {
    let text = rfc3339_ms(unix_ms.max(0) as u64);
    let text = str::from_utf8(&text).expect("a date is ASCII");
    (
        Cow::Owned(name.to_owned()),
        Cow::Owned(format!("\"{text}\"")),
    )
}

pub(super) fn unix_ms(text: &str) -> Option<i64> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    Some(moment.as_millisecond())
}

/// Whether a text can be a version: no more than SemVer's characters, so that it is safe in a URL
/// and in a file's name.
fn is_number(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-+".contains(&byte);
    text.len() <= VERSION_CHARACTERS_MAX
        && text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_digit())
        && text.bytes().all(is_plain)
}

/// An upstream's document, as far as it is taken apart.
#[derive(Default)]
struct Document<'d> {
    name: Option<Cow<'d, str>>,
    revision: Option<Cow<'d, str>>,
    tags: Vec<(Cow<'d, str>, Cow<'d, str>)>,
    versions: Vec<(Cow<'d, str>, &'d RawValue)>,
    times: Vec<(Cow<'d, str>, &'d RawValue)>,
    rest: Vec<(Cow<'d, str>, Cow<'d, str>)>,
}

struct DocumentVisitor<'a>(&'a Allowance);

impl<'de> Visitor<'de> for DocumentVisitor<'_> {
    type Value = Document<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document<'de>, A::Error> {
        let mut document = Document::default();
        let fields = || Within(self.0);
        let mut number = 0;
        while let Some(Name(name)) = map.next_key()? {
            number += 1;
            self.0.take(number)?;
            match &*name {
                "name" => document.name = Some(map.next_value::<Name<'de>>()?.0),
                "_rev" => document.revision = Some(map.next_value::<Name<'de>>()?.0),
                "versions" => document.versions = map.next_value_seed(fields())?.0,
                "time" => document.times = map.next_value_seed(fields())?.0,
                "dist-tags" => {
                    let tags = map.next_value_seed(fields())?.0.into_iter();
                    let tags = tags.filter_map(|(tag, raw)| Some((tag, string(raw.get())?)));
                    document.tags = tags.collect();
                }
                _ => {
                    let value: &'de RawValue = map.next_value()?;
                    if !name.starts_with('_') {
                        document.rest.push((name, Cow::Borrowed(value.get())));
                    }
                }
            }
        }
        Ok(document)
    }
}

/// What npm's registry takes over from the manifest of the latest version.
const HOISTED: &[&str] = &[
    "author",
    "bugs",
    "contributors",
    "description",
    "homepage",
    "keywords",
    "license",
    "repository",
    "readme",
    "readmeFilename",
];

/// npm's bound.
const VERSION_CHARACTERS_MAX: usize = 256;
