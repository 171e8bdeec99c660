//! Why a package, or a tarball of one, is not to be had from an upstream.

use crate::http::Problem;
use crate::limits::UPSTREAM_RETRY_SECONDS;
use crate::outgoing::OutgoingFault;
use crate::store::StoreFault;

/// Why something of an upstream is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Its upstream does not have it, or no upstream is asked for it.
    NotFound,
    /// The settings block it.
    Blocked,
    /// It is not here, and upstreams are not asked.
    Offline,
    /// The question came back to us.
    Loop,
    /// Its upstream did not answer.
    Unreachable {
        /// When to come again.
        retry_after_s: u32,
        /// What happened.
        cause: String,
    },
    /// Its upstream answered with something else than was asked for.
    Unsound {
        /// What is wrong with it.
        cause: String,
    },
    /// Our store could not keep or find it.
    Store(StoreFault),
    /// Our disk could not keep it.
    Disk(String),
}

impl Missing {
    /// An upstream that does not answer.
    pub fn unreachable(cause: impl Into<String>) -> Missing {
        Missing::Unreachable {
            retry_after_s: UPSTREAM_RETRY_SECONDS,
            cause: cause.into(),
        }
    }

    /// An answer that is not what was asked for.
    pub fn unsound(cause: impl Into<String>) -> Missing {
        Missing::Unsound {
            cause: cause.into(),
        }
    }

    /// What a request to an upstream failed with.
    pub fn of_fault(fault: &OutgoingFault) -> Missing {
        match fault {
            OutgoingFault::TooLong => Missing::unsound("its answer is too long"),
            OutgoingFault::Name(_)
            | OutgoingFault::Refused(_)
            | OutgoingFault::Connect(_)
            | OutgoingFault::Timeout(_)
            | OutgoingFault::Tls(_)
            | OutgoingFault::Reset
            | OutgoingFault::Protocol(_)
            | OutgoingFault::Busy => Missing::unreachable(fault.to_string()),
        }
    }
}

impl From<StoreFault> for Missing {
    fn from(fault: StoreFault) -> Missing {
        Missing::Store(fault)
    }
}

impl From<Missing> for Problem {
    fn from(missing: Missing) -> Problem {
        match missing {
            Missing::NotFound => Problem::new(404, "No such package."),
            Missing::Blocked => {
                Problem::new(403, "This registry's operator blocks the package.").code("blocked")
            }
            Missing::Offline => {
                // 404: it does not come by waiting, and clients try again after a 503.
                let detail = "It is not here, and the registry is offline: upstream registries \
                              are not asked (`registry.offline`).";
                Problem::new(404, detail).code("offline")
            }
            Missing::Loop => Problem::new(508, "The request has been here before.").code("loop"),
            Missing::Unreachable {
                retry_after_s,
                cause,
            } => Problem::new(
                503,
                format!("The upstream registry cannot be asked: {cause}."),
            )
            .header("Retry-After", retry_after_s.to_string())
            .code("upstream_unavailable"),
            Missing::Unsound { cause } => {
                let detail = format!("What the upstream registry sent cannot be used: {cause}.");
                Problem::new(502, detail).code("upstream_unsound")
            }
            Missing::Store(fault) => Problem::from(fault),
            Missing::Disk(cause) => Problem::new(500, cause),
        }
    }
}
