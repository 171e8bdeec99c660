//! `GET` and `HEAD` of a tarball.

use std::borrow::Cow;

use bytes::Bytes;

use super::reading::{Reading, ReadingFault, Source};
use super::sql::{self, Place};
use super::upstream;
use crate::context::Context;
use crate::http::{
    Admission, Exchange, Part, Problem, Promptness, Reply, Request, not_modified, part,
};
use crate::limits::{TARBALL_KEPT_BYTES_MAX, TARBALL_PROMPT_BYTES_MAX};
use crate::registry::access::Visitor;
use crate::registry::blobs::Sha512Digest;
use crate::registry::name::PackageName;
use crate::registry::wording::hex;

/// `GET /:@package/-/:file`, where the client has it already or a short one is in memory: one that
/// is long is sent from where it lies, which waits.
pub fn read_at_once(
    context: &Context,
    request: &Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<Promptness, Problem> {
    let Some(visitor) = Visitor::at_once(context, request)? else {
        return Ok(Promptness::Waits);
    };
    let (name, file) = named(request)?;
    visitor.may_read(context, &name)?;
    let store = &context.house.registry;
    let place = context.tarballs.place(store, &name, &file)?;
    let Some((place, digest)) = place
        .filter(|place| !place.is_upstreams)
        .and_then(|place| place.digest.map(|digest| (place, digest)))
    else {
        return Ok(Promptness::Waits);
    };
    let etag = etag_of(&digest);
    let cacheable = cache_control(place.is_public && visitor.is_open(&name));
    if let Some(known) = not_modified(request, etag.as_bytes()) {
        reply.status(304).header("ETag", known);
        reply.header("Cache-Control", cacheable).empty();
        return Ok(Promptness::Answered);
    }
    let is_part = request.header("range").is_some();
    let kept = context.tarballs.find(&digest).filter(|_| !is_part);
    match kept.filter(|bytes| bytes.len() <= TARBALL_PROMPT_BYTES_MAX) {
        None => Ok(Promptness::Waits),
        Some(bytes) => {
            reply.status(200).header("ETag", &etag);
            reply.header("Cache-Control", cacheable);
            reply
                .header("Accept-Ranges", "bytes")
                .body(ANY_BYTES, &bytes);
            Ok(Promptness::Answered)
        }
    }
}

/// `GET /:@package/-/:file`. It says itself who may keep the reply, since a tarball that everybody
/// may read is one also where somebody shows a token.
pub async fn read(context: &Context, exchange: &mut Exchange<'_>) -> Result<(), Problem> {
    let request = exchange.request();
    let visitor = Visitor::enter(context, &request).await?;
    let (name, file) = named(&request)?;
    visitor.may_read(context, &name)?;
    let store = &context.house.registry;
    let place = match context.tarballs.place(store, &name, &file)? {
        Some(place) => Some(place),
        None => upstream::bring(context, &request, &name, &file).await?,
    };
    let place = place.ok_or_else(|| missing(name.as_str(), &file))?;
    let cacheable = cache_control(place.is_public && visitor.is_open(&name));
    let Some(digest) = place.digest else {
        return upstream::send(context, exchange, &name, &file, cacheable).await;
    };
    if place.is_upstreams {
        upstream::note_hit(context, &name, &file)?;
    }
    let etag = etag_of(&digest);
    if let Some(known) = not_modified(&request, etag.as_bytes()) {
        let mut reply = exchange.reply();
        reply.status(304).header("ETag", known);
        reply.header("Cache-Control", cacheable).empty();
        return Ok(());
    }
    let headers = [
        ("ETag", &*etag),
        ("Cache-Control", cacheable),
        ("Accept-Ranges", "bytes"),
        ("Content-Type", ANY_BYTES),
    ];
    match content(context, &name, &file, &place, digest).await {
        Ok(content) => send(exchange, content, &headers, &etag).await,
        // Evicted since its row was read, or lost: it can be fetched again.
        Err(ReadingFault::Missing) if place.is_upstreams => {
            upstream::send(context, exchange, &name, &file, cacheable).await
        }
        Err(ReadingFault::Missing) => {
            tracing::error!(target: "registry", %name, %file, %digest, "a tarball's file is gone");
            Err(missing(name.as_str(), &file))
        }
        Err(fault) => Err(unreadable(&fault)),
    }
}

/// The package and the file that a request's path names.
fn named<'r>(request: &Request<'r>) -> Result<(PackageName, Cow<'r, str>), Problem> {
    let (name, file) = (request.parameter("package")?, request.parameter("file")?);
    let name = PackageName::parse_old(&name).map_err(|_| missing(&name, &file))?;
    Ok((name, file))
}

/// What is sent.
enum Content {
    Kept(Bytes),
    Long(Source),
}

impl Content {
    fn bytes(&self) -> u64 {
        match self {
            Content::Kept(bytes) => bytes.len() as u64,
            Content::Long(source) => source.bytes,
        }
    }
}

async fn content(
    context: &Context,
    name: &PackageName,
    file: &str,
    place: &Place,
    digest: Sha512Digest,
) -> Result<Content, ReadingFault> {
    if let Some(bytes) = context.tarballs.find(&digest) {
        return Ok(Content::Kept(bytes));
    }
    if place.is_short {
        let store = &context.house.registry;
        let bytes = store.read(|view| sql::content(view, name, file, &digest));
        let bytes = bytes.map_err(ReadingFault::Store)?;
        let bytes = Bytes::from(bytes.ok_or(ReadingFault::Missing)?);
        context.tarballs.keep(digest, bytes.clone());
        return Ok(Content::Kept(bytes));
    }
    let source = Source::open(&context.house.blobs, digest).await?;
    if source.bytes > TARBALL_KEPT_BYTES_MAX {
        return Ok(Content::Long(source));
    }
    let bytes = source.whole().await?;
    context.tarballs.keep(digest, bytes.clone());
    Ok(Content::Kept(bytes))
}

async fn send(
    exchange: &mut Exchange<'_>,
    content: Content,
    headers: &[(&str, &str)],
    etag: &str,
) -> Result<(), Problem> {
    let length = content.bytes();
    let (status, first, end) = match part(&exchange.request(), etag.as_bytes(), length) {
        Part::Whole => (200, 0, length),
        Part::Bytes { first, last } => (206, first, last + 1),
        Part::Unsatisfiable => {
            let detail = format!("The tarball has {length} bytes.");
            let problem = Problem::new(416, detail);
            return Err(problem.header("Content-Range", format!("bytes */{length}")));
        }
    };
    let mut reply = match status {
        206 => {
            let range = format!("bytes {first}-{}/{length}", end.saturating_sub(1));
            let headers = [headers, &[("Content-Range", &range)]].concat();
            exchange.counted(status, &headers, end - first)
        }
        _ => exchange.counted(status, headers, end - first),
    };
    if reply.left() == 0 {
        return Ok(());
    }
    match content {
        Content::Kept(bytes) => reply.write(bytes.slice(first as usize..end as usize)).await,
        Content::Long(source) => {
            let mut reading = Reading::begin(source, first, end);
            while let Some(piece) = reading.next().await.map_err(|fault| unreadable(&fault))? {
                reply.write(piece).await?;
            }
            Ok(())
        }
    }
}

/// A part of the content's hash names it well enough.
pub(super) fn etag_of(digest: &Sha512Digest) -> String {
    format!("\"{}\"", hex(&digest.0[..ETAG_BYTES]))
}

/// A version's tarball never changes. Whoever had to show who they are gets it for themselves
/// (RFC 9111, section 3.5).
fn cache_control(is_everybodys: bool) -> &'static str {
    match is_everybodys {
        true => "public, immutable, max-age=31536000",
        false => "private, immutable, max-age=31536000",
    }
}

pub(super) fn missing(name: &str, file: &str) -> Problem {
    Problem::new(404, format!("'{name}/-/{file}' is not in this registry."))
}

fn unreadable(fault: &ReadingFault) -> Problem {
    tracing::error!(target: "registry", %fault, "a tarball cannot be read");
    let problem = Problem::new(503, "The tarball cannot be read at the moment.");
    problem.header("Retry-After", "1")
}

const ETAG_BYTES: usize = 20;
const ANY_BYTES: &str = "application/octet-stream";
