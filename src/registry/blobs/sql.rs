//! Which files rows name.

use super::digest::Sha512Digest;
use crate::store::{SqlFault, View};

/// Whether a version or a package's document is this file. A row that holds its content itself
/// names none, though one of the same digest may be there for another.
///
/// # Errors
/// What the store says.
pub fn is_named(view: &View<'_>, digest: &Sha512Digest) -> Result<bool, SqlFault> {
    let found = view.one(IS_NAMED, &[digest], |_| Ok(()))?;
    Ok(found.is_some())
}

/// Visits every file that a row names and does not hold, with its length where the row has it.
///
/// # Errors
/// What the store says.
pub fn each_named(
    view: &View<'_>,
    mut visit: impl FnMut(Sha512Digest, Option<i64>),
) -> Result<(), SqlFault> {
    view.each(EACH_NAMED, &[], |row| {
        visit(row.get(0)?, row.get(1)?);
        Ok(())
    })
}

/// Visits every content that lies in a row, with its digest.
///
/// # Errors
/// What the store says.
pub fn each_short(
    view: &View<'_>,
    mut visit: impl FnMut(Sha512Digest, &[u8]),
) -> Result<(), SqlFault> {
    view.each(EACH_SHORT, &[], |row| {
        visit(row.get(0)?, &row.get::<Vec<u8>>(1)?);
        Ok(())
    })
}

/// See [`crate::registry::schema`].
pub const STATEMENTS: &[(&str, &str)] = &[
    ("blobs::IS_NAMED", IS_NAMED),
    ("blobs::EACH_NAMED", EACH_NAMED),
    ("blobs::EACH_SHORT", EACH_SHORT),
];

const IS_NAMED: &str = "\
    SELECT 1 FROM versions WHERE digest = ?1 AND content IS NULL \
    UNION ALL SELECT 1 FROM packages WHERE document = ?1 AND document_content IS NULL LIMIT 1";

const EACH_NAMED: &str = "\
    SELECT digest, bytes FROM versions WHERE digest IS NOT NULL AND content IS NULL \
    UNION ALL SELECT document, NULL FROM packages \
    WHERE document IS NOT NULL AND document_content IS NULL";

const EACH_SHORT: &str = "\
    SELECT digest, content FROM versions WHERE content IS NOT NULL \
    UNION ALL SELECT document, document_content FROM packages WHERE document_content IS NOT NULL";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::schema::DEFINITION;
    use crate::store::{Folder, Options, Tx, open};

    const PACKAGE: &str = "\
        INSERT INTO packages (id, name, access, revision, created_at, modified_at, document, \
        document_base, document_parts, document_content) \
        VALUES (?1, ?1, 'public', 1, 0, 0, ?2, '', '[0,0,0,0,0,0]', ?3)";
    const VERSION: &str = "\
        INSERT INTO versions (package_id, version, file, state, digest, seen_at, content) \
        VALUES (?1, ?2, ?2, 'live', ?3, 0, ?4)";

    #[test]
    fn a_row_that_holds_its_content_names_no_file() {
        let folder = Folder::new();
        let store = open(&DEFINITION, folder.path(), Options { shards: 0 }).unwrap();
        let digest = |number: u8| Sha512Digest([number; 64]);
        let write = move |tx: &mut Tx<'_>| {
            tx.run(PACKAGE, &[&"a", &digest(1), &b"documents".as_slice()])?;
            tx.run(PACKAGE, &[&"b", &digest(2), &None::<&[u8]>])?;
            let short = Some(b"tarball".as_slice());
            for (version, digest, content) in [
                ("1", digest(3), short),
                ("2", digest(4), None),
                ("3", digest(5), short),
                ("4", digest(5), None),
            ] {
                tx.run(VERSION, &[&"a", &version, &digest, &content])?;
            }
            Ok::<_, SqlFault>(())
        };
        store.write_blocking(write).unwrap().unwrap();
        let named = |number: u8| store.read(|view| is_named(view, &digest(number))).unwrap();
        assert_eq!(
            (1..=6).filter(|number| named(*number)).collect::<Vec<_>>(),
            [2, 4, 5],
            "5 is another row's file"
        );
    }
}
