//! What handlers take of a request besides its head: its query and its body, as shapes.

use std::ops::Deref;

use sha2::{Digest, Sha256};

use crate::json::{BodyFault, Object, Read, read_body, read_query};

use super::exchange::Exchange;
use super::page::{INVALID_CURSOR, invalid_cursor};
use super::problem::Problem;
use super::request::Request;

/// The parameters of a query.
#[derive(Debug)]
pub struct Query<T>(pub T);

/// A body of JSON.
#[derive(Debug)]
pub struct Body<T> {
    /// What it says.
    pub value: T,
    /// SHA-256 of its bytes, where the request has an `Idempotency-Key`.
    pub digest: Option<[u8; 32]>,
}

/// A body of any type, which the handler reads piece by piece.
#[derive(Clone, Copy, Debug)]
pub struct Streamed;

impl<T> Deref for Query<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Deref for Body<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Object> Query<T> {
    /// Reads the query of a request; 422 with every fault.
    pub fn of(request: &Request<'_>) -> Result<Query<T>, Problem> {
        let pairs: Vec<_> = request.query().collect::<Result<_, _>>()?;
        read_query(pairs).map(Query).map_err(problem_of)
    }
}

impl<T: Read> Body<T> {
    /// Reads the body of a request; 415 where it is said to be something else than JSON, 400
    /// where it is none, 422 with every fault where it is JSON of another shape.
    pub async fn of(exchange: &mut Exchange<'_>) -> Result<Body<T>, Problem> {
        require_json(&exchange.request())?;
        let wants_digest = exchange.request().header("idempotency-key").is_some();
        let mut bytes = exchange.collect().await?;
        let digest = wants_digest.then(|| Sha256::digest(&bytes).into());
        let value = read_body(&mut bytes).map_err(problem_of)?;
        Ok(Body { value, digest })
    }
}

/// Refuses a body that is said to be no JSON: `application/json` or a type that ends in `+json`,
/// in UTF-8 (RFC 8259, section 8.1).
fn require_json(request: &Request<'_>) -> Result<(), Problem> {
    let content_type = request.header("content-type").unwrap_or_default();
    let text = str::from_utf8(content_type).unwrap_or_default();
    let mut parts = text.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
    let is_json = media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"));
    let is_utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    if is_json && is_utf8 {
        return Ok(());
    }
    let problem = Problem::new(415, "The body must be application/json.");
    Err(problem.header("Accept", "application/json"))
}

pub(super) fn problem_of(fault: BodyFault) -> Problem {
    match fault {
        BodyFault::Malformed(cause) => Problem::new(
            400,
            format!("The body is no JSON that can be read: {cause}."),
        ),
        BodyFault::Shape(faults) => {
            let problem = match &*faults {
                [fault] if fault.code == INVALID_CURSOR => invalid_cursor(),
                _ => Problem::invalid(),
            };
            problem.faults(faults)
        }
    }
}
