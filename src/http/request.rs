//! A request as a handler sees it: a view of bytes that stay where they arrived.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::SocketAddr;

use thirteen_kernels::http::{Escapes, Head, Method, PercentFault, Version, percent_decode};

use crate::id::Id;

use super::problem::Problem;
use super::trace::Trace;
use super::websocket::UpgradeRequest;

/// One request: its head, and what its route and its connection add.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    head: Head<'r>,
    parameters: &'r Parameters,
    peer: SocketAddr,
    trace: &'r Trace,
}

/// The parts of the path that a route's parameters matched, still percent-encoded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parameters {
    names: [&'static str; PARAMETERS_MAX],
    spans: [(u16, u16); PARAMETERS_MAX],
    count: usize,
}

impl<'r> Request<'r> {
    pub(super) fn new(
        head: Head<'r>,
        parameters: &'r Parameters,
        peer: SocketAddr,
        trace: &'r Trace,
    ) -> Request<'r> {
        Request {
            head,
            parameters,
            peer,
            trace,
        }
    }

    /// The ids that it came with or was given: what is asked of others on its behalf passes them
    /// on.
    pub fn trace(&self) -> &'r Trace {
        self.trace
    }

    /// The parsed head.
    pub fn head(&self) -> Head<'r> {
        self.head
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.head.method()
    }

    /// The value of a header, the first of that name in lower case.
    pub fn header(&self, name: &str) -> Option<&'r [u8]> {
        self.head.header(name)
    }

    /// The values of every header of a name in lower case.
    pub fn values(&self, name: &'static str) -> impl Iterator<Item = &'r [u8]> + use<'r> {
        let matching = |field: &[u8]| field.eq_ignore_ascii_case(name.as_bytes());
        self.head
            .headers()
            .filter(move |(field, _)| matching(field))
            .map(|(_, value)| value)
    }

    /// The address of the peer.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// A parameter of the route's path, percent-decoded; 400 where it is not UTF-8.
    ///
    /// # Panics
    /// When the route has no parameter of that name.
    pub fn parameter(&self, name: &str) -> Result<Cow<'r, str>, Problem> {
        let position = self.parameters.names[..self.parameters.count]
            .iter()
            .position(|known| *known == name)
            .expect("the route has this parameter");
        let (start, end) = self.parameters.spans[position];
        let raw = &self.head.path()[usize::from(start)..usize::from(end)];
        let escapes = self.head.path_escapes();
        decoded(raw, escapes).map_err(|fault| Problem::new(400, format!("{name}: {fault}")))
    }

    /// A parameter of the route's path that is an id; 404 where it is none, since nothing has it.
    ///
    /// # Panics
    /// When the route has no parameter of that name.
    pub fn id(&self, name: &str) -> Result<Id, Problem> {
        let text = self.parameter(name)?;
        text.parse().map_err(|_| Problem::new(404, ""))
    }

    /// The pairs of the query, percent-decoded, `+` read as a space
    /// (application/x-www-form-urlencoded).
    pub fn query(&self) -> impl Iterator<Item = Result<(String, String), Problem>> + use<'r> {
        form(self.head.query().unwrap_or_default())
    }
}

/// A text with everything escaped but what is unreserved (RFC 3986, section 2.3): as a value of a
/// query, or of a parameter of a header (RFC 8187, section 3.2).
pub fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a String takes everything");
        }
        out
    })
}

/// The pairs of a form (application/x-www-form-urlencoded), decoded; 400 where they are not.
pub fn form(text: &[u8]) -> impl Iterator<Item = Result<(String, String), Problem>> + use<'_> {
    text.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = match memchr_equals(pair) {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, b"".as_slice()),
            };
            Ok((form_text(name)?, form_text(value)?))
        })
}

impl UpgradeRequest for Request<'_> {
    fn method(&self) -> &[u8] {
        self.head.method_bytes()
    }

    fn version(&self) -> (u8, u8) {
        match self.head.version() {
            Version::Http10 => (1, 0),
            Version::Http11 => (1, 1),
        }
    }

    fn header_values<'v>(&'v self, name: &'static str) -> impl Iterator<Item = &'v [u8]> {
        self.values(name)
    }
}

impl Parameters {
    pub(super) fn push(&mut self, name: &'static str, start: usize, end: usize) {
        self.names[self.count] = name;
        self.spans[self.count] = (start as u16, end as u16);
        self.count += 1;
    }

    pub(super) fn truncate(&mut self, count: usize) {
        self.count = count;
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    #[cfg(test)]
    pub(super) fn first(&self) -> Option<(usize, usize)> {
        let (start, end) = self.spans[..self.count].first()?;
        Some((usize::from(*start), usize::from(*end)))
    }
}

/// Text of a path segment.
pub(super) fn decoded(raw: &[u8], escapes: Escapes) -> Result<Cow<'_, str>, TextFault> {
    let text = match escapes {
        Escapes::Absent => Cow::Borrowed(raw),
        Escapes::Present => {
            let mut bytes = vec![0; raw.len()];
            let length = percent_decode(raw, &mut bytes).map_err(TextFault::Escape)?;
            bytes.truncate(length);
            Cow::Owned(bytes)
        }
    };
    if text.contains(&0) {
        return Err(TextFault::Nul);
    }
    match text {
        Cow::Borrowed(bytes) => str::from_utf8(bytes)
            .map(Cow::Borrowed)
            .map_err(|_| TextFault::NotUtf8),
        Cow::Owned(bytes) => String::from_utf8(bytes)
            .map(Cow::Owned)
            .map_err(|_| TextFault::NotUtf8),
    }
}

/// Why a piece of a target is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextFault {
    Escape(PercentFault),
    NotUtf8,
    Nul,
}

impl std::fmt::Display for TextFault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            TextFault::Escape(fault) => fault.as_str(),
            TextFault::NotUtf8 => "the text is not UTF-8",
            TextFault::Nul => "the text holds a NUL",
        })
    }
}

fn form_text(raw: &[u8]) -> Result<String, Problem> {
    let spaced: Vec<u8> = raw
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    match decoded(&spaced, Escapes::Present) {
        Ok(text) => Ok(text.into_owned()),
        Err(fault) => Err(Problem::new(400, format!("query or form: {fault}"))),
    }
}

fn memchr_equals(pair: &[u8]) -> Option<usize> {
    pair.iter().position(|byte| *byte == b'=')
}

/// The most parameters of one route.
pub(super) const PARAMETERS_MAX: usize = 4;
