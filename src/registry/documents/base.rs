//! What the URLs of a reply begin with: the public URL, else the host that the request names.

use crate::context::Context;
use crate::http::{Problem, Request};
use crate::registry::access::is_in;
use crate::settings::Settings;

/// What the URLs of a reply begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base<'r> {
    /// Of every reply alike; `None` for the door's address.
    Primary(Option<&'r str>),
    /// As this request came.
    Asked {
        /// `http` or `https`.
        scheme: &'static str,
        /// The host, with its port where that is not the scheme's own.
        host: &'r str,
    },
}

/// The base of stored documents.
pub fn primary(context: &Context) -> String {
    let settings = context.settings.borrow();
    Base::Primary(settings.documents.public_url.as_deref()).text(context)
}

/// The base of the reply to a request.
///
/// # Errors
/// 400 where the host is none.
pub fn of_request<'r>(settings: &'r Settings, request: &Request<'r>) -> Result<Base<'r>, Problem> {
    if let Some(url) = &settings.documents.public_url {
        return Ok(Base::Primary(Some(url)));
    }
    let is_trusted = is_in(&settings.documents.trusted_proxies, request.peer().ip());
    let forwarded = |name| {
        let value = request.header(name).filter(|_| is_trusted)?;
        value
            .split(|byte| *byte == b',')
            .next()
            .map(<[u8]>::trim_ascii)
    };
    let scheme = match forwarded("x-forwarded-proto") {
        Some(scheme) if scheme.eq_ignore_ascii_case(b"https") => "https",
        Some(_) | None => "http",
    };
    let host = forwarded("x-forwarded-host").or_else(|| request.header("host"));
    let Some(host) = host.filter(|host| !host.is_empty()) else {
        return Ok(Base::Primary(None));
    };
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(byte);
    let text = str::from_utf8(host).ok();
    let text = text.filter(|_| host.len() <= HOST_BYTES_MAX && host.iter().all(is_plain));
    match text {
        Some(host) => Ok(Base::Asked { scheme, host }),
        None => Err(Problem::new(400, "The host is none.")),
    }
}

impl Base<'_> {
    /// Whether it is the one that a document was made for.
    pub fn is(&self, base: &str, context: &Context) -> bool {
        match self {
            Base::Primary(Some(url)) => *url == base,
            Base::Primary(None) => self.text(context) == base,
            Base::Asked { scheme, host } => {
                let rest = base.strip_prefix(scheme);
                let rest = rest.and_then(|rest| rest.strip_prefix("://"));
                rest.is_some_and(|rest| rest.eq_ignore_ascii_case(host))
            }
        }
    }

    /// The URL, without a trailing slash.
    pub fn text(&self, context: &Context) -> String {
        match self {
            Base::Primary(Some(url)) => (*url).to_owned(),
            Base::Primary(None) => format!("http://{}", context.house.registry_door()),
            Base::Asked { scheme, host } => format!("{scheme}://{}", host.to_ascii_lowercase()),
        }
    }
}

/// DNS's bound on a name, and a port.
const HOST_BYTES_MAX: usize = 253 + 6;
