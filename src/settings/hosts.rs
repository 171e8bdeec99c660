//! Names of hosts with fixed addresses, as in `/etc/hosts`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use super::model::Settings;
use super::slots::{Field, Part, Slot, text};

/// Names with their addresses.
pub type Hosts = BTreeMap<String, Vec<IpAddr>>;

/// A list of `name=address`, in text separated by commas; a name may have several.
pub(super) struct HostList(pub(super) Field<Hosts>);

impl Slot for HostList {
    fn put(&self, settings: &mut Settings, raw: &Value, _: Part) -> Result<String, String> {
        let joined: String;
        let list = match raw.as_array() {
            Some(items) => {
                let items: Result<Vec<&str>, String> = items.iter().map(text).collect();
                joined = items?.join(",");
                &joined
            }
            None => text(raw)?,
        };
        let hosts = parse(list)?;
        let shown = shown(&hosts);
        *(self.0)(settings) = hosts;
        Ok(shown)
    }

    fn accepts(&self) -> String {
        "name=address, several with commas between".to_owned()
    }
}

fn parse(list: &str) -> Result<Hosts, String> {
    let mut hosts = Hosts::new();
    let entries = list.split(',').map(str::trim);
    for entry in entries.filter(|entry| !entry.is_empty()) {
        let (name, address) = entry
            .split_once('=')
            .ok_or_else(|| format!("`{entry}` is not name=address"))?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(format!("`{name}` is not the name of a host"));
        }
        let address: IpAddr = address
            .parse()
            .map_err(|_| format!("`{address}` is not an IP address"))?;
        hosts
            .entry(name.to_ascii_lowercase())
            .or_default()
            .push(address);
    }
    Ok(hosts)
}

fn shown(hosts: &Hosts) -> String {
    let each = hosts.iter().flat_map(|(name, addresses)| {
        addresses
            .iter()
            .map(move |address| format!("{name}={address}"))
    });
    each.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_again() {
        let hosts = parse(" B.example=::1, a=10.0.0.1,a=10.0.0.2,").unwrap();
        assert_eq!(hosts["a"].len(), 2);
        let text = shown(&hosts);
        assert_eq!(text, "a=10.0.0.1,a=10.0.0.2,b.example=::1");
        assert_eq!(parse(&text), Ok(hosts));
        assert_eq!(parse(""), Ok(Hosts::new()));
        for (refused, part) in [
            ("a", "`a` is not name=address"),
            ("a=b", "`b` is not an IP address"),
            ("a b=::1", "`a b` is not the name of a host"),
            ("=::1", "`` is not the name of a host"),
        ] {
            assert_eq!(parse(refused).unwrap_err(), part);
        }
    }
}
