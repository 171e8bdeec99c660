//! Replies, written straight into a connection's output buffer.

use std::cell::RefCell;

use serde::Serialize;
use thirteen_kernels::http::{Connection, Version};

use crate::limits::{COMPRESSED_BYTES_MIN, COMPRESSED_HERE_BYTES_MAX};
use crate::telemetry::logs::without_secrets;

use super::asked::Asked;
use super::coding::Coding;
use super::compress::{Effort, compress, is_text};
use super::policy::{API_SECURITY, ProblemForm, Welcome};
use super::problem::{Afterwards, Occurrence, Problem};
use super::status::{has_no_body, reason};

/// One reply: `status`, then any `header`s, then the body. What a handler leaves out is filled in
/// when it returns; what it had written is dropped when it fails.
pub struct Reply<'o> {
    out: &'o mut Vec<u8>,
    frame: &'o mut Frame,
    asked: &'o Asked<'o>,
    date: [u8; 29],
}

/// What a reply has to know of its request, and what became of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) start: usize,
    pub(super) stage: Stage,
    pub(super) status: u16,
    /// The route's template, by which secrets in the path are known; empty without a route.
    pub(super) route: &'static str,
    pub(super) version: Version,
    pub(super) connection: Connection,
    pub(super) content: Content,
    /// Bytes of the reply that have left the output buffer.
    pub(super) sent_bytes: u64,
    /// Security headers of this reply alone, instead of its door's.
    pub(super) security: Option<&'static [u8]>,
    /// Who may keep this reply.
    pub(super) audience: Audience,
    /// Whether another `Accept-Encoding` would have got other bytes.
    pub(super) negotiated: Negotiated,
    /// Where the last quote of the ETag stands, from the start of the reply; 0 without one.
    etag_end: usize,
}

/// Who a reply is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Audience {
    /// Whoever asks alike.
    Everybody,
    /// Who has proved who they are: no cache in between may give it to another.
    Caller,
}

/// Whether the coding of a reply depends on what the client takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Negotiated {
    No,
    Coding,
    FormAndCoding,
}

/// How far a reply is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Nothing,
    Head,
    /// The head is sent and pieces of the body follow it.
    Streaming,
    Whole,
}

/// Whether a reply carries its content or only describes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Content {
    Sent,
    /// The request was HEAD.
    Described,
}

impl Frame {
    pub(super) fn new(version: Version, connection: Connection, content: Content) -> Frame {
        Frame {
            start: 0,
            stage: Stage::Nothing,
            status: 0,
            route: "",
            version,
            connection,
            content,
            sent_bytes: 0,
            security: None,
            audience: Audience::Everybody,
            negotiated: Negotiated::No,
            etag_end: 0,
        }
    }

    /// The frame of a reply to a request that could not be read.
    pub(super) fn closing(content: Content) -> Frame {
        Frame::new(Version::Http11, Connection::Close, content)
    }

    /// Notes that the output buffer, so many bytes long, leaves before the reply is whole.
    pub(super) fn leave(&mut self, out_bytes: usize) {
        self.sent_bytes += (out_bytes - self.start) as u64;
        self.start = 0;
    }

    /// Bytes of the reply, of which the last are in an output buffer of this length.
    pub(super) fn reply_bytes(&self, out_bytes: usize) -> u64 {
        self.sent_bytes + (out_bytes - self.start) as u64
    }
}

impl<'o> Reply<'o> {
    pub(super) fn new(
        out: &'o mut Vec<u8>,
        frame: &'o mut Frame,
        asked: &'o Asked<'o>,
        date: [u8; 29],
    ) -> Reply<'o> {
        frame.start = out.len();
        Reply::resume(out, frame, asked, date)
    }

    /// A reply whose writing goes on where it stopped.
    pub(super) fn resume(
        out: &'o mut Vec<u8>,
        frame: &'o mut Frame,
        asked: &'o Asked<'o>,
        date: [u8; 29],
    ) -> Reply<'o> {
        Reply {
            out,
            frame,
            asked,
            date,
        }
    }

    /// Notes the template of the request's route.
    pub(super) fn routed(&mut self, route: &'static str) {
        self.frame.route = route;
    }

    /// The output, for replies that are no HTTP any more.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// Writes the status line and the headers that every reply has.
    ///
    /// # Panics
    /// When a status was written before: a handler replies once.
    pub fn status(&mut self, status: u16) -> &mut Self {
        assert!(self.frame.stage == Stage::Nothing, "a reply has one status");
        self.frame.stage = Stage::Head;
        self.frame.status = status;
        if status == 200 {
            self.out.extend_from_slice(b"HTTP/1.1 200 OK\r\nDate: ");
        } else {
            self.out.extend_from_slice(b"HTTP/1.1 ");
            write_decimal(u64::from(status), self.out);
            self.out.push(b' ');
            self.out.extend_from_slice(reason(status).as_bytes());
            self.out.extend_from_slice(b"\r\nDate: ");
        }
        self.out.extend_from_slice(&self.date);
        self.out
            .extend_from_slice(match (self.frame.connection, self.frame.version) {
                (Connection::Close, _) => b"\r\nConnection: close\r\n".as_slice(),
                (Connection::KeepAlive, Version::Http10) => b"\r\nConnection: keep-alive\r\n",
                (Connection::KeepAlive, Version::Http11) => b"\r\n",
            });
        let security = self.frame.security.unwrap_or(self.asked.security());
        self.out.extend_from_slice(security);
        if let Welcome::Lines(lines) = self.asked.welcome() {
            self.out.extend_from_slice(lines);
        }
        self.asked.write_ids(self.out);
        if self.frame.audience == Audience::Caller {
            self.out
                .extend_from_slice(b"Cache-Control: private, no-cache\r\n");
        }
        self
    }

    /// Keeps the reply from caches that others share (RFC 9111, section 5.2.2.7).
    pub fn keep_private(&mut self) {
        self.frame.audience = Audience::Caller;
    }

    /// Notes that the reply is one of several forms in one of several codings, as `Accept` and
    /// `Accept-Encoding` ask.
    pub fn chosen(&mut self) -> &mut Self {
        self.frame.negotiated = Negotiated::FormAndCoding;
        self
    }

    /// The second of the reply's `Date`.
    pub fn date(&self) -> &[u8; 29] {
        &self.date
    }

    /// Ends the reply with a body that is in its coding already; its type is among the lines.
    pub fn coded(&mut self, body: &[u8]) {
        self.bare_body(body);
    }

    /// Says other things about what a browser may do with this reply than its door does, before
    /// the status: a block of header lines.
    pub fn security(&mut self, lines: &'static [u8]) -> &mut Self {
        debug_assert!(self.frame.stage == Stage::Nothing, "before the status");
        self.frame.security = Some(lines);
        self
    }

    /// Adds a header. CR, LF and NUL in the value are replaced by spaces (RFC 9110, section 5.5).
    pub fn header(&mut self, name: &str, value: impl AsRef<[u8]>) -> &mut Self {
        debug_assert!(self.frame.stage == Stage::Head, "the status comes first");
        write_header(name, value.as_ref(), self.out);
        if name == "ETag" && self.out.ends_with(b"\"\r\n") {
            self.frame.etag_end = self.out.len() - self.frame.start - b"\"\r\n".len();
        }
        self
    }

    /// Adds header lines that were rendered before, each with its CRLF.
    pub fn lines(&mut self, lines: &[u8]) -> &mut Self {
        debug_assert!(self.frame.stage == Stage::Head, "the status comes first");
        debug_assert!(lines.is_empty() || lines.ends_with(b"\r\n"));
        self.out.extend_from_slice(lines);
        self
    }

    /// Ends the reply with a body; in a coding, where it is text that pays for it and the client
    /// takes one.
    pub fn body(&mut self, content_type: &str, body: &[u8]) {
        let coding = self.negotiate(content_type, body.len());
        // A longer one would keep others waiting for more than a millisecond.
        if let Some(coding) = coding.filter(|_| body.len() <= COMPRESSED_HERE_BYTES_MAX) {
            let coded = CODED.with_borrow_mut(|coded| {
                coded.clear();
                let done = compress(coding, Effort::Usual, body, coded);
                done.is_ok()
                    .then(|| self.coded_body(content_type, coding, coded))
            });
            if coded.is_some() {
                return;
            }
        }
        write_header("Content-Type", content_type.as_bytes(), self.out);
        self.bare_body(body);
    }

    /// Ends the reply with this value as JSON.
    pub fn json(&mut self, value: &impl Serialize) {
        assert!(
            self.frame.stage == Stage::Head && !has_no_body(self.frame.status),
            "the status comes first, and the body once"
        );
        let head_end = self.out.len();
        self.vary();
        self.out.extend_from_slice(JSON_LINES);
        let start = self.out.len();
        serde_json::to_writer(&mut *self.out, value).expect("a reply's value has string keys");
        let length = self.out.len() - start;
        if length >= COMPRESSED_BYTES_MIN {
            return self.long_json(head_end, start);
        }
        write_padded(length, &mut self.out[start - LENGTH_TO_BODY..]);
        if self.frame.content == Content::Described {
            self.out.truncate(start);
        }
        self.frame.stage = Stage::Whole;
    }

    /// Takes back a body of JSON and writes it as one that may be compressed.
    fn long_json(&mut self, head_end: usize, start: usize) {
        JSON.with_borrow_mut(|json| {
            json.clear();
            json.extend_from_slice(&self.out[start..]);
            self.out.truncate(head_end);
            self.body("application/json", json);
        });
    }

    /// The coding of a body, if it gets one.
    pub(super) fn negotiate(&mut self, content_type: &str, bytes: usize) -> Option<Coding> {
        if bytes < COMPRESSED_BYTES_MIN || !is_text(content_type) {
            return None;
        }
        self.frame.negotiated = Negotiated::Coding;
        self.asked.coding(Coding::USUAL_ORDER)
    }

    /// The coding of a long text that is there in all of them.
    pub(super) fn choose_coding(&mut self) -> Option<Coding> {
        self.frame.negotiated = Negotiated::Coding;
        self.asked.coding(Coding::KEPT_ORDER)
    }

    /// Ends the reply with its last header lines, from its tag to the empty one, and its body.
    pub(super) fn ending(&mut self, bytes: &[u8], head_bytes: usize) {
        assert!(
            self.frame.stage == Stage::Head,
            "the status comes first, and the body once"
        );
        self.vary();
        self.out.extend_from_slice(match self.frame.content {
            Content::Sent => bytes,
            Content::Described => &bytes[..head_bytes],
        });
        self.frame.stage = Stage::Whole;
    }

    /// Ends the head of a reply in a coding, but for its length. Its tag becomes that of another
    /// representation.
    pub(super) fn coded_head(&mut self, coding: Coding) {
        write_header("Content-Encoding", coding.name().as_bytes(), self.out);
        if self.frame.etag_end > 0 {
            let at = self.frame.start + self.frame.etag_end;
            self.out.splice(at..at, coding.tag_suffix().iter().copied());
        }
    }

    fn coded_body(&mut self, content_type: &str, coding: Coding, coded: &[u8]) {
        write_header("Content-Type", content_type.as_bytes(), self.out);
        self.coded_head(coding);
        self.bare_body(coded);
    }

    /// Says what of the request the reply depends on, as the last line that does.
    fn vary(&mut self) {
        let by_origin = self.asked.welcome() != Welcome::Unasked;
        let line: &[u8] = match (by_origin, self.frame.negotiated) {
            (false, Negotiated::No) => return,
            (true, Negotiated::No) => b"Vary: Origin\r\n",
            (false, Negotiated::Coding) => b"Vary: Accept-Encoding\r\n",
            (true, Negotiated::Coding) => b"Vary: Origin, Accept-Encoding\r\n",
            (false, Negotiated::FormAndCoding) => b"Vary: Accept, Accept-Encoding\r\n",
            (true, Negotiated::FormAndCoding) => b"Vary: Origin, Accept, Accept-Encoding\r\n",
        };
        self.out.extend_from_slice(line);
    }

    /// Ends the reply without a body.
    pub fn empty(&mut self) {
        self.bare_body(b"");
    }

    /// Sends a whole reply of status 200 that was rendered before, but for its date.
    pub fn prepared(&mut self, prepared: &Prepared) {
        assert!(self.frame.stage == Stage::Nothing, "a reply has one status");
        let is_usual = self.frame.connection == Connection::KeepAlive
            && self.frame.version == Version::Http11
            && self.asked.is_plain();
        if !is_usual {
            self.status(200)
                .body(prepared.content_type, prepared.body());
            return;
        }
        let length = match self.frame.content {
            Content::Sent => prepared.bytes.len(),
            Content::Described => prepared.head_bytes,
        };
        let start = self.out.len();
        self.out.extend_from_slice(&prepared.bytes[..length]);
        self.out[start + DATE_OFFSET..][..29].copy_from_slice(&self.date);
        self.frame.status = 200;
        self.frame.stage = Stage::Whole;
    }

    /// Replaces whatever was written by a problem document.
    pub(super) fn problem(&mut self, problem: &Problem) {
        let occurrence = self.asked.occurrence();
        if problem.status == 500 {
            log_internal(problem, self.frame.route, &occurrence);
        }
        self.out.truncate(self.frame.start);
        self.frame.etag_end = 0;
        self.frame.negotiated = Negotiated::No;
        self.frame.security = None;
        self.frame.stage = Stage::Nothing;
        if problem.connection == Afterwards::Close {
            self.frame.connection = Connection::Close;
        }
        self.status(problem.status);
        for (name, value) in &problem.headers {
            self.header(name, value);
        }
        let (content_type, body) = match self.asked.problem_form() {
            ProblemForm::Document => problem.document(&occurrence),
            ProblemForm::Registry => problem.registry_body(),
        };
        if content_type.is_empty() {
            self.empty();
        } else {
            self.body(content_type, &body);
        }
    }

    /// Fills in what a handler left out.
    pub(super) fn finish(&mut self) {
        match self.frame.stage {
            Stage::Nothing => {
                self.status(204).empty();
            }
            Stage::Head => self.empty(),
            Stage::Streaming | Stage::Whole => {}
        }
    }

    /// Ends the head of a reply whose length is not known: chunked, or ended by the connection's
    /// close for a client of HTTP/1.0.
    pub(super) fn begin_stream(&mut self, content_type: &str) {
        assert!(self.frame.stage == Stage::Head, "the status comes first");
        write_header("Content-Type", content_type.as_bytes(), self.out);
        self.vary();
        let framing: &[u8] = match self.frame.version {
            Version::Http10 => b"\r\n",
            Version::Http11 => b"Transfer-Encoding: chunked\r\n\r\n",
        };
        self.out.extend_from_slice(framing);
        self.frame.stage = Stage::Streaming;
    }

    /// Ends the head of a reply whose body of this length is sent apart.
    pub(super) fn end_head(&mut self, length: u64) {
        self.vary();
        self.out.extend_from_slice(b"Content-Length: ");
        write_decimal(length, self.out);
        self.out.extend_from_slice(b"\r\n\r\n");
        self.frame.stage = Stage::Whole;
    }

    fn bare_body(&mut self, body: &[u8]) {
        assert!(
            self.frame.stage == Stage::Head,
            "the status comes first, and the body once"
        );
        if has_no_body(self.frame.status) {
            debug_assert!(body.is_empty(), "status {} has no body", self.frame.status);
            self.frame.stage = Stage::Whole;
            self.vary();
            self.out.extend_from_slice(b"\r\n");
            return;
        }
        self.end_head(body.len() as u64);
        if self.frame.content == Content::Sent {
            self.out.extend_from_slice(body);
        }
    }
}

/// A reply of status 200 rendered once and sent often.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    bytes: Vec<u8>,
    head_bytes: usize,
    content_type: &'static str,
}

impl Prepared {
    /// Renders a reply; the memory of the one before is reused.
    pub fn render(&mut self, content_type: &'static str, body: &[u8]) {
        self.content_type = content_type;
        self.bytes.clear();
        self.bytes.extend_from_slice(b"HTTP/1.1 200 OK\r\nDate: ");
        self.bytes.extend_from_slice(&[b' '; 29]);
        self.bytes.extend_from_slice(b"\r\n");
        self.bytes.extend_from_slice(API_SECURITY);
        self.bytes.extend_from_slice(b"Content-Type: ");
        self.bytes.extend_from_slice(content_type.as_bytes());
        self.bytes.extend_from_slice(b"\r\nContent-Length: ");
        write_decimal(body.len() as u64, &mut self.bytes);
        self.bytes.extend_from_slice(b"\r\n\r\n");
        self.head_bytes = self.bytes.len();
        self.bytes.extend_from_slice(body);
    }

    /// The body alone.
    pub fn body(&self) -> &[u8] {
        &self.bytes[self.head_bytes..]
    }
}

/// Tells the operator what the client is not told.
fn log_internal(problem: &Problem, route: &str, occurrence: &Occurrence<'_>) {
    let path = without_secrets(route, occurrence.path.unwrap_or_default());
    let cause = &problem.detail;
    match occurrence.trace {
        Some(trace) => tracing::error!(target: "http", %path, ?trace, %cause, "internal error"),
        None => tracing::error!(target: "http", %path, %cause, "internal error"),
    }
}

pub(super) fn write_header(name: &str, value: &[u8], out: &mut Vec<u8>) {
    debug_assert!(
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    );
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend(
        value
            .iter()
            .map(|byte| if is_line_breaking(*byte) { b' ' } else { *byte }),
    );
    out.extend_from_slice(b"\r\n");
}

/// Appends a number in decimal.
pub(super) fn write_decimal(number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = number;
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Writes a number to the end of a field of spaces, which are no part of a header's value
/// (RFC 9112, section 5.1).
fn write_padded(mut number: usize, field: &mut [u8]) {
    for place in field[..LENGTH_DIGITS].iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return;
        }
    }
    unreachable!("a body fits in memory");
}

fn is_line_breaking(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0)
}

thread_local! {
    /// A body in a coding, and one of JSON that is long enough for one, on their way out.
    static CODED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static JSON: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The lines of a body whose length is filled in when it is written.
const JSON_LINES: &[u8] =
    b"Content-Type: application/json\r\nContent-Length:                 \r\n\r\n";
const LENGTH_DIGITS: usize = 16;
const LENGTH_TO_BODY: usize = LENGTH_DIGITS + b"\r\n\r\n".len();

/// Where a prepared reply has its date.
const DATE_OFFSET: usize = b"HTTP/1.1 200 OK\r\nDate: ".len();

#[cfg(test)]
mod tests;
