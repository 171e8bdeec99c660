//! Access log lines: which requests get one, and what it tells.

use std::borrow::Cow;
use std::cell::Cell;
use std::net::SocketAddr;

use tracing::Level;

use super::super::trace_id::{TraceId, hex};
use super::line::Line;
use super::writer::Sink;

/// Which requests get a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessPolicy {
    /// None.
    #[default]
    Off,
    /// One in a hundred, and each that a fault of ours ended (5xx).
    Sampled,
    /// Each.
    Full,
}

/// One shard's access lines.
pub struct AccessLines {
    policy: AccessPolicy,
    sink: Sink,
    until_next: Cell<u32>,
}

/// A request and its reply, as the line tells it.
#[derive(Clone, Copy, Debug)]
pub struct AccessEntry<'r> {
    /// When the reply was ready.
    pub unix_ms: u64,
    /// `api`, `ops` or `registry`.
    pub door: &'static str,
    /// As it came.
    pub method: &'r [u8],
    /// The route's template, by which secrets in the path are known.
    pub route: &'static str,
    /// As it came, without the query: queries carry signatures and tokens.
    pub path: &'r [u8],
    /// The status sent.
    pub status: u16,
    /// Bytes of the reply, its head included.
    pub reply_bytes: u64,
    /// What the shard recorded.
    pub nanoseconds: u64,
    /// Who asked.
    pub peer: SocketAddr,
    /// The trace.
    pub trace: TraceId,
    /// X-Quantum-Id.
    pub quantum_id: &'r str,
    /// X-Bun-Request-ID, where there is one.
    pub request_id: Option<u64>,
}

impl AccessLines {
    /// The lines of one shard.
    pub fn new(policy: AccessPolicy, sink: Sink) -> AccessLines {
        AccessLines {
            policy,
            sink,
            until_next: Cell::new(0),
        }
    }

    /// Writes the line if the policy wants it.
    #[inline]
    pub fn record(&self, entry: &AccessEntry<'_>) {
        let wanted = match self.policy {
            AccessPolicy::Off => false,
            AccessPolicy::Sampled => self.is_next() || entry.status >= 500,
            AccessPolicy::Full => true,
        };
        if wanted {
            self.write(entry);
        }
    }

    fn is_next(&self) -> bool {
        let until_next = self.until_next.get();
        self.until_next
            .set(until_next.checked_sub(1).unwrap_or(SAMPLING_INTERVAL - 1));
        until_next == 0
    }

    #[cold]
    fn write(&self, entry: &AccessEntry<'_>) {
        let mut line = Line::new();
        line.message("request");
        line.text("door", entry.door);
        line.text("method", String::from_utf8_lossy(entry.method));
        line.text("route", entry.route);
        line.text("path", without_secrets(entry.route, entry.path));
        line.integer("status", entry.status);
        line.integer("reply_bytes", entry.reply_bytes);
        line.integer("duration_ns", entry.nanoseconds);
        line.text("peer", entry.peer);
        line.text("trace_id", format_args!("{:?}", entry.trace));
        line.text("quantum_id", entry.quantum_id);
        if let Some(request_id) = entry.request_id {
            line.text("request_id", String::from_utf8_lossy(&hex(request_id)));
        }
        let framing = self.sink.framing();
        self.sink
            .send(line.finish(framing, Level::INFO, "access", entry.unix_ms));
    }
}

const SAMPLING_INTERVAL: u32 = 100;

/// Parameters of templates that are secrets themselves.
const SECRET_PARAMETERS: [&str; 5] = [":token", ":secret", ":signature", ":code", ":password"];

/// The path with the segments hidden that stand where the template names a secret. Where no
/// template is known, as of a URL with a slash too many, those that could be one.
pub fn without_secrets<'p>(route: &str, path: &'p [u8]) -> Cow<'p, str> {
    let path = String::from_utf8_lossy(path);
    let is_known = route.starts_with('/');
    let has_secrets = SECRET_PARAMETERS
        .iter()
        .any(|parameter| route.contains(parameter));
    if is_known && !has_secrets {
        return path;
    }
    let templates = route.split('/').map(Some).chain(std::iter::repeat(None));
    let segments = path.split('/').zip(templates);
    let shown = segments.map(|(segment, template)| {
        let is_secret = match template {
            Some(template) if is_known => SECRET_PARAMETERS.contains(&template),
            Some(_) | None => !is_known && could_be_secret(segment),
        };
        if is_secret { "[hidden]" } else { segment }
    });
    Cow::Owned(shown.collect::<Vec<_>>().join("/"))
}

/// Whether a segment is as long as the shortest secret, and holds nothing that none has. What is
/// escaped counts: any character can be.
fn could_be_secret(segment: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_%".contains(&byte);
    segment.len() >= SECRET_CHARACTERS_MIN && segment.bytes().all(is_plain)
}

/// As an access token of a registry has them; the secrets of logins have more.
const SECRET_CHARACTERS_MIN: usize = 40;

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::super::trace_id::TraceParent;
    use super::super::line::Framing;
    use super::super::writer::tests::Capture;
    use super::*;

    fn entry() -> AccessEntry<'static> {
        let example = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        AccessEntry {
            unix_ms: 1_700_000_000_000,
            door: "api",
            method: b"GET",
            route: "/api/items/:id",
            path: b"/api/items/7\n\xff",
            status: 200,
            reply_bytes: 42,
            nanoseconds: 1500,
            peer: SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9),
            trace: TraceParent::parse(example).unwrap().trace,
            quantum_id: "job-7",
            request_id: Some(0xff),
        }
    }

    fn lines(policy: AccessPolicy, entries: impl Iterator<Item = u16>) -> Vec<Value> {
        let capture = Capture::default();
        let sink = Sink::start(capture.clone(), Framing::Plain).unwrap();
        let log = AccessLines::new(policy, sink.clone());
        for status in entries {
            log.record(&AccessEntry { status, ..entry() });
        }
        sink.flush().unwrap();
        capture
            .text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_line_tells_the_request() {
        let lines = lines(AccessPolicy::Full, [200].into_iter());
        let line = &lines[0];
        assert_eq!(line["component"], "access");
        assert_eq!(line["route"], "/api/items/:id");
        assert_eq!(line["path"], "/api/items/7\n\u{fffd}");
        assert_eq!(line["status"], 200);
        assert_eq!(line["reply_bytes"], 42);
        assert_eq!(line["duration_ns"], 1500);
        assert_eq!(line["peer"], "127.0.0.1:9");
        assert_eq!(line["request_id"], "00000000000000ff");
        assert_eq!(line["trace_id"], "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(line["quantum_id"], "job-7");
    }

    #[test]
    fn policies() {
        let statuses = || (0..1000).map(|round| if round == 555 { 503 } else { 200 });
        assert_eq!(lines(AccessPolicy::Off, statuses()).len(), 0);
        assert_eq!(lines(AccessPolicy::Full, statuses()).len(), 1000);
        let sampled = lines(AccessPolicy::Sampled, statuses());
        assert_eq!(sampled.len(), 11);
        assert!(sampled.iter().any(|line| line["status"] == 503));
    }

    #[test]
    fn secrets_in_paths_are_hidden() {
        for (route, path, expected) in [
            (
                "/-/user/token/:token",
                "/-/user/token/npm_abc",
                "/-/user/token/[hidden]",
            ),
            ("/reset/:code/:step", "/reset/123/4", "/reset/[hidden]/4"),
            ("/reset/:code", "/reset/123/more", "/reset/[hidden]/more"),
            ("/api/items/:id", "/api/items/7", "/api/items/7"),
            ("unmatched", "/anything", "/anything"),
            (
                "",
                "/-/done/npm_0123456789abcdef0123456789abcdef0123/",
                "/-/done/[hidden]/",
            ),
            (
                "/:@package",
                "/a-name-of-forty-characters-is-no-secret-at-all",
                "/a-name-of-forty-characters-is-no-secret-at-all",
            ),
        ] {
            assert_eq!(without_secrets(route, path.as_bytes()), expected);
        }
    }
}
