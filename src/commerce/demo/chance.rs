//! Numbers that look like chance and come from a seed (SplitMix64).

/// A sequence of numbers.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The sequence of the n-th thing of a kind.
    pub fn of(kind: u64, number: u64) -> Chance {
        let mut chance = Chance(SEED ^ kind.rotate_left(32) ^ number);
        // Neighbours begin alike; one step parts them.
        Chance(chance.next())
    }

    /// The next number.
    #[expect(clippy::should_implement_trait, reason = "it has no end")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `count` less one.
    pub fn below(&mut self, count: u64) -> u64 {
        // The high half of the product: what is left of a bias is one in 2^64 / count.
        ((u128::from(self.next()) * u128::from(count)) >> 64) as u64
    }

    /// One of several.
    pub fn pick<'a, T: ?Sized>(&mut self, several: &[&'a T]) -> &'a T {
        several[self.below(several.len() as u64) as usize]
    }

    /// Bytes.
    pub fn bytes<const COUNT: usize>(&mut self) -> [u8; COUNT] {
        let mut bytes = [0; COUNT];
        for piece in bytes.chunks_mut(8) {
            piece.copy_from_slice(&self.next().to_le_bytes()[..piece.len()]);
        }
        bytes
    }
}

const SEED: u64 = 0x7468_6972_7465_656e;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_repeats_and_others_are_others() {
        let take = |mut chance: Chance| [chance.next(), chance.next(), chance.next()];
        assert_eq!(take(Chance::of(1, 7)), take(Chance::of(1, 7)));
        assert_ne!(take(Chance::of(1, 7)), take(Chance::of(1, 8)));
        assert_ne!(take(Chance::of(1, 7)), take(Chance::of(2, 7)));
    }

    #[test]
    fn numbers_stay_below_and_reach_everything() {
        let mut chance = Chance::of(0, 0);
        let mut seen = [false; 7];
        for _ in 0..1000 {
            seen[chance.below(7) as usize] = true;
        }
        assert_eq!(seen, [true; 7]);
    }
}
