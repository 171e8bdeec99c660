//! From what a request says to the upstream that it may reach; pure.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::settings::Upstream;

use super::refusal::Refusal;

/// The upstreams by their hashes. There are few, so a walk is the fastest way to find one.
#[derive(Clone, Debug, Default)]
pub struct Upstreams {
    hashes: Box<[u32]>,
    /// Where each is, as clients write it that write it as the settings do.
    authorities: Box<[Box<[u8]>]>,
    rows: Box<[Upstream]>,
}

/// Where a request wants to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// A name or an address; IPv6 without brackets.
    pub host: &'a [u8],
    /// At least 1.
    pub port: u16,
}

impl Upstreams {
    /// These, whose hashes differ.
    pub fn new(rows: Vec<Upstream>) -> Upstreams {
        Upstreams {
            hashes: rows.iter().map(|row| row.hash).collect(),
            authorities: rows
                .iter()
                .map(|row| row.address.to_string().into_bytes().into())
                .collect(),
            rows: rows.into(),
        }
    }

    /// The upstream of a hash.
    pub fn of_hash(&self, hash: u32) -> Option<&Upstream> {
        self.place_of(hash).map(|place| &self.rows[place])
    }

    #[inline]
    fn place_of(&self, hash: u32) -> Option<usize> {
        self.hashes.iter().position(|known| *known == hash)
    }
}

impl<'a> Authority<'a> {
    /// Reads `host:port`; `default` is the port of one without.
    #[inline]
    pub fn parse(text: &'a [u8], default: Option<u16>) -> Option<Authority<'a>> {
        let (host, port) = match text.iter().rposition(|byte| *byte == b':') {
            Some(at) if !text[at..].contains(&b']') => (&text[..at], Some(&text[at + 1..])),
            Some(_) | None => (text, None),
        };
        let port = match port {
            Some(digits) => number(digits)?,
            None => default?,
        };
        let host = match host.strip_prefix(b"[") {
            Some(rest) => {
                let host = rest.strip_suffix(b"]")?;
                str::from_utf8(host).ok()?.parse::<Ipv6Addr>().ok()?;
                host
            }
            None if host.is_empty() || host.contains(&b':') => return None,
            None => host,
        };
        Some(Authority { host, port })
    }
}

impl Authority<'_> {
    /// Whether it is that of a door which listens here: its address, any address where it listens
    /// on all of them, or `localhost`.
    pub fn is_of(self, door: SocketAddr) -> bool {
        if self.port != door.port() {
            return false;
        }
        if self.host.eq_ignore_ascii_case(b"localhost") {
            return door.ip().is_loopback() || door.ip().is_unspecified();
        }
        let address = str::from_utf8(self.host).ok();
        let address = address.and_then(|host| host.parse::<IpAddr>().ok());
        address.is_some_and(|address| address == door.ip() || door.ip().is_unspecified())
    }
}

/// The upstream that a request with this hash may reach, if that is where it wants to go; `default`
/// is the port of a target without one.
#[inline]
pub fn decide<'u>(
    upstreams: &'u Upstreams,
    hash: u32,
    target: &[u8],
    default: Option<u16>,
) -> Result<&'u Upstream, Refusal> {
    let place = upstreams.place_of(hash).ok_or(Refusal::UnknownHash)?;
    let upstream = &upstreams.rows[place];
    if *target == *upstreams.authorities[place] || is_at(upstream, target, default) {
        Ok(upstream)
    } else {
        Err(Refusal::Target)
    }
}

/// Whether a target is where an upstream is, however it is written.
#[inline(never)]
fn is_at(upstream: &Upstream, target: &[u8], default: Option<u16>) -> bool {
    let Some(target) = Authority::parse(target, default) else {
        return false;
    };
    let address = &upstream.address;
    // A dot at the end of a name says that it is whole, which all of ours are.
    let host = target.host.strip_suffix(b".").unwrap_or(target.host);
    target.port == address.port && host.eq_ignore_ascii_case(address.host.as_bytes())
}

/// A port in decimal digits.
#[inline]
fn number(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || digits.len() > 5 {
        return None;
    }
    let mut number = 0_u32;
    for digit in digits {
        let value = digit.wrapping_sub(b'0');
        if value > 9 {
            return None;
        }
        number = number * 10 + u32::from(value);
    }
    u16::try_from(number).ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(host: &str, port: u16, hash: u32) -> Upstream {
        Upstream::plain(format!("{host}:{port}").parse().unwrap(), hash)
    }

    #[test]
    fn authorities() {
        let read = |text: &'static str, default| {
            let authority = Authority::parse(text.as_bytes(), default)?;
            Some((str::from_utf8(authority.host).unwrap(), authority.port))
        };
        for (text, expected) in [
            ("a.example:443", Some(("a.example", 443))),
            ("[::1]:80", Some(("::1", 80))),
            ("127.0.0.1:1", Some(("127.0.0.1", 1))),
            ("a.example", None),
            ("a.example:", None),
            (":443", None),
            ("a:0", None),
            ("a:65536", None),
            ("a:000443", None),
            ("a:4a", None),
            ("a:-1", None),
            ("::1:80", None),
            ("[::1]", None),
            ("[a]:80", None),
            ("[::1:80", None),
            ("", None),
        ] {
            assert_eq!(read(text, None), expected, "{text}");
        }
        assert_eq!(read("a.example", Some(80)), Some(("a.example", 80)));
        assert_eq!(read("[::1]", Some(80)), Some(("::1", 80)));
    }

    #[test]
    fn a_door_is_its_address() {
        for (host, door, is_it) in [
            ("127.0.0.1:4873", "127.0.0.1:4873", true),
            ("localhost:4873", "127.0.0.1:4873", true),
            ("LOCALHOST:4873", "0.0.0.0:4873", true),
            ("localhost:4873", "10.0.0.1:4873", false),
            ("127.0.0.1", "127.0.0.1:4873", false),
            ("127.0.0.1", "127.0.0.1:80", true),
            ("127.0.0.2:4873", "127.0.0.1:4873", false),
            ("10.0.0.7:4873", "0.0.0.0:4873", true),
            ("[::1]:4873", "[::1]:4873", true),
            ("registry.example:4873", "0.0.0.0:4873", false),
        ] {
            let authority = Authority::parse(host.as_bytes(), Some(80)).unwrap();
            assert_eq!(
                authority.is_of(door.parse().unwrap()),
                is_it,
                "{host} {door}"
            );
        }
    }

    #[test]
    fn a_hash_leads_to_its_upstream_and_nowhere_else() {
        let upstreams = Upstreams::new(vec![
            upstream("registry.example", 443, 7),
            upstream("[::1]", 4873, 8),
        ]);
        let decided = |hash, text: &str| {
            decide(&upstreams, hash, text.as_bytes(), None).map(|upstream| upstream.hash)
        };
        for (hash, target, expected) in [
            (7, "registry.example:443", Ok(7)),
            (7, "REGISTRY.Example.:443", Ok(7)),
            (8, "[::1]:4873", Ok(8)),
            (9, "registry.example:443", Err(Refusal::UnknownHash)),
            (0, "registry.example:443", Err(Refusal::UnknownHash)),
            (8, "registry.example:443", Err(Refusal::Target)),
            (7, "registry.example:80", Err(Refusal::Target)),
            (7, "registry.example.evil:443", Err(Refusal::Target)),
            (7, "evil-registry.example:443", Err(Refusal::Target)),
            (7, "registry.example..:443", Err(Refusal::Target)),
            (7, "127.0.0.1:443", Err(Refusal::Target)),
            (8, "::1:4873", Err(Refusal::Target)),
            (7, "registry.example", Err(Refusal::Target)),
            (7, "", Err(Refusal::Target)),
        ] {
            assert_eq!(decided(hash, target), expected, "{hash} {target}");
        }
        let forwarded = decide(&upstreams, 7, b"registry.example", Some(443));
        assert!(forwarded.is_ok());
    }
}
