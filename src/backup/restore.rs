//! Puts a backup back: unpacked and looked through beside what is there, then put in its place.
//!
//! The data folder may be a mount, so it cannot be exchanged as a whole. Instead `restore.draft`
//! becomes `restore.ready` by one rename, once all of it is checked and on disk. From there on
//! the restore is certain: whoever starts next on the folder finishes what a crash cut short.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use tar::{Archive, EntryType};

use crate::state::lock_folder;
use crate::store::{Definition, check};
use crate::telemetry::process::unix_ms;

use super::archive::{FILE_MODE, parent_of, sync_folder};
use super::fault::{BackupFault, system};
use super::manifest::{FORMAT, Hashing, MANIFEST, MANIFEST_BYTES_MAX, Manifest, Member};

/// What a restore came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restored {
    /// Files put back.
    pub files: usize,
    /// When the backup was begun, in unix milliseconds.
    pub begun_ms: u64,
    /// Where everything that was there has gone.
    pub aside: PathBuf,
}

/// Puts a backup into a data folder that no server has. What was there is kept aside in the
/// folder.
///
/// # Errors
/// What is in the way. Until all of the backup was found good the folder is as it was.
pub fn restore(
    stores: &[Definition],
    folder: &Path,
    source: &Path,
) -> Result<Restored, BackupFault> {
    let was_there = folder.exists();
    put_back(stores, folder, source).inspect_err(|fault| {
        // Whoever took the folder meanwhile has the lock.
        if !was_there && !matches!(fault, BackupFault::Folder(_)) {
            // The folder stays where something else has come into it.
            let _gone_or_not = fs::remove_file(folder.join(LOCK));
            let _gone_or_not = fs::remove_dir(folder);
        }
    })
}

fn put_back(stores: &[Definition], folder: &Path, source: &Path) -> Result<Restored, BackupFault> {
    let _locked = lock_folder(folder)?;
    finish(folder)?;
    let draft = folder.join(DRAFT);
    remove_if_there(&draft)?;
    let fresh = draft.join(FRESH);
    make_folder(&fresh)?;
    let unpacked = unpack(source, &fresh).and_then(|manifest| {
        examine(stores, &fresh)?;
        Ok(manifest)
    });
    let manifest = unpacked.inspect_err(|_| {
        // It says nothing that the fault does not.
        let _gone_or_not = fs::remove_dir_all(&draft);
    })?;
    sync_all_folders(&draft)?;
    rename(&draft, &folder.join(READY))?;
    sync_folder(folder)?;
    let aside = finish(folder)?.unwrap_or_else(|| folder.to_owned());
    Ok(Restored {
        files: manifest.members.len(),
        begun_ms: manifest.begun_ms,
        aside,
    })
}

/// Finishes a restore that was cut short after it had become certain; tells where what was there
/// has gone. To be called by whoever holds the folder's lock, before anything in it is opened.
///
/// # Errors
/// What the file system says; a later call goes on.
pub fn finish(folder: &Path) -> Result<Option<PathBuf>, BackupFault> {
    let (ready, moving) = (folder.join(READY), folder.join(MOVING));
    if ready.exists() {
        let old = ready.join(OLD);
        make_folder(&old)?;
        for name in names_of(folder)? {
            if name != LOCK && !is_of_restores(&name) {
                rename(&folder.join(&name), &old.join(&name))?;
            }
        }
        sync_folder(&old)?;
        rename(&ready, &moving)?;
        sync_folder(folder)?;
    }
    if !moving.exists() {
        return Ok(None);
    }
    let (fresh, old) = (moving.join(FRESH), moving.join(OLD));
    if fresh.exists() {
        for name in names_of(&fresh)? {
            rename(&fresh.join(&name), &folder.join(&name))?;
        }
        sync_folder(folder)?;
        remove_if_there(&fresh)?;
    }
    let aside = folder.join(format!("{ASIDE}{}", unix_ms()));
    if old.exists() {
        rename(&old, &aside)?;
    }
    remove_if_there(&moving)?;
    sync_folder(folder)?;
    Ok(Some(aside))
}

/// Whether a name in the data folder is a restore's.
pub(super) fn is_of_restores(name: &str) -> bool {
    [DRAFT, READY, MOVING].contains(&name) || name.starts_with(ASIDE)
}

/// Unpacks every member and holds all of them against the manifest.
fn unpack(source: &Path, fresh: &Path) -> Result<Manifest, BackupFault> {
    let broken = |cause: String| BackupFault::Broken {
        path: source.to_owned(),
        cause,
    };
    let file = File::open(source).map_err(system("cannot read", source))?;
    let mut archive = Archive::new(BufReader::new(file));
    let unreadable = |error: io::Error| broken(format!("it is no whole backup ({error})"));
    let mut found = BTreeMap::new();
    let mut manifest = None;
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let path = entry.path().map_err(unreadable)?.into_owned();
        let place = place_of(&path)
            .ok_or_else(|| broken(format!("`{}` is no place in a data folder", path.display())))?;
        if entry.header().entry_type() != EntryType::Regular {
            return Err(broken(format!("`{place}` is no plain file")));
        }
        if manifest.is_some() {
            return Err(broken("something follows its manifest".to_owned()));
        }
        if place == MANIFEST {
            let mut text = Vec::new();
            (&mut entry)
                .take(MANIFEST_BYTES_MAX + 1)
                .read_to_end(&mut text)
                .map_err(unreadable)?;
            if text.len() as u64 > MANIFEST_BYTES_MAX {
                return Err(broken("its manifest is too long".to_owned()));
            }
            manifest = Some(text);
        } else {
            let member = unpack_file(&mut entry, fresh, place, &unreadable)?;
            if found.insert(member.path.clone(), member).is_some() {
                return Err(broken(format!("`{}` is in it twice", path.display())));
            }
        }
    }
    let text = manifest.ok_or_else(|| broken("it is cut off".to_owned()))?;
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|error| broken(format!("its manifest cannot be read: {error}")))?;
    compare(&manifest, found).map_err(broken)?;
    Ok(manifest)
}

/// The path of a member as text, if it leads to a place below the folder.
fn place_of(path: &Path) -> Option<String> {
    let mut parts = path.components();
    let is_below = parts.all(|part| matches!(part, Component::Normal(_)));
    let name = path.to_str()?;
    let first = name.split('/').next()?;
    (is_below && !name.is_empty() && first != LOCK && !is_of_restores(first))
        .then(|| name.to_owned())
}

fn unpack_file(
    entry: &mut impl Read,
    fresh: &Path,
    path: String,
    unreadable: &impl Fn(io::Error) -> BackupFault,
) -> Result<Member, BackupFault> {
    let place = fresh.join(&path);
    make_folder(parent_of(&place))?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(&place)
        .map_err(system("cannot create", &place))?;
    let mut reader = Hashing::new(entry);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = reader.read(&mut buffer).map_err(unreadable)?;
        if count == 0 {
            break;
        }
        io::Write::write_all(&mut file, &buffer[..count])
            .map_err(system("cannot write", &place))?;
    }
    file.sync_all().map_err(system("cannot write", &place))?;
    Ok(reader.member(path))
}

fn compare(manifest: &Manifest, mut found: BTreeMap<String, Member>) -> Result<(), String> {
    if manifest.format != FORMAT {
        let (format, version) = (manifest.format, &manifest.version);
        return Err(format!("its format {format} is of thirteen {version}"));
    }
    for member in &manifest.members {
        match found.remove(&member.path) {
            Some(unpacked) if unpacked == *member => {}
            Some(_) => return Err(format!("`{}` is not as it was written", member.path)),
            None => return Err(format!("`{}` is missing", member.path)),
        }
    }
    match found.into_keys().next() {
        Some(path) => Err(format!("`{path}` is not in its manifest")),
        None => Ok(()),
    }
}

/// Looks through every store for damage, and for a schema that this binary does not know.
fn examine(stores: &[Definition], fresh: &Path) -> Result<(), BackupFault> {
    for store in stores {
        let findings = check(store, fresh)?;
        if !findings.is_empty() {
            let store = store.name;
            return Err(BackupFault::Damaged { store, findings });
        }
        // Reading a store leaves the files of an empty log beside it.
        for end in ["db-wal", "db-shm"] {
            let path = store.path(fresh).with_extension(end);
            if path.exists() {
                fs::remove_file(&path).map_err(system("cannot remove", &path))?;
            }
        }
    }
    Ok(())
}

fn sync_all_folders(folder: &Path) -> Result<(), BackupFault> {
    for name in names_of(folder)? {
        let path = folder.join(name);
        if path.is_dir() {
            sync_all_folders(&path)?;
        }
    }
    sync_folder(folder)
}

fn names_of(folder: &Path) -> Result<Vec<String>, BackupFault> {
    let refused = system("cannot read", folder);
    let entries = fs::read_dir(folder).map_err(&refused)?;
    let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
    let names: io::Result<Vec<_>> = names.collect();
    let unreadable = || io::Error::new(ErrorKind::InvalidData, "a name is not UTF-8");
    names
        .map_err(&refused)?
        .into_iter()
        .map(|name| name.into_string().map_err(|_| refused(unreadable())))
        .collect()
}

fn make_folder(path: &Path) -> Result<(), BackupFault> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(system("cannot create", path))
}

fn rename(from: &Path, to: &Path) -> Result<(), BackupFault> {
    fs::rename(from, to).map_err(system("cannot move", from))
}

fn remove_if_there(path: &Path) -> Result<(), BackupFault> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(system("cannot remove", path)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// What is unpacked and not yet found good.
const DRAFT: &str = "restore.draft";
/// What was found good: the old files go from their places into it.
const READY: &str = "restore.ready";
/// The old files are in it; the fresh ones go to their places.
const MOVING: &str = "restore.moving";
const FRESH: &str = "fresh";
const OLD: &str = "old";
/// What was there before a restore is in a folder that begins so.
const ASIDE: &str = "replaced-";
/// Held by whoever works on the folder; it stays.
const LOCK: &str = "lock";
