//! Topics: what a commit touched, told to caches by a generation that moves.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a cached reply depends on: one of 4096 cells, each with a generation. Two keys may share
/// a cell, which costs a cache entry now and then and never serves a stale one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Topic(u16);

impl Topic {
    /// Lists of the catalogue; no key shares its cell.
    pub const CATALOG: Topic = Topic(0);

    /// The cell of a key, such as the id of a product.
    pub fn of(key: &[u8]) -> Topic {
        // FNV-1a: keys are short, and who picks keys that collide only empties a cache.
        let hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let folded = (hash ^ (hash >> 32)) % (TOPICS as u64 - OWN_CELLS);
        Topic((folded + OWN_CELLS) as u16)
    }
}

/// The generation of each topic. One thread moves them, after a commit and before its replies.
pub(super) struct Generations {
    cells: Box<[AtomicU64]>,
}

impl Generations {
    pub(super) fn new() -> Generations {
        Generations {
            cells: (0..TOPICS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    pub(super) fn of(&self, topic: Topic) -> u64 {
        self.cells[usize::from(topic.0)].load(Ordering::Acquire)
    }

    pub(super) fn advance(&self, topic: Topic) {
        self.cells[usize::from(topic.0)].fetch_add(1, Ordering::Release);
    }
}

const TOPICS: usize = 4096;
/// Cells of topics that have a name, which come before those of keys.
const OWN_CELLS: u64 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_spread_over_all_cells_but_the_named_ones() {
        let mut counts = vec![0; TOPICS];
        for number in 0..TOPICS * 16 {
            counts[usize::from(Topic::of(format!("product-{number}").as_bytes()).0)] += 1;
        }
        assert_eq!(counts[0], 0);
        assert!(counts[1..].iter().all(|count| (1..=48).contains(count)));
    }

    #[test]
    fn a_generation_moves_alone() {
        let generations = Generations::new();
        generations.advance(Topic::CATALOG);
        assert_eq!(generations.of(Topic::CATALOG), 1);
        assert_eq!(generations.of(Topic(1)), 0);
    }
}
