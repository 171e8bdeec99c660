//! Copies of a store and checks of one, while it is in use or not.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::limits::{STORE_COPY_PAGES, STORE_FAULTS_TOLD_MAX};

use super::fault::{OpenFault, SqlFault};
use super::open::{Definition, Role, connect, recognise};
use super::view::View;

/// Why a store could not be copied or checked; the copy's place is as it was.
#[derive(Debug)]
pub struct CopyFault {
    path: PathBuf,
    cause: String,
}

impl fmt::Display for CopyFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.path.display(), self.cause)
    }
}

impl std::error::Error for CopyFault {}

/// Copies the store of a data folder, as it is at one moment, to a file that is whole when it
/// appears and on disk when this returns. The server may run or not; the writer is not held up,
/// but the log grows until the copy is done. It blocks: not for a shard's thread.
///
/// # Errors
/// What SQLite or the file system says.
pub fn copy(definition: &Definition, folder: &Path, target: &Path) -> Result<(), CopyFault> {
    let source = definition.path(folder);
    let draft = target.with_extension("draft");
    let fault = |cause: String| CopyFault {
        path: source.clone(),
        cause,
    };
    let copied = copy_pages(&source, &draft).map_err(|error| fault(error.to_string()));
    let placed = copied.and_then(|()| {
        let place = || -> io::Result<()> {
            File::open(&draft)?.sync_all()?;
            fs::rename(&draft, target)?;
            sync_folder_of(target)
        };
        place().map_err(|error| CopyFault {
            path: target.to_owned(),
            cause: error.to_string(),
        })
    });
    if placed.is_err() {
        // What is left of it is of no use, and may not be there.
        let _gone_or_not = fs::remove_file(&draft);
    }
    placed
}

fn copy_pages(source: &Path, draft: &Path) -> rusqlite::Result<()> {
    if draft.exists() {
        fs::remove_file(draft)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    }
    let source = connect(source, Role::Reader)?;
    // The snapshot is held over all steps: else each commit of the server would make the copy
    // begin again.
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema")?;
    let mut target = Connection::open(draft)?;
    // The whole file is brought to disk at the end.
    target.pragma_update(None, "synchronous", "OFF")?;
    target.pragma_update(None, "journal_mode", "MEMORY")?;
    {
        let backup = Backup::new(&source, &mut target)?;
        while backup.step(STORE_COPY_PAGES)? != StepResult::Done {}
    }
    target.close().map_err(|(_, error)| error)
}

/// Looks through a whole store for damage: its pages and indexes, its references, and what its
/// header says. Finds nothing where there is no store. It blocks for as long as it takes to read
/// the store.
///
/// # Errors
/// What keeps it from being read.
pub fn check(definition: &Definition, folder: &Path) -> Result<Vec<String>, CopyFault> {
    let path = definition.path(folder);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let fault = |cause: String| CopyFault {
        path: path.clone(),
        cause,
    };
    let connection = connect(&path, Role::Reader).map_err(|error| fault(error.to_string()))?;
    match recognise(definition, &path, &connection) {
        Ok(()) => {}
        Err(foreign @ (OpenFault::Foreign { .. } | OpenFault::Newer { .. })) => {
            return Ok(vec![foreign.to_string()]);
        }
        Err(other) => return Err(fault(other.to_string())),
    }
    damage(&connection).map_err(|error| fault(error.to_string()))
}

/// What came of reading a store as it lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Inspected<T> {
    /// There is no store.
    Absent,
    /// Its schema has another number than that of the definition, so that it was not read.
    OtherSchema {
        /// The number that it has.
        found: usize,
        /// The number that this binary reads.
        known: usize,
    },
    /// What was read.
    Read(T),
}

/// Reads a store that another process may have open, without changing it.
///
/// # Errors
/// What keeps it from being read.
pub fn inspect<T>(
    definition: &Definition,
    folder: &Path,
    read: impl FnOnce(&View<'_>) -> Result<T, SqlFault>,
) -> Result<Inspected<T>, CopyFault> {
    let path = definition.path(folder);
    if !path.exists() {
        return Ok(Inspected::Absent);
    }
    let fault = |cause: String| CopyFault {
        path: path.clone(),
        cause,
    };
    let connection = connect(&path, Role::Reader).map_err(|error| fault(error.to_string()))?;
    let schema: Result<usize, _> = connection.pragma_query_value(None, "user_version", |row| {
        let version: i64 = row.get(0)?;
        Ok(version.max(0) as usize)
    });
    let found = schema.map_err(|error| fault(error.to_string()))?;
    let known = definition.migrations.len();
    if found != known {
        return Ok(Inspected::OtherSchema { found, known });
    }
    let read = read(&View::new(&connection)).map_err(|error| fault(error.to_string()))?;
    Ok(Inspected::Read(read))
}

fn damage(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut found = Vec::new();
    let sql = format!("PRAGMA integrity_check({STORE_FAULTS_TOLD_MAX})");
    let mut statement = connection.prepare(&sql)?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    for line in lines {
        let line = line?;
        if line != "ok" {
            found.push(line);
        }
    }
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let dangling = statement.query_map([], |row| {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        Ok(format!("a row of `{table}` refers to none of `{parent}`"))
    })?;
    for line in dangling.take(STORE_FAULTS_TOLD_MAX) {
        found.push(line?);
    }
    Ok(found)
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        Some(_) | None => File::open(".")?.sync_all(),
    }
}
