//! The cookies of a session: the access token, the refresh token, and the token against forged
//! requests.
//!
//! Under TLS they have the `__Host-` prefix and `Secure`, so that no other host and no cleartext
//! page can set or read them. A browser on the machine itself speaks cleartext to us: for a direct
//! peer on loopback both are dropped, and only such a peer's bare names are read.

use thirteen_kernels::http::cookies;
use thirteen_kernels::level::Level;

use crate::http::{Reply, Request};

/// One of our cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// The access token.
    Access,
    /// The refresh token.
    Refresh,
    /// The token of double submission, which scripts of our own pages read.
    Csrf,
}

/// How the client reaches us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Cleartext from this machine.
    Loopback,
    /// Through TLS, ours or a proxy's; or in cleartext from elsewhere, where a browser will not
    /// take the cookies.
    Secure,
}

impl Cookie {
    const fn name(self, channel: Channel) -> &'static str {
        match (self, channel) {
            (Cookie::Access, Channel::Secure) => "__Host-at",
            (Cookie::Access, Channel::Loopback) => "at",
            (Cookie::Refresh, Channel::Secure) => "__Host-rt",
            (Cookie::Refresh, Channel::Loopback) => "rt",
            (Cookie::Csrf, Channel::Secure) => "__Host-csrf",
            (Cookie::Csrf, Channel::Loopback) => "csrf",
        }
    }

    /// The value that a request brings; nothing where it brings two, since one of them was put
    /// there by somebody else.
    pub fn of<'r>(self, request: &Request<'r>, channel: Channel) -> Option<&'r [u8]> {
        let lines = request.head().headers();
        let lines = lines.filter(|(name, _)| name.eq_ignore_ascii_case(b"cookie"));
        let name = self.name(channel);
        let mut values = lines
            .flat_map(|(_, line)| cookies(Level::detect(), line))
            .filter(|(found, _)| *found == name.as_bytes())
            .map(|(_, value)| value);
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// Sets it for so many seconds.
    pub fn set(self, value: &str, seconds: u64, channel: Channel, reply: &mut Reply<'_>) {
        let secure = match channel {
            Channel::Secure => "; Secure",
            Channel::Loopback => "",
        };
        let hidden = match self {
            Cookie::Access | Cookie::Refresh => "; HttpOnly",
            Cookie::Csrf => "",
        };
        let name = self.name(channel);
        let line =
            format!("{name}={value}; Path=/; Max-Age={seconds}; SameSite=Strict{secure}{hidden}");
        reply.header("Set-Cookie", line);
    }

    /// Takes it away.
    pub fn clear(self, channel: Channel, reply: &mut Reply<'_>) {
        self.set("", 0, channel, reply);
    }
}
