//! `/.well-known/jwks.json`: the keys that our tokens can be checked with.

use super::principal::Anyone;
use crate::context::Context;
use crate::http::{Problem, Reply, Request, Written};

crate::shape! {
    /// A public key (RFC 8037).
    pub struct JsonWebKey writes {
        pub kty: String,
        pub crv: String,
        pub alg: String,
        pub kid: String,
        pub x: String,
    }
}

crate::shape! {
    /// Public keys (RFC 7517): during a rotation the one before as well.
    pub struct JsonWebKeySet writes {
        pub keys: Vec<JsonWebKey>,
    }
}

/// `GET /.well-known/jwks.json`.
pub fn keys(
    context: &Context,
    _: Anyone,
    _: &Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<Written<JsonWebKeySet>, Problem> {
    let body = context.keys.borrow().jwks();
    reply
        .status(200)
        .header("Cache-Control", "public, max-age=300")
        .body("application/json", body.as_bytes());
    Ok(Written::by_hand())
}
