//! Shards, disk, bus and sockets in the hands of a random script, against what clients may expect.
//!
//! A client of the simulation applies its own change when the ACK comes. Then, after each send
//! that it reads, it must hold exactly what its shard held when the send was taken; every frame
//! gets one reply, in order; no ACK comes before its change is on disk; what was refused is never
//! seen; and when everything has settled all hold the owner's durable state.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use thirteen_kernels::config::frame::{
    BULK_BYTES_MAX, Frame, decode, encode_bulk, encode_heartbeat, encode_resize,
    encode_sync_request, encode_toggle, encode_update,
};
use thirteen_kernels::config::{ConfigState, Feature, Field, OffsetBase, StateCell, Switch};

use super::access::tests::{NEIGHBOUR, STRANGER, WRITER};
use super::hub::tests::messages_of;
use super::*;
use crate::auth::rate::{RateKey, RateTable, Rule};
use crate::http::websocket::CloseCode;
use crate::settings::WritePolicy;
use crate::telemetry;

const SHARDS: usize = 3;
const NOW: Now = Now {
    steady_ms: 0,
    unix_ms: 1_700_000_000_000,
};

/// What a shard was sent by the owner's shard.
enum Post {
    Batch(Batch),
    Refused(Arc<[Origin]>, Refusal),
}

/// A send that was taken, and what the shard held then.
struct Chunk {
    bytes: Bytes,
    state: ConfigState,
    sequence: u64,
}

struct Socket {
    cell: Rc<StateCell>,
    chunks: VecDeque<Chunk>,
    room: usize,
    is_awaited: bool,
    is_resumed: bool,
}

#[derive(Clone)]
struct SimOutlet(Rc<RefCell<Socket>>);

impl Outlet for SimOutlet {
    fn try_send(&self, messages: &Bytes) -> Sent {
        let mut socket = self.0.borrow_mut();
        assert!(
            !socket.is_awaited,
            "a busy socket is left alone until it drains"
        );
        if socket.chunks.len() >= socket.room {
            socket.is_awaited = true;
            return Sent::Busy;
        }
        let (state, sequence) = (socket.cell.read(), socket.cell.sequence());
        socket.chunks.push_back(Chunk {
            bytes: messages.clone(),
            state,
            sequence,
        });
        Sent::Taken
    }

    fn resume(&self) {
        self.0.borrow_mut().is_resumed = true;
    }

    fn close(self, _: CloseCode, _: &'static str) {
        panic!("no time passes here");
    }
}

/// A frame that is owed a reply.
#[derive(Clone, Copy, Debug)]
struct Owed {
    number: u64,
    /// What it asked for; `None` if it was no valid frame.
    change: Option<Change>,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Unread,
    Submitted,
    Accepted(u64),
    Refused,
}

struct SimClient {
    shard: usize,
    id: ClientId,
    session: Session,
    socket: Rc<RefCell<Socket>>,
    view: ConfigState,
    sequence: u64,
    /// Sent and not read by the server, with the number of the reply that is due.
    unread: VecDeque<(Vec<u8>, Option<u64>)>,
    owed: VecDeque<Owed>,
    frames: u64,
    is_held: bool,
}

struct World {
    owner: Owner,
    hubs: Vec<Hub<SimOutlet>>,
    cells: Vec<Rc<StateCell>>,
    disk: Write,
    in_flight: Option<Write>,
    to_owner: Vec<VecDeque<(Change, Origin)>>,
    to_shard: Vec<VecDeque<Post>>,
    clients: Vec<Option<SimClient>>,
    /// Which client's frame an origin stands for.
    asked: HashMap<Origin, (usize, u64)>,
    /// Requests over HTTP: the number that the owner gave.
    requests: HashMap<u64, Fate>,
    answered: HashMap<u64, Decision>,
    writes: RateTable,
    record: telemetry::Local,
}

impl World {
    fn new() -> World {
        let state = ConfigState::DEFAULT;
        let cells: Vec<_> = (0..SHARDS)
            .map(|_| Rc::new(StateCell::new(state, 0)))
            .collect();
        World {
            owner: Owner::new(state, 0, 6),
            hubs: (0..SHARDS)
                .map(|at| Hub::new(at as u16, Rc::clone(&cells[at])))
                .collect(),
            cells,
            disk: Write { state, sequence: 0 },
            in_flight: None,
            to_owner: (0..SHARDS).map(|_| VecDeque::new()).collect(),
            to_shard: (0..SHARDS).map(|_| VecDeque::new()).collect(),
            clients: Vec::new(),
            asked: HashMap::new(),
            requests: HashMap::new(),
            answered: HashMap::new(),
            writes: RateTable::new(Rule::new(1_000_000, 60_000).unwrap(), 2),
            record: telemetry::Local::new(0, telemetry::Clock::calibrate(), &[]),
        }
    }

    fn step(&mut self, dice: u32) {
        let argument = (dice >> 8) as usize;
        let shard = argument % SHARDS;
        match dice % 32 {
            0..=7 => self.client_sends(argument),
            8..=14 => self.server_reads(argument),
            15..=18 => self.owner_takes(shard),
            19..=20 => self.disk_starts(),
            21..=22 => self.disk_ends(Written::Durable),
            23 if argument.is_multiple_of(3) => self.disk_ends(Written::Failed),
            23..=26 => self.shard_takes(shard),
            27..=28 => self.client_reads(argument),
            29 if argument.is_multiple_of(2) => self.join(argument / 2),
            29 if argument.is_multiple_of(7) => self.leave(argument),
            29 => self.hubs[shard].beat(NOW, 1),
            30 => self.request(shard, argument),
            _ => self.client_reads(argument / 3),
        }
    }

    fn join(&mut self, argument: usize) {
        if self.clients.len() >= 9 {
            return;
        }
        let shard = argument % SHARDS;
        let base = [OffsetBase::Lockfile, OffsetBase::Zero][argument / SHARDS % 2];
        let socket = Rc::new(RefCell::new(Socket {
            cell: Rc::clone(&self.cells[shard]),
            chunks: VecDeque::new(),
            room: 1 + argument / 6 % 3,
            is_awaited: false,
            is_resumed: false,
        }));
        let id = self.hubs[shard].join(SimOutlet(Rc::clone(&socket)), base, NOW);
        let caller = match argument.is_multiple_of(11) {
            true => STRANGER,
            false => NEIGHBOUR,
        };
        self.clients.push(Some(SimClient {
            shard,
            id,
            session: Session::new(base, caller, RateKey::from_keyed_hash(1)),
            socket,
            view: ConfigState::from_bytes(&[9, 9, 9, 9, 9, 0, 0, 0, 0, 0, 9, 9, 0]).unwrap(),
            sequence: 0,
            unread: VecDeque::new(),
            owed: VecDeque::new(),
            frames: 0,
            is_held: false,
        }));
    }

    fn leave(&mut self, argument: usize) {
        let count = self.clients.len().max(1);
        if let Some(client) = self
            .clients
            .get_mut(argument % count)
            .and_then(Option::take)
        {
            self.hubs[client.shard].leave(client.id);
        }
    }

    fn client(&mut self, argument: usize) -> Option<&mut SimClient> {
        let count = self.clients.len().max(1);
        self.clients.get_mut(argument % count)?.as_mut()
    }

    fn client_sends(&mut self, argument: usize) {
        let Some(client) = self.client(argument) else {
            return;
        };
        let base = client.session.base();
        let value = (argument / 16 % 255 + 1) as u64;
        let (frame, change) = match argument / 9 % 8 {
            0 => (encode_sync_request().to_vec(), None),
            1 => (encode_heartbeat(1).to_vec(), None),
            2 => (vec![1, 2, 3], None),
            3 => {
                let feature = Feature::ALL[argument % Feature::ALL.len()];
                let switch = [Switch::Off, Switch::On][argument / 11 % 2];
                let change = Change::Toggle { feature, switch };
                (encode_toggle(feature, switch, base).to_vec(), Some(change))
            }
            4 => {
                let change = Change::resize(value as u8, 7).unwrap();
                (encode_resize(value as u8, 7).to_vec(), Some(change))
            }
            5 => {
                let values = [(Field::Cols, value), (Field::RegistryHash, value * 77)];
                let mut frame = [0; BULK_BYTES_MAX];
                let length = encode_bulk(&values, base, &mut frame);
                (
                    frame[..length].to_vec(),
                    Some(Change::bulk(values.into_iter()).unwrap()),
                )
            }
            _ => {
                let field = [Field::Rows, Field::Cols, Field::Version][argument % 3];
                let change = Change::update(field, value).unwrap();
                (encode_update(field, value, base).to_vec(), Some(change))
            }
        };
        let is_answered_apart = matches!(frame[0], 0x21 | 0x05);
        let reply = (!is_answered_apart).then(|| {
            client.frames += 1;
            client.owed.push_back(Owed {
                number: client.frames,
                change,
                fate: Fate::Unread,
            });
            client.frames
        });
        client.unread.push_back((frame, reply));
    }

    fn server_reads(&mut self, argument: usize) {
        let index = argument % self.clients.len().max(1);
        let Some(client) = self.clients.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        if client.is_held && !std::mem::take(&mut client.socket.borrow_mut().is_resumed) {
            return;
        }
        client.is_held = false;
        let Some((frame, reply)) = client.unread.front() else {
            return;
        };
        let hub = &mut self.hubs[client.shard];
        let message = Incoming::Binary(frame);
        let rules = Rules {
            policy: WritePolicy::Loopback,
            writes: &self.writes,
        };
        match client
            .session
            .receive(client.id, message, hub, rules, &self.record, NOW)
        {
            Next::Hold => {
                client.is_held = true;
                return;
            }
            Next::Read => {
                if let Some(number) = *reply {
                    client.decide(number, Fate::Refused);
                }
            }
            Next::Submit { change, origin, .. } => {
                let number = reply.unwrap();
                client.decide(number, Fate::Submitted);
                self.asked.insert(origin, (index, number));
                self.to_owner[client.shard].push_back((change, origin));
            }
            Next::Close { .. } => panic!("nothing here closes"),
        }
        client.unread.pop_front();
    }

    fn request(&mut self, shard: usize, argument: usize) {
        let number = self.requests.len() as u64;
        self.requests.insert(number, Fate::Submitted);
        let change = Change::update(Field::Version, (argument % 256) as u64).unwrap();
        let origin = Origin {
            shard: shard as u16,
            asker: Asker::Request(number),
        };
        self.to_owner[shard].push_back((change, origin));
    }

    fn owner_takes(&mut self, shard: usize) {
        let Some((change, origin)) = self.to_owner[shard].pop_front() else {
            return;
        };
        match self.owner.submit(change, origin, &Expected::Any, WRITER) {
            Ok(Ticket(sequence)) => self.decide(origin, Fate::Accepted(sequence)),
            Err(refusal) => {
                self.decide(origin, Fate::Refused);
                let origins = Arc::new([origin]);
                self.to_shard[shard].push_back(Post::Refused(origins, refusal));
            }
        }
    }

    fn disk_starts(&mut self) {
        let write = self.owner.next_write().or_else(|| self.owner.next_probe());
        assert!(
            write.is_none() || self.in_flight.is_none(),
            "one write at a time"
        );
        self.in_flight = self.in_flight.or(write);
    }

    fn disk_ends(&mut self, written: Written) {
        let Some(write) = self.in_flight.take() else {
            return;
        };
        if written == Written::Durable {
            assert!(write.sequence > self.disk.sequence, "numbers rise");
            self.disk = write;
        }
        match self.owner.write_done(written) {
            Settled::Published(batch) => {
                assert_eq!(batch.last().unwrap().sequence, self.disk.sequence);
                for posts in &mut self.to_shard {
                    posts.push_back(Post::Batch(Arc::clone(&batch)));
                }
            }
            Settled::Failed(origins) => {
                for origin in origins.iter() {
                    self.decide(*origin, Fate::Refused);
                }
                for posts in &mut self.to_shard {
                    posts.push_back(Post::Refused(Arc::clone(&origins), Refusal::DiskFailed));
                }
            }
            Settled::Nothing => {}
        }
    }

    fn shard_takes(&mut self, shard: usize) {
        let Some(post) = self.to_shard[shard].pop_front() else {
            return;
        };
        let answered = &mut self.answered;
        let answer = |number, decision| {
            assert_eq!(
                answered.insert(number, decision),
                None,
                "a request is answered once"
            );
        };
        match post {
            Post::Batch(batch) => self.hubs[shard].apply(&batch, NOW, answer),
            Post::Refused(origins, refusal) => {
                self.hubs[shard].refuse(&origins, refusal, NOW, answer);
            }
        }
    }

    fn client_reads(&mut self, argument: usize) {
        let disk = self.disk.sequence;
        let Some(client) = self.client(argument) else {
            return;
        };
        let Some(chunk) = client.socket.borrow_mut().chunks.pop_front() else {
            return;
        };
        client.read(&chunk, disk);
        if std::mem::take(&mut client.socket.borrow_mut().is_awaited) {
            let (shard, id) = (client.shard, client.id);
            self.hubs[shard].drained(id, NOW);
        }
    }

    fn decide(&mut self, origin: Origin, fate: Fate) {
        match origin.asker {
            Asker::Request(number) => drop(self.requests.insert(number, fate)),
            Asker::Client { .. } => {
                let (index, number) = self.asked[&origin];
                if let Some(client) = &mut self.clients[index] {
                    client.decide(number, fate);
                }
            }
        }
    }

    /// Lets everything that is under way come to its end.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            for index in 0..self.clients.len() {
                self.server_reads(index);
                self.client_reads(index);
            }
            for shard in 0..SHARDS {
                self.owner_takes(shard);
                self.shard_takes(shard);
            }
            self.disk_starts();
            self.disk_ends(Written::Durable);
            let is_settled = self.clients.iter().flatten().all(SimClient::is_settled)
                && self.to_owner.iter().all(VecDeque::is_empty)
                && self.to_shard.iter().all(VecDeque::is_empty)
                && self.owner.waiting_count() == 0;
            if is_settled {
                return;
            }
        }
        panic!("it does not come to an end");
    }

    fn check(&self) {
        let durable = self.owner.durable().state;
        assert_eq!(self.owner.health(), Health::Sound);
        assert_eq!(self.disk, self.owner.durable());
        for cell in &self.cells {
            assert_eq!(cell.read(), durable);
        }
        for client in self.clients.iter().flatten() {
            assert_eq!(client.view, durable);
            assert!(
                client.owed.is_empty(),
                "each frame has its reply: {:?}",
                client.owed
            );
        }
        for (number, fate) in &self.requests {
            match (fate, self.answered.get(number)) {
                (Fate::Accepted(given), Some(Decision::Made(made))) => assert_eq!(given, made),
                (Fate::Refused, Some(Decision::Refused(_))) => {}
                other => panic!("request {number}: {other:?}"),
            }
        }
    }
}

impl SimClient {
    fn decide(&mut self, number: u64, fate: Fate) {
        let owed = self
            .owed
            .iter_mut()
            .find(|owed| owed.number == number)
            .unwrap();
        owed.fate = fate;
    }

    fn read(&mut self, chunk: &Chunk, disk: u64) {
        for message in messages_of(&chunk.bytes) {
            match decode(&message, self.session.base()).unwrap() {
                Frame::Update { field, value } => {
                    self.view = self.view.with(field, value).unwrap();
                }
                Frame::Bulk(entries) => self.view = entries.apply(self.view),
                Frame::SyncResponse { state, sequence } => {
                    assert_eq!((state, sequence), (chunk.state, chunk.sequence));
                    self.view = state;
                }
                Frame::Ack { acknowledged } => {
                    let owed = self.owed.pop_front().expect("an ACK is owed");
                    let change = owed.change.expect("only changes are acknowledged");
                    assert_eq!(change.frame(), acknowledged);
                    let Fate::Accepted(sequence) = owed.fate else {
                        panic!("{owed:?}")
                    };
                    assert!(sequence <= disk, "change {sequence} with {disk} on disk");
                    self.view = change.apply(self.view);
                }
                Frame::Error { .. } => {
                    let owed = self.owed.pop_front().expect("an ERROR is owed");
                    assert_eq!(owed.fate, Fate::Refused);
                }
                Frame::Heartbeat { unix_ms } => assert_eq!(unix_ms, NOW.unix_ms),
                frame @ (Frame::Toggle { .. }
                | Frame::Resize { .. }
                | Frame::RegisterPackage { .. }
                | Frame::TerminalInput(_)
                | Frame::TerminalOutput(_)
                | Frame::SyncRequest) => panic!("the server does not send {frame:?}"),
            }
        }
        assert!(chunk.sequence >= self.sequence && chunk.sequence <= disk);
        self.sequence = chunk.sequence;
        assert_eq!(self.view, chunk.state, "as of change {}", chunk.sequence);
    }

    fn is_settled(&self) -> bool {
        let socket = self.socket.borrow();
        self.unread.is_empty() && socket.chunks.is_empty() && !socket.is_awaited
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn clients_follow_the_owner_whatever_happens(
        script in prop::collection::vec(any::<u32>(), 1..1_500)
    ) {
        let mut world = World::new();
        (0..4).for_each(|argument| world.join(argument));
        for dice in script {
            world.step(dice);
        }
        world.settle();
        world.check();
    }
}
