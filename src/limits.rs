//! Every bound in one place, units in the names, and the assertions that tie them together.

use std::time::Duration;

/// Entries of a shard's submission queue; the completion queue has four times as many.
pub const RING_ENTRIES: u32 = 2048;
/// Receive buffers of a shard, 4 KiB each: twice the connections that are active at one moment.
pub const RING_BUFFERS: u16 = 2048;
/// Completions handled before the tasks that they woke run: bounds how long another thread's job
/// waits on a saturated shard.
pub const RING_COMPLETIONS_PER_TURN_MAX: usize = 128;
/// Jobs of other threads that a shard runs before it looks at its network again.
pub const SHARD_JOBS_PER_TURN_MAX: usize = 256;

/// Threads that run what may block: password hashing, file writes, name lookups.
pub const OFFLOAD_THREADS: usize = 4;
/// Jobs that wait for such a thread; one more is refused.
pub const OFFLOAD_QUEUE_MAX: usize = 1024;

/// Connections of one shard above its limit that are answered 503 before they are closed; past
/// these a connection is closed unread.
pub const REFUSALS_MAX: usize = 64;
/// Bytes of a request's head, its line and all fields.
pub const HEAD_BYTES_MAX: usize = 16 << 10;
/// Bytes of a reply that collect before they are sent while more requests are at hand.
pub const PIPELINE_BYTES_MAX: usize = 64 << 10;
/// Requests of one connection that are answered before others get their turn.
pub const PIPELINE_REQUESTS_MAX: usize = 64;
/// Bytes of a body that nobody wants and that are read past so that the connection can be kept.
pub const DISCARD_BYTES_MAX: u64 = 64 << 10;
/// Bytes read from a peer that is told to go, so that it can read why.
pub const LINGER_BYTES_MAX: usize = 256 << 10;
/// How long an idle connection is kept open while the server drains, so that a request which is on
/// its way is still answered.
pub const DRAIN_GRACE: Duration = Duration::from_millis(500);
/// Bytes of a streamed reply that collect before they are sent.
pub const STREAM_BYTES_MAX: usize = 16 << 10;
/// Segments of a path; one with more matches no route.
pub const PATH_SEGMENTS_MAX: usize = 32;
/// Body of a request to change the configuration.
pub const CONFIG_BODY_BYTES_MAX: u64 = 4 << 10;

/// Changes of the configuration that wait for the disk; one more is refused.
pub const STATE_CHANGES_WAITING_MAX: usize = 4096;
/// The highest rate that can be counted: hits in a window.
pub const RATE_LIMIT_MAX: u32 = 1_000_000;
/// Peers whose rates are told apart; more of them share counts.
pub const RATE_KEYS_EXPECTED: usize = 16 << 10;

const _: () = {
    assert!(RING_BUFFERS.is_power_of_two());
    assert!(RING_COMPLETIONS_PER_TURN_MAX <= RING_ENTRIES as usize);
    // Every completion of a turn may queue a send and a receive without filling the queue.
    assert!(RING_COMPLETIONS_PER_TURN_MAX * 2 <= RING_ENTRIES as usize);
    assert!(DISCARD_BYTES_MAX <= LINGER_BYTES_MAX as u64);
};
