//! `GET /-/v1/search`.

use std::collections::HashSet;

use futures_lite::future::or;
use serde_json::{Value, json};

use super::super::access::Visitor;
use super::super::access::sql as access;
use super::super::access::sql::Origin;
use super::super::name::PackageName;
use super::super::uplinks::{Chain, Question, chain_of, pass};
use super::rules::{Wish, expression, named, names_scope, wish};
use super::sql::{self, Found};
use crate::context::Context;
use crate::http::{Exchange, Problem, Sent, percent_encoded};
use crate::limits::SEARCH_PATIENCE;
use crate::shard;
use crate::store::{SqlFault, View};
use crate::telemetry::date::rfc3339_ms;
use crate::telemetry::process::unix_ms;

/// `GET /-/v1/search`: what is hosted here comes first, then what the upstream finds under other
/// names. An upstream that does not answer is passed over, and is not asked where the text names
/// what is hosted here.
pub async fn find(
    context: &Context,
    visitor: Visitor,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    visitor.may_list()?;
    let request = exchange.request();
    let chain = chain_of(context, &request)?;
    let pairs: Vec<_> = request.query().collect::<Result<_, _>>()?;
    if !pairs.iter().any(|(name, _)| name == "text") {
        return Err(Problem::new(400, "`text` says what is searched for.").code("text_missing"));
    }
    let wish = wish(pairs);
    let asked = (wish.clone(), visitor.clone());
    let private = context.settings.borrow().access.private_scopes.clone();
    let hosted = move |view: &View<'_>| {
        let (objects, total) = hosted(view, &asked.1, &asked.0)?;
        Ok((objects, total, is_ours(view, &asked.0.text, &private)?))
    };
    let (mut objects, mut total, is_ours) = context.house.registry.read_heavy(hosted).await?;
    let found = match is_ours {
        true => None,
        false => upstream(context, &chain, &wish, (total, objects.len())).await,
    };
    if let Some(body) = found {
        let room = wish.size - objects.len();
        let others = move |view: &View<'_>| others(view, &visitor, &body, room);
        let (more, count) = context.house.registry.read_heavy(others).await?;
        objects.extend(more);
        total += count;
    }
    let now = rfc3339_ms(unix_ms());
    let now = str::from_utf8(&now).expect("a date is ASCII");
    let reply = json!({ "objects": objects, "total": total, "time": now, "date": now });
    exchange.reply().status(200).json(&reply);
    Ok(Sent)
}

/// Whether a text names what is hosted here, or a scope of it: no other registry is to learn of it.
fn is_ours(view: &View<'_>, text: &str, private: &[String]) -> Result<bool, SqlFault> {
    let (names, scopes) = named(text);
    for name in names {
        let package = access::package(view, &name)?;
        if package.is_some_and(|package| package.origin == Origin::Hosted) {
            return Ok(true);
        }
    }
    for scope in scopes {
        if private.contains(&scope) || sql::hosts_scope(view, &scope)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What is hosted here, of what the caller may read: those of the page, and how many there are.
fn hosted(
    view: &View<'_>,
    visitor: &Visitor,
    wish: &Wish,
) -> Result<(Vec<Value>, usize), SqlFault> {
    let found = match expression(&wish.text) {
        Some(expression) => sql::matching(view, &expression)?,
        None => sql::all(view)?,
    };
    let now_ms = unix_ms() as i64;
    let mut seen = Vec::new();
    for found in found {
        if visitor.sees(view, &found.name)? {
            seen.push((score_of(&found, wish, now_ms), found));
        }
    }
    seen.sort_by(|(one, first), (other, second)| {
        let by_score = other.search.total_cmp(&one.search);
        by_score.then_with(|| first.name.cmp(&second.name))
    });
    let total = seen.len();
    let page = seen.into_iter().skip(wish.from).take(wish.size);
    Ok((
        page.map(|(score, found)| object(&score, &found)).collect(),
        total,
    ))
}

/// What a package counts for in a search.
struct Score {
    quality: f64,
    popularity: f64,
    maintenance: f64,
    last: f64,
    search: f64,
}

fn score_of(found: &Found, wish: &Wish, now_ms: i64) -> Score {
    let stars = found.stars as f64;
    let age_days = (now_ms - found.published_at).max(0) as f64 / DAY_MS;
    let popularity = stars / (stars + STARS_HALF);
    let maintenance = 0.5_f64.powf(age_days / AGE_HALF_DAYS);
    let last = wish.weights.weigh(found.quality, popularity, maintenance);
    Score {
        quality: found.quality,
        popularity,
        maintenance,
        last,
        search: found.fit + last,
    }
}

fn object(score: &Score, found: &Found) -> Value {
    // We wrote it; one that cannot be read any more shows its name.
    let package: Value = serde_json::from_str(&found.card)
        .unwrap_or_else(|_| json!({ "name": found.name.as_str() }));
    json!({
        "package": package,
        "score": {
            "final": score.last,
            "detail": {
                "quality": score.quality,
                "popularity": score.popularity,
                "maintenance": score.maintenance,
            },
        },
        "searchScore": score.search,
    })
}

/// The answer of the upstream for what is left of the page, if it gives one.
async fn upstream(
    context: &Context,
    chain: &Chain,
    wish: &Wish,
    (total, taken): (usize, usize),
) -> Option<Vec<u8>> {
    let is_private = {
        let settings = context.settings.borrow();
        names_scope(&wish.text, &settings.access.private_scopes)
    };
    if is_private || wish.text.trim().is_empty() {
        return None;
    }
    let uplink = context.house.uplinks.default_one()?;
    // For the count alone one is asked for.
    let size = (wish.size - taken).max(1);
    let from = wish.from.saturating_sub(total);
    let text = percent_encoded(&wish.text);
    let weights = wish.weights;
    let path = format!(
        "/-/v1/search?text={text}&size={size}&from={from}&quality={}&popularity={}&maintenance={}",
        weights.quality, weights.popularity, weights.maintenance
    );
    let question = Question { path, body: None };
    let answer = async { pass(context, uplink, chain, question).await.ok() };
    let late = async {
        shard::sleep(SEARCH_PATIENCE).await;
        None
    };
    let passed = or(answer, late).await?;
    (passed.status == 200).then_some(passed.body)
}

/// What an upstream found under names that nothing hosted here has: at most so many, and how many
/// there are.
fn others(
    view: &View<'_>,
    visitor: &Visitor,
    body: &[u8],
    room: usize,
) -> Result<(Vec<Value>, usize), SqlFault> {
    let Ok(mut answer) = serde_json::from_slice::<Value>(body) else {
        return Ok((Vec::new(), 0));
    };
    let total = answer["total"].as_u64().unwrap_or_default() as usize;
    let mut objects = Vec::new();
    let mut names = HashSet::new();
    let Value::Array(found) = answer["objects"].take() else {
        return Ok((Vec::new(), 0));
    };
    for object in found {
        let name = object["package"]["name"].as_str().unwrap_or_default();
        let Ok(name) = PackageName::parse_old(name) else {
            continue;
        };
        let package = access::package(view, name.as_str())?;
        let is_hosted = package.is_some_and(|package| package.origin == Origin::Hosted);
        if objects.len() < room && !is_hosted && visitor.sees(view, &name)? && names.insert(name) {
            objects.push(object);
        }
    }
    Ok((objects, total))
}

const DAY_MS: f64 = 86_400_000.0;
/// Stars that count for half of all popularity.
const STARS_HALF: f64 = 10.0;
/// Days after which what was published counts half as maintained.
const AGE_HALF_DAYS: f64 = 365.0;
