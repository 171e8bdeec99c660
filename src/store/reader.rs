//! The read connection of each thread, and how long it keeps a snapshot.
//!
//! Taking a snapshot and giving it back are two statements and two locks of the log's index, which
//! all readers of the machine share: as much as finding a row. So on a shard the reads of one turn
//! share a snapshot for as long as nothing was committed meanwhile. Whoever saw a commit, by its
//! answer or by a generation that moved, reads it; and no snapshot outlives its turn, since the
//! log cannot start over while one is held.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;

use crate::shard::Shard;

use super::fault::{SqlFault, StoreFault};
use super::open::{Role, connect};
use super::view::View;

/// A read connection that belongs to one thread.
pub(super) struct Reader {
    connection: Connection,
    is_reading: Cell<bool>,
    /// The number of the last commit when the snapshot that is held was asked for.
    held: Cell<Option<u64>>,
}

/// Lets the reads of each turn of this shard share a snapshot.
///
/// # Panics
/// When it is called twice on a shard.
pub fn share_snapshots(shard: &Shard) {
    shard.between_turns(end_snapshots);
    HAS_TURNS.set(true);
}

/// This thread's connection to the store of this number, opened when it is first asked for.
pub(super) fn of_this_thread(store: u64, path: &Path) -> Result<Rc<Reader>, StoreFault> {
    READERS.with_borrow_mut(|readers| {
        if let Some((_, reader)) = readers.iter().find(|(number, _)| *number == store) {
            return Ok(reader.clone());
        }
        let reader = Rc::new(Reader::open(path)?);
        readers.push((store, reader.clone()));
        Ok(reader)
    })
}

/// Closes this thread's connection to a store.
pub(super) fn forget(store: u64) {
    // A thread that ends has closed them already.
    let _gone = READERS.try_with(|readers| {
        if let Ok(mut readers) = readers.try_borrow_mut() {
            readers.retain(|(number, _)| *number != store);
        }
    });
}

fn end_snapshots() {
    if HOLDS_SNAPSHOTS.take() {
        READERS.with_borrow(|readers| {
            for (_, reader) in readers {
                reader.end_snapshot();
            }
        });
    }
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Reader, StoreFault> {
        let connection = connect(path, Role::Reader).map_err(|error| {
            tracing::error!(target: "store", %error, path = %path.display(), "cannot read");
            StoreFault::Unavailable
        })?;
        Ok(Reader {
            connection,
            is_reading: Cell::new(false),
            held: Cell::new(None),
        })
    }

    /// Runs `read` on one snapshot, which has every commit that `commits` counted when this is
    /// called.
    ///
    /// # Panics
    /// Inside of another read of the same store on this thread, which would not see a snapshot of
    /// its own.
    pub(super) fn read<T>(
        &self,
        commits: &AtomicU64,
        read: impl FnOnce(&View<'_>) -> Result<T, SqlFault>,
    ) -> Result<T, StoreFault> {
        assert!(!self.is_reading.replace(true), "a read inside of a read");
        let reading = Reading(self);
        let view = View::new(&self.connection);
        // SQLite takes the snapshot with the first statement, so it is never older than the count.
        let outcome = self
            .begin_snapshot(&view, commits.load(Ordering::Acquire))
            .and_then(|()| read(&view));
        if HAS_TURNS.get() && !view.saw_environment_fail() {
            HOLDS_SNAPSHOTS.set(true);
        } else {
            self.end_snapshot();
        }
        drop(reading);
        outcome.map_err(|fault| {
            let fault = StoreFault::from(fault);
            if let StoreFault::Failed(cause) = &fault {
                tracing::error!(target: "store", cause, "a read failed");
            }
            fault
        })
    }

    fn begin_snapshot(&self, view: &View<'_>, commit: u64) -> Result<(), SqlFault> {
        if self.held.get() == Some(commit) {
            return Ok(());
        }
        self.end_snapshot();
        view.execute("BEGIN", &[])?;
        self.held.set(Some(commit));
        Ok(())
    }

    fn end_snapshot(&self) {
        if self.held.take().is_some()
            && let Err(fault) = View::new(&self.connection).execute("COMMIT", &[])
        {
            tracing::error!(target: "store", %fault, "a snapshot did not end");
        }
    }

    pub(super) fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

/// Lets the next read begin, also after one that panicked.
struct Reading<'r>(&'r Reader);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.end_snapshot();
        }
        self.0.is_reading.set(false);
    }
}

thread_local! {
    static READERS: RefCell<Vec<(u64, Rc<Reader>)>> = const { RefCell::new(Vec::new()) };
    /// Whether somebody ends snapshots after each turn of this thread.
    static HAS_TURNS: Cell<bool> = const { Cell::new(false) };
    static HOLDS_SNAPSHOTS: Cell<bool> = const { Cell::new(false) };
}
