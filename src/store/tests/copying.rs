//! Copies taken while others write, and checks that find what is broken.

use std::fs;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use super::super::{Options, check, copy, open};
use super::scene::{BANK, Folder, add, count};

/// Every commit moves one unit between two accounts, so their sum tells a torn copy.
#[test]
fn a_copy_is_of_one_moment_while_others_write() {
    let folder = Folder::new();
    let store = folder.open();
    store
        .write_blocking(|tx| {
            // Pages enough for the copy to take several steps.
            for number in 0..60_000 {
                add(tx, &format!("filling-{number:060}"), 0)?;
            }
            add(tx, "a", 1_000_000)?;
            add(tx, "z", 0)
        })
        .unwrap()
        .unwrap();
    let is_over = AtomicBool::new(false);
    let copies = Folder::new();
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut moved = 0;
            while !is_over.load(Ordering::Relaxed) {
                let moving = store.write_blocking(|tx| {
                    let sql = "UPDATE accounts SET balance = balance + ?1 WHERE id = ?2";
                    tx.run(sql, &[&-1_i64, &"a"])?;
                    tx.run(sql, &[&1_i64, &"z"])
                });
                moving.unwrap().unwrap();
                moved += 1;
            }
            moved
        });
        for _ in 0..3 {
            store.backup_to(&BANK.path(copies.path())).unwrap();
            assert_eq!(check(&BANK, copies.path()).unwrap(), [""; 0]);
            let copied = open(&BANK, copies.path(), Options { shards: 0 }).unwrap();
            let sql = "SELECT sum(balance) FROM accounts";
            let sum = copied.read(|view| view.one(sql, &[], |row| row.get::<i64>(0)));
            assert_eq!(sum, Ok(Some(1_000_000)));
            assert_eq!(count(&copied), 60_002);
            copied.close();
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(writing.join().unwrap() > 3, "the writer went on meanwhile");
    });
}

#[test]
fn a_copy_that_fails_leaves_what_was_there() {
    let (folder, copies) = (Folder::new(), Folder::new());
    let target = copies.path().join("kept.db");
    fs::write(&target, "kept").unwrap();
    assert!(
        copy(&BANK, folder.path(), &target).is_err(),
        "there is no store"
    );
    fs::write(
        BANK.path(folder.path()),
        "no store, but long enough to be taken for one",
    )
    .unwrap();
    assert!(copy(&BANK, folder.path(), &target).is_err());
    assert_eq!(fs::read(&target).unwrap(), b"kept");
    assert_eq!(fs::read_dir(copies.path()).unwrap().count(), 1);
}

#[test]
fn damage_is_found() {
    let folder = Folder::new();
    assert_eq!(check(&BANK, folder.path()).unwrap(), [""; 0], "no store");
    let store = folder.open();
    let fill = |tx: &mut super::super::Tx<'_>| {
        (0..2000).try_for_each(|number| add(tx, &format!("{number:050}"), 1).map(|_| ()))
    };
    store.write_blocking(fill).unwrap().unwrap();
    assert_eq!(
        check(&BANK, folder.path()).unwrap(),
        [""; 0],
        "while it is open"
    );
    store.close();
    let path = BANK.path(folder.path());

    let dangling = Connection::open(&path).unwrap();
    dangling.pragma_update(None, "foreign_keys", false).unwrap();
    dangling
        .execute("INSERT INTO moves VALUES ('nobody', 1)", [])
        .unwrap();
    drop(dangling);
    let found = check(&BANK, folder.path()).unwrap();
    assert_eq!(found, ["a row of `moves` refers to none of `accounts`"]);

    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let middle = file.metadata().unwrap().len() / 2 / 4096 * 4096;
    file.write_all_at(&[0x5a; 2048], middle).unwrap();
    let found = check(&BANK, folder.path());
    assert!(
        found.is_err() || found.unwrap().len() > 1,
        "a page is broken"
    );
}
