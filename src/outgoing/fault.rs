//! Why a request to another server failed, by whose fault it is.

use std::fmt;
use std::io;

use super::guard::{REMEDY, Special};

/// Why there is no response, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutgoingFault {
    /// The host's name has no address that could be found.
    Name(NameFault),
    /// The host's addresses may not be dialled.
    Refused(Special),
    /// Nobody answers at the host's addresses.
    Connect(io::ErrorKind),
    /// It took too long.
    Timeout(Awaited),
    /// The peer did not prove its name, or speaks no TLS that we speak.
    Tls(String),
    /// The peer ended the connection before the response was whole.
    Reset,
    /// What the peer said is not HTTP.
    Protocol(String),
    /// The head, or a body that is wanted whole, is longer than allowed.
    TooLong,
    /// Too many requests of ours are under way.
    Busy,
}

/// What was awaited in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// A connection, from the look-up of the name to the end of TLS's handshake.
    Connection,
    /// The head of the response.
    Head,
    /// The next piece of the body.
    Body,
}

/// Why a name has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameFault {
    /// It is no name of a host.
    Malformed,
    /// The system's resolver found none.
    NotFound,
    /// Too many names are looked up.
    Busy,
}

impl fmt::Display for OutgoingFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OutgoingFault::Name(fault) => fault.fmt(formatter),
            OutgoingFault::Refused(special) => {
                write!(formatter, "the host's name leads to {special}; {REMEDY}")
            }
            OutgoingFault::Connect(kind) => write!(formatter, "connecting failed: {kind}"),
            OutgoingFault::Timeout(awaited) => {
                let awaited = match awaited {
                    Awaited::Connection => "connection",
                    Awaited::Head => "response",
                    Awaited::Body => "rest of the response",
                };
                write!(formatter, "the {awaited} did not come in time")
            }
            OutgoingFault::Tls(cause) => write!(formatter, "TLS failed: {cause}"),
            OutgoingFault::Reset => {
                formatter.write_str("the connection ended before the response was whole")
            }
            OutgoingFault::Protocol(cause) => {
                write!(formatter, "the response is not HTTP: {cause}")
            }
            OutgoingFault::TooLong => formatter.write_str("the response is too long"),
            OutgoingFault::Busy => formatter.write_str("too many requests are under way"),
        }
    }
}

impl std::error::Error for OutgoingFault {}

impl fmt::Display for NameFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            NameFault::Malformed => "the host is no name and no address",
            NameFault::NotFound => "the host's name has no address",
            NameFault::Busy => "too many names are looked up",
        })
    }
}
