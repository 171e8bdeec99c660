//! The data folder of a command, where it has to be one that is there.

use std::path::Path;

use super::failure::Failure;
use crate::settings::{Origin, Settings};

/// Whether somebody named the data folder: by a flag, a variable or a file. Whoever does means the
/// server of that folder, and no other.
pub(super) fn is_named(settings: &Settings) -> bool {
    settings
        .entry("data")
        .is_some_and(|entry| *entry.origin != Origin::Default)
}

/// The data folder; one that somebody named has to exist, since a slip of the pen would make
/// another.
pub(super) fn existing(settings: &Settings) -> Result<&Path, Failure> {
    let folder = settings.data.as_path();
    if !is_named(settings) || folder.is_dir() {
        return Ok(folder);
    }
    Err(Failure::Environment(format!(
        "there is no folder {}; name the data folder of a server with --data, or make it first",
        folder.display()
    )))
}
