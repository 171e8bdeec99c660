//! Finding where tokens, values and targets end: the scans that have a form per level.

use core::marker::PhantomData;

use super::class::{CONTROL, COOKIE_STOP, Class, TARGET, TOKEN};
use super::lanes::{Lanes, masks};

/// Searches in one buffer. A search that finds nothing returns the length of the buffer.
///
/// Searches of one scan go forward: `from` never decreases from call to call.
pub(super) trait Scan {
    /// The first byte at or after `from` that is not a token's.
    fn token_end(&mut self, from: usize) -> usize;

    /// The first byte at or after `from` that ends a value of this grammar.
    fn value_end(&mut self, from: usize) -> usize;

    /// Where the request target that starts at `from` ends and divides.
    fn target(&self, from: usize) -> TargetMarks;

    /// The first byte at or after `from` that `class` does not hold.
    fn outside(&self, class: &'static Class, from: usize) -> usize;
}

/// Where a request target ends and divides. An absent mark is the length of the buffer or
/// some offset at or after `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TargetMarks {
    /// The first byte that a target may not hold.
    pub(super) end: usize,
    /// The first `?`.
    pub(super) question: usize,
    /// The first `%`.
    pub(super) percent: usize,
}

/// What ends a value, by the format that is scanned.
pub(super) trait Grammar {
    /// The bytes that end a value or must not be in one.
    const VALUE_STOP: &'static Class;
}

/// Header lines of a request head.
pub(super) struct HeaderLines;

impl Grammar for HeaderLines {
    const VALUE_STOP: &'static Class = &CONTROL;
}

/// Pairs of a Cookie header.
pub(super) struct CookiePairs;

impl Grammar for CookiePairs {
    const VALUE_STOP: &'static Class = &COOKIE_STOP;
}

/// One byte after the other: the oracle.
pub(super) struct Bytewise<'b, G> {
    bytes: &'b [u8],
    grammar: PhantomData<G>,
}

impl<'b, G> Bytewise<'b, G> {
    pub(super) fn new(bytes: &'b [u8]) -> Bytewise<'b, G> {
        Bytewise {
            bytes,
            grammar: PhantomData,
        }
    }

    #[inline(always)]
    fn position(&self, from: usize, stops: impl Fn(u8) -> bool) -> usize {
        let found = self.bytes[from..].iter().position(|&byte| stops(byte));
        found.map_or(self.bytes.len(), |offset| from + offset)
    }
}

impl<G: Grammar> Scan for Bytewise<'_, G> {
    #[inline(always)]
    fn token_end(&mut self, from: usize) -> usize {
        self.position(from, |byte| !TOKEN.contains(byte))
    }

    #[inline(always)]
    fn value_end(&mut self, from: usize) -> usize {
        self.position(from, |byte| G::VALUE_STOP.contains(byte))
    }

    #[inline(always)]
    fn target(&self, from: usize) -> TargetMarks {
        TargetMarks {
            end: self.position(from, |byte| !TARGET.contains(byte)),
            question: self.position(from, |byte| byte == b'?' || !TARGET.contains(byte)),
            percent: self.position(from, |byte| byte == b'%' || !TARGET.contains(byte)),
        }
    }

    #[inline(always)]
    fn outside(&self, class: &'static Class, from: usize) -> usize {
        self.position(from, |byte| !class.contains(byte))
    }
}

/// A vector of bytes at a time. The stops of the current vector are kept as bit masks, so that
/// the lines inside it cost a shift and a count of zeros each.
pub(super) struct Blocks<'b, L, G> {
    lanes: L,
    bytes: &'b [u8],
    /// Where the current vector starts.
    base: usize,
    /// Bit `n`: the byte at `base + n` is not a token's. Set past the end of the buffer.
    token_stops: u64,
    /// Bit `n`: the byte at `base + n` ends a value. Set past the end of the buffer.
    value_stops: u64,
    grammar: PhantomData<G>,
}

impl<'b, L: Lanes, G: Grammar> Blocks<'b, L, G> {
    #[inline(always)]
    pub(super) fn new(lanes: L, bytes: &'b [u8]) -> Blocks<'b, L, G> {
        let mut blocks = Blocks {
            lanes,
            bytes,
            base: 0,
            token_stops: 0,
            value_stops: 0,
            grammar: PhantomData,
        };
        blocks.load();
        blocks
    }

    #[inline(always)]
    fn load(&mut self) {
        let lanes = self.lanes;
        let [tokens, values] = masks(lanes, self.bytes, self.base, |vector| {
            [
                !lanes.members(vector, &TOKEN),
                lanes.members(vector, G::VALUE_STOP),
            ]
        });
        let past_end = past_end(self.bytes.len() - self.base);
        self.token_stops = tokens | past_end;
        self.value_stops = values | past_end;
    }

    /// The first set bit at or after `from` of the mask that `stops` picks.
    #[inline(always)]
    fn find(&mut self, mut from: usize, stops: impl Fn(&Self) -> u64) -> usize {
        loop {
            debug_assert!(from >= self.base && from <= self.bytes.len());
            let offset = from - self.base;
            if offset < L::BYTES {
                let ahead = (stops(self) & lane_bits::<L>()) >> offset;
                if ahead != 0 {
                    return from + ahead.trailing_zeros() as usize;
                }
                from = self.base + L::BYTES;
            }
            self.base += L::BYTES;
            self.load();
        }
    }

    /// The first byte at or after `from` where one of the masks that `read` makes has a bit, for
    /// each of them; those without one before the first mask's are anywhere after it.
    #[inline(always)]
    fn first<const N: usize>(
        &self,
        from: usize,
        read: impl Fn(L::Vector) -> [u64; N],
    ) -> [usize; N] {
        let mut found = [self.bytes.len(); N];
        let mut base = from;
        loop {
            let mut marks = masks(self.lanes, self.bytes, base, &read);
            marks[0] |= past_end(self.bytes.len() - base);
            for index in 0..N {
                let mark = marks[index] & lane_bits::<L>();
                if found[index] == self.bytes.len() && mark != 0 {
                    found[index] = base + mark.trailing_zeros() as usize;
                }
            }
            if marks[0] & lane_bits::<L>() != 0 {
                return found;
            }
            base += L::BYTES;
        }
    }
}

impl<L: Lanes, G: Grammar> Scan for Blocks<'_, L, G> {
    #[inline(always)]
    fn token_end(&mut self, from: usize) -> usize {
        self.find(from, |blocks| blocks.token_stops)
    }

    #[inline(always)]
    fn value_end(&mut self, from: usize) -> usize {
        self.find(from, |blocks| blocks.value_stops)
    }

    #[inline(always)]
    fn target(&self, from: usize) -> TargetMarks {
        let lanes = self.lanes;
        let [end, question, percent] = self.first(from, |vector| {
            [
                !lanes.members(vector, &TARGET),
                lanes.equals(vector, b'?'),
                lanes.equals(vector, b'%'),
            ]
        });
        TargetMarks {
            end,
            question,
            percent,
        }
    }

    #[inline(always)]
    fn outside(&self, class: &'static Class, from: usize) -> usize {
        let [end] = self.first(from, |vector| [!self.lanes.members(vector, class)]);
        end
    }
}

/// The mask bits that a vector of `L` has.
#[inline(always)]
fn lane_bits<L: Lanes>() -> u64 {
    if L::BYTES == 64 {
        u64::MAX
    } else {
        (1 << L::BYTES) - 1
    }
}

/// The mask bits at and after `left`.
#[inline(always)]
fn past_end(left: usize) -> u64 {
    if left < 64 { u64::MAX << left } else { 0 }
}
