//! Tests of the shards: real threads, real rings, real sockets.

mod bus;
mod ending;
mod latency;
mod offload;
mod scene;
mod tasks;
