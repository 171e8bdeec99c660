//! Finding where tokens, values and targets end: the scans that have a form per level.

use core::marker::PhantomData;

use super::class::{CONTROL, COOKIE_STOP, Class, DIGIT, REGISTERED_NAME, TARGET, TOKEN};
use super::lanes::{Lanes, Window};

/// Searches in one buffer. A search that finds nothing returns the length of the buffer.
pub(super) trait Scan: Copy {
    /// The scan of lines.
    type Lines: LineScan;

    /// Where the request line that starts at `start` has its parts, and a scan that stands there.
    fn request(self, start: usize) -> (RequestMarks, Self::Lines);

    /// What the bytes from `from` to `to` look like as the value of a Host header.
    fn host_shape(self, from: usize, to: usize) -> HostShape;
}

/// Searches that only go forward.
pub(super) trait LineScan {
    /// Moves on to `at`.
    fn seek(&mut self, at: usize);

    /// Moves over one byte.
    fn skip_byte(&mut self);

    /// Finds the next byte that is not a token's and moves past it.
    fn token_end(&mut self) -> usize;

    /// Finds the next byte that ends a value of the grammar and moves past it.
    fn value_end(&mut self) -> usize;
}

/// What a Host header looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostShape {
    /// A registered name or an IPv4 address, perhaps with a colon and at most four digits.
    Plain,
    /// Something else: an address in brackets, a very long name, a malformed host.
    Other,
}

/// Where a request line has its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestMarks {
    /// The first byte that a method may not hold.
    pub(super) method_end: usize,
    /// The first byte after `method_end` that a target may not hold.
    pub(super) target_end: usize,
    /// The first `?` of the target; `target_end` without one.
    pub(super) question: usize,
    /// The first `%` of the target; `target_end` without one.
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
    /// Where the next search starts.
    at: usize,
    grammar: PhantomData<G>,
}

impl<'b, G> Bytewise<'b, G> {
    pub(super) fn new(bytes: &'b [u8]) -> Bytewise<'b, G> {
        Bytewise {
            bytes,
            at: 0,
            grammar: PhantomData,
        }
    }

    #[inline(always)]
    fn position(&self, from: usize, stops: impl Fn(u8) -> bool) -> usize {
        let rest = self.bytes.get(from..).unwrap_or_default();
        let found = rest.iter().position(|&byte| stops(byte));
        found.map_or(self.bytes.len(), |offset| from + offset)
    }
}

impl<G> Clone for Bytewise<'_, G> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<G> Copy for Bytewise<'_, G> {}

impl<G: Grammar> Scan for Bytewise<'_, G> {
    type Lines = Self;

    #[inline(always)]
    fn request(self, start: usize) -> (RequestMarks, Self) {
        let method_end = self.position(start, |byte| !TOKEN.contains(byte));
        let target_start = method_end + 1;
        let target_end = self.position(target_start, |byte| !TARGET.contains(byte));
        let first = |mark| {
            let target = self.bytes.get(target_start..target_end).unwrap_or_default();
            let found = target.iter().position(|&byte| byte == mark);
            found.map_or(target_end, |offset| target_start + offset)
        };
        let (question, percent) = (first(b'?'), first(b'%'));
        (
            RequestMarks {
                method_end,
                target_end,
                question,
                percent,
            },
            self,
        )
    }

    #[inline(always)]
    fn host_shape(self, from: usize, to: usize) -> HostShape {
        let name_end = self.position(from, |byte| !REGISTERED_NAME.contains(byte));
        if name_end >= to {
            return HostShape::Plain;
        }
        let port_end = self.position(name_end + 1, |byte| !byte.is_ascii_digit());
        let is_port = self.bytes[name_end] == b':'
            && port_end >= to
            && to - (name_end + 1) <= PLAIN_PORT_BYTES_MAX;
        if is_port {
            HostShape::Plain
        } else {
            HostShape::Other
        }
    }
}

impl<G: Grammar> LineScan for Bytewise<'_, G> {
    #[inline(always)]
    fn seek(&mut self, at: usize) {
        self.at = at;
    }

    #[inline(always)]
    fn skip_byte(&mut self) {
        self.at += 1;
    }

    #[inline(always)]
    fn token_end(&mut self) -> usize {
        let end = self.position(self.at, |byte| !TOKEN.contains(byte));
        self.at = end + 1;
        end
    }

    #[inline(always)]
    fn value_end(&mut self) -> usize {
        let end = self.position(self.at, |byte| G::VALUE_STOP.contains(byte));
        self.at = end + 1;
        end
    }
}

/// A vector of bytes at a time.
pub(super) struct Vectors<'b, L, G> {
    lanes: L,
    bytes: &'b [u8],
    grammar: PhantomData<G>,
}

impl<'b, L: Lanes, G: Grammar> Vectors<'b, L, G> {
    #[inline(always)]
    pub(super) fn new(lanes: L, bytes: &'b [u8]) -> Vectors<'b, L, G> {
        Vectors {
            lanes,
            bytes,
            grammar: PhantomData,
        }
    }

    /// A scan of the lines that start at 0, which has loaded nothing: its first search will.
    pub(super) fn before_lines(self) -> Blocks<'b, L, G> {
        let base = 0usize.wrapping_sub(L::BYTES);
        Blocks {
            vectors: self,
            base,
            ahead: 0,
            token_stops: 0,
            value_stops: 0,
        }
    }

    /// The first byte at or after `from` that `class` does not hold.
    #[inline(always)]
    fn outside(self, class: &Class, from: usize) -> usize {
        let mut base = from;
        loop {
            let stops = Window::at(self.lanes, self.bytes, base).outside(class);
            if stops != 0 {
                return base + first_lane(stops);
            }
            base += L::BYTES;
        }
    }

    /// The marks of a request line whose target does not end in its first vector.
    #[inline(always)]
    fn long_request(self, start: usize) -> RequestMarks {
        let method_end = self.outside(&TOKEN, start);
        let absent = self.bytes.len();
        let mut marks = RequestMarks {
            method_end,
            target_end: absent,
            question: absent,
            percent: absent,
        };
        let mut base = absent.min(method_end + 1);
        loop {
            let window = Window::at(self.lanes, self.bytes, base);
            let stops = window.outside(&TARGET);
            let questions = window.equal(b'?') | stops;
            let percents = window.equal(b'%') | stops;
            if marks.question == absent && questions != 0 {
                marks.question = base + first_lane(questions);
            }
            if marks.percent == absent && percents != 0 {
                marks.percent = base + first_lane(percents);
            }
            if stops != 0 {
                marks.target_end = base + first_lane(stops);
                return marks;
            }
            base += L::BYTES;
        }
    }
}

impl<L: Copy, G> Clone for Vectors<'_, L, G> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L: Copy, G> Copy for Vectors<'_, L, G> {}

impl<'b, L: Lanes, G: Grammar> Scan for Vectors<'b, L, G> {
    type Lines = Blocks<'b, L, G>;

    #[inline(always)]
    fn request(self, start: usize) -> (RequestMarks, Blocks<'b, L, G>) {
        let window = Window::at(self.lanes, self.bytes, start);
        let method_stops = window.outside(&TOKEN);
        let after_method = after_first(method_stops);
        let stops = window.outside(&TARGET) & after_method;
        let blocks = Blocks {
            vectors: self,
            base: start,
            ahead: u64::MAX,
            token_stops: method_stops,
            value_stops: window.inside(G::VALUE_STOP),
        };
        if method_stops == 0 || stops == 0 {
            return (self.long_request(start), blocks);
        }
        let questions = window.equal(b'?') & after_method;
        let percents = window.equal(b'%') & after_method;
        let marks = RequestMarks {
            method_end: start + first_lane(method_stops),
            target_end: start + first_lane(stops),
            question: start + first_lane(questions | stops),
            percent: start + first_lane(percents | stops),
        };
        (marks, blocks)
    }

    #[inline(always)]
    fn host_shape(self, from: usize, to: usize) -> HostShape {
        let host_bytes = to - from;
        if host_bytes >= L::BYTES {
            return HostShape::Other;
        }
        let window = Window::at(self.lanes, self.bytes, from);
        let host = !(u64::MAX << host_bytes);
        let name_stops = window.outside(&REGISTERED_NAME) & host;
        if name_stops == 0 {
            return HostShape::Plain;
        }
        let port = after_first(name_stops) & host;
        let starts_port = window.equal(b':') & first_bit(name_stops) != 0;
        let is_port = window.outside(&DIGIT) & port == 0;
        if starts_port && is_port && port.count_ones() as usize <= PLAIN_PORT_BYTES_MAX {
            HostShape::Plain
        } else {
            HostShape::Other
        }
    }
}

/// The lines of a buffer, a vector at a time. The stops of the current vector are kept as bit
/// masks, so that a line inside it costs a few operations on bits.
pub(super) struct Blocks<'b, L, G> {
    vectors: Vectors<'b, L, G>,
    /// Where the current vector starts.
    base: usize,
    /// The lanes that the scan has not passed.
    ///
    /// A mask and no lane number: from one stop to the next it takes three operations of one
    /// cycle each, while counting zeros takes three cycles by itself.
    ahead: u64,
    /// Bit `n`: the byte at `base + n` is not a token's, or lies past the end of the buffer.
    token_stops: u64,
    /// Bit `n`: the byte at `base + n` ends a value, or lies past the end of the buffer.
    value_stops: u64,
}

impl<L: Lanes, G: Grammar> Blocks<'_, L, G> {
    /// Loads the vector at `base`, all of its lanes ahead.
    #[inline(always)]
    fn load(&mut self) {
        let window = Window::at(self.vectors.lanes, self.vectors.bytes, self.base);
        self.token_stops = window.outside(&TOKEN);
        self.value_stops = window.inside(G::VALUE_STOP);
        self.ahead = u64::MAX;
    }

    /// Moves on to the next vector. Vectors lie on a grid, whatever is found in them: so the
    /// processor loads and classifies the next ones while it walks the lines of this one.
    #[inline(always)]
    fn advance(&mut self) {
        self.base = self.base.wrapping_add(L::BYTES);
        self.load();
    }
}

impl<L: Lanes, G: Grammar> LineScan for Blocks<'_, L, G> {
    #[inline(always)]
    fn seek(&mut self, at: usize) {
        let lane = at - self.base;
        if lane < L::BYTES {
            self.ahead = u64::MAX << lane;
        } else {
            self.base = at;
            self.load();
        }
    }

    #[inline(always)]
    fn skip_byte(&mut self) {
        if self.ahead & Window::<L>::ALL_LANES == 0 {
            self.advance();
        }
        self.ahead &= self.ahead - 1;
    }

    #[inline(always)]
    fn token_end(&mut self) -> usize {
        loop {
            let stops = self.token_stops & self.ahead;
            if stops != 0 {
                self.ahead = after_first(stops);
                return self.base + first_lane(stops);
            }
            self.advance();
        }
    }

    #[inline(always)]
    fn value_end(&mut self) -> usize {
        loop {
            let stops = self.value_stops & self.ahead;
            if stops != 0 {
                self.ahead = after_first(stops);
                return self.base + first_lane(stops);
            }
            self.advance();
        }
    }
}

/// The lanes after the lowest set bit; none when no bit is set.
#[inline(always)]
fn after_first(mask: u64) -> u64 {
    !(mask ^ mask.wrapping_sub(1))
}

/// The lowest set bit alone.
#[inline(always)]
fn first_bit(mask: u64) -> u64 {
    mask & mask.wrapping_neg()
}

/// The lane of the lowest bit.
#[inline(always)]
fn first_lane(mask: u64) -> usize {
    mask.trailing_zeros() as usize
}

/// Digits of the longest port that needs no look at its value; one more may be past 65 535.
pub(super) const PLAIN_PORT_BYTES_MAX: usize = 4;
