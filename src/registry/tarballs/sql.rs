//! Which file a tarball's URL means.

use crate::registry::blobs::Sha512Digest;
use crate::registry::name::PackageName;
use crate::store::{SqlFault, View};

/// A tarball that a version names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The SHA-512 of its file; none where it is an upstream's and not here.
    pub digest: Option<Sha512Digest>,
    /// Whether it lies in its version's row.
    pub is_short: bool,
    /// Whether everybody may read it.
    pub is_public: bool,
    /// Whether it is an upstream's.
    pub is_upstreams: bool,
}

/// The tarball of this name in a package, if its version is served.
///
/// # Errors
/// What the store says.
pub fn find(view: &View<'_>, name: &PackageName, file: &str) -> Result<Option<Place>, SqlFault> {
    view.one(FIND, &[&name.as_str(), &file], |row| {
        Ok(Place {
            digest: row.get(0)?,
            is_public: row.text(1)? == "public",
            is_upstreams: row.get::<Option<u32>>(2)?.is_some(),
            is_short: row.get(3)?,
        })
    })
}

/// The tarball of this name in a package, where it is short and of this digest.
///
/// # Errors
/// What the store says.
pub fn content(
    view: &View<'_>,
    name: &PackageName,
    file: &str,
    digest: &Sha512Digest,
) -> Result<Option<Vec<u8>>, SqlFault> {
    let content = view.one(CONTENT, &[&name.as_str(), &file, digest], |row| row.get(0))?;
    Ok(content.flatten())
}

/// See [`crate::registry::schema`].
pub const STATEMENTS: &[(&str, &str)] = &[("tarballs::FIND", FIND), ("tarballs::CONTENT", CONTENT)];

const FIND: &str = "\
    SELECT versions.digest, packages.access, packages.upstream, versions.content IS NOT NULL \
    FROM packages \
    JOIN versions ON versions.package_id = packages.id AND versions.file = ?2 \
    WHERE packages.name = ?1 AND versions.state = 'live'";

const CONTENT: &str = "\
    SELECT versions.content FROM packages \
    JOIN versions ON versions.package_id = packages.id AND versions.file = ?2 \
    WHERE packages.name = ?1 AND versions.digest = ?3";
