//! A batch of changes, encoded once for every client of an offset base.

use bytes::Bytes;
use thirteen_kernels::config::OffsetBase;

use super::change::{FieldSet, Published};
use super::wire;

/// A batch as every client of one base is told of it.
pub(super) struct Broadcast {
    pub(super) messages: Bytes,
    /// Where in `messages` each change ends.
    ends: Vec<usize>,
    /// All fields that the batch sets.
    pub(super) fields: FieldSet,
}

impl Broadcast {
    pub(super) fn encode(batch: &[Published], base: OffsetBase) -> Broadcast {
        let mut messages = Vec::with_capacity(batch.len() * CHANGE_BYTES_USUAL);
        let mut ends = Vec::with_capacity(batch.len());
        let mut fields = FieldSet::EMPTY;
        for change in batch {
            wire::change(change, base, &mut messages);
            ends.push(messages.len());
            fields = fields.union(change.fields);
        }
        Broadcast {
            messages: messages.into(),
            ends,
            fields,
        }
    }

    pub(super) fn change_count(&self) -> usize {
        self.ends.len()
    }

    /// The messages of the changes at positions `from` to `to`, exclusive.
    pub(super) fn of_changes(&self, from: usize, to: usize) -> &[u8] {
        let start_of = |position: usize| match position.checked_sub(1) {
            Some(before) => self.ends[before],
            None => 0,
        };
        &self.messages[start_of(from)..start_of(to)]
    }
}

/// One value for each offset base.
#[derive(Debug, Default)]
pub(super) struct PerBase<T> {
    pub(super) lockfile: T,
    pub(super) zero: T,
}

impl<T> PerBase<T> {
    pub(super) fn of_mut(&mut self, base: OffsetBase) -> &mut T {
        match base {
            OffsetBase::Lockfile => &mut self.lockfile,
            OffsetBase::Zero => &mut self.zero,
        }
    }
}

impl<T> PerBase<Option<T>> {
    pub(super) fn of(&self, base: OffsetBase) -> Option<&T> {
        match base {
            OffsetBase::Lockfile => self.lockfile.as_ref(),
            OffsetBase::Zero => self.zero.as_ref(),
        }
    }
}

/// A CONFIG_UPDATE and its WebSocket head.
const CHANGE_BYTES_USUAL: usize = 16;
