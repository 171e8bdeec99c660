//! What is kept of upstreams, in the store.

use super::rules::Kept;
use crate::id::Id;
use crate::registry::name::PackageName;
use crate::store::{Row, SqlFault, ToValue, Tx, View};

/// Something of an upstream that takes room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The package.
    pub package: Id,
    /// Its name.
    pub name: PackageName,
    /// Its version, for a tarball; none for the documents of the package.
    pub version: Option<String>,
    /// The SHA-512 of its file.
    pub digest: [u8; 64],
}

/// Bytes that are kept of upstreams. Walks through all of it.
///
/// # Errors
/// What the store says.
pub fn kept_bytes(view: &View<'_>) -> Result<i64, SqlFault> {
    let mut bytes = 0;
    for statement in [TARBALL_BYTES, DOCUMENT_PARTS] {
        view.each(statement, &[], |row| {
            bytes += match row.value(0)?.as_text() {
                Some(parts) => bytes_of(parts)?,
                None => row.get::<Option<i64>>(0)?.unwrap_or(0),
            };
            Ok(())
        })?;
    }
    Ok(bytes)
}

/// What was not asked for longest: so many tarballs, and so many packages' documents.
///
/// # Errors
/// What the store says.
pub fn least_used(view: &View<'_>, count: i64) -> Result<Vec<Kept<Item>>, SqlFault> {
    let mut kept = view.all(OLDEST_TARBALLS, &[&count], tarball)?;
    kept.extend(view.all(OLDEST_DOCUMENTS, &[&count], documents)?);
    Ok(kept)
}

/// Everything that is kept of a package, or of all, by name.
///
/// # Errors
/// What the store says.
pub fn list(view: &View<'_>, name: Option<&PackageName>) -> Result<Vec<Kept<Item>>, SqlFault> {
    let mut kept = match name {
        None => {
            let mut kept = view.all(ALL_TARBALLS, &[], tarball)?;
            kept.extend(view.all(ALL_DOCUMENTS, &[], documents)?);
            kept
        }
        Some(name) => {
            let mut kept = view.all(TARBALLS_OF, &[&name.as_str()], tarball)?;
            kept.extend(view.all(DOCUMENTS_OF, &[&name.as_str()], documents)?);
            kept
        }
    };
    kept.sort_by(|one, other| {
        let key = |kept: &Kept<Item>| (kept.what.name.clone(), kept.what.version.clone());
        key(one).cmp(&key(other))
    });
    Ok(kept)
}

/// Makes rows name a file of an upstream no longer; whether one did.
///
/// # Errors
/// What the store says.
pub fn let_go(tx: &mut Tx<'_>, item: &Item) -> Result<bool, SqlFault> {
    let package = item.package.text();
    let rows = match &item.version {
        Some(version) => {
            let args: [&dyn ToValue; 3] = [&package, version, &item.digest];
            tx.run(LET_TARBALL_GO, &args)?
        }
        None => tx.run(LET_DOCUMENTS_GO, &[&package, &item.digest])?,
    };
    Ok(rows == 1)
}

fn tarball(row: &Row<'_>) -> Result<Kept<Item>, SqlFault> {
    Ok(Kept {
        what: Item {
            package: row.get(0)?,
            name: name(row, 1)?,
            version: row.get(2)?,
            digest: row.get(3)?,
        },
        used_at: row.get::<Option<i64>>(4)?.unwrap_or(0),
        bytes: positive(row.get::<Option<i64>>(5)?.unwrap_or(0)),
    })
}

fn documents(row: &Row<'_>) -> Result<Kept<Item>, SqlFault> {
    Ok(Kept {
        what: Item {
            package: row.get(0)?,
            name: name(row, 1)?,
            version: None,
            digest: row.get(2)?,
        },
        used_at: row.get::<Option<i64>>(3)?.unwrap_or(0),
        bytes: positive(bytes_of(row.text(4)?)?),
    })
}

fn name(row: &Row<'_>, column: usize) -> Result<PackageName, SqlFault> {
    let unreadable = |_| SqlFault::Other("`name` holds what nothing here writes".to_owned());
    PackageName::parse_old(row.text(column)?).map_err(unreadable)
}

fn bytes_of(parts: &str) -> Result<i64, SqlFault> {
    let read: Result<Vec<i64>, _> = serde_json::from_str(parts);
    let parts = read.map_err(|error| SqlFault::Other(error.to_string()))?;
    Ok(parts.into_iter().sum())
}

fn positive(bytes: i64) -> u64 {
    u64::try_from(bytes).unwrap_or(0)
}

const TARBALL_BYTES: &str = "\
    SELECT bytes FROM versions WHERE digest IS NOT NULL AND upstream_url IS NOT NULL";
const DOCUMENT_PARTS: &str = "\
    SELECT document_parts FROM packages WHERE upstream IS NOT NULL AND document IS NOT NULL";
const OLDEST_TARBALLS: &str = "\
    SELECT packages.id, packages.name, versions.version, versions.digest, versions.used_at, \
    versions.bytes FROM versions JOIN packages ON packages.id = versions.package_id \
    WHERE versions.digest IS NOT NULL AND versions.upstream_url IS NOT NULL \
    ORDER BY versions.used_at LIMIT ?1";
const OLDEST_DOCUMENTS: &str = "\
    SELECT id, name, document, used_at, document_parts FROM packages \
    WHERE upstream IS NOT NULL AND document IS NOT NULL ORDER BY used_at LIMIT ?1";
const ALL_TARBALLS: &str = "\
    SELECT packages.id, packages.name, versions.version, versions.digest, versions.used_at, \
    versions.bytes FROM versions JOIN packages ON packages.id = versions.package_id \
    WHERE versions.digest IS NOT NULL AND versions.upstream_url IS NOT NULL";
const ALL_DOCUMENTS: &str = "\
    SELECT id, name, document, used_at, document_parts FROM packages \
    WHERE upstream IS NOT NULL AND document IS NOT NULL";
const TARBALLS_OF: &str = "\
    SELECT packages.id, packages.name, versions.version, versions.digest, versions.used_at, \
    versions.bytes FROM packages JOIN versions ON versions.package_id = packages.id \
    WHERE packages.name = ?1 AND versions.digest IS NOT NULL \
    AND versions.upstream_url IS NOT NULL";
const DOCUMENTS_OF: &str = "\
    SELECT id, name, document, used_at, document_parts FROM packages \
    WHERE name = ?1 AND upstream IS NOT NULL AND document IS NOT NULL";
const LET_TARBALL_GO: &str = "\
    UPDATE versions SET digest = NULL, bytes = NULL \
    WHERE package_id = ?1 AND version = ?2 AND digest = ?3";
// Another revision, so that what was made of the one before is not committed over it.
const LET_DOCUMENTS_GO: &str = "\
    UPDATE packages SET document = NULL, document_base = NULL, document_parts = NULL, \
    etag = NULL, last_modified = NULL, checked_at = NULL, revision = revision + 1 \
    WHERE id = ?1 AND document = ?2 AND upstream IS NOT NULL";

/// See [`crate::registry::schema`].
pub const STATEMENTS: &[(&str, &str)] = &[
    ("uplinks::TARBALL_BYTES", TARBALL_BYTES),
    ("uplinks::DOCUMENT_PARTS", DOCUMENT_PARTS),
    ("uplinks::OLDEST_TARBALLS", OLDEST_TARBALLS),
    ("uplinks::OLDEST_DOCUMENTS", OLDEST_DOCUMENTS),
    ("uplinks::ALL_TARBALLS", ALL_TARBALLS),
    ("uplinks::ALL_DOCUMENTS", ALL_DOCUMENTS),
    ("uplinks::TARBALLS_OF", TARBALLS_OF),
    ("uplinks::DOCUMENTS_OF", DOCUMENTS_OF),
    ("uplinks::LET_TARBALL_GO", LET_TARBALL_GO),
    ("uplinks::LET_DOCUMENTS_GO", LET_DOCUMENTS_GO),
];
