//! `/-/npm/v1/tokens`: how an account lists, makes and revokes its tokens.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::access::{Member, Writer, count_account_try, invalid_token, wrong_password};
use super::super::accounts::{self, api as people};
use super::super::body::read_json;
use super::super::topics;
use super::rules::{Access, Networks, Token, TokenHash, hash_of_key};
use super::sql::{self, Listed, Wanted};
use crate::context::Context;
use crate::http::{Exchange, NoContent, Problem, Sent};
use crate::id::Id;
use crate::json::Time;
use crate::limits::ACCOUNT_TOKENS_MAX;
use crate::store::{SqlFault, StoreFault, Tx};

/// What `npm token create` sends, by its versions.
#[derive(Deserialize)]
struct CreateBody {
    password: Option<String>,
    #[serde(default)]
    readonly: bool,
    cidr_whitelist: Option<Vec<String>>,
    name: Option<String>,
    description: Option<String>,
    /// In days.
    expires: Option<i64>,
    packages: Option<Value>,
    #[serde(default)]
    packages_all: bool,
    scopes: Option<Value>,
    orgs: Option<Value>,
    packages_and_scopes_permission: Option<String>,
    orgs_permission: Option<String>,
}

/// `GET /-/npm/v1/tokens`: a page of the caller's tokens, the youngest first.
pub async fn list(
    context: &Context,
    member: Member,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let account = member.account()?.id;
    let before = before_in(exchange)?;
    let read = |view: &crate::store::View<'_>| {
        let total = sql::count(view, account)?;
        Ok((total, sql::list(view, account, before, PAGE_TOKENS + 1)?))
    };
    let (total, mut tokens) = context.house.registry.read(read)?;
    let has_more = tokens.len() > PAGE_TOKENS as usize;
    tokens.truncate(PAGE_TOKENS as usize);
    let next = tokens.last().filter(|_| has_more);
    let next = next.map(|last| format!("/-/npm/v1/tokens?before={}", last.token.id));
    let objects: Vec<Value> = tokens.iter().map(shown).collect();
    let urls = next.map_or_else(|| json!({}), |next| json!({ "next": next }));
    let reply = json!({ "objects": objects, "total": total, "urls": urls });
    exchange.reply().status(200).json(&reply);
    Ok(Sent)
}

/// `POST /-/npm/v1/tokens`: takes the account's password again.
pub async fn create(
    context: &Context,
    writer: Writer,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let no_account = || Problem::new(403, "The shop's staff has no account here.");
    let id = writer.account().ok_or_else(no_account)?;
    let body: CreateBody = read_json(exchange).await?;
    let wanted = wanted(&body)?;
    let password = body.password.unwrap_or_default();
    let store = &context.house.registry;
    let account = store.read(|view| accounts::sql::read(view, id))?;
    let account = account.ok_or_else(invalid_token)?;
    count_account_try(context, &account.name)?;
    people::check_password(context, &account, password).await?;
    let token = Token::fresh();
    let made = token.clone();
    let create = move |tx: &mut Tx<'_>| -> Result<Listed, Problem> {
        let present = accounts::sql::read(tx, id).map_err(StoreFault::from)?;
        if present.is_none_or(|present| present.password != account.password) {
            return Err(wrong_password());
        }
        make(tx, id, &made, &wanted)
    };
    let stored = store.write(create).await??;
    let mut reply = shown(&stored);
    reply["token"] = token.as_str().into();
    exchange.reply().status(200).json(&reply);
    Ok(Sent)
}

/// `DELETE /-/npm/v1/tokens/token/:token`: of the caller's own, by its key or by itself.
pub async fn revoke(
    context: &Context,
    writer: Writer,
    exchange: &mut Exchange<'_>,
) -> Result<NoContent, Problem> {
    let not_found = || Problem::new(404, "You have no such token.");
    let account = writer.account().ok_or_else(not_found)?;
    let hash = hash_in(&exchange.request().parameter("token")?).ok_or_else(not_found)?;
    let revoke = move |tx: &mut Tx<'_>| -> Result<bool, SqlFault> {
        let Some(id) = sql::revoke(tx, account, &hash)? else {
            return Ok(false);
        };
        tx.touch(topics::account(account));
        people::tell(
            tx,
            account,
            "token.revoked",
            &id.text(),
            json!({ "because": "asked" }),
        )?;
        Ok(true)
    };
    let revoked = context.house.registry.write(revoke).await?;
    match revoked.map_err(StoreFault::from)? {
        true => Ok(NoContent),
        false => Err(not_found()),
    }
}

/// Makes a token of an account that has room for one. Those whose time is over make room.
///
/// # Errors
/// 403 where it has too many; what the store says.
pub fn make(
    tx: &mut Tx<'_>,
    account: Id,
    token: &Token,
    wanted: &Wanted,
) -> Result<Listed, Problem> {
    sql::drop_expired(tx, account).map_err(StoreFault::from)?;
    if sql::count(tx, account).map_err(StoreFault::from)? >= ACCOUNT_TOKENS_MAX {
        return Err(people::too_many_tokens());
    }
    let made = sql::create(tx, account, token, wanted).map_err(StoreFault::from)?;
    let detail = json!({ "access": made.token.access.as_str() });
    let id = made.token.id;
    people::tell(tx, account, "token.created", &id.text(), detail).map_err(StoreFault::from)?;
    Ok(made)
}

/// What is asked for, if a token can be so.
fn wanted(body: &CreateBody) -> Result<Wanted, Problem> {
    let is_narrow = [&body.packages, &body.scopes, &body.orgs]
        .into_iter()
        .flatten()
        .any(|names| names.as_array().is_none_or(|names| !names.is_empty()));
    if is_narrow {
        let detail = "A token here is for all packages of its account: it cannot be bound to some.";
        return Err(Problem::new(400, detail));
    }
    if body
        .orgs_permission
        .as_deref()
        .is_some_and(|word| word != "no-access")
    {
        return Err(Problem::new(400, "There are no organisations here."));
    }
    let is_read_only = match body.packages_and_scopes_permission.as_deref() {
        None | Some("read-write") => body.readonly,
        Some("read-only") => true,
        Some(_) => {
            let detail = "A token here may read (`read-only`) or also publish (`read-write`).";
            return Err(Problem::new(400, detail));
        }
    };
    // Said for completeness by npm: the only kind there is.
    let _all_or_unsaid = body.packages_all;
    let description = body.name.clone().or_else(|| body.description.clone());
    let description = description.unwrap_or_default();
    if description.chars().count() > DESCRIPTION_CHARACTERS_MAX {
        return Err(Problem::new(
            400,
            "A token's name has at most 200 characters.",
        ));
    }
    let lifetime_ms = match body.expires {
        None => None,
        Some(days @ 1..=DAYS_MAX) => Some(days * DAY_MS),
        Some(_) => return Err(Problem::new(400, "A token expires after 1 to 3650 days.")),
    };
    let networks = Networks::parse(body.cidr_whitelist.as_deref().unwrap_or_default());
    let networks =
        networks.map_err(|fault| Problem::new(400, format!("cidr_whitelist: {fault}.")))?;
    Ok(Wanted {
        description,
        access: match is_read_only {
            true => Access::Read,
            false => Access::Write,
        },
        networks,
        lifetime_ms,
    })
}

fn before_in(exchange: &Exchange<'_>) -> Result<Option<Id>, Problem> {
    for pair in exchange.request().query() {
        let (name, value) = pair?;
        if name == "before" {
            let id = value
                .parse()
                .map_err(|_| Problem::new(400, "before: is no token's id"))?;
            return Ok(Some(id));
        }
    }
    Ok(None)
}

fn hash_in(key: &str) -> Option<TokenHash> {
    match Token::parse(key.as_bytes()) {
        Some(token) => Some(token.hash()),
        None => hash_of_key(key),
    }
}

fn shown(listed: &Listed) -> Value {
    let token = &listed.token;
    let networks = token.networks.texts();
    let networks = (!networks.is_empty()).then_some(networks);
    json!({
        "key": listed.key,
        "token": token.shown,
        "name": token.description,
        "readonly": token.access == Access::Read,
        "cidr_whitelist": networks,
        "created": Time(token.created_at),
        "updated": Time(token.used_at.unwrap_or(token.created_at)),
        "expires": token.expires_at.map(Time),
    })
}

/// Tokens of a page; npm reads on by itself.
const PAGE_TOKENS: i64 = 100;
const DESCRIPTION_CHARACTERS_MAX: usize = 200;
const DAYS_MAX: i64 = 3650;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
