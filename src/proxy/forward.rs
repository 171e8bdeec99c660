//! One request passed on to an upstream, and its response back (RFC 9110, section 7.6).

use thirteen_kernels::http::{Head, Method as HeadMethod};

use crate::context::Context;
use crate::http::{Exchange, Problem};
use crate::outgoing::header::{CONTENT_LENGTH, CONTENT_TYPE, VIA};
use crate::outgoing::{Body, HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use crate::registry::uplinks::rules::is_loop;
use crate::settings::Upstream;
use crate::state::headers::is_ours;

use super::refusal::Refusal;

/// Passes a `GET` or a `HEAD` on, without what is for us alone, and its response back.
pub(super) async fn pass(
    context: &Context,
    exchange: &mut Exchange<'_>,
    upstream: &Upstream,
) -> Result<(), Problem> {
    let request = exchange.request();
    let id = context.house.uplinks.id();
    if is_loop(request.values("via"), id) {
        return Err(Refusal::Loop.into());
    }
    let uplinks = context.house.uplinks.list().iter();
    let uplink = uplinks
        .into_iter()
        .find(|uplink| uplink.hash == upstream.hash);
    let target = uplink.ok_or(Refusal::UnknownHash)?.target();
    let message = message_of(&request.head(), id).ok_or(Refusal::Target)?;
    let sent = context.outgoing.send(target, &message).await;
    let response = sent.map_err(Refusal::from)?;
    give_back(exchange, response, id).await
}

/// The request as the upstream gets it. `None` where its path is none.
fn message_of(head: &Head<'_>, id: &str) -> Option<Request> {
    let path = str::from_utf8(head.path()).ok()?;
    let mut target = if path.is_empty() { "/" } else { path }.to_owned();
    if let Some(query) = head.query() {
        target.push('?');
        target.push_str(str::from_utf8(query).ok()?);
    }
    let method = match head.method() {
        HeadMethod::Head => Method::HEAD,
        HeadMethod::Get
        | HeadMethod::Post
        | HeadMethod::Put
        | HeadMethod::Patch
        | HeadMethod::Delete
        | HeadMethod::Options
        | HeadMethod::Connect
        | HeadMethod::Trace
        | HeadMethod::Other => Method::GET,
    };
    let mut message = Request::new(method, target);
    let listed = options_of(head.headers());
    for (name, value) in head.headers() {
        let is_private = NOT_PASSED_ON
            .iter()
            .any(|own| name.eq_ignore_ascii_case(own.as_bytes()));
        if is_private || is_ours(name) || is_listed(&listed, name) {
            continue;
        }
        let name = HeaderName::from_bytes(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            message.headers.append(name, value);
        }
    }
    message.headers.append(VIA, via_of(id));
    Some(message)
}

async fn give_back(
    exchange: &mut Exchange<'_>,
    response: Response,
    id: &str,
) -> Result<(), Problem> {
    let Response {
        status,
        headers,
        body,
    } = response;
    let kept = headers_back(&headers, id);
    let lines: Vec<(&str, &str)> = kept
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let is_head = exchange.request().method() == HeadMethod::Head;
    let announced = match is_head {
        true => number_of(&headers),
        false => body.bytes(),
    };
    match (status, announced) {
        (204 | 304, _) => {
            let mut reply = exchange.reply();
            reply.status(status);
            for (name, value) in lines {
                reply.header(name, value);
            }
            reply.empty();
            Ok(())
        }
        (_, Some(bytes)) => {
            let mut counted = exchange.counted(status, &lines, bytes);
            let mut body = body;
            while counted.left() > 0
                && let Some(piece) = next_of(&mut body).await?
            {
                counted.write(piece).await?;
            }
            Ok(())
        }
        (_, None) => stream_back(exchange, status, (&headers, &lines), body).await,
    }
}

/// Sends a body of unknown length on.
async fn stream_back(
    exchange: &mut Exchange<'_>,
    status: u16,
    (headers, lines): (&HeaderMap, &[(&str, &str)]),
    mut body: Body,
) -> Result<(), Problem> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("application/octet-stream");
    let others: Vec<(&str, &str)> = lines
        .iter()
        .copied()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("content-type"))
        .collect();
    let mut streaming = exchange.stream_with(status, content_type, &others);
    while let Some(piece) = next_of(&mut body).await? {
        streaming.write(&piece).await?;
        streaming.flush().await?;
    }
    streaming.finish();
    Ok(())
}

/// A response that fails midway is cut, since its head has gone.
async fn next_of(body: &mut Body) -> Result<Option<bytes::Bytes>, Problem> {
    Ok(body.next().await.map_err(Refusal::from)?)
}

/// What of the response's headers goes back, and `Via`.
fn headers_back(headers: &HeaderMap, id: &str) -> Vec<(String, String)> {
    let listed = options_of(
        headers
            .iter()
            .map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())),
    );
    let passed = headers.iter().filter(|(name, _)| {
        let own = NOT_PASSED_BACK.contains(&name.as_str());
        !own && !is_ours(name.as_str().as_bytes()) && !is_listed(&listed, name.as_str().as_bytes())
    });
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    passed
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .chain([("Via".to_owned(), format!("1.1 {id}"))])
        .collect()
}

/// The names in `Connection`, which are for this hop alone.
fn options_of<'h>(headers: impl Iterator<Item = (&'h [u8], &'h [u8])>) -> Vec<&'h [u8]> {
    headers
        .filter(|(name, _)| name.eq_ignore_ascii_case(b"connection"))
        .flat_map(|(_, value)| value.split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .collect()
}

fn is_listed(listed: &[&[u8]], name: &[u8]) -> bool {
    listed
        .iter()
        .any(|option| name.eq_ignore_ascii_case(option))
}

fn number_of(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn via_of(id: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("1.1 {id}")).expect("an id is of letters and digits")
}

/// Of this hop alone, made anew for the next, or a secret between the client and us.
const NOT_PASSED_ON: [&str; 15] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-for",
];

/// Of the upstream's hop alone, or said by us.
const NOT_PASSED_BACK: [&str; 12] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-frame-options",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{DoorPolicy, rehearse};

    #[test]
    fn what_is_for_us_alone_is_not_passed_on() {
        let head = b"GET http://a.example:81/x?y=z HTTP/1.1\r\nHost: a.example:81\r\n\
            Accept: text/html\r\nAccept: text/plain\r\nAuthorization: Bearer secret\r\n\
            Proxy-Authorization: Basic x\r\nCookie: a=b\r\nX-Bun-Proxy-Token: t\r\n\
            Connection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nVia: 1.0 other\r\n\r\n";
        rehearse(head, &DoorPolicy::default(), |rehearsal| {
            let message = message_of(&rehearsal.request().head(), "thirteen-1").unwrap();
            assert_eq!((message.method, &*message.path), (Method::GET, "/x?y=z"));
            let names: Vec<&str> = message.headers.keys().map(HeaderName::as_str).collect();
            assert_eq!(names, ["accept", "via"]);
            assert_eq!(message.headers.get_all("accept").iter().count(), 2);
            let hops: Vec<&[u8]> = message
                .headers
                .get_all(VIA)
                .iter()
                .map(|v| v.as_bytes())
                .collect();
            assert_eq!(hops, [b"1.0 other".as_slice(), b"1.1 thirteen-1"]);
        });
    }
}
