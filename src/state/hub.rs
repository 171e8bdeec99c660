//! A shard's clients: told of every change in order, each at the pace that its socket allows.
//!
//! A batch of changes is encoded once for all clients of an offset base. A client whose socket is
//! still busy with what it was given before is told nothing more; the fields that change
//! meanwhile are remembered in a set, and when the socket drains their values go out together. So
//! a client costs the same memory however far it falls behind.
//!
//! The ACK of a change stands where the change itself stands among those of others: a client that
//! applies its own change when the ACK comes has made the same changes in the same order as the
//! owner. For the same reason a client that fell behind gets its ACKs first, and after them the
//! values as they are by then.

use std::rc::Rc;

use bytes::Bytes;
use thirteen_kernels::config::frame::{FrameFault, FrameType};
use thirteen_kernels::config::{OffsetBase, StateCell};

use super::broadcast::{Broadcast, PerBase};
use super::change::{Asker, Audience, ClientId, FieldSet, Origin, Published, Refusal};
use super::client::Client;
use super::notices::Notices;
use super::replies::WindowFull;
use super::wire;
use crate::http::websocket::CloseCode;

/// The clients of one shard.
#[derive(Debug)]
pub struct Hub<O> {
    shard: u16,
    cell: Rc<StateCell>,
    clients: Vec<Client<O>>,
    free: Vec<u32>,
    counts: PerBase<usize>,
    tally: Tally,
    notices: Notices,
    /// Where private messages are put together.
    scratch: Vec<u8>,
}

/// What a hub counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames that sockets took.
    pub frames_sent: u64,
    /// Changes that clients which read slowly were not told of one by one.
    pub updates_folded: u64,
}

/// The sending side of a client's connection. Its methods are called while the hub is borrowed,
/// so they must not call back into it.
pub trait Outlet {
    /// Takes whole WebSocket messages to send. What is taken is sent in the order of the calls.
    fn try_send(&self, messages: &Bytes) -> Sent;

    /// The client's window has room: a frame that met [`WindowFull`] can be given again.
    fn resume(&self);

    /// Closes the connection with this code and reason. The hub has forgotten the client.
    fn close(self, code: CloseCode, reason: &'static str);
}

/// What became of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// They will be sent.
    Taken,
    /// Not now: the socket still has earlier ones. [`Hub::drained`] is to be called when it can
    /// take more.
    Busy,
    /// Never: the connection has ended.
    Gone,
}

/// What a waiting request is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The change is durable, under this number.
    Made(u64),
    /// The change was not made.
    Refused(Refusal),
}

/// A reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Since some moment in the past; never goes back.
    pub steady_ms: u64,
    /// Since 1970.
    pub unix_ms: u64,
}

impl<O: Outlet> Hub<O> {
    /// A hub without clients that keeps `cell`, the shard's copy, up to date.
    pub fn new(shard: u16, cell: Rc<StateCell>) -> Hub<O> {
        Hub {
            shard,
            cell,
            clients: Vec::new(),
            free: Vec::new(),
            counts: PerBase::default(),
            tally: Tally::default(),
            notices: Notices::default(),
            scratch: Vec::new(),
        }
    }

    /// Takes in a client and sends it all seven fields.
    pub fn join(&mut self, outlet: O, base: OffsetBase, now: Now) -> ClientId {
        let index = match self.free.pop() {
            Some(index) => index as usize,
            None => {
                self.clients.push(Client::default());
                self.clients.len() - 1
            }
        };
        let client = &mut self.clients[index];
        *client = Client {
            outlet: Some(outlet),
            base,
            heard_at_ms: now.steady_ms,
            missed: FieldSet::ALL,
            next_notice: self.notices.next(),
            generation: client.generation.wrapping_add(1),
            ..Client::default()
        };
        let id = ClientId {
            index: index as u32,
            generation: client.generation,
        };
        *self.counts.of_mut(base) += 1;
        self.flush(index, now);
        id
    }

    /// Forgets a client; nothing if that has happened already. What it asked for goes on.
    pub fn leave(&mut self, id: ClientId) {
        if let Some(index) = self.find(id) {
            self.remove(index);
        }
    }

    /// How many clients there are.
    pub fn client_count(&self) -> usize {
        self.counts.lockfile + self.counts.zero
    }

    /// What was counted since the hub was made.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// A client's socket can take messages again, after [`Sent::Busy`].
    pub fn drained(&mut self, id: ClientId, now: Now) {
        if let Some(index) = self.find(id) {
            self.clients[index].is_blocked = false;
            self.flush(index, now);
        }
    }

    /// A valid frame came from a client.
    pub fn heard(&mut self, id: ClientId, now: Now) {
        if let Some(index) = self.find(id) {
            self.clients[index].heard_at_ms = now.steady_ms;
        }
    }

    /// Whether a client may be owed one more reply; if not, its next message is to be kept until
    /// [`Outlet::resume`].
    pub fn room(&mut self, id: ClientId) -> Result<(), WindowFull> {
        match self.find(id) {
            Some(index) => self.clients[index].room(),
            None => Ok(()),
        }
    }

    /// Opens a place for the reply to a frame that asks for a change. The origin that is returned
    /// goes with the change, and comes back with what is decided.
    pub fn begin(&mut self, id: ClientId, frame: FrameType) -> Result<Origin, WindowFull> {
        // A client that has left may still have a frame to be read; no reply will find it.
        let place = match self.find(id) {
            Some(index) => self.clients[index].replies.wait(frame)?,
            None => 0,
        };
        Ok(Origin {
            shard: self.shard,
            asker: Asker::Client { id, reply: place },
        })
    }

    /// Refuses a frame. The ERROR waits for the replies to earlier frames.
    pub fn refuse_frame(
        &mut self,
        id: ClientId,
        fault: FrameFault,
        now: Now,
    ) -> Result<(), WindowFull> {
        if let Some(index) = self.find(id) {
            self.clients[index].replies.refuse(fault)?;
            self.flush(index, now);
        }
        Ok(())
    }

    /// Answers a SYNC_REQUEST.
    pub fn sync(&mut self, id: ClientId, now: Now) {
        if let Some(index) = self.find(id) {
            self.clients[index].owes_sync = true;
            self.flush(index, now);
        }
    }

    /// Answers a HEARTBEAT.
    pub fn answer_heartbeat(&mut self, id: ClientId, now: Now) {
        if let Some(index) = self.find(id) {
            self.clients[index].owes_heartbeat = true;
            self.flush(index, now);
        }
    }

    /// Takes a durable batch, which must be the one that follows the last: updates the shard's
    /// copy, tells the clients, acknowledges, and answers this shard's requests.
    pub fn apply(&mut self, batch: &[Published], now: Now, mut answer: impl FnMut(u64, Decision)) {
        let Some(last) = batch.last() else { return };
        debug_assert!(
            last.sequence > self.cell.sequence(),
            "batches come in order"
        );
        self.cell.write(last.state, last.sequence);
        let broadcasts = PerBase {
            lockfile: (self.counts.lockfile > 0)
                .then(|| Broadcast::encode(batch, OffsetBase::Lockfile)),
            zero: (self.counts.zero > 0).then(|| Broadcast::encode(batch, OffsetBase::Zero)),
        };
        let own = self.own_changes(batch);
        let mut own = own.as_slice();
        for index in 0..self.clients.len() {
            let mine;
            (mine, own) = own.split_at(own.iter().take_while(|own| own.client == index).count());
            let Some(broadcast) = broadcasts.of(self.clients[index].base) else {
                continue;
            };
            if self.clients[index].outlet.is_none() {
                continue;
            }
            if mine.is_empty() {
                self.tell(index, broadcast, now);
            } else {
                self.tell_asker(index, batch, mine, broadcast, now);
            }
        }
        for change in batch
            .iter()
            .filter(|change| change.origin.shard == self.shard)
        {
            if let Asker::Request(number) = change.origin.asker {
                answer(number, Decision::Made(change.sequence));
            }
        }
    }

    /// Tells those of this shard who asked in vain.
    pub fn refuse(
        &mut self,
        origins: &[Origin],
        refusal: Refusal,
        now: Now,
        mut answer: impl FnMut(u64, Decision),
    ) {
        let shard = self.shard;
        for origin in origins.iter().filter(|origin| origin.shard == shard) {
            match origin.asker {
                Asker::Request(number) => answer(number, Decision::Refused(refusal)),
                Asker::Client { id, reply } => {
                    if let Some(index) = self.find(id) {
                        let fault = fault_of(refusal);
                        self.clients[index].replies.decide_against(reply, fault);
                        self.flush(index, now);
                    }
                }
            }
        }
    }

    /// Sends every client a frame that is none of the configuration's; those whose socket is busy
    /// get it when it drains.
    pub fn announce(&mut self, frame: &[u8], now: Now) {
        self.scratch.clear();
        wire::notice(frame, &mut self.scratch);
        let notice = Bytes::copy_from_slice(&self.scratch);
        self.notices.add(&notice);
        for index in 0..self.clients.len() {
            if !self.clients[index].is_blocked && self.send(index, &notice, now) == Sent::Taken {
                self.clients[index].next_notice = self.notices.next();
            }
        }
    }

    /// Sends every client a HEARTBEAT and closes those that have been silent, or have not
    /// drained their socket, for `timeout_ms`.
    pub fn beat(&mut self, now: Now, timeout_ms: u64) {
        self.scratch.clear();
        wire::heartbeat(now.unix_ms, &mut self.scratch);
        let heartbeat = Bytes::copy_from_slice(&self.scratch);
        for index in 0..self.clients.len() {
            let client = &mut self.clients[index];
            let is_late = |since_ms: u64| now.steady_ms.saturating_sub(since_ms) >= timeout_ms;
            if client.outlet.is_none() {
                continue;
            }
            if client.is_blocked && is_late(client.blocked_at_ms) {
                self.close(index, CloseCode::TRY_AGAIN_LATER, "Too slow");
            } else if !client.is_held_up && is_late(client.heard_at_ms) {
                self.close(index, CloseCode::NORMAL, "Timeout");
            } else if !client.is_blocked {
                // A heartbeat that does not go out at once is worth nothing later.
                self.send(index, &heartbeat, now);
            }
        }
    }

    /// This shard's own askers that are still there, by client and then in order.
    fn own_changes(&self, batch: &[Published]) -> Vec<OwnChange> {
        let mut own = Vec::new();
        for (position, change) in batch.iter().enumerate() {
            if change.origin.shard == self.shard
                && let Asker::Client { id, reply } = change.origin.asker
                && let Some(client) = self.find(id)
            {
                own.push(OwnChange {
                    client,
                    position,
                    reply,
                });
            }
        }
        own.sort_unstable_by_key(|own| (own.client, own.position));
        own
    }

    /// Tells a client of a batch in which it has no part.
    fn tell(&mut self, index: usize, broadcast: &Broadcast, now: Now) {
        if self.clients[index].is_blocked
            || self.send(index, &broadcast.messages, now) == Sent::Busy
        {
            self.fold(index, broadcast.fields, broadcast.change_count());
        }
    }

    /// Tells a client of a batch in which it asked for some of the changes.
    fn tell_asker(
        &mut self,
        index: usize,
        batch: &[Published],
        mine: &[OwnChange],
        broadcast: &Broadcast,
        now: Now,
    ) {
        let mut out = std::mem::take(&mut self.scratch);
        out.clear();
        let client = &mut self.clients[index];
        // What is owed after these messages are sent; `client.replies` is what is owed if not.
        let mut owed = client.replies;
        let mut told = FieldSet::EMPTY;
        let mut next = 0;
        for own in mine {
            let others = &batch[next..own.position];
            told = others
                .iter()
                .fold(told, |told, change| told.union(change.fields));
            out.extend_from_slice(broadcast.of_changes(next, own.position));
            next = own.position + 1;
            if batch[own.position].audience() == Audience::Everyone {
                told = told.union(batch[own.position].fields);
                out.extend_from_slice(broadcast.of_changes(own.position, next));
            }
            client.replies.acknowledge(own.reply);
            owed.acknowledge(own.reply);
            while let Some(reply) = owed.take() {
                wire::reply(reply, &mut out);
            }
        }
        told = batch[next..]
            .iter()
            .fold(told, |told, change| told.union(change.fields));
        out.extend_from_slice(broadcast.of_changes(next, batch.len()));
        let others = batch.len() - mine.len();
        if client.is_blocked {
            self.fold(index, told, others);
        } else if !out.is_empty() {
            match self.send(index, &Bytes::copy_from_slice(&out), now) {
                Sent::Taken => self.clients[index].settle(owed),
                Sent::Busy => self.fold(index, told, others),
                Sent::Gone => {}
            }
        }
        self.scratch = out;
    }

    /// Keeps changes of a client whose socket is busy as the set of fields that they touch.
    fn fold(&mut self, index: usize, fields: FieldSet, change_count: usize) {
        self.clients[index].miss(fields);
        self.tally.updates_folded += change_count as u64;
    }

    /// Sends a client all that it is owed, unless its socket is busy.
    fn flush(&mut self, index: usize, now: Now) {
        let client = &self.clients[index];
        let is_noticed = client.next_notice == self.notices.next();
        if client.is_blocked || is_noticed && !client.is_owed() {
            return;
        }
        let mut out = std::mem::take(&mut self.scratch);
        out.clear();
        let mut owed = client.replies;
        while let Some(reply) = owed.take() {
            wire::reply(reply, &mut out);
        }
        wire::fields(client.missed, &self.cell.read(), client.base, &mut out);
        if client.owes_sync {
            wire::sync_response(&self.cell.read(), self.cell.sequence(), &mut out);
        }
        if client.owes_heartbeat {
            wire::heartbeat(now.unix_ms, &mut out);
        }
        self.notices.since(client.next_notice, &mut out);
        if self.send(index, &Bytes::copy_from_slice(&out), now) == Sent::Taken {
            let client = &mut self.clients[index];
            client.missed = FieldSet::EMPTY;
            client.owes_sync = false;
            client.owes_heartbeat = false;
            client.next_notice = self.notices.next();
            client.settle(owed);
        }
        self.scratch = out;
    }

    /// Offers messages to a client's socket and notes when that is busy or gone.
    fn send(&mut self, index: usize, messages: &Bytes, now: Now) -> Sent {
        let client = &mut self.clients[index];
        let Some(outlet) = &client.outlet else {
            return Sent::Gone;
        };
        let sent = outlet.try_send(messages);
        match sent {
            Sent::Taken => self.tally.frames_sent += wire::message_count(messages),
            Sent::Busy => {
                client.is_blocked = true;
                client.blocked_at_ms = now.steady_ms;
            }
            Sent::Gone => drop(self.remove(index)),
        }
        sent
    }

    fn close(&mut self, index: usize, code: CloseCode, reason: &'static str) {
        if let Some(outlet) = self.remove(index) {
            outlet.close(code, reason);
        }
    }

    fn remove(&mut self, index: usize) -> Option<O> {
        let client = &mut self.clients[index];
        let outlet = client.outlet.take()?;
        *self.counts.of_mut(client.base) -= 1;
        self.free.push(index as u32);
        Some(outlet)
    }

    fn find(&self, id: ClientId) -> Option<usize> {
        let client = self.clients.get(id.index as usize)?;
        let is_there = client.outlet.is_some() && client.generation == id.generation;
        is_there.then_some(id.index as usize)
    }
}

/// A change in a batch that a client of this shard asked for.
struct OwnChange {
    client: usize,
    position: usize,
    reply: u8,
}

/// Either refusal may pass by itself, which is what "Rate limited" tells a client; the log says
/// which it was. No frame expects anything, so that none is stale.
fn fault_of(refusal: Refusal) -> FrameFault {
    match refusal {
        Refusal::Busy | Refusal::DiskFailed | Refusal::Stale => FrameFault::RateLimited,
    }
}

#[cfg(test)]
pub(super) mod tests;
