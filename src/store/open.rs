//! Opens a store: the file, its connections' settings, its migrations.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::limits::{
    STORE_BUSY_PATIENCE, STORE_READER_BUSY_PATIENCE, STORE_READER_CACHE_KIB, STORE_STATEMENTS_MAX,
    STORE_WAL_KEPT_BYTES, STORE_WRITER_CACHE_KIB,
};

use super::fault::OpenFault;

/// What a store is called and how its schema came to be.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// The file's name without `.db`.
    pub name: &'static str,
    /// The migrations in order; the first leads from nothing to schema 1. One that was released
    /// never changes.
    pub migrations: &'static [&'static str],
}

impl Definition {
    /// The store's file in a data folder.
    pub fn path(&self, folder: &Path) -> PathBuf {
        folder.join(self.name).with_extension("db")
    }

    /// What the file's header says it is: ours, and which of ours.
    pub fn application_id(&self) -> i32 {
        let hash = self.name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        0x1300_0000 | ((hash ^ (hash >> 24)) & 0x00ff_ffff) as i32
    }
}

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// Writes and checkpoints; there is one.
    Writer,
    /// Reads; never checkpoints.
    Reader,
}

/// A connection with the settings of its role.
pub(super) fn connect(path: &Path, role: Role) -> rusqlite::Result<Connection> {
    // One thread at a time uses a connection, and no file name is a URI.
    let access = match role {
        Role::Writer => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Role::Reader => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    let (patience, cache_kib) = match role {
        Role::Writer => (STORE_BUSY_PATIENCE, STORE_WRITER_CACHE_KIB),
        Role::Reader => (STORE_READER_BUSY_PATIENCE, STORE_READER_CACHE_KIB),
    };
    connection.busy_timeout(patience)?;
    harden(&connection)?;
    let is_reader = role == Role::Reader;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, is_reader)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    // Nobody checkpoints in passing: the writer does between two batches.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    match role {
        Role::Writer => {
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "journal_size_limit", STORE_WAL_KEPT_BYTES)?;
        }
        Role::Reader => connection.pragma_update(None, "query_only", true)?,
    }
    connection.set_prepared_statement_cache_capacity(STORE_STATEMENTS_MAX);
    Ok(connection)
}

/// What every connection refuses, and how it plans.
pub(super) fn harden(connection: &Connection) -> rusqlite::Result<()> {
    for (option, is_on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        // A plan never depends on the values that are bound, so a cached statement stays prepared.
        (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
    ] {
        connection.set_db_config(option, is_on)?;
    }
    Ok(())
}

/// The writer's connection to a store that is there and has this binary's schema, both of which
/// it sees to.
pub(super) fn open_writer(definition: &Definition, path: &Path) -> Result<Connection, OpenFault> {
    if rusqlite::version_number() < SQLITE_NEEDED_NUMBER {
        let found = rusqlite::version();
        return Err(OpenFault::Library { found });
    }
    create(path)?;
    let refused = refused("cannot open", path);
    let mut connection = connect(path, Role::Writer).map_err(|error| {
        if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) {
            foreign(path)
        } else {
            refused(error)
        }
    })?;
    recognise(definition, path, &connection)?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(&refused)?;
    if mode != "wal" {
        let cause = "its file system cannot hold a write-ahead log; name a folder on a local disk \
                     with --data";
        return Err(system("cannot open", path, cause));
    }
    migrate(definition, path, &mut connection)?;
    Ok(connection)
}

/// Makes an empty file that only its owner reads; the files beside it get the same mode.
fn create(path: &Path) -> Result<(), OpenFault> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let io_refused = |error: io::Error| system("cannot create", path, error);
    fs::create_dir_all(folder).map_err(io_refused)?;
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path);
    match created {
        Ok(_) => File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io_refused),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(io_refused(error)),
    }
}

/// Refuses a file that is not this store, before anything in it is changed.
pub(super) fn recognise(
    definition: &Definition,
    path: &Path,
    connection: &Connection,
) -> Result<(), OpenFault> {
    let read = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let id = read("application_id").map_err(refused("cannot read", path))?;
    let version = read("user_version").map_err(refused("cannot read", path))?;
    if id == i64::from(definition.application_id()) {
        let found = usize::try_from(version).map_err(|_| foreign(path))?;
        let known = definition.migrations.len();
        if found > known {
            let path = path.to_owned();
            return Err(OpenFault::Newer { path, found, known });
        }
        return Ok(());
    }
    // A start that was cut short before its first migration leaves an empty database.
    let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
        row.get::<_, i64>(0)
    });
    let is_empty = tables.map_err(refused("cannot read", path))? == 0;
    if id == 0 && version == 0 && is_empty {
        Ok(())
    } else {
        Err(foreign(path))
    }
}

/// Brings the schema to this binary's, one migration after the other, each whole or not at all.
fn migrate(
    definition: &Definition,
    path: &Path,
    connection: &mut Connection,
) -> Result<(), OpenFault> {
    // Rebuilding a table drops it, which would delete what refers to it; the references are
    // checked before the commit instead. The switch does nothing inside a transaction.
    let refused = refused("cannot migrate", path);
    let switch = |connection: &Connection, is_on| {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, is_on)
    };
    switch(connection, false).map_err(&refused)?;
    loop {
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(&refused)?;
        // Read inside the transaction: another process may have migrated in the meantime.
        let version: i64 = transaction
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(&refused)?;
        let done = usize::try_from(version).unwrap_or(0);
        let Some(migration) = definition.migrations.get(done) else {
            break;
        };
        let number = done + 1;
        apply(&transaction, definition, migration, number)
            .and_then(|()| transaction.commit().map_err(|error| error.to_string()))
            .map_err(|cause| OpenFault::Migration {
                path: path.to_owned(),
                number,
                cause,
            })?;
    }
    switch(connection, true).map_err(&refused)?;
    Ok(())
}

fn apply(
    connection: &Connection,
    definition: &Definition,
    migration: &str,
    number: usize,
) -> Result<(), String> {
    let run = || {
        connection.execute_batch(migration)?;
        connection.pragma_update(None, "application_id", definition.application_id())?;
        connection.pragma_update(None, "user_version", number as i64)?;
        connection
            .prepare("PRAGMA foreign_key_check")?
            .query([])?
            .next()
            .map(|row| row.map(|row| row.get::<_, String>(0)))
    };
    match run().map_err(|error| error.to_string())? {
        None => Ok(()),
        Some(table) => {
            let table = table.map_err(|error| error.to_string())?;
            Err(format!(
                "rows of `{table}` refer to rows that are not there"
            ))
        }
    }
}

fn foreign(path: &Path) -> OpenFault {
    let path = path.to_owned();
    OpenFault::Foreign { path }
}

fn refused(attempt: &'static str, path: &Path) -> impl Fn(rusqlite::Error) -> OpenFault {
    move |error| system(attempt, path, error)
}

fn system(attempt: &'static str, path: &Path, cause: impl ToString) -> OpenFault {
    OpenFault::System {
        attempt,
        path: path.to_owned(),
        cause: cause.to_string(),
    }
}

/// Versions before this one can lose commits when a write-ahead log starts over.
pub(super) const SQLITE_NEEDED: &str = "3.51.3";
const SQLITE_NEEDED_NUMBER: i32 = 3_051_003;
const FILE_MODE: u32 = 0o600;
