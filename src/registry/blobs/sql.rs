//! Which files rows name.

use super::digest::Sha512Digest;
use crate::store::{SqlFault, View};

/// Whether a version or a package's document is this file.
pub fn is_named(view: &View<'_>, digest: &Sha512Digest) -> Result<bool, SqlFault> {
    let found = view.one(IS_NAMED, &[digest], |_| Ok(()))?;
    Ok(found.is_some())
}

/// See [`crate::registry::schema`].
pub const STATEMENTS: &[(&str, &str)] = &[("blobs::IS_NAMED", IS_NAMED)];

const IS_NAMED: &str = "\
    SELECT 1 FROM versions WHERE digest = ?1 \
    UNION ALL SELECT 1 FROM packages WHERE document = ?1 LIMIT 1";
