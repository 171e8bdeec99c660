//! The document over HTTP.

use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use crate::context::Context;
use crate::http::{Problem, Reply, Request, not_modified};
use crate::routes::{API, tables};

use super::document;

/// `GET /api/v1/openapi.json`
pub fn read(_: &Context, request: &Request<'_>, reply: &mut Reply<'_>) -> Result<(), Problem> {
    let rendered = RENDERED.get_or_init(render);
    if let Some(known) = not_modified(request, rendered.etag.as_bytes()) {
        reply.status(304).header("ETag", known).empty();
        return Ok(());
    }
    reply.status(200).header("ETag", &rendered.etag);
    reply.header("Cache-Control", "no-cache");
    reply.body("application/json", &rendered.body);
    Ok(())
}

struct Rendered {
    body: Vec<u8>,
    etag: String,
}

fn render() -> Rendered {
    let body = serde_json::to_vec(&document(&tables()[API])).expect("a document has string keys");
    let hash = Sha256::digest(&body);
    let etag = format!(
        "\"{:016x}\"",
        u64::from_be_bytes(hash[..8].try_into().expect("8 bytes"))
    );
    Rendered { body, etag }
}

static RENDERED: OnceLock<Rendered> = OnceLock::new();
