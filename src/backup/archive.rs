//! Takes a backup: a tar file of the stores' copies, the other files, and the manifest.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

use crate::registry::blobs;
use crate::store::{Definition, check, copy};
use crate::telemetry::process::unix_ms;

use super::fault::{BackupFault, system};
use super::manifest::{FORMAT, Hashing, MANIFEST, MANIFEST_BYTES_MAX, Manifest, Member};
use super::restore::is_of_restores;

/// What a backup came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Taken {
    /// Files in it.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Writes a backup of a data folder, whether a server runs there or not. The stores come first,
/// so that whatever file they speak of is in the backup as well. The file appears when it is
/// whole and on disk.
///
/// # Errors
/// What is in the way; there is no file then.
pub fn take(stores: &[Definition], folder: &Path, target: &Path) -> Result<Taken, BackupFault> {
    if target.exists() {
        let path = target.to_owned();
        return Err(BackupFault::Exists { path });
    }
    let parent = parent_of(target);
    let place = |attempt, path: &Path| path.canonicalize().map_err(system(attempt, path));
    if place("cannot write to", parent)?.starts_with(place("cannot read", folder)?) {
        let path = target.to_owned();
        return Err(BackupFault::Inside { path });
    }
    let drafts = Drafts::beside(target)?;
    let draft = drafts.0.join("archive");
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(&draft)
        .map_err(system("cannot create", &draft))?;
    let mut archive = Archive {
        builder: Builder::new(BufWriter::new(file)),
        members: Vec::new(),
        target,
    };
    let begun_ms = unix_ms();
    let files = folder.join(blobs::FOLDER);
    let _files_stay = blobs::check::hold(folder).map_err(system("cannot lock", &files))?;
    for store in stores {
        archive.add_store(store, folder, &drafts.0)?;
    }
    archive.add_folder(folder, Path::new(""))?;
    if archive.members.is_empty() {
        let folder = folder.to_owned();
        return Err(BackupFault::Nothing { folder });
    }
    let taken = archive.finish(begun_ms)?;
    fs::rename(&draft, target).map_err(system("cannot create", target))?;
    sync_folder(parent)?;
    Ok(taken)
}

struct Archive<'t> {
    builder: Builder<BufWriter<File>>,
    members: Vec<Member>,
    target: &'t Path,
}

impl Archive<'_> {
    fn add_store(
        &mut self,
        store: &Definition,
        folder: &Path,
        drafts: &Path,
    ) -> Result<(), BackupFault> {
        if !store.path(folder).exists() {
            return Ok(());
        }
        let copied = store.path(drafts);
        copy(store, folder, &copied)?;
        // A backup of a damaged store would be found out when it is needed.
        let findings = check(store, drafts)?;
        if !findings.is_empty() {
            let store = store.name;
            return Err(BackupFault::Damaged { store, findings });
        }
        let file = File::open(&copied).map_err(system("cannot read", &copied))?;
        self.add_file(file, format!("{}.db", store.name))?;
        fs::remove_file(&copied).map_err(system("cannot remove", &copied))
    }

    fn add_folder(&mut self, folder: &Path, below: &Path) -> Result<(), BackupFault> {
        let here = folder.join(below);
        let refused = system("cannot read", &here);
        let mut names = Vec::new();
        match fs::read_dir(&here) {
            Ok(entries) => {
                for entry in entries {
                    let entry = entry.map_err(&refused)?;
                    names.push((entry.file_name(), entry.file_type().map_err(&refused)?));
                }
            }
            // Mail that was sent takes its folder along.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(refused(error)),
        }
        names.sort_by(|one, other| one.0.cmp(&other.0));
        for (name, kind) in names {
            let path = below.join(&name);
            if is_left_out(&path) {
                continue;
            }
            if kind.is_dir() {
                self.add_folder(folder, &path)?;
            } else if kind.is_file() {
                self.add_if_there(folder, &path)?;
            }
        }
        Ok(())
    }

    fn add_if_there(&mut self, folder: &Path, path: &Path) -> Result<(), BackupFault> {
        let place = folder.join(path);
        let Some(name) = path.to_str() else {
            let error = io::Error::new(ErrorKind::InvalidData, "its name is not UTF-8");
            return Err(system("cannot read", &place)(error));
        };
        match File::open(&place) {
            Ok(file) => self.add_file(file, name.to_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(system("cannot read", &place)(error)),
        }
    }

    /// Adds as much as there is at this moment; a file that grows meanwhile is cut there.
    fn add_file(&mut self, file: File, path: String) -> Result<(), BackupFault> {
        let refused = system("cannot write", self.target);
        let bytes = file.metadata().map_err(&refused)?.len();
        let mut reader = Hashing::new(file.take(bytes));
        let mut header = header_of(bytes);
        self.builder
            .append_data(&mut header, &path, &mut reader)
            .map_err(&refused)?;
        let member = reader.member(path);
        if member.bytes != bytes {
            let cause = format!("{} became shorter while it was read", member.path);
            return Err(refused(io::Error::new(ErrorKind::UnexpectedEof, cause)));
        }
        self.members.push(member);
        Ok(())
    }

    fn finish(mut self, begun_ms: u64) -> Result<Taken, BackupFault> {
        let refused = system("cannot write", self.target);
        let taken = Taken {
            files: self.members.len(),
            bytes: self.members.iter().map(|member| member.bytes).sum(),
        };
        let manifest = Manifest {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            begun_ms,
            members: self.members,
        };
        let text = serde_json::to_vec(&manifest).expect("strings and numbers are JSON");
        if text.len() as u64 > MANIFEST_BYTES_MAX {
            let cause = "there are more files than a backup can name";
            return Err(refused(io::Error::new(ErrorKind::FileTooLarge, cause)));
        }
        let mut header = header_of(text.len() as u64);
        self.builder
            .append_data(&mut header, MANIFEST, &*text)
            .map_err(&refused)?;
        let mut writer = self.builder.into_inner().map_err(&refused)?;
        writer
            .flush()
            .and_then(|()| writer.get_ref().sync_all())
            .map_err(refused)?;
        Ok(taken)
    }
}

fn header_of(bytes: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(FILE_MODE);
    header.set_size(bytes);
    header.set_mtime(unix_ms() / 1000);
    header
}

/// What belongs to the running server, what a restore put aside, and the stores, which are copied
/// in their own way.
fn is_left_out(path: &Path) -> bool {
    let name = path.to_str().unwrap_or_default();
    let is_at_the_top = !name.contains('/');
    let is_of_a_store = [".db", ".db-wal", ".db-shm", ".db-journal"]
        .iter()
        .any(|end| name.ends_with(end));
    let is_on_its_way = path == Path::new(blobs::FOLDER).join(blobs::SPOOL);
    let is_of_the_server = ["lock", "doors.json"].contains(&name) || name.ends_with(".draft");
    is_on_its_way || is_at_the_top && (is_of_a_store || is_of_the_server || is_of_restores(name))
}

/// A folder for what is under way, beside the backup so that it is on the same disk; removed when
/// dropped.
struct Drafts(PathBuf);

impl Drafts {
    fn beside(target: &Path) -> Result<Drafts, BackupFault> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let drafts = format!(".{name}.draft-{}", std::process::id());
        let path = parent_of(target).join(drafts);
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(system("cannot create", &path))?;
        Ok(Drafts(path))
    }
}

impl Drop for Drafts {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(target: "backup", %error, path = %self.0.display(), "stays behind");
        }
    }
}

pub(super) fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

pub(super) fn sync_folder(folder: &Path) -> Result<(), BackupFault> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(system("cannot write", folder))
}

pub(super) const FILE_MODE: u32 = 0o600;
