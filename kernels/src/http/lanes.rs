//! The vector that the scans are written over.

use super::class::Class;

/// A vector of bytes. The implementors are the proofs of [`crate::level`]: whoever has a value
/// may run its instructions.
pub(super) trait Lanes: Copy {
    /// Bytes in a vector, at most 64.
    const BYTES: usize;

    /// A vector of bytes.
    type Vector: Copy;

    /// The vector at `at`.
    ///
    /// # Panics
    ///
    /// If fewer than `BYTES` bytes follow `at`.
    fn load(self, bytes: &[u8], at: usize) -> Self::Vector;

    /// The vector at `at` when the buffer ends inside it, zeros after the end; `None` where the
    /// instruction set cannot load without touching what follows the buffer.
    fn load_last(self, bytes: &[u8], at: usize) -> Option<Self::Vector>;

    /// Bit `n` is set when `class` holds byte `n`; no bit is set past `BYTES`.
    fn members(self, vector: Self::Vector, class: &Class) -> u64;

    /// Bit `n` is set when byte `n` is `byte`; no bit is set past `BYTES`.
    fn equals(self, vector: Self::Vector, byte: u8) -> u64;
}

/// The masks that `read` makes of the vector at `at`, where the buffer may end inside it. Bits
/// past the end of the buffer are unspecified.
#[inline(always)]
pub(super) fn masks<L: Lanes, const N: usize>(
    lanes: L,
    bytes: &[u8],
    at: usize,
    read: impl Fn(L::Vector) -> [u64; N],
) -> [u64; N] {
    let left = bytes.len() - at;
    if left >= L::BYTES {
        return read(lanes.load(bytes, at));
    }
    if let Some(vector) = lanes.load_last(bytes, at) {
        return read(vector);
    }
    if left > 0 && bytes.len() >= L::BYTES {
        // The last whole vector holds what is left in its upper lanes.
        let marks = read(lanes.load(bytes, bytes.len() - L::BYTES));
        return marks.map(|mask| mask >> (L::BYTES - left));
    }
    let mut padded = [0; LANES_MAX];
    padded[..left].copy_from_slice(&bytes[at..]);
    read(lanes.load(&padded, 0))
}

/// Bytes in the widest vector.
const LANES_MAX: usize = 64;
