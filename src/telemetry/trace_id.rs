//! Identifiers of requests: W3C trace context, and the id of X-Bun-Request-ID.

use std::fmt;

/// The id of a trace: what all requests that follow from one have in common. Never zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

/// The id of one step of a trace, `parent-id` in W3C's words. Never zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(u64);

/// Where a request stands in its trace: the `traceparent` header (W3C Trace Context, level 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace: TraceId,
    /// The step that sent the request.
    pub span: SpanId,
    /// Whether the caller records this trace.
    pub sampling: Sampling,
}

/// The `sampled` flag of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// The caller may have recorded it.
    Sampled,
    /// The caller did not record it.
    Unsampled,
}

/// A shard's source of ids. Its seed comes from the kernel; after that no id costs a system
/// call. Ids are unlikely to collide, not secret: who sees enough of them can tell the next.
pub struct IdSource {
    state: [u64; 4],
}

/// Bytes of a `traceparent` header that we write.
pub const TRACEPARENT_BYTES: usize = 55;

impl IdSource {
    /// A source with a seed of its own.
    ///
    /// # Errors
    /// The kernel gave no random bytes.
    pub fn from_kernel() -> Result<IdSource, getrandom::Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        Ok(IdSource::from_seed(seed))
    }

    /// A source that repeats: for tests and benches.
    pub fn from_seed(seed: [u8; 32]) -> IdSource {
        let mut state = [0; 4];
        for (word, bytes) in state.iter_mut().zip(seed.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        // The one state that xoshiro never leaves.
        if state == [0; 4] {
            state[0] = 1;
        }
        IdSource { state }
    }

    /// Another source, whose ids are not those of this one.
    pub fn split(&mut self) -> IdSource {
        let mut seed = [0; 32];
        for bytes in seed.as_chunks_mut::<8>().0 {
            *bytes = self.next_u64().to_le_bytes();
        }
        IdSource::from_seed(seed)
    }

    /// The number behind an X-Bun-Request-ID.
    #[inline]
    pub fn request_id(&mut self) -> u64 {
        self.next_u64()
    }

    /// A fresh span.
    #[inline]
    pub fn span_id(&mut self) -> SpanId {
        SpanId(self.next_u64().max(1))
    }

    /// The start of a trace.
    #[inline]
    pub fn trace_parent(&mut self) -> TraceParent {
        let high = u128::from(self.next_u64()) << 64;
        let trace = TraceId((high | u128::from(self.next_u64())).max(1));
        TraceParent {
            trace,
            span: self.span_id(),
            sampling: Sampling::Unsampled,
        }
    }

    /// The next step of a caller's trace, or the start of one where the caller sent none.
    #[inline]
    pub fn continue_trace(&mut self, caller: Option<TraceParent>) -> TraceParent {
        match caller {
            Some(caller) => TraceParent {
                span: self.span_id(),
                ..caller
            },
            None => self.trace_parent(),
        }
    }

    /// xoshiro256++ (Blackman and Vigna): 2^256 states, so that shards and restarts do not meet.
    #[inline]
    fn next_u64(&mut self) -> u64 {
        let [first, second, third, fourth] = self.state;
        let number = first
            .wrapping_add(fourth)
            .rotate_left(23)
            .wrapping_add(first);
        let (third, fourth) = (third ^ first, fourth ^ second);
        self.state = [
            first ^ fourth,
            second ^ third,
            third ^ (second << 17),
            fourth.rotate_left(45),
        ];
        number
    }
}

impl TraceParent {
    /// Reads a header. `None` for anything that the standard calls invalid (the trace is then
    /// started anew): wrong lengths, upper case, zero ids, version ff. A higher version than 00
    /// may go on after another dash.
    #[inline]
    pub fn parse(header: &[u8]) -> Option<TraceParent> {
        let (known, rest) = header.split_at_checked(TRACEPARENT_BYTES)?;
        let version = from_hex(&known[0..2])?;
        let ends_well = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.is_empty() || rest[0] == b'-',
        };
        let dashes = known[2] == b'-' && known[35] == b'-' && known[52] == b'-';
        let trace = from_hex(&known[3..35])?;
        let span = from_hex(&known[36..52])? as u64;
        let flags = from_hex(&known[53..55])?;
        if !ends_well || !dashes || trace == 0 || span == 0 {
            return None;
        }
        let sampling = if flags & 1 == 1 {
            Sampling::Sampled
        } else {
            Sampling::Unsampled
        };
        Some(TraceParent {
            trace: TraceId(trace),
            span: SpanId(span),
            sampling,
        })
    }

    /// The header, version 00.
    #[inline]
    pub fn to_header(&self) -> [u8; TRACEPARENT_BYTES] {
        let mut header = *b"00-tttttttttttttttttttttttttttttttt-ssssssssssssssss-00";
        header[3..35].copy_from_slice(&self.trace.to_hex());
        header[36..52].copy_from_slice(&hex(self.span.0));
        header[54] = match self.sampling {
            Sampling::Sampled => b'1',
            Sampling::Unsampled => b'0',
        };
        header
    }
}

impl TraceId {
    /// 32 hex digits, as logs and problem documents carry it.
    #[inline]
    pub fn to_hex(self) -> [u8; 32] {
        let mut text = [0; 32];
        text[..16].copy_from_slice(&hex((self.0 >> 64) as u64));
        text[16..].copy_from_slice(&hex(self.0 as u64));
        text
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

/// Sixteen hex digits in lower case.
#[inline]
pub fn hex(number: u64) -> [u8; 16] {
    let mut text = [0; 16];
    for (position, byte) in number.to_be_bytes().into_iter().enumerate() {
        text[2 * position] = HEX_DIGITS[usize::from(byte >> 4)];
        text[2 * position + 1] = HEX_DIGITS[usize::from(byte & 0xf)];
    }
    text
}

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// At most 32 digits, lower case only, as the standard says.
#[inline]
fn from_hex(text: &[u8]) -> Option<u128> {
    let mut number = 0;
    for &digit in text {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        number = number << 4 | u128::from(value);
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const EXAMPLE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn the_standards_example_round_trips() {
        let parent = TraceParent::parse(EXAMPLE.as_bytes()).unwrap();
        assert_eq!(
            parent.trace,
            TraceId(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c)
        );
        assert_eq!(parent.span, SpanId(0xb7ad_6b71_6920_3331));
        assert_eq!(parent.sampling, Sampling::Sampled);
        assert_eq!(parent.to_header(), EXAMPLE.as_bytes());
        assert_eq!(
            format!("{:?}", parent.trace),
            "0af7651916cd43dd8448eb211c80319c"
        );
    }

    #[test]
    fn what_the_standard_calls_invalid_is_refused() {
        let longer = format!("{EXAMPLE}-more");
        let later = EXAMPLE.replacen("00", "cc", 1);
        assert!(TraceParent::parse(later.as_bytes()).is_some());
        assert!(TraceParent::parse(format!("{later}-more").as_bytes()).is_some());
        for header in [
            "",
            "00",
            &EXAMPLE[..54],
            &longer,
            &format!("{later}."),
            &format!("{later}0"),
            &EXAMPLE.replacen("00", "ff", 1),
            &EXAMPLE.to_uppercase(),
            &EXAMPLE.replace('-', "_"),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
        ] {
            assert_eq!(TraceParent::parse(header.as_bytes()), None, "{header:?}");
        }
    }

    #[test]
    fn a_callers_trace_goes_on_with_a_span_of_ours() {
        let mut source = IdSource::from_kernel().unwrap();
        let caller = TraceParent::parse(EXAMPLE.as_bytes()).unwrap();
        let ours = source.continue_trace(Some(caller));
        assert_eq!((ours.trace, ours.sampling), (caller.trace, caller.sampling));
        assert_ne!(ours.span, caller.span);
        let fresh = source.continue_trace(None);
        assert_ne!(fresh.trace, caller.trace);
        assert_eq!(TraceParent::parse(&fresh.to_header()), Some(fresh));
    }

    #[test]
    fn the_generator_is_xoshiro256_plus_plus() {
        // First outputs for the state 1, 2, 3, 4, from the authors' C code.
        let mut seed = [0; 32];
        for word in 0..4 {
            seed[8 * word] = word as u8 + 1;
        }
        let mut source = IdSource::from_seed(seed);
        for expected in [
            41_943_041,
            58_720_359,
            3_588_806_011_781_223,
            3_591_011_842_654_386,
        ] {
            assert_eq!(source.next_u64(), expected);
        }
    }

    #[test]
    fn sources_differ_and_the_zero_seed_works() {
        let ids: HashSet<u64> = (0..64)
            .map(|_| IdSource::from_kernel().unwrap().request_id())
            .collect();
        assert_eq!(ids.len(), 64);
        let mut stuck = IdSource::from_seed([0; 32]);
        let numbers: HashSet<u64> = (0..64).map(|_| stuck.next_u64()).collect();
        assert!(numbers.len() > 60);
    }

    #[test]
    fn hex_keeps_leading_zeros() {
        assert_eq!(&hex(0x0123_4567_89ab_cdef), b"0123456789abcdef");
        assert_eq!(&hex(7), b"0000000000000007");
    }
}
