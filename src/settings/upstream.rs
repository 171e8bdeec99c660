//! Upstream registries: parsed from the documented list and from `host:port`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};
use thirteen_kernels::config::registry_hash_of_url;

use super::model::Settings;
use super::nearest::nearest;
use super::slots::bounded;

/// A registry to which requests are routed by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Where it listens.
    pub address: HostPort,
    /// The registry hash that names it.
    pub hash: u32,
    /// How it is spoken to.
    pub transport: Transport,
    /// Whether it may resolve to a private address.
    pub reach: Reach,
}

/// How an upstream is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Plain,
    /// TLS over TCP.
    Tls,
}

/// To which addresses the name of an upstream may resolve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Public ones.
    Public,
    /// Private and loopback ones too.
    Private,
}

/// A host name or address and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// In lower case; IPv6 without brackets.
    pub host: String,
    /// At least 1.
    pub port: u16,
}

impl Settings {
    /// Every upstream with its hash: the list, the primary under the configured registry hash and
    /// the fallback under 0. Where two claim one hash, the stronger source wins, and between
    /// equals the one that was named.
    pub fn upstreams(&self) -> Vec<Upstream> {
        let rank = |name: &str| {
            self.entry(name)
                .map(|entry| entry.origin.rank())
                .expect("the key is in the table")
        };
        let listed_rank = rank("proxy.upstreams");
        let named = [
            (
                "proxy.upstream_primary",
                &self.proxy.upstream_primary,
                self.config.registry_hash,
            ),
            ("proxy.upstream_fallback", &self.proxy.upstream_fallback, 0),
        ];
        let mut upstreams = self.proxy.upstreams.clone();
        for (key, address, hash) in named {
            let Some(address) = address else { continue };
            let upstream = Upstream {
                address: address.clone(),
                hash,
                transport: transport_of_port(address.port),
                reach: Reach::Public,
            };
            match upstreams.iter_mut().find(|listed| listed.hash == hash) {
                Some(listed) if rank(key) >= listed_rank => *listed = upstream,
                Some(_) => {}
                None => upstreams.push(upstream),
            }
        }
        upstreams
    }
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<HostPort, String> {
        let (host, port) = text
            .rsplit_once(':')
            .ok_or_else(|| format!("`{text}` has no port"))?;
        host_port(host, &Value::from(port))
    }
}

impl HostPort {
    /// The host as URLs have it: IPv6 in brackets.
    fn shown_host(&self) -> Cow<'_, str> {
        if self.host.contains(':') {
            Cow::Owned(format!("[{}]", self.host))
        } else {
            Cow::Borrowed(&self.host)
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.shown_host(), self.port)
    }
}

/// Reads one element of the documented list; `hash` defaults to that of the URL, `tls` to whether
/// the port is 443.
pub(super) fn parse(raw: &Value) -> Result<Upstream, String> {
    const KNOWN: [&str; 5] = ["host", "port", "hash", "tls", "allowPrivate"];
    let object = raw
        .as_object()
        .ok_or_else(|| format!("`{raw}` is not an object"))?;
    if let Some(unknown) = object.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        let known = nearest(unknown, KNOWN).unwrap_or_default();
        return Err(format!(
            "`{unknown}` is not known in an upstream (nearest: `{known}`)"
        ));
    }
    let host = object
        .get("host")
        .and_then(Value::as_str)
        .ok_or("an upstream has no `host`")?;
    let port = object
        .get("port")
        .ok_or_else(|| format!("upstream `{host}` has no `port`"))?;
    let address = host_port(host, port)?;
    let truth = |key: &str| match object.get(key) {
        None => Ok(None),
        Some(value) => value
            .as_bool()
            .map(Some)
            .ok_or_else(|| format!("upstream `{host}`: `{key}` is no bool")),
    };
    let transport = match truth("tls")? {
        Some(true) => Transport::Tls,
        Some(false) => Transport::Plain,
        None => transport_of_port(address.port),
    };
    let reach = if truth("allowPrivate")? == Some(true) {
        Reach::Private
    } else {
        Reach::Public
    };
    let hash = match object.get("hash") {
        Some(raw) => {
            u32::try_from(bounded(raw, 0, u64::from(u32::MAX))?).expect("it is at most u32::MAX")
        }
        None => registry_hash_of_url(&url_of(&address, transport)),
    };
    Ok(Upstream {
        address,
        hash,
        transport,
        reach,
    })
}

/// The canonical JSON of an upstream, which [`parse`] reads again.
pub(super) fn shown(upstream: &Upstream) -> Value {
    json!({
        "host": upstream.address.host,
        "port": upstream.address.port,
        "hash": upstream.hash,
        "tls": upstream.transport == Transport::Tls,
        "allowPrivate": upstream.reach == Reach::Private,
    })
}

fn host_port(host: &str, port: &Value) -> Result<HostPort, String> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    if bare.is_empty() || !bare.bytes().all(plain) {
        return Err(format!("`{host}` is not a host"));
    }
    if bare.contains(':') && bare.parse::<std::net::Ipv6Addr>().is_err() {
        return Err(format!("`{host}` is not an IPv6 address"));
    }
    let port = bounded(port, 1, u64::from(u16::MAX)).map_err(|fault| format!("port {fault}"))?;
    let port = u16::try_from(port).expect("it is at most u16::MAX");
    Ok(HostPort {
        host: bare.to_ascii_lowercase(),
        port,
    })
}

fn transport_of_port(port: u16) -> Transport {
    if port == 443 {
        Transport::Tls
    } else {
        Transport::Plain
    }
}

/// The URL under which the registry hash of an upstream is taken; a default port is left out.
fn url_of(address: &HostPort, transport: Transport) -> String {
    match (transport, address.port) {
        (Transport::Tls, 443) => format!("https://{}", address.shown_host()),
        (Transport::Plain, 80) => format!("http://{}", address.shown_host()),
        (Transport::Tls, _) => format!("https://{address}"),
        (Transport::Plain, _) => format!("http://{address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_without_a_hash_has_that_of_its_url() {
        for (raw, url) in [
            (
                json!({"host": "Registry.Example", "port": 443}),
                "https://registry.example",
            ),
            (json!({"host": "a", "port": 80}), "http://a"),
            (json!({"host": "a", "port": 4873}), "http://a:4873"),
            (
                json!({"host": "a", "port": "8443", "tls": true}),
                "https://a:8443",
            ),
            (json!({"host": "[::1]", "port": 443}), "https://[::1]"),
        ] {
            assert_eq!(
                parse(&raw).unwrap().hash,
                registry_hash_of_url(url),
                "{raw}"
            );
        }
    }

    #[test]
    fn what_is_shown_is_read_again() {
        let raw = json!({"host": "::1", "port": 4873, "hash": "0x2a", "allowPrivate": true});
        let upstream = parse(&raw).unwrap();
        assert_eq!(upstream.address.to_string(), "[::1]:4873");
        assert_eq!((upstream.hash, upstream.reach), (42, Reach::Private));
        assert_eq!(parse(&shown(&upstream)), Ok(upstream));
    }

    #[test]
    fn faulty_upstreams_say_what_is_wrong() {
        for (raw, part) in [
            (json!("a:80"), "is not an object"),
            (json!({"port": 80}), "has no `host`"),
            (json!({"host": "a"}), "`a` has no `port`"),
            (json!({"host": "a", "port": 0}), "port 0 is out of range"),
            (json!({"host": "a b", "port": 80}), "`a b` is not a host"),
            (json!({"host": "a:b", "port": 80}), "is not an IPv6 address"),
            (
                json!({"host": "a", "port": 80, "tls": 1}),
                "`tls` is no bool",
            ),
            (
                json!({"host": "a", "port": 80, "hash": "x"}),
                "`x` is not a whole number",
            ),
            (
                json!({"host": "a", "prt": 80}),
                "`prt` is not known in an upstream (nearest: `port`)",
            ),
        ] {
            let fault = parse(&raw).unwrap_err();
            assert!(fault.contains(part), "{raw}: {fault}");
        }
    }
}
