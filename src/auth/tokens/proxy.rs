//! Proxy tokens (PROTOCOL.md, "Tokens"): what they say, how one is made, what makes one good, and
//! those that a shard has verified.

use std::borrow::Cow;
use std::cell::RefCell;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::jws::{self, ISSUER, Kind, LEEWAY_SECONDS, Registered, TokenFault};
use crate::auth::keys::Keys;
use crate::auth::rate::{RateKey, RateKeys};
use crate::id::Id;
use crate::limits::{PROXY_SUBJECT_BYTES_MAX, PROXY_TOKENS_REMEMBERED_MAX};

/// The claims as they are written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'d> {
    iss: Cow<'d, str>,
    sub: Cow<'d, str>,
    aud: Cow<'d, str>,
    hash: u32,
    iat: u64,
    nbf: u64,
    exp: u64,
    jti: Cow<'d, str>,
}

/// What a good token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyClaims {
    /// Whom it was made for.
    pub subject: String,
    /// The registry hash that it is good for.
    pub hash: u32,
    /// Unix seconds from which on it is refused, the leeway not counted.
    pub expires_at: u64,
}

/// What is asked of a token to be made.
#[derive(Clone, Copy, Debug)]
pub struct ProxyGrant<'g> {
    /// Whom it is for: 1 to [`PROXY_SUBJECT_BYTES_MAX`] bytes.
    pub subject: &'g str,
    /// The registry hash that it is good for.
    pub hash: u32,
    /// How long it is good for: 1 to [`PROXY_SECONDS_MAX`].
    pub seconds: u64,
}

/// Whom a token is for where nobody is named.
pub const SUBJECT_DEFAULT: &str = "thirteen";

/// A token of this id. The same arguments give the same token.
///
/// # Panics
/// When the grant is out of its bounds.
pub fn issue(keys: &Keys, grant: ProxyGrant<'_>, token: Id, now_seconds: u64) -> String {
    assert!(is_subject(grant.subject), "a subject has its bounds");
    assert!((1..=PROXY_SECONDS_MAX).contains(&grant.seconds));
    let token = token.text();
    let document = Document {
        iss: ISSUER.into(),
        sub: grant.subject.into(),
        aud: AUDIENCE.into(),
        hash: grant.hash,
        iat: now_seconds,
        nbf: now_seconds,
        exp: now_seconds + grant.seconds,
        jti: (*token).into(),
    };
    jws::sign(keys, TYPE, &document)
}

/// What a token says, if it is one of ours, for the proxy, and in its time.
pub fn verify(keys: &Keys, token: &[u8], now_seconds: u64) -> Result<ProxyClaims, TokenFault> {
    let claims = jws::open(keys, TYPE, token)?;
    let document: Document<'_> = serde_json::from_slice(&claims).map_err(|_| TokenFault::Claims)?;
    let registered = Registered {
        issuer: &document.iss,
        audience: &document.aud,
        issued_at: document.iat,
        not_before: document.nbf,
        expires_at: document.exp,
    };
    registered.check(&KIND, now_seconds)?;
    if !is_subject(&document.sub) || document.jti.parse::<Id>().is_err() {
        return Err(TokenFault::Claims);
    }
    Ok(ProxyClaims {
        subject: document.sub.into_owned(),
        hash: document.hash,
        expires_at: document.exp,
    })
}

/// Whether a token can be made for this subject.
pub fn is_subject(text: &str) -> bool {
    (1..=PROXY_SUBJECT_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control)
}

/// What a shard remembers of a good token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// The registry hash that it is good for.
    pub hash: u32,
    /// What its requests are counted by: its subject and its hash.
    pub rate: RateKey,
}

impl Pass {
    /// That of these claims.
    pub fn of(claims: &ProxyClaims, keys: &RateKeys) -> Pass {
        let hash = claims.hash.to_be_bytes();
        let subject = [b"proxy\0", hash.as_slice(), claims.subject.as_bytes()].concat();
        Pass {
            hash: claims.hash,
            rate: keys.subject(&subject),
        }
    }
}

/// One shard's verified proxy tokens, each at the place that its signature gives it. Only good
/// tokens are remembered, and nobody but us makes signatures, so nobody chooses what collides.
pub struct ProxyTokens {
    places: RefCell<Box<[Option<Entry>]>>,
}

struct Entry {
    token: Box<[u8]>,
    pass: Pass,
    deadline: Instant,
}

impl ProxyTokens {
    /// None remembered yet.
    pub fn new() -> ProxyTokens {
        let places = (0..PROXY_TOKENS_REMEMBERED_MAX).map(|_| None).collect();
        ProxyTokens {
            places: RefCell::new(places),
        }
    }

    /// What is known of a token.
    #[inline]
    pub fn find(&self, token: &[u8], now: Instant) -> Option<Pass> {
        let places = self.places.borrow();
        let entry = places[place_of(token)?].as_ref()?;
        (*entry.token == *token && entry.deadline > now).then_some(entry.pass)
    }

    /// Remembers a token that was found good at this moment.
    pub fn remember(
        &self,
        token: &[u8],
        pass: Pass,
        claims: &ProxyClaims,
        (now, now_seconds): (Instant, u64),
    ) {
        let Some(place) = place_of(token) else { return };
        let ends = claims.expires_at.saturating_add(LEEWAY_SECONDS);
        let left = Duration::from_secs(ends.saturating_sub(now_seconds));
        self.places.borrow_mut()[place] = Some(Entry {
            token: token.into(),
            pass,
            deadline: now + left,
        });
    }

    /// Forgets every token: those of a key that is good no more are among them.
    pub fn forget_all(&self) {
        self.places.borrow_mut().fill_with(|| None);
    }
}

impl Default for ProxyTokens {
    fn default() -> ProxyTokens {
        ProxyTokens::new()
    }
}

/// By eight characters of the signature, spread over the places.
#[inline]
fn place_of(token: &[u8]) -> Option<usize> {
    let tail = u64::from_le_bytes(*token.last_chunk()?);
    let spread = tail.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Some((spread >> 32) as usize % PROXY_TOKENS_REMEMBERED_MAX)
}

/// The longest that a proxy token is good for, and how long one is where nothing else is asked.
pub const PROXY_SECONDS_MAX: u64 = 60 * 60;
const AUDIENCE: &str = "proxy";
const KIND: Kind = Kind {
    audience: AUDIENCE,
    lifetime_max: PROXY_SECONDS_MAX,
};
const TYPE: &str = "JWT";

const _: () = assert!(PROXY_TOKENS_REMEMBERED_MAX.is_power_of_two());

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn id(number: u8) -> Id {
        Id::of(NOW * 1000, [number; 10])
    }

    fn grant() -> ProxyGrant<'static> {
        ProxyGrant {
            subject: "ci",
            hash: 0xa1b2_c3d4,
            seconds: PROXY_SECONDS_MAX,
        }
    }

    fn signed(keys: &Keys, claims: &Value) -> String {
        jws::sign(keys, "JWT", claims)
    }

    fn claims() -> Value {
        json!({
            "iss": "thirteen", "sub": "ci", "aud": "proxy", "hash": 2_712_847_316_u32,
            "iat": NOW, "nbf": NOW, "exp": NOW + 3600, "jti": id(1).to_string(),
        })
    }

    #[test]
    fn a_token_says_what_the_protocol_asks_for() {
        let keys = Keys::ephemeral();
        let token = issue(&keys, grant(), id(1), NOW);
        let parts: Vec<Value> = token
            .split('.')
            .take(2)
            .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
            .collect();
        let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": keys.signing_kid()});
        assert_eq!(parts, [header, claims()]);
        let verified = verify(&keys, token.as_bytes(), NOW).unwrap();
        assert_eq!((&*verified.subject, verified.hash), ("ci", 0xa1b2_c3d4));
        let others = verify(&Keys::ephemeral(), token.as_bytes(), NOW);
        assert_eq!(others, Err(TokenFault::UnknownKey));
    }

    #[test]
    fn what_is_no_proxy_token_is_refused() {
        let keys = Keys::ephemeral();
        for (field, value, fault) in [
            ("iss", json!("other"), TokenFault::Issuer),
            ("aud", json!("api"), TokenFault::Audience),
            ("sub", json!(""), TokenFault::Claims),
            ("sub", json!("x".repeat(200)), TokenFault::Claims),
            ("hash", json!("0xa1b2c3d4"), TokenFault::Claims),
            ("hash", json!(1_u64 << 32), TokenFault::Claims),
            ("jti", json!("7"), TokenFault::Claims),
            ("exp", json!(NOW + 3601), TokenFault::Claims),
            ("exp", json!(NOW - 30), TokenFault::Expired),
            ("nbf", json!(NOW + 31), TokenFault::NotYet),
            ("iat", json!(NOW + 31), TokenFault::NotYet),
            ("more", json!(1), TokenFault::Claims),
        ] {
            let mut claims = claims();
            claims[field] = value.clone();
            let token = signed(&keys, &claims);
            let verified = verify(&keys, token.as_bytes(), NOW);
            assert_eq!(verified, Err(fault), "{field}: {value}");
        }
        let token = jws::sign(&keys, "at+jwt", &claims());
        assert_eq!(verify(&keys, token.as_bytes(), NOW), Err(TokenFault::Type));
        let token = signed(&keys, &claims());
        assert!(verify(&keys, token.as_bytes(), NOW + 3629).is_ok());
        let late = verify(&keys, token.as_bytes(), NOW + 3630);
        assert_eq!(late, Err(TokenFault::Expired));
        assert!(verify(&keys, token.as_bytes(), NOW - 30).is_ok());
    }

    #[test]
    fn a_token_is_remembered_whole_and_in_its_time() {
        let (keys, rates) = (Keys::ephemeral(), RateKeys::new());
        let (tokens, now) = (ProxyTokens::new(), Instant::now());
        let token = issue(&keys, grant(), id(1), NOW);
        let claims = verify(&keys, token.as_bytes(), NOW).unwrap();
        let pass = Pass::of(&claims, &rates);
        assert_eq!(tokens.find(token.as_bytes(), now), None);
        tokens.remember(token.as_bytes(), pass, &claims, (now, NOW));
        assert_eq!(tokens.find(token.as_bytes(), now), Some(pass));
        let mut forged = token.clone().into_bytes();
        forged[10] ^= 1;
        assert_eq!(tokens.find(&forged, now), None);
        assert_eq!(tokens.find(b"short", now), None);
        let last = now + Duration::from_secs(3629);
        assert_eq!(tokens.find(token.as_bytes(), last), Some(pass));
        let over = now + Duration::from_secs(3630);
        assert_eq!(tokens.find(token.as_bytes(), over), None);
        tokens.forget_all();
        assert_eq!(tokens.find(token.as_bytes(), now), None);
    }

    #[test]
    fn rates_are_counted_by_subject_and_hash() {
        let rates = RateKeys::new();
        let key = |subject: &str, hash| {
            let claims = ProxyClaims {
                subject: subject.to_owned(),
                hash,
                expires_at: 0,
            };
            Pass::of(&claims, &rates).rate
        };
        assert_eq!(key("a", 1), key("a", 1));
        assert_ne!(key("a", 1), key("a", 2));
        assert_ne!(key("a", 1), key("b", 1));
    }
}
