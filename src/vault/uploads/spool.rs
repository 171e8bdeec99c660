//! A file on its way to its place: written piece by piece on the offload pool, checked, made
//! durable, and only then moved. Whatever goes wrong before leaves nothing.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::rules::{BEGINNING_BYTES, Ticket, begins_as};

/// A file that is being written. It is removed when dropped before it was [kept](Spool::keep).
pub struct Spool {
    path: PathBuf,
    file: File,
    hash: Sha256,
    size_bytes: u64,
    beginning: Vec<u8>,
    is_kept: bool,
}

/// Why a file was not kept.
#[derive(Debug)]
pub enum SpoolFault {
    /// It has another size than was promised.
    Size,
    /// It has another hash than was promised.
    Hash,
    /// It is not of the type that was promised.
    Type,
    /// The system refused.
    System(io::Error),
}

impl From<io::Error> for SpoolFault {
    fn from(error: io::Error) -> SpoolFault {
        SpoolFault::System(error)
    }
}

impl Spool {
    /// Begins a file, in place of one that was left there.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(path: PathBuf) -> io::Result<Spool> {
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        Ok(Spool {
            path,
            file,
            hash: Sha256::new(),
            size_bytes: 0,
            beginning: Vec::new(),
            is_kept: false,
        })
    }

    /// Adds a piece.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let missing = BEGINNING_BYTES - self.beginning.len();
        self.beginning
            .extend_from_slice(&piece[..missing.min(piece.len())]);
        self.hash.update(piece);
        self.size_bytes += piece.len() as u64;
        self.file.write_all(piece)
    }

    /// Checks the file against what was promised and moves it to its place, durably. Tells its
    /// SHA-256 in hex.
    ///
    /// # Errors
    /// What is wrong with it; it is gone then.
    pub fn keep(mut self, ticket: &Ticket, place: &Path) -> Result<String, SpoolFault> {
        if self.size_bytes != ticket.size_bytes {
            return Err(SpoolFault::Size);
        }
        if !begins_as(&ticket.content_type, &self.beginning) {
            return Err(SpoolFault::Type);
        }
        let hash = hex_of(&std::mem::take(&mut self.hash).finalize());
        if ticket
            .sha256
            .as_ref()
            .is_some_and(|promised| *promised != hash)
        {
            return Err(SpoolFault::Hash);
        }
        self.file.sync_all()?;
        let folder = place.parent().unwrap_or(place);
        if !folder.exists() {
            fs::create_dir_all(folder)?;
            if let Some(parent) = folder.parent() {
                File::open(parent)?.sync_all()?;
            }
        }
        fs::rename(&self.path, place)?;
        self.is_kept = true;
        File::open(folder)?.sync_all()?;
        Ok(hash)
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        if let Err(error) = fs::remove_file(&self.path) {
            let path = self.path.display();
            tracing::warn!(target: "vault", %error, %path, "an unfinished upload is left behind");
        }
    }
}

fn hex_of(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a string takes everything");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;
    use crate::store::Folder;

    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn ticket() -> Ticket {
        Ticket {
            id: Id::of(1, [1; 10]),
            size_bytes: 5,
            content_type: "text/plain".to_owned(),
            sha256: Some(HELLO.to_owned()),
            expires_at: 0,
        }
    }

    fn spooled(folder: &Folder, pieces: &[&[u8]]) -> Spool {
        let mut spool = Spool::begin(folder.path().join("spool")).unwrap();
        for piece in pieces {
            spool.write(piece).unwrap();
        }
        spool
    }

    #[test]
    fn what_was_promised_is_kept() {
        let folder = Folder::new();
        let place = folder.path().join("ab").join("file");
        let kept = spooled(&folder, &[b"he", b"", b"llo"]).keep(&ticket(), &place);
        assert_eq!(kept.unwrap(), HELLO);
        assert_eq!(fs::read(&place).unwrap(), b"hello");
        assert!(!folder.path().join("spool").exists());
    }

    #[test]
    fn anything_else_leaves_nothing() {
        let folder = Folder::new();
        let place = folder.path().join("file");
        let keep = |bytes: &[u8], ticket: Ticket| spooled(&folder, &[bytes]).keep(&ticket, &place);
        assert!(matches!(keep(b"hell", ticket()), Err(SpoolFault::Size)));
        assert!(matches!(keep(b"hullo", ticket()), Err(SpoolFault::Hash)));
        let picture = Ticket {
            content_type: "image/png".to_owned(),
            ..ticket()
        };
        assert!(matches!(keep(b"hello", picture), Err(SpoolFault::Type)));
        drop(spooled(&folder, &[b"hel"]));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
