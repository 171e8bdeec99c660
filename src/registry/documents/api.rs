//! The documents of packages over HTTP.

use std::rc::Rc;

use bytes::Bytes;
use thirteen_kernels::http::Method;

use super::accept::{Form, form_of, part_of};
use super::base;
use super::cache::Loaded;
use super::load;
use super::pack::Part;
use crate::context::Context;
use crate::http::{
    Admission, EntityTag, Exchange, Problem, Promptness, Reply, Request, Sent, TagCondition,
    conditions,
};
use crate::limits::{DOCUMENT_PROMPT_BYTES_MAX, DOCUMENT_TRIES_MAX, UPSTREAM_PATIENCE};
use crate::registry::access::Visitor;
use crate::registry::name::{NameFault, PackageName};
use crate::registry::uplinks::{self, Missing, Standing};
use crate::registry::wording::not_found;
use crate::telemetry::process::unix_ms;
use crate::telemetry::{self, Counter};

/// `GET /:@package`, where the document is in memory and short: one that is long is sent from
/// where it lies, which waits.
pub fn read_at_once(
    context: &Context,
    request: &Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<Promptness, Problem> {
    let Some(visitor) = Visitor::at_once(context, request)? else {
        return Ok(Promptness::Waits);
    };
    let name = name_of(request)?;
    visitor.may_read(context, &name)?;
    if wants_to_write(request)? {
        return Ok(Promptness::Waits);
    }
    let settings = context.settings.borrow();
    let base = base::of_request(&settings, request)?;
    let Some(loaded) = load::in_memory(context, &name, base) else {
        return Ok(Promptness::Waits);
    };
    if uplinks::standing(context, &loaded.row) != Standing::Current {
        return Ok(Promptness::Waits);
    }
    let part = loaded.offered(part_of(request, form_of(request.values("accept"))));
    let known = unchanged(&loaded, part, request);
    let body = match loaded.part(part) {
        Some(body) if body.len() <= DOCUMENT_PROMPT_BYTES_MAX => body,
        Some(_) | None if known.is_some() => Bytes::new(),
        Some(_) | None => return Ok(Promptness::Waits),
    };
    if visitor.is_somebody() {
        reply.keep_private();
    }
    count(context, &loaded, None);
    match known {
        Some(known) => head(&loaded, known, 304, visitor.is_somebody(), reply).empty(),
        None => head(&loaded, part, 200, visitor.is_somebody(), reply).coded(&body),
    }
    Ok(Promptness::Answered)
}

/// `GET /:@package`.
pub async fn read(
    context: &Context,
    visitor: Visitor,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let request = exchange.request();
    let name = name_of(&request)?;
    visitor.may_read(context, &name)?;
    let form = if wants_to_write(&request)? {
        Form::Full
    } else {
        form_of(request.values("accept"))
    };
    let asked = part_of(&request, form);
    for _ in 0..DOCUMENT_TRIES_MAX {
        let loaded = found(context, &request, &name).await?;
        let part = loaded.offered(asked);
        if let Some(known) = unchanged(&loaded, part, &request) {
            let mut reply = exchange.reply();
            head(&loaded, known, 304, visitor.is_somebody(), &mut reply).empty();
            return Ok(Sent);
        }
        if let Some((sent, body)) = load::part(context, &loaded, part).await? {
            let mut reply = exchange.reply();
            head(&loaded, sent, 200, visitor.is_somebody(), &mut reply);
            exchange.send(body).await?;
            return Ok(Sent);
        }
    }
    Err(changing(&name))
}

/// `GET /:@package/:version`, where the version may be a tag or a range.
pub async fn read_version(
    context: &Context,
    visitor: Visitor,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let request = exchange.request();
    let name = name_of(&request)?;
    visitor.may_read(context, &name)?;
    let spec = request.parameter("version")?;
    for _ in 0..DOCUMENT_TRIES_MAX {
        let loaded = found(context, &request, &name).await?;
        let Some((_, document)) = load::part(context, &loaded, Part::Full).await? else {
            continue;
        };
        let index = load::index(&loaded, &document).await?;
        let place = index.find(&spec);
        let place = place.ok_or_else(|| Problem::new(404, format!("version not found: {spec}")))?;
        let etag = format!("\"{}-{}\"", loaded.tag(), place.start);
        let mut reply = exchange.reply();
        if let Some(known) = crate::http::not_modified(&request, etag.as_bytes()) {
            reply.status(304).header("ETag", known).empty();
        } else {
            reply.status(200).header("ETag", etag);
            dates(&loaded, visitor.is_somebody(), &mut reply);
            reply.body("application/json", &document[place]);
        }
        return Ok(Sent);
    }
    Err(changing(&name))
}

/// `GET /health` and `/livez` on the registry door, where packages can have these names:
/// who names npm's type wants the package.
pub fn health_at_once(
    context: &Context,
    request: &Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<Promptness, Problem> {
    if form_of(request.values("accept")) == Form::Abbreviated {
        return read_at_once(context, request, reply);
    }
    match request.head().path() {
        b"/livez" => telemetry::api::live(context, request, reply)?,
        _ => telemetry::api::health(context, request, reply)?,
    }
    Ok(Promptness::Answered)
}

/// `GET /readyz` on the registry door.
pub async fn ready(context: &Context, exchange: &mut Exchange<'_>) -> Result<(), Problem> {
    let request = exchange.request();
    if form_of(request.values("accept")) == Form::Full {
        return telemetry::api::ready(context, exchange).await;
    }
    let visitor = Visitor::enter(context, &request).await?;
    if visitor.is_somebody() {
        exchange.reply().keep_private();
    }
    read(context, visitor, exchange).await.map(|Sent| ())
}

/// The documents of a package, wherever they have to be brought from.
///
/// # Errors
/// 404 where there is no such package.
pub async fn found(
    context: &Context,
    request: &Request<'_>,
    name: &PackageName,
) -> Result<Rc<Loaded>, Problem> {
    let settings = context.settings.borrow().clone();
    let base = base::of_request(&settings, request)?;
    let known = load::find(context, name, base)?;
    let standing = known
        .as_ref()
        .map(|known| uplinks::standing(context, &known.row));
    let (known, standing) = match (known, standing) {
        (Some(known), Some(Standing::Current)) => {
            count(context, &known, None);
            return Ok(known);
        }
        (Some(_), Some(Standing::Blocked)) => return Err(Missing::Blocked.into()),
        (Some(known), Some(Standing::Stale { age_s })) => (Some(known), Some(age_s)),
        (Some(_), Some(Standing::Absent) | None) | (None, _) => (None, None),
    };
    let chain = uplinks::chain_of(context, request)?;
    if let (Some(known), Some(age_s)) = (&known, standing)
        && !wants_to_write(request)?
    {
        uplinks::revalidate(context, name, chain);
        count(context, known, Some(age_s));
        return Ok(known.clone());
    }
    match (
        uplinks::bring(context, name, chain, UPSTREAM_PATIENCE).await,
        known,
    ) {
        (Ok(()), _) => {
            let base = base::of_request(&settings, request)?;
            load::find(context, name, base)?.ok_or_else(|| not_found(name))
        }
        (Err(Missing::NotFound), _) => Err(not_found(name)),
        // npm looks whether the version is taken: of what is hosted here it is not, and after a 503
        // npm would ask for 70 s. An install is never told this.
        (Err(Missing::Unreachable { cause, .. }), None) if is_before_publish(request) => {
            let detail = format!(
                "'{name}' is not hosted here, and the upstream registry cannot be asked: {cause}."
            );
            Err(Problem::new(404, detail).code("not_hosted"))
        }
        (Err(missing @ Missing::Blocked), _) | (Err(missing), None) => Err(missing.into()),
        // What is here is served while its upstream fails, however old it is.
        (Err(_), Some(known)) => {
            count(context, &known, standing);
            Ok(known)
        }
    }
}

/// Whether npm asks on its way to a publish.
fn is_before_publish(request: &Request<'_>) -> bool {
    request.header("npm-command") == Some(b"publish")
}

/// Counts that documents of an upstream were served as they are here.
fn count(context: &Context, loaded: &Loaded, age_s: Option<u64>) {
    if loaded.row.upstream.is_none() {
        return;
    }
    uplinks::used(context, &loaded.row, None);
    context.telemetry.count(match age_s {
        None => Counter::UpstreamDocumentHits,
        Some(_) => Counter::UpstreamDocumentsStale,
    });
}

/// The package that a request is for.
///
/// # Errors
/// 400 where it can be the name of none, as npm has it; 404 where only packages do not have it.
pub fn name_of(request: &Request<'_>) -> Result<PackageName, Problem> {
    let text = match request.head().path() {
        b"/health" => "health".into(),
        b"/livez" => "livez".into(),
        b"/readyz" => "readyz".into(),
        _ => request.parameter("package")?,
    };
    named(&text)
}

/// The package of a name that a client tells.
///
/// # Errors
/// As [`name_of`].
pub fn named(text: &str) -> Result<PackageName, Problem> {
    PackageName::parse_old(text).map_err(|fault| {
        let status = match fault {
            NameFault::Reserved => 404,
            NameFault::Empty | NameFault::Long | NameFault::Start | NameFault::Character => 400,
        };
        Problem::new(status, format!("'{text}' is no package: {fault}.")).code("invalid_name")
    })
}

/// That a package changed each time while it was being read.
fn changing(name: &PackageName) -> Problem {
    let detail = format!("'{name}' is being changed.");
    Problem::new(503, detail).header("Retry-After", "1")
}

fn wants_to_write(request: &Request<'_>) -> Result<bool, Problem> {
    for pair in request.query() {
        let (name, value) = pair?;
        if name == "write" && value == "true" {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes the head of a reply, but for its length.
fn head<'r, 'o>(
    loaded: &Loaded,
    part: Part,
    status: u16,
    is_for_somebody: bool,
    reply: &'r mut Reply<'o>,
) -> &'r mut Reply<'o> {
    reply.chosen().status(status).lines(loaded.lines(part));
    dates(loaded, is_for_somebody, reply);
    reply
}

fn dates(loaded: &Loaded, is_for_somebody: bool, reply: &mut Reply<'_>) {
    if loaded.row.upstream.is_some() {
        reply.header("Age", age_of(loaded).to_string());
    }
    if !is_for_somebody {
        reply.lines(b"Cache-Control: public, no-cache\r\n");
    }
    // Within its second it could change again, and who has the first could not be told.
    if unix_ms() / 1000 > loaded.modified_s {
        reply.header("Last-Modified", loaded.date());
    }
}

/// For how many seconds the upstream of documents was not asked with success.
fn age_of(loaded: &Loaded) -> u64 {
    let checked_at = u64::try_from(loaded.row.checked_at.unwrap_or(0)).unwrap_or(0);
    unix_ms().saturating_sub(checked_at) / 1000
}

/// What the client has of it, if anything: by `If-None-Match`, and only without one by
/// `If-Modified-Since` (RFC 9110, section 13.2.2). What it keeps may be in another coding than it
/// would get now; the 304 tells which it is.
fn unchanged(loaded: &Loaded, part: Part, request: &Request<'_>) -> Option<Part> {
    if !matches!(request.method(), Method::Get | Method::Head) {
        return None;
    }
    if request.header("if-none-match").is_some() {
        let is_known = |part: &Part| {
            let etag = loaded.etag(*part);
            conditions(request, "if-none-match").any(|condition| match condition {
                TagCondition::Whatever => true,
                TagCondition::Tag(EntityTag { quoted, .. }) => quoted == etag.as_bytes(),
            })
        };
        return [part].into_iter().chain(part.codings()).find(is_known);
    }
    let since = request.header("if-modified-since").and_then(http_seconds);
    let now_s = unix_ms() / 1000;
    let is_since = |since: u64| loaded.modified_s <= since && loaded.modified_s < now_s;
    since.is_some_and(is_since).then_some(part)
}

/// The Unix time of a date in a header (RFC 9110, section 5.6.7).
fn http_seconds(value: &[u8]) -> Option<u64> {
    let text = str::from_utf8(value).ok()?;
    let moment = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text);
    u64::try_from(moment.ok()?.as_second()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_headers_are_read() {
        let text = b"Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(http_seconds(text), Some(784_111_777));
        assert_eq!(http_seconds(b"yesterday"), None);
    }
}
