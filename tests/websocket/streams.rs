//! What holds for any stream of bytes: no panic, bounded memory, one result however it is cut.

use proptest::collection::vec;
use proptest::prelude::*;
use thirteen::http::websocket::{Ending, Endpoint, Incoming, Phase};
use thirteen_kernels::level::Level;

use crate::cases::{Fin, frame};

/// What an endpoint made of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    incoming: Vec<Seen>,
    sent: Vec<u8>,
    phase: Phase,
}

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Message(String, Vec<u8>),
    Ping,
    Pong(Vec<u8>),
    Close(Option<u16>, Vec<u8>),
    Violated(String),
}

fn outcome<'p>(level: Level, pieces: impl IntoIterator<Item = &'p [u8]>) -> Outcome {
    let mut endpoint = Endpoint::new(level, MESSAGE_BYTES_MAX as u32);
    let mut incoming = Vec::new();
    let mut sent = Vec::new();
    for piece in pieces {
        let mut input = piece.to_vec();
        let mut at = 0;
        while at < input.len() {
            let rest = &mut input[at..];
            let advance = endpoint.advance(rest, &mut sent);
            assert!(advance.consumed_bytes > 0 && advance.consumed_bytes <= rest.len());
            assert!(endpoint.buffered_bytes() <= MESSAGE_BYTES_MAX + CONTROL_BYTES_MAX);
            at += advance.consumed_bytes;
            match see(advance.incoming, rest) {
                Some(seen) => incoming.push(seen),
                None => assert_eq!(at, input.len()),
            }
        }
    }
    if endpoint.phase() == Phase::Over {
        assert_eq!(endpoint.buffered_bytes(), 0);
    }
    Outcome {
        incoming,
        sent,
        phase: endpoint.phase(),
    }
}

fn see(incoming: Incoming, input: &[u8]) -> Option<Seen> {
    match incoming {
        Incoming::Nothing => None,
        Incoming::Message { kind, payload } => {
            assert!(payload.bytes_count() <= MESSAGE_BYTES_MAX);
            Some(Seen::Message(
                format!("{kind:?}"),
                payload.bytes(input).to_vec(),
            ))
        }
        Incoming::Ping => Some(Seen::Ping),
        Incoming::Pong(payload) => Some(Seen::Pong(payload.bytes(input).to_vec())),
        Incoming::End(Ending::ByPeer(close)) => {
            let code = close.code.map(|code| code.number());
            Some(Seen::Close(code, close.reason.bytes(input).to_vec()))
        }
        Incoming::End(Ending::Violated(violation)) => Some(Seen::Violated(violation.to_string())),
        Incoming::Late | Incoming::End(Ending::ByUs(_)) => panic!("this endpoint never closes"),
    }
}

/// The stream in pieces that end where the cuts say, each taken modulo the length.
fn pieces<'s>(stream: &'s [u8], cuts: &[usize]) -> Vec<&'s [u8]> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    ends.push(stream.len());
    ends.sort_unstable();
    let mut start = 0;
    let pieces = ends
        .into_iter()
        .map(|end| &stream[std::mem::replace(&mut start, end)..end]);
    pieces.collect()
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "\\PC{0,12}".prop_map(String::into_bytes),
        2 => vec(any::<u8>(), 0..20),
        1 => vec(b'a'..=b'z', 100..MESSAGE_BYTES_MAX + 10),
        1 => (1000..1016u16).prop_map(|code| code.to_be_bytes().to_vec()),
    ]
}

/// Mostly frames that make sense one after the other, then some bytes changed and some added.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let opcode = prop::sample::select(vec![0, 0, 0, 1, 1, 2, 2, 8, 9, 9, 10, 10]);
    let one = (any::<bool>(), opcode, payload()).prop_map(|(is_final, opcode, payload)| {
        let fragment = if is_final || opcode >= 8 {
            Fin::Yes
        } else {
            Fin::No
        };
        frame(fragment, 0, opcode, &payload)
    });
    let message = vec(payload(), 1..4).prop_map(|payloads| {
        let last = payloads.len() - 1;
        let fragments = payloads.iter().enumerate().map(|(index, payload)| {
            let fragment = if index == last { Fin::Yes } else { Fin::No };
            frame(fragment, 0, if index == 0 { 2 } else { 0 }, payload)
        });
        fragments.collect::<Vec<_>>().concat()
    });
    let frames = vec(prop_oneof![3 => message, 1 => one], 0..8);
    let changes = vec((any::<usize>(), any::<u8>()), 0..3);
    (frames, changes, vec(any::<u8>(), 0..20)).prop_map(|(frames, changes, tail)| {
        let mut stream = frames.concat();
        for (at, byte) in changes {
            let count = stream.len().max(1);
            if let Some(place) = stream.get_mut(at % count) {
                *place = byte;
            }
        }
        stream.extend(tail);
        stream
    })
}

proptest! {
    #![proptest_config(crate::random_cases(2000))]

    #[test]
    fn the_outcome_does_not_depend_on_the_cuts(
        stream in stream(),
        cuts in vec(any::<usize>(), 0..12),
    ) {
        let whole = outcome(Level::Scalar, [stream.as_slice()]);
        for level in Level::all_available() {
            prop_assert_eq!(&whole, &outcome(level, pieces(&stream, &cuts)));
            prop_assert_eq!(&whole, &outcome(level, stream.chunks(1)));
        }
    }

    #[test]
    fn any_bytes_are_survived(stream in vec(any::<u8>(), 0..200)) {
        let whole = outcome(Level::detect(), [stream.as_slice()]);
        prop_assert_eq!(whole, outcome(Level::detect(), stream.chunks(1)));
    }
}

#[test]
fn a_promised_length_takes_no_memory_until_it_comes() {
    let mut endpoint = Endpoint::new(Level::detect(), 1 << 30);
    let mut head = [
        0x82, 0xff, 0, 0, 0, 0, 0x3f, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5,
    ];
    endpoint.advance(&mut head, &mut Vec::new());
    assert!(
        endpoint.buffered_bytes() <= 64,
        "{}",
        endpoint.buffered_bytes()
    );
}

/// Small, so that random streams come to it.
const MESSAGE_BYTES_MAX: usize = 150;
const CONTROL_BYTES_MAX: usize = 125;
