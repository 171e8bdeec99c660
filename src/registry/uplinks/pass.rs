//! What is passed on to an upstream as it is: keys, attestations, searches, advisories.

use std::borrow::Cow;

use super::chain::Chain;
use super::collect::{Collected, collect};
use super::decode::{DecodeFault, decode, likely_bytes};
use super::missing::Missing;
use super::tally::Outcome;
use super::uplink::Uplink;
use crate::context::Context;
use crate::limits::{UPSTREAM_PASSED_BYTES_MAX, UPSTREAM_ROOM_PATIENCE};
use crate::outgoing::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue,
};
use crate::outgoing::{Method, OutgoingFault, Request};
use crate::registry::budget::Share;
use crate::shard;

/// A question to an upstream. What the client proved itself by is no part of it.
pub struct Question {
    /// The path with its query, below the registry's URL.
    pub path: String,
    /// What is posted, as JSON; a question without is a GET.
    pub body: Option<Vec<u8>>,
}

/// What an upstream answered, whatever the status.
pub struct Passed {
    /// Its status.
    pub status: u16,
    /// Its media type.
    pub content_type: String,
    /// Without any coding.
    pub body: Vec<u8>,
    /// What it holds of the memory for such bodies, while it is held.
    pub share: Share,
}

/// Asks an upstream, with what it knows us by and nothing of who asked us.
///
/// # Errors
/// Why there is no answer; [`Missing::Offline`] where upstreams are not asked.
pub async fn pass(
    context: &Context,
    uplink: &Uplink,
    chain: &Chain,
    question: Question,
) -> Result<Passed, Missing> {
    if context.settings.borrow().registry.offline {
        return Err(Missing::Offline);
    }
    let path = uplink.path_below(&question.path);
    let mut request = match question.body {
        None => Request::get(path),
        Some(body) => Request::new(Method::POST, path)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(body),
    };
    let codings = HeaderValue::from_static(super::decode::ACCEPTED);
    request = request
        .header(ACCEPT, HeaderValue::from_static("application/json"))
        .header(ACCEPT_ENCODING, codings);
    let now_ms = context.house.steady_ms();
    let response = uplink
        .ask(&context.outgoing, request, chain, now_ms)
        .await?;
    let text = |name| response.header(name).map(str::to_owned);
    let (coding, content_type) = (text(&CONTENT_ENCODING), text(&CONTENT_TYPE));
    let status = response.status;
    if status >= 500 {
        return Err(uplink.refusal(status));
    }
    uplink.tally.count(Outcome::of_status(status));
    let bytes_max = UPSTREAM_PASSED_BYTES_MAX;
    let collected = collect(context, uplink, response.body, bytes_max).await?;
    let Collected { body, share } = unfold(uplink, coding, collected).await?;
    Ok(Passed {
        status,
        content_type: content_type.unwrap_or_else(|| "application/json".to_owned()),
        body,
        share,
    })
}

/// Takes the coding off a body. What it may become is in its share before it does: first what is
/// likely, then all that is allowed.
async fn unfold(
    uplink: &Uplink,
    coding: Option<String>,
    collected: Collected,
) -> Result<Collected, Missing> {
    let Collected {
        mut body,
        mut share,
    } = collected;
    let likely = likely_bytes(coding.as_deref(), body.len(), UPSTREAM_PASSED_BYTES_MAX);
    let mut taken = 0;
    for bytes_max in [likely, UPSTREAM_PASSED_BYTES_MAX] {
        let more = bytes_max - taken;
        if !share.grow_within(more, UPSTREAM_ROOM_PATIENCE).await {
            return Err(uplink.missing(&OutgoingFault::Busy));
        }
        taken = bytes_max;
        let by = coding.clone();
        let work = move || {
            let decoded = decode(by.as_deref(), &body, bytes_max);
            let decoded = decoded.map(|text| match text {
                Cow::Borrowed(_) => None,
                Cow::Owned(text) => Some(text),
            });
            (decoded, body)
        };
        let (decoded, came) = shard::offload(work)
            .await
            .map_err(|fault| Missing::unreachable(fault.to_string()))?;
        match decoded {
            Ok(text) => {
                let body = text.unwrap_or(came);
                share.shrink_to(body.len());
                return Ok(Collected { body, share });
            }
            Err(DecodeFault::TooLong) if bytes_max < UPSTREAM_PASSED_BYTES_MAX => body = came,
            Err(fault) => {
                uplink.tally.count(Outcome::Unsound);
                return Err(Missing::unsound(format!("its coding is wrong ({fault:?})")));
            }
        }
    }
    unreachable!("the second try has the bound of all");
}
