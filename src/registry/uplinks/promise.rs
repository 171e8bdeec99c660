//! What an upstream's document says of a tarball, and whether a tarball is that.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::registry::blobs::{Hashed, Sha512Digest};

/// The digests by which a tarball is known before it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Promise {
    /// One of these SHA-512.
    Sha512(Vec<[u8; 64]>),
    /// This SHA-1, where the document has nothing better.
    Sha1([u8; 20]),
}

impl Promise {
    /// What `dist.integrity` and `dist.shasum` promise; the strongest of them counts (Subresource
    /// Integrity, section 3.3.4). Nothing where there is neither SHA-512 nor SHA-1.
    pub(super) fn of(integrity: Option<&str>, shasum: Option<&str>) -> Option<Promise> {
        let hashes = integrity.unwrap_or_default().split_ascii_whitespace();
        let mut strong = Vec::new();
        let mut weak = None;
        for hash in hashes {
            let hash = hash.split('?').next().unwrap_or_default();
            let Some((algorithm, value)) = hash.split_once('-') else {
                continue;
            };
            let Ok(value) = STANDARD.decode(value) else {
                continue;
            };
            match algorithm {
                "sha512" => strong.extend(<[u8; 64]>::try_from(value).ok()),
                "sha1" => weak = weak.or(<[u8; 20]>::try_from(value).ok()),
                _ => {}
            }
        }
        if !strong.is_empty() {
            return Some(Promise::Sha512(strong));
        }
        let weak = weak.or_else(|| sha1_of_hex(shasum?));
        weak.map(Promise::Sha1)
    }

    /// Whether a tarball is the one that was promised.
    pub(super) fn holds(&self, tarball: &Hashed) -> bool {
        self.is_kept_by(&tarball.digests.sha512, &tarball.digests.sha1)
    }

    fn is_kept_by(&self, sha512: &Sha512Digest, sha1: &[u8; 20]) -> bool {
        match self {
            Promise::Sha512(digests) => digests.contains(&sha512.0),
            Promise::Sha1(digest) => digest == sha1,
        }
    }
}

fn sha1_of_hex(text: &str) -> Option<[u8; 20]> {
    let mut digest = [0; 20];
    if text.len() != 40 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (place, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_promise_counts() {
        let strong = format!("sha512-{}", STANDARD.encode([7; 64]));
        let weak = format!("sha1-{}", STANDARD.encode([9; 20]));
        let hex = "09".repeat(20);
        let both = format!("{weak} {strong}?x sha384-AAAA");
        let sha512 = Some(Promise::Sha512(vec![[7; 64]]));
        let sha1 = Some(Promise::Sha1([9; 20]));
        assert_eq!(Promise::of(Some(&both), None), sha512);
        assert_eq!(Promise::of(Some(&strong), Some(&"00".repeat(20))), sha512);
        assert_eq!(Promise::of(Some(&weak), None), sha1);
        assert_eq!(Promise::of(None, Some(&hex)), sha1);
        assert_eq!(Promise::of(Some("sha256-AAAA"), Some(&hex)), sha1);
        assert_eq!(Promise::of(Some("sha512-AAAA"), Some(&hex)), sha1);
        assert_eq!(Promise::of(Some("sha256-AAAA"), None), None);
        assert_eq!(Promise::of(None, Some("xyz")), None);
        assert_eq!(Promise::of(None, Some(&"é".repeat(20))), None);
        assert_eq!(Promise::of(None, None), None);
    }

    #[test]
    fn a_promise_is_kept_by_its_own_digest_alone() {
        let strong = Promise::Sha512(vec![[7; 64], [8; 64]]);
        let weak = Promise::Sha1([9; 20]);
        let judge = |promise: &Promise, first, second| {
            promise.is_kept_by(&Sha512Digest([first; 64]), &[second; 20])
        };
        assert!(judge(&strong, 7, 0) && judge(&strong, 8, 0));
        assert!(!judge(&strong, 9, 9));
        assert!(judge(&weak, 0, 9) && !judge(&weak, 9, 8));
    }
}
