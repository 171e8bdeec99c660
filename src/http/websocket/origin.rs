//! Which web pages may open a WebSocket: a browser's `Origin` against our own and an allow-list.

use std::fmt;
use std::net::Ipv4Addr;

/// The origins that are let in besides our own.
///
/// Browsers send `Origin` with every WebSocket handshake and let any page open one, so this check
/// is what stands between a foreign page and its visitor's session. Clients that are not browsers
/// send none and are let in; they could send any.
#[derive(Clone, Debug, Default)]
pub struct OriginPolicy {
    allowed: Vec<Origin>,
}

/// Why an origin was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginFault {
    /// More than one `Origin`, `null`, or not `scheme://host[:port]`.
    Malformed,
    /// Another origin than ours, and not in the list.
    Foreign,
}

/// An entry of an allow-list that is not `scheme://host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableOrigin(pub String);

impl OriginPolicy {
    /// Lets in our own origin and those listed, each as a browser writes it:
    /// `https://shop.example` or `http://localhost:8080`.
    pub fn new<E: AsRef<str>>(
        allowed: impl IntoIterator<Item = E>,
    ) -> Result<OriginPolicy, UnreadableOrigin> {
        let mut policy = OriginPolicy::default();
        for entry in allowed {
            let origin = Origin::parse(entry.as_ref().as_bytes())
                .ok_or_else(|| UnreadableOrigin(entry.as_ref().to_owned()))?;
            policy.allowed.push(origin);
        }
        Ok(policy)
    }

    /// Judges the values of a request's `Origin` headers, given its `Host`. Our own origin is
    /// `Host` where that is an address or localhost; a name has to be in the list.
    pub fn check<'v>(
        &self,
        mut values: impl Iterator<Item = &'v [u8]>,
        host: Option<&[u8]>,
    ) -> Result<(), OriginFault> {
        let Some(value) = values.next() else {
            return Ok(());
        };
        if values.next().is_some() {
            return Err(OriginFault::Malformed);
        }
        let origin = Origin::parse(value).ok_or(OriginFault::Malformed)?;
        let is_ours =
            origin.authority.is_out_of_reach() && host.is_some_and(|host| origin.is_at(host));
        if is_ours || self.allowed.contains(&origin) {
            Ok(())
        } else {
            Err(OriginFault::Foreign)
        }
    }
}

impl fmt::Display for UnreadableOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:?} is not an origin; write it as https://host or http://host:port",
            self.0
        )
    }
}

impl std::error::Error for UnreadableOrigin {}

/// A tuple origin (RFC 6454) in lower case, its port explicit where the scheme has a default.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: Vec<u8>,
    authority: Authority,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Authority {
    host: Vec<u8>,
    port: Option<u16>,
}

impl Origin {
    fn parse(text: &[u8]) -> Option<Origin> {
        let colon = text.iter().position(|&byte| byte == b':')?;
        let (scheme, rest) = text.split_at(colon);
        let authority = rest.strip_prefix(b"://")?;
        let is_scheme = scheme.first().is_some_and(u8::is_ascii_alphabetic)
            && scheme
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
        if !is_scheme {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        let authority = Authority::parse(authority, default_port(&scheme))?;
        Some(Origin { scheme, authority })
    }

    /// Whether a `Host` header names this origin's host and port. `Host` has no scheme, so a port
    /// that it leaves out is the default of the origin's scheme.
    fn is_at(&self, host: &[u8]) -> bool {
        Authority::parse(host, default_port(&self.scheme)).as_ref() == Some(&self.authority)
    }
}

impl Authority {
    /// Whether nobody but us can have given this name to our address: an address itself, or
    /// localhost. A name in the DNS may point here today and be another's page (DNS rebinding),
    /// so those of our own have to be listed.
    fn is_out_of_reach(&self) -> bool {
        let is_address = self.host.first() == Some(&b'[')
            || str::from_utf8(&self.host).is_ok_and(|host| host.parse::<Ipv4Addr>().is_ok());
        is_address || self.host == b"localhost" || self.host.ends_with(b".localhost")
    }

    fn parse(text: &[u8], default_port: Option<u16>) -> Option<Authority> {
        let host_bytes = match text.first()? {
            b'[' => text.iter().position(|&byte| byte == b']')? + 1,
            _ => text
                .iter()
                .position(|&byte| byte == b':')
                .unwrap_or(text.len()),
        };
        let (host, port) = text.split_at(host_bytes);
        let is_host = match host {
            [b'[', address @ .., b']'] => std::str::from_utf8(address)
                .is_ok_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok()),
            name => {
                !name.is_empty()
                    && name
                        .iter()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(byte))
            }
        };
        if !is_host {
            return None;
        }
        let port = match port {
            [] => default_port,
            [b':', digits @ ..] => Some(parse_port(digits)?),
            _ => return None,
        };
        Some(Authority {
            host: host.to_ascii_lowercase(),
            port,
        })
    }
}

fn parse_port(digits: &[u8]) -> Option<u16> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn default_port(scheme: &[u8]) -> Option<u16> {
    match scheme {
        b"http" | b"ws" => Some(80),
        b"https" | b"wss" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(origin: &str, host: &str) -> Result<(), OriginFault> {
        let policy = OriginPolicy::new(["https://shop.example", "http://localhost:8080"]).unwrap();
        policy.check([origin.as_bytes()].into_iter(), Some(host.as_bytes()))
    }

    #[test]
    fn our_own_origin_is_where_host_points() {
        let table = [
            ("http://127.0.0.1:3000", "127.0.0.1:3000"),
            ("http://127.0.0.1", "127.0.0.1"),
            ("http://127.0.0.1", "127.0.0.1:80"),
            ("http://127.0.0.1:80", "127.0.0.1"),
            ("https://localhost", "localhost:443"),
            ("https://localhost", "localhost"),
            ("HTTP://LocalHost", "lOCALHOST"),
            ("http://shop.localhost:3000", "shop.localhost:3000"),
            ("http://[::1]:3000", "[::1]:3000"),
        ];
        for (origin, host) in table {
            assert_eq!(verdict(origin, host), Ok(()), "{origin} at {host}");
        }
    }

    #[test]
    fn foreign_origins_are_refused() {
        let table = [
            ("http://evil.example", "127.0.0.1:3000"),
            ("http://127.0.0.1:3001", "127.0.0.1:3000"),
            ("http://127.0.0.1", "127.0.0.1:3000"),
            ("https://localhost", "localhost:80"),
            ("http://example.com", "example.com"),
            ("http://my_host:3000", "my_host:3000"),
            ("http://localhost.example", "localhost.example"),
            ("http://example.com.evil.example", "example.com"),
            ("http://sub.example.com", "example.com"),
            ("http://shop.example", "example.com"),
            ("https://shop.example:8443", "example.com"),
            ("chrome-extension://abcdef", "example.com"),
        ];
        for (origin, host) in table {
            assert_eq!(
                verdict(origin, host),
                Err(OriginFault::Foreign),
                "{origin} at {host}"
            );
        }
    }

    #[test]
    fn malformed_origins_are_refused_even_if_host_is_as_malformed() {
        let table = [
            "null",
            "",
            "example.com",
            "http:",
            "http://",
            "http:///",
            "://example.com",
            "http://example.com/",
            "http://example.com/path",
            "http://user@example.com",
            "http://example.com:",
            "http://example.com:http",
            "http://example.com:65536",
            "http://example.com:+80",
            "http://exam ple.com",
            "http://example.com,http://b.example",
            "http://[::1",
            "http://[::1]80",
            "http://[nonsense]",
            "http://ex%61mple.com",
            "http://example.com#",
            "1http://example.com",
            "http://\u{e9}.example",
        ];
        for origin in table {
            let host = origin.strip_prefix("http://").unwrap_or(origin);
            assert_eq!(
                verdict(origin, host),
                Err(OriginFault::Malformed),
                "{origin}"
            );
        }
    }

    #[test]
    fn the_list_lets_in_what_it_names() {
        assert_eq!(verdict("https://shop.example", "api.example"), Ok(()));
        assert_eq!(verdict("https://SHOP.example:443", "api.example"), Ok(()));
        assert_eq!(verdict("http://localhost:8080", "api.example"), Ok(()));
    }

    #[test]
    fn none_is_let_in_and_two_are_not() {
        let policy = OriginPolicy::default();
        assert_eq!(policy.check(std::iter::empty(), Some(b"a.example")), Ok(()));
        let twice: [&[u8]; 2] = [b"http://a.example", b"http://a.example"];
        let verdict = policy.check(twice.into_iter(), Some(b"a.example"));
        assert_eq!(verdict, Err(OriginFault::Malformed));
        let once: [&[u8]; 1] = [b"http://a.example"];
        assert_eq!(
            policy.check(once.into_iter(), None),
            Err(OriginFault::Foreign)
        );
    }

    #[test]
    fn a_list_with_an_unreadable_entry_is_refused() {
        for entry in ["shop.example", "*", "null", "https://shop.example/"] {
            let fault = OriginPolicy::new(["http://fine.example", entry]).unwrap_err();
            assert_eq!(fault, UnreadableOrigin(entry.to_owned()));
        }
    }
}
