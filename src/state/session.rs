//! What a WebSocket client may say, and what follows from it.

use thirteen_kernels::config::OffsetBase;
use thirteen_kernels::config::frame::{FRAME_BYTES_MAX, Frame, FrameFault, decode_from_client};

use super::access::{Caller, Principal, Writer};
use super::change::{Change, ClientId, Origin};
use super::hub::{Hub, Now, Outlet};
use super::replies::WindowFull;
use crate::auth::rate::{RateKey, RateTable, Verdict};
use crate::http::websocket::CloseCode;
use crate::settings::WritePolicy;
use crate::telemetry::{Fault, Local, Operation};

/// One client's session, from the opening handshake on.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    base: OffsetBase,
    caller: Caller,
    /// Whose changes are counted.
    rate_key: RateKey,
}

/// What changes are held against, as it is when they come: a session outlives settings.
#[derive(Clone, Copy)]
pub struct Rules<'r> {
    /// Who may change the configuration.
    pub policy: WritePolicy,
    /// Counts the changes that clients ask for.
    pub writes: &'r RateTable,
}

/// A whole message of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming<'m> {
    /// A binary message.
    Binary(&'m [u8]),
    /// A text message.
    Text,
}

/// What is to be done after a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Read on: what was due is with the hub.
    Read,
    /// Hand the change to the owner, then read on.
    Submit {
        /// The change.
        change: Change,
        /// Who asked for it.
        origin: Origin,
        /// The proof that the client may.
        writer: Writer,
    },
    /// Read nothing more until [`Outlet::resume`], then give this message again.
    Hold,
    /// Close the connection.
    Close {
        /// Why, as a number.
        code: CloseCode,
        /// Why, in words.
        reason: &'static str,
    },
}

impl Session {
    /// A session of a client that chose `base`.
    pub fn new(base: OffsetBase, caller: Caller, rate_key: RateKey) -> Session {
        Session {
            base,
            caller,
            rate_key,
        }
    }

    /// Takes from the client what it had proved to be: the proof holds no longer.
    pub fn become_anyone(&mut self) {
        self.caller.principal = Principal::Anyone;
    }

    /// How the client names fields.
    pub fn base(&self) -> OffsetBase {
        self.base
    }

    /// Takes a message of the client `id`; `record` times what is done now and then, and counts
    /// faults.
    pub fn receive<O: Outlet>(
        &self,
        id: ClientId,
        message: Incoming<'_>,
        hub: &mut Hub<O>,
        rules: Rules<'_>,
        record: &Local,
        now: Now,
    ) -> Next {
        let bytes = match message {
            Incoming::Binary(bytes) => bytes,
            Incoming::Text => {
                let code = CloseCode::UNSUPPORTED;
                return Next::Close {
                    code,
                    reason: "Binary messages only",
                };
            }
        };
        if hub.room(id) == Err(WindowFull) {
            return Next::Hold;
        }
        let decode = || decode_from_client(bytes, self.base);
        let frame = record.sample(Operation::FrameDecode, decode);
        if matches!(frame, Ok(_) | Err(FrameFault::NotAllowed)) {
            hub.heard(id, now);
        }
        let wish = frame
            .and_then(|frame| Wish::of(&frame))
            .and_then(|wish| match wish {
                Wish::Change(change) => {
                    let permit = || self.permit(rules, now);
                    Ok(Permitted::Change(
                        change,
                        record.sample(Operation::RateCheck, permit)?,
                    ))
                }
                Wish::Heartbeat => Ok(Permitted::Heartbeat),
                Wish::Sync => Ok(Permitted::Sync),
            });
        let done = match wish {
            Ok(Permitted::Change(change, writer)) => {
                hub.begin(id, change.frame()).map(|origin| Next::Submit {
                    change,
                    origin,
                    writer,
                })
            }
            Ok(Permitted::Heartbeat) => {
                hub.answer_heartbeat(id, now);
                Ok(Next::Read)
            }
            Ok(Permitted::Sync) => {
                hub.sync(id, now);
                Ok(Next::Read)
            }
            Err(fault) => {
                record.fault(kind_of(fault));
                hub.refuse_frame(id, fault, now).map(|()| Next::Read)
            }
        };
        done.unwrap_or(Next::Hold)
    }

    /// Lets a change pass, and counts it.
    fn permit(&self, rules: Rules<'_>, now: Now) -> Result<Writer, FrameFault> {
        let writer = self.caller.writer(rules.policy);
        let writer = writer.ok_or(FrameFault::NotAllowed)?;
        match rules.writes.check(self.rate_key, now.steady_ms) {
            Verdict::Allowed => Ok(writer),
            Verdict::Limited { .. } => Err(FrameFault::RateLimited),
        }
    }
}

/// The kind under which metrics count a refused frame.
fn kind_of(fault: FrameFault) -> Fault {
    match fault {
        FrameFault::RateLimited => Fault::RateLimited,
        FrameFault::InvalidLength
        | FrameFault::ChecksumMismatch
        | FrameFault::UnknownType
        | FrameFault::InvalidField
        | FrameFault::OutOfRange
        | FrameFault::NotAllowed => Fault::ConfigFrame,
    }
}

/// What a valid frame asks for.
enum Wish {
    Change(Change),
    Heartbeat,
    Sync,
}

/// The same, where it is allowed.
enum Permitted {
    Change(Change, Writer),
    Heartbeat,
    Sync,
}

impl Wish {
    fn of(frame: &Frame<'_>) -> Result<Wish, FrameFault> {
        let change = match *frame {
            Frame::Update { field, value } => Change::update(field, value),
            Frame::Toggle { feature, switch } => Ok(Change::Toggle { feature, switch }),
            Frame::Resize { rows, cols } => Change::resize(rows, cols),
            Frame::Bulk(entries) => Change::bulk(entries.iter()),
            Frame::Heartbeat { .. } => return Ok(Wish::Heartbeat),
            Frame::SyncRequest => return Ok(Wish::Sync),
            // Text is for consoles, and there is none behind this session; the rest is the
            // server's to say.
            Frame::TerminalInput(_)
            | Frame::TerminalOutput(_)
            | Frame::RegisterPackage { .. }
            | Frame::Ack { .. }
            | Frame::Error { .. }
            | Frame::SyncResponse { .. } => return Err(FrameFault::NotAllowed),
        };
        Ok(Wish::Change(change?))
    }
}

/// The subprotocols, by preference when a client offers both in one breath; a client must offer
/// the first.
pub const SUBPROTOCOLS: [&str; 2] = ["bun.config.v1", "bun.config.v1.base0"];

/// How clients of a subprotocol name fields.
pub fn base_of_subprotocol(subprotocol: &str) -> Option<OffsetBase> {
    let [lockfile, zero] = SUBPROTOCOLS;
    if subprotocol == lockfile {
        Some(OffsetBase::Lockfile)
    } else if subprotocol == zero {
        Some(OffsetBase::Zero)
    } else {
        None
    }
}

/// The longest message that can be a frame; longer ones are refused by the WebSocket (1009).
pub const MESSAGE_BYTES_MAX: usize = FRAME_BYTES_MAX;

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use thirteen_kernels::config::frame::{
        BULK_BYTES_MAX, FrameType, encode_ack, encode_bulk, encode_error, encode_heartbeat,
        encode_register_package, encode_resize, encode_sync_request, encode_sync_response,
        encode_terminal_input, encode_terminal_output, encode_toggle, encode_update,
    };
    use thirteen_kernels::config::frame::{Frame, PackageVersion, decode};
    use thirteen_kernels::config::{ConfigState, Feature, Field, StateCell, Switch};

    use super::super::access::tests::{NEIGHBOUR, STRANGER};
    use super::super::hub::tests::{Wire, messages_of};
    use super::super::replies::REPLIES_MAX;
    use super::*;
    use crate::auth::rate::Rule;

    const NOW: Now = Now {
        steady_ms: 1_000,
        unix_ms: 1_700_000_000_000,
    };

    struct Talk {
        session: Session,
        hub: Hub<Wire>,
        id: ClientId,
        wire: Wire,
        policy: WritePolicy,
        writes: RateTable,
        record: Local,
    }

    impl Talk {
        fn new(base: OffsetBase, caller: Caller) -> Talk {
            let cell = Rc::new(StateCell::new(ConfigState::DEFAULT, 9));
            let mut hub = Hub::new(0, cell);
            let wire = Wire::default();
            let id = hub.join(wire.clone(), base, NOW);
            wire.0.borrow_mut().taken.clear();
            let session = Session::new(base, caller, RateKey::from_keyed_hash(1));
            let writes = RateTable::new(Rule::new(40, 60_000).unwrap(), 2);
            Talk {
                session,
                hub,
                id,
                wire,
                policy: WritePolicy::Loopback,
                writes,
                record: Local::new(0, crate::telemetry::Clock::calibrate(), &[]),
            }
        }

        fn say(&mut self, message: &[u8]) -> Next {
            self.say_at(message, NOW)
        }

        fn say_at(&mut self, message: &[u8], now: Now) -> Next {
            let message = Incoming::Binary(message);
            let rules = Rules {
                policy: self.policy,
                writes: &self.writes,
            };
            self.session
                .receive(self.id, message, &mut self.hub, rules, &self.record, now)
        }

        fn heard(&self) -> Vec<Vec<u8>> {
            let taken = std::mem::take(&mut self.wire.0.borrow_mut().taken);
            taken.iter().flat_map(|chunk| messages_of(chunk)).collect()
        }

        /// Says something that is refused, and returns the error that came back.
        fn refused(&mut self, message: &[u8]) -> FrameFault {
            assert_eq!(self.say(message), Next::Read);
            let heard = self.heard();
            let [error] = &heard[..] else {
                panic!("one ERROR: {heard:?}")
            };
            match decode(error, self.session.base()) {
                Ok(Frame::Error { fault, .. }) => fault,
                other => panic!("an ERROR: {other:?}"),
            }
        }
    }

    fn changes(base: OffsetBase) -> Vec<(FrameType, Vec<u8>)> {
        let mut bulk = [0; BULK_BYTES_MAX];
        let length = encode_bulk(&[(Field::Rows, 9), (Field::Cols, 8)], base, &mut bulk);
        vec![
            (
                FrameType::Update,
                encode_update(Field::Rows, 40, base).to_vec(),
            ),
            (
                FrameType::Toggle,
                encode_toggle(Feature::Debug, Switch::On, base).to_vec(),
            ),
            (FrameType::Resize, encode_resize(40, 120).to_vec()),
            (FrameType::Bulk, bulk[..length].to_vec()),
        ]
    }

    #[test]
    fn changes_are_submitted_by_those_who_may_write() {
        for base in [OffsetBase::Lockfile, OffsetBase::Zero] {
            let mut writer = Talk::new(base, NEIGHBOUR);
            let mut reader = Talk::new(base, STRANGER);
            for (frame_type, frame) in changes(base) {
                let Next::Submit { change, .. } = writer.say(&frame) else {
                    panic!("a change")
                };
                assert_eq!(change.frame(), frame_type);
                assert!(
                    writer.heard().is_empty(),
                    "the ACK comes when it is durable"
                );
                assert_eq!(reader.refused(&frame), FrameFault::NotAllowed);
            }
        }
    }

    #[test]
    fn the_policy_in_force_decides_and_not_the_one_of_the_handshake() {
        let frame = encode_resize(40, 120);
        for (caller, loopback_admits) in [(NEIGHBOUR, true), (STRANGER, false)] {
            let mut talk = Talk::new(OffsetBase::Lockfile, caller);
            for (policy, is_admitted) in [
                (WritePolicy::Open, true),
                (WritePolicy::Token, false),
                (WritePolicy::Loopback, loopback_admits),
                (WritePolicy::Open, true),
            ] {
                talk.policy = policy;
                if is_admitted {
                    let Next::Submit { origin, .. } = talk.say(&frame) else {
                        panic!("{policy:?} admits it")
                    };
                    talk.hub
                        .refuse(&[origin], super::super::Refusal::Busy, NOW, |_, _| {});
                    talk.heard();
                } else {
                    assert_eq!(talk.refused(&frame), FrameFault::NotAllowed, "{policy:?}");
                }
            }
        }
    }

    #[test]
    fn the_base_decides_what_an_offset_means() {
        let frame = encode_update(Field::Cols, 7, OffsetBase::Zero);
        let mut zero = Talk::new(OffsetBase::Zero, NEIGHBOUR);
        assert!(matches!(zero.say(&frame), Next::Submit { .. }));
        let mut lockfile = Talk::new(OffsetBase::Lockfile, NEIGHBOUR);
        assert_eq!(lockfile.refused(&frame), FrameFault::InvalidField);
    }

    #[test]
    fn every_fault_has_its_error() {
        let mut talk = Talk::new(OffsetBase::Lockfile, NEIGHBOUR);
        let good = encode_update(Field::Rows, 40, OffsetBase::Lockfile);
        let sealed = |kind: u8, offset: u8, value: u8| {
            let sum = kind ^ offset ^ value;
            [kind, offset, 0, 0, 0, value, 0, 0, 0, 0, 0, 0, 0, sum]
        };
        assert_eq!(talk.refused(&[]), FrameFault::InvalidLength);
        assert_eq!(talk.refused(&good[..13]), FrameFault::InvalidLength);
        assert_eq!(
            talk.refused(&[0; MESSAGE_BYTES_MAX]),
            FrameFault::InvalidLength
        );
        let mut bad_sum = good;
        bad_sum[13] ^= 1;
        assert_eq!(talk.refused(&bad_sum), FrameFault::ChecksumMismatch);
        assert_eq!(talk.refused(&sealed(0x55, 0, 0)), FrameFault::UnknownType);
        assert_eq!(talk.refused(&sealed(0x01, 6, 0)), FrameFault::InvalidField);
        assert_eq!(talk.refused(&sealed(0x01, 14, 0)), FrameFault::OutOfRange);
    }

    #[test]
    fn what_is_the_servers_to_say_and_what_no_console_reads_is_not_allowed() {
        let mut talk = Talk::new(OffsetBase::Lockfile, NEIGHBOUR);
        let mut text = [0; MESSAGE_BYTES_MAX];
        let version = PackageVersion::saturating(1, 2, 3);
        assert_eq!(
            talk.refused(&encode_ack(FrameType::Update)),
            FrameFault::NotAllowed
        );
        assert_eq!(
            talk.refused(&encode_error(FrameFault::RateLimited)),
            FrameFault::NotAllowed
        );
        let register = encode_register_package("left-pad", version);
        assert_eq!(talk.refused(&register), FrameFault::NotAllowed);
        let sync = encode_sync_response(&ConfigState::DEFAULT, 1);
        assert_eq!(talk.refused(&sync), FrameFault::NotAllowed);
        let length = encode_terminal_input("ls", &mut text);
        assert_eq!(talk.refused(&text[..length]), FrameFault::NotAllowed);
        let length = encode_terminal_output("ls", &mut text);
        assert_eq!(talk.refused(&text[..length]), FrameFault::NotAllowed);
    }

    #[test]
    fn a_sync_and_a_heartbeat_are_answered() {
        let mut talk = Talk::new(OffsetBase::Zero, STRANGER);
        assert_eq!(talk.say(&encode_sync_request()), Next::Read);
        assert_eq!(
            talk.heard(),
            [encode_sync_response(&ConfigState::DEFAULT, 9).to_vec()]
        );
        assert_eq!(talk.say(&encode_heartbeat(5)), Next::Read);
        assert_eq!(talk.heard(), [encode_heartbeat(NOW.unix_ms).to_vec()]);
    }

    #[test]
    fn text_closes_the_connection() {
        let mut talk = Talk::new(OffsetBase::Lockfile, NEIGHBOUR);
        let next = talk.session.receive(
            talk.id,
            Incoming::Text,
            &mut talk.hub,
            Rules {
                policy: talk.policy,
                writes: &talk.writes,
            },
            &talk.record,
            NOW,
        );
        assert!(matches!(
            next,
            Next::Close {
                code: CloseCode::UNSUPPORTED,
                ..
            }
        ));
    }

    #[test]
    fn only_valid_frames_keep_a_client() {
        let late = Now {
            steady_ms: 30_999,
            ..NOW
        };
        let end = Now {
            steady_ms: 31_000,
            ..NOW
        };
        let valid = encode_heartbeat(1);
        let mut corrupted = valid;
        corrupted[13] ^= 1;
        for (frame, is_kept) in [(valid, true), (corrupted, false)] {
            let mut talk = Talk::new(OffsetBase::Lockfile, STRANGER);
            assert_eq!(talk.say_at(&frame, late), Next::Read);
            talk.hub.beat(end, 30_000);
            assert_eq!(talk.wire.0.borrow().closed.is_none(), is_kept);
        }
    }

    #[test]
    fn changes_are_counted_and_refused_past_the_limit() {
        let mut talk = Talk::new(OffsetBase::Lockfile, NEIGHBOUR);
        let frame = encode_resize(40, 120);
        let mut submitted = 0;
        while let Next::Submit { origin, .. } = talk.say(&frame) {
            submitted += 1;
            talk.hub
                .refuse(&[origin], super::super::Refusal::Busy, NOW, |_, _| {});
            assert_eq!(talk.heard().len(), 1);
        }
        assert_eq!(submitted, 40, "the rule of these tests");
        assert_eq!(
            talk.heard(),
            [encode_error(FrameFault::RateLimited).to_vec()]
        );
        assert_eq!(
            talk.say(&encode_sync_request()),
            Next::Read,
            "reading goes on"
        );
    }

    #[test]
    fn a_full_window_holds_the_message_and_does_not_count_it() {
        let mut talk = Talk::new(OffsetBase::Lockfile, NEIGHBOUR);
        let frame = encode_resize(40, 120);
        let mut origins = Vec::new();
        while let Next::Submit { origin, .. } = talk.say(&frame) {
            origins.push(origin);
        }
        assert_eq!(origins.len(), REPLIES_MAX);
        for _ in 0..100 {
            assert_eq!(talk.say(&frame), Next::Hold);
        }
        assert_eq!(talk.wire.0.borrow().resumed, 0);
        talk.hub
            .refuse(&origins[..1], super::super::Refusal::Busy, NOW, |_, _| {});
        assert_eq!(talk.wire.0.borrow().resumed, 1);
        assert!(matches!(talk.say(&frame), Next::Submit { .. }));
    }

    #[test]
    fn subprotocols_name_their_base() {
        assert_eq!(
            base_of_subprotocol("bun.config.v1"),
            Some(OffsetBase::Lockfile)
        );
        assert_eq!(
            base_of_subprotocol("bun.config.v1.base0"),
            Some(OffsetBase::Zero)
        );
        assert_eq!(base_of_subprotocol("bun.config.v2"), None);
    }
}
