//! Percent-decoding of paths and queries.

/// Why a text cannot be percent-decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PercentFault {
    /// A `%` without two hexadecimal digits after it.
    BadEscape,
    /// The output is too short; as many bytes as the input has always suffice.
    OutputTooShort,
}

impl PercentFault {
    /// A plain sentence for the client.
    pub const fn as_str(self) -> &'static str {
        match self {
            PercentFault::BadEscape => "a percent sign is not followed by two hexadecimal digits",
            PercentFault::OutputTooShort => "the decoded text is too long",
        }
    }
}

impl core::fmt::Display for PercentFault {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl core::error::Error for PercentFault {}

/// Writes `input` with its `%XX` escapes (RFC 3986, section 2.1) replaced by their bytes to the
/// start of `out`; returns how many bytes that are.
///
/// Nothing else is decoded: `+` stays `+`, and the result need be neither UTF-8 nor free of NUL.
pub fn percent_decode(input: &[u8], out: &mut [u8]) -> Result<usize, PercentFault> {
    let mut rest = input;
    let mut written = 0;
    loop {
        let plain_bytes = memchr::memchr(b'%', rest).unwrap_or(rest.len());
        let (plain, escape) = rest.split_at(plain_bytes);
        out.get_mut(written..written + plain_bytes)
            .ok_or(PercentFault::OutputTooShort)?
            .copy_from_slice(plain);
        written += plain_bytes;
        let (high, low) = match escape {
            [] => return Ok(written),
            [_, high, low, ..] => (hex_digit(*high), hex_digit(*low)),
            [..] => return Err(PercentFault::BadEscape),
        };
        let (Some(high), Some(low)) = (high, low) else {
            return Err(PercentFault::BadEscape);
        };
        *out.get_mut(written).ok_or(PercentFault::OutputTooShort)? = high << 4 | low;
        written += 1;
        rest = &escape[3..];
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(input: &[u8]) -> Result<Vec<u8>, PercentFault> {
        let mut out = vec![0xaa; input.len()];
        let written = percent_decode(input, &mut out)?;
        out.truncate(written);
        Ok(out)
    }

    #[test]
    fn escapes_become_their_bytes() {
        for (input, output) in [
            ("", ""),
            ("plain/path", "plain/path"),
            ("%41", "A"),
            ("a%2Fb%2fc", "a/b/c"),
            ("%25%32%35", "%25"),
            ("%e2%82%ac 100", "\u{20ac} 100"),
            ("a+b", "a+b"),
        ] {
            assert_eq!(
                decode(input.as_bytes()),
                Ok(output.as_bytes().to_vec()),
                "{input}"
            );
        }
    }

    #[test]
    fn broken_escapes_are_refused() {
        for input in [
            "%", "%4", "a%", "%4g", "%g4", "%%41", "%+1", "% 1", "ok%2", "%\u{e9}1",
        ] {
            assert_eq!(
                decode(input.as_bytes()),
                Err(PercentFault::BadEscape),
                "{input}"
            );
        }
    }

    #[test]
    fn an_output_that_is_too_short_is_refused() {
        for (input, fits) in [("abc", 3), ("%41", 1), ("a%41b", 3)] {
            for length in 0..=input.len() {
                let mut out = vec![0; length];
                let expected = if length >= fits {
                    Ok(fits)
                } else {
                    Err(PercentFault::OutputTooShort)
                };
                assert_eq!(percent_decode(input.as_bytes(), &mut out), expected);
            }
        }
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(plain in proptest::collection::vec(any::<u8>(), 0..200)) {
            let encoded: String = plain.iter().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(decode(encoded.as_bytes()), Ok(plain));
        }
    }
}
