//! What a hub keeps of one client, in one cache line.

use std::rc::Rc;

use thirteen_kernels::config::OffsetBase;

use super::change::FieldSet;
use super::hub::Outlet;
use super::replies::{Replies, WindowFull};

/// A place for a client.
#[derive(Debug)]
pub(super) struct Client<O> {
    /// `None` where the place is free.
    pub(super) outlet: Option<O>,
    pub(super) heard_at_ms: u64,
    /// Since when the socket has been busy, if `is_blocked`.
    pub(super) blocked_at_ms: u64,
    pub(super) generation: u32,
    /// The number of the first notice that it has not been sent.
    pub(super) next_notice: u32,
    pub(super) replies: Replies,
    /// The fields that it has not been told of.
    pub(super) missed: FieldSet,
    pub(super) base: OffsetBase,
    pub(super) is_blocked: bool,
    pub(super) owes_sync: bool,
    pub(super) owes_heartbeat: bool,
    /// Whether its next message waits for room in `replies`, so that we cannot hear it.
    pub(super) is_held_up: bool,
}

impl<O> Default for Client<O> {
    fn default() -> Client<O> {
        Client {
            outlet: None,
            heard_at_ms: 0,
            blocked_at_ms: 0,
            generation: 0,
            next_notice: 0,
            replies: Replies::default(),
            missed: FieldSet::EMPTY,
            base: OffsetBase::Lockfile,
            is_blocked: false,
            owes_sync: false,
            owes_heartbeat: false,
            is_held_up: false,
        }
    }
}

impl<O> Client<O> {
    pub(super) fn is_owed(&self) -> bool {
        !self.missed.is_empty() || self.owes_sync || self.owes_heartbeat || self.replies.has_ready()
    }

    pub(super) fn miss(&mut self, fields: FieldSet) {
        self.missed = self.missed.union(fields);
    }

    pub(super) fn room(&mut self) -> Result<(), WindowFull> {
        self.is_held_up = self.replies.is_full();
        if self.is_held_up {
            Err(WindowFull)
        } else {
            Ok(())
        }
    }
}

impl<O: Outlet> Client<O> {
    /// Keeps what is owed after replies were sent.
    pub(super) fn settle(&mut self, owed: Replies) {
        self.replies = owed;
        if self.is_held_up && !owed.is_full() {
            self.is_held_up = false;
            if let Some(outlet) = &self.outlet {
                outlet.resume();
            }
        }
    }
}

const _: () = assert!(size_of::<Client<Rc<()>>>() <= 64);
