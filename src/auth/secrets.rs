//! Secrets: bytes that nobody can guess, compared so that nobody can measure how far they agree.

use std::hint::black_box;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// An opaque secret of 256 bits, as it is given to who may use it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret([u8; 32]);

/// What is stored of a [`Secret`]: whoever reads the store cannot use it.
pub type SecretHash = [u8; 32];

impl Secret {
    /// One that nobody has seen.
    ///
    /// # Panics
    /// When the kernel gives no random bytes, which it did when the server started.
    pub fn fresh() -> Secret {
        Secret(random())
    }

    /// One of these bytes, derived from others.
    pub fn of(bytes: [u8; 32]) -> Secret {
        Secret(bytes)
    }

    /// Reads the form of [`Secret::text`]; nothing else is one.
    pub fn parse(text: &str) -> Option<Secret> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Secret)
    }

    /// 43 characters that a URL and a cookie can hold.
    pub fn text(&self) -> String {
        text_of(&self.0)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// SHA-256 suffices where the secret has 256 bits of its own: there is nothing to guess.
    pub fn hash(&self) -> SecretHash {
        Sha256::digest(self.0).into()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(_)")
    }
}

/// Random bytes from the kernel.
///
/// # Panics
/// When it gives none, which it did when the server started.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the kernel gave random bytes when the server started");
    bytes
}

/// Bytes as URL-safe base64 without padding.
pub fn text_of(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Whether two secrets of one length are equal, in a time that does not tell where they differ.
pub fn is_equal(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let difference = left
        .iter()
        .zip(right)
        .fold(0, |sum, (left, right)| black_box(sum | (left ^ right)));
    difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_survives_its_text_and_nothing_else_is_one() {
        let secret = Secret::fresh();
        let text = secret.text();
        assert_eq!(text.len(), 43);
        assert_eq!(Secret::parse(&text), Some(secret));
        let mut hostile = vec![
            String::new(),
            text[1..].to_owned(),
            format!("{text}A"),
            format!("{text}="),
            text.replacen(|_: char| true, "+", 1),
            format!(" {}", &text[1..]),
        ];
        // 43 characters hold 258 bits; the last two have to be zero.
        hostile.push(format!("{}B", &text[..42]));
        for text in hostile {
            assert_eq!(Secret::parse(&text), None, "{text}");
        }
        assert_ne!(secret, Secret::fresh());
        assert_eq!(format!("{secret:?}"), "Secret(_)");
    }

    #[test]
    fn equal_is_equal() {
        assert!(is_equal(b"", b""));
        assert!(is_equal(b"abc", b"abc"));
        for other in [b"abd".as_slice(), b"ab", b"abcd", b"Abc"] {
            assert!(!is_equal(b"abc", other));
        }
    }
}
