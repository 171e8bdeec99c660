//! Reads: snapshots, types, bounds, and the heavy lane.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::super::heavy::Desk;
use super::super::{SqlFault, StoreFault, Topic, View, share_snapshots};
use super::scene::{Folder, add, balance, count, on_shard};
use crate::shard;

const COUNT: &str = "SELECT count(*) FROM accounts";

fn counted(view: &View<'_>) -> Result<Option<i64>, SqlFault> {
    view.one(COUNT, &[], |row| row.get(0))
}

#[test]
fn all_statements_of_a_read_see_one_snapshot() {
    let folder = Folder::new();
    let store = folder.open();
    store.write_blocking(|tx| add(tx, "a", 1)).unwrap().unwrap();
    let seen = store.read(|view| {
        let before = counted(view)?;
        store.write_blocking(|tx| add(tx, "b", 1)).unwrap()?;
        Ok((before, counted(view)?))
    });
    assert_eq!(seen, Ok((Some(1), Some(1))));
    assert_eq!(count(&store), 2);
}

#[test]
fn a_read_inside_of_a_read_is_a_fault_of_ours() {
    let folder = Folder::new();
    let store = folder.open();
    let nested = catch_unwind(AssertUnwindSafe(|| {
        store.read(|_| Ok(count(&store))).unwrap();
    }));
    assert!(nested.is_err());
    assert_eq!(count(&store), 0, "the outer one has ended");
}

#[test]
fn a_read_cannot_write() {
    let folder = Folder::new();
    let store = folder.open();
    let sql = "INSERT INTO accounts VALUES ('a', 1, NULL) RETURNING balance";
    let outcome = store.read(|view| view.one(sql, &[], |row| row.get::<i64>(0)));
    assert_eq!(outcome, Err(StoreFault::Unavailable));
    assert_eq!(count(&store), 0);
}

#[test]
fn what_does_not_fit_is_told() {
    let folder = Folder::new();
    let store = folder.open();
    store.write_blocking(|tx| add(tx, "a", 1)).unwrap().unwrap();
    let cause = |outcome: Result<_, StoreFault>| match outcome {
        Err(StoreFault::Failed(cause)) => cause,
        other => panic!("{other:?}"),
    };
    let sql = "SELECT id, balance, currency FROM accounts";
    let column = |index| {
        let read = |view: &View<'_>| view.one(sql, &[], |row| row.get::<i64>(index));
        cause(store.read(read))
    };
    assert!(column(0).contains("column 0 (`id`) holds a text"));
    assert!(column(2).contains("holds NULL"));
    assert!(column(3).contains('3'));
    let text = store.read(|view| view.one(sql, &[], |row| Ok(row.text(0)?.to_owned())));
    assert_eq!(text, Ok(Some("a".to_owned())));
    let too_many = store.read(|view| view.one(sql, &[&1_i64], |row| row.get::<i64>(1)));
    assert!(cause(too_many).contains("0 parameters"));
    let unknown = store.read(|view| view.one("SELECT a FROM b", &[], |row| row.get::<i64>(1)));
    assert!(cause(unknown).contains("no such table"));
}

#[test]
fn threads_read_on_connections_of_their_own() {
    let folder = Folder::new();
    let store = folder.open();
    store.write_blocking(|tx| add(tx, "a", 3)).unwrap().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(balance(&store, "a"), Ok(Some(3))));
        }
    });
}

#[test]
fn a_heavy_read_comes_back_and_one_that_panics_harms_nobody() {
    let folder = Folder::new();
    let store = folder.open();
    store.write_blocking(|tx| add(tx, "a", 3)).unwrap().unwrap();
    on_shard(move |_| {
        let store = store.clone();
        async move {
            for _ in 0..3 {
                let panics = store.read_heavy(|_| -> Result<(), _> { panic!("in a heavy read") });
                assert_eq!(panics.await, Err(StoreFault::Panicked));
            }
            assert_eq!(store.read_heavy(counted).await, Ok(Some(1)));
            store.close();
            drop(store);
        }
    });
}

#[test]
fn a_heavy_read_over_its_time_is_cut_and_the_next_one_is_not() {
    const ENDLESS: &str = "
        WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers)
        SELECT max(number) FROM numbers";
    let folder = Folder::new();
    let store = folder.open();
    let mut desk = Desk::new(store.path().to_owned(), Duration::from_millis(50));
    for _ in 0..2 {
        let cut = desk.read(|view| view.one(ENDLESS, &[], |row| row.get::<i64>(0)));
        assert_eq!(cut, Err(StoreFault::Unavailable));
        assert_eq!(desk.read(counted), Ok(Some(0)));
    }
}

/// The snapshot of a turn is kept until something is committed or the turn is over.
#[test]
fn reads_of_a_turn_share_a_snapshot_that_has_every_commit_that_was_told() {
    let folder = Folder::new();
    let (store, foreign) = (folder.open(), folder.open());
    on_shard(move |shard| {
        let (store, foreign) = (store.clone(), foreign.clone());
        share_snapshots(&shard);
        async move {
            assert_eq!(count(&store), 0);
            // Another process's commit shows with the next turn.
            foreign
                .write_blocking(|tx| add(tx, "a", 1))
                .unwrap()
                .unwrap();
            assert_eq!(count(&store), 0, "the turn has its snapshot");
            shard::sleep(Duration::from_millis(1)).await;
            assert_eq!(count(&store), 1);
            // One of this process shows at once, whether the turn is over or not.
            store.write_blocking(|tx| add(tx, "b", 1)).unwrap().unwrap();
            assert_eq!(count(&store), 2);
            let generation = store.generation(Topic::CATALOG);
            let touching = store.write_blocking(|tx| {
                tx.touch(Topic::CATALOG);
                add(tx, "c", 1)
            });
            touching.unwrap().unwrap();
            assert_eq!(store.generation(Topic::CATALOG), generation + 1);
            assert_eq!(count(&store), 3);
            store.write(|tx| add(tx, "d", 1)).await.unwrap().unwrap();
            assert_eq!(count(&store), 4);
            // A snapshot that is held does not keep the log from being copied for good.
            shard::sleep(Duration::from_millis(1)).await;
            store.close();
            foreign.close();
        }
    });
    assert!(!folder.path().join("bank.db-wal").exists());
}

#[test]
fn a_read_that_panics_on_a_shard_leaves_the_next_one_whole() {
    let folder = Folder::new();
    let store = folder.open();
    on_shard(move |shard| {
        let store = store.clone();
        share_snapshots(&shard);
        async move {
            let broken = catch_unwind(AssertUnwindSafe(|| {
                store.read(|view| -> Result<(), _> {
                    counted(view)?;
                    panic!("in a read")
                })
            }));
            assert!(broken.is_err());
            store.write(|tx| add(tx, "a", 1)).await.unwrap().unwrap();
            assert_eq!(count(&store), 1);
            store.close();
        }
    });
}
