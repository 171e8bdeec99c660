//! `/api/v1/auth`: login, logout, refresh-token, me.

use serde_json::json;

use super::super::users;
use super::super::users::rules::User;
use super::rules::{
    Login, REFRESH_KEY, Refresh, SESSION_MS, Tokens, access_token_id, refresh_end, successor,
};
use super::sql::{self, Because, Rotation};
use crate::audit::{self, Actor, Entry};
use crate::auth::cookies::{Channel, Cookie};
use crate::auth::passwords::Verified;
use crate::auth::principal::{self, Anyone};
use crate::auth::tokens::{Grant, access, issue};
use crate::auth::{Secret, csrf};
use crate::context::Context;
use crate::http::{
    Answer, Body, Content, Exchange, Input, Problem, Reply, Request, Signature, Versioned,
};
use crate::id::Id;
use crate::json::{Describe, Schemas};
use crate::store::{SqlFault, Tx};
use crate::telemetry::process::unix_ms;

/// `POST /api/v1/auth/login`.
pub async fn login(
    context: &Context,
    _: Anyone,
    body: Body<Login>,
    exchange: &mut Exchange<'_>,
) -> Result<SignedIn, Problem> {
    let Login { email, password } = body.value;
    let key = email.key();
    context.admit_account(&key)?;
    let find = |view: &crate::store::View<'_>| users::sql::credentials(view, &key);
    let credentials = context.house.commerce.read(find)?;
    let hash = credentials
        .as_ref()
        .map(|found| found.password_hash.clone());
    let password = password.into_string();
    let verified = context.passwords.verify(password.clone(), hash).await;
    let is_outdated = match verified? {
        Verified::Wrong => return Err(wrong_credentials()),
        Verified::Right => false,
        Verified::RightOutdated => true,
    };
    let credentials = credentials.ok_or_else(wrong_credentials)?;
    let rehashed = match is_outdated {
        // Where too many wait, another login brings it up to date.
        true => context.passwords.hash(password).await.ok(),
        false => None,
    };
    let (session, refresh) = (Id::fresh(), Secret::fresh());
    let enter = move |tx: &mut Tx<'_>| -> Result<Option<User>, SqlFault> {
        // The password may have been set anew while the old one was checked.
        let present = users::sql::credentials(tx, &key)?;
        if present.is_none_or(|now| now.password_hash != credentials.password_hash) {
            return Ok(None);
        }
        if let Some(hash) = &rehashed {
            users::sql::set_password(tx, credentials.id, hash)?;
        }
        sql::begin(tx, session, credentials.id, &refresh.hash())?;
        users::sql::read(tx, credentials.id)
    };
    let entered = context.house.commerce.write(enter).await?.map_err(failed)?;
    let user = entered.ok_or_else(wrong_credentials)?;
    let now_ms = unix_ms() as i64;
    Ok(SignedIn::new(
        context,
        &exchange.request(),
        user,
        session,
        refresh,
        now_ms,
    ))
}

/// `POST /api/v1/auth/logout`.
pub async fn logout(
    context: &Context,
    caller: principal::User,
    exchange: &mut Exchange<'_>,
) -> Result<SignedOut, Problem> {
    let end = move |tx: &mut Tx<'_>| sql::revoke(tx, caller.session, caller.id, Because::Logout);
    context.house.commerce.write(end).await?.map_err(failed)?;
    let channel = principal::channel_of(context, &exchange.request());
    Ok(SignedOut { channel })
}

/// `POST /api/v1/auth/refresh-token`.
pub async fn refresh(
    context: &Context,
    _: Anyone,
    shown: Shown,
    exchange: &mut Exchange<'_>,
) -> Result<SignedIn, Problem> {
    let request = exchange.request();
    let token = shown.token(context, &request)?;
    let key = context.keys.borrow().derive(REFRESH_KEY);
    let (hash, next) = (token.hash(), successor(&key, &token));
    // Made-up tokens do not get as far as the writer.
    let known = context
        .house
        .commerce
        .read(|view| sql::token(view, &hash))?;
    let known = known.ok_or_else(refused)?;
    if shown == Shown::Cookie {
        let csrf_token = principal::csrf_token(context, known.session);
        let channel = principal::channel_of(context, &request);
        csrf::check(
            &request,
            channel,
            &context.shop_origins.borrow(),
            &csrf_token,
        )?;
    }
    let rotate = move |tx: &mut Tx<'_>| -> Result<(Rotation, Option<User>), SqlFault> {
        let rotation = sql::rotate(tx, &hash, &next.hash())?;
        match rotation {
            Rotation::Good { user, .. } => Ok((rotation, users::sql::read(tx, user)?)),
            Rotation::Revoked { session, user } => {
                tell_of_reuse(tx, session, user)?;
                Ok((rotation, None))
            }
            Rotation::Refused => Ok((rotation, None)),
        }
    };
    let rotated = context
        .house
        .commerce
        .write(rotate)
        .await?
        .map_err(failed)?;
    match rotated {
        (Rotation::Good { session, at, .. }, Some(user)) => {
            Ok(SignedIn::new(context, &request, user, session, next, at))
        }
        (Rotation::Good { .. } | Rotation::Revoked { .. } | Rotation::Refused, _) => Err(refused()),
    }
}

/// `GET /api/v1/auth/me`.
pub fn me(
    context: &Context,
    caller: principal::User,
    _: &Request<'_>,
    _: &mut Reply<'_>,
) -> Result<Versioned<User>, Problem> {
    users::api::versioned(context, caller.id)
}

/// How a refresh token is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// In the body.
    Body(String),
    /// As a cookie.
    Cookie,
}

impl Input for Shown {
    async fn read(exchange: &mut Exchange<'_>) -> Result<Shown, Problem> {
        let request = exchange.request();
        let is_empty = matches!(request.header("content-length"), None | Some(b"0"))
            && request.header("transfer-encoding").is_none();
        if is_empty {
            return Ok(Shown::Cookie);
        }
        let body: Body<Refresh> = Body::of(exchange).await?;
        Ok(match body.value.refresh_token {
            Some(token) => Shown::Body(token.into_string()),
            None => Shown::Cookie,
        })
    }

    fn describe(schemas: &mut Schemas, signature: &mut Signature) {
        signature.body = Some(Content::Json(Refresh::schema(schemas)));
    }
}

impl Shown {
    fn token(&self, context: &Context, request: &Request<'_>) -> Result<Secret, Problem> {
        let token = match self {
            Shown::Body(text) => Secret::parse(text),
            Shown::Cookie => {
                let channel = principal::channel_of(context, request);
                let value = Cookie::Refresh.of(request, channel).unwrap_or_default();
                str::from_utf8(value).ok().and_then(Secret::parse)
            }
        };
        token.ok_or_else(refused)
    }
}

/// 200 with the tokens of a session, and its cookies.
#[derive(Debug)]
pub struct SignedIn {
    tokens: Tokens,
    csrf: String,
    refresh_seconds: u64,
    channel: Channel,
}

impl SignedIn {
    /// The same arguments give the same answer, so that a repeated refresh gets what the first
    /// one got.
    fn new(
        context: &Context,
        request: &Request<'_>,
        user: User,
        session: Id,
        refresh: Secret,
        at_ms: i64,
    ) -> SignedIn {
        let keys = context.keys.borrow();
        let grant = Grant {
            user: user.id,
            session,
            role: user.role,
        };
        let id = access_token_id(&keys.derive(REFRESH_KEY), &refresh, at_ms);
        let access_token = issue(&keys, grant, id, at_ms.max(0) as u64 / 1000);
        let refresh_ms = refresh_end(at_ms, at_ms + SESSION_MS) - at_ms;
        SignedIn {
            tokens: Tokens {
                access_token,
                token_type: "Bearer",
                expires_in: access::ACCESS_SECONDS,
                refresh_token: refresh.text(),
                user,
            },
            csrf: principal::csrf_token(context, session),
            refresh_seconds: refresh_ms.max(0) as u64 / 1000,
            channel: principal::channel_of(context, request),
        }
    }
}

impl Answer for SignedIn {
    fn write(self, _: &Request<'_>, reply: &mut Reply<'_>) -> Result<(), Problem> {
        let SignedIn {
            tokens,
            csrf,
            refresh_seconds,
            channel,
        } = self;
        reply.status(200).header("Cache-Control", "no-store");
        Cookie::Access.set(&tokens.access_token, tokens.expires_in, channel, reply);
        Cookie::Refresh.set(&tokens.refresh_token, refresh_seconds, channel, reply);
        Cookie::Csrf.set(&csrf, refresh_seconds, channel, reply);
        reply.json(&tokens);
        Ok(())
    }

    fn describe(schemas: &mut Schemas, signature: &mut Signature) {
        let content = Content::Json(Tokens::schema(schemas));
        signature.replies.push((200, Some(content)));
    }
}

/// 204 that takes the cookies away.
#[derive(Debug)]
pub struct SignedOut {
    channel: Channel,
}

impl Answer for SignedOut {
    fn write(self, _: &Request<'_>, reply: &mut Reply<'_>) -> Result<(), Problem> {
        reply.status(204);
        for cookie in [Cookie::Access, Cookie::Refresh, Cookie::Csrf] {
            cookie.clear(self.channel, reply);
        }
        reply.empty();
        Ok(())
    }

    fn describe(_: &mut Schemas, signature: &mut Signature) {
        signature.replies.push((204, None));
    }
}

fn tell_of_reuse(tx: &mut Tx<'_>, session: Id, user: Id) -> Result<(), SqlFault> {
    let entry = Entry {
        actor: Actor::System,
        action: "session.reuse_detected",
        subject: ("user", &user.text()),
        detail: json!({ "session_id": session }),
    };
    audit::append(tx, &entry)
}

/// A statement that failed inside of a command without rules of its own to break.
pub fn failed(fault: SqlFault) -> Problem {
    crate::store::StoreFault::from(fault).into()
}

/// The same for a wrong password and for an unknown address.
fn wrong_credentials() -> Problem {
    Problem::new(401, "The address or the password is wrong.")
        .code("invalid_credentials")
        .header("WWW-Authenticate", "Bearer")
}

fn refused() -> Problem {
    Problem::new(401, "The refresh token is not valid; sign in again.")
        .code("invalid_refresh_token")
        .header("WWW-Authenticate", "Bearer error=\"invalid_token\"")
}
