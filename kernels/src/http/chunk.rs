//! The chunked transfer coding, decoded without I/O and without copies.

use core::ops::Range;

use super::class::{CONTROL, TOKEN};

/// Decodes a chunked body (RFC 9112, section 7.1) as its bytes arrive, however they are cut.
///
/// Chunk extensions are bounded and ignored; trailers are bounded, held to the rules of header
/// lines and dropped, as RFC 9110 section 6.5.1 allows.
#[derive(Clone, Debug)]
pub struct ChunkDecoder {
    state: State,
    /// What is left of the chunk; while its size line is read, the size so far.
    chunk_bytes: u64,
    /// Digits of the size, bytes of the extension or bytes of the trailers so far.
    line_bytes: usize,
}

/// What one call of [`ChunkDecoder::decode`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkStep {
    /// Bytes of the input that are dealt with; the next call starts after them.
    pub consumed: usize,
    /// What they brought.
    pub event: ChunkEvent,
}

/// What the consumed bytes brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChunkEvent {
    /// A piece of the body: this range of the input, never empty.
    Data(Range<usize>),
    /// The body has ended; what follows `consumed` is the next request.
    Done,
    /// The whole input is consumed and the body goes on.
    NeedMore,
}

/// Why a chunked body is refused. Framing is lost: the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChunkFault {
    /// A chunk size that is empty or has a byte that is no hexadecimal digit.
    BadSize,
    /// A chunk size of more than 16 digits.
    SizeOverflow,
    /// A control character in a chunk extension.
    BadExtension,
    /// A chunk extension of more than [`EXTENSION_BYTES_MAX`] bytes.
    ExtensionTooLong,
    /// A chunk that does not end where its size says.
    MissingChunkEnd,
    /// A line feed without the carriage return before it.
    BareLf,
    /// A carriage return without the line feed after it.
    BareCr,
    /// A trailer line that is no header line.
    BadTrailer,
    /// Trailers of more than [`TRAILER_BYTES_MAX`] bytes.
    TrailersTooLong,
}

impl ChunkFault {
    /// The HTTP status that answers this fault: 400 or 431.
    pub const fn status(self) -> u16 {
        match self {
            ChunkFault::BadSize
            | ChunkFault::SizeOverflow
            | ChunkFault::BadExtension
            | ChunkFault::ExtensionTooLong
            | ChunkFault::MissingChunkEnd
            | ChunkFault::BareLf
            | ChunkFault::BareCr
            | ChunkFault::BadTrailer => 400,
            ChunkFault::TrailersTooLong => 431,
        }
    }

    /// A plain sentence for the client.
    pub const fn as_str(self) -> &'static str {
        match self {
            ChunkFault::BadSize => "a chunk's size is malformed",
            ChunkFault::SizeOverflow => "a chunk's size is too large",
            ChunkFault::BadExtension => "a chunk's extension holds a control character",
            ChunkFault::ExtensionTooLong => "a chunk's extension is too long",
            ChunkFault::MissingChunkEnd => "a chunk does not end where its size says",
            ChunkFault::BareLf => "a line of the chunked body ends in LF without CR",
            ChunkFault::BareCr => "a CR of the chunked body is not followed by LF",
            ChunkFault::BadTrailer => "a trailer line is malformed",
            ChunkFault::TrailersTooLong => "the trailers are too long",
        }
    }
}

impl core::fmt::Display for ChunkFault {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl core::error::Error for ChunkFault {}

impl ChunkDecoder {
    /// A decoder at the first chunk's size.
    pub const fn new() -> ChunkDecoder {
        ChunkDecoder {
            state: State::Size,
            chunk_bytes: 0,
            line_bytes: 0,
        }
    }

    /// Decodes up to the first piece of data, the end of the body or the end of the input.
    ///
    /// After a fault or [`ChunkEvent::Done`] the decoder is spent: it consumes nothing more and
    /// answers the same again.
    pub fn decode(&mut self, input: &[u8]) -> Result<ChunkStep, ChunkFault> {
        let mut at = 0;
        loop {
            match self.state {
                State::Done => {
                    return Ok(ChunkStep {
                        consumed: at,
                        event: ChunkEvent::Done,
                    });
                }
                State::Failed(fault) => return Err(fault),
                State::Data if at < input.len() => {
                    let left = (input.len() - at) as u64;
                    let end = at + self.chunk_bytes.min(left) as usize;
                    self.chunk_bytes -= (end - at) as u64;
                    if self.chunk_bytes == 0 {
                        self.state = State::ChunkCr;
                    }
                    return Ok(ChunkStep {
                        consumed: end,
                        event: ChunkEvent::Data(at..end),
                    });
                }
                State::Data
                | State::Size
                | State::Extension
                | State::SizeLf
                | State::ChunkCr
                | State::ChunkLf
                | State::TrailerStart
                | State::TrailerName
                | State::TrailerValue
                | State::TrailerLf
                | State::LastLf => {}
            }
            let Some(&byte) = input.get(at) else {
                return Ok(ChunkStep {
                    consumed: at,
                    event: ChunkEvent::NeedMore,
                });
            };
            self.state = self.step(byte).unwrap_or_else(State::Failed);
            at += 1;
        }
    }

    /// The state after one byte outside of chunk data.
    fn step(&mut self, byte: u8) -> Result<State, ChunkFault> {
        match self.state {
            State::Size => self.size(byte),
            State::Extension => self.extension(byte),
            State::SizeLf if byte != b'\n' => Err(ChunkFault::BareCr),
            State::SizeLf if self.chunk_bytes == 0 => {
                self.line_bytes = 0;
                Ok(State::TrailerStart)
            }
            State::SizeLf => Ok(State::Data),
            State::ChunkCr => match byte {
                b'\r' => Ok(State::ChunkLf),
                b'\n' => Err(ChunkFault::BareLf),
                _ => Err(ChunkFault::MissingChunkEnd),
            },
            State::ChunkLf if byte != b'\n' => Err(ChunkFault::BareCr),
            State::ChunkLf => {
                self.line_bytes = 0;
                Ok(State::Size)
            }
            State::TrailerStart
            | State::TrailerName
            | State::TrailerValue
            | State::TrailerLf
            | State::LastLf => self.trailer(byte),
            State::Data | State::Done | State::Failed(_) => unreachable!("`decode` answers these"),
        }
    }

    fn size(&mut self, byte: u8) -> Result<State, ChunkFault> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\n' => return Err(ChunkFault::BareLf),
            b'\r' if self.line_bytes > 0 => return Ok(State::SizeLf),
            b';' if self.line_bytes > 0 => {
                self.line_bytes = 1;
                return Ok(State::Extension);
            }
            _ => return Err(ChunkFault::BadSize),
        };
        if self.line_bytes == SIZE_DIGITS_MAX {
            return Err(ChunkFault::SizeOverflow);
        }
        self.line_bytes += 1;
        self.chunk_bytes = self.chunk_bytes << 4 | u64::from(digit);
        Ok(State::Size)
    }

    fn extension(&mut self, byte: u8) -> Result<State, ChunkFault> {
        match byte {
            b'\r' => return Ok(State::SizeLf),
            b'\n' => return Err(ChunkFault::BareLf),
            _ if CONTROL.contains(byte) => return Err(ChunkFault::BadExtension),
            _ => {}
        }
        if self.line_bytes == EXTENSION_BYTES_MAX {
            return Err(ChunkFault::ExtensionTooLong);
        }
        self.line_bytes += 1;
        Ok(State::Extension)
    }

    fn trailer(&mut self, byte: u8) -> Result<State, ChunkFault> {
        if self.line_bytes == TRAILER_BYTES_MAX {
            return Err(ChunkFault::TrailersTooLong);
        }
        self.line_bytes += 1;
        match (self.state, byte) {
            (State::TrailerLf, b'\n') => Ok(State::TrailerStart),
            (State::LastLf, b'\n') => Ok(State::Done),
            (State::TrailerLf | State::LastLf, _) => Err(ChunkFault::BareCr),
            (_, b'\n') => Err(ChunkFault::BareLf),
            (State::TrailerStart, b'\r') => Ok(State::LastLf),
            (State::TrailerName, b':') => Ok(State::TrailerValue),
            (State::TrailerValue, b'\r') => Ok(State::TrailerLf),
            (State::TrailerValue, _) if !CONTROL.contains(byte) => Ok(State::TrailerValue),
            (State::TrailerStart | State::TrailerName, _) if TOKEN.contains(byte) => {
                Ok(State::TrailerName)
            }
            (_, _) => Err(ChunkFault::BadTrailer),
        }
    }
}

impl Default for ChunkDecoder {
    fn default() -> ChunkDecoder {
        ChunkDecoder::new()
    }
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    Extension,
    SizeLf,
    Data,
    ChunkCr,
    ChunkLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    LastLf,
    Done,
    Failed(ChunkFault),
}

/// Hexadecimal digits of a size: 16 fill a `u64`.
const SIZE_DIGITS_MAX: usize = 16;

/// The longest chunk extension, its semicolon included. An extension costs the peer a byte on
/// the wire for each byte of ours, and nobody reads it.
pub const EXTENSION_BYTES_MAX: usize = 256;

/// The longest trailer section, its last empty line included.
pub const TRAILER_BYTES_MAX: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The body and the count of consumed bytes, with the input cut at `cuts`.
    fn decode(input: &[u8], cuts: &[usize]) -> Result<(Vec<u8>, Option<usize>), ChunkFault> {
        let mut decoder = ChunkDecoder::new();
        let mut body = Vec::new();
        let mut at = 0;
        for end in cuts.iter().copied().chain([input.len()]) {
            loop {
                let piece = &input[at..end.max(at)];
                let step = decoder.decode(piece)?;
                assert!(step.consumed <= piece.len());
                match step.event {
                    ChunkEvent::Data(range) => {
                        assert!(!range.is_empty() && range.end == step.consumed);
                        body.extend_from_slice(&piece[range]);
                        at += step.consumed;
                    }
                    ChunkEvent::Done => return Ok((body, Some(at + step.consumed))),
                    ChunkEvent::NeedMore => {
                        assert_eq!(step.consumed, piece.len());
                        at += step.consumed;
                        break;
                    }
                }
            }
        }
        Ok((body, None))
    }

    /// The same answer whole, byte by byte and cut once anywhere.
    fn decode_every_way(input: &[u8]) -> Result<(Vec<u8>, Option<usize>), ChunkFault> {
        let whole = decode(input, &[]);
        let every: Vec<usize> = (0..=input.len()).collect();
        assert_eq!(
            decode(input, &every),
            whole,
            "byte by byte: {}",
            input.escape_ascii()
        );
        for cut in every {
            assert_eq!(
                decode(input, &[cut]),
                whole,
                "cut at {cut}: {}",
                input.escape_ascii()
            );
        }
        whole
    }

    #[test]
    fn bodies() {
        for (input, body) in [
            ("0\r\n\r\n", ""),
            ("5\r\nhello\r\n0\r\n\r\n", "hello"),
            ("5\r\nhello\r\n6\r\n world\r\n000\r\n\r\n", "hello world"),
            ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
            (
                "a;name=value;x=\"y\\z\"\r\n0123456789\r\n0;last\r\n\r\n",
                "0123456789",
            ),
            ("0000000000000003\r\nabc\r\n0\r\n\r\n", "abc"),
            ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
            ("1\r\nx\r\n0\r\nExpires: never\r\nX-Empty:\r\n\r\n", "x"),
        ] {
            let input = input.as_bytes();
            let expected = Ok((body.as_bytes().to_vec(), Some(input.len())));
            assert_eq!(
                decode_every_way(input),
                expected,
                "{}",
                input.escape_ascii()
            );
            let mut with_next = input.to_vec();
            with_next.extend_from_slice(b"GET / HTTP/1.1\r\n");
            assert_eq!(
                decode(&with_next, &[]),
                expected,
                "the next request is left alone"
            );
            for end in 0..input.len() {
                let (_, done) = decode(&input[..end], &[]).expect("a prefix has no fault");
                assert_eq!(done, None, "cut short at {end}: {}", input.escape_ascii());
            }
        }
    }

    #[test]
    fn faults() {
        let long_extension = format!("1;{}\r\n", "x".repeat(EXTENSION_BYTES_MAX));
        let long_trailer = format!("0\r\nX: {}\r\n\r\n", "x".repeat(TRAILER_BYTES_MAX));
        for (input, fault) in [
            ("\r\n", ChunkFault::BadSize),
            ("\n", ChunkFault::BareLf),
            (";x\r\n", ChunkFault::BadSize),
            ("g\r\n", ChunkFault::BadSize),
            ("-1\r\n", ChunkFault::BadSize),
            ("+1\r\n", ChunkFault::BadSize),
            ("0x1\r\n", ChunkFault::BadSize),
            (" 1\r\n", ChunkFault::BadSize),
            ("1 \r\n", ChunkFault::BadSize),
            ("1_0\r\n", ChunkFault::BadSize),
            ("1\u{ff11}\r\n", ChunkFault::BadSize),
            ("00000000000000001\r\n", ChunkFault::SizeOverflow),
            ("fffffffffffffffff\r\n", ChunkFault::SizeOverflow),
            ("1\nx", ChunkFault::BareLf),
            ("1\rx", ChunkFault::BareCr),
            ("1;a\nx", ChunkFault::BareLf),
            ("1;a\rx", ChunkFault::BareCr),
            ("1;a\0\r\n", ChunkFault::BadExtension),
            ("1;\x7f\r\n", ChunkFault::BadExtension),
            (long_extension.as_str(), ChunkFault::ExtensionTooLong),
            ("1\r\nxy\r\n", ChunkFault::MissingChunkEnd),
            ("1\r\nx0\r\n", ChunkFault::MissingChunkEnd),
            ("1\r\nx\n0\r\n", ChunkFault::BareLf),
            ("1\r\nx\rx", ChunkFault::BareCr),
            ("0\r\n\rx", ChunkFault::BareCr),
            ("0\r\n\n", ChunkFault::BareLf),
            ("0\r\n: x\r\n", ChunkFault::BadTrailer),
            ("0\r\nno colon\r\n", ChunkFault::BadTrailer),
            ("0\r\nX : y\r\n", ChunkFault::BadTrailer),
            ("0\r\n folded\r\n", ChunkFault::BadTrailer),
            ("0\r\nX: y\r\n\tfolded\r\n", ChunkFault::BadTrailer),
            ("0\r\nX: \0\r\n", ChunkFault::BadTrailer),
            ("0\r\nX\r\n", ChunkFault::BadTrailer),
            ("0\r\nX: y\n\r\n", ChunkFault::BareLf),
            ("0\r\nX: y\rz\r\n", ChunkFault::BareCr),
            (long_trailer.as_str(), ChunkFault::TrailersTooLong),
        ] {
            let input = input.as_bytes();
            if input.len() < 100 {
                assert_eq!(
                    decode_every_way(input),
                    Err(fault),
                    "{}",
                    input.escape_ascii()
                );
            }
            assert_eq!(decode(input, &[]), Err(fault), "{}", input.escape_ascii());
        }
    }

    #[test]
    fn the_bounds_themselves_are_allowed() {
        let extension = ";".repeat(EXTENSION_BYTES_MAX);
        let chunk = format!("1{extension}\r\nx\r\n0\r\n\r\n");
        assert_eq!(
            decode(chunk.as_bytes(), &[]),
            Ok((b"x".to_vec(), Some(chunk.len())))
        );
        let value = "x".repeat(TRAILER_BYTES_MAX - "X: \r\n\r\n".len());
        let trailers = format!("0\r\nX: {value}\r\n\r\n");
        assert_eq!(
            decode(trailers.as_bytes(), &[]),
            Ok((Vec::new(), Some(trailers.len())))
        );
        // The largest size is a promise and no allocation.
        let huge = b"ffffffffffffffff\r\ndata";
        assert_eq!(decode(huge, &[]), Ok((b"data".to_vec(), None)));
    }

    #[test]
    fn a_spent_decoder_says_the_same_again() {
        let mut decoder = ChunkDecoder::new();
        let done = ChunkStep {
            consumed: 5,
            event: ChunkEvent::Done,
        };
        assert_eq!(decoder.decode(b"0\r\n\r\nGET"), Ok(done));
        let again = ChunkStep {
            consumed: 0,
            event: ChunkEvent::Done,
        };
        assert_eq!(decoder.decode(b"GET"), Ok(again));
        let mut decoder = ChunkDecoder::new();
        assert_eq!(decoder.decode(b"x"), Err(ChunkFault::BadSize));
        assert_eq!(decoder.decode(b"0\r\n\r\n"), Err(ChunkFault::BadSize));
    }

    proptest! {
        #[test]
        fn chunks_of_any_size_cut_anywhere(
            chunks in proptest::collection::vec(
                proptest::collection::vec(any::<u8>(), 1..40), 0..6,
            ),
            cuts in proptest::collection::vec(0..400usize, 0..6),
        ) {
            let mut encoded = Vec::new();
            for chunk in &chunks {
                encoded.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                encoded.extend_from_slice(chunk);
                encoded.extend_from_slice(b"\r\n");
            }
            encoded.extend_from_slice(b"0\r\n\r\n");
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(encoded.len())).collect();
            cuts.sort_unstable();
            prop_assert_eq!(decode(&encoded, &cuts), Ok((chunks.concat(), Some(encoded.len()))));
        }

        #[test]
        fn any_bytes_have_one_answer_however_cut(
            input in "[0-9a-f;: \r\nxX]{0,40}",
        ) {
            let _ = decode_every_way(input.as_bytes());
        }
    }
}
