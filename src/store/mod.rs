//! Stores: SQLite behind commands. The only room that names rusqlite, so that another engine can
//! take its place without touching a command.

mod copy;
mod fault;
mod handle;
mod heavy;
mod open;
#[cfg(test)]
pub(crate) mod plans;
mod queue;
mod reader;
mod topic;
mod tx;
mod value;
mod view;
mod writer;

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use tests::Folder;

pub use copy::{CopyFault, Inspected, check, copy, inspect};
pub use fault::{Constraint, OpenFault, SqlFault, StoreFault};
pub use handle::{Options, Store, open};
pub use open::Definition;
pub use reader::share_snapshots;
pub use topic::Topic;
pub use tx::Tx;
pub use value::{FromValue, ToValue, Value};
pub use view::{Row, View};
