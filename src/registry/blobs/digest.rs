//! The digests of a content: its SHA-512, by which it is found, and others.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::registry::wording::hex;
use crate::store::{FromValue, ToValue, Value};

/// The SHA-512 of a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha512Digest(pub [u8; 64]);

/// What a content is known by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digests {
    /// The SHA-512, by which it is kept.
    pub sha512: Sha512Digest,
    /// The SHA-1, which old clients know tarballs by.
    pub sha1: [u8; 20],
    /// Its length.
    pub bytes: u64,
}

impl Digests {
    /// The SHA-1 as `dist.shasum` has it, in hexadecimal digits.
    pub fn shasum(&self) -> String {
        hex(&self.sha1)
    }

    /// The SHA-1 as integrity metadata.
    pub fn sha1_integrity(&self) -> String {
        format!("sha1-{}", STANDARD.encode(self.sha1))
    }
}

impl Sha512Digest {
    /// Reads 128 hexadecimal digits in lower case.
    pub fn of_hex(text: &str) -> Option<Sha512Digest> {
        let mut digest = [0; 64];
        if text.len() != 2 * digest.len() {
            return None;
        }
        let digits = text.as_bytes().chunks_exact(2);
        for (byte, pair) in digest.iter_mut().zip(digits) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(Sha512Digest(digest))
    }

    /// As 128 hexadecimal digits.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// Reads the first SHA-512 of integrity metadata (Subresource Integrity, section 3.5):
    /// `sha512-` and Base64, among others between spaces, options after a `?`.
    pub fn of_integrity(text: &str) -> Option<Sha512Digest> {
        let mut hashes = text.split_ascii_whitespace();
        hashes.find_map(|hash| {
            let value = hash.strip_prefix("sha512-")?;
            let value = value.split('?').next()?;
            STANDARD
                .decode(value)
                .ok()?
                .try_into()
                .ok()
                .map(Sha512Digest)
        })
    }

    /// As integrity metadata: `sha512-` and Base64.
    pub fn integrity(&self) -> String {
        format!("sha512-{}", STANDARD.encode(self.0))
    }
}

impl fmt::Display for Sha512Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.hex())
    }
}

impl fmt::Debug for Sha512Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl ToValue for Sha512Digest {
    fn to_value(&self) -> Value<'_> {
        Value::Blob(&self.0)
    }
}

impl FromValue for Sha512Digest {
    fn from_value(value: Value<'_>) -> Option<Sha512Digest> {
        FromValue::from_value(value).map(Sha512Digest)
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        let digest = Sha512Digest(std::array::from_fn(|index| index as u8 * 3));
        assert_eq!(Sha512Digest::of_hex(&digest.hex()), Some(digest));
        let integrity = digest.integrity();
        assert_eq!(Sha512Digest::of_integrity(&integrity), Some(digest));
        let among = format!("sha1-AAAA sha512-x {integrity}?opt");
        assert_eq!(Sha512Digest::of_integrity(&among), Some(digest));
    }

    #[test]
    fn anything_else_is_none() {
        let hex = Sha512Digest([0xab; 64]).hex();
        for text in ["", &hex[1..], &hex.to_uppercase(), &format!("{hex}0")] {
            assert_eq!(Sha512Digest::of_hex(text), None, "{text}");
        }
        for text in ["", "sha512-", "sha512-AAAA", "sha384-AAAA"] {
            assert_eq!(Sha512Digest::of_integrity(text), None, "{text}");
        }
    }
}
