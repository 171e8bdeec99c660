//! The shape of a proxy token: three base64url parts. Whether it holds is verified elsewhere.
#![allow(unsafe_code)] // calls of the per-level instantiations, each proved by its level

use crate::http::class::JWT;
use crate::http::lanes::{Lanes, Window};
use crate::level::Level;
#[cfg(target_arch = "x86_64")]
use crate::level::{Avx2, Avx512, Sse42};

/// The text of a token with the shape of a JWT, so it can stand in a header line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ProxyToken<'t> {
    text: &'t [u8],
}

impl<'t> ProxyToken<'t> {
    /// Takes a text for a token if it is three parts of base64url without padding, none of them
    /// empty, joined by dots, and at most [`TOKEN_BYTES_MAX`] long.
    pub fn parse(level: Level, text: &'t [u8]) -> Option<ProxyToken<'t>> {
        if text.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let [first_dot, last_dot] = match level {
            Level::Scalar => dots_bytewise(text),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the proof holds every feature that the function enables.
            Level::Sse42(proof) => unsafe { dots_sse42(proof, text) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the proof holds every feature that the function enables.
            Level::Avx2(proof) => unsafe { dots_avx2(proof, text) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the proof holds every feature that the function enables.
            Level::Avx512(proof) => unsafe { dots_avx512(proof, text) },
        }?;
        // Four characters carry three bytes, three carry two, two carry one; one carries none.
        let carries = |characters: usize| characters > 0 && characters % 4 != 1;
        let is_token = carries(first_dot)
            && carries(last_dot - first_dot - 1)
            && carries(text.len() - last_dot - 1);
        if is_token {
            Some(ProxyToken { text })
        } else {
            None
        }
    }

    /// The token as it stands in the header, which is ASCII.
    pub const fn as_bytes(&self) -> &'t [u8] {
        self.text
    }
}

impl core::fmt::Debug for ProxyToken<'_> {
    /// Only the length: a token is a secret.
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "ProxyToken({} bytes)", self.text.len())
    }
}

/// Where the two dots of a text are, if it has two and else only characters of base64url: one
/// byte after the other, the oracle.
fn dots_bytewise(text: &[u8]) -> Option<[usize; 2]> {
    if !text.iter().all(|byte| JWT.contains(*byte)) {
        return None;
    }
    let mut dots = text.iter().enumerate().filter(|(_, byte)| **byte == b'.');
    match (dots.next(), dots.next(), dots.next()) {
        (Some((first, _)), Some((last, _)), None) => Some([first, last]),
        (_, _, Some(_)) | (_, None, None) | (None, _, _) => None,
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2,popcnt")]
fn dots_sse42(proof: Sse42, text: &[u8]) -> Option<[usize; 2]> {
    dots_of_lanes(proof, text)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn dots_avx2(proof: Avx2, text: &[u8]) -> Option<[usize; 2]> {
    dots_of_lanes(proof, text)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,bmi1,bmi2,lzcnt,popcnt")]
fn dots_avx512(proof: Avx512, text: &[u8]) -> Option<[usize; 2]> {
    dots_of_lanes(proof, text)
}

/// A vector of bytes at a time.
#[inline(always)]
fn dots_of_lanes<L: Lanes>(lanes: L, text: &[u8]) -> Option<[usize; 2]> {
    let mut found = [0; 2];
    let mut count = 0;
    let mut base = 0;
    while base < text.len() {
        let window = Window::at(lanes, text, base);
        let in_text = u64::MAX >> (64 - (text.len() - base).min(L::BYTES));
        if window.outside(&JWT) & in_text != 0 {
            return None;
        }
        let mut dots = window.equal(b'.') & in_text;
        while dots != 0 {
            *found.get_mut(count)? = base + dots.trailing_zeros() as usize;
            count += 1;
            dots &= dots - 1;
        }
        base += L::BYTES;
    }
    if count == 2 { Some(found) } else { None }
}

/// The longest token, several times what ours need.
pub const TOKEN_BYTES_MAX: usize = 2048;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Parses at every level of this processor, which must agree.
    fn parsed(text: &[u8]) -> Option<ProxyToken<'_>> {
        let expected = ProxyToken::parse(Level::Scalar, text);
        for level in Level::all_available() {
            assert_eq!(ProxyToken::parse(level, text), expected, "{}", level.name());
        }
        expected
    }

    #[test]
    fn three_base64url_parts_are_a_token() {
        for text in [
            "ab.cd.ef",
            "eyJhbGciOiJFZERTQSJ9.e30.AA-_",
            "aaaa.bbb.cc",
            "00.11.22",
        ] {
            assert_eq!(parsed(text.as_bytes()).unwrap().as_bytes(), text.as_bytes());
        }
        let longest = [vec![b'a'; TOKEN_BYTES_MAX - 6], b".bb.cc".to_vec()].concat();
        assert!(parsed(&longest).is_some());
    }

    #[test]
    fn other_shapes_are_none() {
        let texts = [
            "",
            ".",
            "..",
            "...",
            "ab",
            "ab.cd",
            "ab.cd.",
            ".ab.cd",
            "ab..cd",
            "ab.cd.ef.gh",
            "ab.cd.e",
            "a.cd.ef",
            "ab.cdefg.hi",
            "ab.cd.ef=",
            "ab.c d.ef",
            "ab.c+.ef",
            "ab.c/.ef",
            "ab.cd.éf",
            "Bearer ab.cd.ef",
            "ab.cd.ef\r\nX: y",
            "ab.cd....ef",
        ];
        for text in texts {
            assert_eq!(parsed(text.as_bytes()), None, "{text:?}");
        }
        let past = [vec![b'a'; TOKEN_BYTES_MAX - 4], b".bb.cc".to_vec()].concat();
        assert_eq!(parsed(&past), None);
    }

    #[test]
    fn every_byte_in_every_place_is_of_the_alphabet_or_refused() {
        let good = [b'a'; 70];
        for place in 0..70 {
            for byte in 0..=u8::MAX {
                let mut part = good;
                part[place] = byte;
                let token = [part.as_slice(), b".bb.cc"].concat();
                let is_good = byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
                assert_eq!(parsed(&token).is_some(), is_good, "{place} {byte}");
            }
        }
    }

    #[test]
    fn parts_of_every_length_to_three_vectors_divide_at_their_dots() {
        for first in 0..70 {
            for length in first + 1..=192 {
                let mut text = vec![b'x'; length];
                text[first] = b'.';
                if let Some(second) = text.get_mut(first + 1 + (length - first - 1) / 2) {
                    *second = b'.';
                }
                let parts: Vec<&[u8]> = text.split(|byte| *byte == b'.').collect();
                let is_token = parts.len() == 3
                    && parts
                        .iter()
                        .all(|part| !part.is_empty() && part.len() % 4 != 1);
                assert_eq!(parsed(&text).is_some(), is_token, "{first} {length}");
            }
        }
    }

    #[test]
    fn a_token_is_not_printed() {
        let token = parsed(b"secret00.cd.ef").unwrap();
        assert_eq!(format!("{token:?}"), "ProxyToken(14 bytes)");
    }

    proptest! {
        #[test]
        fn every_level_agrees_on_any_text(text in "[a-c.]{0,200}|[a-zA-Z0-9_.=-]{0,300}") {
            let parts: Vec<&str> = text.split('.').collect();
            let is_token = parts.len() == 3
                && !text.contains('=')
                && parts.iter().all(|part| !part.is_empty() && part.len() % 4 != 1);
            prop_assert_eq!(parsed(text.as_bytes()).is_some(), is_token);
        }

        #[test]
        fn every_level_agrees_on_any_bytes(
            text in proptest::collection::vec(any::<u8>(), 0..300)
        ) {
            parsed(&text);
        }
    }
}
