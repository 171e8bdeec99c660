//! The files of a registry, looked at from outside.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha512};

/// The files that are kept in a data folder, each of which is what its name says, and how many
/// are in the spool.
pub(crate) fn files(data: &Path) -> (Vec<PathBuf>, usize) {
    let blobs = data.join("blobs");
    let mut kept = Vec::new();
    for folder in fs::read_dir(blobs.join("sha512")).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            // One that goes between two looks is none.
            let Ok(bytes) = fs::read(&path) else { continue };
            assert!(path.ends_with(name_of(&bytes)), "{path:?}");
            kept.push(path);
        }
    }
    (kept, fs::read_dir(blobs.join("spool")).unwrap().count())
}

/// Whether these bytes are kept.
pub(crate) fn has_file(data: &Path, bytes: &[u8]) -> bool {
    let name = name_of(bytes);
    files(data).0.iter().any(|path| path.ends_with(&name))
}

fn name_of(bytes: &[u8]) -> String {
    let digest = Sha512::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
