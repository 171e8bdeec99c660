//! Files that are opened, migrated, or refused as they are.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use super::super::{Definition, OpenFault, Options, open};
use super::scene::{ACCOUNTS, BANK, Folder, add, balance, count};

const ALONE: Options = Options { shards: 0 };

#[test]
fn what_was_written_is_there_when_it_is_opened_again() {
    let folder = Folder::new();
    let store = folder.open();
    store.write_blocking(|tx| add(tx, "a", 7)).unwrap().unwrap();
    store.close();
    let wal = folder.path().join("bank.db-wal");
    assert!(!wal.exists(), "the log is copied and gone");
    let again = folder.open();
    assert_eq!(balance(&again, "a"), Ok(Some(7)));
    let mode = fs::metadata(again.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mode = fs::metadata(&wal).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_old_schema_is_brought_up_with_its_rows() {
    let folder = Folder::new();
    let first = Definition {
        migrations: &[ACCOUNTS],
        ..BANK
    };
    let store = open(&first, folder.path(), ALONE).unwrap();
    store.write_blocking(|tx| add(tx, "a", 7)).unwrap().unwrap();
    store.close();
    let store = folder.open();
    let read = |view: &super::super::View<'_>| {
        view.one("SELECT balance, currency FROM accounts", &[], |row| {
            Ok((row.get::<i64>(0)?, row.get::<Option<String>>(1)?))
        })
    };
    assert_eq!(store.read(read), Ok(Some((7, None))));
}

/// Kept from when the bank had one migration, so that what reads it cannot have written it.
#[test]
fn a_stored_file_of_an_old_schema_is_brought_up() {
    let folder = Folder::new();
    fs::write(BANK.path(folder.path()), include_bytes!("data/bank-1.db")).unwrap();
    let store = folder.open();
    assert_eq!(balance(&store, "old"), Ok(Some(7)));
    let sql = "UPDATE accounts SET currency = 'EUR' WHERE id = 'old'";
    store
        .write_blocking(|tx| tx.run(sql, &[]))
        .unwrap()
        .unwrap();
    let sum = |view: &super::super::View<'_>| {
        let sql = "SELECT sum(amount) FROM moves WHERE account = 'old'";
        view.one(sql, &[], |row| row.get::<i64>(0))
    };
    assert_eq!(store.read(sum), Ok(Some(7)));
}

#[test]
fn a_migration_that_fails_leaves_the_schema_before_it() {
    let folder = Folder::new();
    let broken = Definition {
        migrations: &[
            ACCOUNTS,
            "CREATE TABLE x (y INTEGER) STRICT; SELECT nothing",
        ],
        ..BANK
    };
    let fault = open(&broken, folder.path(), ALONE).err().unwrap();
    assert!(matches!(fault, OpenFault::Migration { number: 2, .. }));
    assert!(fault.to_string().contains("nothing"), "{fault}");
    let dangling = Definition {
        migrations: &[ACCOUNTS, "INSERT INTO moves VALUES ('nobody', 1)"],
        ..BANK
    };
    let fault = open(&dangling, folder.path(), ALONE).err().unwrap();
    assert!(fault.to_string().contains("`moves`"), "{fault}");
    assert_eq!(count(&folder.open()), 0);
}

#[test]
fn a_newer_schema_is_refused_untouched() {
    let folder = Folder::new();
    folder.open().close();
    let before = fs::read(BANK.path(folder.path())).unwrap();
    let older = Definition {
        migrations: &[ACCOUNTS],
        ..BANK
    };
    let fault = open(&older, folder.path(), ALONE).err().unwrap();
    assert!(
        matches!(
            fault,
            OpenFault::Newer {
                found: 2,
                known: 1,
                ..
            }
        ),
        "{fault}"
    );
    assert_eq!(fs::read(BANK.path(folder.path())).unwrap(), before);
}

#[test]
fn files_of_others_are_refused_untouched() {
    let folder = Folder::new();
    let path = BANK.path(folder.path());
    let is_foreign = || {
        let before = fs::read(&path).unwrap();
        let fault = open(&BANK, folder.path(), ALONE).err().unwrap();
        assert!(matches!(fault, OpenFault::Foreign { .. }), "{fault}");
        assert_eq!(fs::read(&path).unwrap(), before);
        fs::remove_file(&path).unwrap();
    };
    fs::write(
        &path,
        "a note that somebody left here, longer than the header of a database",
    )
    .unwrap();
    is_foreign();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE a (b)").unwrap();
    drop(other);
    is_foreign();
    let sibling = Definition {
        name: "till",
        ..BANK
    };
    open(&sibling, folder.path(), ALONE).unwrap().close();
    fs::rename(sibling.path(folder.path()), &path).unwrap();
    is_foreign();
}

#[test]
fn an_empty_file_is_a_start_that_was_cut_short() {
    let folder = Folder::new();
    fs::write(BANK.path(folder.path()), "").unwrap();
    assert_eq!(count(&folder.open()), 0);
}

#[test]
fn connections_have_the_settings_of_their_role() {
    let folder = Folder::new();
    let store = folder.open();
    let pragma = |sql: &'static str| {
        let read = |view: &super::super::View<'_>| view.one(sql, &[], |row| row.get::<i64>(0));
        store.read(read).unwrap().unwrap()
    };
    assert_eq!(pragma("PRAGMA foreign_keys"), 1);
    assert_eq!(pragma("PRAGMA query_only"), 1);
    assert_eq!(pragma("PRAGMA trusted_schema"), 0);
    assert_eq!(pragma("PRAGMA wal_autocheckpoint"), 0);
    assert_eq!(pragma("PRAGMA cell_size_check"), 1);
    let written = store.write_blocking(|tx| {
        let of = |sql: &'static str| tx.one(sql, &[], |row| row.get::<i64>(0));
        Ok::<_, super::super::SqlFault>([
            of("PRAGMA synchronous")?,
            of("PRAGMA foreign_keys")?,
            of("PRAGMA trusted_schema")?,
        ])
    });
    assert_eq!(written, Ok(Ok([Some(2), Some(1), Some(0)])));
}
