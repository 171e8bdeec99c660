//! Where a request comes from: the peer of its socket, or the client that a trusted proxy names.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::context::Context;
use crate::http::Request;
use crate::limits::{FORWARDED_BYTES_MAX, FORWARDED_HOPS_MAX};

/// The address that a request counts as coming from, on the registry door: the last one in
/// `X-Forwarded-For`, or without that header in `Forwarded`, that is no trusted proxy's. It is the
/// socket's peer where that is no trusted proxy, and where the header cannot be read so far.
pub fn client_address(context: &Context, request: &Request<'_>) -> IpAddr {
    let peer = request.peer().ip().to_canonical();
    let settings = context.settings.borrow();
    let trusted = &settings.documents.trusted_proxies;
    if !is_in(trusted, peer) {
        return peer;
    }
    let lines: Vec<&[u8]> = request.values("x-forwarded-for").collect();
    if !lines.is_empty() {
        return named(trusted, peer, &lines, address_of);
    }
    let lines: Vec<&[u8]> = request.values("forwarded").collect();
    named(trusted, peer, &lines, forwarded_for)
}

/// Whether an address is in one of the networks.
pub fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// Goes from the proxy that is nearest towards the client, as far as addresses are trusted. What
/// stands before the first that is not was written by the client, for all that is known.
fn named(
    trusted: &[IpNet],
    peer: IpAddr,
    lines: &[&[u8]],
    read: fn(&[u8]) -> Option<IpAddr>,
) -> IpAddr {
    if lines.iter().map(|line| line.len()).sum::<usize>() > FORWARDED_BYTES_MAX {
        return peer;
    }
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(is_comma));
    let mut farthest = peer;
    for (passed, hop) in hops.enumerate() {
        let Some(address) = read(hop.trim_ascii()).filter(|_| passed < FORWARDED_HOPS_MAX) else {
            return peer;
        };
        farthest = address;
        if !is_in(trusted, address) {
            break;
        }
    }
    farthest
}

/// No address holds a comma, so one in a quoted text makes that text none.
fn is_comma(byte: &u8) -> bool {
    *byte == b','
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn address_of(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?;
    let address = match text.strip_prefix('[') {
        Some(rest) => {
            let (inside, port) = rest.split_once(']')?;
            let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
            IpAddr::V6(inside.parse().ok().filter(|_| is_port)?)
        }
        None => match text.split_once(':') {
            Some((inside, port)) if is_port(port) && inside.contains('.') => {
                IpAddr::V4(inside.parse().ok()?)
            }
            Some(_) | None => text.parse().ok()?,
        },
    };
    Some(address.to_canonical())
}

fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The one `for=` of an element of `Forwarded` (RFC 7239, section 4).
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let mut found = None;
    for pair in element.split(|byte| *byte == b';') {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (pair[..at].trim_ascii(), pair[at + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"for") {
            let inside = value.strip_prefix(b"\"");
            let inside = inside.map_or(Some(value), |rest| rest.strip_suffix(b"\""));
            let address = address_of(inside?)?;
            if found.replace(address).is_some() {
                return None;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: &[&str], read: fn(&[u8]) -> Option<IpAddr>) -> String {
        let trusted = ["10.0.0.0/8", "2001:db8::/32"].map(|text| text.parse().unwrap());
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        let peer = "10.0.0.1".parse().unwrap();
        named(&trusted, peer, &lines, read).to_string()
    }

    #[test]
    fn the_last_address_that_is_not_trusted_counts() {
        let long = "10.0.0.2,".repeat(FORWARDED_HOPS_MAX);
        let blank = format!("{}192.0.2.1", " ".repeat(FORWARDED_BYTES_MAX));
        for (lines, expected) in [
            (&[][..], "10.0.0.1"),
            (&["192.0.2.1"], "192.0.2.1"),
            (&["198.51.100.1, 192.0.2.1"], "192.0.2.1"),
            (&["198.51.100.1", "192.0.2.1, 10.0.0.2"], "192.0.2.1"),
            (&["192.0.2.1:4711,10.0.0.2:80"], "192.0.2.1"),
            (&["[2001:db9::1]:80 , [2001:db8::7]"], "2001:db9::1"),
            (&["::ffff:192.0.2.1"], "192.0.2.1"),
            // What the client wrote is not even read.
            (&["unknown, 192.0.2.1"], "192.0.2.1"),
            // All are trusted: the farthest.
            (&["10.1.0.1, 10.0.0.2"], "10.1.0.1"),
            // What cannot be read.
            (&["192.0.2.1, unknown"], "10.0.0.1"),
            (&["192.0.2.1,"], "10.0.0.1"),
            (&[""], "10.0.0.1"),
            (&["192.0.2.256"], "10.0.0.1"),
            (&["192.0.2.1:x"], "10.0.0.1"),
            (&["[192.0.2.1]"], "10.0.0.1"),
            (&["[2001:db9::1"], "10.0.0.1"),
            (&["192.0.2.1", &format!("{long}10.0.0.3")], "10.0.0.1"),
            (&[&blank], "10.0.0.1"),
        ] {
            assert_eq!(found(lines, address_of), expected, "{lines:?}");
        }
    }

    #[test]
    fn forwarded_is_read_like_it() {
        for (lines, expected) in [
            (&["for=192.0.2.1"][..], "192.0.2.1"),
            (
                &["for=198.51.100.1, For=\"192.0.2.1:80\";proto=https"],
                "192.0.2.1",
            ),
            (
                &["proto=http;for=\"[2001:db9::1]:4711\"", "for=10.0.0.2"],
                "2001:db9::1",
            ),
            (&["for=_hidden"], "10.0.0.1"),
            (&["for=\"192.0.2.1"], "10.0.0.1"),
            (&["for=192.0.2.1;for=192.0.2.2"], "10.0.0.1"),
            (&["proto=https"], "10.0.0.1"),
            (&["192.0.2.1"], "10.0.0.1"),
            (&["for=192.0.2.9;by=\"a,b\""], "10.0.0.1"),
        ] {
            assert_eq!(found(lines, forwarded_for), expected, "{lines:?}");
        }
    }
}
