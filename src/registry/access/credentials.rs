//! What a request shows, and whose it is.
//!
//! Known: a token of the registry (`Authorization: Bearer npm_…`), the name and the password of
//! an account (`Basic`, which npm's `_auth` is), and the access token of the shop's staff. A
//! credential that is not good is refused even where none is needed: `npm whoami` is to tell that
//! a token is over, and an install is not to leave out what its owner may read.
//!
//! A password is checked on one shard of the house, once for all requests that show it at the same
//! time: clients open a dozen connections, and each check costs 20 ms and a try of the budget.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest, Sha256};

use super::super::accounts::{self, rules::AccountName};
use super::super::tokens::rules::{Access, Networks, Token};
use super::super::{tokens, topics};
use super::address::client_address;
use super::rules::Standing;
use crate::audit::Actor;
use crate::auth::passwords::Verified;
use crate::auth::principal::Admin;
use crate::context::{self, Context};
use crate::http::{Guard, Problem, Request};
use crate::id::Id;
use crate::limits::PASSWORD_CHARACTERS_MAX;
use crate::shard;
use crate::store::Tx;
use crate::telemetry::process::unix_ms;

/// Who calls.
#[derive(Clone, Debug)]
pub enum Caller {
    /// Somebody who shows nothing.
    Nobody,
    /// An account of the registry.
    Account(Arc<Holder>),
    /// Staff of the shop.
    Staff(Id),
}

/// An account, as its credential shows it.
#[derive(Debug)]
pub struct Holder {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: Box<str>,
    /// The token; without one a password was shown.
    token: Option<Shown>,
}

/// The token that was shown.
#[derive(Debug)]
struct Shown {
    id: Id,
    access: Access,
    networks: Networks,
    expires_at: Option<i64>,
}

/// What a request shows.
enum Credential {
    Nothing,
    Token(Token),
    Staff,
    Password { name: AccountName, pair: Vec<u8> },
}

impl Caller {
    /// As the rules see it.
    pub fn standing(&self) -> Standing {
        match self {
            Caller::Nobody => Standing::Nobody,
            Caller::Account(_) => Standing::Account,
            Caller::Staff(_) => Standing::Administrator,
        }
    }

    /// The account, if it is one.
    pub fn account(&self) -> Option<&Holder> {
        match self {
            Caller::Account(holder) => Some(holder),
            Caller::Nobody | Caller::Staff(_) => None,
        }
    }

    /// As the audit log names it.
    pub fn actor(&self) -> Actor {
        match self {
            Caller::Account(holder) => Actor::User(holder.id),
            Caller::Staff(id) => Actor::Staff(*id),
            Caller::Nobody => Actor::System,
        }
    }
}

impl Holder {
    /// An account that showed its password.
    pub fn of_password(id: Id, name: &str) -> Holder {
        Holder {
            id,
            name: name.into(),
            token: None,
        }
    }

    fn of_token(holder: tokens::sql::Holder) -> Holder {
        let token = holder.token;
        Holder {
            id: token.account_id,
            name: holder.name.into(),
            token: Some(Shown {
                id: token.id,
                access: token.access,
                networks: token.networks,
                expires_at: token.expires_at,
            }),
        }
    }

    /// The token that was shown; nothing where it was a password.
    pub fn token(&self) -> Option<Id> {
        self.token.as_ref().map(|token| token.id)
    }

    /// What the credential may do.
    pub fn access(&self) -> Access {
        self.token
            .as_ref()
            .map_or(Access::Write, |token| token.access)
    }

    /// Whether it may be shown at this moment from this address.
    fn check(&self, peer: IpAddr) -> Result<(), Problem> {
        let Some(token) = &self.token else {
            return Ok(());
        };
        if token.expires_at.is_some_and(|end| end <= unix_ms() as i64) {
            return Err(invalid_token());
        }
        if !token.networks.hold(peer) {
            let detail = "This token may not be used from this address.";
            return Err(Problem::new(401, detail).header("WWW-Authenticate", IP_CHALLENGE));
        }
        Ok(())
    }
}

/// Who calls, where that takes no waiting; `None` where a password has to be checked.
pub(super) fn known(context: &Context, request: &Request<'_>) -> Result<Option<Caller>, Problem> {
    let holder = match shown(request)? {
        Credential::Nothing => return Ok(Some(Caller::Nobody)),
        Credential::Staff => return staff(context, request).map(Some),
        Credential::Token(token) => of_token(context, &token)?,
        Credential::Password { pair, .. } => match of_known_password(context, &pair) {
            Some(holder) => holder,
            None => return Ok(None),
        },
    };
    holder.check(client_address(context, request))?;
    Ok(Some(Caller::Account(holder)))
}

/// Who calls.
pub(super) async fn caller(context: &Context, request: &Request<'_>) -> Result<Caller, Problem> {
    if let Some(caller) = known(context, request)? {
        return Ok(caller);
    }
    let Credential::Password { name, pair } = shown(request)? else {
        return Ok(Caller::Nobody);
    };
    let key = context.registry_access.key_of_password(&pair);
    let (holder, generation) =
        checked_at_home(name, pair, client_address(context, request)).await?;
    let memory = &context.registry_access;
    memory.remember(key, holder.clone(), generation);
    Ok(Caller::Account(holder))
}

/// Reads what a request shows.
fn shown(request: &Request<'_>) -> Result<Credential, Problem> {
    let mut lines = request.values("authorization");
    let Some(line) = lines.next() else {
        return Ok(Credential::Nothing);
    };
    if lines.next().is_some() {
        return Err(Problem::new(400, "There are two Authorization headers."));
    }
    let at = line.iter().position(|byte| *byte == b' ');
    let (scheme, rest) = line.split_at(at.ok_or_else(invalid_token)?);
    let rest = rest.trim_ascii();
    if scheme.eq_ignore_ascii_case(b"basic") {
        return password_in(rest).ok_or_else(invalid_token);
    }
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(invalid_token());
    }
    match Token::parse(rest) {
        Some(token) => Ok(Credential::Token(token)),
        // Three parts: an access token of the shop (RFC 7519).
        None if rest.iter().filter(|byte| **byte == b'.').count() == 2 => Ok(Credential::Staff),
        None => Err(invalid_token()),
    }
}

/// RFC 7617; npm's clients leave the padding out now and then.
fn password_in(encoded: &[u8]) -> Option<Credential> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let pair = GeneralPurpose::new(&STANDARD, config)
        .decode(encoded)
        .ok()?;
    let (name, password) = str::from_utf8(&pair).ok()?.split_once(':')?;
    let is_password = !password.is_empty() && password.chars().count() <= PASSWORD_CHARACTERS_MAX;
    let name = AccountName::parse(name).ok()?;
    is_password.then_some(Credential::Password { name, pair })
}

/// The staff whose token a request shows. The shop's customers are nobody here.
fn staff(context: &Context, request: &Request<'_>) -> Result<Caller, Problem> {
    match Admin::admit(context, request) {
        Ok(admin) => Ok(Caller::Staff(admin.id)),
        Err(problem) if matches!(problem.status, 401 | 403) => Err(invalid_token()),
        Err(problem) => Err(problem),
    }
}

fn of_token(context: &Context, token: &Token) -> Result<Arc<Holder>, Problem> {
    let store = &context.house.registry;
    let (memory, hash) = (&context.registry_access, token.hash());
    let generation_of = |holder: &Holder| store.generation(topics::account(holder.id));
    if let Some(holder) = memory.holder(&hash, generation_of) {
        return Ok(holder);
    }
    let look = || store.read(|view| tokens::sql::holder(view, &hash));
    // Whose it is tells which generation counts; the look that is trusted comes after it.
    let first = look()?.ok_or_else(invalid_token)?;
    let generation = store.generation(topics::account(first.token.account_id));
    let found = look()?.ok_or_else(invalid_token)?;
    note_use(context, &found.token);
    let holder = Arc::new(Holder::of_token(found));
    memory.remember(hash, holder.clone(), generation);
    Ok(holder)
}

/// Notes that a token was seen, at most once in an hour. Nobody waits for it.
fn note_use(context: &Context, token: &tokens::sql::Stored) {
    let now_ms = unix_ms() as i64;
    let is_noted = |at: i64| now_ms - at < USE_NOTED_EVERY_MS;
    if token.used_at.is_some_and(is_noted) {
        return;
    }
    let id = token.id;
    let note = move |tx: &mut Tx<'_>| tokens::sql::mark_used(tx, id);
    drop(context.house.registry.write(note));
}

fn of_known_password(context: &Context, pair: &[u8]) -> Option<Arc<Holder>> {
    let (store, memory) = (&context.house.registry, &context.registry_access);
    let key = memory.key_of_password(pair);
    memory.holder(&key, |holder| store.generation(topics::account(holder.id)))
}

/// Has a password checked on the shard that all shards ask for this pair.
async fn checked_at_home(
    name: AccountName,
    pair: Vec<u8>,
    peer: IpAddr,
) -> Result<(Arc<Holder>, u64), Problem> {
    let digest = Sha256::digest(&pair);
    let (head, _) = digest.split_first_chunk().expect("a digest has 32 bytes");
    let home = u64::from_le_bytes(*head) as usize % shard::count();
    let (answer, reply) = shard::answer();
    shard::bus().post(home, move || {
        shard::spawn(async move {
            let context = context::here();
            reply.send(check(&context, &name, &pair, peer).await);
        });
    });
    let gone = || Problem::new(503, "The server ends.").header("Retry-After", "1");
    answer.await.map_err(|_| gone())?
}

/// Checks a password on this shard.
async fn check(
    context: &Context,
    name: &AccountName,
    pair: &[u8],
    peer: IpAddr,
) -> Result<(Arc<Holder>, u64), Problem> {
    let (store, memory) = (&context.house.registry, &context.registry_access);
    let key = memory.key_of_password(pair);
    let _check = loop {
        if let Some(holder) = of_known_password(context, pair) {
            // A change since then costs the asker another check, and nothing else.
            let generation = store.generation(topics::account(holder.id));
            return match of_known_password(context, pair) {
                Some(holder) => Ok((holder, generation)),
                None => Err(invalid_token()),
            };
        }
        match memory.begin_check(key) {
            Some(check) => break check,
            None => memory.checked(&key).await,
        }
    };
    count_try(context, name.as_str(), peer)?;
    let look = || store.read(|view| accounts::sql::named(view, name.as_str()));
    let first = look()?;
    let generation = first.map(|account| store.generation(topics::account(account.id)));
    let account = look()?;
    let stored = account.as_ref().map(|account| account.password.clone());
    let at = name.as_str().len() + 1;
    let password = str::from_utf8(&pair[at..]).map_err(|_| invalid_token())?;
    let verified = context
        .passwords
        .verify(password.to_owned(), stored)
        .await?;
    match (verified, account, generation) {
        (Verified::Right | Verified::RightOutdated, Some(account), Some(generation)) => {
            let holder = Arc::new(Holder::of_password(account.id, &account.name));
            memory.remember(key, holder.clone(), generation);
            Ok((holder, generation))
        }
        (Verified::Right | Verified::RightOutdated | Verified::Wrong, _, _) => {
            Err(wrong_password())
        }
    }
}

/// Counts a try of a password, by the address that it comes from and by the account.
pub(in crate::registry) fn count_try(
    context: &Context,
    account: &str,
    peer: IpAddr,
) -> Result<(), Problem> {
    let house = &context.house;
    let peer = house.rate_keys.peer(peer);
    house.auth_budget.admit(peer, house.steady_ms())?;
    count_account_try(context, account)
}

/// Counts a try of an account's password where the route counts the address. The accounts of the
/// shop are others, whatever they are called.
pub(in crate::registry) fn count_account_try(
    context: &Context,
    account: &str,
) -> Result<(), Problem> {
    context.admit_account(&format!("npm:{account}"))
}

/// Nobody is known to call.
pub fn unauthenticated() -> Problem {
    let detail = "Log in first, with `npm login` or a token.";
    Problem::new(401, detail).header("WWW-Authenticate", CHALLENGE)
}

/// What was shown is not good; a client learns no more.
pub fn invalid_token() -> Problem {
    let detail = "The token or the password is not valid, or its time is over; log in again.";
    let problem = Problem::new(401, detail).code("invalid_token");
    problem.header("WWW-Authenticate", CHALLENGE)
}

/// A name and a password were shown that do not belong together; the same for an account that is
/// not there.
pub fn wrong_password() -> Problem {
    let detail = "The name or the password of the account is wrong.";
    let problem = Problem::new(401, detail).code("invalid_credentials");
    problem.header("WWW-Authenticate", PASSWORD_CHALLENGE)
}

/// What npm asks for in this form: it tells its user that the token is not valid.
const CHALLENGE: &str = "Bearer, Basic";
/// The same two schemes (RFC 9110, 11.1: names of schemes have no case). npm tells its user of a
/// token where it finds `Bearer` and of a password where it finds `Basic` alone, by the letter.
const PASSWORD_CHALLENGE: &str = "Basic, bearer";
/// By which npm tells its user that it is the address.
const IP_CHALLENGE: &str = "Bearer, Basic, ipaddress";
const USE_NOTED_EVERY_MS: i64 = 60 * 60 * 1000;
