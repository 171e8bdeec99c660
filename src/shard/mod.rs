//! Shards: one pinned executor per core.
