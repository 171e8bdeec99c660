//! The replies that a client is owed, in the order of its frames, in 18 bytes.

use thirteen_kernels::config::frame::{FrameFault, FrameType};

/// What a client is owed for its frames: each gets one reply, and none overtakes another.
///
/// A queue of at most [`REPLIES_MAX`], four bits each: a frame of one of four types that waits for
/// the disk, the same acknowledged, or one of the seven faults.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Replies {
    /// Bytes rather than a `u128`, whose alignment would cost each client 14 more.
    codes: [u8; REPLIES_MAX / 2],
    first: u8,
    count: u8,
}

/// A reply that can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// The change is durable.
    Ack(FrameType),
    /// The frame was refused.
    Error(FrameFault),
}

/// No reply can be owed any more before one is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowFull;

impl Replies {
    /// Owes a reply that is not known yet; the place is for [`Replies::decide`].
    pub(super) fn wait(&mut self, frame: FrameType) -> Result<u8, WindowFull> {
        self.push(code_of_ack(frame) | WAITING)
    }

    /// Owes an error.
    pub(super) fn refuse(&mut self, fault: FrameFault) -> Result<(), WindowFull> {
        self.push(code_of_fault(fault)).map(drop)
    }

    /// Acknowledges the frame at a place.
    pub(super) fn acknowledge(&mut self, place: u8) {
        let code = self.code_at(place);
        debug_assert!(is_waiting(code), "a frame is decided once");
        self.set(place, code & !WAITING);
    }

    /// Refuses the frame at a place.
    pub(super) fn decide_against(&mut self, place: u8, fault: FrameFault) {
        debug_assert!(is_waiting(self.code_at(place)), "a frame is decided once");
        self.set(place, code_of_fault(fault));
    }

    /// The next reply that can be sent, if it is known.
    pub(super) fn take(&mut self) -> Option<Reply> {
        let code = self.code_at(self.first);
        if self.count == 0 || is_waiting(code) {
            return None;
        }
        self.first = (self.first + 1) % PLACES;
        self.count -= 1;
        Some(if code < FAULTS {
            Reply::Ack(ACKNOWLEDGED[usize::from(code)])
        } else {
            Reply::Error(FrameFault::ALL[usize::from(code - FAULTS)])
        })
    }

    /// Whether a reply can be sent.
    pub(super) fn has_ready(&self) -> bool {
        self.count > 0 && !is_waiting(self.code_at(self.first))
    }

    /// Whether nothing more can be owed.
    pub(super) fn is_full(&self) -> bool {
        self.count == PLACES
    }

    fn push(&mut self, code: u8) -> Result<u8, WindowFull> {
        if self.is_full() {
            return Err(WindowFull);
        }
        let place = (self.first + self.count) % PLACES;
        self.count += 1;
        self.set(place, code);
        Ok(place)
    }

    fn code_at(&self, place: u8) -> u8 {
        let pair = self.codes[usize::from(place / 2)];
        if place.is_multiple_of(2) {
            pair & 0xf
        } else {
            pair >> 4
        }
    }

    fn set(&mut self, place: u8, code: u8) {
        let pair = &mut self.codes[usize::from(place / 2)];
        *pair = if place.is_multiple_of(2) {
            *pair & 0xf0 | code
        } else {
            *pair & 0xf | code << 4
        };
    }
}

fn code_of_ack(frame: FrameType) -> u8 {
    match frame {
        FrameType::Update => 0,
        FrameType::Toggle => 1,
        FrameType::Resize => 2,
        FrameType::Bulk => 3,
        FrameType::RegisterPackage
        | FrameType::Heartbeat
        | FrameType::Ack
        | FrameType::Error
        | FrameType::TerminalOutput
        | FrameType::TerminalInput
        | FrameType::SyncRequest
        | FrameType::SyncResponse => unreachable!("only frames that change wait for the disk"),
    }
}

fn code_of_fault(fault: FrameFault) -> u8 {
    FAULTS + fault as u8 - 1
}

fn is_waiting(code: u8) -> bool {
    code & !0b11 == WAITING
}

/// By code, below [`WAITING`].
const ACKNOWLEDGED: [FrameType; 4] = [
    FrameType::Update,
    FrameType::Toggle,
    FrameType::Resize,
    FrameType::Bulk,
];
const WAITING: u8 = 4;
const FAULTS: u8 = 8;

/// How many frames of one client may be without a reply.
pub const REPLIES_MAX: usize = 32;
const PLACES: u8 = REPLIES_MAX as u8;

const _: () = assert!(FAULTS as usize + FrameFault::ALL.len() <= 16);
const _: () = assert!(size_of::<Replies>() == 18);

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Wait(usize),
        Refuse(usize),
        /// Decides one of those that wait, by position among them.
        Decide(usize, Option<usize>),
        Take,
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..4usize).prop_map(Step::Wait),
            1 => (0..7usize).prop_map(Step::Refuse),
            2 => (0..40usize, prop::option::of(0..7usize)).prop_map(|(at, fault)| {
                Step::Decide(at, fault)
            }),
            2 => Just(Step::Take),
        ]
    }

    proptest! {
        #[test]
        fn it_is_a_queue_that_stops_at_the_first_undecided(
            steps in prop::collection::vec(any_step(), 1..300)
        ) {
            let mut replies = Replies::default();
            // The place, the type, and the reply once it is known.
            let mut model: VecDeque<(Option<u8>, FrameType, Option<Reply>)> = VecDeque::new();
            for step in steps {
                match step {
                    Step::Wait(kind) => {
                        let frame = ACKNOWLEDGED[kind];
                        match replies.wait(frame) {
                            Ok(place) => model.push_back((Some(place), frame, None)),
                            Err(WindowFull) => prop_assert_eq!(model.len(), REPLIES_MAX),
                        }
                    }
                    Step::Refuse(fault) => {
                        let fault = FrameFault::ALL[fault];
                        match replies.refuse(fault) {
                            Ok(()) => {
                                let reply = Some(Reply::Error(fault));
                                model.push_back((None, FrameType::Error, reply));
                            }
                            Err(WindowFull) => prop_assert_eq!(model.len(), REPLIES_MAX),
                        }
                    }
                    Step::Decide(at, fault) => {
                        let waiting: Vec<_> =
                            model.iter_mut().filter(|(_, _, reply)| reply.is_none()).collect();
                        let count = waiting.len().max(1);
                        let Some((place, frame, reply)) = waiting.into_iter().nth(at % count)
                        else {
                            continue;
                        };
                        let place = place.unwrap();
                        *reply = Some(match fault {
                            None => {
                                replies.acknowledge(place);
                                Reply::Ack(*frame)
                            }
                            Some(fault) => {
                                replies.decide_against(place, FrameFault::ALL[fault]);
                                Reply::Error(FrameFault::ALL[fault])
                            }
                        });
                    }
                    Step::Take => {
                        let expected = model.front().and_then(|(_, _, reply)| *reply);
                        prop_assert_eq!(replies.has_ready(), expected.is_some());
                        prop_assert_eq!(replies.take(), expected);
                        if expected.is_some() {
                            model.pop_front();
                        }
                    }
                }
                prop_assert_eq!(replies.is_full(), model.len() == REPLIES_MAX);
            }
        }
    }
}
