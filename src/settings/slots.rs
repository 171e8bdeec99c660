//! The types of settings: how each is read, bounded, stored and shown.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::Value;

use super::choices::Choice;
use super::model::Settings;
use super::upstream::{self, HostPort, Upstream};

/// The field of [`Settings`] that a key fills.
pub(super) type Field<T> = fn(&mut Settings) -> &mut T;

/// Which piece of the value a source gives: the documented variables and JSON keys set the host
/// and the port of an address apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Host,
    Port,
}

/// A typed place in [`Settings`].
pub(super) trait Slot: Sync {
    /// Reads `raw` (text from flags and the environment, any JSON value from files), stores it
    /// and returns its canonical text, which `put` accepts again; or says what is wrong with it.
    fn put(&self, settings: &mut Settings, raw: &Value, part: Part) -> Result<String, String>;

    /// What is accepted, to follow the word "give", e.g. `a number from 1 to 255`.
    fn accepts(&self) -> String;
}

/// A whole number within bounds, decimal or `0x`.
pub(super) struct Number<T: 'static> {
    pub field: Field<T>,
    pub min: u64,
    pub max: u64,
}

/// A whole number that is shown as `0x` and eight digits.
pub(super) struct Hex {
    pub field: Field<u32>,
    pub max: u32,
}

/// A span of time, written as a whole number of its unit.
pub(super) struct Span {
    pub field: Field<Duration>,
    pub unit: Unit,
    pub min: u64,
    pub max: u64,
}

/// The unit in which a [`Span`] is written; the key's name ends with it.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
}

/// One of a few words.
pub(super) struct Word<T: 'static>(pub Field<T>);

/// `auto` for the number of cores, or a number.
pub(super) struct Shards {
    pub field: Field<usize>,
    pub max: u64,
}

/// A path.
pub(super) struct Folder(pub Field<PathBuf>);

/// The address of a door.
pub(super) struct Address(pub Field<SocketAddr>);

/// The URL of a server, plain HTTP; empty for none.
pub(super) struct BaseUrl(pub Field<Option<String>>);

/// A list of web origins, in text separated by commas.
pub(super) struct Origins(pub Field<Vec<String>>);

/// The URL at which others reach a door, https or http, with a path or without; empty for none.
pub(super) struct PublicUrl(pub Field<Option<String>>);

/// A list of networks and addresses, in text separated by commas.
pub(super) struct Networks(pub Field<Vec<IpNet>>);

/// A `host:port`; empty for none.
pub(super) struct Peer(pub Field<Option<HostPort>>);

/// A text that is checked and kept as it is.
pub(super) struct Checked {
    pub field: Field<String>,
    /// Says what is wrong with a text.
    pub check: fn(&str) -> Result<(), String>,
    pub accepts: &'static str,
}

/// `true` or `false`.
pub(super) struct Truth(pub Field<bool>);

/// A list of texts that are checked, in text separated by commas.
pub(super) struct List {
    pub field: Field<Vec<String>>,
    /// Says what is wrong with an item.
    pub check: fn(&str) -> Result<(), String>,
    pub accepts: &'static str,
}

/// The list of upstream registries, in text as JSON.
pub(super) struct Upstreams(pub Field<Vec<Upstream>>);

impl<T: TryFrom<u64>> Slot for Number<T> {
    fn put(&self, settings: &mut Settings, raw: &Value, _: Part) -> Result<String, String> {
        let number = bounded(raw, self.min, self.max)?;
        let out_of_type = || format!("{number} is out of range");
        *(self.field)(settings) = T::try_from(number).map_err(|_| out_of_type())?;
        Ok(number.to_string())
    }

    fn accepts(&self) -> String {
        if self.min == self.max {
            return format!("{}, the only value", self.min);
        }
        format!("a number from {} to {}", self.min, self.max)
    }
}

impl Slot for Hex {
    fn put(&self, settings: &mut Settings, raw: &Value, _: Part) -> Result<String, String> {
        let number = bounded(raw, 0, u64::from(self.max))?;
        let number = u32::try_from(number).expect("it is at most self.max, which is a u32");
        *(self.field)(settings) = number;
        Ok(format!("0x{number:08x}"))
    }

    fn accepts(&self) -> String {
        format!("a number from 0 to {0} (0x{0:x}), decimal or 0x", self.max)
    }
}

impl Slot for Span {
    fn put(&self, settings: &mut Settings, raw: &Value, _: Part) -> Result<String, String> {
        let count = bounded(raw, self.min, self.max)?;
        *(self.field)(settings) = match self.unit {
            Unit::Seconds => Duration::from_secs(count),
            Unit::Milliseconds => Duration::from_millis(count),
            Unit::Microseconds => Duration::from_micros(count),
        };
        Ok(count.to_string())
    }

    fn accepts(&self) -> String {
        let unit = match self.unit {
            Unit::Seconds => "seconds",
            Unit::Milliseconds => "milliseconds",
            Unit::Microseconds => "microseconds",
        };
        format!("{unit} from {} to {}", self.min, self.max)
    }
}

impl<T: Choice> Slot for Word<T> {
    fn put(&self, settings: &mut Settings, raw: &Value, _: Part) -> Result<String, String> {
        let text = text(raw)?;
        let named = T::NAMED.iter().find(|(name, _)| *name == text);
        let (name, value) = named.ok_or_else(|| format!("`{text}` is not one of the words"))?;
        *(self.0)(settings) = *value;
        Ok((*name).to_owned())
    }

    fn accepts(&self) -> String {
        let names: Vec<&str> = T::NAMED.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }
}

impl Slot for Shards {
    fn put(&self, settings: &mut Settings, raw: &Value, _: Part) -> Result<String, String> {
        if raw.as_str().is_some_and(|text| text.trim() == "auto") {
            *(self.field)(settings) = thread::available_parallelism().map_or(1, usize::from);
            return Ok("auto".to_owned());
        }
        Number {
            field: self.field,
            min: 1,
            max: self.max,
        }
        .put(settings, raw, Part::Whole)
    }

    fn accepts(&self) -> String {
        format!("auto (one per core) or a number from 1 to {}", self.max)
    }
}

impl Slot for Folder {
    fn put(&self, settings: &mut Settings, raw: &Value, _: Part) -> Result<String, String> {
        let text = text(raw)?;
        if text.is_empty() || text.contains('\0') {
            return Err("the path is empty or holds a NUL byte".to_owned());
        }
        *(self.0)(settings) = PathBuf::from(text);
        Ok(text.to_owned())
    }

    fn accepts(&self) -> String {
        "a path".to_owned()
    }
}

impl Slot for Address {
    fn put(&self, settings: &mut Settings, raw: &Value, part: Part) -> Result<String, String> {
        let address = (self.0)(settings);
        match part {
            Part::Whole => {
                let text = text(raw)?;
                let (host, port) = text
                    .rsplit_once(':')
                    .ok_or_else(|| format!("`{text}` has no port"))?;
                *address = SocketAddr::new(ip_of(host)?, port_of(&Value::from(port))?);
            }
            Part::Host => address.set_ip(ip_of(text(raw)?)?),
            Part::Port => address.set_port(port_of(raw)?),
        }
        Ok(address.to_string())
    }

    fn accepts(&self) -> String {
        "IP:PORT, e.g. 127.0.0.1:3000 or [::1]:3000 (port 0 picks a free one)".to_owned()
    }
}

impl Slot for BaseUrl {
    fn put(&self, settings: &mut Settings, raw: &Value, _: Part) -> Result<String, String> {
        let text = text(raw)?;
        *(self.0)(settings) = if text.is_empty() {
            None
        } else {
            Some(base_url(text)?)
        };
        Ok((self.0)(settings).clone().unwrap_or_default())
    }

    fn accepts(&self) -> String {
        "a URL like http://127.0.0.1:3000".to_owned()
    }
}

impl Slot for Origins {
    fn put(&self, settings: &mut Settings, raw: &Value, _: Part) -> Result<String, String> {
        let origins = items(raw)?
            .into_iter()
            .map(web_origin)
            .collect::<Result<Vec<_>, _>>()?;
        let shown = origins.join(",");
        *(self.0)(settings) = origins;
        Ok(shown)
    }

    fn accepts(&self) -> String {
        "origins like https://shop.example, several with commas between".to_owned()
    }
}

impl Slot for PublicUrl {
    fn put(&self, settings: &mut Settings, raw: &Value, _: Part) -> Result<String, String> {
        let text = text(raw)?;
        *(self.0)(settings) = if text.is_empty() {
            None
        } else {
            super::mail::link_base(text)?;
            Some(text.to_owned())
        };
        Ok(text.to_owned())
    }

    fn accepts(&self) -> String {
        "a URL like https://npm.example, without a slash at its end".to_owned()
    }
}

impl Slot for Networks {
    fn put(&self, settings: &mut Settings, raw: &Value, _: Part) -> Result<String, String> {
        let texts: Vec<&str> = match raw.as_array() {
            Some(items) => items.iter().map(text).collect::<Result<_, _>>()?,
            None => text(raw)?
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .collect(),
        };
        let networks = texts
            .into_iter()
            .map(network)
            .collect::<Result<Vec<_>, _>>()?;
        let shown: Vec<_> = networks.iter().map(IpNet::to_string).collect();
        *(self.0)(settings) = networks;
        Ok(shown.join(","))
    }

    fn accepts(&self) -> String {
        "networks like 10.0.0.0/8, several with commas between".to_owned()
    }
}

impl Slot for Peer {
    fn put(&self, settings: &mut Settings, raw: &Value, _: Part) -> Result<String, String> {
        let text = text(raw)?;
        let peer = if text.is_empty() {
            None
        } else {
            Some(text.parse::<HostPort>()?)
        };
        *(self.0)(settings) = peer;
        Ok(text.to_owned())
    }

    fn accepts(&self) -> String {
        "host:port, e.g. registry.npmjs.org:443".to_owned()
    }
}

impl Slot for Checked {
    fn put(&self, settings: &mut Settings, raw: &Value, _: Part) -> Result<String, String> {
        let text = text(raw)?;
        (self.check)(text)?;
        *(self.field)(settings) = text.to_owned();
        Ok(text.to_owned())
    }

    fn accepts(&self) -> String {
        self.accepts.to_owned()
    }
}

impl Slot for Truth {
    fn put(&self, settings: &mut Settings, raw: &Value, _: Part) -> Result<String, String> {
        let value = match raw.as_bool() {
            Some(value) => value,
            None => match text(raw)? {
                "true" => true,
                "false" => false,
                other => return Err(format!("`{other}` is neither true nor false")),
            },
        };
        *(self.0)(settings) = value;
        Ok(value.to_string())
    }

    fn accepts(&self) -> String {
        "true, false".to_owned()
    }
}

impl Slot for List {
    fn put(&self, settings: &mut Settings, raw: &Value, _: Part) -> Result<String, String> {
        let texts = items(raw)?;
        texts.iter().try_for_each(|text| (self.check)(text))?;
        let shown = texts.join(",");
        *(self.field)(settings) = texts.into_iter().map(str::to_owned).collect();
        Ok(shown)
    }

    fn accepts(&self) -> String {
        self.accepts.to_owned()
    }
}

impl Slot for Upstreams {
    fn put(&self, settings: &mut Settings, raw: &Value, _: Part) -> Result<String, String> {
        let parsed: Value;
        let list = match raw.as_str() {
            Some(text) => {
                parsed = serde_json::from_str(text).map_err(|fault| format!("no JSON: {fault}"))?;
                &parsed
            }
            None => raw,
        };
        let items = list.as_array().ok_or("it is not a list")?;
        let upstreams = items
            .iter()
            .map(upstream::parse)
            .collect::<Result<Vec<_>, _>>()?;
        let shown = Value::from_iter(upstreams.iter().map(upstream::shown)).to_string();
        *(self.0)(settings) = upstreams;
        Ok(shown)
    }

    fn accepts(&self) -> String {
        upstream::ACCEPTS.to_owned()
    }
}

/// A whole number from a JSON number or from text, decimal or `0x`, within bounds.
pub(super) fn bounded(raw: &Value, min: u64, max: u64) -> Result<u64, String> {
    let shown = raw.as_str().map_or_else(|| raw.to_string(), str::to_owned);
    let number = match raw.as_str() {
        Some(text) => whole(text),
        None => raw.as_u64(),
    };
    let number = number.ok_or_else(|| format!("`{shown}` is not a whole number in range"))?;
    if (min..=max).contains(&number) {
        Ok(number)
    } else {
        Err(format!("{shown} is out of range"))
    }
}

/// A whole number, decimal or `0x`; signs and spaces are refused.
pub(crate) fn whole(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    u64::from_str_radix(digits, radix).ok().filter(|_| plain)
}

/// The texts of a list, or of a text with commas between them.
fn items(raw: &Value) -> Result<Vec<&str>, String> {
    match raw.as_array() {
        Some(items) => items.iter().map(text).collect(),
        None => {
            let items = text(raw)?.split(',').map(str::trim);
            Ok(items.filter(|item| !item.is_empty()).collect())
        }
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    let network = text.parse::<IpNet>().or_else(|_| address());
    network.map_err(|_| format!("`{text}` is neither a network nor an address"))
}

/// The text of a JSON string without surrounding spaces.
pub(super) fn text(raw: &Value) -> Result<&str, String> {
    raw.as_str()
        .map(str::trim)
        .ok_or_else(|| format!("`{raw}` is not text"))
}

fn ip_of(host: &str) -> Result<IpAddr, String> {
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    bare.parse()
        .map_err(|_| format!("`{host}` is not an IP address"))
}

fn port_of(raw: &Value) -> Result<u16, String> {
    let port = bounded(raw, 0, u64::from(u16::MAX)).map_err(|fault| format!("port {fault}"))?;
    Ok(u16::try_from(port).expect("it is at most u16::MAX"))
}

/// A plain-HTTP URL of a server, without its trailing slash.
pub(crate) fn base_url(text: &str) -> Result<String, String> {
    let authority = text
        .strip_prefix("http://")
        .ok_or_else(|| format!("`{text}` does not begin with http://"))?
        .trim_end_matches('/');
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"/?#@".contains(&byte);
    if authority.is_empty() || !authority.bytes().all(plain) {
        return Err(format!("`{text}` is not the URL of a server"));
    }
    Ok(format!("http://{authority}"))
}

/// A web origin in the form browsers send: scheme and host in lower case, no path.
fn web_origin(text: &str) -> Result<String, String> {
    let fault = || format!("`{text}` is not an origin (scheme://host, no path, no wildcard)");
    let (scheme, host) = text.split_once("://").ok_or_else(fault)?;
    if !matches!(scheme, "http" | "https") || !is_authority(host) {
        return Err(fault());
    }
    Ok(text.to_ascii_lowercase())
}

/// Whether a text is a host name, an IPv4 address or an IPv6 address in brackets, and perhaps a
/// port.
fn is_authority(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let (is_host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (address.parse::<Ipv6Addr>().is_ok(), port),
        None => {
            let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (!host.is_empty() && host.bytes().all(plain), port)
        }
    };
    let digits = port.strip_prefix(':');
    let is_port = digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let is_port = is_port && digits.is_some_and(|digits| digits.parse::<u16>().is_ok());
    is_host && (port.is_empty() || is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_decimal_or_hexadecimal() {
        for (text, expected) in [
            ("0", Some(0)),
            ("42", Some(42)),
            ("0x2a", Some(42)),
            ("0XA1B2C3D4", Some(0xa1b2_c3d4)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("0x", None),
            ("+1", None),
            ("0x+1", None),
            ("-1", None),
            ("1.5", None),
            ("a1b2c3d4", None),
        ] {
            assert_eq!(whole(text), expected, "{text:?}");
        }
    }

    #[test]
    fn base_urls_name_a_server_and_nothing_else() {
        assert_eq!(
            base_url("http://10.0.0.1:3000/"),
            Ok("http://10.0.0.1:3000".to_owned())
        );
        for refused in [
            "https://a",
            "http://",
            "http://a/b",
            "http://a?b",
            "a:1",
            "http://u@a",
        ] {
            assert!(base_url(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn origins_are_lowered_and_have_no_path() {
        assert_eq!(
            web_origin("https://Shop.Example:8443").as_deref(),
            Ok("https://shop.example:8443")
        );
        for refused in [
            "*",
            "https://*",
            "shop.example",
            "ftp://a",
            "https://a/b",
            "https://",
            "https://a:",
            "https://a:+1",
            "https://a:65536",
            "https://[::1",
            "https://[::1]80",
            "https://[a]",
        ] {
            assert!(web_origin(refused).is_err(), "{refused}");
        }
    }
}
