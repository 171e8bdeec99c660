//! What is passed on to an upstream as it is: keys, attestations, searches, advisories.

use std::borrow::Cow;
use std::sync::Arc;

use super::chain::Chain;
use super::collect::{Collected, collect};
use super::decode::{DecodeFault, decode, is_plain, likely_bytes};
use super::missing::Missing;
use super::tally::Outcome;
use super::uplink::Uplink;
use crate::context::Context;
use crate::limits::{UPSTREAM_PASSED_BYTES_MAX, UPSTREAM_ROOM_PATIENCE};
use crate::outgoing::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue,
};
use crate::outgoing::{Method, OutgoingFault, Request};
use crate::registry::budget::{Budget, Share};
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
    let making = &context.house.uplinks.making;
    let Collected { body, share } = unfold(making, uplink, coding, collected).await?;
    Ok(Passed {
        status,
        content_type: content_type.unwrap_or_else(|| "application/json".to_owned()),
        body,
        share,
    })
}

/// Takes the coding off a body. The text is of the budget of what becomes of bodies, and all of its
/// room is taken before there is a text: first what is likely, then, in its stead, what is allowed.
/// So nobody waits for room of a budget that they hold some of.
async fn unfold(
    making: &Arc<Budget>,
    uplink: &Uplink,
    coding: Option<String>,
    collected: Collected,
) -> Result<Collected, Missing> {
    if is_plain(coding.as_deref()) {
        return Ok(collected);
    }
    let Collected { mut body, share } = collected;
    let likely = likely_bytes(coding.as_deref(), body.len(), UPSTREAM_PASSED_BYTES_MAX);
    for bytes_max in [likely, UPSTREAM_PASSED_BYTES_MAX] {
        let mut room = making.share();
        if !room.grow_within(bytes_max, UPSTREAM_ROOM_PATIENCE).await {
            return Err(uplink.missing(&OutgoingFault::Busy));
        }
        let by = coding.clone();
        let work = move || {
            let decoded = decode(by.as_deref(), &body, bytes_max).map(Cow::into_owned);
            (decoded, body, room)
        };
        let (decoded, came, mut room) = shard::offload(work)
            .await
            .map_err(|fault| Missing::unreachable(fault.to_string()))?;
        match decoded {
            Ok(body) => {
                drop((came, share));
                room.shrink_to(body.len());
                return Ok(Collected { body, share: room });
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::uplink::Uplinks;
    use super::*;
    use crate::settings::Settings;
    use crate::shard::{ShardOptions, launch};
    use crate::tls::TlsClient;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    async fn hold_unfolding() {
        let tls = TlsClient::new(None).unwrap();
        let uplinks = Uplinks::new(&Settings::default(), &tls).unwrap();
        let uplink = uplinks.default_one().unwrap();
        // More than is likely of a body so short, so it is decoded twice.
        let text = b"long ".repeat(1 << 18);
        for (coding, body) in [(None, text.clone()), (Some("gzip"), gzip(&text))] {
            let (bodies, making) = (
                Budget::new(body.len()),
                Budget::new(UPSTREAM_PASSED_BYTES_MAX),
            );
            // There is no room for another body, and for one text at its longest.
            let mut share = bodies.share();
            assert!(share.grow(body.len()));
            let collected = Collected { body, share };
            let unfolded = unfold(&making, uplink, coding.map(str::to_owned), collected);
            let Collected { body, share } = unfolded.await.unwrap();
            assert!(body == text);
            let left = |budget: &Arc<Budget>, bytes| budget.share().grow(bytes);
            assert_eq!(left(&bodies, 1), coding.is_some());
            let rest = UPSTREAM_PASSED_BYTES_MAX - text.len();
            assert_eq!(left(&making, rest + 1), coding.is_none());
            assert!(left(&making, rest));
            drop(share);
            assert!(left(&bodies, 1) && left(&making, UPSTREAM_PASSED_BYTES_MAX));
        }
    }

    #[test]
    fn who_waits_for_room_holds_none_of_it() {
        let shards = launch(&ShardOptions::new(1), |_| hold_unfolding(), |_| {}).unwrap();
        shards.join().expect("the test on the shard passes");
    }
}
