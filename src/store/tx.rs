//! Write access: what a command does inside the writer's transaction.

use std::ops::Deref;

use rusqlite::Connection;

use super::fault::SqlFault;
use super::topic::Topic;
use super::value::ToValue;
use super::view::View;

/// Write access for one command. It reads what it and the commands before it have written.
pub struct Tx<'c> {
    view: View<'c>,
    now_ms: i64,
    touched: Vec<Topic>,
}

impl<'c> Tx<'c> {
    pub(super) fn new(connection: &'c Connection, now_ms: i64) -> Tx<'c> {
        Tx {
            view: View::new(connection),
            now_ms,
            touched: Vec::new(),
        }
    }

    /// Runs a statement that returns no rows; tells how many rows it changed. One with
    /// `RETURNING` is for [`View::one`].
    ///
    /// # Errors
    /// What SQLite says.
    pub fn run(&mut self, sql: &'static str, args: &[&dyn ToValue]) -> Result<usize, SqlFault> {
        self.view.execute(sql, args)
    }

    /// As [`Tx::run`], for a text put together from a few fixed pieces.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn run_built(&mut self, sql: &str, args: &[&dyn ToValue]) -> Result<usize, SqlFault> {
        self.view.execute(sql, args)
    }

    /// Unix milliseconds when the command began: the one clock of everything that it writes.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Makes the topic's generation move once this command is on disk.
    pub fn touch(&mut self, topic: Topic) {
        self.touched.push(topic);
    }

    pub(super) fn into_touched(self) -> Vec<Topic> {
        self.touched
    }
}

impl<'c> Deref for Tx<'c> {
    type Target = View<'c>;

    fn deref(&self) -> &View<'c> {
        &self.view
    }
}
