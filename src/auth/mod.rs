//! Who calls, and how often they may.
//!
//! `rate` counts hits of a peer or a subject across every shard.

pub mod rate;
