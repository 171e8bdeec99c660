//! Problem documents (RFC 9457): what a client is told when a request fails.

use std::borrow::Cow;

use serde::Serialize;

use crate::json::Fault;
use crate::telemetry::trace_id::TraceId;

use super::status::reason;

/// A failed request. `title` says what kind of thing went wrong, `detail` what it was this time;
/// `code` is for programs, and `faults` lists every part of the request at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// What a program tells this problem by; one of the status unless it has its own.
    pub code: &'static str,
    /// What the reader can do about it; empty where the title says all. Of a problem of status
    /// 500 it goes to the log, and no client sees it.
    pub detail: String,
    /// The parts of the request at fault.
    pub faults: Vec<FieldFault>,
    /// Headers that go with the status, such as `Allow` or `Retry-After`.
    pub headers: Vec<(&'static str, String)>,
    /// Whether the connection can serve another request.
    pub connection: Afterwards,
    /// A body in another form than a problem document, for protocols that define one.
    pub body: Option<Box<(&'static str, Vec<u8>)>>,
}

/// One part of a request at fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldFault {
    /// The value as a JSON Pointer (RFC 6901) into the body; a parameter of the query is pointed
    /// at as if the query were an object.
    pub pointer: String,
    /// What a program tells this fault by.
    pub code: &'static str,
    /// What is wrong with it.
    pub detail: Cow<'static, str>,
}

/// What became of a connection after a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// It may serve another request.
    Keep,
    /// It is closed, because where the next request begins is in doubt.
    Close,
}

/// A rate that was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateExceeded {
    /// Hits of a window.
    pub limit: u32,
    /// The window.
    pub window_ms: u32,
    /// When the next hit is allowed.
    pub retry_after_ms: u64,
}

/// Which request failed, as far as that is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Occurrence<'o> {
    /// The path of its target.
    pub path: Option<&'o [u8]>,
    /// The trace that it belongs to.
    pub trace: Option<TraceId>,
}

impl Problem {
    /// A problem of this status.
    pub fn new(status: u16, detail: impl Into<String>) -> Problem {
        Problem {
            status,
            code: code_of(status),
            detail: detail.into(),
            faults: Vec::new(),
            headers: Vec::new(),
            connection: Afterwards::Keep,
            body: None,
        }
    }

    /// A request whose values are at fault; the faults are to be added.
    pub fn invalid() -> Problem {
        Problem::new(422, "Some values of the request are not acceptable.")
    }

    /// Too many requests, with what a client needs to come again in time.
    pub fn limited(detail: impl Into<String>, exceeded: RateExceeded) -> Problem {
        let seconds = exceeded.retry_after_ms.div_ceil(1000).max(1).to_string();
        let window_seconds = exceeded.window_ms.div_ceil(1000);
        Problem::new(429, detail)
            .header("Retry-After", seconds.clone())
            .header("RateLimit-Limit", exceeded.limit.to_string())
            .header("RateLimit-Remaining", "0")
            .header("RateLimit-Reset", seconds)
            .header(
                "RateLimit-Policy",
                format!("{};w={window_seconds}", exceeded.limit),
            )
    }

    /// Sets what a program tells this problem by.
    pub fn code(mut self, code: &'static str) -> Problem {
        self.code = code;
        self
    }

    /// Adds a part of the request at fault; see [`pointer()`].
    pub fn fault(
        mut self,
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Problem {
        self.faults.push(FieldFault {
            pointer: pointer.into(),
            code,
            detail: detail.into(),
        });
        self
    }

    /// Adds every fault that was found in the request's values.
    pub fn faults(self, faults: impl IntoIterator<Item = Fault>) -> Problem {
        faults.into_iter().fold(self, |problem, fault| {
            problem.fault(fault.pointer, fault.code, fault.detail)
        })
    }

    /// Adds a header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Problem {
        self.headers.push((name, value.into()));
        self
    }

    /// Closes the connection after the reply.
    pub fn closing(mut self) -> Problem {
        self.connection = Afterwards::Close;
        self
    }

    /// Replies with this body instead of a problem document.
    pub fn with_body(mut self, content_type: &'static str, body: impl Into<Vec<u8>>) -> Problem {
        self.body = Some(Box::new((content_type, body.into())));
        self
    }

    /// The media type and bytes of the reply.
    pub fn document(&self, occurrence: &Occurrence<'_>) -> (&'static str, Vec<u8>) {
        if let Some((content_type, body)) = self.body.as_deref() {
            return (content_type, body.clone());
        }
        let trace = occurrence.trace.map(TraceId::to_hex);
        let document = Document {
            kind: "about:blank",
            title: reason(self.status),
            status: self.status,
            detail: self.told_detail(),
            instance: occurrence.path.and_then(|path| str::from_utf8(path).ok()),
            code: self.code,
            trace_id: trace
                .as_ref()
                .map(|hex| str::from_utf8(hex).expect("hexadecimal digits are ASCII")),
            errors: &self.faults,
        };
        let body = serde_json::to_vec(&document).expect("strings and numbers are JSON");
        (PROBLEM_JSON, body)
    }

    /// The media type and bytes of the reply for npm's clients, which show `error` and read
    /// `reason` where there is more to say. Faults of values stand in the error, for people, and in
    /// `errors` as other doors have them, for programs.
    pub fn registry_body(&self) -> (&'static str, Vec<u8>) {
        if let Some((content_type, body)) = self.body.as_deref() {
            return (content_type, body.clone());
        }
        let told = match self.told_detail() {
            "" => reason(self.status),
            detail => detail,
        };
        let faults = self.faults.iter();
        let faults: String = faults
            .map(|fault| format!(" {}: {}.", fault.pointer, fault.detail))
            .collect();
        let told = format!("{told}{faults}");
        let mut body = serde_json::json!({ "error": told, "reason": self.code });
        if !self.faults.is_empty() {
            body["errors"] = serde_json::json!(self.faults);
        }
        (JSON, body.to_string().into_bytes())
    }

    /// What a client may read.
    fn told_detail(&self) -> &str {
        match self.status {
            500 => "The server failed to answer this request.",
            _ => &self.detail,
        }
    }
}

/// The JSON Pointer of a member of the outermost object.
pub fn pointer(name: &str) -> String {
    let mut pointer = String::with_capacity(name.len() + 1);
    pointer.push('/');
    for character in name.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            _ => pointer.push(character),
        }
    }
    pointer
}

/// The code of a problem that has none of its own.
fn code_of(status: u16) -> &'static str {
    match status {
        400 => "malformed",
        401 => "unauthenticated",
        403 => "forbidden",
        404 => "not_found",
        405 => "method_not_allowed",
        406 => "not_acceptable",
        408 => "timeout",
        409 => "conflict",
        410 => "gone",
        411 => "length_required",
        412 => "precondition_failed",
        413 => "too_large",
        414 => "target_too_long",
        415 => "unsupported_media_type",
        417 => "expectation_failed",
        421 => "misdirected",
        422 => "validation_failed",
        426 => "upgrade_required",
        428 => "precondition_required",
        429 => "rate_limited",
        431 => "headers_too_large",
        500 => "internal",
        501 => "not_implemented",
        502 => "bad_gateway",
        503 => "unavailable",
        504 => "gateway_timeout",
        505 => "version_not_supported",
        507 => "out_of_storage",
        508 => "loop",
        _ => "failed",
    }
}

const JSON: &str = "application/json";
/// The media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

#[derive(Serialize)]
struct Document<'p> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'p str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'p str>,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'p str>,
    #[serde(skip_serializing_if = "<[FieldFault]>::is_empty")]
    errors: &'p [FieldFault],
}

#[cfg(test)]
mod tests {
    use crate::telemetry::trace_id::TraceParent;

    use super::*;

    fn json_of(problem: &Problem, occurrence: &Occurrence<'_>) -> serde_json::Value {
        let (content_type, body) = problem.document(occurrence);
        assert_eq!(content_type, "application/problem+json");
        serde_json::from_slice(&body).unwrap()
    }

    #[test]
    fn a_document_names_every_part_at_fault() {
        let problem = Problem::new(422, "Two fields are out of range.")
            .fault("/rows", "range", "must be 1 to 255")
            .fault(pointer("a/b~c"), "unknown", "is not known");
        let json = json_of(&problem, &Occurrence::default());
        assert_eq!(json["type"], "about:blank");
        assert_eq!(json["title"], "Unprocessable Content");
        assert_eq!(
            (&json["status"], &json["code"]),
            (&422.into(), &"validation_failed".into())
        );
        assert_eq!(json["errors"][0]["code"], "range");
        assert_eq!(json["errors"][0]["detail"], "must be 1 to 255");
        assert_eq!(json["errors"][1]["pointer"], "/a~1b~0c");
    }

    #[test]
    fn a_document_says_which_request_failed() {
        let header = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let occurrence = Occurrence {
            path: Some(b"/api/v1/products/7"),
            trace: TraceParent::parse(header).map(|parent| parent.trace),
        };
        let json = json_of(&Problem::new(409, "").code("out_of_stock"), &occurrence);
        assert_eq!(json["instance"], "/api/v1/products/7");
        assert_eq!(json["trace_id"], "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(json["code"], "out_of_stock");
    }

    #[test]
    fn what_went_wrong_inside_is_not_told() {
        let problem = Problem::new(500, "disk I/O error in /var/lib/thirteen/commerce.db");
        let json = json_of(&problem, &Occurrence::default());
        assert_eq!(json["detail"], "The server failed to answer this request.");
        assert_eq!(json["code"], "internal");
    }

    #[test]
    fn who_comes_too_often_is_told_when_to_come_again() {
        let problem = Problem::limited(
            "Too many.",
            RateExceeded {
                limit: 5,
                window_ms: 15_000,
                retry_after_ms: 1,
            },
        );
        assert_eq!((problem.status, problem.code), (429, "rate_limited"));
        let told = problem
            .headers
            .iter()
            .map(|(name, value)| (*name, &**value));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                ("Retry-After", "1"),
                ("RateLimit-Limit", "5"),
                ("RateLimit-Remaining", "0"),
                ("RateLimit-Reset", "1"),
                ("RateLimit-Policy", "5;w=15"),
            ]
        );
    }

    #[test]
    fn empty_parts_are_left_out() {
        let (_, body) = Problem::new(404, "").document(&Occurrence::default());
        assert_eq!(
            String::from_utf8(body).unwrap(),
            r#"{"type":"about:blank","title":"Not Found","status":404,"code":"not_found"}"#
        );
    }

    #[test]
    fn every_status_that_fails_has_a_code_of_its_own() {
        let failures = (400..600).filter(|status| !reason(*status).is_empty());
        let mut codes: Vec<&str> = failures.map(code_of).collect();
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count);
        assert!(!codes.contains(&"failed"), "{codes:?}");
    }
}
