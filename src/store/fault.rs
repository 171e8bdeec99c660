//! What goes wrong: with one statement, with a whole read or write, with opening.

use std::fmt;
use std::path::PathBuf;

use rusqlite::{Error, ErrorCode, ffi};

/// Why one statement failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SqlFault {
    /// Another process has the store for longer than we wait, or the statement took longer than
    /// it may.
    Busy,
    /// The disk is full.
    Full,
    /// The disk refused an operation, or what it holds is damaged.
    Io,
    /// A rule of the schema would be broken.
    Constraint {
        /// Which kind of rule.
        kind: Constraint,
        /// What SQLite says, e.g. `UNIQUE constraint failed: users.email`.
        detail: String,
    },
    /// A fault of ours, such as wrong SQL or a column read as the wrong type.
    Other(String),
}

/// A kind of rule of the schema.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Constraint {
    /// A unique index or a primary key.
    Unique,
    /// A CHECK.
    Check,
    /// A reference to a row that is not there, or from one that still is.
    ForeignKey,
    /// A column that may not be NULL.
    NotNull,
}

/// Why a read or a write has no result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreFault {
    /// The disk or another process keeps the store from working; nothing was written.
    Unavailable,
    /// Too much waits already; nothing was written.
    Full,
    /// A fault of ours in a statement; it is in the log.
    Failed(String),
    /// The command panicked and was rolled back; it is in the log.
    Panicked,
}

/// Why a store cannot be opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OpenFault {
    /// The SQLite that is linked is older than what the store needs.
    Library {
        /// The version that is linked.
        found: &'static str,
    },
    /// The file is no store of ours, or another one of ours.
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer binary has changed the schema.
    Newer {
        /// The file.
        path: PathBuf,
        /// The file's schema.
        found: usize,
        /// The last one that this binary knows.
        known: usize,
    },
    /// A migration failed; the schema is as before.
    Migration {
        /// The file.
        path: PathBuf,
        /// The migration, from 1.
        number: usize,
        /// What SQLite said.
        cause: String,
    },
    /// The system or SQLite refused an operation.
    System {
        /// What was tried, as in "cannot create".
        attempt: &'static str,
        /// On which path.
        path: PathBuf,
        /// What was said.
        cause: String,
    },
}

impl SqlFault {
    /// Whether the machine is at fault rather than the statement.
    pub fn is_environmental(&self) -> bool {
        match self {
            SqlFault::Busy | SqlFault::Full | SqlFault::Io => true,
            SqlFault::Constraint { .. } | SqlFault::Other(_) => false,
        }
    }
}

impl From<Error> for SqlFault {
    fn from(error: Error) -> SqlFault {
        let Some(failure) = error.sqlite_error().copied() else {
            return SqlFault::Other(error.to_string());
        };
        let is_one_of = |codes: &[ErrorCode]| codes.contains(&failure.code);
        if is_one_of(&BUSY) {
            SqlFault::Busy
        } else if failure.code == ErrorCode::DiskFull {
            SqlFault::Full
        } else if is_one_of(&MACHINE) {
            SqlFault::Io
        } else if failure.code == ErrorCode::ConstraintViolation {
            constraint(failure.extended_code, &error)
        } else {
            SqlFault::Other(error.to_string())
        }
    }
}

const BUSY: [ErrorCode; 4] = [
    ErrorCode::DatabaseBusy,
    ErrorCode::DatabaseLocked,
    ErrorCode::OperationInterrupted,
    ErrorCode::FileLockingProtocolFailed,
];

/// What the disk, the file or the memory is at fault for.
const MACHINE: [ErrorCode; 7] = [
    ErrorCode::SystemIoFailure,
    ErrorCode::CannotOpen,
    ErrorCode::OutOfMemory,
    ErrorCode::DatabaseCorrupt,
    ErrorCode::NotADatabase,
    ErrorCode::PermissionDenied,
    ErrorCode::ReadOnly,
];

fn constraint(extended_code: i32, error: &Error) -> SqlFault {
    let kind = match extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE
        | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        | ffi::SQLITE_CONSTRAINT_ROWID => Constraint::Unique,
        ffi::SQLITE_CONSTRAINT_CHECK => Constraint::Check,
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Constraint::ForeignKey,
        ffi::SQLITE_CONSTRAINT_NOTNULL => Constraint::NotNull,
        _ => return SqlFault::Other(error.to_string()),
    };
    let detail = error.to_string();
    SqlFault::Constraint { kind, detail }
}

impl From<SqlFault> for StoreFault {
    fn from(fault: SqlFault) -> StoreFault {
        match fault {
            SqlFault::Busy | SqlFault::Full | SqlFault::Io => StoreFault::Unavailable,
            SqlFault::Constraint { detail, .. } => StoreFault::Failed(detail),
            SqlFault::Other(cause) => StoreFault::Failed(cause),
        }
    }
}

impl fmt::Display for SqlFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            SqlFault::Busy => "the store is busy",
            SqlFault::Full => "the disk is full",
            SqlFault::Io => "the disk failed",
            SqlFault::Constraint { detail, .. } => detail,
            SqlFault::Other(cause) => cause,
        })
    }
}

impl fmt::Display for StoreFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            StoreFault::Unavailable => "the store cannot work at the moment",
            StoreFault::Full => "too much waits for the store",
            StoreFault::Failed(cause) => cause,
            StoreFault::Panicked => "the command panicked",
        })
    }
}

impl fmt::Display for OpenFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenFault::Library { found } => write!(
                out,
                "SQLite {found} is linked, and those before {} can damage a store; build with \
                 the bundled one",
                super::open::SQLITE_NEEDED
            ),
            OpenFault::Foreign { path } => write!(
                out,
                "{} is not this store of thirteen; move it away, or name another folder with \
                 --data",
                path.display()
            ),
            OpenFault::Newer { path, found, known } => write!(
                out,
                "{} has schema {found} and this binary knows {known}; run the binary that wrote \
                 it, or restore a backup",
                path.display()
            ),
            OpenFault::Migration {
                path,
                number,
                cause,
            } => write!(
                out,
                "migration {number} of {} failed: {cause}; the store is as before",
                path.display()
            ),
            OpenFault::System {
                attempt,
                path,
                cause,
            } => write!(out, "{attempt} {}: {cause}", path.display()),
        }
    }
}

impl std::error::Error for SqlFault {}
impl std::error::Error for StoreFault {}
impl std::error::Error for OpenFault {}
