//! Asking for a signed URL, putting a file there, and reading it.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use crate::auth::principal::{Anyone, Seller};
use crate::context::Context;
use crate::http::{
    Body, Created, Exchange, Problem, Query, Request, Sent, Streamed, not_modified, percent_encoded,
};
use crate::id::Id;
use crate::json::{Document, Int, Line, Text};
use crate::limits::{UPLOAD_BYTES_MAX, UPLOAD_PIECE_BYTES, UPLOAD_URL_LIFETIME};
use crate::shard;
use crate::store::{SqlFault, Tx};
use crate::telemetry::process::unix_ms;

use super::desk::{Claim, Desk};
use super::quota::{Quota, promise};
use super::rules::{Ticket, is_image, media_type, path_of};
use super::shapes::{StoredUpload, UploadRequest, UploadUrl};
use super::spool::{Spool, SpoolFault};
use super::sql::{self, Upload};

crate::shape! {
    /// What a signed URL carries.
    pub struct SignedQuery reads {
        pub size: Int<1, { UPLOAD_BYTES_MAX as i64 }>,
        pub kind: Text<3, 120>,
        pub sha256: Option<Text<64, 64>>,
        /// Milliseconds of Unix time.
        pub expires: Int<0, { i64::MAX }>,
        pub signature: Text<1, 100>,
    }
}

/// `POST /v1/deploy/upload-url`.
pub async fn issue(
    context: &Context,
    seller: Seller,
    body: Body<UploadRequest>,
    _: &mut Exchange<'_>,
) -> Result<Created<UploadUrl>, Problem> {
    let upload = promised(seller.id, body.value)?;
    let desk = &context.house.uploads;
    let ticket = ticket_of(&upload);
    let reply = UploadUrl {
        url: ticket.url(desk.key()),
        fields: Document::from_stored(
            serde_json::json!({ "Content-Type": upload.content_type }).to_string(),
        ),
        expires_in: UPLOAD_URL_LIFETIME.as_secs() as i64,
        location: path_of(upload.id),
    };
    let location = reply.location.clone();
    let quota = Quota::of(seller.role);
    let command = move |tx: &mut Tx<'_>| promise(tx, &upload, quota);
    context.house.commerce.write(command).await??;
    Ok(Created {
        location,
        version: 1,
        value: reply,
    })
}

/// `PUT /v1/uploads/:id`, where the query carries the signed ticket.
pub async fn store(
    context: &Context,
    _: Anyone,
    (query, _): (Query<SignedQuery>, Streamed),
    exchange: &mut Exchange<'_>,
) -> Result<Created<StoredUpload>, Problem> {
    let desk = context.house.uploads.clone();
    let ticket = presented(&desk, &exchange.request(), query.0)?;
    require_as_promised(&exchange.request(), &ticket)?;
    let claim = desk
        .claim(ticket.id)
        .ok_or_else(|| used("is being written"))?;
    let upload = context
        .house
        .commerce
        .read(|view| sql::read(view, ticket.id))?;
    let upload = upload.ok_or_else(late)?;
    if upload.stored_at.is_some() {
        return Err(used("was used"));
    }
    let spool = receive(exchange, desk.spool_of(ticket.id), ticket.size_bytes).await?;
    let (id, place) = (ticket.id, desk.place_of(ticket.id));
    let kept = shard::offload(move || spool.keep(&ticket, &place)).await;
    let sha256 = kept.map_err(busy)?.map_err(refused)?;
    settle(context, &desk, claim, id, sha256.clone()).await?;
    let value = shown(Upload {
        sha256: Some(sha256),
        ..upload
    });
    Ok(Created {
        location: value.url.clone(),
        version: 1,
        value,
    })
}

/// `GET /v1/uploads/:id`.
pub async fn read(
    context: &Context,
    _: Anyone,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let request = exchange.request();
    let id = request.id("id")?;
    let upload = context.house.commerce.read(|view| sql::read(view, id))?;
    let upload = upload.filter(|upload| upload.stored_at.is_some());
    let upload = upload.ok_or_else(|| Problem::new(404, ""))?;
    let etag = format!("\"{}\"", upload.sha256.as_deref().unwrap_or_default());
    if let Some(known) = not_modified(&request, etag.as_bytes()) {
        let mut reply = exchange.reply();
        reply.status(304).header("ETag", known);
        reply.header("Cache-Control", IMMUTABLE).empty();
        return Ok(Sent);
    }
    send(exchange, context.house.uploads.place_of(id), &upload, &etag).await?;
    Ok(Sent)
}

fn promised(owner_id: Id, asked: UploadRequest) -> Result<Upload, Problem> {
    let mut problem = Problem::invalid();
    let content_type = match &asked.content_type {
        None => Some(ANY_BYTES.to_owned()),
        Some(text) => media_type(text),
    };
    if content_type.is_none() {
        problem = problem.fault("/content_type", "format", "must be a media type");
    }
    let sha256 = asked.sha256.map(|text| text.to_ascii_lowercase());
    let is_hex = |text: &String| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !sha256.as_ref().is_none_or(is_hex) {
        problem = problem.fault("/sha256", "format", "must be 64 hex digits");
    }
    let content_type = content_type
        .filter(|_| problem.faults.is_empty())
        .ok_or(problem)?;
    let issued_at = unix_ms() as i64;
    Ok(Upload {
        id: Id::fresh(),
        owner_id,
        filename: asked.filename.map(Line::into_string),
        content_type,
        size_bytes: asked.size.value(),
        sha256,
        issued_at,
        expires_at: issued_at + UPLOAD_URL_LIFETIME.as_millis() as i64,
        stored_at: None,
    })
}

fn ticket_of(upload: &Upload) -> Ticket {
    Ticket {
        id: upload.id,
        size_bytes: upload.size_bytes.unsigned_abs(),
        content_type: upload.content_type.clone(),
        sha256: upload.sha256.clone(),
        expires_at: upload.expires_at,
    }
}

/// The ticket of a request, if this server signed it and its time is not over.
fn presented(desk: &Desk, request: &Request<'_>, query: SignedQuery) -> Result<Ticket, Problem> {
    let ticket = Ticket {
        id: request.id("id")?,
        size_bytes: query.size.value().unsigned_abs(),
        content_type: query.kind.into_string(),
        sha256: query.sha256.map(Text::into_string),
        expires_at: query.expires.value(),
    };
    if !ticket.is_signed(desk.key(), &query.signature) {
        let problem = Problem::new(403, "The URL is not one that this server signed.");
        return Err(problem.code("bad_signature"));
    }
    if unix_ms() as i64 >= ticket.expires_at {
        return Err(late());
    }
    Ok(ticket)
}

/// Refuses by the head alone what cannot become what was promised.
fn require_as_promised(request: &Request<'_>, ticket: &Ticket) -> Result<(), Problem> {
    let text = |name| {
        request
            .header(name)
            .and_then(|value| str::from_utf8(value).ok())
    };
    // What is not said to be anything may be taken for any bytes (RFC 9110, section 8.3).
    let said = text("content-type").map_or(Some(ANY_BYTES.to_owned()), media_type);
    if said.as_deref() != Some(&*ticket.content_type) {
        let detail = format!("The URL was signed for {}.", ticket.content_type);
        return Err(Problem::new(415, detail));
    }
    let announced = text("content-length").map(str::parse::<u64>);
    match announced {
        Some(Ok(length)) if length != ticket.size_bytes => Err(refused(SpoolFault::Size)),
        Some(_) | None => Ok(()),
    }
}

/// Writes the body to a spool.
async fn receive(
    exchange: &mut Exchange<'_>,
    path: PathBuf,
    size_bytes: u64,
) -> Result<Spool, Problem> {
    let begun = shard::offload(move || Spool::begin(path)).await;
    let mut spool = Some(begun.map_err(busy)?.map_err(system)?);
    let filled = fill(exchange, &mut spool, size_bytes).await;
    let Some(spool) = spool else {
        return Err(filled.err().unwrap_or_else(|| Problem::new(500, "")));
    };
    if let Err(problem) = filled {
        // To take a file away may wait for the disk, which a shard does not.
        if let Err(fault) = shard::offload(move || drop(spool)).await {
            tracing::warn!(target: "vault", %fault, "a shard removes a file itself");
        }
        return Err(problem);
    }
    Ok(spool)
}

/// Writes the body to a spool, one piece while the next one arrives. The spool is gone where it
/// could not be written.
async fn fill(
    exchange: &mut Exchange<'_>,
    spool: &mut Option<Spool>,
    size_bytes: u64,
) -> Result<(), Problem> {
    let mut left = size_bytes;
    let mut piece = Vec::with_capacity(UPLOAD_PIECE_BYTES.min(size_bytes as usize));
    loop {
        let arrived = exchange.read().await?;
        let is_end = arrived.is_none();
        let arrived = arrived.unwrap_or_default();
        left = left
            .checked_sub(arrived.len() as u64)
            .ok_or_else(|| refused(SpoolFault::Size))?;
        piece.extend_from_slice(arrived);
        if piece.len() >= UPLOAD_PIECE_BYTES || (is_end && !piece.is_empty()) {
            let mut full = std::mem::take(&mut piece);
            let mut open = spool.take().expect("it is put back after each piece");
            let written = shard::offload(move || {
                open.write(&full).map(|()| {
                    full.clear();
                    (open, full)
                })
            });
            let (open, empty) = written.await.map_err(busy)?.map_err(system)?;
            (*spool, piece) = (Some(open), empty);
        }
        if is_end {
            return Ok(());
        }
    }
}

/// Notes that the file is in its place; takes it away again where nobody awaits it any more.
async fn settle(
    context: &Context,
    desk: &Arc<Desk>,
    claim: Claim,
    id: Id,
    sha256: String,
) -> Result<(), Problem> {
    let command = move |tx: &mut Tx<'_>| sql::mark_stored(tx, id, &sha256);
    let marked: Result<bool, SqlFault> = context.house.commerce.write(command).await?;
    if marked.map_err(crate::store::StoreFault::from)? {
        drop(claim);
        return Ok(());
    }
    let place = desk.place_of(id);
    let removed = shard::offload(move || std::fs::remove_file(place)).await;
    removed.map_err(busy)?.map_err(system)?;
    Err(late())
}

async fn send(
    exchange: &mut Exchange<'_>,
    place: PathBuf,
    upload: &Upload,
    etag: &str,
) -> Result<(), Problem> {
    let opened = shard::offload(move || File::open(place)).await;
    let mut file = opened.map_err(busy)?.map_err(system)?;
    let disposition = disposition_of(upload);
    let headers = [
        ("ETag", etag),
        ("Cache-Control", IMMUTABLE),
        ("Content-Disposition", &disposition),
    ];
    let mut streaming = exchange.stream_with(200, &upload.content_type, &headers);
    loop {
        let read = shard::offload(move || {
            let mut piece = Vec::with_capacity(UPLOAD_PIECE_BYTES);
            let size = (&mut file)
                .take(UPLOAD_PIECE_BYTES as u64)
                .read_to_end(&mut piece);
            size.map(|_| (file, piece))
        });
        let (rest, piece) = read.await.map_err(busy)?.map_err(system)?;
        if piece.is_empty() {
            streaming.finish();
            return Ok(());
        }
        streaming.write(&piece).await?;
        file = rest;
    }
}

/// Pictures are shown in place; everything else is a download, so that no page of ours runs what
/// somebody uploaded.
fn disposition_of(upload: &Upload) -> String {
    let place = if is_image(&upload.content_type) {
        "inline"
    } else {
        "attachment"
    };
    match &upload.filename {
        None => place.to_owned(),
        Some(name) => format!("{place}; filename*=UTF-8''{}", percent_encoded(name)),
    }
}

fn shown(upload: Upload) -> StoredUpload {
    StoredUpload {
        id: upload.id,
        url: path_of(upload.id),
        size: upload.size_bytes,
        content_type: upload.content_type,
        sha256: upload.sha256.unwrap_or_default(),
        filename: upload.filename,
    }
}

fn used(how: &str) -> Problem {
    Problem::new(409, format!("The URL {how}; each is for one upload.")).code("upload_used")
}

fn late() -> Problem {
    Problem::new(410, "The time of the URL is over.").code("upload_expired")
}

fn refused(fault: SpoolFault) -> Problem {
    let unlike = |what| {
        let detail = format!("The file has another {what} than the URL was signed for.");
        Problem::new(422, detail).code("upload_mismatch").closing()
    };
    match fault {
        SpoolFault::Size => unlike("size"),
        SpoolFault::Hash => unlike("SHA-256"),
        SpoolFault::Type => unlike("type"),
        SpoolFault::System(error) => system(error),
    }
}

fn system(error: std::io::Error) -> Problem {
    tracing::error!(target: "vault", %error, "an upload failed");
    Problem::new(503, "Files cannot be stored at the moment.").header("Retry-After", "5")
}

fn busy(fault: shard::OffloadFault) -> Problem {
    tracing::warn!(target: "vault", %fault, "an upload waits in vain");
    Problem::new(503, "Too much waits for the disk.").header("Retry-After", "1")
}

/// What is read never changes: another file has another id.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// The type of a file of which nothing is said.
const ANY_BYTES: &str = "application/octet-stream";
