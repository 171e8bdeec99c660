//! `/-/npm/v1/security`, `/-/npm/v1/keys` and `/-/npm/v1/attestations`.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::access::Visitor;
use super::super::access::sql as access;
use super::super::access::sql::Origin;
use super::super::body;
use super::super::budget::Share;
use super::super::name::PackageName;
use super::super::uplinks::{self, Missing, Question as Passing, Uplink, pass, refuse_loop};
use super::asked;
use super::audits::busy;
use super::osv::Folder;
use super::rules::{self, Answer, Question, Tree};
use crate::context::Context;
use crate::http::{Exchange, Problem, Sent};
use crate::limits::{ADVISORY_ANSWER_BYTES_MAX, ADVISORY_ANSWER_WEIGHT, ADVISORY_PLAIN_BYTES_MAX};
use crate::shard;
use crate::store::View;

/// Who answered, as a header tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Upstreams, or nothing had to be asked.
    Upstream,
    /// The folder of OSV files.
    Osv,
    /// Nobody: no upstream is asked and there is no folder.
    Nobody,
}

/// `POST /-/npm/v1/security/advisories/bulk`.
pub async fn bulk(
    context: &Context,
    visitor: Visitor,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    visitor.may_list()?;
    refuse_loop(context, &exchange.request())?;
    let read = read(context, exchange, asked::question, rules::weight_of);
    let (question, mut share) = read.await?;
    let (answer, source) = answer(context, question, &mut share).await?;
    reply(exchange, &Value::Object(answer), source);
    Ok(Sent)
}

/// `POST /-/npm/v1/security/audits` and `…/quick`.
pub async fn audit(
    context: &Context,
    visitor: Visitor,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    visitor.may_list()?;
    refuse_loop(context, &exchange.request())?;
    let read = read(context, exchange, rules::tree, Tree::weight);
    let (tree, mut share) = read.await?;
    let question = tree.question();
    let (answer, source) = answer(context, question, &mut share).await?;
    let turn = context.house.audits.turn().await?;
    let report = shard::offload(move || {
        let report = tree.report(&answer);
        drop((tree, answer, turn));
        report
    })
    .await;
    let report = report.map_err(|_| busy())?;
    reply(exchange, &report, source);
    Ok(Sent)
}

/// `GET /-/npm/v1/keys`: the keys that the upstream signs with. What is hosted here is not signed.
pub async fn keys(
    context: &Context,
    visitor: Visitor,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    visitor.may_list()?;
    refuse_loop(context, &exchange.request())?;
    let uplink = context.house.uplinks.default_one();
    let none = || {
        Problem::new(
            404,
            "This registry signs nothing, and has no upstream that does.",
        )
    };
    hand_on(
        context,
        exchange,
        uplink.ok_or_else(none)?,
        "/-/npm/v1/keys".to_owned(),
    )
    .await
}

/// `GET /-/npm/v1/attestations/name@version`.
pub async fn attestations(
    context: &Context,
    visitor: Visitor,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let request = exchange.request();
    refuse_loop(context, &request)?;
    let told = request.parameter("package")?.into_owned();
    let none = || Problem::new(404, format!("No attestations found for '{told}'."));
    let at = told.rfind('@').filter(|at| *at > 0).ok_or_else(none)?;
    let (name, version) = (&told[..at], &told[at + 1..]);
    let name = PackageName::parse_old(name).map_err(|_| none())?;
    let is_version = nodejs_semver::Version::parse(version).is_ok();
    visitor.may_read(context, &name)?;
    match uplinks::origin_of(context, &name)? {
        uplinks::Origin::Upstream(uplink) if is_version => {
            let escaped = name.as_str().replace('/', "%2f");
            let version = version.replace('+', "%2B");
            let path = format!("/-/npm/v1/attestations/{escaped}@{version}");
            hand_on(context, exchange, &uplink, path).await
        }
        uplinks::Origin::Upstream(_) | uplinks::Origin::Hosted | uplinks::Origin::Nowhere => {
            Err(none())
        }
    }
}

/// Reads a body off the shard: it may be long, and is coded. What it takes is the share's.
async fn read<T: Send + 'static>(
    context: &Context,
    exchange: &mut Exchange<'_>,
    parse: fn(&[u8]) -> Result<T, String>,
    weigh: fn(&T) -> usize,
) -> Result<(T, Share), Problem> {
    let audits = &context.house.audits;
    let (body, mut share) = audits.collect(exchange).await?;
    let coding = exchange
        .request()
        .header("content-encoding")
        .map(<[u8]>::to_vec);
    let turn = audits.turn().await?;
    let work = move || {
        let plain = body::inflate(coding.as_deref(), body, ADVISORY_PLAIN_BYTES_MAX)?;
        let parsed = parse(&plain);
        drop((plain, turn));
        let parsed = parsed.map_err(|fault| Problem::new(400, format!("The body: {fault}.")))?;
        Ok::<_, Problem>((weigh(&parsed), parsed))
    };
    let (weight, parsed) = shard::offload(work).await.map_err(|_| busy())??;
    share.shrink_to(0);
    hold(&mut share, weight)?;
    Ok((parsed, share))
}

fn hold(share: &mut Share, bytes: usize) -> Result<(), Problem> {
    match share.grow(bytes) {
        true => Ok(()),
        false => Err(busy()),
    }
}

/// What is known of what is asked.
async fn answer(
    context: &Context,
    question: Question,
    share: &mut Share,
) -> Result<(Answer, Source), Problem> {
    let question = without_hosted(context, question).await?;
    let groups = by_upstream(context, &question);
    let is_offline = context.settings.borrow().registry.offline;
    if is_offline || (groups.is_empty() && !question.is_empty()) {
        return of_folder(context, question).await;
    }
    let mut answer = Answer::new();
    for (uplink, asked) in groups {
        match of_upstream(context, &uplink, &asked, share).await {
            Ok(found) => answer.extend(found),
            // Where there is a folder an upstream that fails is not waited for.
            Err(_) if !matches!(context.house.osv.folder(), Folder::None) => {
                return of_folder(context, question).await;
            }
            Err(problem) => return Err(problem),
        }
    }
    Ok((answer, Source::Upstream))
}

/// Takes out what is hosted here: no other registry is to learn of it.
async fn without_hosted(context: &Context, question: Question) -> Result<Question, Problem> {
    let keep = move |view: &View<'_>| {
        let mut kept = Question::new();
        for (name, versions) in question {
            let package = access::package(view, name.as_str())?;
            if package.is_none_or(|package| package.origin != Origin::Hosted) {
                kept.insert(name, versions);
            }
        }
        Ok(kept)
    };
    Ok(context.house.registry.read_heavy(keep).await?)
}

/// Which upstream is asked for what. Names of private scopes that have no upstream of their own are
/// asked of none.
fn by_upstream(context: &Context, question: &Question) -> Vec<(Arc<Uplink>, Question)> {
    let settings = context.settings.borrow();
    let uplinks = &context.house.uplinks;
    let common = uplinks.default_one();
    let mut groups: Vec<(Arc<Uplink>, Question)> = Vec::new();
    for (name, versions) in question {
        let Some(uplink) = uplinks.of_name(name) else {
            continue;
        };
        let is_common = common.is_some_and(|common| Arc::ptr_eq(common, uplink));
        if is_common && settings.access.is_private(name.scope()) {
            continue;
        }
        let place = groups
            .iter()
            .position(|(known, _)| Arc::ptr_eq(known, uplink));
        let place = place.unwrap_or_else(|| {
            groups.push((uplink.clone(), Question::new()));
            groups.len() - 1
        });
        groups[place].1.insert(name.clone(), versions.clone());
    }
    groups
}

async fn of_upstream(
    context: &Context,
    uplink: &Uplink,
    question: &Question,
    share: &mut Share,
) -> Result<Answer, Problem> {
    let asked: serde_json::Map<String, Value> = question
        .iter()
        .map(|(name, versions)| (name.to_string(), list(versions)))
        .collect();
    let body = Value::Object(asked).to_string().into_bytes();
    let mut hasher = Sha256::new();
    hasher.update(&body);
    hasher.update(uplink.shown.as_bytes());
    let (key, now) = (hasher.finalize().into(), shard::turn_began());
    if let Some(answer) = context.advisories.find(&key, now) {
        return taken_apart(context, answer, share).await;
    }
    let passing = Passing {
        path: BULK.to_owned(),
        body: Some(body),
    };
    let passed = pass(context, uplink, passing).await?;
    match passed.status {
        200 => {}
        // A registry without advisories knows none.
        404 => return Ok(Answer::new()),
        status => {
            let detail = format!("The upstream answered {status} when asked for advisories.");
            return Err(Problem::new(502, detail));
        }
    }
    let body = Bytes::from(passed.body);
    let answer = taken_apart(context, body.clone(), share).await?;
    context.advisories.keep(key, now, body);
    Ok(answer)
}

async fn taken_apart(context: &Context, body: Bytes, share: &mut Share) -> Result<Answer, Problem> {
    let unread = || Problem::new(502, "The upstream's advisories cannot be read.");
    if body.len() > ADVISORY_ANSWER_BYTES_MAX {
        return Err(unread());
    }
    hold(share, body.len() * ADVISORY_ANSWER_WEIGHT)?;
    let turn = context.house.audits.turn().await?;
    let parse = move || {
        let parsed = serde_json::from_slice::<Answer>(&body);
        drop((body, turn));
        parsed
    };
    let parsed = shard::offload(parse).await.map_err(|_| busy())?;
    parsed.map_err(|_| unread())
}

async fn of_folder(context: &Context, question: Question) -> Result<(Answer, Source), Problem> {
    let osv = context.house.osv.clone();
    let look = move || match osv.folder() {
        Folder::None => Some((Answer::new(), Source::Nobody)),
        Folder::Reading => None,
        Folder::Read(known) => Some((known.answer(&question), Source::Osv)),
    };
    let found = shard::offload(look).await.map_err(|_| busy())?;
    let reading = || {
        let problem = Problem::new(503, "The folder of advisories is being read.");
        problem.header("Retry-After", "1")
    };
    let found = found.ok_or_else(reading)?;
    if found.1 == Source::Nobody {
        let detail = "an audit found nobody to ask: no upstream is asked, and there is no \
                      `registry.osv_folder`";
        tracing::warn!(target: "registry", "{detail}");
    }
    Ok(found)
}

async fn hand_on(
    context: &Context,
    exchange: &mut Exchange<'_>,
    uplink: &Uplink,
    path: String,
) -> Result<Sent, Problem> {
    let passed = pass(context, uplink, Passing { path, body: None }).await;
    let passed = passed.map_err(|missing: Missing| Problem::from(missing))?;
    let body = Bytes::from(passed.body);
    let stored = exchange.stored(passed.status, &passed.content_type, body);
    stored.send(exchange).await?;
    Ok(Sent)
}

fn reply(exchange: &mut Exchange<'_>, value: &Value, source: Source) {
    let source = match source {
        Source::Upstream => "upstream",
        Source::Osv => "osv",
        Source::Nobody => "none",
    };
    let mut out = exchange.reply();
    out.status(200)
        .header("Advisories-Source", source)
        .json(value);
}

fn list(versions: &BTreeSet<String>) -> Value {
    versions.iter().map(String::as_str).collect()
}

const BULK: &str = "/-/npm/v1/security/advisories/bulk";
