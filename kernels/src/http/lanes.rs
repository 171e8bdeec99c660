//! The vector that the scans are written over.

use super::class::Class;

/// A vector of bytes. The implementors are the proofs of [`crate::level`]: whoever has a value
/// may run its instructions.
pub(crate) trait Lanes: Copy {
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

/// A vector somewhere in a buffer that may end inside it.
#[derive(Clone, Copy)]
pub(crate) struct Window<L: Lanes> {
    lanes: L,
    vector: L::Vector,
    /// How many lanes of the vector lie before the window.
    shift: u32,
    /// The lanes of the window that lie past the end of the buffer.
    past_end: u64,
}

impl<L: Lanes> Window<L> {
    /// The window at `at`, which is at most the length of `bytes`.
    #[inline(always)]
    pub(crate) fn at(lanes: L, bytes: &[u8], at: usize) -> Window<L> {
        let left = bytes.len() - at;
        if left >= L::BYTES {
            return Window {
                lanes,
                vector: lanes.load(bytes, at),
                shift: 0,
                past_end: 0,
            };
        }
        let past_end = u64::MAX << left & Self::ALL_LANES;
        if let Some(vector) = lanes.load_last(bytes, at) {
            return Window {
                lanes,
                vector,
                shift: 0,
                past_end,
            };
        }
        if left > 0 && bytes.len() >= L::BYTES {
            // The last whole vector holds what is left in its upper lanes.
            let vector = lanes.load(bytes, bytes.len() - L::BYTES);
            return Window {
                lanes,
                vector,
                shift: (L::BYTES - left) as u32,
                past_end,
            };
        }
        let mut padded = [0; LANES_MAX];
        padded[..left].copy_from_slice(&bytes[at..]);
        Window {
            lanes,
            vector: lanes.load(&padded, 0),
            shift: 0,
            past_end,
        }
    }

    /// Bit `n` is set when `class` holds byte `n`, and past the end of the buffer.
    #[inline(always)]
    pub(crate) fn inside(&self, class: &Class) -> u64 {
        self.lanes.members(self.vector, class) >> self.shift | self.past_end
    }

    /// Bit `n` is set when `class` does not hold byte `n`, and past the end of the buffer.
    #[inline(always)]
    pub(crate) fn outside(&self, class: &Class) -> u64 {
        let members = self.lanes.members(self.vector, class);
        (members ^ Self::ALL_LANES) >> self.shift | self.past_end
    }

    /// Bit `n` is set when byte `n` is `byte`. Bits past the end of the buffer are unspecified.
    #[inline(always)]
    pub(crate) fn equal(&self, byte: u8) -> u64 {
        self.lanes.equals(self.vector, byte) >> self.shift
    }

    /// The bits that a mask of a vector has.
    pub(crate) const ALL_LANES: u64 = u64::MAX >> (u64::BITS as usize - L::BYTES);
}

/// Bytes in the widest vector.
const LANES_MAX: usize = 64;
