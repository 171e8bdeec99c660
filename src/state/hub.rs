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
pub(super) mod tests {
    use std::cell::RefCell;

    use thirteen_kernels::config::frame::{Frame, decode};
    use thirteen_kernels::config::{ConfigState, Feature, Field, Switch};

    use super::super::access::tests::WRITER;
    use super::super::change::{Change, Expected};
    use super::super::owner::{Owner, Settled, Written};
    use super::super::replies::REPLIES_MAX;
    use super::*;

    /// A socket in the hands of a test.
    #[derive(Clone, Default)]
    pub(in super::super) struct Wire(pub(in super::super) Rc<RefCell<Socket>>);

    #[derive(Default)]
    pub(in super::super) struct Socket {
        pub(in super::super) taken: Vec<Bytes>,
        pub(in super::super) room: Option<usize>,
        pub(in super::super) is_gone: bool,
        pub(in super::super) resumed: usize,
        pub(in super::super) closed: Option<(u16, &'static str)>,
    }

    impl Outlet for Wire {
        fn try_send(&self, messages: &Bytes) -> Sent {
            let mut socket = self.0.borrow_mut();
            assert!(!messages.is_empty(), "nothing is not sent");
            if socket.is_gone {
                return Sent::Gone;
            }
            if socket.room.is_some_and(|room| socket.taken.len() >= room) {
                return Sent::Busy;
            }
            socket.taken.push(messages.clone());
            Sent::Taken
        }

        fn resume(&self) {
            self.0.borrow_mut().resumed += 1;
        }

        fn close(self, code: CloseCode, reason: &'static str) {
            self.0.borrow_mut().closed = Some((code.number(), reason));
        }
    }

    impl Wire {
        /// What arrived, as hexadecimal frames without their WebSocket heads.
        fn frames(&self) -> Vec<String> {
            let taken = std::mem::take(&mut self.0.borrow_mut().taken);
            taken
                .iter()
                .flat_map(|chunk| messages_of(chunk))
                .map(|frame| hex(&frame))
                .collect()
        }

        fn set_room(&self, room: Option<usize>) {
            self.0.borrow_mut().room = room;
        }
    }

    /// Splits a server's bytes into the payloads of its messages.
    pub(in super::super) fn messages_of(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        while let [head, length, rest @ ..] = bytes {
            assert_eq!(*head, 0x82, "a whole binary message");
            assert!(*length < 126, "its length is short");
            let (message, after) = rest.split_at(usize::from(*length));
            messages.push(message.to_vec());
            bytes = after;
        }
        messages
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn at(steady_ms: u64) -> Now {
        Now {
            steady_ms,
            unix_ms: 1_700_000_000_000,
        }
    }

    /// A hub with its owner, without a disk.
    struct Shard {
        hub: Hub<Wire>,
        owner: Owner,
    }

    impl Shard {
        fn new() -> Shard {
            let cell = Rc::new(StateCell::new(ConfigState::DEFAULT, 0));
            Shard {
                hub: Hub::new(3, cell),
                owner: Owner::new(ConfigState::DEFAULT, 0, 100),
            }
        }

        fn join(&mut self, base: OffsetBase) -> (ClientId, Wire) {
            let wire = Wire::default();
            let id = self.hub.join(wire.clone(), base, at(0));
            assert_eq!(wire.frames().len(), 1, "the opening bulk");
            (id, wire)
        }

        fn submit(&mut self, id: ClientId, change: Change) {
            let origin = self.hub.begin(id, change.frame()).unwrap();
            self.owner
                .submit(change, origin, &Expected::Any, WRITER)
                .unwrap();
        }

        fn publish(&mut self, steady_ms: u64) {
            self.owner.next_write().unwrap();
            match self.owner.write_done(Written::Durable) {
                Settled::Published(batch) => self.hub.apply(&batch, at(steady_ms), |_, _| {}),
                settled @ (Settled::Failed(_) | Settled::Nothing) => panic!("{settled:?}"),
            }
        }

        fn change(&mut self, id: ClientId, change: Change) {
            self.submit(id, change);
            self.publish(0);
        }
    }

    const ACK_UPDATE: &str = "0600000000010000000000000007";
    const ACK_TOGGLE: &str = "0600000000020000000000000004";
    const ACK_RESIZE: &str = "0600000000040000000000000002";
    const ROWS_40: &str = "010e000000280000000000000027";
    const COLS_120: &str = "010f000000780000000000000076";

    fn rows(rows: u64) -> Change {
        Change::update(Field::Rows, rows).unwrap()
    }

    #[test]
    fn a_client_begins_with_all_seven_fields() {
        for base in [OffsetBase::Lockfile, OffsetBase::Zero] {
            let mut shard = Shard::new();
            let wire = Wire::default();
            shard.hub.join(wire.clone(), base, at(0));
            let [chunk] = &wire.0.borrow().taken[..] else {
                panic!("one send")
            };
            let frames = messages_of(chunk);
            assert_eq!(frames.len(), 1);
            let Ok(Frame::Bulk(entries)) = decode(&frames[0], base) else {
                panic!("a bulk")
            };
            assert_eq!(
                entries.iter().collect::<Vec<_>>(),
                ConfigState::DEFAULT.values()
            );
        }
    }

    #[test]
    fn an_update_goes_to_the_others_and_its_ack_to_the_sender() {
        let mut shard = Shard::new();
        let (sender, sent) = shard.join(OffsetBase::Lockfile);
        let (_, other) = shard.join(OffsetBase::Lockfile);
        let (_, zero) = shard.join(OffsetBase::Zero);
        shard.change(sender, rows(40));
        assert_eq!(sent.frames(), [ACK_UPDATE]);
        assert_eq!(other.frames(), [ROWS_40]);
        assert_eq!(zero.frames(), ["010a000000280000000000000023"]);
    }

    #[test]
    fn a_toggle_and_a_resize_go_to_everyone_before_the_ack() {
        let mut shard = Shard::new();
        let (sender, sent) = shard.join(OffsetBase::Lockfile);
        let (_, other) = shard.join(OffsetBase::Lockfile);
        shard.change(
            sender,
            Change::Toggle {
                feature: Feature::Debug,
                switch: Switch::Off,
            },
        );
        let flags = "010900000003000000000000000b";
        assert_eq!(sent.frames(), [flags, ACK_TOGGLE]);
        assert_eq!(other.frames(), [flags]);
        shard.change(sender, Change::resize(40, 120).unwrap());
        assert_eq!(sent.frames(), [ROWS_40, COLS_120, ACK_RESIZE]);
        assert_eq!(other.frames(), [ROWS_40, COLS_120]);
    }

    #[test]
    fn a_bulk_stays_whole_unless_it_has_one_field() {
        let mut shard = Shard::new();
        let (sender, sent) = shard.join(OffsetBase::Zero);
        let (_, other) = shard.join(OffsetBase::Zero);
        let values = [
            (Field::TerminalMode, 2),
            (Field::Rows, 40),
            (Field::Cols, 120),
        ];
        shard.change(sender, Change::bulk(values.into_iter()).unwrap());
        assert_eq!(sent.frames(), ["0600000000200000000000000026"]);
        let vector = "20090000000200000000000000000a0000002800000000000000000b0000007800000000\
                      000000007a";
        assert_eq!(other.frames(), [vector]);
        shard.change(
            sender,
            Change::bulk([(Field::Rows, 41)].into_iter()).unwrap(),
        );
        assert_eq!(other.frames(), ["010a000000290000000000000022"]);
    }

    #[test]
    fn a_batch_is_one_send_shared_by_all_and_acks_stand_in_their_places() {
        let mut shard = Shard::new();
        let (first, first_wire) = shard.join(OffsetBase::Lockfile);
        let (second, second_wire) = shard.join(OffsetBase::Lockfile);
        let watchers: Vec<_> = (0..3).map(|_| shard.join(OffsetBase::Lockfile).1).collect();
        shard.submit(first, rows(40));
        shard.submit(second, Change::resize(40, 120).unwrap());
        shard.submit(first, rows(40));
        shard.publish(0);
        let sends: Vec<_> = watchers
            .iter()
            .map(|wire| wire.0.borrow().taken.clone())
            .collect();
        assert!(sends.iter().all(|sends| sends.len() == 1));
        assert!(
            sends
                .iter()
                .all(|sends| sends[0].as_ptr() == sends_start(&watchers[0]))
        );
        assert_eq!(watchers[0].frames(), [ROWS_40, ROWS_40, COLS_120, ROWS_40]);
        assert_eq!(
            first_wire.frames(),
            [ACK_UPDATE, ROWS_40, COLS_120, ACK_UPDATE]
        );
        assert_eq!(
            second_wire.frames(),
            [ROWS_40, ROWS_40, COLS_120, ACK_RESIZE, ROWS_40]
        );
    }

    fn sends_start(wire: &Wire) -> *const u8 {
        wire.0.borrow().taken[0].as_ptr()
    }

    #[test]
    fn a_slow_client_gets_its_acks_and_then_the_latest_values() {
        let mut shard = Shard::new();
        let (slow, wire) = shard.join(OffsetBase::Lockfile);
        let (other, _) = shard.join(OffsetBase::Lockfile);
        wire.set_room(Some(0));
        shard.change(other, rows(1));
        shard.change(slow, rows(2));
        shard.change(other, Change::update(Field::Cols, 9).unwrap());
        shard.change(other, rows(40));
        shard.hub.sync(slow, at(5));
        shard.hub.answer_heartbeat(slow, at(6));
        assert!(wire.frames().is_empty());
        assert_eq!(shard.hub.tally().updates_folded, 3, "those of the other");
        wire.set_room(Some(1));
        let sent_before = shard.hub.tally().frames_sent;
        shard.hub.drained(slow, at(7));
        assert_eq!(wire.0.borrow().taken.len(), 1, "all in one send");
        assert_eq!(shard.hub.tally().frames_sent, sent_before + 4);
        let frames = wire.frames();
        let [ack, bulk, sync, heartbeat] = &frames[..] else {
            panic!("{frames:?}")
        };
        assert_eq!(ack, ACK_UPDATE);
        let entries = [
            "0e0000002800000000000000",
            "00",
            "0f0000000900000000000000",
            "00",
        ];
        assert_eq!(*bulk, ["20", &entries.concat(), "00"].concat());
        assert!(sync.starts_with("22") && heartbeat.starts_with("05"));
        shard.hub.drained(slow, at(8));
        assert!(wire.frames().is_empty(), "nothing is owed");
    }

    #[test]
    fn a_slow_sender_is_told_of_its_own_toggle_too() {
        for is_blocked_before in [true, false] {
            let mut shard = Shard::new();
            let (slow, wire) = shard.join(OffsetBase::Lockfile);
            wire.set_room(Some(0));
            if is_blocked_before {
                shard.hub.beat(at(1), 30_000);
            }
            shard.change(
                slow,
                Change::Toggle {
                    feature: Feature::Debug,
                    switch: Switch::Off,
                },
            );
            wire.set_room(None);
            shard.hub.drained(slow, at(2));
            let flags = ["20", "090000000300000000000000", "00", "2a"].concat();
            assert_eq!(wire.frames(), [ACK_TOGGLE, &flags]);
        }
    }

    #[test]
    fn a_client_that_never_drains_is_closed_in_time() {
        let mut shard = Shard::new();
        let (slow, wire) = shard.join(OffsetBase::Lockfile);
        let (other, other_wire) = shard.join(OffsetBase::Lockfile);
        wire.set_room(Some(0));
        shard.submit(other, rows(1));
        shard.publish(1_000);
        shard.hub.heard(slow, at(25_000));
        shard.hub.heard(other, at(25_000));
        shard.hub.beat(at(30_999), 30_000);
        assert_eq!(wire.0.borrow().closed, None);
        shard.hub.beat(at(31_000), 30_000);
        assert_eq!(wire.0.borrow().closed, Some((1013, "Too slow")));
        assert_eq!(other_wire.0.borrow().closed, None);
        assert_eq!(shard.hub.client_count(), 1);
    }

    #[test]
    fn a_silent_client_is_closed_in_time() {
        let mut shard = Shard::new();
        let (client, wire) = shard.join(OffsetBase::Lockfile);
        shard.hub.beat(at(29_999), 30_000);
        assert_eq!(wire.frames(), ["05000000000068e5cf8b010000cd"]);
        shard.hub.heard(client, at(29_999));
        shard.hub.beat(at(59_998), 30_000);
        assert_eq!(wire.0.borrow().closed, None);
        shard.hub.beat(at(59_999), 30_000);
        assert_eq!(wire.0.borrow().closed, Some((1000, "Timeout")));
        assert_eq!(shard.hub.client_count(), 0);
    }

    #[test]
    fn a_notice_goes_to_everybody_as_soon_as_their_socket_takes_it() {
        let mut shard = Shard::new();
        let (_, one) = shard.join(OffsetBase::Lockfile);
        let (_, other) = shard.join(OffsetBase::Zero);
        let (busy_id, busy) = shard.join(OffsetBase::Zero);
        let (gone, _) = shard.join(OffsetBase::Zero);
        shard.hub.leave(gone);
        busy.set_room(Some(0));
        shard.hub.announce(&[3, 1, 2], at(0));
        assert_eq!(one.frames(), ["030102"]);
        assert_eq!(other.frames(), ["030102"]);
        shard.hub.announce(&[3, 4], at(0));
        assert_eq!(one.frames(), ["0304"]);
        assert_eq!(busy.frames(), [""; 0]);
        busy.set_room(None);
        shard.hub.drained(busy_id, at(0));
        assert_eq!(busy.frames(), ["030102", "0304"]);
        shard.hub.drained(busy_id, at(0));
        shard.hub.announce(&[3, 5], at(0));
        assert_eq!(busy.frames(), ["0305"]);
        // Who comes later was told by the document that it asks for.
        let (_, late) = shard.join(OffsetBase::Zero);
        assert_eq!(late.frames(), [""; 0]);
    }

    #[test]
    fn heartbeats_do_not_pile_up_before_a_busy_socket() {
        let mut shard = Shard::new();
        let (client, wire) = shard.join(OffsetBase::Lockfile);
        wire.set_room(Some(0));
        for beat in 1..10 {
            shard.hub.beat(at(beat * 100), 30_000);
        }
        wire.set_room(None);
        shard.hub.drained(client, at(1_000));
        assert!(wire.frames().is_empty());
        shard.hub.beat(at(1_100), 30_000);
        assert_eq!(wire.frames().len(), 1);
    }

    #[test]
    fn an_error_waits_for_the_replies_before_it() {
        let mut shard = Shard::new();
        let (client, wire) = shard.join(OffsetBase::Lockfile);
        shard
            .hub
            .refuse_frame(client, FrameFault::ChecksumMismatch, at(0))
            .unwrap();
        assert_eq!(wire.frames().len(), 1, "nothing before it");
        shard.submit(client, rows(40));
        shard
            .hub
            .refuse_frame(client, FrameFault::InvalidLength, at(0))
            .unwrap();
        assert!(wire.frames().is_empty());
        shard.publish(0);
        assert_eq!(wire.frames(), [ACK_UPDATE, "0701000000496e76616c69642077"]);
    }

    #[test]
    fn a_full_window_holds_the_client_until_replies_are_sent() {
        let mut shard = Shard::new();
        let (client, wire) = shard.join(OffsetBase::Lockfile);
        for _ in 0..REPLIES_MAX {
            assert_eq!(shard.hub.room(client), Ok(()));
            shard.submit(client, rows(40));
        }
        assert_eq!(shard.hub.room(client), Err(WindowFull));
        assert!(shard.hub.begin(client, FrameType::Update).is_err());
        // It cannot be heard meanwhile, and is not closed for that.
        shard.hub.beat(at(90_000), 30_000);
        assert_eq!((wire.0.borrow().resumed, wire.0.borrow().closed), (0, None));
        shard.publish(90_000);
        assert_eq!(wire.0.borrow().resumed, 1);
        assert_eq!(wire.frames().len(), 1 + REPLIES_MAX);
        assert_eq!(shard.hub.room(client), Ok(()));
    }

    #[test]
    fn refusals_reach_those_who_asked_on_this_shard() {
        let mut shard = Shard::new();
        let (client, wire) = shard.join(OffsetBase::Lockfile);
        let origin = shard.hub.begin(client, FrameType::Update).unwrap();
        let request = |shard, number| Origin {
            shard,
            asker: Asker::Request(number),
        };
        let mut told = Vec::new();
        let origins = [origin, request(3, 7), request(2, 8)];
        shard
            .hub
            .refuse(&origins, Refusal::DiskFailed, at(0), |number, decision| {
                told.push((number, decision));
            });
        assert_eq!(told, [(7, Decision::Refused(Refusal::DiskFailed))]);
        let frames = wire.frames();
        assert!(
            frames.len() == 1 && frames[0].starts_with("0707000000"),
            "{frames:?}"
        );
    }

    #[test]
    fn those_who_left_are_not_mistaken_for_others() {
        let mut shard = Shard::new();
        let (gone, gone_wire) = shard.join(OffsetBase::Lockfile);
        shard.submit(gone, rows(40));
        shard.hub.leave(gone);
        shard.hub.leave(gone);
        assert_eq!(shard.hub.client_count(), 0);
        let (next, wire) = shard.join(OffsetBase::Lockfile);
        assert_eq!(next.index, gone.index);
        shard.hub.drained(gone, at(0));
        shard.hub.sync(gone, at(0));
        shard.publish(0);
        assert_eq!(
            wire.frames(),
            [ROWS_40],
            "a change like any other, and no ACK"
        );
        assert!(gone_wire.frames().is_empty());
    }

    #[test]
    fn a_connection_that_ended_is_forgotten() {
        let mut shard = Shard::new();
        let (sender, _) = shard.join(OffsetBase::Lockfile);
        let (_, wire) = shard.join(OffsetBase::Zero);
        wire.0.borrow_mut().is_gone = true;
        shard.change(sender, rows(40));
        assert_eq!(shard.hub.client_count(), 1);
        assert_eq!(wire.0.borrow().closed, None);
    }
}
