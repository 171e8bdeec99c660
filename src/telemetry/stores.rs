//! What a store tells of itself.

use super::durations::Durations;

/// The record of one store's writer, and what waits for it.
#[derive(Clone, Debug)]
pub struct StoreLine {
    /// The store's name, the `store` label.
    pub name: &'static str,
    /// Commands that wait.
    pub queued: u64,
    /// Commands that found their queue full.
    pub refused: u64,
    /// Whether the last attempt to bring something to disk failed.
    pub is_failing: bool,
    /// What the writer recorded.
    pub record: StoreRecord,
}

/// What a store's writer records.
#[derive(Clone, Debug, Default)]
pub struct StoreRecord {
    /// Nanoseconds that commands waited before they ran.
    pub waits: Durations,
    /// Commands in each batch.
    pub batches: Durations,
    /// Nanoseconds of commits that reached the disk.
    pub commits: Durations,
    /// Commits, checkpoints and openings that failed.
    pub failures: u64,
    /// Commands that panicked.
    pub panics: u64,
}
