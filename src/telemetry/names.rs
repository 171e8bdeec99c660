//! What the cache of hosts' addresses tells.

/// What all shards together asked it, and what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NamesLine {
    /// Questions answered from the cache.
    pub hits_completed: u64,
    /// Questions answered by a look-up that was under way already.
    pub hits_inflight: u64,
    /// Questions that took a look-up of their own.
    pub misses: u64,
    /// Look-ups that found nothing.
    pub errors: u64,
    /// Names in the cache.
    pub size: u64,
    /// Questions in all.
    pub total: u64,
}
