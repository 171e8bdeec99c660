//! Packages in the store.

use super::rows::{
    Collaborator, DocumentRow, PackageRow, Permission, TagRow, VersionRow, VersionState, Visibility,
};
use crate::id::Id;
use crate::registry::name::PackageName;
use crate::store::{Row, SqlFault, ToValue, Tx, View};

/// A package by its name.
///
/// # Errors
/// What the store says.
pub fn read(view: &View<'_>, name: &PackageName) -> Result<Option<PackageRow>, SqlFault> {
    view.one(READ, &[&name.as_str()], package)
}

/// The documents of a package, where they are short; of another one, nothing.
///
/// # Errors
/// What the store says.
pub fn document(
    view: &View<'_>,
    package: Id,
    digest: &[u8; 64],
) -> Result<Option<Vec<u8>>, SqlFault> {
    let content = view.one(DOCUMENT, &[&package.text(), digest], |row| row.get(0))?;
    Ok(content.flatten())
}

/// Stores a package that was not there, and its documents where they are short.
///
/// # Errors
/// What the store says.
pub fn insert(tx: &mut Tx<'_>, row: &PackageRow, document: Option<&[u8]>) -> Result<(), SqlFault> {
    put(tx, INSERT, row, document).map(|_| ())
}

/// Stores what a change made of a package, of which `row` holds the next revision; whether it was
/// of the one before until then. Nothing is written where it was not. `content` has its documents
/// where they are short.
///
/// # Errors
/// What the store says.
pub fn update(tx: &mut Tx<'_>, row: &PackageRow, content: Option<&[u8]>) -> Result<bool, SqlFault> {
    put(tx, UPDATE, row, content).map(|rows| rows == 1)
}

fn put(
    tx: &mut Tx<'_>,
    statement: &'static str,
    row: &PackageRow,
    content: Option<&[u8]>,
) -> Result<usize, SqlFault> {
    let document = row.document.as_ref();
    let parts = document.map(|document| write_parts(&document.parts));
    let args: [&dyn ToValue; 17] = [
        &row.id.text(),
        &row.name.as_str(),
        &row.upstream,
        &row.access.as_str(),
        &row.revision,
        &row.fields,
        &row.created_at,
        &row.modified_at,
        &document.map(|document| document.digest),
        &document.map(|document| &document.base),
        &parts,
        &row.etag,
        &row.last_modified,
        &row.checked_at,
        &row.rebuild_at,
        &row.used_at,
        &content,
    ];
    tx.run(statement, &args)
}

/// Removes a package and all that belongs to it.
///
/// # Errors
/// What the store says.
pub fn remove(tx: &mut Tx<'_>, package: Id) -> Result<(), SqlFault> {
    tx.run(REMOVE, &[&package.text()]).map(|_| ())
}

/// Notes that the upstream was asked and has nothing else than what is here.
///
/// # Errors
/// What the store says.
pub fn mark_checked(tx: &mut Tx<'_>, package: Id, at: i64) -> Result<(), SqlFault> {
    tx.run(MARK_CHECKED, &[&package.text(), &at]).map(|_| ())
}

/// Notes that a package was asked for.
///
/// # Errors
/// What the store says.
pub fn mark_used(tx: &mut Tx<'_>, package: Id, at: i64) -> Result<(), SqlFault> {
    tx.run(MARK_USED, &[&package.text(), &at]).map(|_| ())
}

/// All versions of a package, whatever their state, in the order of their publication.
///
/// # Errors
/// What the store says.
pub fn versions(view: &View<'_>, package: Id) -> Result<Vec<VersionRow>, SqlFault> {
    view.all(VERSIONS, &[&package.text()], version_row)
}

/// How many versions a package of a name has, whatever their state.
///
/// # Errors
/// What the store says.
pub fn count(view: &View<'_>, name: &PackageName) -> Result<i64, SqlFault> {
    let count = view.one(COUNT, &[&name.as_str()], |row| row.get(0))?;
    Ok(count.unwrap_or(0))
}

/// One version.
///
/// # Errors
/// What the store says.
pub fn version(
    view: &View<'_>,
    package: Id,
    version: &str,
) -> Result<Option<VersionRow>, SqlFault> {
    view.one(VERSION, &[&package.text(), &version], version_row)
}

/// The version whose tarball has this name.
///
/// # Errors
/// What the store says.
pub fn version_of_file(
    view: &View<'_>,
    package: Id,
    file: &str,
) -> Result<Option<VersionRow>, SqlFault> {
    view.one(VERSION_OF_FILE, &[&package.text(), &file], version_row)
}

/// Stores a version, over the one of its number where there is one, and its tarball where that is
/// short. One that has the same digest as before stays.
///
/// # Errors
/// What the store says.
pub fn put_version(
    tx: &mut Tx<'_>,
    package: Id,
    row: &VersionRow,
    content: Option<&[u8]>,
) -> Result<(), SqlFault> {
    let args: [&dyn ToValue; 15] = [
        &package.text(),
        &row.version,
        &row.file,
        &row.state.as_str(),
        &row.manifest,
        &row.integrity,
        &row.shasum,
        &row.upstream_url,
        &row.digest,
        &row.bytes,
        &row.published_at,
        &row.seen_at,
        &row.used_at,
        &row.publisher,
        &content,
    ];
    tx.run(PUT_VERSION, &args).map(|_| ())
}

/// Takes a tarball's name from the other version of the package that has it, which is none that is
/// served by it then.
///
/// # Errors
/// What the store says.
pub fn free_file(tx: &mut Tx<'_>, package: Id, file: &str, version: &str) -> Result<(), SqlFault> {
    let args: [&dyn ToValue; 3] = [&package.text(), &file, &version];
    tx.run(FREE_FILE, &args).map(|_| ())
}

/// Puts a version into another state.
///
/// # Errors
/// What the store says.
pub fn set_state(
    tx: &mut Tx<'_>,
    package: Id,
    version: &str,
    state: VersionState,
) -> Result<(), SqlFault> {
    let args: [&dyn ToValue; 3] = [&package.text(), &version, &state.as_str()];
    tx.run(SET_STATE, &args).map(|_| ())
}

/// Notes where a version's tarball lies, or that it is here no more.
///
/// # Errors
/// What the store says.
pub fn set_blob(
    tx: &mut Tx<'_>,
    package: Id,
    version: &str,
    blob: Option<([u8; 64], i64)>,
) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    let (digest, bytes) = blob.unzip();
    let args: [&dyn ToValue; 5] = [&package.text(), &version, &digest, &bytes, &now_ms];
    tx.run(SET_BLOB, &args).map(|_| ())
}

/// Notes that a version's tarball was asked for.
///
/// # Errors
/// What the store says.
pub fn mark_version_used(
    tx: &mut Tx<'_>,
    package: Id,
    version: &str,
    at: i64,
) -> Result<(), SqlFault> {
    let args: [&dyn ToValue; 3] = [&package.text(), &version, &at];
    tx.run(MARK_VERSION_USED, &args).map(|_| ())
}

/// Forgets a version altogether, so that its number is free again.
///
/// # Errors
/// What the store says.
pub fn forget_version(tx: &mut Tx<'_>, package: Id, version: &str) -> Result<(), SqlFault> {
    tx.run(FORGET_VERSION, &[&package.text(), &version])
        .map(|_| ())
}

/// The tags of a package, by name.
///
/// # Errors
/// What the store says.
pub fn tags(view: &View<'_>, package: Id) -> Result<Vec<TagRow>, SqlFault> {
    view.all(TAGS, &[&package.text()], |row| {
        Ok(TagRow {
            tag: row.get(0)?,
            version: row.get(1)?,
        })
    })
}

/// Sets a tag.
///
/// # Errors
/// What the store says.
pub fn put_tag(tx: &mut Tx<'_>, package: Id, tag: &str, version: &str) -> Result<(), SqlFault> {
    let args: [&dyn ToValue; 3] = [&package.text(), &tag, &version];
    tx.run(PUT_TAG, &args).map(|_| ())
}

/// Removes a tag; whether there was one.
///
/// # Errors
/// What the store says.
pub fn remove_tag(tx: &mut Tx<'_>, package: Id, tag: &str) -> Result<bool, SqlFault> {
    let rows = tx.run(REMOVE_TAG, &[&package.text(), &tag])?;
    Ok(rows == 1)
}

/// Who has a right to a package, by name.
///
/// # Errors
/// What the store says.
pub fn collaborators(view: &View<'_>, package: Id) -> Result<Vec<Collaborator>, SqlFault> {
    view.all(COLLABORATORS, &[&package.text()], |row| {
        Ok(Collaborator {
            account: row.get(0)?,
            name: row.get(1)?,
            email: row.get(2)?,
            permission: permission(row, 3)?,
        })
    })
}

/// What an account may do with a package beyond what everybody may.
///
/// # Errors
/// What the store says.
pub fn permission_of(
    view: &View<'_>,
    package: Id,
    account: Id,
) -> Result<Option<Permission>, SqlFault> {
    let args: [&dyn ToValue; 2] = [&package.text(), &account.text()];
    view.one(PERMISSION_OF, &args, |row| permission(row, 0))
}

/// Gives an account a right to a package, in place of the one that it has.
///
/// # Errors
/// What the store says.
pub fn put_collaborator(
    tx: &mut Tx<'_>,
    package: Id,
    account: Id,
    permission: Permission,
) -> Result<(), SqlFault> {
    let args: [&dyn ToValue; 3] = [&package.text(), &account.text(), &permission.as_str()];
    tx.run(PUT_COLLABORATOR, &args).map(|_| ())
}

/// Takes an account's right to a package; whether it had one.
///
/// # Errors
/// What the store says.
pub fn remove_collaborator(tx: &mut Tx<'_>, package: Id, account: Id) -> Result<bool, SqlFault> {
    let rows = tx.run(REMOVE_COLLABORATOR, &[&package.text(), &account.text()])?;
    Ok(rows == 1)
}

/// The packages that an account has a right to, by name.
///
/// # Errors
/// What the store says.
pub fn packages_of(
    view: &View<'_>,
    account: Id,
) -> Result<Vec<(PackageName, Permission)>, SqlFault> {
    view.all(PACKAGES_OF, &[&account.text()], |row| {
        Ok((name(row, 0)?, permission(row, 1)?))
    })
}

/// The names of the accounts that starred a package, in order.
///
/// # Errors
/// What the store says.
pub fn stargazers(view: &View<'_>, package: Id) -> Result<Vec<String>, SqlFault> {
    view.all(STARGAZERS, &[&package.text()], |row| row.get(0))
}

/// Stars a package for an account.
///
/// # Errors
/// What the store says.
pub fn star(tx: &mut Tx<'_>, package: Id, account: Id) -> Result<(), SqlFault> {
    tx.run(STAR, &[&package.text(), &account.text()])
        .map(|_| ())
}

/// Takes an account's star from a package.
///
/// # Errors
/// What the store says.
pub fn unstar(tx: &mut Tx<'_>, package: Id, account: Id) -> Result<(), SqlFault> {
    tx.run(UNSTAR, &[&package.text(), &account.text()])
        .map(|_| ())
}

/// The packages that an account starred, by name.
///
/// # Errors
/// What the store says.
pub fn starred_by(view: &View<'_>, account: Id) -> Result<Vec<PackageName>, SqlFault> {
    view.all(STARRED_BY, &[&account.text()], |row| name(row, 0))
}

fn package(row: &Row<'_>) -> Result<PackageRow, SqlFault> {
    let document = match row.get::<Option<[u8; 64]>>(8)? {
        None => None,
        Some(digest) => Some(DocumentRow {
            digest,
            base: row.get(9)?,
            parts: read_parts(row.text(10)?).ok_or_else(|| unreadable("document_parts"))?,
        }),
    };
    Ok(PackageRow {
        id: row.get(0)?,
        name: name(row, 1)?,
        upstream: row.get(2)?,
        access: Visibility::parse(row.text(3)?).ok_or_else(|| unreadable("access"))?,
        revision: row.get(4)?,
        fields: row.get(5)?,
        created_at: row.get(6)?,
        modified_at: row.get(7)?,
        document,
        etag: row.get(11)?,
        last_modified: row.get(12)?,
        checked_at: row.get(13)?,
        rebuild_at: row.get(14)?,
        used_at: row.get(15)?,
    })
}

fn version_row(row: &Row<'_>) -> Result<VersionRow, SqlFault> {
    Ok(VersionRow {
        version: row.get(0)?,
        file: row.get(1)?,
        state: VersionState::parse(row.text(2)?).ok_or_else(|| unreadable("state"))?,
        manifest: row.get(3)?,
        integrity: row.get(4)?,
        shasum: row.get(5)?,
        upstream_url: row.get(6)?,
        digest: row.get(7)?,
        bytes: row.get(8)?,
        published_at: row.get(9)?,
        seen_at: row.get(10)?,
        used_at: row.get(11)?,
        publisher: row.get(12)?,
    })
}

fn name(row: &Row<'_>, column: usize) -> Result<PackageName, SqlFault> {
    PackageName::parse_old(row.text(column)?).map_err(|_| unreadable("name"))
}

fn permission(row: &Row<'_>, column: usize) -> Result<Permission, SqlFault> {
    Permission::parse(row.text(column)?).ok_or_else(|| unreadable("permission"))
}

fn unreadable(column: &str) -> SqlFault {
    SqlFault::Other(format!("`{column}` holds what nothing here writes"))
}

fn write_parts(parts: &[u64; 6]) -> String {
    serde_json::json!(parts).to_string()
}

fn read_parts(text: &str) -> Option<[u64; 6]> {
    serde_json::from_str(text).ok()
}

const READ: &str = "\
    SELECT id, name, upstream, access, revision, fields, created_at, modified_at, document, \
    document_base, document_parts, etag, last_modified, checked_at, rebuild_at, used_at \
    FROM packages WHERE name = ?1";
const DOCUMENT: &str = "SELECT document_content FROM packages WHERE id = ?1 AND document = ?2";
const INSERT: &str = "\
    INSERT INTO packages (id, name, upstream, access, revision, fields, created_at, modified_at, \
    document, document_base, document_parts, etag, last_modified, checked_at, rebuild_at, used_at, \
    document_content) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
const UPDATE: &str = "\
    UPDATE packages SET name = ?2, upstream = ?3, access = ?4, revision = ?5, fields = ?6, \
    created_at = ?7, modified_at = ?8, document = ?9, document_base = ?10, document_parts = ?11, \
    etag = ?12, last_modified = ?13, checked_at = ?14, rebuild_at = ?15, used_at = ?16, \
    document_content = ?17 WHERE id = ?1 AND revision = ?5 - 1";
const REMOVE: &str = "DELETE FROM packages WHERE id = ?1";
const MARK_CHECKED: &str = "UPDATE packages SET checked_at = ?2 WHERE id = ?1";
const MARK_USED: &str = "UPDATE packages SET used_at = ?2 WHERE id = ?1";
const VERSIONS: &str = "\
    SELECT version, file, state, manifest, integrity, shasum, upstream_url, digest, bytes, \
    published_at, seen_at, used_at, publisher FROM versions WHERE package_id = ?1 \
    ORDER BY coalesce(published_at, seen_at), version";
const COUNT: &str = "\
    SELECT count(*) FROM versions WHERE package_id = (SELECT id FROM packages WHERE name = ?1)";
const VERSION: &str = "\
    SELECT version, file, state, manifest, integrity, shasum, upstream_url, digest, bytes, \
    published_at, seen_at, used_at, publisher FROM versions \
    WHERE package_id = ?1 AND version = ?2";
const VERSION_OF_FILE: &str = "\
    SELECT version, file, state, manifest, integrity, shasum, upstream_url, digest, bytes, \
    published_at, seen_at, used_at, publisher FROM versions WHERE package_id = ?1 AND file = ?2";
const PUT_VERSION: &str = "\
    INSERT INTO versions (package_id, version, file, state, manifest, integrity, shasum, \
    upstream_url, digest, bytes, published_at, seen_at, used_at, publisher, content) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) \
    ON CONFLICT (package_id, version) DO UPDATE SET file = excluded.file, \
    state = excluded.state, manifest = excluded.manifest, integrity = excluded.integrity, \
    shasum = excluded.shasum, upstream_url = excluded.upstream_url, digest = excluded.digest, \
    bytes = excluded.bytes, published_at = excluded.published_at, seen_at = excluded.seen_at, \
    used_at = excluded.used_at, publisher = excluded.publisher, \
    content = iif(versions.digest IS excluded.digest, versions.content, excluded.content)";
// No segment of a URL begins with a slash, and no other version has this one's number.
const FREE_FILE: &str = "\
    UPDATE versions SET file = '/' || version \
    WHERE package_id = ?1 AND file = ?2 AND version <> ?3";
const SET_STATE: &str = "\
    UPDATE versions SET state = ?3 WHERE package_id = ?1 AND version = ?2";
const SET_BLOB: &str = "\
    UPDATE versions SET digest = ?3, bytes = ?4, used_at = ?5 \
    WHERE package_id = ?1 AND version = ?2";
const MARK_VERSION_USED: &str = "\
    UPDATE versions SET used_at = ?3 WHERE package_id = ?1 AND version = ?2";
const FORGET_VERSION: &str = "DELETE FROM versions WHERE package_id = ?1 AND version = ?2";
const TAGS: &str = "SELECT tag, version FROM tags WHERE package_id = ?1 ORDER BY tag";
const PUT_TAG: &str = "\
    INSERT INTO tags (package_id, tag, version) VALUES (?1, ?2, ?3) \
    ON CONFLICT (package_id, tag) DO UPDATE SET version = excluded.version";
const REMOVE_TAG: &str = "DELETE FROM tags WHERE package_id = ?1 AND tag = ?2";
const COLLABORATORS: &str = "\
    SELECT accounts.id, accounts.name, accounts.email, collaborators.permission \
    FROM collaborators JOIN accounts ON accounts.id = collaborators.account_id \
    WHERE collaborators.package_id = ?1 ORDER BY accounts.name";
const PERMISSION_OF: &str = "\
    SELECT permission FROM collaborators WHERE package_id = ?1 AND account_id = ?2";
const PUT_COLLABORATOR: &str = "\
    INSERT INTO collaborators (package_id, account_id, permission) VALUES (?1, ?2, ?3) \
    ON CONFLICT (package_id, account_id) DO UPDATE SET permission = excluded.permission";
const REMOVE_COLLABORATOR: &str = "\
    DELETE FROM collaborators WHERE package_id = ?1 AND account_id = ?2";
const PACKAGES_OF: &str = "\
    SELECT packages.name, collaborators.permission FROM collaborators \
    JOIN packages ON packages.id = collaborators.package_id \
    WHERE collaborators.account_id = ?1 ORDER BY packages.name";
const STARGAZERS: &str = "\
    SELECT accounts.name FROM stars JOIN accounts ON accounts.id = stars.account_id \
    WHERE stars.package_id = ?1 ORDER BY accounts.name";
const STAR: &str = "\
    INSERT INTO stars (package_id, account_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
const UNSTAR: &str = "DELETE FROM stars WHERE package_id = ?1 AND account_id = ?2";
const STARRED_BY: &str = "\
    SELECT packages.name FROM stars JOIN packages ON packages.id = stars.package_id \
    WHERE stars.account_id = ?1 ORDER BY packages.name";

/// Every statement, for the test of query plans.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("packages::READ", READ),
    ("packages::DOCUMENT", DOCUMENT),
    ("packages::INSERT", INSERT),
    ("packages::UPDATE", UPDATE),
    ("packages::REMOVE", REMOVE),
    ("packages::MARK_CHECKED", MARK_CHECKED),
    ("packages::MARK_USED", MARK_USED),
    ("packages::VERSIONS", VERSIONS),
    ("packages::COUNT", COUNT),
    ("packages::VERSION", VERSION),
    ("packages::VERSION_OF_FILE", VERSION_OF_FILE),
    ("packages::PUT_VERSION", PUT_VERSION),
    ("packages::FREE_FILE", FREE_FILE),
    ("packages::SET_STATE", SET_STATE),
    ("packages::SET_BLOB", SET_BLOB),
    ("packages::MARK_VERSION_USED", MARK_VERSION_USED),
    ("packages::FORGET_VERSION", FORGET_VERSION),
    ("packages::TAGS", TAGS),
    ("packages::PUT_TAG", PUT_TAG),
    ("packages::REMOVE_TAG", REMOVE_TAG),
    ("packages::COLLABORATORS", COLLABORATORS),
    ("packages::PERMISSION_OF", PERMISSION_OF),
    ("packages::PUT_COLLABORATOR", PUT_COLLABORATOR),
    ("packages::REMOVE_COLLABORATOR", REMOVE_COLLABORATOR),
    ("packages::PACKAGES_OF", PACKAGES_OF),
    ("packages::STARGAZERS", STARGAZERS),
    ("packages::STAR", STAR),
    ("packages::UNSTAR", UNSTAR),
    ("packages::STARRED_BY", STARRED_BY),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::schema::DEFINITION;
    use crate::registry::tarballs::sql as tarballs;
    use crate::store::{Folder, Options, open};

    fn package_row() -> PackageRow {
        PackageRow {
            id: Id::fresh(),
            name: PackageName::parse_old("@a/b").unwrap(),
            upstream: Some(0xffff_fff0),
            access: Visibility::Restricted,
            revision: 1,
            fields: Some("{}".to_owned()),
            created_at: 1,
            modified_at: 2,
            document: Some(DocumentRow {
                digest: [7; 64],
                base: "http://a".to_owned(),
                parts: [1, 2, 3, 4, 5, 6],
            }),
            etag: Some("\"x\"".to_owned()),
            last_modified: Some("y".to_owned()),
            checked_at: Some(3),
            rebuild_at: Some(4),
            used_at: Some(5),
        }
    }

    #[test]
    fn rows_are_read_as_they_were_written() {
        let folder = Folder::new();
        let store = open(&DEFINITION, folder.path(), Options { shards: 0 }).unwrap();
        let mut row = package_row();
        let version = VersionRow {
            version: "1.0.0".to_owned(),
            file: "b-1.0.0.tgz".to_owned(),
            state: VersionState::Held,
            manifest: Some("{}".to_owned()),
            integrity: Some("sha512-x".to_owned()),
            shasum: Some("aa".to_owned()),
            upstream_url: Some("http://u".to_owned()),
            digest: Some([9; 64]),
            bytes: Some(10),
            published_at: Some(11),
            seen_at: 12,
            used_at: Some(13),
            publisher: Some("anna".to_owned()),
        };
        let written = (row.clone(), version.clone());
        let outcome = store.write_blocking(move |tx| {
            insert(tx, &written.0, None)?;
            put_version(tx, written.0.id, &written.1, None)?;
            put_tag(tx, written.0.id, "latest", "1.0.0")
        });
        outcome.unwrap().unwrap();
        let found = store.read(|view| {
            let found = read(view, &row.name)?.unwrap();
            let by_file = version_of_file(view, row.id, "b-1.0.0.tgz")?;
            Ok((found, versions(view, row.id)?, by_file, tags(view, row.id)?))
        });
        let (found, all, by_file, tags) = found.unwrap();
        assert_eq!(found, row);
        assert_eq!(all, std::slice::from_ref(&version));
        assert_eq!(by_file, Some(version));
        assert_eq!((&*tags[0].tag, &*tags[0].version), ("latest", "1.0.0"));

        // An update is of the revision after the one that is there.
        for (revision, is_done) in [(1, false), (2, true), (2, false), (4, false), (3, true)] {
            row.revision = revision;
            row.document = None;
            let row = row.clone();
            let done = store.write_blocking(move |tx| update(tx, &row, None));
            assert_eq!(done.unwrap(), Ok(is_done), "{revision}");
        }
    }

    #[test]
    fn a_short_content_stays_as_long_as_its_digest() {
        let folder = Folder::new();
        let store = open(&DEFINITION, folder.path(), Options { shards: 0 }).unwrap();
        let row = package_row();
        let (id, name) = (row.id, row.name.clone());
        let mut version = VersionRow {
            version: "1.0.0".to_owned(),
            file: "b-1.0.0.tgz".to_owned(),
            state: VersionState::Live,
            manifest: None,
            integrity: None,
            shasum: None,
            upstream_url: None,
            digest: Some([9; 64]),
            bytes: Some(7),
            published_at: None,
            seen_at: 12,
            used_at: None,
            publisher: None,
        };
        let content = |digest: u8| {
            let digest = crate::registry::blobs::Sha512Digest([digest; 64]);
            let read = |view: &View<'_>| tarballs::content(view, &name, "b-1.0.0.tgz", &digest);
            store.read(read).unwrap()
        };
        let put = |version: &VersionRow, content: Option<&'static [u8]>| {
            let version = version.clone();
            let put = move |tx: &mut Tx<'_>| put_version(tx, id, &version, content);
            store.write_blocking(put).unwrap().unwrap();
        };
        let inserted = row.clone();
        let insertion = move |tx: &mut Tx<'_>| insert(tx, &inserted, Some(b"documents"));
        store.write_blocking(insertion).unwrap().unwrap();
        put(&version, Some(b"tarball"));
        assert_eq!(content(9).as_deref(), Some(b"tarball".as_slice()));
        assert_eq!(content(8), None, "it is another one");
        version.manifest = Some("{}".to_owned());
        put(&version, None);
        assert_eq!(content(9).as_deref(), Some(b"tarball".as_slice()));
        version.digest = Some([8; 64]);
        put(&version, None);
        assert_eq!((content(9), content(8)), (None, None));

        let documents = |digest: u8| {
            let read = |view: &View<'_>| document(view, id, &[digest; 64]);
            store.read(read).unwrap()
        };
        assert_eq!(documents(7).as_deref(), Some(b"documents".as_slice()));
        assert_eq!(documents(6), None);
        let next = PackageRow { revision: 2, ..row };
        let update = move |tx: &mut Tx<'_>| update(tx, &next, None);
        assert_eq!(store.write_blocking(update).unwrap(), Ok(true));
        assert_eq!(documents(7), None, "they are a file");
    }
}
