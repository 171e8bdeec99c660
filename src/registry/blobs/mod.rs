//! Files by their content: tarballs, and the documents of packages, each under its SHA-512.
//! Hosted ones that are short lie in the row that names them instead.
//!
//! A file is written to the spool, hashed as it comes, made durable and moved to the place that its
//! hash names; only then may a row name it. What no row names is removed by the sweep.
//!
//! - `digest`: the name of a file; `content`: a short one, or one that becomes a file; `spool`: one
//!   on its way; `keeper`: the threads that make files durable; `pins`: which files the sweep has
//!   to leave alone; `sweep` and `sql`: what is removed; `check`: whether all are there.

pub mod check;
mod content;
mod digest;
mod keeper;
mod pins;
mod spool;
pub mod sql;
pub mod sweep;

#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder, File};
use std::future::Future;
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::bounded;

use crate::shard;

pub use content::{Arrived, Content, Short, is_file};
pub use digest::{Digests, Sha512Digest};
pub use pins::{Doomed, Kept};
pub use spool::{Hashed, Spool};

use keeper::{Keepers, Way};
use pins::Pins;

/// The files of a data folder.
pub struct Blobs {
    places: Places,
    spooled: AtomicU64,
    pins: Arc<Pins>,
    keepers: Keepers,
    /// The folder itself, locked while files are removed; a backup locks it against that.
    removing: Mutex<File>,
}

/// Where files are.
#[derive(Clone)]
struct Places {
    root: PathBuf,
}

impl Blobs {
    /// Opens the files of a data folder, makes the folders where they are missing, and empties the
    /// spool. Blocks.
    ///
    /// # Errors
    /// What the system says.
    pub fn at(data: &Path) -> io::Result<Blobs> {
        let root = data.join(FOLDER);
        let spool = root.join(SPOOL);
        make_folder(&spool)?;
        for entry in fs::read_dir(&spool)? {
            fs::remove_file(entry?.path())?;
        }
        // All at once: a folder that is made later would have to be made durable with its file.
        let places = Places { root };
        let all = places.root.join(ALGORITHM);
        for first in 0..=u8::MAX {
            make_folder(&all.join(format!("{first:02x}")))?;
        }
        for folder in [all.as_path(), &places.root, data] {
            File::open(folder)?.sync_all()?;
        }
        let pins = Arc::new(Pins::default());
        Ok(Blobs {
            spooled: AtomicU64::new(0),
            keepers: Keepers::start(places.clone(), pins.clone())?,
            removing: Mutex::new(File::open(&places.root)?),
            places,
            pins,
        })
    }

    /// Begins a file. Blocks.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(&self) -> io::Result<Spool> {
        let number = self.spooled.fetch_add(1, Ordering::Relaxed);
        Spool::begin(self.places.root.join(SPOOL).join(number.to_string()))
    }

    /// Makes files durable, under their hashes. Blocks; a shard takes [`Blobs::keep_soon`].
    ///
    /// # Errors
    /// What the system says; what was kept of them nobody names then, and the sweep removes it.
    pub fn keep(&self, files: Vec<Hashed>) -> io::Result<Vec<Kept>> {
        let (sender, receiver) = bounded(1);
        self.keepers.submit(files, Way::Thread(sender));
        receiver.recv().unwrap_or_else(|_| Err(gone()))
    }

    /// As [`Blobs::keep`], for a task of a shard: no thread of the offload pool waits meanwhile, so
    /// that however many files come at once they share the disk's commits.
    ///
    /// # Panics
    /// On a thread that is not a shard.
    pub fn keep_soon(
        &self,
        files: Vec<Hashed>,
    ) -> impl Future<Output = io::Result<Vec<Kept>>> + use<> {
        let (answer, reply) = shard::answer();
        self.keepers.submit(files, Way::Shard(reply));
        async move { answer.await.unwrap_or_else(|_| Err(gone())) }
    }

    /// Opens a file to read it. Blocks.
    ///
    /// # Errors
    /// `NotFound` where there is none; otherwise what the system says.
    pub fn open(&self, digest: &Sha512Digest) -> io::Result<File> {
        File::open(self.places.of(digest))
    }

    /// Keeps the sweep from a file that is there and may be named soon.
    pub fn pin(&self, digest: Sha512Digest) -> Option<Kept> {
        self.pins.pin_unless_doomed(digest)
    }

    /// Claims those files that nobody has a pin on, to remove them unless a row names them.
    pub fn doom(&self, digests: impl IntoIterator<Item = Sha512Digest>) -> Doomed {
        self.pins.doom(digests)
    }

    /// Removes files that no row names; those that stay because a backup is being taken are found
    /// by a later sweep. Blocks.
    pub fn remove(&self, doomed: &Doomed, digests: &[Sha512Digest]) -> usize {
        let folder = self.removing.lock();
        let folder = folder.unwrap_or_else(PoisonError::into_inner);
        if folder.try_lock().is_err() {
            return 0;
        }
        let mut removed = 0;
        for digest in digests {
            assert!(doomed.holds(digest), "only what was claimed is removed");
            match fs::remove_file(self.places.of(digest)) {
                Ok(()) => removed += 1,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(target: "registry", %error, %digest, "a file is left behind");
                }
            }
        }
        if let Err(error) = folder.unlock() {
            tracing::error!(target: "registry", %error, "backups wait for the folder of files");
        }
        removed
    }

    /// The files whose hash begins with a byte. Blocks.
    ///
    /// # Errors
    /// What the system says.
    pub fn list(&self, first: u8) -> io::Result<Vec<Sha512Digest>> {
        let mut digests = Vec::new();
        let folder = self
            .places
            .root
            .join(ALGORITHM)
            .join(format!("{first:02x}"));
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            digests.extend(name.to_str().and_then(Sha512Digest::of_hex));
        }
        Ok(digests)
    }
}

impl Places {
    /// Files are spread over folders, since one with a million entries is slow to list.
    fn of(&self, digest: &Sha512Digest) -> PathBuf {
        let name = digest.hex();
        self.root.join(ALGORITHM).join(&name[..2]).join(name)
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn gone() -> io::Error {
    io::Error::other("the threads that make files durable have ended")
}

/// The folder of files in the data folder.
pub const FOLDER: &str = "blobs";
/// The folder of files on their way, in that folder.
pub const SPOOL: &str = "spool";
const ALGORITHM: &str = "sha512";
