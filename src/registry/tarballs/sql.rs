//! Which file a tarball's URL means.

use crate::registry::blobs::Sha512Digest;
use crate::registry::name::PackageName;
use crate::store::{SqlFault, View};

/// A tarball that a version names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The SHA-512 of its file; none where it is an upstream's and not here.
    pub digest: Option<Sha512Digest>,
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
        })
    })
}

/// See [`crate::registry::schema`].
pub const STATEMENTS: &[(&str, &str)] = &[("tarballs::FIND", FIND)];

const FIND: &str = "\
    SELECT versions.digest, packages.access, packages.upstream FROM packages \
    JOIN versions ON versions.package_id = packages.id AND versions.file = ?2 \
    WHERE packages.name = ?1 AND versions.state = 'live'";
