//! The keys of the data folder: Ed25519 keys that sign tokens, and one secret for what is derived.
//!
//! `<data>/keys` is 0700 and its files are 0600: `<kid>.jwk`, a private JSON Web Key each (RFC
//! 8037), and `secret`, 32 bytes. The youngest key signs; the one before it is still good for
//! checking, until the next rotation. Whoever rotates writes the file of a fresh key and removes
//! all but two; a running server looks into the folder and follows.

mod files;

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub use files::{Rotation, open_or_create, reopen, rotate};

/// The keys in force.
#[derive(Clone)]
pub struct Keys {
    /// The youngest first; at most [`LIVE_KEYS_MAX`].
    live: Vec<Key>,
    /// The place of the one that signs.
    signing: usize,
    secret: [u8; 32],
}

/// One key pair.
#[derive(Clone)]
struct Key {
    kid: String,
    created_ms: u64,
    pair: SigningKey,
}

/// Why the keys cannot be read or written, and the remedy.
#[derive(Debug)]
pub enum KeysFault {
    /// The file system refuses.
    Io(PathBuf, std::io::Error),
    /// Others than the owner may read a file.
    Exposed(PathBuf),
    /// A file is no key of ours.
    Malformed(PathBuf),
    /// The kernel gives no random bytes.
    NoEntropy(getrandom::Error),
}

impl Keys {
    /// Keys that live in memory only, for tests and benchmarks.
    pub fn ephemeral() -> Keys {
        let key = Key::of_seed(super::random(), 0);
        Keys::of(vec![key], super::random()).expect("there is one key")
    }

    #[cfg(test)]
    pub(in crate::auth) fn of_seed(seed: [u8; 32]) -> Keys {
        Keys::of(vec![Key::of_seed(seed, 0)], [0; 32]).expect("there is one key")
    }

    /// `None` without any key.
    fn of(mut live: Vec<Key>, secret: [u8; 32]) -> Option<Keys> {
        // Two of one millisecond are told apart by their names, alike on every reading.
        live.sort_by(|left, right| {
            let order = right.created_ms.cmp(&left.created_ms);
            order.then_with(|| right.kid.cmp(&left.kid))
        });
        live.truncate(LIVE_KEYS_MAX);
        (!live.is_empty()).then_some(Keys {
            live,
            signing: 0,
            secret,
        })
    }

    /// The same keys, of which the one that `others` sign with goes on signing, where it is still
    /// live: every shard has to know a key before the first token is signed with it.
    pub fn signing_as(mut self, others: &Keys) -> Keys {
        let kid = &others.live[others.signing].kid;
        let place = self.live.iter().position(|key| key.kid == *kid);
        self.signing = place.unwrap_or(self.signing);
        self
    }

    /// Whether both hold the same keys.
    pub fn are_those_of(&self, others: &Keys) -> bool {
        let kids =
            |keys: &Keys| -> Vec<String> { keys.live.iter().map(|key| key.kid.clone()).collect() };
        kids(self) == kids(others)
    }

    /// Whether every key of `others` is among these.
    pub fn hold_those_of(&self, others: &Keys) -> bool {
        others.kids().all(|kid| self.kids().any(|own| own == kid))
    }

    /// The name of the key that signs.
    pub fn signing_kid(&self) -> &str {
        &self.live[self.signing].kid
    }

    /// The names of the keys that are good for checking, the youngest first.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.live.iter().map(|key| key.kid.as_str())
    }

    /// Signs with the youngest key.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.live[self.signing].pair.sign(message).to_bytes()
    }

    /// The public key of this name.
    pub fn public(&self, kid: &str) -> Option<PublicKey> {
        let key = self.live.iter().find(|key| key.kid == kid)?;
        Some(PublicKey(key.pair.verifying_key()))
    }

    /// A key for one purpose, which tells nothing of those for others.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        mac(&self.secret, purpose.as_bytes())
    }

    /// The public keys as a JSON Web Key Set (RFC 7517).
    pub fn jwks(&self) -> String {
        let keys: Vec<Value> = self.live.iter().map(Key::public_jwk).collect();
        json!({ "keys": keys }).to_string()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.kids()).finish()
    }
}

/// A key that checks signatures.
#[derive(Clone, Copy)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Whether the signature is the key's; keys and points of small order are refused.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), Forged> {
        let signature = Signature::from_bytes(signature);
        self.0
            .verify_strict(message, &signature)
            .map_err(|_| Forged)
    }
}

/// A signature that is not that of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forged;

impl Key {
    fn of_seed(seed: [u8; 32], created_ms: u64) -> Key {
        let pair = SigningKey::from_bytes(&seed);
        let x = URL_SAFE_NO_PAD.encode(pair.verifying_key().as_bytes());
        // RFC 7638, section 3: the members in this order, without spaces.
        let thumbprint = Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#));
        let mut kid = URL_SAFE_NO_PAD.encode(thumbprint);
        kid.truncate(KID_BYTES);
        Key {
            kid,
            created_ms,
            pair,
        }
    }

    fn public_jwk(&self) -> Value {
        json!({
            "kty": "OKP",
            "crv": "Ed25519",
            "use": "sig",
            "alg": "EdDSA",
            "kid": self.kid,
            "x": URL_SAFE_NO_PAD.encode(self.pair.verifying_key().as_bytes()),
        })
    }

    fn private_jwk(&self) -> Value {
        let mut jwk = self.public_jwk();
        jwk["d"] = URL_SAFE_NO_PAD.encode(self.pair.to_bytes()).into();
        jwk["created_ms"] = self.created_ms.into();
        jwk
    }

    /// Reads what [`Key::private_jwk`] wrote; the public part is made from the private one.
    fn of_jwk(bytes: &[u8]) -> Option<Key> {
        let jwk: Value = serde_json::from_slice(bytes).ok()?;
        let is_ours = jwk["kty"] == "OKP" && jwk["crv"] == "Ed25519";
        let seed = URL_SAFE_NO_PAD.decode(jwk["d"].as_str()?).ok()?;
        let key = Key::of_seed(seed.try_into().ok()?, jwk["created_ms"].as_u64()?);
        (is_ours && jwk["kid"] == key.kid.as_str()).then_some(key)
    }
}

/// HMAC-SHA-256.
pub fn mac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

impl fmt::Display for KeysFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeysFault::Io(path, error) => {
                let path = path.display();
                write!(
                    formatter,
                    "{path}: {error}; the server's user has to own it"
                )
            }
            KeysFault::Exposed(path) => {
                let path = path.display();
                write!(
                    formatter,
                    "{path} can be read by others: chmod 600 it, and rotate the keys if they may \
                     have been"
                )
            }
            KeysFault::Malformed(path) => {
                let path = path.display();
                write!(
                    formatter,
                    "{path} is no key of ours: restore it or remove it"
                )
            }
            KeysFault::NoEntropy(error) => {
                write!(formatter, "the kernel gives no random bytes: {error}")
            }
        }
    }
}

impl std::error::Error for KeysFault {}

fn folder(data: &Path) -> PathBuf {
    data.join("keys")
}

/// Keys that are live during a rotation.
pub const LIVE_KEYS_MAX: usize = 2;
/// 96 bits of the thumbprint name a key.
const KID_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_8037() {
        let seed = URL_SAFE_NO_PAD
            .decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
            .unwrap();
        let key = Key::of_seed(seed.try_into().unwrap(), 0);
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        assert_eq!(key.public_jwk()["x"], x);
        // Appendix A.3: the thumbprint, of which the name is the beginning.
        assert!("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k".starts_with(&key.kid));
        // Appendix A.4: the signature over the example's header and payload.
        let message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let keys = Keys::of(vec![key], [0; 32]).unwrap();
        let expected = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7s\
                        VvpAr_MuM0KAg";
        assert_eq!(
            URL_SAFE_NO_PAD.encode(keys.sign(message.as_bytes())),
            expected
        );
    }

    #[test]
    fn a_private_key_survives_its_file_and_a_changed_one_is_none() {
        let key = Key::of_seed([7; 32], 99);
        let bytes = key.private_jwk().to_string();
        let read = Key::of_jwk(bytes.as_bytes()).unwrap();
        assert_eq!((&read.kid, read.created_ms), (&key.kid, 99));
        assert_eq!(read.pair.to_bytes(), key.pair.to_bytes());
        for (from, to) in [("OKP", "EC"), (&*key.kid, "x"), ("Ed25519", "X25519")] {
            assert!(Key::of_jwk(bytes.replace(from, to).as_bytes()).is_none());
        }
    }

    #[test]
    fn the_set_has_no_private_part() {
        let keys = Keys::ephemeral();
        let jwks = keys.jwks();
        assert!(!jwks.contains("\"d\"") && jwks.contains(keys.signing_kid()));
    }

    #[test]
    fn the_youngest_signs_unless_it_is_told_to_wait() {
        let old = Keys::of(vec![Key::of_seed([1; 32], 1)], [0; 32]).unwrap();
        let both = vec![Key::of_seed([1; 32], 1), Key::of_seed([2; 32], 2)];
        let fresh = Keys::of(both, [0; 32]).unwrap();
        assert_ne!(fresh.signing_kid(), old.signing_kid());
        let waiting = fresh.clone().signing_as(&old);
        assert_eq!(waiting.signing_kid(), old.signing_kid());
        assert!(waiting.are_those_of(&fresh) && !waiting.are_those_of(&old));
    }

    #[test]
    fn purposes_have_different_keys() {
        let keys = Keys::ephemeral();
        assert_ne!(keys.derive("a"), keys.derive("b"));
        assert_eq!(keys.derive("a"), keys.clone().derive("a"));
    }
}
