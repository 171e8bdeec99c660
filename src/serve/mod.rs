//! The server from settings to exit: start, signals, reload, drain.

mod banner;
mod boot;
mod shard_main;
mod signals;
mod watchdog;

pub use boot::run;
pub use shard_main::{Here, all_shards_turn, here, pending_by_door};
