//! Why a request through the proxy is refused, in the order of the checks.

use std::fmt;

use crate::http::Problem;
use crate::outgoing::guard::{REMEDY, Special};
use crate::outgoing::{NameFault, OutgoingFault};

/// A refusal; that of the headers, which lists their faults, and that of the rate, which says when
/// to come again, are problems of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The client speaks another version.
    Version(u64),
    /// The token is none of ours, its time is over, or it is for another hash.
    Token,
    /// No upstream has the hash.
    UnknownHash,
    /// The target is not where the upstream is.
    Target,
    /// The upstream's name leads to an address that is not public.
    Address(Special),
    /// The upstream cannot be reached, or does not speak as it should.
    Unreachable(String),
    /// The upstream took too long.
    Timeout,
    /// Too much is under way.
    Busy,
    /// The request has been here before.
    Loop,
    /// A `CONNECT` comes with a body, so that it is not clear where the tunnel's bytes begin.
    Body,
}

impl Refusal {
    /// The status of the reply.
    pub fn status(&self) -> u16 {
        match self {
            Refusal::Version(_) | Refusal::Busy => 503,
            Refusal::Token => 401,
            Refusal::UnknownHash | Refusal::Unreachable(_) => 502,
            Refusal::Target | Refusal::Address(_) => 403,
            Refusal::Timeout => 504,
            Refusal::Loop => 508,
            Refusal::Body => 400,
        }
    }

    /// What a program tells it by.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Version(_) => "VERSION_MISMATCH",
            Refusal::Token => "INVALID_TOKEN",
            Refusal::UnknownHash => "UNKNOWN_REGISTRY_HASH",
            Refusal::Target => "TARGET_NOT_ALLOWED",
            Refusal::Address(_) => "ADDRESS_NOT_ALLOWED",
            Refusal::Unreachable(_) => "UPSTREAM_UNREACHABLE",
            Refusal::Timeout => "UPSTREAM_TIMEOUT",
            Refusal::Busy => "BUSY",
            Refusal::Loop => "LOOP_DETECTED",
            Refusal::Body => "UNEXPECTED_BODY",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Version(version) => {
                write!(
                    formatter,
                    "Config version mismatch (expected 1, got {version})"
                )
            }
            Refusal::Token => formatter.write_str("Invalid proxy token"),
            Refusal::UnknownHash => formatter.write_str("Unknown registry hash"),
            Refusal::Target => formatter.write_str("Target not allowed"),
            Refusal::Address(special) => write!(
                formatter,
                "Target not allowed: its name leads to {special}; {REMEDY}"
            ),
            Refusal::Unreachable(cause) => write!(formatter, "Upstream unreachable: {cause}"),
            Refusal::Timeout => formatter.write_str("Upstream timed out"),
            Refusal::Busy => formatter.write_str("Too many requests are under way"),
            Refusal::Loop => formatter.write_str("The request has passed this proxy before"),
            Refusal::Body => formatter.write_str("CONNECT takes no body"),
        }
    }
}

impl From<OutgoingFault> for Refusal {
    fn from(fault: OutgoingFault) -> Refusal {
        match fault {
            OutgoingFault::Refused(special) => Refusal::Address(special),
            OutgoingFault::Timeout(_) => Refusal::Timeout,
            OutgoingFault::Busy | OutgoingFault::Name(NameFault::Busy) => Refusal::Busy,
            OutgoingFault::Name(NameFault::Malformed | NameFault::NotFound)
            | OutgoingFault::Connect(_)
            | OutgoingFault::Tls(_)
            | OutgoingFault::Reset
            | OutgoingFault::Protocol(_)
            | OutgoingFault::TooLong => Refusal::Unreachable(fault.to_string()),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let (status, code) = (refusal.status(), refusal.code());
        let problem = Problem::new(status, refusal.to_string())
            .code(code)
            .header(ERROR_HEADER, code);
        match refusal {
            Refusal::Token => problem.header("WWW-Authenticate", "Bearer, Basic"),
            Refusal::Busy => problem.header("Retry-After", "1"),
            Refusal::Version(_)
            | Refusal::UnknownHash
            | Refusal::Target
            | Refusal::Address(_)
            | Refusal::Unreachable(_)
            | Refusal::Timeout
            | Refusal::Loop
            | Refusal::Body => problem,
        }
    }
}

/// Names the refusal for clients that do not read bodies of replies to `CONNECT`.
pub(super) const ERROR_HEADER: &str = "X-Bun-Error";
