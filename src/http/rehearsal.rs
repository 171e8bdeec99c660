//! A request and its reply without a connection, for tests and benches.

use std::net::{Ipv4Addr, SocketAddr};

use thirteen_kernels::http::{HeadParser, HeadStatus, HeadTable};
use thirteen_kernels::level::Level;

use crate::telemetry::date::http_date;
use crate::telemetry::trace_id::IdSource;

use super::answer::frame_of;
use super::asked::Asked;
use super::policy::DoorPolicy;
use super::reply::Reply;
use super::request::{Parameters, Request};

/// A request that was read.
pub struct Rehearsal<'r> {
    request: Request<'r>,
    asked: &'r Asked<'r>,
}

/// Reads a head and runs with it. Its ids are always the same.
///
/// # Panics
/// When it is not a whole head.
pub fn rehearse<T>(head: &[u8], policy: &DoorPolicy, run: impl FnOnce(&Rehearsal<'_>) -> T) -> T {
    let mut table = HeadTable::new();
    let status = HeadParser::new(Level::detect()).parse(head, &mut table);
    assert!(
        matches!(status, Ok(HeadStatus::Complete { .. })),
        "a whole head: {status:?}"
    );
    let head = table.view(head);
    let asked = Asked::read(head, policy, &mut IdSource::from_seed([7; 32]));
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let parameters = Parameters::default();
    run(&Rehearsal {
        request: Request::new(head, &parameters, peer, &asked.trace),
        asked: &asked,
    })
}

impl<'r> Rehearsal<'r> {
    /// The request.
    pub fn request(&self) -> &Request<'r> {
        &self.request
    }

    /// Writes a reply to the end of `out`, as it would be sent.
    pub fn reply(&self, out: &mut Vec<u8>, write: impl FnOnce(&mut Reply<'_>)) {
        let mut frame = frame_of(&self.request.head(), 0, false);
        let mut reply = Reply::new(out, &mut frame, self.asked, http_date(DATE_UNIX_SECONDS));
        write(&mut reply);
        reply.finish();
    }
}

/// The date of every reply: Sun, 06 Nov 1994 08:49:37 GMT.
const DATE_UNIX_SECONDS: u64 = 784_111_777;
