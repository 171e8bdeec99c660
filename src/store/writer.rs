//! The thread that writes: it takes what waits, runs each command in a savepoint of one
//! transaction, commits once, and only then lets the replies go.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;

use crate::limits::{
    STORE_BATCH_COMMANDS_MAX, STORE_BATCH_PATIENCE, STORE_CHECKPOINT_FRAMES,
    STORE_CHECKPOINT_FRAMES_MAX, STORE_PROBE_INTERVAL, STORE_READER_BUSY_PATIENCE,
    STORE_REST_PATIENCE,
};
use crate::telemetry::StoreRecord;
use crate::telemetry::process::unix_ms;

use super::fault::{SqlFault, StoreFault};
use super::open::{Role, connect};
use super::queue::{Command, Queued, Queues, Ran};
use super::topic::{Generations, Topic};
use super::tx::Tx;
use super::view::View;

/// What the writer shares with those who ask.
pub(super) struct Shared {
    pub(super) queues: Queues,
    pub(super) generations: Generations,
    /// Counted after each commit, before generations move and answers go.
    pub(super) commits: AtomicU64,
    record: Mutex<StoreRecord>,
    /// The last commit, or the last probe, failed.
    commits_fail: AtomicBool,
    checkpoints_fail: AtomicBool,
}

impl Shared {
    pub(super) fn new(shards: usize) -> Shared {
        Shared {
            queues: Queues::new(shards),
            generations: Generations::new(),
            commits: AtomicU64::new(0),
            record: Mutex::default(),
            commits_fail: AtomicBool::new(false),
            checkpoints_fail: AtomicBool::new(false),
        }
    }

    pub(super) fn is_failing(&self) -> bool {
        self.commits_fail.load(Ordering::Relaxed) || self.checkpoints_fail.load(Ordering::Relaxed)
    }

    pub(super) fn record(&self) -> MutexGuard<'_, StoreRecord> {
        // Sums of what was: a panic between two of them leaves nothing broken.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writer of one store, on its own thread.
pub(super) struct Writer {
    name: &'static str,
    path: PathBuf,
    shared: Arc<Shared>,
    /// `None` after a failure, until it can be opened again.
    ///
    /// When an fsync fails, Linux marks the pages clean although they are not on disk, and the
    /// next fsync succeeds. So nothing may be built on what was written before. SQLite does not:
    /// a commit that failed leaves the end of the log where it was, so the next one writes its
    /// frames again from there, and a checkpoint that failed copies every page again. A fresh
    /// connection makes sure that nothing it cached, and no half-ended transaction, takes part.
    connection: Option<Connection>,
    /// The lane that is looked at next.
    turn: usize,
    checkpoint_failed: Option<Instant>,
}

/// One transaction's commands.
#[derive(Default)]
struct Batch {
    /// Those whose answers wait for the commit.
    ran: Vec<Box<dyn Command>>,
    touched: Vec<Topic>,
    waits: Vec<Duration>,
    panics: u64,
}

/// SQLite has ended the transaction, or cannot be trusted to go on with it.
struct Lost;

impl Writer {
    pub(super) fn new(
        name: &'static str,
        path: PathBuf,
        shared: Arc<Shared>,
        connection: Connection,
    ) -> Writer {
        Writer {
            name,
            path,
            shared,
            connection: Some(connection),
            turn: 0,
            checkpoint_failed: None,
        }
    }

    /// Works until the end is asked for and nothing waits.
    pub(super) fn run(mut self) {
        let shared = self.shared.clone();
        let _refused_in_the_end = CloseOnDrop(shared.clone());
        shared.queues.attend();
        loop {
            if !shared.queues.is_empty() {
                self.work();
                self.checkpoint(STORE_CHECKPOINT_FRAMES_MAX);
            } else if shared.queues.is_ending() {
                break;
            } else if shared.is_failing() {
                shared.queues.wait(Some(STORE_PROBE_INTERVAL));
                if shared.queues.is_empty() && !shared.queues.is_ending() {
                    self.probe();
                }
            } else {
                self.rest();
            }
        }
        self.finish();
    }

    /// Waits for the next command. Who was just answered is about to ask again: the log is copied
    /// only when nobody came for a while.
    fn rest(&mut self) {
        let shared = self.shared.clone();
        shared.queues.wait(Some(STORE_REST_PATIENCE));
        if shared.queues.is_empty() && !shared.queues.is_ending() {
            self.checkpoint(STORE_CHECKPOINT_FRAMES);
            shared.queues.wait(None);
        }
    }

    /// One transaction of what waits.
    fn work(&mut self) {
        let mut batch = Batch::default();
        let Some(connection) = self.begin() else {
            while let Some(queued) = self.next(&batch) {
                queued.command.answer(Err(StoreFault::Unavailable));
                batch.waits.push(queued.since.elapsed());
            }
            return;
        };
        let changes_before = connection.total_changes();
        let filled = self.fill(&connection, &mut batch);
        let began = Instant::now();
        let outcome = match filled {
            Ok(()) => View::new(&connection).execute("COMMIT", &[]).map(|_| ()),
            Err(Lost) => Err(SqlFault::Io),
        };
        match outcome {
            Ok(()) => {
                let is_durable = connection.total_changes() > changes_before;
                self.connection = Some(connection);
                self.shared.commits.fetch_add(1, Ordering::Release);
                self.committed(&batch, began.elapsed(), is_durable);
                for topic in &batch.touched {
                    self.shared.generations.advance(*topic);
                }
                for command in batch.ran {
                    command.answer(Ok(()));
                }
            }
            Err(fault) => {
                self.failed("a batch was lost", &fault);
                for command in batch.ran {
                    command.answer(Err(StoreFault::Unavailable));
                }
            }
        }
    }

    /// The connection, inside of a transaction that has the write lock.
    fn begin(&mut self) -> Option<Connection> {
        let connection = self.connection.take().or_else(|| self.reopen())?;
        let begun = View::new(&connection).execute("BEGIN IMMEDIATE", &[]);
        match begun {
            Ok(_) => Some(connection),
            Err(fault) => {
                self.failed("no transaction could begin", &fault);
                None
            }
        }
    }

    fn reopen(&self) -> Option<Connection> {
        match connect(&self.path, Role::Writer) {
            Ok(connection) => Some(connection),
            Err(error) => {
                self.failed(
                    "the store could not be opened again",
                    &SqlFault::from(error),
                );
                None
            }
        }
    }

    /// Runs commands until none waits or the batch is long enough.
    fn fill(&mut self, connection: &Connection, batch: &mut Batch) -> Result<(), Lost> {
        let gives_up = Instant::now() + STORE_BATCH_PATIENCE;
        while let Some(queued) = self.next(batch) {
            batch.waits.push(queued.since.elapsed());
            self.perform(connection, queued.command, batch)?;
            if Instant::now() >= gives_up {
                break;
            }
        }
        Ok(())
    }

    fn next(&mut self, batch: &Batch) -> Option<Queued> {
        if batch.waits.len() >= STORE_BATCH_COMMANDS_MAX {
            return None;
        }
        self.shared.queues.take(&mut self.turn)
    }

    /// Runs one command in its savepoint. Whatever becomes of it, the others go on, unless the
    /// transaction is lost.
    fn perform(
        &self,
        connection: &Connection,
        mut command: Box<dyn Command>,
        batch: &mut Batch,
    ) -> Result<(), Lost> {
        let mut tx = Tx::new(connection, unix_ms() as i64);
        if tx.execute("SAVEPOINT command", &[]).is_err() {
            batch.ran.push(command);
            return Err(Lost);
        }
        let ran = catch_unwind(AssertUnwindSafe(|| command.run(&mut tx)));
        let machine_failed = tx.saw_environment_fail();
        let ended = match &ran {
            _ if connection.is_autocommit() => Err(Lost),
            Ok(Ran::Keep) if !machine_failed => execute(&tx, &["RELEASE command"]),
            Ok(Ran::Keep | Ran::RollBack) | Err(_) => {
                execute(&tx, &["ROLLBACK TO command", "RELEASE command"])
            }
        };
        let touched = tx.into_touched();
        match ran {
            // The hook has told where.
            Err(_) => {
                tracing::error!(target: "store", store = self.name, "a command panicked");
                batch.panics += 1;
                command.answer(Err(StoreFault::Panicked));
            }
            Ok(Ran::Keep | Ran::RollBack) if machine_failed && ended.is_ok() => {
                self.shared.commits_fail.store(true, Ordering::Relaxed);
                command.answer(Err(StoreFault::Unavailable));
            }
            // An error waits for the commit as well: it may rest on what the batch wrote.
            Ok(ran) => {
                batch.ran.push(command);
                if ran == Ran::Keep {
                    batch.touched.extend(touched);
                }
            }
        }
        ended
    }

    fn committed(&self, batch: &Batch, took: Duration, is_durable: bool) {
        if is_durable {
            self.recovered();
        }
        let mut record = self.shared.record();
        record.commits.add(took.as_nanos() as u64);
        record.batches.add(batch.waits.len() as u64);
        for wait in &batch.waits {
            record.waits.add(wait.as_nanos() as u64);
        }
        record.panics += batch.panics;
    }

    fn recovered(&self) {
        if self.shared.commits_fail.swap(false, Ordering::Relaxed) {
            tracing::info!(target: "store", store = self.name, "the disk takes writes again");
        }
    }

    fn failed(&self, what: &'static str, fault: &SqlFault) {
        self.shared.record().failures += 1;
        self.shared.commits_fail.store(true, Ordering::Relaxed);
        tracing::error!(target: "store", store = self.name, cause = %fault, "{what}");
    }

    /// Tries to bring something to disk that changes nothing: the schema's number, as it is.
    fn probe(&mut self) {
        let Some(connection) = self.begin() else {
            return;
        };
        let rewrite = || {
            let version: i64 =
                connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            connection.pragma_update(None, "user_version", version)?;
            connection.execute_batch("COMMIT")
        };
        match rewrite() {
            Ok(()) => {
                self.connection = Some(connection);
                self.recovered();
                self.checkpoint(0);
            }
            Err(error) => self.failed("the disk still takes no writes", &SqlFault::from(error)),
        }
    }

    /// Copies the log into the database where that much of it is not yet. Between batches, when
    /// nobody waits, it is done early; while commands wait it is put off until it must be.
    fn checkpoint(&mut self, frames: i32) {
        let again = |failed: Instant| failed.elapsed() >= STORE_PROBE_INTERVAL;
        let Some(connection) = &self.connection else {
            return;
        };
        if !self.checkpoint_failed.is_none_or(again) {
            return;
        }
        let checkpoint = |mode| connection.wal_checkpoint_v2(None::<&str>, mode);
        let copied = match checkpoint(CheckpointMode::NOOP) {
            Ok((logged, copied)) if logged - copied < frames => return,
            Ok(_) => checkpoint(CheckpointMode::PASSIVE),
            Err(error) => Err(error),
        };
        match copied.map_err(SqlFault::from) {
            // Another process may be doing it.
            Ok(_) | Err(SqlFault::Busy) => {
                self.checkpoint_failed = None;
                self.shared.checkpoints_fail.store(false, Ordering::Relaxed);
            }
            Err(fault) => {
                self.checkpoint_failed = Some(Instant::now());

                self.shared.checkpoints_fail.store(true, Ordering::Relaxed);
                self.shared.record().failures += 1;
                tracing::error!(
                    target: "store", store = self.name, cause = %fault, "a checkpoint failed",
                );
            }
        }
    }

    /// Leaves a database without a log, unless others read it.
    fn finish(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        let truncated = connection
            .busy_timeout(STORE_READER_BUSY_PATIENCE)
            .and_then(|()| connection.wal_checkpoint_v2(None::<&str>, CheckpointMode::TRUNCATE));
        match truncated.map_err(SqlFault::from) {
            Ok(_) => {}
            Err(SqlFault::Busy) => {
                tracing::info!(target: "store", store = self.name, "the log is still read");
            }
            Err(fault) => self.failed("the last checkpoint failed", &fault),
        }
        if let Err((_, error)) = connection.close() {
            self.failed("the store did not close", &SqlFault::from(error));
        }
    }
}

fn execute(view: &View<'_>, statements: &[&str]) -> Result<(), Lost> {
    for sql in statements {
        view.execute(sql, &[]).map_err(|_| Lost)?;
    }
    Ok(())
}

/// Refuses what waits when the writer ends in whatever way.
struct CloseOnDrop(Arc<Shared>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.queues.close();
    }
}
