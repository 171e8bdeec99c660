//! The read connection of each thread.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;

use rusqlite::Connection;

use super::fault::{SqlFault, StoreFault};
use super::open::{Role, connect};
use super::view::View;

/// A read connection that belongs to one thread.
pub(super) struct Reader {
    connection: Connection,
    is_reading: Cell<bool>,
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

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Reader, StoreFault> {
        let connection = connect(path, Role::Reader).map_err(|error| {
            tracing::error!(target: "store", %error, path = %path.display(), "cannot read");
            StoreFault::Unavailable
        })?;
        Ok(Reader {
            connection,
            is_reading: Cell::new(false),
        })
    }

    /// Runs `read` on one snapshot.
    ///
    /// # Panics
    /// Inside of another read of the same store on this thread, which would not see a snapshot of
    /// its own.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&View<'_>) -> Result<T, SqlFault>,
    ) -> Result<T, StoreFault> {
        assert!(!self.is_reading.replace(true), "a read inside of a read");
        let _reading = Reading(self);
        let view = View::new(&self.connection);
        let outcome = view.execute("BEGIN", &[]).and_then(|_| read(&view));
        outcome.map_err(|fault| {
            let fault = StoreFault::from(fault);
            if let StoreFault::Failed(cause) = &fault {
                tracing::error!(target: "store", cause, "a read failed");
            }
            fault
        })
    }

    pub(super) fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

/// Ends the snapshot however the read ends.
struct Reading<'r>(&'r Reader);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let connection = &self.0.connection;
        if !connection.is_autocommit() {
            let ended = View::new(connection).execute("COMMIT", &[]);
            if let Err(fault) = ended {
                tracing::error!(target: "store", %fault, "a snapshot did not end");
            }
        }
        self.0.is_reading.set(false);
    }
}

thread_local! {
    static READERS: RefCell<Vec<(u64, Rc<Reader>)>> = const { RefCell::new(Vec::new()) };
}
