//! The result of a parse: offsets into the buffer, and the view that reads through them.

use super::{HEADERS_MAX, HeadFault};

/// Offsets of one request head, reused from request to request.
///
/// About 900 bytes; a shard keeps one and parses every head into it.
#[derive(Clone)]
pub struct HeadTable {
    pub(super) lines: [HeaderLine; HEADERS_MAX],
    pub(super) line_count: usize,
    pub(super) summary: Summary,
}

/// A parsed head: the table's offsets together with the bytes that they point into.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    table: &'a HeadTable,
    bytes: &'a [u8],
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
    /// `OPTIONS`
    Options,
    /// `CONNECT`
    Connect,
    /// `TRACE`
    Trace,
    /// Any other token: [`Head::method_bytes`] has it.
    Other,
}

/// The form of a request target (RFC 9112, section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetForm {
    /// `/path?query`
    Origin,
    /// `http://host/path?query`
    Absolute,
    /// `host:port`, with CONNECT only
    Authority,
    /// `*`, with OPTIONS only
    Asterisk,
}

/// The version of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// Whether percent-decoding would change a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Escapes {
    /// The path has no `%`.
    Absent,
    /// The path has at least one `%`.
    Present,
}

/// How the end of the body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BodyLength {
    /// Neither a length nor a transfer coding: the request has no body.
    None,
    /// The body has this many bytes.
    Length(u64),
    /// The body is in chunks.
    Chunked,
}

/// Whether the client wants to go on after the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Connection {
    /// Another request may follow.
    KeepAlive,
    /// This is the last request.
    Close,
}

/// What the client awaits before it sends the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expectation {
    /// Nothing.
    None,
    /// `100 Continue`.
    Continue,
    /// Something that is no expectation of HTTP/1.1: 417 answers it.
    Unknown,
}

impl HeadTable {
    /// An empty table.
    pub const fn new() -> HeadTable {
        HeadTable {
            lines: [HeaderLine::EMPTY; HEADERS_MAX],
            line_count: 0,
            summary: Summary::EMPTY,
        }
    }

    /// The head that was parsed into this table. `bytes` starts where the parsed bytes started.
    ///
    /// # Panics
    ///
    /// If the last parse did not return [`HeadStatus::Complete`](super::HeadStatus::Complete), or
    /// `bytes` is shorter than the head.
    pub fn view<'a>(&'a self, bytes: &'a [u8]) -> Head<'a> {
        let head_bytes = usize::from(self.summary.head_bytes);
        assert!(head_bytes > 0, "the table holds no complete head");
        Head {
            table: self,
            bytes: &bytes[..head_bytes],
        }
    }
}

impl Default for HeadTable {
    fn default() -> HeadTable {
        HeadTable::new()
    }
}

impl<'a> Head<'a> {
    /// The method.
    pub fn method(&self) -> Method {
        self.table.summary.method
    }

    /// The method as it was sent.
    pub fn method_bytes(&self) -> &'a [u8] {
        self.slice(self.table.summary.method_span)
    }

    /// The request target as it was sent.
    pub fn target(&self) -> &'a [u8] {
        self.slice(self.table.summary.target)
    }

    /// The form of the request target.
    pub fn target_form(&self) -> TargetForm {
        self.table.summary.form
    }

    /// The path, percent-encoded, without the query: `/` for an absolute form without a path,
    /// `*` for the asterisk form, empty for the authority form.
    pub fn path(&self) -> &'a [u8] {
        self.slice(self.table.summary.path)
    }

    /// Whether the path has to be percent-decoded.
    pub fn path_escapes(&self) -> Escapes {
        self.table.summary.escapes
    }

    /// What follows the first `?` of the target.
    pub fn query(&self) -> Option<&'a [u8]> {
        self.table.summary.query.map(|span| self.slice(span))
    }

    /// The version.
    pub fn version(&self) -> Version {
        self.table.summary.version
    }

    /// The authority that is asked for: of the target where it has one (RFC 9112, section 3.2.2),
    /// else of the Host header. `None` only in HTTP/1.0.
    pub fn host(&self) -> Option<&'a [u8]> {
        let summary = &self.table.summary;
        summary
            .authority
            .or(summary.host)
            .map(|span| self.slice(span))
    }

    /// The header lines in order: the name as it was sent, the value without the whitespace
    /// around it.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + Clone + use<'a> {
        let head = *self;
        self.table.lines[..self.table.line_count]
            .iter()
            .map(move |line| (head.slice(line.name()), head.slice(line.value())))
    }

    /// The value of the first header of this name. `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        debug_assert!(
            !name.bytes().any(|byte| byte.is_ascii_uppercase()),
            "lower case names"
        );
        self.table.lines[..self.table.line_count]
            .iter()
            .find(|line| {
                self.slice(line.name())
                    .eq_ignore_ascii_case(name.as_bytes())
            })
            .map(|line| self.slice(line.value()))
    }

    /// How many header lines there are.
    pub fn header_count(&self) -> usize {
        self.table.line_count
    }

    /// The value of the first Cookie header.
    pub fn cookie(&self) -> Option<&'a [u8]> {
        self.table.summary.cookie.map(|span| self.slice(span))
    }

    /// How the end of the body is found.
    pub fn body(&self) -> BodyLength {
        self.table.summary.body
    }

    /// Whether the connection goes on after the reply (RFC 9112, section 9.3).
    pub fn connection(&self) -> Connection {
        let summary = &self.table.summary;
        let options = summary.connection;
        match summary.version {
            _ if options & CONNECTION_CLOSE != 0 => Connection::Close,
            Version::Http11 => Connection::KeepAlive,
            Version::Http10 if options & CONNECTION_KEEP_ALIVE != 0 => Connection::KeepAlive,
            Version::Http10 => Connection::Close,
        }
    }

    /// The value of the first Upgrade header, where it counts: in HTTP/1.1, when the Connection
    /// header names it (RFC 9110, section 7.8).
    pub fn upgrade(&self) -> Option<&'a [u8]> {
        let summary = &self.table.summary;
        let counts =
            summary.version == Version::Http11 && summary.connection & CONNECTION_UPGRADE != 0;
        summary
            .upgrade
            .filter(|_| counts)
            .map(|span| self.slice(span))
    }

    /// What the client awaits before it sends the body. HTTP/1.0 has no expectations (RFC 9110,
    /// section 10.1.1).
    pub fn expectation(&self) -> Expectation {
        match self.table.summary.version {
            Version::Http10 => Expectation::None,
            Version::Http11 => self.table.summary.expectation,
        }
    }

    #[inline]
    fn slice(&self, span: Span) -> &'a [u8] {
        &self.bytes[span.range()]
    }
}

impl core::fmt::Debug for Head<'_> {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter
            .debug_struct("Head")
            .field("method", &self.method())
            .field("target", &self.target().escape_ascii())
            .field("version", &self.version())
            .field("headers", &self.header_count())
            .finish()
    }
}

/// A range of the buffer: the start in the lower 16 bits, the end in the upper ones. Heads are
/// shorter than 64 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span(u32);

impl Span {
    const EMPTY: Span = Span(0);

    #[inline(always)]
    pub(super) fn new(start: usize, end: usize) -> Span {
        debug_assert!(start <= end && end <= usize::from(u16::MAX));
        Span(start as u32 | (end as u32) << 16)
    }

    /// How many bytes the span has.
    #[inline(always)]
    pub(super) fn bytes(self) -> usize {
        self.end() - self.start()
    }

    #[inline(always)]
    pub(super) fn range(self) -> core::ops::Range<usize> {
        self.start()..self.end()
    }

    #[inline(always)]
    pub(super) fn start(self) -> usize {
        (self.0 & 0xffff) as usize
    }

    #[inline(always)]
    pub(super) fn end(self) -> usize {
        (self.0 >> 16) as usize
    }
}

/// Where one header line has its name and its value: the name's span in the lower half, the
/// value's in the upper one.
///
/// One integer and no struct of four, which would be stored in parts and loaded as a whole: the
/// processor cannot forward that, and waits.
#[derive(Clone, Copy)]
pub(super) struct HeaderLine(u64);

impl HeaderLine {
    const EMPTY: HeaderLine = HeaderLine(0);

    #[inline(always)]
    pub(super) fn new(name: Span, value: Span) -> HeaderLine {
        HeaderLine(u64::from(name.0) | u64::from(value.0) << 32)
    }

    #[inline(always)]
    pub(super) fn name(self) -> Span {
        Span(self.0 as u32)
    }

    #[inline(always)]
    pub(super) fn value(self) -> Span {
        Span((self.0 >> 32) as u32)
    }
}

/// What the request line and the headers that matter to the connection say.
#[derive(Clone, Copy)]
pub(super) struct Summary {
    /// Length of the head; zero until it is complete.
    pub(super) head_bytes: u16,
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) form: TargetForm,
    pub(super) escapes: Escapes,
    pub(super) expectation: Expectation,
    /// `CONNECTION_*` bits of every Connection header.
    pub(super) connection: u8,
    pub(super) method_span: Span,
    pub(super) target: Span,
    pub(super) path: Span,
    pub(super) query: Option<Span>,
    /// The authority inside the request target.
    pub(super) authority: Option<Span>,
    pub(super) host: Option<Span>,
    pub(super) cookie: Option<Span>,
    pub(super) upgrade: Option<Span>,
    pub(super) body: BodyLength,
}

impl Summary {
    pub(super) const EMPTY: Summary = Summary {
        head_bytes: 0,
        method: Method::Other,
        version: Version::Http11,
        form: TargetForm::Origin,
        escapes: Escapes::Absent,
        expectation: Expectation::None,
        connection: 0,
        method_span: Span::EMPTY,
        target: Span::EMPTY,
        path: Span::EMPTY,
        query: None,
        authority: None,
        host: None,
        cookie: None,
        upgrade: None,
        body: BodyLength::None,
    };
}

/// Why a parse stops before the end of the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// The bytes end before the head does.
    Partial,
    /// The head is refused.
    Fault(HeadFault),
}

impl From<HeadFault> for Halt {
    #[inline(always)]
    fn from(fault: HeadFault) -> Halt {
        Halt::Fault(fault)
    }
}

pub(super) const CONNECTION_CLOSE: u8 = 1;
pub(super) const CONNECTION_KEEP_ALIVE: u8 = 2;
pub(super) const CONNECTION_UPGRADE: u8 = 4;
