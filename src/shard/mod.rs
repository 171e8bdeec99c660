//! Shards: one pinned executor per core, each with a ring of its own. The only room that names
//! glommio, so that the executor can be replaced without touching a handler.

mod bus;
mod driver;
mod flag;
mod launch;
mod local;
mod offload;
mod tasks;

#[cfg(test)]
mod tests;

pub use bus::{Answer, Bus, Gone, Reply, answer};
pub use flag::Flag;
pub use launch::{LaunchFault, ShardOptions, Shards, launch, usable_cores};
pub use local::{Shard, bus, count, current, index, sleep, spawn, turn_began, yield_now};
pub use offload::{OffloadFault, Pool, offload};
