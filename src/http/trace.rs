//! Which request this is: the W3C trace and the `X-Quantum-Id` that it came with or was given.

use std::fmt;

use thirteen_kernels::http::Head;

use crate::telemetry::trace_id::{IdSource, TRACEPARENT_BYTES, TraceParent, hex};

/// The ids of a request. Replies echo them, logs and problem documents tell them, and what the
/// server asks of others on behalf of the request passes them on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// The trace, and the step that asks: the client's, or one of ours where it sent none.
    pub parent: TraceParent,
    /// `X-Quantum-Id`.
    pub quantum_id: QuantumId,
    /// `X-Bun-Request-ID`, where it was made here.
    pub request_id: Option<u64>,
    /// Whether the client sent any of the first two.
    pub came: Came,
}

/// Whose ids they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// The client sent at least one of them.
    Sent,
    /// They were all made here.
    Made,
}

/// The value of `X-Quantum-Id`: up to [`QUANTUM_ID_BYTES_MAX`] letters, digits, `-`, `_`, `.`
/// and `:`. An id that is made has 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct QuantumId {
    bytes: [u8; QUANTUM_ID_BYTES_MAX],
    length: u8,
}

impl Trace {
    /// The ids of a request without any.
    #[inline]
    pub fn made(ids: &mut IdSource) -> Trace {
        Trace {
            parent: ids.trace_parent(),
            quantum_id: QuantumId::of_number(ids.request_id()),
            request_id: None,
            came: Came::Made,
        }
    }

    /// The ids of a request from the values of its two headers. One that is not what it should
    /// be counts as not sent.
    #[inline]
    pub(super) fn of(sent: SentIds<'_>, ids: &mut IdSource) -> Trace {
        let mut trace = Trace::made(ids);
        if let Some(parent) = sent.traceparent.and_then(TraceParent::parse) {
            (trace.parent, trace.came) = (parent, Came::Sent);
        }
        if let Some(quantum_id) = sent.quantum_id.and_then(QuantumId::read) {
            (trace.quantum_id, trace.came) = (quantum_id, Came::Sent);
        }
        trace
    }

    /// Writes the two header lines.
    #[inline]
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut lines = *LINES;
        lines[13..13 + TRACEPARENT_BYTES].copy_from_slice(&self.parent.to_header());
        let end = LINES.len() + usize::from(self.quantum_id.length);
        let mut buffer = [0; LINES.len() + QUANTUM_ID_BYTES_MAX + 2];
        buffer[..LINES.len()].copy_from_slice(&lines);
        buffer[LINES.len()..][..QUANTUM_ID_BYTES_MAX].copy_from_slice(&self.quantum_id.bytes);
        buffer[end..end + 2].copy_from_slice(b"\r\n");
        out.extend_from_slice(&buffer[..end + 2]);
    }
}

impl QuantumId {
    /// Reads an id as a client sent it.
    pub fn read(text: &[u8]) -> Option<QuantumId> {
        let is_id = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
        if text.is_empty() || text.len() > QUANTUM_ID_BYTES_MAX || !text.iter().all(is_id) {
            return None;
        }
        let mut bytes = [0; QUANTUM_ID_BYTES_MAX];
        bytes[..text.len()].copy_from_slice(text);
        Some(QuantumId {
            bytes,
            length: text.len() as u8,
        })
    }

    #[inline]
    fn of_number(number: u64) -> QuantumId {
        let mut bytes = [0; QUANTUM_ID_BYTES_MAX];
        bytes[..16].copy_from_slice(&hex(number));
        QuantumId { bytes, length: 16 }
    }

    /// As it is sent.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..usize::from(self.length)]).expect("ids are ASCII")
    }
}

/// The values of the headers that name a request, as they came.
#[derive(Clone, Copy, Default)]
pub(super) struct SentIds<'h> {
    pub(super) traceparent: Option<&'h [u8]>,
    pub(super) quantum_id: Option<&'h [u8]>,
    pub(super) request_id: Option<&'h [u8]>,
}

impl<'h> SentIds<'h> {
    /// Finds them, and the `Origin` on the way. Of repeated ones the first counts.
    #[inline]
    pub(super) fn find(head: &Head<'h>) -> (SentIds<'h>, Option<&'h [u8]>) {
        let (mut sent, mut origin) = (SentIds::default(), None);
        for (name, value) in head.headers() {
            let place = match name.len() {
                6 if name.eq_ignore_ascii_case(b"origin") => &mut origin,
                11 if name.eq_ignore_ascii_case(b"traceparent") => &mut sent.traceparent,
                16 if name.eq_ignore_ascii_case(b"x-bun-request-id") => &mut sent.request_id,
                12 if name.eq_ignore_ascii_case(b"x-quantum-id") => &mut sent.quantum_id,
                _ => continue,
            };
            place.get_or_insert(value);
        }
        (sent, origin)
    }
}

impl fmt::Debug for QuantumId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} {:?}", self.parent.trace, self.quantum_id)
    }
}

const LINES: &[u8; 13 + TRACEPARENT_BYTES + 16] =
    b"traceparent: ttttttttttttttttttttttttttttttttttttttttttttttttttttttt\r\nX-Quantum-Id: ";

/// The longest `X-Quantum-Id` that is taken.
pub const QUANTUM_ID_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &[u8] = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn lines(sent: SentIds<'_>) -> (Came, String) {
        let trace = Trace::of(sent, &mut IdSource::from_seed([7; 32]));
        let mut out = Vec::new();
        trace.write(&mut out);
        (trace.came, String::from_utf8(out).unwrap())
    }

    #[test]
    fn what_was_sent_is_echoed() {
        let longest = "a".repeat(QUANTUM_ID_BYTES_MAX);
        let sent = SentIds {
            traceparent: Some(EXAMPLE),
            quantum_id: Some(longest.as_bytes()),
            ..SentIds::default()
        };
        let (came, text) = lines(sent);
        let expected = format!(
            "traceparent: {}\r\nX-Quantum-Id: {longest}\r\n",
            str::from_utf8(EXAMPLE).unwrap()
        );
        assert_eq!((came, text), (Came::Sent, expected));
    }

    #[test]
    fn what_was_not_sent_is_made() {
        let (came, text) = lines(SentIds::default());
        assert_eq!(came, Came::Made);
        let mut lines = text.split("\r\n");
        let parent = lines.next().unwrap().strip_prefix("traceparent: ").unwrap();
        assert!(TraceParent::parse(parent.as_bytes()).is_some());
        let id = lines
            .next()
            .unwrap()
            .strip_prefix("X-Quantum-Id: ")
            .unwrap();
        assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(lines.collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn what_is_no_id_counts_as_not_sent() {
        let too_long = "a".repeat(QUANTUM_ID_BYTES_MAX + 1);
        for text in ["", "a b", "a\u{e9}", "<b>", "a,b", &too_long] {
            assert_eq!(QuantumId::read(text.as_bytes()), None, "{text}");
        }
        let sent = SentIds {
            traceparent: Some(b"00-no"),
            quantum_id: Some(b"job:7.a_b-C"),
            ..SentIds::default()
        };
        let (came, text) = lines(sent);
        assert_eq!(came, Came::Sent);
        assert!(
            text.ends_with("\r\nX-Quantum-Id: job:7.a_b-C\r\n"),
            "{text}"
        );
    }
}
