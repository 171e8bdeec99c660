//! Loads of a few bytes at once from any offset of the buffer.
#![allow(unsafe_code)] // one bounds check per load, where safe slicing makes two

/// A buffer to load words from. Words are little-endian: the first byte is the lowest.
#[derive(Clone, Copy)]
pub(super) struct Words<'b> {
    bytes: &'b [u8],
    /// The first offset that fewer than four bytes follow.
    fours_end: usize,
}

impl<'b> Words<'b> {
    #[inline(always)]
    pub(super) fn new(bytes: &'b [u8]) -> Words<'b> {
        Words {
            bytes,
            fours_end: bytes.len().saturating_sub(3),
        }
    }

    #[inline(always)]
    pub(super) fn bytes(self) -> &'b [u8] {
        self.bytes
    }

    /// The four bytes at `at`, if so many follow.
    #[inline(always)]
    pub(super) fn u32_at(self, at: usize) -> Option<u32> {
        if at >= self.fours_end {
            return None;
        }
        let start = self.bytes.as_ptr().wrapping_add(at).cast::<[u8; 4]>();
        // SAFETY: `at + 4` is at most the length of `bytes`, by the definition of `fours_end`;
        // an array of bytes has no alignment.
        Some(u32::from_le_bytes(unsafe { start.read() }))
    }

    /// The eight bytes at `at`, if so many follow.
    #[inline(always)]
    pub(super) fn u64_at(self, at: usize) -> Option<u64> {
        if at >= self.fours_end || at + 4 >= self.fours_end {
            return None;
        }
        let start = self.bytes.as_ptr().wrapping_add(at).cast::<[u8; 8]>();
        // SAFETY: `at + 8` is at most the length of `bytes`, by the definition of `fours_end`;
        // an array of bytes has no alignment.
        Some(u64::from_le_bytes(unsafe { start.read() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_there_exactly_when_all_its_bytes_are() {
        let bytes: Vec<u8> = (1..=20).collect();
        for length in 0..=bytes.len() {
            let words = Words::new(&bytes[..length]);
            for at in (0..=length + 1).chain([usize::MAX - 1, usize::MAX]) {
                let slice = |count: usize| bytes[..length].get(at..at.checked_add(count)?);
                let fold = |word: u64, byte: &u8| word << 8 | u64::from(*byte);
                let u32_slice = slice(4).map(|four| four.iter().rev().fold(0, fold));
                assert_eq!(
                    words.u32_at(at).map(u64::from),
                    u32_slice,
                    "{at} of {length}"
                );
                let u64_slice = slice(8).map(|eight| eight.iter().rev().fold(0, fold));
                assert_eq!(words.u64_at(at), u64_slice, "{at} of {length}");
            }
        }
    }
}
