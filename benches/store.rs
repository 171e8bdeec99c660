//! The store: reads of one row on a shard's connection, and writes that are on disk when they
//! come back, one by one and from many tasks at once.

use std::cell::Cell;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use thirteen::shard::{self, Flag, Shard, ShardOptions, Shards};
use thirteen::store::{self, Definition, SqlFault, Store, Tx};

#[path = "support/answer.rs"]
mod answer;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SHELF: Definition = Definition {
    name: "bench",
    migrations: &["
        CREATE TABLE products (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            price INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID"],
};
const ROWS: i64 = 10_000;
const TASKS: u64 = 64;

/// A store of 10 000 rows on the disk of the build, removed in the end.
struct Shelf {
    folder: PathBuf,
    store: Arc<Store>,
}

impl Shelf {
    fn new(name: &str) -> Shelf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-store-{name}"));
        if folder.exists() {
            std::fs::remove_dir_all(&folder).expect("the folder of a run before is ours");
        }
        let options = store::Options { shards: 1 };
        let store = store::open(&SHELF, &folder, options).expect("the folder can be written");
        let filled = store.write_blocking(|tx| (0..ROWS).try_for_each(|row| put(tx, row)));
        filled.expect("the disk has room").expect("the rows differ");
        Shelf { folder, store }
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.store.close();
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            eprintln!("{} stays behind: {error}", self.folder.display());
        }
    }
}

fn id(row: i64) -> String {
    format!("018bcfe5-6800-7000-8000-{row:012}")
}

fn put(tx: &mut Tx<'_>, row: i64) -> Result<(), SqlFault> {
    let sql = "INSERT INTO products (id, name, price) VALUES (?1, ?2, ?3)";
    tx.run(sql, &[&id(row), &format!("Product {row}"), &(row * 7)])
        .map(|_| ())
}

fn price(store: &Store, id: &str) -> Option<i64> {
    let sql = "SELECT id, name, price FROM products WHERE id = ?1";
    store
        .read(|view| view.one(sql, &[&id], |row| row.get(2)))
        .expect("the disk can be read")
}

fn reads(criterion: &mut Criterion) {
    let shelf = Shelf::new("reads");
    let ids: Vec<String> = (0..ROWS).map(id).collect();
    let all: i64 = ids.iter().filter_map(|id| price(&shelf.store, id)).sum();
    answer::check(
        "prices of all rows",
        all,
        (0..ROWS).map(|row| row * 7).sum(),
    );
    let mut group = criterion.benchmark_group("store");
    let mut next = 0;
    group.bench_function("one of 10 000 rows by its key", |bencher| {
        bencher.iter(|| {
            next = (next + 7919) % ids.len();
            black_box(price(&shelf.store, black_box(&ids[next])))
        });
    });
    group.bench_function("two rows in one snapshot", |bencher| {
        let sql = "SELECT id, name, price FROM products WHERE id = ?1";
        bencher.iter(|| {
            next = (next + 7919) % ids.len();
            let (one, other) = (black_box(&ids[next]), &ids[0]);
            shelf.store.read(|view| {
                let price = |id: &String| view.one(sql, &[id], |row| row.get::<i64>(2));
                Ok((price(one)?, price(other)?))
            })
        });
    });
    group.finish();
}

/// As a shard reads: all reads of a turn share a snapshot.
fn reads_of_turns(criterion: &mut Criterion) {
    let shelf = Shelf::new("turns");
    let shards = one_shard();
    let mut group = criterion.benchmark_group("store");
    group.throughput(Throughput::Elements(TASKS));
    group.bench_function("one of 10 000 rows by its key, 64 in a turn", |bencher| {
        bencher.iter_custom(|turns| {
            let (done, report) = crossbeam_channel::bounded(1);
            let store = shelf.store.clone();
            let reading = async move {
                let ids: Vec<String> = (0..ROWS).map(id).collect();
                let (began, mut next, mut sum) = (Instant::now(), 0, 0);
                for _ in 0..turns {
                    for _ in 0..TASKS {
                        next = (next + 7919) % ids.len();
                        sum += price(&store, &ids[next]).expect("the row is there");
                    }
                    shard::yield_now().await;
                }
                black_box(sum);
                done.send(began.elapsed()).expect("the bench waits for it");
            };
            shards.bus().post(0, move || shard::spawn(reading));
            report.recv().expect("the shard turns")
        });
    });
    group.finish();
    shards.bus().post(0, || over().raise());
    shards.join().expect("the shard ends well");
}

fn one_shard() -> Shards {
    let main = |shard: Rc<Shard>| {
        store::share_snapshots(&shard);
        async { over().raised().await }
    };
    shard::launch(&ShardOptions::new(1), main, |error| panic!("{error}"))
        .expect("the machine has io_uring")
}

fn writes(criterion: &mut Criterion) {
    let shelf = Shelf::new("writes");
    let shards = one_shard();
    let mut written = ROWS as u64;
    let mut group = criterion.benchmark_group("store");
    for tasks in [1, TASKS] {
        group
            .throughput(Throughput::Elements(tasks))
            .sample_size(20);
        group.bench_function(format!("durable inserts of {tasks} tasks"), |bencher| {
            bencher.iter_custom(|rounds| {
                let (done, report) = crossbeam_channel::bounded(1);
                let run = Run {
                    store: shelf.store.clone(),
                    first: written,
                    rounds,
                    tasks,
                };
                written += rounds * tasks;
                shards.bus().post(0, move || {
                    shard::spawn(async move {
                        let elapsed = run.perform().await;
                        done.send(elapsed).expect("the bench waits for it");
                    });
                });
                report.recv().expect("the shard turns")
            });
        });
    }
    group.finish();
    shards.bus().post(0, || over().raise());
    shards.join().expect("the shard ends well");
    let sql = "SELECT count(*) FROM products";
    let count = shelf
        .store
        .read(|view| view.one(sql, &[], |row| row.get::<i64>(0)));
    assert_eq!(count, Ok(Some(written as i64)), "every insert is there");
}

/// Tasks that insert one row after the other.
struct Run {
    store: Arc<Store>,
    first: u64,
    rounds: u64,
    tasks: u64,
}

impl Run {
    /// How long it takes until the last insert of all is on disk.
    async fn perform(self) -> Duration {
        let began = Instant::now();
        let (left, end) = (Rc::new(Cell::new(self.tasks)), Rc::new(Flag::default()));
        for task in 0..self.tasks {
            let (store, left, end) = (self.store.clone(), left.clone(), end.clone());
            let first = self.first + task * self.rounds;
            let rows = first..first + self.rounds;
            shard::spawn(async move {
                for row in rows {
                    let written = store.write(move |tx| put(tx, row as i64)).await;
                    assert_eq!(written, Ok(Ok(())));
                }
                left.set(left.get() - 1);
                if left.get() == 0 {
                    end.raise();
                }
            });
        }
        end.raised().await;
        began.elapsed()
    }
}

fn over() -> Rc<Flag> {
    OVER.with(Rc::clone)
}

thread_local! {
    static OVER: Rc<Flag> = Rc::default();
}

criterion_group!(benches, reads, reads_of_turns, writes);
criterion_main!(benches);
