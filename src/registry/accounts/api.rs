//! `/-/user`, `/-/whoami`, `/-/npm/v1/user`: how npm's clients make accounts, log in and out, and
//! show and change a profile.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::access::{
    Member, Writer, client_address, count_account_try, invalid_token, wrong_password,
};
use super::super::body::read_json;
use super::super::tokens::rules::Token;
use super::super::tokens::sql::Wanted;
use super::super::{tokens, topics};
use super::rules::{AccountName, Email};
use super::sql::{self, Account};
use crate::audit::{self, Actor, Entry};
use crate::auth::passwords::{self, Verified};
use crate::auth::principal::Anyone;
use crate::context::Context;
use crate::http::{Exchange, Problem, Request, Sent};
use crate::id::Id;
use crate::json::Time;
use crate::limits::{ACCOUNT_TOKENS_MAX, PASSWORD_CHARACTERS_MAX};
use crate::settings::Signup;
use crate::store::{SqlFault, StoreFault, Tx};

/// What `npm login` and `npm adduser` send.
#[derive(Deserialize)]
struct UserBody {
    name: Option<String>,
    password: Option<String>,
    email: Option<String>,
}

/// What `npm profile set` sends: the fields of a profile.
#[derive(Deserialize)]
struct ProfileBody {
    password: Option<PasswordChange>,
    email: Option<String>,
    #[serde(flatten)]
    others: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct PasswordChange {
    old: String,
    new: String,
}

/// Somebody who wants to come in with a name and a password.
pub struct Applicant {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
    /// What is wanted.
    pub wish: Wish,
}

/// What somebody with a name and a password wants. Accounts are made only where anybody may make
/// them; where nobody may, every wish is the first.
pub enum Wish {
    /// To enter an account that there is.
    Enter,
    /// To enter the account of the name, or to make it: `npm login`, which knows no better.
    EnterOrMake(Option<Email>),
    /// To make an account under a name that is free: `npm adduser`.
    Make(Option<Email>),
}

/// Whom an applicant is.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The account.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// The stored form of the password that was right.
    pub password: String,
}

/// `PUT /-/user/:user` and `PUT /-/user/:user/-rev/:rev`. Credentials that the client has are not
/// looked at: they may be over, which is why it logs in.
pub async fn enter(
    context: &Context,
    _: Anyone,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let name = named(&exchange.request().parameter("user")?)?;
    let body: UserBody = read_json(exchange).await?;
    if body.name.is_some_and(|told| told != name) {
        return Err(Problem::new(
            400,
            "The body names another account than the URL.",
        ));
    }
    let password = body.password.filter(|password| !password.is_empty());
    let password = password.ok_or_else(|| Problem::new(400, "The password is missing."))?;
    let email = address(body.email.as_deref())?;
    let applicant = Applicant {
        name,
        password,
        wish: wish(&exchange.request(), email),
    };
    let peer = client_address(context, &exchange.request());
    let admitted = admit(context, applicant).await?;
    let (id, name) = (admitted.id, admitted.name.clone());
    let token = Token::fresh();
    let made = token.clone();
    let lifetime_ms = context.settings.borrow().access.login_lifetime_ms();
    let enter = move |tx: &mut Tx<'_>| begin_session(tx, &admitted, &made, peer, lifetime_ms);
    context.house.registry.write(enter).await??;
    let reply = json!({
        "ok": format!("you are authenticated as '{name}'"),
        "token": token.as_str(),
        "id": format!("{PREFIX}{name}"),
        "rev": rev_of(id),
    });
    let mut out = exchange.reply();
    out.status(201)
        .header("Cache-Control", "no-store")
        .json(&reply);
    Ok(Sent)
}

/// An address, where one is told.
///
/// # Errors
/// 400 where it looks like none.
pub fn address(text: Option<&str>) -> Result<Option<Email>, Problem> {
    let told = text.map(str::trim).filter(|text| !text.is_empty());
    let email = told.map(Email::parse).transpose();
    email.map_err(|fault| Problem::new(400, fault))
}

/// What a client wants that puts an account. One that tells an address makes an account. Clients
/// whose user has one show its name and password as `Basic` (yarn 1, pnpm), or name a revision
/// after a 409 (npm, yarn berry), or tell no address.
fn wish(request: &Request<'_>, email: Option<Email>) -> Wish {
    let mut shown = request.values("authorization");
    let is_basic = shown.any(|line| {
        line.get(..6)
            .is_some_and(|s| s.eq_ignore_ascii_case(b"basic "))
    });
    let path = request.head().path();
    let has_revision = path.windows(REVISION.len()).any(|part| part == REVISION);
    match email.is_some() && !is_basic && !has_revision {
        true => Wish::Make(email),
        false => Wish::EnterOrMake(email),
    }
}

/// Finds out who an applicant is: the account of the name, if the password is right, or one that
/// is made, as was wished.
///
/// # Errors
/// 401 for what is wrong; 409 where an account was to be made under a name that is taken; 400 for
/// a name or a password that is not taken for one.
pub async fn admit(context: &Context, applicant: Applicant) -> Result<Admitted, Problem> {
    let Applicant {
        name,
        password,
        wish,
    } = applicant;
    if password.chars().count() > PASSWORD_CHARACTERS_MAX {
        return Err(Problem::new(400, passwords::Weakness::TooLong.detail()));
    }
    count_account_try(context, &name)?;
    let is_open = context.settings.borrow().access.signup == Signup::Open;
    let wish = if is_open { wish } else { Wish::Enter };
    let store = &context.house.registry;
    let found = store.read(|view| sql::named(view, &name))?;
    match (wish, &found) {
        (Wish::EnterOrMake(email) | Wish::Make(email), None) => {
            return sign_up(context, &name, email, password).await;
        }
        (Wish::Make(_), Some(_)) => return Err(taken(&name)),
        (Wish::Enter | Wish::EnterOrMake(_), _) => {}
    }
    let stored = found.as_ref().map(|account| account.password.clone());
    match (context.passwords.verify(password, stored).await?, found) {
        (Verified::Right | Verified::RightOutdated, Some(account)) => Ok(Admitted {
            id: account.id,
            name: account.name,
            password: account.password,
        }),
        (Verified::Right | Verified::RightOutdated | Verified::Wrong, _) => Err(wrong_password()),
    }
}

async fn sign_up(
    context: &Context,
    name: &str,
    email: Option<Email>,
    password: String,
) -> Result<Admitted, Problem> {
    let name = AccountName::parse(name).map_err(|fault| Problem::new(400, fault))?;
    passwords::judge(&password)
        .map_err(|weak| Problem::new(400, weak.detail()).code(weak.code()))?;
    let hash = context.passwords.hash(password).await?;
    let id = Id::fresh();
    let admitted = Admitted {
        id,
        name: name.as_str().to_owned(),
        password: hash.clone(),
    };
    let told = name.clone();
    let make = move |tx: &mut Tx<'_>| -> Result<bool, SqlFault> {
        let is_made = sql::create(tx, id, &name, email.as_ref(), &hash)?;
        if is_made {
            tell(
                tx,
                id,
                "account.created",
                &id.text(),
                json!({ "name": name.as_str() }),
            )?;
        }
        Ok(is_made)
    };
    match context
        .house
        .registry
        .write(make)
        .await?
        .map_err(StoreFault::from)?
    {
        true => Ok(admitted),
        false => Err(taken(told.as_str())),
    }
}

/// Makes the token of a login, unless the password is another one since the old one was checked.
pub fn begin_session(
    tx: &mut Tx<'_>,
    admitted: &Admitted,
    token: &Token,
    peer: IpAddr,
    lifetime_ms: Option<i64>,
) -> Result<(), Problem> {
    let account = sql::read(tx, admitted.id).map_err(StoreFault::from)?;
    if account.is_none_or(|account| account.password != admitted.password) {
        return Err(wrong_password());
    }
    let description = format!("login from {}", peer.to_canonical());
    let wanted = Wanted::of_login(description, lifetime_ms);
    tokens::api::make(tx, admitted.id, token, &wanted).map(|_| ())
}

/// `GET /-/user/:user`: who an account is, for `npm owner add`.
pub async fn read(
    context: &Context,
    _: Member,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let name = named(&exchange.request().parameter("user")?)?;
    let account = context
        .house
        .registry
        .read(|view| sql::named(view, &name))?;
    let account = account.ok_or_else(|| Problem::new(404, "There is no such account."))?;
    exchange.reply().status(200).json(&json!({
        "_id": format!("{PREFIX}{name}"),
        "_rev": rev_of(account.id),
        "name": name,
        "email": account.email,
        "type": "user",
        "roles": [],
        "date": Time(account.updated_at),
    }));
    Ok(Sent)
}

/// `DELETE /-/user/token/:token`: `npm logout`. Who shows a token may end it; one that nothing
/// has is ended already.
pub async fn leave(
    context: &Context,
    _: Anyone,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let token = Token::parse(exchange.request().parameter("token")?.as_bytes());
    let token = token.ok_or_else(|| Problem::new(404, "This is no token of this registry."))?;
    let leave = move |tx: &mut Tx<'_>| -> Result<(), SqlFault> {
        let Some((id, account)) = tokens::sql::revoke_shown(tx, &token.hash())? else {
            return Ok(());
        };
        tx.touch(topics::account(account));
        tell(
            tx,
            account,
            "token.revoked",
            &id.text(),
            json!({ "because": "logout" }),
        )
    };
    let left = context.house.registry.write(leave).await?;
    left.map_err(StoreFault::from)?;
    exchange
        .reply()
        .status(200)
        .json(&json!({ "ok": "Logged out" }));
    Ok(Sent)
}

/// `GET /-/whoami`.
pub async fn whoami(
    _: &Context,
    member: Member,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let reply = json!({ "username": member.name() });
    exchange.reply().status(200).json(&reply);
    Ok(Sent)
}

/// `GET /-/ping`.
pub async fn ping(_: &Context, _: Anyone, exchange: &mut Exchange<'_>) -> Result<Sent, Problem> {
    exchange.reply().status(200).json(&json!({}));
    Ok(Sent)
}

/// `GET /-/npm/v1/user`.
pub async fn profile(
    context: &Context,
    member: Member,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let id = member.account()?.id;
    let account = context.house.registry.read(|view| sql::read(view, id))?;
    let account = account.ok_or_else(invalid_token)?;
    exchange.reply().status(200).json(&shown(&account));
    Ok(Sent)
}

/// `POST /-/npm/v1/user`. A changed password ends every token but the one that is shown.
pub async fn change_profile(
    context: &Context,
    writer: Writer,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let holder = writer.visitor().caller().account();
    let no_account = || Problem::new(403, "The shop's staff has no account here.");
    let (id, token) = holder
        .map(|held| (held.id, held.token()))
        .ok_or_else(no_account)?;
    let body: ProfileBody = read_json(exchange).await?;
    let told = |(_, value): &(&String, &Value)| !value.is_null() && *value != "";
    if let Some((field, _)) = body.others.iter().find(told) {
        let detail = format!("This registry keeps no `{field}` of an account.");
        return Err(Problem::new(400, detail));
    }
    let email = body.email.as_deref().map(Email::parse).transpose();
    let email = email.map_err(|fault| Problem::new(400, fault))?;
    let account = context.house.registry.read(|view| sql::read(view, id))?;
    let account = account.ok_or_else(invalid_token)?;
    let before = account.password.clone();
    let password = match body.password {
        Some(change) => Some(new_password(context, account, change).await?),
        None => None,
    };
    let change = move |tx: &mut Tx<'_>| -> Result<Option<Account>, SqlFault> {
        if let Some(email) = &email {
            sql::set_email(tx, id, email)?;
        }
        if let Some(password) = &password {
            let present = sql::read(tx, id)?;
            if present.is_none_or(|account| account.password != before) {
                return Ok(None);
            }
            sql::set_password(tx, id, password)?;
            let ended = tokens::sql::revoke_others(tx, id, token)?;
            tx.touch(topics::account(id));
            tell(
                tx,
                id,
                "account.password_changed",
                &id.text(),
                json!({ "tokens_ended": ended }),
            )?;
        }
        sql::read(tx, id)
    };
    let changed = context.house.registry.write(change).await?;
    let changed = changed
        .map_err(StoreFault::from)?
        .ok_or_else(wrong_password)?;
    exchange.reply().status(200).json(&shown(&changed));
    Ok(Sent)
}

async fn new_password(
    context: &Context,
    account: Account,
    change: PasswordChange,
) -> Result<String, Problem> {
    count_account_try(context, &account.name)?;
    check_password(context, &account, change.old).await?;
    let weak = |weak: passwords::Weakness| Problem::new(400, weak.detail()).code(weak.code());
    passwords::judge(&change.new).map_err(weak)?;
    Ok(context.passwords.hash(change.new).await?)
}

/// Whether this is the password of an account; 401 where it is not.
pub async fn check_password(
    context: &Context,
    account: &Account,
    password: String,
) -> Result<(), Problem> {
    if password.chars().count() > PASSWORD_CHARACTERS_MAX {
        return Err(wrong_password());
    }
    let stored = Some(account.password.clone());
    match context.passwords.verify(password, stored).await? {
        Verified::Right | Verified::RightOutdated => Ok(()),
        Verified::Wrong => Err(wrong_password()),
    }
}

/// Adds what an account did to the audit log.
pub fn tell(
    tx: &mut Tx<'_>,
    account: Id,
    action: &'static str,
    subject: &str,
    detail: Value,
) -> Result<(), SqlFault> {
    let kind = action.split_once('.').map_or(action, |(kind, _)| kind);
    let entry = Entry {
        actor: Actor::User(account),
        action,
        subject: (kind, subject),
        detail,
    };
    audit::append(tx, &entry)
}

/// Too many tokens of one account.
pub fn too_many_tokens() -> Problem {
    let detail = format!(
        "The account has {ACCOUNT_TOKENS_MAX} tokens; revoke some (npm token list, npm token \
         revoke)."
    );
    Problem::new(403, detail)
}

fn taken(name: &str) -> Problem {
    let detail = format!("The name {name} is taken. Log in if the account is yours (npm login).");
    Problem::new(409, detail).code("name_taken")
}

/// The name in `org.couchdb.user:name`.
fn named(user: &str) -> Result<String, Problem> {
    let name = user.strip_prefix(PREFIX);
    let name =
        name.ok_or_else(|| Problem::new(404, "Accounts are at /-/user/org.couchdb.user:name"))?;
    Ok(name.to_owned())
}

/// Accounts have no revisions; clients want to see one.
fn rev_of(id: Id) -> String {
    let digits: String = id.text().chars().filter(|digit| *digit != '-').collect();
    format!("1-{digits}")
}

fn shown(account: &Account) -> Value {
    json!({
        "tfa": null,
        "name": account.name,
        "email": account.email,
        "email_verified": false,
        "created": Time(account.created_at),
        "updated": Time(account.updated_at),
        "cidr_whitelist": null,
    })
}

const PREFIX: &str = "org.couchdb.user:";
/// What stands before the revision in a path.
const REVISION: &[u8] = b"/-rev/";
