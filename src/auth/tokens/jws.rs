//! Signed tokens in the compact form of RFC 7515: one algorithm, one way to write the header.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::auth::keys::Keys;
use crate::limits::TOKEN_BYTES_MAX;

/// Why a token is refused, in the order of the checks. A client learns no more than that it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// Not three parts of base64url, or longer than any of ours.
    Malformed,
    /// The header is not exactly the three fields that ours have.
    Header,
    /// Another algorithm than EdDSA, `none` included.
    Algorithm,
    /// Another kind of token.
    Type,
    /// A key that is not live.
    UnknownKey,
    /// The signature is not that of the key.
    Forged,
    /// The claims are not those of this kind of token.
    Claims,
    /// Made by somebody else.
    Issuer,
    /// Made for another use.
    Audience,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYet,
}

/// The header (RFC 7515, section 4). Unknown members are refused: ours have none, and `crit`
/// would have to be understood.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'h> {
    alg: &'h str,
    typ: &'h str,
    kid: &'h str,
}

/// A token of this type with these claims, signed with the youngest key.
pub fn sign(keys: &Keys, typ: &str, claims: &impl Serialize) -> String {
    let header = Header {
        alg: ALGORITHM,
        typ,
        kid: keys.signing_kid(),
    };
    let header = serde_json::to_vec(&header).expect("three texts are JSON");
    let claims = serde_json::to_vec(claims).expect("claims have string keys");
    let mut token = URL_SAFE_NO_PAD.encode(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut token);
    let signature = keys.sign(token.as_bytes());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    token
}

/// The claims of a token of this type, whose signature is good.
pub fn open(keys: &Keys, typ: &str, token: &[u8]) -> Result<Vec<u8>, TokenFault> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenFault::Malformed);
    }
    let last = token.iter().rposition(|byte| *byte == b'.');
    let (message, signature) = token.split_at(last.ok_or(TokenFault::Malformed)?);
    let first = message.iter().position(|byte| *byte == b'.');
    let (header, claims) = message.split_at(first.ok_or(TokenFault::Malformed)?);
    let header = decode(header)?;
    let claims = decode(&claims[1..])?;
    let signature = decode(&signature[1..])?;
    let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| TokenFault::Header)?;
    if header.alg != ALGORITHM {
        return Err(TokenFault::Algorithm);
    }
    if header.typ != typ {
        return Err(TokenFault::Type);
    }
    let key = keys.public(header.kid).ok_or(TokenFault::UnknownKey)?;
    let signature = <[u8; 64]>::try_from(signature).map_err(|_| TokenFault::Forged)?;
    key.verify(message, &signature)
        .map_err(|_| TokenFault::Forged)?;
    Ok(claims)
}

/// The registered claims (RFC 7519, section 4.1) that every kind of token is held to; times are
/// Unix seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registered<'d> {
    pub(super) issuer: &'d str,
    pub(super) audience: &'d str,
    pub(super) issued_at: u64,
    pub(super) not_before: u64,
    pub(super) expires_at: u64,
}

/// What a kind of token is for, and how long ours of it are good.
pub(super) struct Kind {
    pub(super) audience: &'static str,
    pub(super) lifetime_max: u64,
}

impl Registered<'_> {
    /// Whether a token is ours, of this kind, and good now, give or take [`LEEWAY_SECONDS`].
    pub(super) fn check(self, kind: &Kind, now_seconds: u64) -> Result<(), TokenFault> {
        if self.issuer != ISSUER {
            return Err(TokenFault::Issuer);
        }
        if self.audience != kind.audience {
            return Err(TokenFault::Audience);
        }
        if now_seconds >= self.expires_at.saturating_add(LEEWAY_SECONDS) {
            return Err(TokenFault::Expired);
        }
        let begins = self.not_before.max(self.issued_at);
        if now_seconds.saturating_add(LEEWAY_SECONDS) < begins {
            return Err(TokenFault::NotYet);
        }
        // Whoever got hold of a key for a moment shall not have made a token for years with it.
        let lifetime = self.expires_at.checked_sub(self.issued_at);
        if lifetime.is_none_or(|seconds| seconds > kind.lifetime_max) {
            return Err(TokenFault::Claims);
        }
        Ok(())
    }
}

/// Strict: no padding, no other alphabet, no bits that mean nothing, so that a token has one form.
fn decode(part: &[u8]) -> Result<Vec<u8>, TokenFault> {
    let decoded = URL_SAFE_NO_PAD.decode(part);
    decoded.map_err(|_| TokenFault::Malformed)
}

/// RFC 8037, section 3.1.
const ALGORITHM: &str = "EdDSA";
/// How far the clocks of two machines may differ.
pub const LEEWAY_SECONDS: u64 = 30;
/// Who makes our tokens.
pub(super) const ISSUER: &str = "thirteen";
