//! Forged requests: a browser sends our cookies with requests that other sites make it send.
//!
//! A request that is authenticated by a cookie and changes something has to show that a page of
//! ours sent it: by `Sec-Fetch-Site`, which no page can set; by an `Origin` that is ours or is
//! listed; or by bringing the value of the csrf cookie in a header as well, which a page of another
//! site can neither read nor set. That value is derived from the session, so that a cookie which
//! somebody planted is of no use.

use thirteen_kernels::http::Method;

use super::cookies::{Channel, Cookie};
use super::is_equal;
use crate::http::websocket::{OriginPolicy, UpgradeRequest};
use crate::http::{Problem, Request};

/// What a request says of where it comes from.
#[derive(Clone, Copy, Debug)]
struct Evidence<'r> {
    fetch_site: Option<&'r [u8]>,
    origin: OriginVerdict,
    cookie: Option<&'r [u8]>,
    header: Option<&'r [u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OriginVerdict {
    Absent,
    Allowed,
    Foreign,
}

/// Lets a request pass that cannot be forged; `token` is the session's.
pub fn check(
    request: &Request<'_>,
    channel: Channel,
    origins: &OriginPolicy,
    token: &str,
) -> Result<(), Problem> {
    if is_safe(request.method()) {
        return Ok(());
    }
    let is_allowed = || {
        let values = request.header_values("origin");
        origins.check(values, request.header("host")).is_ok()
    };
    let origin = match request.header("origin") {
        None => OriginVerdict::Absent,
        Some(_) if is_allowed() => OriginVerdict::Allowed,
        Some(_) => OriginVerdict::Foreign,
    };
    let evidence = Evidence {
        fetch_site: request.header("sec-fetch-site"),
        origin,
        cookie: Cookie::Csrf.of(request, channel),
        header: request.header("x-csrf-token"),
    };
    if evidence.suffices(token) {
        return Ok(());
    }
    let detail = "A request that is authenticated by a cookie has to come from a page of the shop: \
                  send the csrf cookie's value as X-CSRF-Token.";
    Err(Problem::new(403, detail).code("csrf"))
}

impl Evidence<'_> {
    fn suffices(&self, token: &str) -> bool {
        let is_ours = match self.fetch_site {
            // What the browser says of itself goes before what it says of the page.
            Some(b"same-origin" | b"none") => true,
            Some(_) | None => self.origin == OriginVerdict::Allowed,
        };
        let is_submitted =
            |value: Option<&[u8]>| value.is_some_and(|value| is_equal(value, token.as_bytes()));
        is_ours || (is_submitted(self.cookie) && is_submitted(self.header))
    }
}

/// RFC 9110, section 9.2.1.
fn is_safe(method: Method) -> bool {
    matches!(method, Method::Get | Method::Head | Method::Options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        use OriginVerdict::{Absent, Allowed, Foreign};
        let same = Some("same-origin");
        let (cross, site, none) = (Some("cross-site"), Some("same-site"), Some("none"));
        let (good, bad) = (Some("token"), Some("tokem"));
        let table = [
            (same, Absent, None, None, true),
            (none, Absent, None, None, true),
            (same, Foreign, None, None, true),
            (None, Allowed, None, None, true),
            (cross, Allowed, None, None, true),
            (site, Allowed, None, None, true),
            (None, Absent, None, None, false),
            (None, Foreign, None, None, false),
            (cross, Absent, None, None, false),
            (cross, Foreign, None, None, false),
            (site, Foreign, None, None, false),
            (Some("Same-Origin"), Absent, None, None, false),
            (Some(""), Absent, None, None, false),
            (None, Absent, good, good, true),
            (cross, Foreign, good, good, true),
            (None, Absent, good, None, false),
            (None, Absent, None, good, false),
            (None, Absent, good, bad, false),
            (None, Absent, bad, good, false),
            // Planted by somebody else: equal, but not the session's.
            (None, Absent, bad, bad, false),
            (None, Absent, Some(""), Some(""), false),
        ];
        for (fetch_site, origin, cookie, header, expected) in table {
            let evidence = Evidence {
                fetch_site: fetch_site.map(str::as_bytes),
                origin,
                cookie: cookie.map(str::as_bytes),
                header: header.map(str::as_bytes),
            };
            assert_eq!(evidence.suffices("token"), expected, "{evidence:?}");
        }
    }

    #[test]
    fn what_changes_nothing_is_safe() {
        for method in [Method::Get, Method::Head, Method::Options] {
            assert!(is_safe(method));
        }
        for method in [
            Method::Post,
            Method::Put,
            Method::Patch,
            Method::Delete,
            Method::Other,
        ] {
            assert!(!is_safe(method));
        }
    }
}
