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

use crate::store::Definition;
use crate::{commerce, registry};

/// Every store of a data folder.
pub const STORES: &[Definition] = &[commerce::schema::DEFINITION, registry::schema::DEFINITION];
