//! Which files rows name.

use super::digest::Sha512Digest;
use crate::store::{SqlFault, View};

/// Whether a version or a package's document is this file.
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
    SELECT 1 FROM versions WHERE digest = ?1 \
    UNION ALL SELECT 1 FROM packages WHERE document = ?1 LIMIT 1";

const EACH_NAMED: &str = "\
    SELECT digest, bytes FROM versions WHERE digest IS NOT NULL AND content IS NULL \
    UNION ALL SELECT document, NULL FROM packages \
    WHERE document IS NOT NULL AND document_content IS NULL";

const EACH_SHORT: &str = "\
    SELECT digest, content FROM versions WHERE content IS NOT NULL \
    UNION ALL SELECT document, document_content FROM packages WHERE document_content IS NOT NULL";
