//! What a ring counts about itself; plain numbers, read by telemetry.

/// Totals since the ring was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Turns of the driver.
    pub turns: u64,
    /// Completions handled.
    pub completions: u64,
    /// Operations submitted.
    pub submissions: u64,
    /// Turns that found the completion queue full: the kernel keeps what has no room in it.
    pub overflows: u64,
    /// Receives that waited in line for a buffer.
    pub starvations: u64,
    /// Streams whose reading was stopped because their queue held its share.
    pub pauses: u64,
    /// Accepts that failed, mostly for want of descriptors or memory.
    pub accept_failures: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Completions for a slot that no longer lives.
    pub late: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
}
