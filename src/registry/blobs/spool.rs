//! A file on its way to its place: hashed as it is written, gone unless it is kept.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha1_smol::Sha1;
use sha2::{Digest, Sha512};

use super::digest::{Digests, Sha512Digest};
use crate::limits::BLOB_UNSYNCED_BYTES_MAX;

/// A file that is being written. Its methods block.
pub struct Spool {
    file: File,
    sha512: Sha512,
    sha1: Sha1,
    bytes: u64,
    unsynced_bytes: u64,
    place: TemporaryFile,
}

/// A file that is whole, with its digests; nothing of it is durable.
pub struct Hashed {
    /// What it is known by.
    pub digests: Digests,
    file: File,
    place: TemporaryFile,
}

impl Spool {
    pub(super) fn begin(path: PathBuf) -> io::Result<Spool> {
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        Ok(Spool {
            file,
            sha512: Sha512::new(),
            sha1: Sha1::new(),
            bytes: 0,
            unsynced_bytes: 0,
            place: TemporaryFile(Some(path)),
        })
    }

    /// Adds a piece.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.sha512.update(piece);
        self.sha1.update(piece);
        self.file.write_all(piece)?;
        self.bytes += piece.len() as u64;
        self.unsynced_bytes += piece.len() as u64;
        // A commit of the file system's journal waits for the data of every file that it speaks
        // of, so a long file that is not on disk yet would hold up all others.
        if self.unsynced_bytes >= BLOB_UNSYNCED_BYTES_MAX {
            self.unsynced_bytes = 0;
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// Opens it to be read while it is written. Blocks.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(&self) -> io::Result<File> {
        File::open(self.place.path())
    }

    /// How many bytes were written.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Ends the file.
    pub fn finish(self) -> Hashed {
        Hashed {
            digests: Digests {
                sha512: Sha512Digest(self.sha512.finalize().into()),
                sha1: self.sha1.digest().bytes(),
                bytes: self.bytes,
            },
            file: self.file,
            place: self.place,
        }
    }
}

impl Hashed {
    /// Opens it to be read. Blocks.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(&self) -> io::Result<File> {
        File::open(self.place.path())
    }

    /// Makes it durable and moves it to its place; blocks.
    pub(super) fn keep(mut self, place: &Path) -> io::Result<()> {
        self.file.sync_data()?;
        fs::rename(self.place.path(), place)?;
        self.place.0 = None;
        let folder = place.parent().unwrap_or(place);
        File::open(folder)?.sync_all()
    }
}

/// A file that is removed when this is dropped.
struct TemporaryFile(Option<PathBuf>);

impl TemporaryFile {
    fn path(&self) -> &Path {
        self.0.as_deref().unwrap_or(Path::new(""))
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let Some(path) = &self.0 else { return };
        if let Err(error) = fs::remove_file(path) {
            let path = path.display();
            tracing::warn!(target: "registry", %error, %path, "a file is left in the spool");
        }
    }
}
