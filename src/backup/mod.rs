//! Backups: a data folder in one file, taken while the server runs, and put back whole.

mod archive;
mod fault;
mod manifest;
mod restore;

#[cfg(test)]
mod tests;

pub use archive::{Taken, take};
pub use fault::BackupFault;
pub use restore::{Restored, finish, restore};

use crate::commerce::schema;
use crate::store::Definition;

/// Every store of a data folder.
pub const STORES: &[Definition] = &[schema::DEFINITION];
