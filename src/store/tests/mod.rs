//! The store on real files.

mod opening;
mod reading;
mod scene;
mod writing;

pub(crate) use scene::Folder;
