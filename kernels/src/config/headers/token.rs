//! The shape of a proxy token: three base64url parts. Whether it holds is verified elsewhere.

/// The text of a token with the shape of a JWT, so it can stand in a header line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ProxyToken<'t> {
    text: &'t str,
}

impl<'t> ProxyToken<'t> {
    /// Takes a text for a token if it is three parts of base64url without padding, none of them
    /// empty, joined by dots, and at most [`TOKEN_BYTES_MAX`] long.
    pub fn parse(text: &'t [u8]) -> Option<ProxyToken<'t>> {
        if text.len() > TOKEN_BYTES_MAX || !is_alphabet_and_dots(text) {
            return None;
        }
        let first_dot = memchr::memchr(b'.', text)?;
        let last_dot = memchr::memrchr(b'.', text)?;
        let header = &text[..first_dot];
        let claims = text.get(first_dot + 1..last_dot)?;
        let signature = &text[last_dot + 1..];
        if memchr::memchr(b'.', claims).is_some() {
            return None;
        }
        // Four characters carry three bytes, two or three carry one or two, one carries none.
        let carries = |part: &[u8]| !part.is_empty() && part.len() % 4 != 1;
        if !carries(header) || !carries(claims) || !carries(signature) {
            return None;
        }
        str::from_utf8(text).ok().map(|text| ProxyToken { text })
    }

    /// The token as it stands in the header.
    pub const fn as_str(&self) -> &'t str {
        self.text
    }
}

impl core::fmt::Debug for ProxyToken<'_> {
    /// Only the length: a token is a secret.
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "ProxyToken({} bytes)", self.text.len())
    }
}

/// Whether there are only characters of base64url and dots.
#[inline]
fn is_alphabet_and_dots(text: &[u8]) -> bool {
    text.iter().fold(true, |all, &byte| all & is_allowed(byte))
}

#[inline]
const fn is_allowed(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let digit = byte.wrapping_sub(b'0') < 10;
    letter | digit | (byte == b'-') | (byte == b'_') | (byte == b'.')
}

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
            assert_eq!(token.as_str(), text);
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
