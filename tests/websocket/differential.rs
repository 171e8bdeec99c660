//! Our codec against tungstenite: as its server, and beside it as a server of the same stream.

use std::io::{self, ErrorKind, Read, Write};

use proptest::collection::vec;
use proptest::prelude::*;
use thirteen::http::websocket::{Ending, Endpoint, Incoming, MessageKind, Phase};
use thirteen_kernels::level::Level;
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use crate::cases::{self, Fin};
use crate::echo::Echo;

/// The two directions of a connection in memory; reading runs dry rather than blocks.
#[derive(Default)]
struct Pipe {
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.incoming.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = buffer.len().min(self.incoming.len());
        buffer[..count].copy_from_slice(&self.incoming[..count]);
        self.incoming.drain(..count);
        Ok(count)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(None)
}

#[derive(Clone, Debug)]
enum Say {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// Binary in these fragments, a ping after each but the last.
    Fragments(Vec<Vec<u8>>),
}

fn say() -> impl Strategy<Value = Say> {
    let long = prop_oneof![
        Just(125),
        Just(126),
        Just(127),
        Just(65_535),
        Just(65_536),
        0..300usize
    ];
    prop_oneof![
        "\\PC{0,200}".prop_map(Say::Text),
        vec(any::<u8>(), 0..40).prop_map(Say::Binary),
        (long, any::<u8>()).prop_map(|(count, byte)| Say::Binary(vec![byte; count])),
        vec(any::<u8>(), 0..=125).prop_map(Say::Ping),
        vec(any::<u8>(), 0..=125).prop_map(Say::Pong),
        vec(vec(any::<u8>(), 0..30), 1..5).prop_map(Say::Fragments),
    ]
}

/// What the client sends for it, and what it must get back.
fn script(say: &Say) -> (Vec<Message>, Vec<Message>) {
    match say {
        Say::Text(text) => (vec![Message::text(text)], vec![Message::text(text)]),
        Say::Binary(bytes) => (
            vec![Message::binary(bytes.clone())],
            vec![Message::binary(bytes.clone())],
        ),
        Say::Ping(bytes) => (
            vec![Message::Ping(bytes.clone().into())],
            vec![Message::Pong(bytes.clone().into())],
        ),
        Say::Pong(bytes) => (vec![Message::Pong(bytes.clone().into())], vec![]),
        Say::Fragments(fragments) => {
            let last = fragments.len() - 1;
            let (mut sent, mut back) = (Vec::new(), Vec::new());
            for (index, fragment) in fragments.iter().enumerate() {
                let opcode = if index == 0 {
                    Data::Binary
                } else {
                    Data::Continue
                };
                let frame = Frame::message(fragment.clone(), OpCode::Data(opcode), index == last);
                sent.push(Message::Frame(frame));
                if index < last {
                    sent.push(Message::Ping(b"between".as_slice().into()));
                    back.push(Message::Pong(b"between".as_slice().into()));
                }
            }
            back.push(Message::binary(fragments.concat()));
            (sent, back)
        }
    }
}

fn close_code() -> impl Strategy<Value = u16> {
    prop_oneof![1000..=1003u16, 1007..=1013u16, 3000..=4999u16]
}

fn cut(bytes: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(*sizes.next().expect("some sizes")));
        pieces.push(piece.to_vec());
        rest = after;
    }
    pieces
}

proptest! {
    #![proptest_config(crate::random_cases(300))]

    #[test]
    fn a_tungstenite_client_gets_its_echo(
        says in vec(say(), 0..12),
        code in close_code(),
        sizes in vec(1..4000usize, 1..6),
    ) {
        let mut client = WebSocket::from_raw_socket(Pipe::default(), Role::Client, Some(config()));
        let mut expected = Vec::new();
        for say in &says {
            let (sent, back) = script(say);
            for message in sent {
                client.send(message).unwrap();
            }
            expected.extend(back);
        }
        let close = CloseFrame { code: CloseCode::from(code), reason: "done".into() };
        client.close(Some(close)).unwrap();
        let echoed = CloseFrame { code: CloseCode::from(code), reason: "".into() };
        expected.push(Message::Close(Some(echoed)));

        let mut echo = Echo::new(MESSAGE_BYTES_MAX as u32);
        let sent = std::mem::take(&mut client.get_mut().outgoing);
        let mut received = Vec::new();
        for piece in cut(&sent, &sizes) {
            client.get_mut().incoming.extend(echo.receive(&piece));
            loop {
                match client.read() {
                    Ok(message) => received.push(message),
                    Err(Error::Io(fault)) if fault.kind() == ErrorKind::WouldBlock => break,
                    Err(fault) => panic!("{fault}"),
                }
            }
        }
        prop_assert_eq!(received, expected);
        prop_assert_eq!(echo.phase(), Phase::Over);
    }
}

/// What a server saw, in words that fit both implementations, and how it ended: still open, or with
/// the code of its close frame.
#[derive(Debug, PartialEq, Eq, Default)]
struct Verdict {
    seen: Vec<(&'static str, Vec<u8>)>,
    end: Option<u16>,
}

fn ours(stream: &[u8]) -> Verdict {
    let mut endpoint = Endpoint::new(Level::detect(), MESSAGE_BYTES_MAX as u32);
    let mut input = stream.to_vec();
    let (mut verdict, mut out, mut at) = (Verdict::default(), Vec::new(), 0);
    while at < input.len() {
        let rest = &mut input[at..];
        let advance = endpoint.advance(rest, &mut out);
        at += advance.consumed_bytes;
        match advance.incoming {
            Incoming::Message {
                kind: MessageKind::Text,
                payload,
            } => {
                verdict.seen.push(("text", payload.bytes(rest).to_vec()));
            }
            Incoming::Message {
                kind: MessageKind::Binary,
                payload,
            } => {
                verdict.seen.push(("binary", payload.bytes(rest).to_vec()));
            }
            Incoming::Ping => verdict.seen.push(("ping", vec![])),
            Incoming::Pong(payload) => verdict.seen.push(("pong", payload.bytes(rest).to_vec())),
            Incoming::End(Ending::ByPeer(close)) => {
                verdict.end = Some(close.code.map_or(NO_CODE, |code| code.number()));
            }
            Incoming::End(Ending::Violated(violation)) => {
                verdict.end = Some(violation.close_code().number());
            }
            Incoming::Nothing => {}
            Incoming::Late | Incoming::End(Ending::ByUs(_)) => panic!("we do not close"),
        }
    }
    verdict
}

fn theirs(stream: &[u8]) -> Verdict {
    let pipe = Pipe {
        incoming: stream.to_vec(),
        outgoing: Vec::new(),
    };
    let mut server = WebSocket::from_raw_socket(pipe, Role::Server, Some(config()));
    let mut verdict = Verdict::default();
    loop {
        match server.read() {
            Ok(Message::Text(text)) => verdict.seen.push(("text", text.as_bytes().to_vec())),
            Ok(Message::Binary(bytes)) => verdict.seen.push(("binary", bytes.to_vec())),
            Ok(Message::Ping(_)) => verdict.seen.push(("ping", vec![])),
            Ok(Message::Pong(bytes)) => verdict.seen.push(("pong", bytes.to_vec())),
            Ok(Message::Close(close)) => {
                verdict.end = Some(close.map_or(NO_CODE, |close| close.code.into()));
                return verdict;
            }
            Ok(Message::Frame(_)) => panic!("reading gives no frames"),
            Err(Error::Io(fault)) if fault.kind() == ErrorKind::WouldBlock => return verdict,
            Err(Error::Utf8(_)) => verdict.end = Some(1007),
            Err(Error::Capacity(_)) => verdict.end = Some(1009),
            Err(Error::Protocol(_)) => verdict.end = Some(1002),
            Err(fault) => panic!("{fault}"),
        }
        if verdict.end.is_some() {
            return verdict;
        }
    }
}

/// Frames with at most one fault each, so that both must name the same one.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let opcode = prop_oneof![
        Just(0u8),
        Just(0),
        Just(0),
        Just(1),
        Just(1),
        Just(2),
        Just(2),
        Just(9),
        Just(10)
    ];
    let text = prop_oneof![
        6 => "\\PC{0,20}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..8),
        1 => vec(b'a'..=b'z', 0..120),
    ];
    let sound = (prop::bool::weighted(0.6), opcode, text).prop_map(|(is_last, opcode, payload)| {
        let fragment = if is_last || opcode >= 8 {
            Fin::Yes
        } else {
            Fin::No
        };
        cases::frame(fragment, 0, opcode, &payload)
    });
    let reason =
        prop_oneof![3 => "\\PC{0,9}".prop_map(String::into_bytes), 1 => vec(any::<u8>(), 0..9)];
    let close = (close_code(), reason)
        .prop_map(|(code, reason)| [code.to_be_bytes().as_slice(), &reason].concat());
    let refused_code = prop_oneof![0..1000u16, 1004..=1006u16, 1015..=2999u16, 5000..=u16::MAX];
    let refused = refused_code.prop_map(|code| code.to_be_bytes().to_vec());
    let close = prop_oneof![3 => close, 1 => refused]
        .prop_map(|payload| cases::frame(Fin::Yes, 0, 8, &payload));
    let faulty = prop_oneof![
        (1..8u8).prop_map(|bits| cases::frame(Fin::Yes, bits, 2, b"reserved bits")),
        prop_oneof![3..8u8, 11..16u8].prop_map(|opcode| cases::frame(Fin::Yes, 0, opcode, b"op")),
        (8..11u8).prop_map(|opcode| cases::frame(Fin::No, 0, opcode, b"")),
        Just(cases::frame(Fin::Yes, 0, 9, &[0; 126])),
        Just(vec![0x82, 3, 1, 2, 3]),
        Just(cases::frame(Fin::Yes, 0, 8, b"x")),
        Just(cases::frame(Fin::Yes, 0, 8, b"")),
    ];
    prop_oneof![30 => sound, 2 => close, 1 => faulty]
}

proptest! {
    #![proptest_config(crate::random_cases(3000))]

    #[test]
    fn tungstenite_comes_to_the_same_verdict(frames in vec(any_frame(), 0..20)) {
        let stream = frames.concat();
        prop_assert_eq!(ours(&stream), theirs(&stream));
    }
}

/// For the cases above long enough for every form of a length.
const MESSAGE_BYTES_MAX: usize = 65_536;
/// RFC 6455, 7.1.5: what stands for a close frame without a code.
const NO_CODE: u16 = 1005;
