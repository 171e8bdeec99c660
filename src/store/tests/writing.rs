//! Writes: what is kept, what is rolled back, what is told, in which order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::super::{Constraint, Definition, Options, SqlFault, StoreFault, Topic, open};
use super::scene::{BANK, Folder, add, balance, count, on_shard};
use crate::limits::STORE_QUEUE_MAX;
use crate::shard;

#[test]
fn many_tasks_share_commits() {
    let folder = Folder::new();
    let store = folder.open();
    let shared = store.clone();
    on_shard(move |_| {
        let store = shared.clone();
        async move {
            let writes: Vec<_> = (0..200)
                .map(|number| store.write(move |tx| add(tx, &format!("a{number}"), number)))
                .collect();
            for write in writes {
                assert_eq!(write.await, Ok(Ok(1)));
            }
        }
    });
    assert_eq!(count(&store), 200);
    let record = store.line().record;
    assert_eq!(record.waits.count(), 200);
    assert_eq!(record.batches.sum(), 200);
    assert!(record.commits.count() < 50, "{}", record.commits.count());
}

#[test]
fn a_command_that_fails_rolls_back_alone() {
    let folder = Folder::new();
    let store = folder.open();
    let shared = store.clone();
    on_shard(move |_| {
        let store = shared.clone();
        async move {
            let first = store.write(|tx| add(tx, "a", 1));
            let fails = store.write(|tx| {
                add(tx, "b", 1)?;
                add(tx, "a", 2)
            });
            let panics = store.write(|tx| -> Result<(), SqlFault> {
                add(tx, "c", 1)?;
                panic!("a command panics in a test")
            });
            let last = store.write(|tx| add(tx, "d", 1));
            assert_eq!(first.await, Ok(Ok(1)));
            let fault = fails.await.unwrap().unwrap_err();
            assert!(
                matches!(&fault, SqlFault::Constraint { kind: Constraint::Unique, detail }
                    if detail.contains("accounts.id")),
                "{fault:?}"
            );
            assert_eq!(panics.await, Err(StoreFault::Panicked));
            assert_eq!(last.await, Ok(Ok(1)));
        }
    });
    assert_eq!(count(&store), 2);
    assert_eq!(balance(&store, "a"), Ok(Some(1)));
    assert_eq!(store.line().record.panics, 1);
    assert!(
        !store.is_failing(),
        "faults of commands are none of the disk"
    );
}

#[test]
fn a_command_inside_of_a_command_is_a_fault_of_ours() {
    let folder = Folder::new();
    let store = folder.open();
    let inner = store.clone();
    let nested = store.write_blocking(move |_| inner.write_blocking(|tx| add(tx, "a", 1)));
    assert_eq!(nested.unwrap_err(), StoreFault::Panicked);
    store.write_blocking(|tx| add(tx, "b", 1)).unwrap().unwrap();
    assert_eq!(count(&store), 1);
}

#[test]
fn kinds_of_constraints_are_told_apart() {
    let folder = Folder::new();
    let store = folder.open();
    let kind = |sql: &'static str| match store.write_blocking(move |tx| tx.run(sql, &[])) {
        Ok(Err(SqlFault::Constraint { kind, .. })) => kind,
        other => panic!("{other:?}"),
    };
    let check = kind("INSERT INTO accounts VALUES ('a', -1, NULL)");
    assert_eq!(check, Constraint::Check);
    let absent = kind("INSERT INTO accounts VALUES ('a', NULL, NULL)");
    assert_eq!(absent, Constraint::NotNull);
    let dangling = kind("INSERT INTO moves VALUES ('nobody', 1)");
    assert_eq!(dangling, Constraint::ForeignKey);
}

#[test]
fn generations_move_with_what_is_kept() {
    let folder = Folder::new();
    let store = folder.open();
    let (kept, lost) = (Topic::of(b"kept"), Topic::of(b"lost"));
    store
        .write_blocking(move |tx| {
            tx.touch(kept);
            add(tx, "a", 1)
        })
        .unwrap()
        .unwrap();
    let fails = store.write_blocking(move |tx| {
        tx.touch(lost);
        add(tx, "a", 1)
    });
    assert!(fails.unwrap().is_err());
    assert_eq!((store.generation(kept), store.generation(lost)), (1, 0));
}

#[test]
fn the_command_after_the_last_that_has_room_is_refused() {
    let folder = Folder::new();
    let store = folder.open();
    let shared = store.clone();
    on_shard(move |_| {
        let store = shared.clone();
        async move {
            let (go_on, told) = crossbeam_channel::bounded::<()>(1);
            let holds = Arc::new(AtomicBool::new(false));
            let held = holds.clone();
            let blocking = store.write(move |tx| {
                held.store(true, Ordering::SeqCst);
                told.recv().unwrap();
                add(tx, "first", 1)
            });
            while !holds.load(Ordering::SeqCst) {
                shard::sleep(std::time::Duration::from_millis(1)).await;
            }
            let queued: Vec<_> = (0..STORE_QUEUE_MAX)
                .map(|number| store.write(move |tx| add(tx, &number.to_string(), 1)))
                .collect();
            assert_eq!(store.line().queued, STORE_QUEUE_MAX as u64);
            let refused = store.write(|tx| add(tx, "too many", 1));
            assert_eq!(refused.await, Err(StoreFault::Full));
            assert_eq!(store.line().refused, 1);
            go_on.send(()).unwrap();
            assert_eq!(blocking.await, Ok(Ok(1)));
            // Whether anybody waits makes no difference to what is done.
            drop(queued);
            // The first may have been committed alone.
            while store.line().queued >= STORE_QUEUE_MAX as u64 {
                shard::sleep(std::time::Duration::from_millis(1)).await;
            }
            store.write(|tx| add(tx, "last", 1)).await.unwrap().unwrap();
        }
    });
    assert_eq!(count(&store), STORE_QUEUE_MAX as i64 + 2);
}

#[test]
fn what_waits_at_the_end_is_done_and_what_comes_later_is_refused() {
    let folder = Folder::new();
    let store = folder.open();
    let shared = store.clone();
    on_shard(move |_| {
        let store = shared.clone();
        async move {
            for number in 0..100 {
                drop(store.write(move |tx| add(tx, &number.to_string(), 1)));
            }
            store.close();
            let late = store.write(|tx| add(tx, "late", 1));
            assert_eq!(late.await, Err(StoreFault::Unavailable));
        }
    });
    assert!(
        store.is_failing(),
        "a store that was closed takes no writes"
    );
    assert_eq!(count(&folder.open()), 100);
}

#[test]
fn two_processes_may_write_in_turn() {
    let folder = Folder::new();
    let options = Options { shards: 0 };
    let (one, other) = (folder.open(), open(&BANK, folder.path(), options).unwrap());
    std::thread::scope(|scope| {
        for (store, letter) in [(&one, 'a'), (&other, 'b')] {
            scope.spawn(move || {
                for number in 0..50 {
                    let id = format!("{letter}{number}");
                    store
                        .write_blocking(move |tx| add(tx, &id, 1))
                        .unwrap()
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(count(&one), 100);
    assert_eq!(count(&other), 100);
}

#[test]
fn a_log_that_grew_is_copied_while_nobody_waits() {
    let folder = Folder::new();
    let wide = Definition {
        name: "wide",
        migrations: &["CREATE TABLE pages (filling BLOB NOT NULL) STRICT"],
    };
    let store = open(&wide, folder.path(), Options { shards: 0 }).unwrap();
    let size = || std::fs::metadata(store.path()).unwrap().len();
    let before = size();
    for _ in 0..10 {
        let sql = "INSERT INTO pages VALUES (zeroblob(1000000))";
        store
            .write_blocking(|tx| tx.run(sql, &[]))
            .unwrap()
            .unwrap();
    }
    let gives_up = Instant::now() + Duration::from_secs(20);
    while size() < before + 4_000_000 {
        assert!(Instant::now() < gives_up, "{} bytes", size());
        std::thread::park_timeout(Duration::from_millis(10));
    }
}
