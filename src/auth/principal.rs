//! Who calls: values that a handler takes and that nobody else can make.
//!
//! A caller shows an access token, as `Authorization: Bearer` or in its cookie. The shard's cache
//! knows most tokens; another is verified, and its session looked up. When anything was revoked
//! since a token was last looked up, its session is looked up again before the request goes on, so
//! that a revoked token is refused on every shard from the moment its revocation is on disk.

use std::time::{Duration, Instant};

use super::cookies::{Channel, Cookie};
use super::tokens::jws::LEEWAY_SECONDS;
use super::tokens::{Claims, Found, Grant, verify};
use super::{Role, csrf, sessions, text_of};
use crate::context::Context;
use crate::http::{Access, Guard, Problem, Request};
use crate::id::Id;
use crate::shard;
use crate::telemetry::Operation;
use crate::telemetry::process::unix_ms;

/// Everyone who reaches the door.
#[derive(Clone, Copy, Debug)]
pub struct Anyone(());

/// Someone who is signed in.
#[derive(Clone, Copy, Debug)]
pub struct User {
    /// Who.
    pub id: Id,
    /// What they may do.
    pub role: Role,
    /// The session.
    pub session: Id,
}

/// Staff.
#[derive(Clone, Copy, Debug)]
pub struct Admin {
    /// Who.
    pub id: Id,
    /// The session.
    pub session: Id,
}

/// A vendor.
#[derive(Clone, Copy, Debug)]
pub struct Vendor {
    /// Who.
    pub id: Id,
    /// The session.
    pub session: Id,
}

/// A vendor or staff: who may have products.
#[derive(Clone, Copy, Debug)]
pub struct Seller {
    /// Who.
    pub id: Id,
    /// Which of both.
    pub role: Role,
    /// The session.
    pub session: Id,
}

/// Someone who is signed in, or nobody in particular.
#[derive(Clone, Copy, Debug)]
pub struct Maybe<P>(pub Option<P>);

/// The user whom the path names by `:id`, or staff: who may have what belongs to that user. For
/// anyone else it is not there.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    /// Whose it is.
    pub of: Id,
    /// Who calls.
    pub by: User,
}

impl Guard<Context> for Anyone {
    const ACCESS: Access = Access::Anyone;

    fn admit(_: &Context, _: &Request<'_>) -> Result<Anyone, Problem> {
        Ok(Anyone(()))
    }

    fn is_somebody(&self) -> bool {
        false
    }
}

impl Guard<Context> for User {
    const ACCESS: Access = Access::User;

    fn admit(context: &Context, request: &Request<'_>) -> Result<User, Problem> {
        match credential(context, request)? {
            Some(credential) => credential.user(context, request),
            None => Err(unauthenticated()),
        }
    }
}

impl Guard<Context> for Maybe<User> {
    const ACCESS: Access = Access::Anyone;

    fn admit(context: &Context, request: &Request<'_>) -> Result<Maybe<User>, Problem> {
        let Some(credential) = credential(context, request)? else {
            return Ok(Maybe(None));
        };
        match credential.user(context, request) {
            // A browser sends what it has; a cookie whose time is over makes nobody of the user.
            Err(problem) if problem.status == 401 && credential.carrier == Carrier::Cookie => {
                Ok(Maybe(None))
            }
            outcome => outcome.map(Some).map(Maybe),
        }
    }

    fn is_somebody(&self) -> bool {
        self.0.is_some()
    }
}

impl Guard<Context> for Owner {
    const ACCESS: Access = Access::User;

    fn admit(context: &Context, request: &Request<'_>) -> Result<Owner, Problem> {
        let by = User::admit(context, request)?;
        let not_found = || Problem::new(404, "There is no such user.");
        let of = request.parameter("id")?.parse().map_err(|_| not_found())?;
        match by.role {
            Role::Admin => Ok(Owner { of, by }),
            Role::Customer | Role::Vendor if by.id == of => Ok(Owner { of, by }),
            Role::Customer | Role::Vendor => Err(not_found()),
        }
    }
}

impl Guard<Context> for Admin {
    const ACCESS: Access = Access::Admin;

    fn admit(context: &Context, request: &Request<'_>) -> Result<Admin, Problem> {
        let User { id, role, session } = User::admit(context, request)?;
        match role {
            Role::Admin => Ok(Admin { id, session }),
            Role::Customer | Role::Vendor => Err(forbidden()),
        }
    }
}

impl Guard<Context> for Vendor {
    const ACCESS: Access = Access::Vendor;

    fn admit(context: &Context, request: &Request<'_>) -> Result<Vendor, Problem> {
        let User { id, role, session } = User::admit(context, request)?;
        match role {
            Role::Vendor => Ok(Vendor { id, session }),
            Role::Customer | Role::Admin => Err(forbidden()),
        }
    }
}

impl Guard<Context> for Seller {
    const ACCESS: Access = Access::Seller;

    fn admit(context: &Context, request: &Request<'_>) -> Result<Seller, Problem> {
        let User { id, role, session } = User::admit(context, request)?;
        match role {
            Role::Vendor | Role::Admin => Ok(Seller { id, role, session }),
            Role::Customer => Err(forbidden()),
        }
    }
}

/// Staff for as long as a WebSocket lives: its session may end before the connection does.
pub struct Standing {
    grant: Grant,
    generation: u64,
}

/// The staff that a request shows that it comes from; one that shows nothing, or what is not good,
/// comes from nobody in particular.
pub fn staff(context: &Context, request: &Request<'_>) -> Option<Standing> {
    // The store is not asked where there is nothing to ask for.
    if request.header("authorization").is_none() && request.header("cookie").is_none() {
        return None;
    }
    let store = &context.house.commerce;
    let Admin { id, session } = Admin::admit(context, request).ok()?;
    let standing = Standing {
        grant: Grant {
            user: id,
            session,
            role: Role::Admin,
        },
        generation: store.generation(sessions::topic(id)),
    };
    // The generation may have moved between the guard's look and ours.
    is_live(context, &standing.grant)
        .unwrap_or(false)
        .then_some(standing)
}

impl Standing {
    /// Whether the session is live at this moment. A store that cannot tell says no.
    pub fn holds(&mut self, context: &Context) -> bool {
        let topic = sessions::topic(self.grant.user);
        let generation = context.house.commerce.generation(topic);
        if generation != self.generation {
            self.generation = generation;
            return is_live(context, &self.grant).unwrap_or(false);
        }
        true
    }
}

/// The channel that a request came by.
pub fn channel_of(context: &Context, request: &Request<'_>) -> Channel {
    if context.is_from_this_machine(request) {
        Channel::Loopback
    } else {
        Channel::Secure
    }
}

/// The token of double submission of a session.
pub fn csrf_token(context: &Context, session: Id) -> String {
    let key = context.keys.borrow().derive("csrf");
    text_of(&super::keys::mac(&key, session.as_bytes()))
}

/// A token as it was shown.
#[derive(Clone, Copy)]
struct Credential<'r> {
    token: &'r [u8],
    carrier: Carrier,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Carrier {
    Header,
    Cookie,
}

/// The token that a request shows; the header goes before the cookie (RFC 6750, section 2).
fn credential<'r>(
    context: &Context,
    request: &Request<'r>,
) -> Result<Option<Credential<'r>>, Problem> {
    let mut lines = request
        .head()
        .headers()
        .filter(|(name, _)| name.eq_ignore_ascii_case(b"authorization"));
    if let Some((_, value)) = lines.next() {
        if lines.next().is_some() {
            return Err(Problem::new(400, "There are two Authorization headers."));
        }
        let token = bearer(value).ok_or_else(invalid_token)?;
        let carrier = Carrier::Header;
        return Ok(Some(Credential { token, carrier }));
    }
    let token = Cookie::Access.of(request, channel_of(context, request));
    Ok(token.map(|token| Credential {
        token,
        carrier: Carrier::Cookie,
    }))
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(7)?;
    let token = rest.trim_ascii_start();
    let is_bearer = scheme.eq_ignore_ascii_case(b"bearer ");
    (is_bearer && !token.is_empty()).then_some(token)
}

impl Credential<'_> {
    fn user(&self, context: &Context, request: &Request<'_>) -> Result<User, Problem> {
        let grant = grant_of(context, self.token)?;
        if self.carrier == Carrier::Cookie {
            let token = csrf_token(context, grant.session);
            let channel = channel_of(context, request);
            csrf::check(request, channel, &context.shop_origins.borrow(), &token)?;
        }
        Ok(User {
            id: grant.user,
            role: grant.role,
            session: grant.session,
        })
    }
}

/// Whom a token was issued to, if it is good at this moment.
fn grant_of(context: &Context, token: &[u8]) -> Result<Grant, Problem> {
    let now = shard::turn_began();
    let store = &context.house.commerce;
    let find = || {
        context
            .tokens
            .find(token, now, |topic| store.generation(topic))
    };
    let (grant, deadline) = match context.telemetry.sample(Operation::JwtVerifyWarm, find) {
        Found::Good(grant) => return Ok(grant),
        Found::Stale(grant) => (grant, None),
        Found::Nothing => {
            let claims = verified(context, token)?;
            (claims.grant, Some(deadline_of(&claims, now)))
        }
    };
    // Before the session is looked up: what is revoked after that look moves it on.
    let generation = store.generation(sessions::topic(grant.user));
    if !is_live(context, &grant)? {
        context.tokens.forget(token);
        return Err(invalid_token());
    }
    match deadline {
        Some(deadline) => context
            .tokens
            .remember(token, grant, generation, now, deadline),
        None => context.tokens.confirm(token, generation),
    }
    Ok(grant)
}

fn verified(context: &Context, token: &[u8]) -> Result<Claims, Problem> {
    let keys = context.keys.borrow();
    let now_seconds = unix_ms() / 1000;
    let verify = || verify(&keys, token, now_seconds);
    let outcome = context.telemetry.sample(Operation::JwtVerifyCold, verify);
    outcome.map_err(|fault| {
        tracing::debug!(target: "auth", ?fault, "a token was refused");
        invalid_token()
    })
}

fn is_live(context: &Context, grant: &Grant) -> Result<bool, Problem> {
    let now_ms = unix_ms() as i64;
    let look = |view: &crate::store::View<'_>| sessions::is_live(view, grant, now_ms);
    Ok(context.house.commerce.read(look)?)
}

/// Until when a token is good, on the clock that does not jump.
fn deadline_of(claims: &Claims, now: Instant) -> Instant {
    let end_ms = (claims.expires_at + LEEWAY_SECONDS) * 1000;
    now + Duration::from_millis(end_ms.saturating_sub(unix_ms()))
}

/// Nobody is known to call (RFC 6750, section 3.1: without an error code).
fn unauthenticated() -> Problem {
    Problem::new(401, "Sign in first.").header("WWW-Authenticate", "Bearer")
}

/// What was shown is not good; a client learns no more.
fn invalid_token() -> Problem {
    let problem = Problem::new(401, "The access token is not valid.").code("invalid_token");
    problem.header("WWW-Authenticate", "Bearer error=\"invalid_token\"")
}

fn forbidden() -> Problem {
    Problem::new(403, "This is for others.")
}
