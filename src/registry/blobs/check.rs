//! Whether the files that rows name are there, and what lies in rows is whole.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use sha2::{Digest as _, Sha512};

use super::{FOLDER, Places, Sha512Digest, sql};
use crate::store::{SqlFault, View};

/// What a look at the files found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// Files that rows name.
    pub named: u64,
    /// Those that are not there, or are shorter or longer than their row says.
    pub missing: Vec<Sha512Digest>,
    /// Contents that lie in rows.
    pub short: u64,
    /// Those whose digest is another than their row says.
    pub damaged: Vec<Sha512Digest>,
}

/// Keeps a server that runs in this data folder from removing files until this is dropped, so that
/// what a snapshot of the store names stays. Nothing where there are no files.
///
/// # Errors
/// What the system says.
pub fn hold(data: &Path) -> io::Result<Option<File>> {
    match File::open(data.join(FOLDER)) {
        Ok(folder) => folder.lock_shared().map(|()| Some(folder)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Looks for every file that a row of the store names, and through what lies in rows.
///
/// # Errors
/// What the store says.
pub fn check(view: &View<'_>, data: &Path) -> Result<Found, SqlFault> {
    let places = Places {
        root: data.join(FOLDER),
    };
    let mut found = Found::default();
    sql::each_named(view, |digest, bytes| {
        found.named += 1;
        let length = fs::metadata(places.of(&digest)).map(|file| file.len());
        let is_right = |length: u64| bytes.is_none_or(|bytes| bytes.cast_unsigned() == length);
        if !length.is_ok_and(is_right) {
            found.missing.push(digest);
        }
    })?;
    sql::each_short(view, |digest, content| {
        found.short += 1;
        if Sha512::digest(content)[..] != digest.0 {
            found.damaged.push(digest);
        }
    })?;
    Ok(found)
}
