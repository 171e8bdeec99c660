//! Bodies of upstreams, whole: as long as each may be, and all of them together.

use super::missing::Missing;
use super::uplink::Uplink;
use crate::context::Context;
use crate::limits::UPSTREAM_ROOM_PATIENCE;
use crate::outgoing::Body;
use crate::registry::budget::Share;

/// A body that is in memory, and its share of what may be.
pub(super) struct Collected {
    /// Its bytes.
    pub(super) body: Vec<u8>,
    /// Held for as long as they are, in whatever form.
    pub(super) share: Share,
}

/// Collects the body of an answer.
///
/// # Errors
/// Why it is not to be had; it is counted.
pub(super) async fn collect(
    context: &Context,
    uplink: &Uplink,
    body: Body,
    bytes_max: usize,
) -> Result<Collected, Missing> {
    let mut share = context.house.uplinks.bodies.share();
    let room = async |bytes| share.grow_within(bytes, UPSTREAM_ROOM_PATIENCE).await;
    match body.collect(bytes_max, room).await {
        Ok(body) => {
            uplink.tally.add_bytes(body.len() as u64);
            Ok(Collected { body, share })
        }
        Err(fault) => {
            uplink.count_fault(&fault, context.house.steady_ms());
            Err(uplink.missing(&fault))
        }
    }
}
