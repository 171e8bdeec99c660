//! What a reply has to know of its request and its door.

use thirteen_kernels::http::{Head, TargetForm};

use crate::telemetry::trace_id::{IdSource, hex};

use super::coding::{AcceptedCodings, Coding};
use super::policy::{DoorPolicy, ProblemForm, RequestIds, Welcome};
use super::problem::Occurrence;
use super::trace::{Came, SentIds, Trace};

/// A request as its reply sees it.
#[derive(Clone, Copy)]
pub(super) struct Asked<'o> {
    /// `None` where the head was refused.
    head: Option<Head<'o>>,
    origin: Option<&'o [u8]>,
    pub(super) trace: Trace,
    /// The client's own id of the request, where the door echoes it, or the one that was made.
    request_id: Option<[u8; 16]>,
    policy: &'o DoorPolicy,
}

impl<'o> Asked<'o> {
    /// Reads what a reply needs of a head; its ids are made where it has none.
    #[inline]
    pub(super) fn read(head: Head<'o>, policy: &'o DoorPolicy, ids: &mut IdSource) -> Asked<'o> {
        let (sent, origin) = SentIds::find(&head);
        let mut trace = Trace::of(sent, ids);
        let sent_id = request_id(sent, policy);
        if sent_id.is_none() && policy.request_ids == RequestIds::Echoed && is_for_others(&head) {
            trace.request_id = Some(ids.request_id());
        }
        Asked {
            head: Some(head),
            origin,
            request_id: sent_id.or_else(|| trace.request_id.map(hex)),
            trace,
            policy,
        }
    }

    /// A request that was looked at before and has its ids.
    pub(super) fn again(head: Head<'o>, policy: &'o DoorPolicy, trace: Trace) -> Asked<'o> {
        let (sent, origin) = SentIds::find(&head);
        Asked {
            head: Some(head),
            origin,
            trace,
            request_id: request_id(sent, policy).or_else(|| trace.request_id.map(hex)),
            policy,
        }
    }

    /// A request that could not be read.
    pub(super) fn unread(policy: &'o DoorPolicy, ids: &mut IdSource) -> Asked<'o> {
        Asked {
            head: None,
            origin: None,
            trace: Trace::made(ids),
            request_id: None,
            policy,
        }
    }

    /// What the door says of every reply.
    #[inline]
    pub(super) fn security(&self) -> &'static [u8] {
        self.policy.security
    }

    /// What the door says to the page that asks.
    #[inline]
    pub(super) fn welcome(&self) -> Welcome<'o> {
        self.policy.cors.welcome(self.origin)
    }

    /// Writes the header lines of the request's ids.
    #[inline]
    pub(super) fn write_ids(&self, out: &mut Vec<u8>) {
        self.trace.write(out);
        if let Some(id) = &self.request_id {
            out.extend_from_slice(b"X-Bun-Request-ID: ");
            out.extend_from_slice(id);
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Whether a reply says the same to everybody who asks like this: no ids that were sent, no
    /// origin that counts.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.trace.came == Came::Made
            && self.welcome() == Welcome::Unasked
            && self.request_id.is_none()
    }

    /// The coding that the client likes best, of equals the first in this order.
    #[inline]
    pub(super) fn coding(&self, order: [Coding; Coding::ALL.len()]) -> Option<Coding> {
        let head = self.head?;
        head.header("accept-encoding")?;
        let lines = head.headers().filter_map(|(name, value)| {
            name.eq_ignore_ascii_case(b"accept-encoding")
                .then_some(value)
        });
        AcceptedCodings::read(lines).best(&order)
    }

    /// The header of this name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&'o [u8]> {
        self.head.and_then(|head| head.header(name))
    }

    /// The headers that a request of another origin may have.
    pub(super) fn allow_headers(&self) -> &'o str {
        self.policy.cors.allow_headers()
    }

    /// How the door tells of a problem.
    pub(super) fn problem_form(&self) -> ProblemForm {
        self.policy.problems
    }

    /// Which request this is, for those who fail.
    pub(super) fn occurrence(&self) -> Occurrence<'o> {
        Occurrence {
            path: self.head.map(|head| head.path()),
            trace: Some(self.trace.parent.trace),
        }
    }
}

/// Whether a request may be one that another host is to answer. Whoever is behind a proxy has no
/// other way to tell such a request from the next, so each has an id (PROTOCOL.md, "Headers").
#[inline]
fn is_for_others(head: &Head<'_>) -> bool {
    match head.target_form() {
        TargetForm::Absolute | TargetForm::Authority => true,
        TargetForm::Origin | TargetForm::Asterisk => false,
    }
}

/// The id that a client gave its request, where it is one: 16 hexadecimal digits.
fn request_id(sent: SentIds<'_>, policy: &DoorPolicy) -> Option<[u8; 16]> {
    let text = sent
        .request_id
        .filter(|_| policy.request_ids == RequestIds::Echoed)?;
    let is_id = text.iter().all(u8::is_ascii_hexdigit);
    text.try_into().ok().filter(|_| is_id)
}
