//! URLs of HTTP servers, as far as a client needs them: where to connect, and what to ask for.

use std::fmt;

use super::request::Scheme;

/// `http` or `https`, a host, a port and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Whether TLS is spoken.
    pub scheme: Scheme,
    /// In lower case; IPv6 without brackets.
    pub host: String,
    /// That of the scheme where none is given.
    pub port: u16,
    /// The path with its query, from its slash on.
    pub path: String,
}

/// Why a text is no such URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlFault {
    /// It begins with neither `http://` nor `https://`.
    Scheme,
    /// Its host cannot be one.
    Host,
    /// Its port cannot be one.
    Port,
    /// It has a user or a password, which belong into a header.
    Credentials,
    /// A character in it has to be escaped.
    Character,
}

impl fmt::Display for UrlFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            UrlFault::Scheme => "it begins with neither http:// nor https://",
            UrlFault::Host => "it has no host",
            UrlFault::Port => "its port is no number from 1 to 65535",
            UrlFault::Credentials => "it holds a user or a password",
            UrlFault::Character => "a character in it has to be escaped",
        })
    }
}

impl std::error::Error for UrlFault {}

impl Url {
    /// Reads an absolute URL; a fragment is left out.
    pub fn parse(text: &str) -> Result<Url, UrlFault> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(UrlFault::Character);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UrlFault::Scheme)?;
        let scheme = match &*scheme.to_ascii_lowercase() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(UrlFault::Scheme),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(UrlFault::Credentials);
        }
        let (host, port) = split_authority(authority)?;
        let port = match port {
            None | Some("") => scheme.port(),
            Some(port) => parse_port(port)?,
        };
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        Ok(Url {
            scheme,
            host,
            port,
            path,
        })
    }

    /// Reads what a `Location` of this URL's resource says (RFC 3986, section 5).
    pub fn join(&self, reference: &str) -> Result<Url, UrlFault> {
        let reference = reference.split('#').next().unwrap_or_default();
        let scheme = self.scheme.as_str();
        if reference.contains("://") && !reference.starts_with(['/', '?']) {
            return Url::parse(reference);
        }
        if reference.starts_with("//") {
            return Url::parse(&format!("{scheme}:{reference}"));
        }
        let (path, _) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let joined = match reference.as_bytes().first() {
            None => self.path.clone(),
            Some(b'/') => reference.to_owned(),
            Some(b'?') => format!("{path}{reference}"),
            Some(_) => {
                let folder = &path[..=path.rfind('/').unwrap_or(0)];
                format!("{folder}{reference}")
            }
        };
        Url::parse(&format!(
            "{scheme}://{}{}",
            self.authority(),
            without_dots(&joined)
        ))
    }

    /// The host as `Host` and URLs have it, with the port unless it is that of the scheme.
    pub fn authority(&self) -> String {
        authority(&self.host, self.port, self.scheme)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}://{}{}",
            self.scheme.as_str(),
            self.authority(),
            self.path
        )
    }
}

/// See [`Url::authority`].
pub(super) fn authority(host: &str, port: u16, scheme: Scheme) -> String {
    let (open, close) = if host.contains(':') {
        ("[", "]")
    } else {
        ("", "")
    };
    if port == scheme.port() {
        format!("{open}{host}{close}")
    } else {
        format!("{open}{host}{close}:{port}")
    }
}

fn split_authority(authority: &str) -> Result<(String, Option<&str>), UrlFault> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or(UrlFault::Host)?;
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(UrlFault::Host);
            }
            match after {
                "" => (host, None),
                after => (host, Some(after.strip_prefix(':').ok_or(UrlFault::Host)?)),
            }
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    if host.is_empty() || !host.bytes().all(plain) {
        return Err(UrlFault::Host);
    }
    Ok((host.to_ascii_lowercase(), port))
}

fn parse_port(text: &str) -> Result<u16, UrlFault> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port @ 1..) if is_number => Ok(port),
        _ => Err(UrlFault::Port),
    }
}

/// Removes `.` and `..` from a path (RFC 3986, section 5.2.4).
fn without_dots(path: &str) -> String {
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, None),
    };
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    for (position, segment) in segments.iter().enumerate() {
        let is_last = position + 1 == segments.len();
        match *segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => {
                kept.push(segment);
                continue;
            }
        }
        if is_last {
            kept.push("");
        }
    }
    let path = format!("/{}", kept.join("/"));
    match query {
        Some(query) => format!("{path}?{query}"),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_written() {
        for (text, written) in [
            ("http://a", "http://a/"),
            (
                "HTTPS://Registry.Example:443/x?y=z#f",
                "https://registry.example/x?y=z",
            ),
            ("http://a:80?q", "http://a/?q"),
            ("http://a:8080/%2f", "http://a:8080/%2f"),
            ("https://[::1]:8443/", "https://[::1]:8443/"),
            ("http://a:/", "http://a/"),
        ] {
            assert_eq!(Url::parse(text).unwrap().to_string(), written);
        }
        for (text, fault) in [
            ("ftp://a/", UrlFault::Scheme),
            ("a.example/x", UrlFault::Scheme),
            ("http:///x", UrlFault::Host),
            ("http://a_b c/", UrlFault::Character),
            ("http://a\r\nX: y/", UrlFault::Character),
            ("http://[::1/", UrlFault::Host),
            ("http://[a]/", UrlFault::Host),
            ("http://[::1]x/", UrlFault::Host),
            ("http://a:0/", UrlFault::Port),
            ("http://a:+8/", UrlFault::Port),
            ("http://a:65536/", UrlFault::Port),
            ("http://user:secret@a/", UrlFault::Credentials),
            ("http://a%2f/", UrlFault::Host),
        ] {
            assert_eq!(Url::parse(text), Err(fault), "{text}");
        }
    }

    #[test]
    fn references_are_joined() {
        let base = Url::parse("https://a.example:8443/b/c/d?q=1").unwrap();
        for (reference, joined) in [
            ("", "https://a.example:8443/b/c/d?q=1"),
            ("#f", "https://a.example:8443/b/c/d?q=1"),
            ("/x", "https://a.example:8443/x"),
            ("x/y?z", "https://a.example:8443/b/c/x/y?z"),
            ("?z", "https://a.example:8443/b/c/d?z"),
            ("../x", "https://a.example:8443/b/x"),
            ("../../../../x", "https://a.example:8443/x"),
            ("./", "https://a.example:8443/b/c/"),
            ("..", "https://a.example:8443/b/"),
            ("//other.example/x", "https://other.example/x"),
            ("http://other.example:81/x", "http://other.example:81/x"),
            (
                "/redirect?to=http://x/",
                "https://a.example:8443/redirect?to=http://x/",
            ),
        ] {
            assert_eq!(
                base.join(reference).unwrap().to_string(),
                joined,
                "{reference}"
            );
        }
        assert_eq!(base.join("ftp://x/"), Err(UrlFault::Scheme));
        assert_eq!(base.join("/a b"), Err(UrlFault::Character));
    }
}
