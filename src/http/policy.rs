//! What every reply of a door says besides its own: security headers, and to whom its pages
//! belong (CORS, the Fetch standard).

use thirteen_kernels::config::headers::Header;

/// What a door says of every reply.
#[derive(Clone, Debug)]
pub struct DoorPolicy {
    /// Header lines, each with its CRLF.
    pub security: &'static [u8],
    /// The pages of other origins that may read replies.
    pub cors: CorsPolicy,
    /// How a request that failed is told so.
    pub problems: ProblemForm,
    /// What becomes of a client's `X-Bun-Request-ID`.
    pub request_ids: RequestIds,
}

/// What becomes of a client's `X-Bun-Request-ID`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequestIds {
    /// The handlers that know of it say so themselves.
    #[default]
    Unheard,
    /// Every reply has it.
    Echoed,
}

/// The form of the body that tells of a problem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProblemForm {
    /// A problem document (RFC 9457).
    #[default]
    Document,
    /// `{"error","reason"}`, as npm's clients read it.
    Registry,
}

/// The origins whose pages may read a door's replies, with the visitor's cookies.
#[derive(Clone, Debug, Default)]
pub struct CorsPolicy {
    allowed: Vec<AllowedOrigin>,
    allow_headers: String,
}

#[derive(Clone, Debug)]
struct AllowedOrigin {
    origin: Vec<u8>,
    lines: Vec<u8>,
}

/// What a door says to the origin of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Welcome<'p> {
    /// Nothing: the door has no list, and replies do not depend on the origin.
    Unasked,
    /// Nothing, but another origin would be told more.
    None,
    /// These lines.
    Lines(&'p [u8]),
}

impl Default for DoorPolicy {
    fn default() -> DoorPolicy {
        DoorPolicy {
            security: API_SECURITY,
            cors: CorsPolicy::default(),
            problems: ProblemForm::default(),
            request_ids: RequestIds::default(),
        }
    }
}

impl CorsPolicy {
    /// Lets in these origins, each as a browser writes it: `https://shop.example`.
    pub fn new<E: AsRef<str>>(origins: impl IntoIterator<Item = E>) -> CorsPolicy {
        let allowed = origins.into_iter().map(|origin| {
            let origin = origin.as_ref();
            let lines = format!(
                "Access-Control-Allow-Origin: {origin}\r\n\
                 Access-Control-Allow-Credentials: true\r\n\
                 Access-Control-Expose-Headers: {EXPOSED_HEADERS}\r\n"
            );
            AllowedOrigin {
                origin: origin.as_bytes().to_vec(),
                lines: lines.into_bytes(),
            }
        });
        let ours = Header::ALL.into_iter().map(Header::as_str);
        let names: Vec<&str> = ALLOWED_HEADERS.into_iter().chain(ours).collect();
        CorsPolicy {
            allowed: allowed.collect(),
            allow_headers: names.join(", "),
        }
    }

    /// Whether pages of this origin may read replies; the comparison is by bytes, as browsers
    /// send origins in one form only (RFC 6454, section 6.2).
    pub fn allows(&self, origin: &[u8]) -> bool {
        self.allowed.iter().any(|allowed| allowed.origin == origin)
    }

    /// What to say to the origin of a request.
    #[inline]
    pub(super) fn welcome(&self, origin: Option<&[u8]>) -> Welcome<'_> {
        if self.allowed.is_empty() {
            return Welcome::Unasked;
        }
        let known = |allowed: &&AllowedOrigin| Some(&*allowed.origin) == origin;
        match self.allowed.iter().find(known) {
            Some(allowed) => Welcome::Lines(&allowed.lines),
            None => Welcome::None,
        }
    }

    /// The headers that a request of another origin may have.
    pub(super) fn allow_headers(&self) -> &str {
        &self.allow_headers
    }
}

/// Of replies that no browser shows as a page.
pub const API_SECURITY: &[u8] = b"\
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n\
    X-Content-Type-Options: nosniff\r\n\
    X-Frame-Options: DENY\r\n\
    Referrer-Policy: no-referrer\r\n";

/// Of the ops and the registry door, which have pages: these take scripts, styles, pictures and
/// data of their own door alone, and no script or style stands in a page.
pub const PAGES_SECURITY: &[u8] = b"\
    Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'\r\n\
    X-Content-Type-Options: nosniff\r\n\
    X-Frame-Options: DENY\r\n\
    Referrer-Policy: no-referrer\r\n";

/// Of a picture that has its own script and style in it and may ask for nothing: a flamegraph.
pub const PICTURE_SECURITY: &[u8] = b"\
    Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; \
    style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox allow-scripts\r\n\
    X-Content-Type-Options: nosniff\r\n\
    X-Frame-Options: DENY\r\n\
    Referrer-Policy: no-referrer\r\n";

/// Headers of replies that scripts of other origins may read, besides those that all may.
const EXPOSED_HEADERS: &str = "ETag, Link, Location, RateLimit-Limit, RateLimit-Remaining, \
    RateLimit-Reset, RateLimit-Policy, Retry-After, Idempotent-Replayed, traceparent, X-Quantum-Id";

/// Headers of requests that scripts of other origins may set; with `X-Bun-*` by name, since `*`
/// does not count where there are credentials.
const ALLOWED_HEADERS: [&str; 8] = [
    "Authorization",
    "Content-Type",
    "If-Match",
    "If-None-Match",
    "Idempotency-Key",
    "X-CSRF-Token",
    "traceparent",
    "X-Quantum-Id",
];

/// For how long a browser keeps the answer to a preflight: the longest that Chromium keeps it.
pub(super) const PREFLIGHT_SECONDS: &str = "7200";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_known_by_its_bytes() {
        let policy = CorsPolicy::new(["https://shop.example", "http://localhost:8080"]);
        for origin in ["https://shop.example", "http://localhost:8080"] {
            assert!(policy.allows(origin.as_bytes()));
            let Welcome::Lines(lines) = policy.welcome(Some(origin.as_bytes())) else {
                panic!("{origin} is in the list");
            };
            let expected = format!("Access-Control-Allow-Origin: {origin}\r\n");
            assert!(lines.starts_with(expected.as_bytes()) && lines.ends_with(b"\r\n"));
        }
        for origin in [
            "https://shop.example.evil",
            "https://shop.exampl",
            "http://shop.example",
            "https://shop.example:443",
            "HTTPS://shop.example",
            "null",
            "*",
            "",
        ] {
            assert!(!policy.allows(origin.as_bytes()), "{origin}");
            assert_eq!(policy.welcome(Some(origin.as_bytes())), Welcome::None);
        }
        assert_eq!(policy.welcome(None), Welcome::None);
        assert_eq!(CorsPolicy::default().welcome(Some(b"x")), Welcome::Unasked);
    }

    #[test]
    fn requests_may_have_the_headers_of_the_protocol() {
        let policy = CorsPolicy::new(["https://shop.example"]);
        let names: Vec<&str> = policy.allow_headers().split(", ").collect();
        for name in ["Authorization", "Idempotency-Key", "X-Bun-Domain-Hash"] {
            assert!(names.contains(&name), "{names:?}");
        }
    }

    #[test]
    fn every_block_is_lines() {
        for block in [API_SECURITY, PAGES_SECURITY, PICTURE_SECURITY] {
            let text = str::from_utf8(block).unwrap();
            assert!(text.ends_with("\r\n"));
            for line in text.trim_end().split("\r\n") {
                let (name, value) = line.split_once(": ").unwrap();
                assert!(!name.contains(' ') && !value.contains("  "), "{line}");
            }
        }
    }
}
