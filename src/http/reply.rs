//! Replies, written straight into a connection's output buffer.

use serde::Serialize;
use thirteen_kernels::http::{Connection, Version};

use super::problem::{Afterwards, Occurrence, Problem};
use super::status::{has_no_body, reason};

/// One reply: `status`, then any `header`s, then the body. What a handler leaves out is filled in
/// when it returns; what it had written is dropped when it fails.
pub struct Reply<'o> {
    out: &'o mut Vec<u8>,
    frame: &'o mut Frame,
    date: [u8; 29],
}

/// What a reply has to know of its request, and what became of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) start: usize,
    pub(super) stage: Stage,
    pub(super) status: u16,
    pub(super) version: Version,
    pub(super) connection: Connection,
    pub(super) content: Content,
    /// Bytes of the reply that have left the output buffer.
    pub(super) sent_bytes: u64,
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
            version,
            connection,
            content,
            sent_bytes: 0,
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
    pub(super) fn new(out: &'o mut Vec<u8>, frame: &'o mut Frame, date: [u8; 29]) -> Reply<'o> {
        frame.start = out.len();
        Reply { out, frame, date }
    }

    /// A reply whose writing goes on where it stopped.
    pub(super) fn resume(out: &'o mut Vec<u8>, frame: &'o mut Frame, date: [u8; 29]) -> Reply<'o> {
        Reply { out, frame, date }
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
        self
    }

    /// Adds a header. CR, LF and NUL in the value are replaced by spaces (RFC 9110, section 5.5).
    pub fn header(&mut self, name: &str, value: impl AsRef<[u8]>) -> &mut Self {
        debug_assert!(self.frame.stage == Stage::Head, "the status comes first");
        write_header(name, value.as_ref(), self.out);
        self
    }

    /// Adds header lines that were rendered before, each with its CRLF.
    pub fn lines(&mut self, lines: &[u8]) -> &mut Self {
        debug_assert!(self.frame.stage == Stage::Head, "the status comes first");
        debug_assert!(lines.is_empty() || lines.ends_with(b"\r\n"));
        self.out.extend_from_slice(lines);
        self
    }

    /// Ends the reply with a body.
    pub fn body(&mut self, content_type: &str, body: &[u8]) {
        write_header("Content-Type", content_type.as_bytes(), self.out);
        self.bare_body(body);
    }

    /// Ends the reply with this value as JSON.
    pub fn json(&mut self, value: &impl Serialize) {
        let body = serde_json::to_vec(value).expect("a reply's value has string keys");
        self.body("application/json", &body);
    }

    /// Ends the reply without a body.
    pub fn empty(&mut self) {
        self.bare_body(b"");
    }

    /// Sends a whole reply of status 200 that was rendered before, but for its date.
    pub fn prepared(&mut self, prepared: &Prepared) {
        assert!(self.frame.stage == Stage::Nothing, "a reply has one status");
        if self.frame.connection == Connection::Close || self.frame.version == Version::Http10 {
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
    pub(super) fn problem(&mut self, problem: &Problem, occurrence: &Occurrence<'_>) {
        if problem.status == 500 {
            log_internal(problem, occurrence);
        }
        self.out.truncate(self.frame.start);
        self.frame.stage = Stage::Nothing;
        if problem.connection == Afterwards::Close {
            self.frame.connection = Connection::Close;
        }
        self.status(problem.status);
        for (name, value) in &problem.headers {
            self.header(name, value);
        }
        let (content_type, body) = problem.document(occurrence);
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
        let framing: &[u8] = match self.frame.version {
            Version::Http10 => b"\r\n",
            Version::Http11 => b"Transfer-Encoding: chunked\r\n\r\n",
        };
        self.out.extend_from_slice(framing);
        self.frame.stage = Stage::Streaming;
    }

    fn bare_body(&mut self, body: &[u8]) {
        assert!(
            self.frame.stage == Stage::Head,
            "the status comes first, and the body once"
        );
        self.frame.stage = Stage::Whole;
        if has_no_body(self.frame.status) {
            debug_assert!(body.is_empty(), "status {} has no body", self.frame.status);
            self.out.extend_from_slice(b"\r\n");
            return;
        }
        self.out.extend_from_slice(b"Content-Length: ");
        write_decimal(body.len() as u64, self.out);
        self.out.extend_from_slice(b"\r\n\r\n");
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
        self.bytes.extend_from_slice(b"\r\nContent-Type: ");
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
fn log_internal(problem: &Problem, occurrence: &Occurrence<'_>) {
    let path = String::from_utf8_lossy(occurrence.path.unwrap_or_default());
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

fn is_line_breaking(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0)
}

/// Where a prepared reply has its date.
const DATE_OFFSET: usize = b"HTTP/1.1 200 OK\r\nDate: ".len();

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: [u8; 29] = *b"Sun, 06 Nov 1994 08:49:37 GMT";

    fn written(
        connection: Connection,
        content: Content,
        write: impl FnOnce(&mut Reply<'_>),
    ) -> String {
        let mut out = Vec::new();
        let mut frame = Frame::new(Version::Http11, connection, content);
        let mut reply = Reply::new(&mut out, &mut frame, DATE);
        write(&mut reply);
        reply.finish();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_reply_has_date_type_and_length() {
        let text = written(Connection::KeepAlive, Content::Sent, |reply| {
            reply
                .status(200)
                .header("X-One", "1")
                .lines(b"X-Two: 2\r\nX-Three: 3\r\n")
                .body("text/plain", b"hello");
        });
        assert_eq!(
            text,
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nX-One: 1\r\n\
             X-Two: 2\r\nX-Three: 3\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
        );
    }

    #[test]
    fn head_describes_the_body_that_get_would_have() {
        let text = written(Connection::Close, Content::Described, |reply| {
            reply.status(200).body("text/plain", b"hello");
        });
        assert!(text.contains("Connection: close\r\n"));
        assert!(text.ends_with("Content-Length: 5\r\n\r\n"));
    }

    #[test]
    fn a_status_without_a_body_has_no_length() {
        let text = written(Connection::KeepAlive, Content::Sent, |_| {});
        assert!(text.starts_with("HTTP/1.1 204 No Content\r\n"));
        assert!(!text.contains("Content-Length"));
    }

    #[test]
    fn a_problem_replaces_what_was_written() {
        let text = written(Connection::KeepAlive, Content::Sent, |reply| {
            reply.status(200).header("X-One", "1");
            let problem = Problem::new(404, "").header("X-Two", "2").closing();
            reply.problem(&problem, &Occurrence::default());
        });
        assert!(text.starts_with("HTTP/1.1 404 Not Found\r\n"));
        assert!(text.contains("Connection: close\r\nX-Two: 2\r\n") && !text.contains("X-One"));
    }

    #[test]
    fn values_cannot_break_a_line() {
        let text = written(Connection::KeepAlive, Content::Sent, |reply| {
            reply
                .status(200)
                .header("Location", "/a\r\nSet-Cookie: x=1\0")
                .empty();
        });
        assert!(text.contains("Location: /a  Set-Cookie: x=1 \r\n"));
    }

    #[test]
    fn a_prepared_reply_equals_one_that_is_written() {
        let mut prepared = Prepared::default();
        prepared.render("text/plain", b"first");
        prepared.render("text/plain", b"hello");
        for connection in [Connection::KeepAlive, Connection::Close] {
            for content in [Content::Sent, Content::Described] {
                let text = written(connection, content, |reply| reply.prepared(&prepared));
                let expected = written(connection, content, |reply| {
                    reply.status(200).body("text/plain", b"hello");
                });
                assert_eq!(text, expected);
            }
        }
    }

    #[test]
    fn decimals_of_every_length() {
        for number in [0, 9, 10, 99, 100, 12_345, u64::MAX] {
            let mut out = Vec::new();
            write_decimal(number, &mut out);
            assert_eq!(out, number.to_string().into_bytes());
        }
    }
}
