//! Methods, the four forms of a request target, and authorities.

use super::table::{Halt, Span, Summary};
use super::words::Words;
use super::{Escapes, HeadFault, Method, TargetForm};
use crate::http::class::REGISTERED_NAME;
use crate::http::scan::RequestMarks;

impl Method {
    /// The method whose name is the token from `start` to `end`. Names are case-sensitive
    /// (RFC 9110, section 9.1), so that one load serves all comparisons.
    #[inline(always)]
    pub(super) fn of(words: Words<'_>, start: usize, end: usize) -> Method {
        let name_bytes = end - start;
        let Some(word) = words.u64_at(start) else {
            // Shorter than any request line, whatever its method: the version will be missed.
            return Method::Other;
        };
        if name_bytes >= 8 {
            return Method::Other;
        }
        let name = word & !(u64::MAX << (8 * name_bytes));
        match name {
            GET => Method::Get,
            HEAD => Method::Head,
            POST => Method::Post,
            PUT => Method::Put,
            PATCH => Method::Patch,
            DELETE => Method::Delete,
            OPTIONS => Method::Options,
            CONNECT => Method::Connect,
            TRACE => Method::Trace,
            _ => Method::Other,
        }
    }
}

/// A name in the lower bytes of a word, as a little-endian load and a mask give it.
const fn name_word(name: &[u8]) -> u64 {
    let mut word = 0;
    let mut index = 0;
    while index < name.len() {
        word |= (name[index] as u64) << (8 * index);
        index += 1;
    }
    word
}

/// Fills in what the request target says; the method and the marks are known.
#[inline(always)]
pub(super) fn place_target(
    summary: &mut Summary,
    bytes: &[u8],
    marks: RequestMarks,
) -> Result<(), Halt> {
    let RequestMarks {
        method_end,
        target_end: end,
        question: path_end,
        percent,
    } = marks;
    let start = method_end + 1;
    summary.target = Span::new(start, end);
    if bytes[start] == b'/' && summary.method != Method::Connect {
        summary.form = TargetForm::Origin;
        summary.path = Span::new(start, path_end);
        if percent < path_end {
            summary.escapes = Escapes::Present;
        }
    } else {
        place_rare_target(summary, bytes, start, path_end, end)?;
        if bytes[summary.path.range()].contains(&b'%') {
            summary.escapes = Escapes::Present;
        }
    }
    if path_end < end {
        summary.query = Some(Span::new(path_end + 1, end));
    }
    Ok(())
}

/// The forms that proxies' clients and `OPTIONS *` use.
#[cold]
fn place_rare_target(
    summary: &mut Summary,
    bytes: &[u8],
    start: usize,
    path_end: usize,
    end: usize,
) -> Result<(), Halt> {
    const BAD: Halt = Halt::Fault(HeadFault::BadTarget);
    let target = &bytes[start..end];
    if summary.method == Method::Connect {
        // RFC 9112, section 3.2.3: host and port, both of them.
        let authority = Authority::parse(target).ok_or(BAD)?;
        if authority.host.is_empty() || authority.port.is_none_or(<[u8]>::is_empty) {
            return Err(BAD);
        }
        summary.form = TargetForm::Authority;
        summary.authority = Some(Span::new(start, end));
        summary.path = Span::new(end, end);
        return Ok(());
    }
    if target == b"*" {
        if summary.method != Method::Options {
            return Err(BAD);
        }
        summary.form = TargetForm::Asterisk;
        summary.path = Span::new(start, end);
        return Ok(());
    }
    let scheme_bytes = [b"http://".as_slice(), b"https://"]
        .into_iter()
        .find(|scheme| {
            target
                .get(..scheme.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(scheme))
        })
        .map(<[u8]>::len)
        .ok_or(BAD)?;
    let authority_start = start + scheme_bytes;
    let hierarchy = &bytes[authority_start..path_end.max(authority_start)];
    let authority_bytes = hierarchy
        .iter()
        .position(|&byte| byte == b'/')
        .unwrap_or(hierarchy.len());
    let authority = Authority::parse(&hierarchy[..authority_bytes]).ok_or(BAD)?;
    if authority.host.is_empty() {
        return Err(BAD);
    }
    let authority_end = authority_start + authority_bytes;
    summary.form = TargetForm::Absolute;
    summary.authority = Some(Span::new(authority_start, authority_end));
    summary.path = if authority_end < path_end {
        Span::new(authority_end, path_end)
    } else {
        // An empty path is the path `/` (RFC 9110, section 4.2.3); the scheme's last slash is one.
        Span::new(authority_start - 1, authority_start)
    };
    Ok(())
}

/// A host and a port, as RFC 3986 section 3.2 has them, without user information.
pub(super) struct Authority<'a> {
    host: &'a [u8],
    /// What follows the colon: digits, perhaps none.
    port: Option<&'a [u8]>,
}

impl<'a> Authority<'a> {
    /// The authority that these bytes are, if they are one.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Authority<'a>> {
        let host_bytes = match bytes.first() {
            Some(b'[') => ipv6_literal_bytes(bytes)?,
            _ => bytes
                .iter()
                .position(|&byte| !REGISTERED_NAME.contains(byte))
                .unwrap_or(bytes.len()),
        };
        let (host, rest) = bytes.split_at(host_bytes);
        let port = match rest {
            [] => None,
            [b':', port @ ..] if is_port(port) => Some(port),
            _ => return None,
        };
        Some(Authority { host, port })
    }
}

/// Whether these are the digits of a port; an empty port means the scheme's own.
fn is_port(bytes: &[u8]) -> bool {
    let is_number = bytes.len() <= PORT_BYTES_MAX && bytes.iter().all(u8::is_ascii_digit);
    is_number
        && bytes
            .iter()
            .fold(0, |port, byte| port * 10 + u32::from(byte & 0x0f))
            <= 65_535
}

fn ipv6_literal_bytes(bytes: &[u8]) -> Option<usize> {
    let close = bytes
        .iter()
        .take(IPV6_BYTES_MAX + 2)
        .position(|&byte| byte == b']')?;
    let address = core::str::from_utf8(&bytes[1..close]).ok()?;
    address.parse::<core::net::Ipv6Addr>().ok()?;
    Some(close + 1)
}

/// Digits of the longest port.
const PORT_BYTES_MAX: usize = 5;

/// Length of the longest textual IPv6 address, with an IPv4 tail.
const IPV6_BYTES_MAX: usize = 45;

const GET: u64 = name_word(b"GET");
const HEAD: u64 = name_word(b"HEAD");
const POST: u64 = name_word(b"POST");
const PUT: u64 = name_word(b"PUT");
const PATCH: u64 = name_word(b"PATCH");
const DELETE: u64 = name_word(b"DELETE");
const OPTIONS: u64 = name_word(b"OPTIONS");
const CONNECT: u64 = name_word(b"CONNECT");
const TRACE: u64 = name_word(b"TRACE");
