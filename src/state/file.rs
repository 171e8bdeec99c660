//! The state file: two slots written in turn, and the lock that keeps other servers out.
//!
//! `<data>/state.bin` is two slots of 64 bytes, each with its own checksum; the newest whole slot
//! holds. A write goes to the other one, so that a write cut short at any byte leaves the state
//! before it. The file appears under its name only when it is whole, and nothing but an absent
//! file is ever taken for a fresh installation.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use thirteen_kernels::config::{ConfigState, SLOT_BYTES, decode_slot, encode_slot};

/// The open state file of a data folder that belongs to this process.
#[derive(Debug)]
pub struct StateFile {
    file: File,
    /// The slot that the next write replaces; held for the length of a write.
    older: Mutex<Slot>,
    _lock: FolderLock,
}

/// Keeps other servers out of a data folder while it lives.
#[derive(Debug)]
pub struct FolderLock {
    /// Locked for as long as it is open.
    _file: File,
}

/// Takes a data folder, creating it where it is missing.
///
/// # Errors
/// [`StateFileFault::InUse`] while another process has it, and what the system says.
pub fn lock_folder(folder: &Path) -> Result<FolderLock, StateFileFault> {
    create_folder(folder)?;
    let file = take_lock(folder)?;
    Ok(FolderLock { _file: file })
}

/// What a state file held when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The configuration.
    pub state: ConfigState,
    /// The number of the change that led to it.
    pub sequence: u64,
}

/// Why a data folder cannot be used.
#[derive(Debug)]
pub enum StateFileFault {
    /// Another process has the data folder.
    InUse {
        /// The folder's lock file.
        lock: PathBuf,
        /// The process, if the lock file names it.
        process: Option<u32>,
    },
    /// Neither slot holds, or the file has another size.
    Broken {
        /// The state file.
        file: PathBuf,
    },
    /// The system refused an operation.
    System {
        /// What was tried, as in "cannot create".
        attempt: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl StateFile {
    /// Takes the data folder, creating it where it is missing, and reads the state; a folder
    /// without a state file gets one with `initial` as change 0.
    pub fn open(
        folder: &Path,
        initial: ConfigState,
    ) -> Result<(StateFile, Loaded), StateFileFault> {
        StateFile::open_locked(lock_folder(folder)?, folder, initial)
    }

    /// As [`StateFile::open`], for who has taken the data folder already.
    pub fn open_locked(
        lock: FolderLock,
        folder: &Path,
        initial: ConfigState,
    ) -> Result<(StateFile, Loaded), StateFileFault> {
        let path = folder.join(FILE_NAME);
        let file = match open_existing(&path)? {
            Some(file) => file,
            None => create(folder, &path, initial)?,
        };
        let (loaded, older) = load(&file, &path)?;
        Ok((
            StateFile {
                file,
                older: Mutex::new(older),
                _lock: lock,
            },
            loaded,
        ))
    }

    /// Writes a state over the older one and returns once it is on disk.
    ///
    /// It blocks for as long as the disk takes: not for a shard's thread. After an error the
    /// state of before still holds, and the next write tries the same slot.
    pub fn write(&self, state: &ConfigState, sequence: u64) -> io::Result<()> {
        // A panic while the lock was held has not moved the slot, so its value stands.
        let mut older = self.older.lock().unwrap_or_else(PoisonError::into_inner);
        self.file
            .write_all_at(&encode_slot(state, sequence), older.offset())?;
        self.file.sync_data()?;
        *older = older.other();
        Ok(())
    }
}

impl fmt::Display for StateFileFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateFileFault::InUse { lock, process } => {
                write!(out, "{} is locked by ", lock.display())?;
                match process {
                    Some(process) => write!(out, "process {process}")?,
                    None => out.write_str("another process")?,
                }
                out.write_str("; stop that server, or give this one another --data folder")
            }
            StateFileFault::Broken { file } => write!(
                out,
                "{} holds no whole state; restore it from a backup, or remove it to start from \
                 the settings' defaults",
                file.display()
            ),
            StateFileFault::System {
                attempt,
                path,
                error,
            } => {
                write!(out, "{attempt} {}: {error}", path.display())?;
                // The system's own words are all there is to say of the others.
                let kind = error.kind();
                if kind == io::ErrorKind::PermissionDenied {
                    out.write_str("; the server's user must own the --data folder")?;
                } else if kind == io::ErrorKind::StorageFull {
                    out.write_str("; make room on that disk")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for StateFileFault {}

/// One of the two slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    First,
    Second,
}

impl Slot {
    fn offset(self) -> u64 {
        match self {
            Slot::First => 0,
            Slot::Second => SLOT_BYTES as u64,
        }
    }

    fn other(self) -> Slot {
        match self {
            Slot::First => Slot::Second,
            Slot::Second => Slot::First,
        }
    }
}

fn create_folder(folder: &Path) -> Result<(), StateFileFault> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(|error| system("cannot create", folder, error))?;
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent),
        Some(_) | None => sync_folder(Path::new(".")),
    }
}

/// The lock is on a file of its own because the state file is put in place by a rename.
fn take_lock(folder: &Path) -> Result<File, StateFileFault> {
    let path = folder.join(LOCK_NAME);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(&path)
        .map_err(|error| system("cannot open", &path, error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let process = match file.read_to_string(&mut text) {
                Ok(_) => text.trim().parse().ok(),
                Err(_) => None,
            };
            return Err(StateFileFault::InUse {
                lock: path,
                process,
            });
        }
        Err(TryLockError::Error(error)) => return Err(system("cannot lock", &path, error)),
    }
    let process = format!("{}\n", std::process::id());
    let written = file
        .set_len(0)
        .and_then(|()| file.write_all(process.as_bytes()));
    written.map_err(|error| system("cannot write", &path, error))?;
    Ok(file)
}

fn open_existing(path: &Path) -> Result<Option<File>, StateFileFault> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(system("cannot open", path, error)),
    }
}

/// Writes a whole file beside its place, then puts it there.
fn create(folder: &Path, path: &Path, initial: ConfigState) -> Result<File, StateFileFault> {
    let fresh = folder.join(FRESH_NAME);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(FILE_MODE)
        .open(&fresh)
        .map_err(|error| system("cannot create", &fresh, error))?;
    let mut bytes = [0; FILE_BYTES];
    bytes[..SLOT_BYTES].copy_from_slice(&encode_slot(&initial, 0));
    file.write_all(&bytes)
        .and_then(|()| file.sync_all())
        .map_err(|error| system("cannot write", &fresh, error))?;
    fs::rename(&fresh, path).map_err(|error| system("cannot create", path, error))?;
    sync_folder(folder)?;
    Ok(file)
}

fn load(file: &File, path: &Path) -> Result<(Loaded, Slot), StateFileFault> {
    let mut bytes = [0; FILE_BYTES];
    let broken = || StateFileFault::Broken {
        file: path.to_owned(),
    };
    let file_bytes = file
        .metadata()
        .map_err(|error| system("cannot read", path, error))?
        .len();
    if file_bytes != FILE_BYTES as u64 {
        return Err(broken());
    }
    file.read_exact_at(&mut bytes, 0)
        .map_err(|error| system("cannot read", path, error))?;
    let (slots, _) = bytes.as_chunks::<SLOT_BYTES>();
    let (newest, (state, sequence)) = match (decode_slot(&slots[0]), decode_slot(&slots[1])) {
        (Some(first), Some(second)) if second.1 > first.1 => (Slot::Second, second),
        (Some(first), _) => (Slot::First, first),
        (None, Some(second)) => (Slot::Second, second),
        (None, None) => return Err(broken()),
    };
    Ok((Loaded { state, sequence }, newest.other()))
}

fn sync_folder(folder: &Path) -> Result<(), StateFileFault> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| system("cannot sync", folder, error))
}

fn system(attempt: &'static str, path: &Path, error: io::Error) -> StateFileFault {
    StateFileFault::System {
        attempt,
        path: path.to_owned(),
        error,
    }
}

const FILE_NAME: &str = "state.bin";
const FRESH_NAME: &str = "state.bin.fresh";
const LOCK_NAME: &str = "lock";
const FILE_MODE: u32 = 0o600;
const FILE_BYTES: usize = 2 * SLOT_BYTES;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::atomic::{AtomicU32, Ordering};

    use thirteen_kernels::config::Field;

    use super::*;

    /// A folder of its own for each test, removed at the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Folder {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("thirteen-state-{}-{count}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Folder(path)
        }

        fn file(&self) -> PathBuf {
            self.0.join(FILE_NAME)
        }

        fn open(&self) -> (StateFile, Loaded) {
            StateFile::open(&self.0, ConfigState::DEFAULT).unwrap()
        }

        fn loaded(&self) -> Loaded {
            self.open().1
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn rows(rows: u64) -> ConfigState {
        ConfigState::DEFAULT.with(Field::Rows, rows).unwrap()
    }

    #[test]
    fn an_absent_file_starts_from_what_is_given() {
        let folder = Folder::new();
        let data = folder.0.join("a/b");
        let (file, loaded) = StateFile::open(&data, rows(99)).unwrap();
        assert_eq!(
            loaded,
            Loaded {
                state: rows(99),
                sequence: 0
            }
        );
        drop(file);
        let mode = fs::metadata(data.join(FILE_NAME))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        // From then on the file decides.
        let (_file, loaded) = StateFile::open(&data, rows(1)).unwrap();
        assert_eq!(
            loaded,
            Loaded {
                state: rows(99),
                sequence: 0
            }
        );
        let names: Vec<_> = fs::read_dir(&data)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names.len(), 2, "the state and the lock: {names:?}");
    }

    #[test]
    fn writes_take_turns_and_the_newest_is_loaded() {
        let folder = Folder::new();
        let mut expected = folder.loaded();
        for round in 1..=20u64 {
            let (file, loaded) = folder.open();
            assert_eq!(loaded, expected);
            // One or two writes between loads, so that either slot is the newest at times.
            for step in 0..=round % 2 {
                expected = Loaded {
                    state: rows(round + step),
                    sequence: round * 10 + step,
                };
                file.write(&expected.state, expected.sequence).unwrap();
            }
        }
        assert_eq!(folder.loaded(), expected);
    }

    #[test]
    fn a_write_cut_short_at_any_byte_leaves_the_state_before() {
        let folder = Folder::new();
        let (file, _) = folder.open();
        file.write(&rows(1), 1).unwrap();
        for sequence in 2..6u64 {
            drop(file.older.lock().unwrap());
            let before = fs::read(folder.file()).unwrap();
            let previous = load(&file.file, &folder.file()).unwrap().0;
            file.write(&rows(sequence), sequence).unwrap();
            let after = fs::read(folder.file()).unwrap();
            let changed = usize::try_from(file.older.lock().unwrap().other().offset()).unwrap();
            for whole_bytes in 0..=SLOT_BYTES {
                for garbage in [None, Some(0), Some(0xff)] {
                    let mut torn = before.clone();
                    let cut = changed + whole_bytes;
                    torn[changed..cut].copy_from_slice(&after[changed..cut]);
                    if let Some(garbage) = garbage {
                        torn[cut..changed + SLOT_BYTES].fill(garbage);
                    }
                    file.file.write_all_at(&torn, 0).unwrap();
                    let loaded = load(&file.file, &folder.file()).unwrap().0;
                    let is_whole = torn[changed..changed + SUMMED_BYTES]
                        == after[changed..changed + SUMMED_BYTES];
                    let expected = if is_whole {
                        Loaded {
                            state: rows(sequence),
                            sequence,
                        }
                    } else {
                        previous
                    };
                    assert_eq!(loaded, expected, "{whole_bytes} bytes of change {sequence}");
                }
            }
            file.file.write_all_at(&after, 0).unwrap();
        }
    }

    #[test]
    fn a_torn_slot_is_the_next_to_be_written() {
        let folder = Folder::new();
        {
            let (file, _) = folder.open();
            file.write(&rows(1), 1).unwrap();
            file.write(&rows(2), 2).unwrap();
            // Change 3 goes to the second slot and is cut short.
            file.file
                .write_all_at(&encode_slot(&rows(3), 3)[..30], SLOT_BYTES as u64)
                .unwrap();
        }
        let (file, loaded) = folder.open();
        assert_eq!(
            loaded,
            Loaded {
                state: rows(2),
                sequence: 2
            }
        );
        file.write(&rows(4), 4).unwrap();
        file.file.write_all_at(&[0xff; 30], 0).unwrap();
        drop(file);
        assert_eq!(
            folder.loaded(),
            Loaded {
                state: rows(4),
                sequence: 4
            }
        );
    }

    #[test]
    fn a_file_without_a_whole_slot_is_an_error_and_stays_as_it_is() {
        let whole = encode_slot(&rows(7), 7);
        let short = [whole, [0; SLOT_BYTES]].concat()[..FILE_BYTES - 1].to_vec();
        let long = [whole.as_slice(), &[0; SLOT_BYTES + 1]].concat();
        for bytes in [
            vec![],
            vec![0; FILE_BYTES],
            vec![0xff; FILE_BYTES],
            short,
            long,
        ] {
            let folder = Folder::new();
            fs::write(folder.file(), &bytes).unwrap();
            let fault = StateFile::open(&folder.0, ConfigState::DEFAULT).unwrap_err();
            assert!(matches!(fault, StateFileFault::Broken { .. }), "{fault:?}");
            assert!(
                fault.to_string().contains("restore it from a backup"),
                "{fault}"
            );
            assert_eq!(fs::read(folder.file()).unwrap(), bytes);
        }
    }

    #[test]
    fn a_second_server_is_kept_out_and_told_by_whom() {
        let folder = Folder::new();
        let (file, _) = folder.open();
        let fault = StateFile::open(&folder.0, ConfigState::DEFAULT).unwrap_err();
        let process = Some(std::process::id());
        assert!(matches!(&fault, StateFileFault::InUse { process: by, .. } if *by == process));
        assert!(
            fault.to_string().contains("another --data folder"),
            "{fault}"
        );
        drop(file);
        folder.open();
    }

    #[test]
    fn a_failed_write_moves_nothing() {
        let folder = Folder::new();
        let (mut file, _) = folder.open();
        file.write(&rows(1), 1).unwrap();
        let writable = std::mem::replace(&mut file.file, File::open(folder.file()).unwrap());
        assert!(file.write(&rows(2), 2).is_err());
        assert!(file.write(&rows(3), 3).is_err());
        assert_eq!(*file.older.lock().unwrap(), Slot::First);
        file.file = writable;
        file.write(&rows(4), 4).unwrap();
        drop(file);
        assert_eq!(
            folder.loaded(),
            Loaded {
                state: rows(4),
                sequence: 4
            }
        );
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_named() {
        let folder = Folder::new();
        fs::write(folder.0.join("file"), b"").unwrap();
        let fault = StateFile::open(&folder.0.join("file/data"), ConfigState::DEFAULT).unwrap_err();
        let text = fault.to_string();
        assert!(
            text.starts_with("cannot create ") && text.contains("file/data"),
            "{text}"
        );
    }

    /// Bytes of a slot that its checksum covers, and the checksum; zeros follow.
    const SUMMED_BYTES: usize = 4 + 13 + 8 + 8;
}
