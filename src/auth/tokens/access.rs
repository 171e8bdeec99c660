//! Access tokens: what they say, how one is issued, and what makes one good.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::jws::{self, ISSUER, Kind, Registered, TokenFault};
use crate::auth::Role;
use crate::auth::keys::Keys;
use crate::id::Id;

/// The claims of an access token (RFC 9068, but for `client_id`, since there are no clients).
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'d> {
    iss: Cow<'d, str>,
    sub: Cow<'d, str>,
    aud: Cow<'d, str>,
    iat: u64,
    nbf: u64,
    exp: u64,
    jti: Cow<'d, str>,
    sid: Cow<'d, str>,
    role: Cow<'d, str>,
}

/// Whom a token is issued to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The user.
    pub user: Id,
    /// The session, with which the token ends.
    pub session: Id,
    /// What the user may do.
    pub role: Role,
}

/// What a good token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whom it was issued to.
    pub grant: Grant,
    /// The token's own id.
    pub token: Id,
    /// Unix seconds at which it was issued.
    pub issued_at: u64,
    /// Unix seconds from which on it is refused, the leeway not counted.
    pub expires_at: u64,
}

/// An access token of 15 minutes, with this id. The same arguments give the same token.
pub fn issue(keys: &Keys, grant: Grant, token: Id, now_seconds: u64) -> String {
    let (user, session, token) = (grant.user.text(), grant.session.text(), token.text());
    let document = Document {
        iss: ISSUER.into(),
        sub: (*user).into(),
        aud: AUDIENCE.into(),
        iat: now_seconds,
        nbf: now_seconds,
        exp: now_seconds + ACCESS_SECONDS,
        jti: (*token).into(),
        sid: (*session).into(),
        role: grant.role.as_str().into(),
    };
    jws::sign(keys, TYPE, &document)
}

/// What a token says, if it is one of ours, for this use, and in its time.
pub fn verify(keys: &Keys, token: &[u8], now_seconds: u64) -> Result<Claims, TokenFault> {
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
    let id = |text: &str| text.parse().map_err(|_| TokenFault::Claims);
    Ok(Claims {
        grant: Grant {
            user: id(&document.sub)?,
            session: id(&document.sid)?,
            role: Role::parse(&document.role).ok_or(TokenFault::Claims)?,
        },
        token: id(&document.jti)?,
        issued_at: document.iat,
        expires_at: document.exp,
    })
}

/// How long an access token is good for.
pub const ACCESS_SECONDS: u64 = 15 * 60;
const AUDIENCE: &str = "api";
const KIND: Kind = Kind {
    audience: AUDIENCE,
    lifetime_max: ACCESS_SECONDS,
};
/// RFC 9068, section 2.1.
const TYPE: &str = "at+jwt";

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::jwk::JwkSet;
    use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
    use serde_json::{Value, json};

    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn id(number: u8) -> Id {
        Id::of(NOW * 1000, [number; 10])
    }

    fn grant() -> Grant {
        Grant {
            user: id(1),
            session: id(2),
            role: Role::Admin,
        }
    }

    fn claims() -> Value {
        json!({
            "iss": "thirteen",
            "sub": id(1).to_string(),
            "aud": "api",
            "iat": NOW,
            "nbf": NOW,
            "exp": NOW + 900,
            "jti": id(3).to_string(),
            "sid": id(2).to_string(),
            "role": "admin",
        })
    }

    fn header(keys: &Keys) -> Value {
        json!({"alg": "EdDSA", "typ": "at+jwt", "kid": keys.signing_kid()})
    }

    /// A token of any header and claims, truly signed with our key.
    fn signed(keys: &Keys, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(keys.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    /// PKCS#8 of an Ed25519 seed (RFC 8410, section 10.3).
    fn encoding_key(seed: [u8; 32]) -> EncodingKey {
        let mut der = vec![
            0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
        ];
        der.extend_from_slice(&seed);
        EncodingKey::from_ed_der(&der)
    }

    #[test]
    fn jsonwebtoken_takes_ours() {
        let keys = Keys::ephemeral();
        let token = issue(&keys, grant(), id(3), NOW);
        let set: JwkSet = serde_json::from_str(&keys.jwks()).unwrap();
        let head = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!(
            (head.alg, head.typ.as_deref()),
            (Algorithm::EdDSA, Some("at+jwt"))
        );
        let key = DecodingKey::from_jwk(set.find(&head.kid.unwrap()).unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&["api"]);
        validation.set_issuer(&["thirteen"]);
        validation.validate_exp = false;
        let decoded = jsonwebtoken::decode::<Value>(&token, &key, &validation).unwrap();
        assert_eq!(decoded.claims, claims());
    }

    #[test]
    fn we_take_jsonwebtokens() {
        let seed = [9; 32];
        let keys = Keys::of_seed(seed);
        let header = Header {
            typ: Some("at+jwt".to_owned()),
            kid: Some(keys.signing_kid().to_owned()),
            ..Header::new(Algorithm::EdDSA)
        };
        let token = jsonwebtoken::encode(&header, &claims(), &encoding_key(seed)).unwrap();
        let verified = verify(&keys, token.as_bytes(), NOW).unwrap();
        assert_eq!(verified.grant, grant());
        assert_eq!(verified.token, id(3));
        let strange = jsonwebtoken::encode(&header, &claims(), &encoding_key([8; 32])).unwrap();
        assert_eq!(
            verify(&keys, strange.as_bytes(), NOW),
            Err(TokenFault::Forged)
        );
    }

    #[test]
    fn a_token_is_good_in_its_time_and_a_leeway_around_it() {
        let keys = Keys::ephemeral();
        let token = issue(&keys, grant(), id(3), NOW);
        let at = |now| verify(&keys, token.as_bytes(), now).map(|claims| claims.expires_at);
        let table = [
            (0, Err(TokenFault::NotYet)),
            (NOW - 31, Err(TokenFault::NotYet)),
            (NOW - 30, Ok(NOW + 900)),
            (NOW, Ok(NOW + 900)),
            (NOW + 929, Ok(NOW + 900)),
            (NOW + 930, Err(TokenFault::Expired)),
            (u64::MAX, Err(TokenFault::Expired)),
        ];
        for (now, expected) in table {
            assert_eq!(at(now), expected, "{now}");
        }
    }

    #[test]
    fn a_token_of_ours_is_good_for_no_longer_than_we_make_them() {
        let keys = Keys::ephemeral();
        let table = [
            (NOW, NOW, NOW + 900, Ok(())),
            (NOW, NOW, NOW + 60, Ok(())),
            (NOW, NOW, NOW + 901, Err(TokenFault::Claims)),
            (NOW, NOW, u64::MAX, Err(TokenFault::Claims)),
            (0, NOW, NOW + 900, Err(TokenFault::Claims)),
            (NOW + 1, NOW, NOW, Err(TokenFault::Claims)),
            (NOW + 31, NOW, NOW + 931, Err(TokenFault::NotYet)),
            (u64::MAX, 0, u64::MAX, Err(TokenFault::NotYet)),
        ];
        for (iat, nbf, exp, expected) in table {
            let claims = with(&claims(), "iat", json!(iat));
            let claims = with(&with(&claims, "nbf", json!(nbf)), "exp", json!(exp));
            let token = signed(&keys, &header(&keys), &claims);
            let verified = verify(&keys, token.as_bytes(), NOW).map(|_| ());
            assert_eq!(verified, expected, "{iat} {nbf} {exp}");
        }
    }

    /// A header with one member changed, or taken out where the value is null.
    fn with(value: &Value, name: &str, to: Value) -> Value {
        let mut value = value.clone();
        let members = value.as_object_mut().unwrap();
        if to.is_null() {
            members.remove(name);
        } else {
            members.insert(name.to_owned(), to);
        }
        value
    }

    #[test]
    fn headers_that_attack() {
        let keys = Keys::ephemeral();
        let public: Value = serde_json::from_str(&keys.jwks()).unwrap();
        let table = [
            ("alg", json!("none"), TokenFault::Algorithm),
            ("alg", json!("None"), TokenFault::Algorithm),
            ("alg", json!("HS256"), TokenFault::Algorithm),
            ("alg", json!("RS256"), TokenFault::Algorithm),
            ("alg", json!("ES256"), TokenFault::Algorithm),
            ("alg", json!("Ed25519"), TokenFault::Algorithm),
            ("alg", json!("eddsa"), TokenFault::Algorithm),
            ("alg", json!(""), TokenFault::Algorithm),
            ("alg", json!(["EdDSA"]), TokenFault::Header),
            ("alg", Value::Null, TokenFault::Header),
            ("typ", json!("JWT"), TokenFault::Type),
            ("typ", json!("application/at+jwt"), TokenFault::Type),
            ("typ", Value::Null, TokenFault::Header),
            ("kid", json!("AAAAAAAAAAAAAAAA"), TokenFault::UnknownKey),
            ("kid", json!("../secret"), TokenFault::UnknownKey),
            ("kid", json!(""), TokenFault::UnknownKey),
            ("kid", json!(0), TokenFault::Header),
            ("kid", Value::Null, TokenFault::Header),
            ("crit", json!(["exp"]), TokenFault::Header),
            ("jwk", public["keys"][0].clone(), TokenFault::Header),
            (
                "jku",
                json!("https://evil.example/jwks"),
                TokenFault::Header,
            ),
            ("b64", json!(false), TokenFault::Header),
        ];
        for (name, to, fault) in table {
            let header = with(&header(&keys), name, to);
            let token = signed(&keys, &header, &claims());
            assert_eq!(verify(&keys, token.as_bytes(), NOW), Err(fault), "{header}");
        }
        let token = signed(&keys, &header(&keys), &claims());
        assert!(verify(&keys, token.as_bytes(), NOW).is_ok());
    }

    #[test]
    fn claims_that_do_not_fit() {
        let keys = Keys::ephemeral();
        let table = [
            ("iss", json!("other"), TokenFault::Issuer),
            ("iss", Value::Null, TokenFault::Claims),
            ("aud", json!("proxy"), TokenFault::Audience),
            ("aud", json!(["api"]), TokenFault::Claims),
            ("aud", Value::Null, TokenFault::Claims),
            ("exp", json!(NOW - 30), TokenFault::Expired),
            ("exp", json!(-1), TokenFault::Claims),
            ("exp", json!(1e300), TokenFault::Claims),
            ("exp", json!("9999999999"), TokenFault::Claims),
            ("exp", Value::Null, TokenFault::Claims),
            ("nbf", json!(NOW + 31), TokenFault::NotYet),
            ("nbf", Value::Null, TokenFault::Claims),
            ("sub", json!("root"), TokenFault::Claims),
            ("sid", Value::Null, TokenFault::Claims),
            ("role", json!("Admin"), TokenFault::Claims),
            ("role", json!("root"), TokenFault::Claims),
            ("scope", json!("config:write"), TokenFault::Claims),
        ];
        for (name, to, fault) in table {
            let claims = with(&claims(), name, to);
            let token = signed(&keys, &header(&keys), &claims);
            assert_eq!(verify(&keys, token.as_bytes(), NOW), Err(fault), "{claims}");
        }
    }

    #[test]
    fn a_public_key_is_no_secret_to_sign_with() {
        let keys = Keys::ephemeral();
        let set: Value = serde_json::from_str(&keys.jwks()).unwrap();
        let x = URL_SAFE_NO_PAD
            .decode(set["keys"][0]["x"].as_str().unwrap())
            .unwrap();
        let header = Header {
            typ: Some("at+jwt".to_owned()),
            kid: Some(keys.signing_kid().to_owned()),
            ..Header::new(Algorithm::HS256)
        };
        let confused =
            jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(&x)).unwrap();
        assert_eq!(
            verify(&keys, confused.as_bytes(), NOW),
            Err(TokenFault::Algorithm)
        );
    }

    #[test]
    fn pieces_of_a_token_are_none() {
        let keys = Keys::ephemeral();
        let token = issue(&keys, grant(), id(3), NOW);
        for end in 0..token.len() {
            assert!(
                verify(&keys, &token.as_bytes()[..end], NOW).is_err(),
                "{end}"
            );
        }
        let dots: Vec<usize> = token.match_indices('.').map(|(at, _)| at).collect();
        let (message, signature) = token.split_at(dots[1]);
        let hostile = [
            String::new(),
            "..".to_owned(),
            format!("{message}."),
            format!("{token}."),
            format!("{token}A"),
            format!("{token}="),
            format!(" {token}"),
            format!("{token}{signature}"),
            format!("{}{signature}", &message[..dots[0]]),
            token.replace('.', ".."),
            "A".repeat(TOKEN_LONG),
            format!(
                "{}.{}.{}",
                "A".repeat(400),
                "A".repeat(400),
                "A".repeat(400)
            ),
        ];
        for text in hostile {
            assert!(verify(&keys, text.as_bytes(), NOW).is_err(), "{text}");
        }
    }

    const TOKEN_LONG: usize = 1 << 20;

    #[test]
    fn every_changed_byte_is_noticed() {
        let keys = Keys::ephemeral();
        let token = issue(&keys, grant(), id(3), NOW);
        for at in 0..token.len() {
            for to in [b'A', b'.', b'_', b'=', 0xff] {
                let mut changed = token.clone().into_bytes();
                if changed[at] == to {
                    continue;
                }
                changed[at] = to;
                assert!(verify(&keys, &changed, NOW).is_err(), "byte {at} to {to}");
            }
        }
    }

    #[test]
    fn a_retired_keys_tokens_are_refused() {
        let keys = Keys::ephemeral();
        let token = issue(&keys, grant(), id(3), NOW);
        let others = Keys::ephemeral();
        assert_eq!(
            verify(&others, token.as_bytes(), NOW),
            Err(TokenFault::UnknownKey)
        );
    }
}
