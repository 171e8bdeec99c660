//! Upstream registries: parsed from the documented list and from `host:port`.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde_json::{Map, Value, json};
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
    /// What the paths of its URLs begin with: empty, or `/path` without a slash at its end.
    pub path: String,
    /// The packages that come from it: `name`, `@scope/*`, `*`. None for one that only tunnels
    /// lead to.
    pub patterns: Vec<String>,
    /// A file of certificates in PEM that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long it may take to connect, to answer, and for each piece of an answer; `None` for
    /// `proxy.timeout_ms`.
    pub timeout: Option<Duration>,
    /// Who we are to it.
    pub credentials: Option<Credentials>,
}

/// Who we are to an upstream. The secret itself stays in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// `Authorization: Bearer`, with the token that the file holds.
    Token(PathBuf),
    /// `Authorization: Basic`, with the password that the file holds.
    Basic {
        /// The user's name.
        username: String,
        /// The file of the password.
        password_file: PathBuf,
    },
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
            let upstream = Upstream::plain(address.clone(), hash);
            match upstreams.iter_mut().find(|listed| listed.hash == hash) {
                Some(listed) if rank(key) >= listed_rank => *listed = upstream,
                Some(_) => {}
                None => upstreams.push(upstream),
            }
        }
        upstreams
    }
}

impl Upstream {
    /// An upstream of which nothing but its address and hash are known; its port says whether TLS
    /// is spoken.
    pub fn plain(address: HostPort, hash: u32) -> Upstream {
        Upstream {
            transport: transport_of_port(address.port),
            address,
            hash,
            reach: Reach::Public,
            path: String::new(),
            patterns: patterns_of_hash(hash),
            ca_file: None,
            timeout: None,
            credentials: None,
        }
    }

    /// The URL that its packages' names follow, without a slash at its end.
    pub fn url(&self) -> String {
        format!("{}{}", url_of(&self.address, self.transport), self.path)
    }
}

/// The upstream of hash 0 has every package that no other has.
fn patterns_of_hash(hash: u32) -> Vec<String> {
    match hash {
        0 => vec!["*".to_owned()],
        _ => Vec::new(),
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
    let object = raw
        .as_object()
        .ok_or_else(|| format!("`{raw}` is not an object"))?;
    if let Some(unknown) = object.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        let known = nearest(unknown, KNOWN).unwrap_or_default();
        return Err(format!(
            "`{unknown}` is not known in an upstream (nearest: `{known}`)"
        ));
    }
    let place = place_of(object)?;
    let hash = match object.get("hash") {
        Some(raw) => {
            u32::try_from(bounded(raw, 0, u64::from(u32::MAX))?).expect("it is at most u32::MAX")
        }
        None => registry_hash_of_url(&url_of(&place.address, place.transport)),
    };
    let mut upstream = Upstream {
        transport: place.transport,
        path: place.path,
        ..Upstream::plain(place.address, hash)
    };
    let named = |fault| format!("upstream `{}`: {fault}", upstream.address.host);
    if truth(object, "allowPrivate").map_err(named)? == Some(true) {
        upstream.reach = Reach::Private;
    }
    if let Some(raw) = object.get("patterns") {
        upstream.patterns = patterns(raw).map_err(named)?;
    }
    upstream.ca_file = line(object, "caFile").map_err(named)?.map(PathBuf::from);
    if let Some(raw) = object.get("timeoutMs") {
        let span = bounded(raw, 100, 600_000).map_err(|fault| format!("`timeoutMs` {fault}"));
        upstream.timeout = Some(Duration::from_millis(span.map_err(named)?));
    }
    upstream.credentials = credentials(object).map_err(named)?;
    Ok(upstream)
}

/// The canonical JSON of an upstream, which [`parse`] reads again.
pub(super) fn shown(upstream: &Upstream) -> Value {
    let mut shown = json!({
        "host": upstream.address.host,
        "port": upstream.address.port,
        "hash": upstream.hash,
        "tls": upstream.transport == Transport::Tls,
        "allowPrivate": upstream.reach == Reach::Private,
    });
    let mut set = |key: &str, value: Value| shown[key] = value;
    if !upstream.path.is_empty() {
        set("path", json!(upstream.path));
    }
    if upstream.patterns != patterns_of_hash(upstream.hash) {
        set("patterns", json!(upstream.patterns));
    }
    if let Some(file) = &upstream.ca_file {
        set("caFile", json!(file));
    }
    if let Some(timeout) = upstream.timeout {
        let span = u64::try_from(timeout.as_millis()).expect("it was read from a u64");
        set("timeoutMs", json!(span));
    }
    match &upstream.credentials {
        None => {}
        Some(Credentials::Token(file)) => set("tokenFile", json!(file)),
        Some(Credentials::Basic {
            username,
            password_file,
        }) => {
            set("username", json!(username));
            set("passwordFile", json!(password_file));
        }
    }
    shown
}

/// Where an upstream is, from `url`, or from `host`, `port`, `tls` and `path`.
struct Place {
    address: HostPort,
    transport: Transport,
    path: String,
}

fn place_of(object: &Map<String, Value>) -> Result<Place, String> {
    if let Some(url) = object.get("url") {
        for other in ["host", "port", "tls", "path"] {
            if object.contains_key(other) {
                return Err(format!("an upstream with `url` has no `{other}`"));
            }
        }
        let url = url
            .as_str()
            .ok_or_else(|| format!("`url` is {url}, no text"))?;
        return place_of_url(url).map_err(|fault| format!("`{url}` {fault}"));
    }
    let host = object
        .get("host")
        .and_then(Value::as_str)
        .ok_or("an upstream has no `host`")?;
    let port = object
        .get("port")
        .ok_or_else(|| format!("upstream `{host}` has no `port`"))?;
    let address = host_port(host, port)?;
    let named = |fault| format!("upstream `{host}`: {fault}");
    let transport = match truth(object, "tls").map_err(named)? {
        Some(true) => Transport::Tls,
        Some(false) => Transport::Plain,
        None => transport_of_port(address.port),
    };
    let path = line(object, "path").map_err(named)?.unwrap_or_default();
    let path = plain_path(path).map_err(named)?;
    Ok(Place {
        address,
        transport,
        path,
    })
}

fn place_of_url(url: &str) -> Result<Place, String> {
    let (scheme, rest) = url.split_once("://").ok_or("is no URL")?;
    let (transport, port) = match scheme {
        "https" => (Transport::Tls, 443),
        "http" => (Transport::Plain, 80),
        _ => return Err("begins with neither https:// nor http://".to_owned()),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err("holds a user; give `tokenFile`, or `username` and `passwordFile`".to_owned());
    }
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(_, after)| !after.contains(']'));
    let address = if has_port {
        authority.parse()?
    } else {
        host_port(authority, &Value::from(port))?
    };
    Ok(Place {
        address,
        transport,
        path: plain_path(path)?,
    })
}

/// A path without a slash at its end.
fn plain_path(path: &str) -> Result<String, String> {
    let path = path.trim_end_matches('/');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/%@".contains(&byte);
    let is_whole = path.is_empty() || path.starts_with('/');
    if !is_whole || !path.bytes().all(plain) {
        return Err(format!("`{path}` is no path that begins with a slash"));
    }
    Ok(path.to_owned())
}

fn truth(object: &Map<String, Value>, key: &str) -> Result<Option<bool>, String> {
    match object.get(key) {
        None => Ok(None),
        Some(value) => value
            .as_bool()
            .map(Some)
            .ok_or_else(|| format!("`{key}` is no bool")),
    }
}

/// A text without control characters.
fn line<'o>(object: &'o Map<String, Value>, key: &str) -> Result<Option<&'o str>, String> {
    let Some(value) = object.get(key) else {
        return Ok(None);
    };
    let text = value.as_str().filter(|text| !text.is_empty());
    match text.filter(|text| !text.chars().any(char::is_control)) {
        Some(text) => Ok(Some(text)),
        None => Err(format!("`{key}` is no line of text")),
    }
}

fn patterns(raw: &Value) -> Result<Vec<String>, String> {
    let list = raw.as_array().ok_or("`patterns` is not a list")?;
    let pattern = |raw: &Value| {
        let text = raw.as_str().filter(|text| is_pattern(text));
        text.map(str::to_owned)
            .ok_or_else(|| format!("{raw} is no pattern of names, such as `name` or `@scope/*`"))
    };
    list.iter().map(pattern).collect()
}

/// A name, where a `*` stands for any characters but the slash after a scope; `*` alone for all
/// names, scoped ones too.
fn is_pattern(text: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._~*".contains(&byte);
    let base = match text.strip_prefix('@').and_then(|rest| rest.split_once('/')) {
        Some((scope, base)) if !scope.is_empty() && scope.bytes().all(plain) => base,
        Some(_) => return false,
        None => text,
    };
    !base.is_empty() && base.bytes().all(plain)
}

fn credentials(object: &Map<String, Value>) -> Result<Option<Credentials>, String> {
    let token = line(object, "tokenFile")?;
    let username = line(object, "username")?;
    let password = line(object, "passwordFile")?;
    match (token, username, password) {
        (None, None, None) => Ok(None),
        (Some(file), None, None) => Ok(Some(Credentials::Token(PathBuf::from(file)))),
        (None, Some(username), Some(file)) if !username.contains(':') => {
            Ok(Some(Credentials::Basic {
                username: username.to_owned(),
                password_file: PathBuf::from(file),
            }))
        }
        _ => {
            let wanted = "give either `tokenFile`, or `username` (without a colon) and \
                `passwordFile`";
            Err(wanted.to_owned())
        }
    }
}

/// What `proxy.upstreams` takes.
pub(super) const ACCEPTS: &str = concat!(
    r#"a list of {"url"} or {"host", "port", "tls"?, "path"?}, each with "hash"?, "patterns"?, "#,
    r#""tokenFile"?, "username"?, "passwordFile"?, "caFile"?, "timeoutMs"?, "allowPrivate"?; "#,
    "see upstreams",
);

/// The keys of an upstream.
const KNOWN: [&str; 13] = [
    "host",
    "port",
    "hash",
    "tls",
    "allowPrivate",
    "url",
    "path",
    "patterns",
    "caFile",
    "timeoutMs",
    "tokenFile",
    "username",
    "passwordFile",
];

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
    fn every_key_is_told() {
        for key in KNOWN {
            assert!(ACCEPTS.contains(&format!("\"{key}\"")), "{key}");
        }
    }

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
    fn an_upstream_may_be_a_url_with_names_and_credentials() {
        let raw = json!({
            "url": "https://npm.example:8443/api/npm/", "patterns": ["@acme/*", "left-*"],
            "caFile": "/etc/ca.pem", "timeoutMs": 5000, "tokenFile": "/run/token",
        });
        let upstream = parse(&raw).unwrap();
        assert_eq!(upstream.url(), "https://npm.example:8443/api/npm");
        assert_eq!(upstream.patterns, ["@acme/*", "left-*"]);
        assert_eq!(upstream.timeout, Some(Duration::from_secs(5)));
        assert_eq!(parse(&shown(&upstream)), Ok(upstream));
        let raw = json!({
            "url": "http://[::1]", "hash": 0, "username": "anna", "passwordFile": "secret",
        });
        let upstream = parse(&raw).unwrap();
        assert_eq!(
            (&*upstream.url(), upstream.address.port),
            ("http://[::1]", 80)
        );
        assert_eq!(upstream.patterns, ["*"]);
        assert_eq!(parse(&shown(&upstream)), Ok(upstream));
        let plain = parse(&json!({"host": "a", "port": 80, "path": "/npm"})).unwrap();
        assert_eq!((&*plain.url(), plain.patterns.len()), ("http://a/npm", 0));
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
            (json!({"url": "ftp://a"}), "begins with neither"),
            (json!({"url": "https://u:p@a"}), "holds a user"),
            (
                json!({"url": "https://a", "port": 80}),
                "with `url` has no `port`",
            ),
            (
                json!({"url": "https://a", "patterns": ["@a"]}),
                "is no pattern",
            ),
            (
                json!({"url": "https://a", "patterns": ["A/*"]}),
                "is no pattern",
            ),
            (
                json!({"url": "https://a", "username": "x"}),
                "give either `tokenFile`",
            ),
            (
                json!({"url": "https://a", "timeoutMs": 1}),
                "`timeoutMs` 1 is out of range",
            ),
            (
                json!({"host": "a", "port": 80, "path": "x"}),
                "begins with a slash",
            ),
        ] {
            let fault = parse(&raw).unwrap_err();
            assert!(fault.contains(part), "{raw}: {fault}");
        }
    }
}
