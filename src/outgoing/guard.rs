//! Which addresses may be dialled: those of the public internet, unless the operator says
//! otherwise for a target. It judges the address that is then dialled, so that a name which
//! resolves to something else a moment later (DNS rebinding) leads nowhere.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not one of the public internet (IANA's registries of special-purpose
/// addresses, RFC 6890).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// `0.0.0.0/8`, `::`: this host.
    Unspecified,
    /// `127.0.0.0/8`, `::1`.
    Loopback,
    /// RFC 1918, `fc00::/7` (RFC 4193), `fec0::/10`.
    Private,
    /// `169.254.0.0/16`, where clouds have their metadata, and `fe80::/10`.
    LinkLocal,
    /// `100.64.0.0/10`: a carrier's own (RFC 6598).
    Carrier,
    /// Set aside for protocols, tests of networks and examples.
    Reserved,
    /// `224.0.0.0/4`, `ff00::/8`.
    Multicast,
    /// `255.255.255.255`.
    Broadcast,
    /// IPv6 with an IPv4 address in it: mapped, 6to4, Teredo, NAT64. Which host that is, others
    /// decide.
    Translated,
}

impl fmt::Display for Special {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Special::Unspecified => "an unspecified",
            Special::Loopback => "a loopback",
            Special::Private => "a private",
            Special::LinkLocal => "a link-local",
            Special::Carrier => "a carrier's private",
            Special::Reserved => "a reserved",
            Special::Multicast => "a multicast",
            Special::Broadcast => "a broadcast",
            Special::Translated => "a translated",
        })?;
        formatter.write_str(" address")
    }
}

/// What an operator does about an upstream that is refused for its address.
pub const REMEDY: &str =
    "if it is meant to be reached, set allowPrivate = true for the upstream of that host";

/// Whether an address is one of the public internet.
pub fn is_public(address: IpAddr) -> bool {
    special(address).is_none()
}

/// What keeps an address from being one of the public internet.
pub fn special(address: IpAddr) -> Option<Special> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<Special> {
    Some(match address.octets() {
        [0, ..] => Special::Unspecified,
        [127, ..] => Special::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Special::Private,
        [169, 254, ..] => Special::LinkLocal,
        [100, 64..=127, ..] => Special::Carrier,
        // Protocol assignments, three nets for examples, 6to4 relays, benchmarks of networks.
        [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Special::Reserved,
        [192, 88, 99, _] | [198, 18..=19, ..] => Special::Reserved,
        [224..=239, ..] => Special::Multicast,
        [255, 255, 255, 255] => Special::Broadcast,
        [240..=255, ..] => Special::Reserved,
        _ => return None,
    })
}

fn special_v6(address: Ipv6Addr) -> Option<Special> {
    Some(match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Special::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Special::Loopback,
        // Compatible and mapped addresses; NAT64, its local form too; 6to4; Teredo.
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => Special::Translated,
        [0x64, 0xff9b, ..] | [0x2002, ..] | [0x2001, 0, ..] => Special::Translated,
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Special::Private,
        [0xfe80..=0xfebf, ..] => Special::LinkLocal,
        [0xff00..=0xffff, ..] => Special::Multicast,
        // Protocol assignments (2001::/23) and two nets for examples.
        [0x2001, 0x0001..=0x01ff, ..] | [0x2001, 0x0db8, ..] => Special::Reserved,
        [0x3fff, 0..=0x0fff, ..] => Special::Reserved,
        [0x2000..=0x3fff, ..] => return None,
        // Everything outside 2000::/3 has not been given to anyone.
        _ => Special::Reserved,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> Option<Special> {
        special(text.parse().unwrap())
    }

    #[test]
    fn public_addresses_may_be_dialled() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.88.98.255",
            "192.88.100.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "104.16.0.34",
            "2606:4700::6810:22",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2001:db7:ffff::1",
            "2001:db9::1",
            "2003::1",
            "2a00:1450::1",
            "3ffe::1",
            "3fff:1000::1",
        ] {
            assert_eq!(judged(text), None, "{text}");
            assert!(is_public(text.parse().unwrap()));
        }
    }

    #[test]
    fn special_addresses_of_ipv4() {
        use Special::{
            Broadcast, Carrier, LinkLocal, Loopback, Multicast, Private, Reserved, Unspecified,
        };
        for (kind, texts) in [
            (Unspecified, &["0.0.0.0", "0.0.0.1", "0.255.255.255"][..]),
            (Loopback, &["127.0.0.0", "127.0.0.1", "127.255.255.255"]),
            (
                Private,
                &["10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255"],
            ),
            (Private, &["192.168.0.0", "192.168.255.255"]),
            (
                LinkLocal,
                &["169.254.0.0", "169.254.169.254", "169.254.255.255"],
            ),
            (
                Carrier,
                &["100.64.0.0", "100.100.100.200", "100.127.255.255"],
            ),
            (Reserved, &["192.0.0.0", "192.0.0.255", "192.0.2.1"]),
            (Reserved, &["192.88.99.1", "198.18.0.0", "198.19.255.255"]),
            (Reserved, &["198.51.100.7", "203.0.113.9"]),
            (Reserved, &["240.0.0.0", "255.255.255.254"]),
            (Multicast, &["224.0.0.0", "239.255.255.255"]),
            (Broadcast, &["255.255.255.255"]),
        ] {
            for text in texts {
                assert_eq!(judged(text), Some(kind), "{text}");
            }
        }
    }

    #[test]
    fn special_addresses_of_ipv6() {
        use Special::{LinkLocal, Loopback, Multicast, Private, Reserved, Translated, Unspecified};
        for (kind, texts) in [
            (Unspecified, &["::"][..]),
            (Loopback, &["::1"]),
            // Whatever the address inside is: 1.1.1.1 as well as 127.0.0.1.
            (
                Translated,
                &["::ffff:127.0.0.1", "::ffff:1.1.1.1", "::127.0.0.1"],
            ),
            (Translated, &["::ffff:0:10.0.0.1"]),
            (Translated, &["64:ff9b::7f00:1", "64:ff9b:1::a00:1"]),
            (Translated, &["2002:7f00:1::", "2002:101:101::1"]),
            (Translated, &["2001::1", "2001:0:ffff::1"]),
            (
                Private,
                &["fc00::1", "fd12:3456::1", "fdff:ffff::", "fec0::1"],
            ),
            (LinkLocal, &["fe80::1", "febf:ffff::1"]),
            (Multicast, &["ff02::1", "ffff::1"]),
            (Reserved, &["2001:1::1", "2001:2::1", "2001:10::1"]),
            (Reserved, &["2001:1ff::1", "2001:db8::1", "3fff:0fff::1"]),
            (Reserved, &["100::1", "5f00::1", "4000::", "1fff::1"]),
        ] {
            for text in texts {
                assert_eq!(judged(text), Some(kind), "{text}");
            }
        }
    }

    #[test]
    fn nothing_is_public_that_the_standard_library_knows_as_special() {
        // A walk over the whole of IPv4, one address of each /16 and its neighbours.
        for high in 0..=u16::MAX {
            for low in [0, 1, 0x6400, 0xffff] {
                let address = Ipv4Addr::from(u32::from(high) << 16 | low);
                let known = address.is_private()
                    || address.is_loopback()
                    || address.is_link_local()
                    || address.is_multicast()
                    || address.is_broadcast()
                    || address.is_documentation()
                    || address.is_unspecified();
                assert!(!known || !is_public(address.into()), "{address}");
                let mapped = IpAddr::V6(address.to_ipv6_mapped());
                assert!(!is_public(mapped), "{mapped}");
            }
        }
    }
}
