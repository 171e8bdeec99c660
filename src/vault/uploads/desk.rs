//! The folder of uploads, the key that signs their URLs, and which of them are being written.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::id::Id;

/// What all shards share for uploads.
pub struct Desk {
    folder: PathBuf,
    key: [u8; 32],
    /// Held for an insertion or a removal; an upload takes it twice.
    writing: Mutex<HashSet<Id>>,
}

/// The right to write one upload, given back when dropped.
pub struct Claim {
    desk: Arc<Desk>,
    id: Id,
}

impl Desk {
    /// Opens the folder of uploads below the data folder, makes it and its key where they are
    /// missing, and removes what was being written when the process ended.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(data: &Path) -> io::Result<Desk> {
        let folder = data.join("uploads");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(SPOOL.as_bytes())
            {
                fs::remove_file(entry.path())?;
            }
        }
        let key = key_in(&folder)?;
        Ok(Desk {
            folder,
            key,
            writing: Mutex::default(),
        })
    }

    /// The key of the signatures.
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// The place of an upload that came: files are spread over folders, since one with a million
    /// entries is slow to list.
    pub fn place_of(&self, id: Id) -> PathBuf {
        let text = id.text();
        self.folder.join(&text[text.len() - 2..]).join(&*text)
    }

    /// A look for the folders that uploads are spread over, for a thread that may wait.
    pub fn folders(&self) -> impl FnOnce() -> Vec<PathBuf> + Send + 'static {
        let folder = self.folder.clone();
        move || {
            let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
            let paths = entries.map(|entry| entry.path());
            paths.filter(|path| path.is_dir()).collect()
        }
    }

    /// Where an upload is written while it comes.
    pub fn spool_of(&self, id: Id) -> PathBuf {
        self.folder.join(format!("{SPOOL}{id}"))
    }

    /// The right to write an upload; nothing while another request has it.
    pub fn claim(self: &Arc<Desk>, id: Id) -> Option<Claim> {
        let is_free = self.writing().insert(id);
        is_free.then(|| Claim {
            desk: self.clone(),
            id,
        })
    }

    fn writing(&self) -> MutexGuard<'_, HashSet<Id>> {
        // A set stays whole whatever panics beside it.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.desk.writing().remove(&self.id);
    }
}

/// The uploads that have a file in one of the folders.
pub fn files_of(folder: &Path) -> Vec<(Id, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.filter_map(|entry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        Some((id, entry.path()))
    });
    files.collect()
}

fn key_in(folder: &Path) -> io::Result<[u8; 32]> {
    let path = folder.join("key");
    let mut key = [0; 32];
    match fs::File::open(&path) {
        Ok(mut file) => {
            file.read_exact(&mut key)?;
            return Ok(key);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
    // Whole or not there: a start that was cut short must not leave a short key.
    let unfinished = folder.join("key.unfinished");
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(&key)?;
    file.sync_all()?;
    fs::rename(&unfinished, &path)?;
    fs::File::open(folder)?.sync_all()?;
    Ok(key)
}

/// What the names of files begin with that are being written.
const SPOOL: &str = "spool-";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Folder;

    #[test]
    fn a_folder_keeps_its_key_and_loses_its_spools() {
        let folder = Folder::new();
        let first = Desk::open(folder.path()).unwrap();
        let spool = first.spool_of(Id::of(1, [1; 10]));
        fs::write(&spool, b"half").unwrap();
        let second = Desk::open(folder.path()).unwrap();
        assert_eq!(first.key(), second.key());
        assert_ne!(first.key(), &[0; 32]);
        assert!(!spool.exists());
    }

    #[test]
    fn an_upload_has_one_writer() {
        let folder = Folder::new();
        let desk = Arc::new(Desk::open(folder.path()).unwrap());
        let id = Id::of(1, [1; 10]);
        let claim = desk.claim(id);
        assert!(claim.is_some() && desk.claim(id).is_none());
        assert!(desk.claim(Id::of(2, [1; 10])).is_some());
        drop(claim);
        assert!(desk.claim(id).is_some());
    }
}
