//! Why a backup could not be taken or put back.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::state::StateFileFault;
use crate::store::CopyFault;

/// Why a backup could not be taken or put back; what was there is as it was.
#[derive(Debug)]
pub enum BackupFault {
    /// The data folder has nothing in it.
    Nothing {
        /// The folder.
        folder: PathBuf,
    },
    /// There is a file of the backup's name.
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The backup would lie in what it is of.
    Inside {
        /// The file.
        path: PathBuf,
    },
    /// A server has the data folder, or it cannot be made.
    Folder(StateFileFault),
    /// A store could not be read.
    Store(CopyFault),
    /// What a store holds does not hold together.
    Damaged {
        /// The store.
        store: &'static str,
        /// What is wrong.
        findings: Vec<String>,
    },
    /// The file is no backup, or not as it was written.
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
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

/// For `map_err`: the system refused this on that path.
pub(super) fn system(attempt: &'static str, path: &Path) -> impl Fn(io::Error) -> BackupFault {
    move |error| BackupFault::System {
        attempt,
        path: path.to_owned(),
        error,
    }
}

impl fmt::Display for BackupFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BackupFault::Nothing { folder } => write!(
                out,
                "{} holds nothing of thirteen; name its data folder with --data",
                folder.display()
            ),
            BackupFault::Exists { path } => write!(
                out,
                "{} is there already; name another file, or remove it",
                path.display()
            ),
            BackupFault::Inside { path } => write!(
                out,
                "{} is in the data folder; name a place on another disk",
                path.display()
            ),
            BackupFault::Folder(fault) => fault.fmt(out),
            BackupFault::Store(fault) => fault.fmt(out),
            BackupFault::Damaged { store, findings } => write!(
                out,
                "{store}.db is damaged: {}; restore an older backup",
                findings.join("; ")
            ),
            BackupFault::Broken { path, cause } => {
                write!(out, "{}: {cause}; restore another backup", path.display())
            }
            BackupFault::System {
                attempt,
                path,
                error,
            } => write!(out, "{attempt} {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for BackupFault {}

impl From<CopyFault> for BackupFault {
    fn from(fault: CopyFault) -> BackupFault {
        BackupFault::Store(fault)
    }
}

impl From<StateFileFault> for BackupFault {
    fn from(fault: StateFileFault) -> BackupFault {
        BackupFault::Folder(fault)
    }
}
