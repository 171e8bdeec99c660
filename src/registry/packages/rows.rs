//! What the store keeps of a package.

use crate::id::Id;
use crate::registry::name::PackageName;

/// A package, hosted here or known from an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageRow {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: PackageName,
    /// The hash of the upstream that it comes from; `None` for one that is hosted here.
    pub upstream: Option<u32>,
    /// Who may read it.
    pub access: Visibility,
    /// Counts the changes, from 1; `_rev` is made of it.
    pub revision: i64,
    /// A hosted package's own fields beside its versions, as a JSON object.
    pub fields: Option<String>,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub modified_at: i64,
    /// Its documents, where they are built.
    pub document: Option<DocumentRow>,
    /// The `ETag` that the upstream gave its document.
    pub etag: Option<String>,
    /// The `Last-Modified` that the upstream gave its document.
    pub last_modified: Option<String>,
    /// When the upstream was last asked; Unix milliseconds.
    pub checked_at: Option<i64>,
    /// When a version that is held back may be shown; Unix milliseconds.
    pub rebuild_at: Option<i64>,
    /// When it was last asked for; Unix milliseconds.
    pub used_at: Option<i64>,
}

/// Where the documents of a package lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRow {
    /// The SHA-512 of the blob.
    pub digest: [u8; 64],
    /// What the URLs in them begin with.
    pub base: String,
    /// The lengths of the parts, one after the other: full, full.gz, full.br, abbreviated,
    /// abbreviated.gz, abbreviated.br.
    pub parts: [u64; 6],
}

/// Who may read a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody, or everybody who is signed in where reading takes that.
    Public,
    /// Its collaborators.
    Restricted,
}

/// A version of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// The version, as its manifest writes it.
    pub version: String,
    /// The last segment of its tarball's URL.
    pub file: String,
    /// Whether it is served.
    pub state: VersionState,
    /// A hosted version's manifest, a JSON object; that of a proxied one is in the document.
    pub manifest: Option<String>,
    /// Its tarball's digests, as `dist.integrity` has them.
    pub integrity: Option<String>,
    /// Its tarball's SHA-1 in hexadecimal digits.
    pub shasum: Option<String>,
    /// Where the upstream has its tarball.
    pub upstream_url: Option<String>,
    /// The SHA-512 of its tarball's blob, where it is here.
    pub digest: Option<[u8; 64]>,
    /// The tarball's length.
    pub bytes: Option<i64>,
    /// Unix milliseconds.
    pub published_at: Option<i64>,
    /// When this registry first saw it; Unix milliseconds.
    pub seen_at: i64,
    /// When its tarball was last asked for; Unix milliseconds.
    pub used_at: Option<i64>,
    /// The name of the account that published it.
    pub publisher: Option<String>,
}

/// Whether a version is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionState {
    /// It is.
    Live,
    /// Not yet: a rule holds it back.
    Held,
    /// It was unpublished, or its upstream took it away; its number is not given again.
    Removed,
}

/// A tag and the version that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagRow {
    /// The tag.
    pub tag: String,
    /// The version.
    pub version: String,
}

/// An account with a right to a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collaborator {
    /// The account.
    pub account: Id,
    /// Its name.
    pub name: String,
    /// Its address.
    pub email: String,
    /// What it may do.
    pub permission: Permission,
}

/// What a collaborator may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Read the package where it is restricted.
    Read,
    /// Publish and change it: an owner.
    Write,
}

impl PackageRow {
    /// `_rev` of its document: the revision, and what tells it from another package that had the
    /// name before.
    pub fn revision_text(&self) -> String {
        let id = self.id.as_bytes();
        let random = u64::from_be_bytes(id[8..].try_into().expect("an id has 16 bytes"));
        format!("{}-{random:016x}", self.revision)
    }
}

impl DocumentRow {
    /// The length of all parts together, whatever a damaged row says.
    pub fn bytes(&self) -> u64 {
        let parts = self.parts.iter();
        parts.fold(0, |sum: u64, part| sum.saturating_add(*part))
    }
}

impl Visibility {
    /// As the store and npm name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Visibility::Public => "public",
            Visibility::Restricted => "restricted",
        }
    }

    /// Reads what [`Visibility::as_str`] writes.
    pub fn parse(text: &str) -> Option<Visibility> {
        let all = [Visibility::Public, Visibility::Restricted];
        all.into_iter().find(|one| one.as_str() == text)
    }
}

impl VersionState {
    /// As the store names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            VersionState::Live => "live",
            VersionState::Held => "held",
            VersionState::Removed => "removed",
        }
    }

    /// Reads what [`VersionState::as_str`] writes.
    pub fn parse(text: &str) -> Option<VersionState> {
        let all = [
            VersionState::Live,
            VersionState::Held,
            VersionState::Removed,
        ];
        all.into_iter().find(|one| one.as_str() == text)
    }
}

impl Permission {
    /// As the store names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Permission::Read => "read",
            Permission::Write => "write",
        }
    }

    /// Reads what [`Permission::as_str`] writes.
    pub fn parse(text: &str) -> Option<Permission> {
        let all = [Permission::Read, Permission::Write];
        all.into_iter().find(|one| one.as_str() == text)
    }
}
