//! A store whose disk fails at the N-th call, for N from 1 on: what was acknowledged is there, what
//! was refused is not, the file is whole, and a disk that has come back is used again.
//!
//! `THIRTEEN_FAULT_STEP=1` takes every call; else only each ninth write is hit.
//!
//! `strace` makes the calls of a process of this same test fail; it has to be installed.

#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod support;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use support::folder::Folder;
use support::moments::number_from_environment;
use thirteen::store::{Definition, Options, Store, StoreFault, Topic, check, open};

const LEDGER: Definition = Definition {
    name: "ledger",
    migrations: &["
        CREATE TABLE entries (number INTEGER PRIMARY KEY, filling BLOB NOT NULL) STRICT;
        CREATE INDEX entries_by_filling ON entries (filling)"],
};

/// What the process under strace does; alone it is the loop without faults.
#[test]
fn the_writer() {
    if let Ok(folder) = std::env::var(FOLDER) {
        write_all(Path::new(&folder));
        return;
    }
    let folder = Folder::new();
    let stores = folder.path().join("stores");
    write_all(&stores);
    assert_eq!(present(&stores), (0..ENTRIES).collect());
}

#[test]
fn a_write_that_fails_is_refused_and_the_next_one_works() {
    for error in ["EIO", "ENOSPC"] {
        sweep(&format!("pwrite64:error={error}"), 9, |run| {
            run.ended_well_or_did_not_open();
        });
    }
}

#[test]
fn a_sync_that_fails_acknowledges_nothing() {
    sweep("fdatasync,fsync:error=EIO", 1, |run| {
        run.ended_well_or_did_not_open();
    });
}

#[test]
fn a_disk_that_stays_broken_refuses_everything() {
    let folder = Folder::new();
    // Made before the fault, which begins with the second commit.
    let stores = folder.path().join("stores");
    open(&LEDGER, &stores, Options { shards: 0 })
        .unwrap()
        .close();
    let run = Run::of(&folder, "fsync,fdatasync:error=EIO:when=2+");
    assert!(run.status.success(), "{run:?}");
    assert!(!run.refused.is_empty(), "{run:?}");
    run.holds();
}

#[test]
fn a_process_that_is_killed_at_any_call_loses_nothing_acknowledged() {
    sweep("pwrite64:signal=KILL", 9, |run| {
        assert!(!run.status.success(), "{run:?}");
    });
    sweep("fdatasync,fsync:signal=KILL", 1, |run| {
        assert!(!run.status.success(), "{run:?}");
    });
}

/// Runs the writer with a fault at the first call, the `step`-th after it and so on, until the
/// writer makes no more calls.
fn sweep(fault: &str, step: u64, check_run: impl Fn(&Run)) {
    let step = number_from_environment("THIRTEEN_FAULT_STEP", step);
    let mut injected = 0;
    for number in (1..).step_by(step as usize) {
        let folder = Folder::new();
        let run = Run::of(&folder, &format!("{fault}:when={number}"));
        run.holds();
        if run.injections == 0 {
            assert!(run.status.success(), "{run:?}");
            assert_eq!(run.kept.len(), ENTRIES as usize, "{run:?}");
            break;
        }
        injected += 1;
        check_run(&run);
    }
    assert!(injected >= 3, "{fault} hit {injected} calls only");
    println!("{fault}: {injected} places");
}

/// One run of the writer under strace.
#[derive(Debug)]
#[allow(dead_code, reason = "a failed test prints all of it")]
struct Run {
    folder: PathBuf,
    fault: String,
    status: ExitStatus,
    kept: BTreeSet<i64>,
    refused: BTreeSet<i64>,
    injections: usize,
}

impl Run {
    fn of(folder: &Folder, fault: &str) -> Run {
        let log = folder.path().join("calls");
        let stores = folder.path().join("stores");
        fs::create_dir_all(&stores).unwrap();
        let (calls, _) = fault.split_once(':').unwrap();
        let status = Command::new("strace")
            .args(["-f", "-qq", "-o"])
            .arg(&log)
            .args(["-e", &format!("trace={calls}")])
            .args(["-e", &format!("inject={fault}")])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "the_writer", "--nocapture", "--test-threads=1"])
            .env(FOLDER, &stores)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("strace is installed (tests/run install)");
        let text = fs::read_to_string(folder.path().join(OUTCOMES)).unwrap_or_default();
        let numbers = |word: &str| -> BTreeSet<i64> {
            let lines = text.lines().filter_map(|line| line.strip_prefix(word));
            lines.map(|number| number.trim().parse().unwrap()).collect()
        };
        let traced = fs::read_to_string(&log).expect("strace may trace: ptrace is not forbidden");
        let is_injected = |line: &&str| line.contains("(INJECTED)") || line.contains("SIGKILL");
        Run {
            folder: stores,
            fault: fault.to_owned(),
            status,
            kept: numbers("kept "),
            refused: numbers("refused "),
            injections: traced.lines().filter(is_injected).count(),
        }
    }

    /// What was kept is there, and nothing else but what was under way; the file is whole.
    fn holds(&self) {
        let present = present(&self.folder);
        let lost: Vec<_> = self.kept.difference(&present).collect();
        assert_eq!(lost, [&0; 0], "{self:?}");
        let under_way = present.difference(&self.kept).count();
        let under_way_max = if self.status.success() { 0 } else { THREADS };
        assert!(under_way <= under_way_max, "{present:?} {self:?}");
        assert_eq!(check(&LEDGER, &self.folder).unwrap(), [""; 0], "{self:?}");
    }

    fn ended_well_or_did_not_open(&self) {
        if self.kept.is_empty() && !self.status.success() {
            return;
        }
        assert!(self.status.success(), "{self:?}");
        assert_eq!(
            self.kept.len(),
            ENTRIES as usize,
            "one fault, many attempts: {self:?}"
        );
    }
}

/// The entries of a store that is opened once more, as after any end.
fn present(folder: &Path) -> BTreeSet<i64> {
    let store = open(&LEDGER, folder, Options { shards: 0 }).unwrap();
    let present = numbers_in(&store);
    store.close();
    present
}

fn numbers_in(store: &Store) -> BTreeSet<i64> {
    let sql = "SELECT number FROM entries ORDER BY number";
    let all = store.read(|view| view.all(sql, &[], |row| row.get::<i64>(0)));
    all.unwrap().into_iter().collect()
}

/// Threads that write at the same time, so that some share a commit; each tries an entry until it
/// is kept, or a few times where the disk stays broken.
fn write_all(folder: &Path) {
    let store = open(&LEDGER, folder, Options { shards: 0 }).unwrap();
    let outcomes = File::create(folder.with_file_name(OUTCOMES)).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS as i64 {
            let (store, outcomes) = (&store, &outcomes);
            scope.spawn(move || {
                for number in (thread..ENTRIES).step_by(THREADS) {
                    for _ in 0..ATTEMPTS {
                        match insert(store, number) {
                            Ok(()) => {
                                tell(outcomes, &format!("kept {number}\n"));
                                break;
                            }
                            Err(StoreFault::Unavailable) => {
                                tell(outcomes, &format!("refused {number}\n"));
                            }
                            Err(fault) => panic!("{fault}"),
                        }
                    }
                }
            });
        }
    });
    store.close();
}

/// One call to the system for each line, so that lines of threads do not mix.
fn tell(mut outcomes: &File, line: &str) {
    assert_eq!(outcomes.write(line.as_bytes()).unwrap(), line.len());
}

fn insert(store: &Store, number: i64) -> Result<(), StoreFault> {
    // Two thirds of the filling goes to pages of its own.
    let filling: Vec<u8> = (0..9_000).map(|at| (at * 31 + number) as u8).collect();
    let sql = "INSERT INTO entries (number, filling) VALUES (?1, ?2)";
    let written = store.write_blocking(move |tx| {
        tx.touch(Topic::CATALOG);
        tx.run(sql, &[&number, &filling])
    });
    written.map(|outcome| assert_eq!(outcome, Ok(1), "entry {number} was refused, and is there"))
}

/// Full disks of their own: one in memory, and one with a journal on a file. Root mounts them.
#[test]
fn a_disk_that_has_room_again_is_used_again() {
    for kind in [DiskKind::Memory, DiskKind::Journalled] {
        let folder = Folder::new();
        match SmallDisk::mount(folder.path(), kind) {
            Some(disk) => fill_and_free(&disk),
            None => println!("not tested: only root can mount a small disk"),
        }
    }
}

fn fill_and_free(disk: &SmallDisk) {
    let store = open(&LEDGER, &disk.place, Options { shards: 0 }).unwrap();
    let ballast = disk.place.join("ballast");
    let room = rustix::fs::statvfs(&disk.place).unwrap();
    let bytes = room.f_bavail * room.f_frsize - ROOM_LEFT_BYTES;
    fs::write(&ballast, vec![1; bytes as usize]).unwrap();
    let mut kept = BTreeSet::new();
    let refusal = (0..10_000).find_map(|number| match insert(&store, number) {
        Ok(()) => {
            kept.insert(number);
            None
        }
        Err(fault) => Some(fault),
    });
    assert_eq!(
        refusal,
        Some(StoreFault::Unavailable),
        "the disk is full at last"
    );
    assert!(kept.len() > 10, "{kept:?}");
    assert!(store.is_failing());
    assert_eq!(numbers_in(&store), kept, "reads go on");
    let generation = store.generation(Topic::CATALOG);
    assert_eq!(
        generation,
        kept.len() as u64,
        "none moves for what was lost"
    );
    fs::remove_file(ballast).unwrap();
    // By itself, without a write to try it with.
    wait_until_works(&store);
    insert(&store, 20_000).unwrap();
    kept.insert(20_000);
    assert_eq!(numbers_in(&store), kept);
    store.close();
    assert_eq!(check(&LEDGER, &disk.place).unwrap(), [""; 0]);
}

fn wait_until_works(store: &Arc<Store>) {
    let gives_up = Instant::now() + Duration::from_secs(20);
    while store.is_failing() {
        let failures = store.line().record.failures;
        assert!(Instant::now() < gives_up, "{failures} failures and no end");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// A small file system, mounted.
struct SmallDisk {
    place: PathBuf,
}

#[derive(Clone, Copy)]
enum DiskKind {
    /// tmpfs.
    Memory,
    /// ext4 on a file, through a loop device.
    Journalled,
}

impl SmallDisk {
    fn mount(folder: &Path, kind: DiskKind) -> Option<SmallDisk> {
        let place = folder.join("disk");
        fs::create_dir(&place).unwrap();
        let place_text = place.to_str().unwrap();
        let has_run = |program: &str, arguments: &[&str]| {
            let run = Command::new(program)
                .args(arguments)
                .stderr(Stdio::null())
                .status();
            run.is_ok_and(|status| status.success())
        };
        let is_mounted = match kind {
            DiskKind::Memory => has_run(
                "mount",
                &["-t", "tmpfs", "-o", "size=2m", "tmpfs", place_text],
            ),
            DiskKind::Journalled => {
                let image = folder.join("image");
                File::create(&image).unwrap().set_len(IMAGE_BYTES).unwrap();
                let image = image.to_str().unwrap();
                has_run("mkfs.ext4", &["-q", "-m", "0", image])
                    && has_run("mount", &["-o", "loop", image, place_text])
            }
        };
        is_mounted.then_some(SmallDisk { place })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What still reads it is closed by the end of the process at the latest.
        let unmounted = Command::new("umount")
            .arg("--lazy")
            .arg(&self.place)
            .status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

/// What is left of a disk for the store to fill.
const ROOM_LEFT_BYTES: u64 = 700_000;
const IMAGE_BYTES: u64 = 16 << 20;
/// The folder that the writer is told to write to.
const FOLDER: &str = "THIRTEEN_STORE_FAULTS_FOLDER";
/// Where it tells what became of each attempt, beside that folder.
const OUTCOMES: &str = "outcomes";
const THREADS: usize = 4;
const ENTRIES: i64 = 12;
/// More than one fault can take from a thread, and few enough to end where all fails.
const ATTEMPTS: usize = 4;
