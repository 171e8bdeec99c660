//! What a shard remembers for the dashboard.

use std::cell::Cell;

/// The number of packages, and the generation of their topic that it was counted in.
#[derive(Default)]
pub struct Local {
    counted: Cell<Option<(u64, u64)>>,
}

impl Local {
    /// The number, if nothing has changed since.
    pub(super) fn count(&self, generation: u64) -> Option<u64> {
        let (of, count) = self.counted.get()?;
        (of == generation).then_some(count)
    }

    /// Takes a number that was counted after the generation was read.
    pub(super) fn remember(&self, generation: u64, count: u64) {
        self.counted.set(Some((generation, count)));
    }
}
