//! A shard's clients, with sockets in the hands of a test.

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
