//! Tests of the ring against real sockets, without glommio: a small executor turns the ring.

pub(crate) mod bench;
mod connecting;
mod crowd;
mod deadlines;
mod listening;
mod overflow;
mod receiving;
mod sending;
mod starving;
mod tearing_down;
mod waking;
