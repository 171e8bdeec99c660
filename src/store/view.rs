//! Read access: statements on one connection, cached by their text.

use std::cell::Cell;

use rusqlite::{CachedStatement, Connection};

use super::fault::SqlFault;
use super::value::{FromValue, ToValue, Value};

/// Read access to a store. All statements of one view see the same snapshot.
pub struct View<'c> {
    connection: &'c Connection,
    /// Whether a statement failed for a reason that lies in the machine.
    saw_environment_fail: Cell<bool>,
}

/// One row of a result.
pub struct Row<'r> {
    row: &'r rusqlite::Row<'r>,
}

impl<'c> View<'c> {
    pub(super) fn new(connection: &'c Connection) -> View<'c> {
        View {
            connection,
            saw_environment_fail: Cell::new(false),
        }
    }

    /// The first row, if there is one. `?1` is the first of `args`.
    ///
    /// # Errors
    /// What SQLite says, and what `read` says.
    pub fn one<T>(
        &self,
        sql: &'static str,
        args: &[&dyn ToValue],
        read: impl FnOnce(&Row<'_>) -> Result<T, SqlFault>,
    ) -> Result<Option<T>, SqlFault> {
        self.one_built(sql, args, read)
    }

    /// All rows.
    ///
    /// # Errors
    /// What SQLite says, and what `read` says.
    pub fn all<T>(
        &self,
        sql: &'static str,
        args: &[&dyn ToValue],
        read: impl FnMut(&Row<'_>) -> Result<T, SqlFault>,
    ) -> Result<Vec<T>, SqlFault> {
        self.all_built(sql, args, read)
    }

    /// Every row in turn; ends at the first error of `visit`.
    ///
    /// # Errors
    /// What SQLite says, and what `visit` says.
    pub fn each(
        &self,
        sql: &'static str,
        args: &[&dyn ToValue],
        visit: impl FnMut(&Row<'_>) -> Result<(), SqlFault>,
    ) -> Result<(), SqlFault> {
        self.each_built(sql, args, visit)
    }

    /// As [`View::one`], for a text put together from a few fixed pieces: each of its forms is a
    /// statement that stays in the cache, and no value is ever a piece.
    ///
    /// # Errors
    /// What SQLite says, and what `read` says.
    pub fn one_built<T>(
        &self,
        sql: &str,
        args: &[&dyn ToValue],
        read: impl FnOnce(&Row<'_>) -> Result<T, SqlFault>,
    ) -> Result<Option<T>, SqlFault> {
        let mut statement = self.prepare(sql, args)?;
        let mut rows = statement.raw_query();
        match rows.next() {
            Ok(Some(row)) => read(&Row { row }).map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(self.fault(error)),
        }
    }

    /// As [`View::all`], for a text put together from a few fixed pieces.
    ///
    /// # Errors
    /// What SQLite says, and what `read` says.
    pub fn all_built<T>(
        &self,
        sql: &str,
        args: &[&dyn ToValue],
        mut read: impl FnMut(&Row<'_>) -> Result<T, SqlFault>,
    ) -> Result<Vec<T>, SqlFault> {
        let mut all = Vec::new();
        self.each_built(sql, args, |row| {
            all.push(read(row)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// As [`View::each`], for a text put together from a few fixed pieces.
    ///
    /// # Errors
    /// What SQLite says, and what `visit` says.
    pub fn each_built(
        &self,
        sql: &str,
        args: &[&dyn ToValue],
        mut visit: impl FnMut(&Row<'_>) -> Result<(), SqlFault>,
    ) -> Result<(), SqlFault> {
        let mut statement = self.prepare(sql, args)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|error| self.fault(error))? {
            visit(&Row { row })?;
        }
        Ok(())
    }

    pub(super) fn execute(&self, sql: &str, args: &[&dyn ToValue]) -> Result<usize, SqlFault> {
        let mut statement = self.prepare(sql, args)?;
        statement.raw_execute().map_err(|error| self.fault(error))
    }

    pub(super) fn saw_environment_fail(&self) -> bool {
        self.saw_environment_fail.get()
    }

    /// How many parameters a statement has.
    #[cfg(test)]
    pub(super) fn parameters(&self, sql: &str) -> Result<usize, SqlFault> {
        let prepared = self.connection.prepare_cached(sql);
        Ok(prepared
            .map_err(|error| self.fault(error))?
            .parameter_count())
    }

    fn prepare(&self, sql: &str, args: &[&dyn ToValue]) -> Result<CachedStatement<'_>, SqlFault> {
        let prepared = self.connection.prepare_cached(sql);
        let mut statement = prepared.map_err(|error| self.fault(error))?;
        if statement.parameter_count() != args.len() {
            let wanted = statement.parameter_count();
            let cause = format!("{wanted} parameters in `{sql}`, {} given", args.len());
            return Err(SqlFault::Other(cause));
        }
        for (index, value) in args.iter().enumerate() {
            let bound = statement.raw_bind_parameter(index + 1, value.to_value());
            bound.map_err(|error| self.fault(error))?;
        }
        Ok(statement)
    }

    fn fault(&self, error: rusqlite::Error) -> SqlFault {
        let text = error.to_string();
        let fault = SqlFault::from(error);
        if fault.is_environmental() {
            self.saw_environment_fail.set(true);
            tracing::warn!(target: "store", cause = %text, "a statement failed");
        }
        fault
    }
}

impl Row<'_> {
    /// The value of a column, from 0.
    ///
    /// # Errors
    /// [`SqlFault::Other`] where there is no such column or its value has another type.
    pub fn get<T: FromValue>(&self, column: usize) -> Result<T, SqlFault> {
        let value = self.value(column)?;
        T::from_value(value).ok_or_else(|| self.mistaken(column, value))
    }

    /// The text of a column, from 0, where it lies.
    ///
    /// # Errors
    /// [`SqlFault::Other`] where there is no such column or it is not text.
    pub fn text(&self, column: usize) -> Result<&str, SqlFault> {
        let value = self.value(column)?;
        value.as_text().ok_or_else(|| self.mistaken(column, value))
    }

    /// The value of a column, from 0, where it lies.
    ///
    /// # Errors
    /// [`SqlFault::Other`] where there is no such column.
    pub fn value(&self, column: usize) -> Result<Value<'_>, SqlFault> {
        let value = self.row.get_ref(column);
        Value::of(value.map_err(|error| SqlFault::Other(error.to_string()))?)
    }

    fn mistaken(&self, column: usize, value: Value<'_>) -> SqlFault {
        let mut names = self.row.as_ref().column_names();
        let name = names.nth(column).unwrap_or_default();
        let cause = format!("column {column} (`{name}`) holds {}", value.type_name());
        SqlFault::Other(format!("{cause}, which is not what it was read as"))
    }
}
