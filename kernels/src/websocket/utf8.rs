//! UTF-8 of text messages, checked while their fragments arrive.
#![allow(unsafe_code)] // calls of simdutf8's instantiations, each proved by its level

use crate::level::Level;

/// The text is not UTF-8: close code 1007 answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Utf8Fault;

impl core::fmt::Display for Utf8Fault {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("the text is not UTF-8")
    }
}

impl core::error::Error for Utf8Fault {}

/// Checks one text after the other, each piece by piece.
///
/// A fault is reported with the first byte after which no continuation could be UTF-8.
#[derive(Clone, Debug)]
pub struct Utf8Stream {
    level: Level,
    /// The start of a character that the last piece cut.
    carry: [u8; CHARACTER_BYTES_MAX],
    carry_bytes: usize,
}

impl Utf8Stream {
    /// A checker at the start of a text.
    pub const fn new(level: Level) -> Utf8Stream {
        Utf8Stream {
            level,
            carry: [0; CHARACTER_BYTES_MAX],
            carry_bytes: 0,
        }
    }

    /// Checks the next piece of the text. After a fault the checker must not be used again.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), Utf8Fault> {
        let rest = self.complete_carry(piece)?;
        let whole_bytes = rest.len() - cut_character_bytes(rest);
        let (whole, cut) = rest.split_at(whole_bytes);
        if !is_utf8(self.level, whole) {
            return Err(Utf8Fault);
        }
        if !cut.is_empty() {
            prefix_state(cut)?;
            self.carry[..cut.len()].copy_from_slice(cut);
            self.carry_bytes = cut.len();
        }
        Ok(())
    }

    /// Ends the text: a cut character is a fault. The checker is then at the start of the next.
    pub fn finish(&mut self) -> Result<(), Utf8Fault> {
        let cut = core::mem::take(&mut self.carry_bytes) > 0;
        if cut { Err(Utf8Fault) } else { Ok(()) }
    }

    /// Feeds the cut character until it is whole; returns what is left of the piece.
    fn complete_carry<'p>(&mut self, piece: &'p [u8]) -> Result<&'p [u8], Utf8Fault> {
        let mut rest = piece;
        while self.carry_bytes > 0
            && let [byte, after @ ..] = rest
        {
            self.carry[self.carry_bytes] = *byte;
            self.carry_bytes += 1;
            rest = after;
            if prefix_state(&self.carry[..self.carry_bytes])? == PrefixState::Whole {
                self.carry_bytes = 0;
            }
        }
        Ok(rest)
    }
}

#[derive(PartialEq, Eq)]
enum PrefixState {
    Whole,
    Cut,
}

/// Whether at most one character is whole or only cut.
fn prefix_state(bytes: &[u8]) -> Result<PrefixState, Utf8Fault> {
    match core::str::from_utf8(bytes) {
        Ok(_) => Ok(PrefixState::Whole),
        Err(error) if error.error_len().is_none() => Ok(PrefixState::Cut),
        Err(_) => Err(Utf8Fault),
    }
}

/// Length of the character that the end of `bytes` may cut; its bytes are not yet checked.
fn cut_character_bytes(bytes: &[u8]) -> usize {
    for back in 1..CHARACTER_BYTES_MAX.min(bytes.len() + 1) {
        let character_bytes = match bytes[bytes.len() - back] {
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
            0x00..=0x7f => 1,
        };
        return if character_bytes > back { back } else { 0 };
    }
    0
}

fn is_utf8(level: Level, bytes: &[u8]) -> bool {
    #[cfg(target_arch = "x86_64")]
    use simdutf8::basic::imp::x86;

    if bytes.len() < VECTOR_BYTES_MIN {
        return core::str::from_utf8(bytes).is_ok();
    }
    match level {
        Level::Scalar => core::str::from_utf8(bytes).is_ok(),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the proof holds SSE4.2, the feature that the function asks for.
        Level::Sse42(_) => unsafe { x86::sse42::validate_utf8(bytes) }.is_ok(),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: both proofs hold AVX2, the feature that the function asks for.
        Level::Avx2(_) | Level::Avx512(_) => unsafe { x86::avx2::validate_utf8(bytes) }.is_ok(),
    }
}

/// Length of the longest character.
const CHARACTER_BYTES_MAX: usize = 4;

/// The shortest text that vectors check sooner than the standard library does.
const VECTOR_BYTES_MIN: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Texts that are UTF-8, texts that are not, and texts that are cut.
    const TEXTS: [(&[u8], bool); 24] = [
        (b"", true),
        (b"plain", true),
        ("\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}".as_bytes(), true),
        (b"\xc2\x80\xdf\xbf", true),
        (b"\xe0\xa0\x80\xef\xbf\xbf", true),
        (b"\xed\x9f\xbf\xee\x80\x80", true),
        (b"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", true),
        (b"\x00\x7f", true),
        (b"\x80", false),
        (b"\xbf", false),
        (b"\xc0\x80", false),
        (b"\xc1\xbf", false),
        (b"\xc2", false),
        (b"\xc2\x41", false),
        (b"\xe0\x9f\xbf", false),
        (b"\xe2\x82", false),
        (b"\xed\xa0\x80", false),
        (b"\xf0\x8f\xbf\xbf", false),
        (b"\xf0\x9f\x99", false),
        (b"\xf4\x90\x80\x80", false),
        (b"\xf5\x80\x80\x80", false),
        (b"\xf8\x88\x80\x80\x80", false),
        (b"\xfe", false),
        (b"\xff", false),
    ];

    fn check(level: Level, pieces: &[&[u8]]) -> Result<(), Utf8Fault> {
        let mut stream = Utf8Stream::new(level);
        for piece in pieces {
            stream.push(piece)?;
        }
        stream.finish()
    }

    #[test]
    fn texts_whole_and_cut_anywhere_at_every_level() {
        for level in Level::all_available() {
            for (text, valid) in TEXTS {
                // A long neighbour, so that the vectors see the text too.
                for padding in [0, 63, 64, 200] {
                    let mut padded = vec![b'a'; padding];
                    padded.extend_from_slice(text);
                    for cut in 0..=padded.len() {
                        let (first, second) = padded.split_at(cut);
                        let is_valid = check(level, &[first, second]).is_ok();
                        assert_eq!(is_valid, valid, "{text:x?} at {cut}, {}", level.name());
                    }
                    let single: Vec<&[u8]> = padded.chunks(1).collect();
                    assert_eq!(
                        check(level, &single).is_ok(),
                        valid,
                        "{text:x?} byte by byte"
                    );
                }
            }
        }
    }

    #[test]
    fn a_prefix_that_cannot_become_valid_fails_at_once() {
        // The Autobahn cases 6.4: valid text, then a character past U+10FFFF, cut inside.
        let text = "\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}";
        for level in Level::all_available() {
            let mut stream = Utf8Stream::new(level);
            assert_eq!(stream.push(text.as_bytes()), Ok(()));
            assert_eq!(stream.push(b"\xf4"), Ok(()));
            assert_eq!(stream.push(b"\x90"), Err(Utf8Fault));
            let mut stream = Utf8Stream::new(level);
            assert_eq!(stream.push(b"edited \xf4\x90"), Err(Utf8Fault));
            let mut stream = Utf8Stream::new(level);
            assert_eq!(stream.push(b"surrogate \xed"), Ok(()));
            assert_eq!(stream.push(b"\xa0"), Err(Utf8Fault));
        }
    }

    #[test]
    fn the_checker_serves_one_text_after_the_other() {
        let mut stream = Utf8Stream::new(Level::detect());
        assert_eq!(stream.push(b"cut \xe2\x82"), Ok(()));
        assert_eq!(stream.finish(), Err(Utf8Fault));
        assert_eq!(stream.push("whole \u{20ac}".as_bytes()), Ok(()));
        assert_eq!(stream.finish(), Ok(()));
    }

    proptest! {
        #[test]
        fn agrees_with_the_standard_library(
            text in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..40),
                ".{0,100}".prop_map(String::into_bytes),
                (".{0,100}", any::<u8>(), 0..400usize).prop_map(|(text, byte, at)| {
                    let mut text = text.into_bytes();
                    if !text.is_empty() {
                        let at = at % text.len();
                        text[at] = byte;
                    }
                    text
                }),
            ],
            cuts in proptest::collection::vec(0..400usize, 0..4),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut start = 0;
            for cut in cuts {
                pieces.push(&text[start..cut]);
                start = cut;
            }
            pieces.push(&text[start..]);
            let valid = core::str::from_utf8(&text).is_ok();
            for level in Level::all_available() {
                prop_assert_eq!(check(level, &pieces).is_ok(), valid, "{}", level.name());
            }
        }

        #[test]
        fn fails_with_the_first_hopeless_byte(
            text in proptest::collection::vec(
                prop_oneof![Just(0x80), Just(0x90), Just(0xa0), Just(0xe2), Just(0xed),
                    Just(0xf0), Just(0xf4), any::<u8>()],
                0..8,
            ),
        ) {
            let is_hopeless = |end: usize| {
                core::str::from_utf8(&text[..end]).is_err_and(|error| error.error_len().is_some())
            };
            let first_hopeless = (1..=text.len()).find(|&end| is_hopeless(end));
            for level in Level::all_available() {
                let mut stream = Utf8Stream::new(level);
                let failed = text.iter().position(|byte| stream.push(&[*byte]).is_err());
                prop_assert_eq!(failed.map(|index| index + 1), first_hopeless);
            }
        }
    }
}
