//! Uploads by signed URL: who may leave a file is decided when the URL is asked for; the URL itself
//! says what may be put there, once and until when.
//!
//! - `rules`: tickets and their signatures, types of files; `sql`: what was promised and what came;
//! - `desk`: the folder, the key, and who is writing; `spool`: a file on its way to its place;
//! - `quota`: how much an owner may keep; `sweep`: what nobody used or names is removed.

pub mod api;
pub mod desk;
pub mod quota;
pub mod rules;
pub mod shapes;
pub mod spool;
pub mod sql;
pub mod sweep;

pub use desk::Desk;
