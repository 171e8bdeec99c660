//! The store on real files.

mod copying;
mod opening;
mod reading;
mod scene;
mod writing;

pub(crate) use scene::Folder;
