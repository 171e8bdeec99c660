//! The shape of a proxy token: three base64url parts. Whether it holds is verified elsewhere.

/// The text of a token with the shape of a JWT, so it can stand in a header line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ProxyToken<'t> {
    text: &'t [u8],
}

impl<'t> ProxyToken<'t> {
    /// Takes a text for a token if it is three parts of base64url without padding, none of them
    /// empty, joined by dots, and at most [`TOKEN_BYTES_MAX`] long.
    pub fn parse(text: &'t [u8]) -> Option<ProxyToken<'t>> {
        let first_dot = memchr::memchr(b'.', text)?;
        let last_dot = memchr::memrchr(b'.', text)?;
        let header = &text[..first_dot];
        let claims = text.get(first_dot + 1..last_dot)?;
        let signature = &text[last_dot + 1..];
        let is_token = text.len() <= TOKEN_BYTES_MAX
            && is_base64url(header)
            && is_base64url(claims)
            && is_base64url(signature);
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

/// Whether a text is base64url without padding, and carries something.
#[inline]
fn is_base64url(text: &[u8]) -> bool {
    // Four characters carry three bytes, three carry two, two carry one; one carries none.
    if text.is_empty() || text.len() % 4 == 1 {
        return false;
    }
    let Some(last) = text.last_chunk::<BLOCK>() else {
        return text.iter().all(|&byte| is_allowed(byte));
    };
    // The last block overlaps the one before, so that only short texts go byte by byte.
    let (blocks, _) = text.as_chunks::<BLOCK>();
    let mut allowed = [1; BLOCK];
    for block in blocks {
        keep_allowed(&mut allowed, block);
    }
    keep_allowed(&mut allowed, last);
    allowed == [1; BLOCK]
}

/// Clears the marks of bytes that are not of base64url.
#[inline(always)]
fn keep_allowed(allowed: &mut [u8; BLOCK], block: &[u8; BLOCK]) {
    for (allowed, &byte) in allowed.iter_mut().zip(block) {
        *allowed &= is_allowed(byte) as u8;
    }
}

/// Whether a byte is of base64url. Without branches and with one signed comparison for each
/// range, which vectors have and unsigned ones not: the range is moved to the top of `i8`.
#[inline(always)]
const fn is_allowed(byte: u8) -> bool {
    let is_letter = ((byte | 0x20) as i8).wrapping_add(i8::MAX - b'z' as i8) > i8::MAX - 26;
    let is_digit = (byte as i8).wrapping_add(i8::MAX - b'9' as i8) > i8::MAX - 10;
    is_letter | is_digit | (byte == b'-') | (byte == b'_')
}

const BLOCK: usize = 32;

/// The longest token, several times what ours need.
pub const TOKEN_BYTES_MAX: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_base64url_parts_are_a_token() {
        for text in [
            "ab.cd.ef",
            "eyJhbGciOiJFZERTQSJ9.e30.AA-_",
            "aaaa.bbb.cc",
            "00.11.22",
        ] {
            let token = ProxyToken::parse(text.as_bytes()).unwrap();
            assert_eq!(token.as_bytes(), text.as_bytes());
        }
        let longest = [vec![b'a'; TOKEN_BYTES_MAX - 6], b".bb.cc".to_vec()].concat();
        assert!(ProxyToken::parse(&longest).is_some());
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
            assert_eq!(ProxyToken::parse(text.as_bytes()), None, "{text:?}");
        }
        let past = [vec![b'a'; TOKEN_BYTES_MAX - 4], b".bb.cc".to_vec()].concat();
        assert_eq!(ProxyToken::parse(&past), None);
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
                assert_eq!(
                    ProxyToken::parse(&token).is_some(),
                    is_good,
                    "{place} {byte}"
                );
            }
        }
    }

    #[test]
    fn a_token_is_not_printed() {
        let token = ProxyToken::parse(b"secret00.cd.ef").unwrap();
        assert_eq!(format!("{token:?}"), "ProxyToken(14 bytes)");
    }
}
