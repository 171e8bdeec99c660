//! What is asked, and of whom.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Version};

use crate::settings::Reach;
use crate::tls::TlsClient;

use super::fault::OutgoingFault;
use super::url::{Url, authority};

/// A server, and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Target {
    /// Whether TLS is spoken.
    pub scheme: Scheme,
    /// A name or an address, in lower case; IPv6 without brackets.
    pub host: String,
    /// Where it listens.
    pub port: u16,
    /// Whom we trust to vouch for its name.
    pub tls: TlsClient,
    /// To which addresses its name may lead.
    pub reach: Reach,
    /// How long a connection may take, then the head of the response, then each piece of its body.
    pub timeout: Duration,
}

/// Whether TLS is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// No.
    Http,
    /// Yes.
    Https,
}

/// A request, without what the connection needs.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// The path with its query, as it is sent.
    pub path: String,
    /// Its headers; `Host` and the length of the body are added.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Option<Bytes>,
}

impl Scheme {
    /// As URLs have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// The port where none is named.
    pub fn port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

impl Target {
    /// The server of a URL.
    pub fn of_url(url: &Url, tls: TlsClient, reach: Reach, timeout: Duration) -> Target {
        Target {
            scheme: url.scheme,
            host: url.host.clone(),
            port: url.port,
            tls,
            reach,
            timeout,
        }
    }

    /// Whether a URL is of the same server.
    pub fn is_of(&self, url: &Url) -> bool {
        (&url.host, url.port, url.scheme) == (&self.host, self.port, self.scheme)
    }

    /// Where a URL leads that this server named: to itself, or to another one. That is a public
    /// one, and proves itself by `elsewhere`: whom this one proves itself to may be a private
    /// authority, which is not to speak for others.
    pub fn towards(&self, url: &Url, elsewhere: &TlsClient) -> Target {
        match self.is_of(url) {
            true => self.clone(),
            false => Target::of_url(url, elsewhere.clone(), Reach::Public, self.timeout),
        }
    }

    /// The host as `Host` has it.
    pub fn authority(&self) -> String {
        authority(&self.host, self.port, self.scheme)
    }

    /// The URL of a path of this server.
    pub(super) fn url(&self, path: &str) -> Url {
        Url {
            scheme: self.scheme,
            host: self.host.clone(),
            port: self.port,
            path: path.to_owned(),
        }
    }
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, path: impl Into<String>) -> Request {
        Request {
            method,
            path: path.into(),
            headers: HeaderMap::new(),
            body: None,
        }
    }

    /// A GET.
    pub fn get(path: impl Into<String>) -> Request {
        Request::new(Method::GET, path)
    }

    /// Adds a header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Request {
        self.headers.append(name, value);
        self
    }

    /// Gives it a body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Request {
        self.body = Some(body.into());
        self
    }

    /// As hyper sends it.
    pub(super) fn to_hyper(
        &self,
        target: &Target,
    ) -> Result<hyper::Request<Full<Bytes>>, OutgoingFault> {
        let malformed = |error: &dyn std::fmt::Display| OutgoingFault::Protocol(error.to_string());
        let body = Full::new(self.body.clone().unwrap_or_default());
        let mut request = hyper::Request::builder()
            .method(self.method.clone())
            .uri(&*self.path)
            .version(Version::HTTP_11)
            .body(body)
            .map_err(|error| malformed(&error))?;
        let host = HeaderValue::from_str(&target.authority()).map_err(|error| malformed(&error))?;
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(HOST, host);
        Ok(request)
    }

    /// Whether it can be sent again without harm (RFC 9110, section 9.2.2).
    pub(super) fn is_idempotent(&self) -> bool {
        self.method.is_idempotent()
    }
}
