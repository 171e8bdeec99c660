//! The cases of the Autobahn test suite, groups 1 to 7 and 10, as what a client sends and what an
//! echoing server must answer.
//!
//! <https://github.com/crossbario/autobahn-testsuite> is the reference for ids and bytes. Where it
//! tolerates several outcomes, the strict one is expected here.

mod utf8;

use crate::replies::Reply;

/// One case.
pub(crate) struct Case {
    /// The suite's number, such as `7.1.3`.
    pub(crate) id: String,
    /// What it tries.
    pub(crate) what: String,
    /// What is sent and answered, in order.
    pub(crate) steps: Vec<Step>,
}

/// A part of a case; a runner that can wait does so between steps.
#[derive(Clone)]
pub(crate) struct Step {
    /// Masked frames or pieces of them, each to be written on its own.
    pub(crate) writes: Vec<Vec<u8>>,
    /// All that the server must have sent once it has read these writes, neither more nor less.
    pub(crate) replies: Vec<Reply>,
}

/// Every case, in the suite's order.
pub(crate) fn cases() -> Vec<Case> {
    let groups = [
        framing(),
        pings(),
        reserved_bits(),
        opcodes(),
        fragmentation(),
        utf8::cases(),
        closing(),
        automatic_fragmentation(),
    ];
    groups.into_iter().flatten().collect()
}

impl Case {
    /// The same bytes, each written on its own.
    pub(crate) fn octet_wise(&self) -> Case {
        let steps = self.steps.iter().map(|step| {
            let octets = step
                .writes
                .iter()
                .flatten()
                .map(|&octet| vec![octet])
                .collect();
            Step {
                writes: octets,
                replies: step.replies.clone(),
            }
        });
        Case {
            id: self.id.clone(),
            what: self.what.clone(),
            steps: steps.collect(),
        }
    }

    /// The same bytes, those of a step in one write.
    pub(crate) fn coalesced(&self) -> Case {
        let steps = self.steps.iter().map(|step| Step {
            writes: vec![step.writes.concat()],
            replies: step.replies.clone(),
        });
        Case {
            id: self.id.clone(),
            what: self.what.clone(),
            steps: steps.collect(),
        }
    }
}

/// A client's frame with the reserved bits (0 to 7) and opcode given, masked.
pub(crate) fn frame(fragment: Fin, reserved: u8, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let fin = match fragment {
        Fin::Yes => 0x80,
        Fin::No => 0,
    };
    let mut bytes = vec![fin | reserved << 4 | opcode];
    match payload.len() {
        short @ 0..=125 => bytes.push(0x80 | short as u8),
        medium @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&MASK);
    bytes.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    bytes
}

/// The bit of a frame that ends its message.
#[derive(Clone, Copy)]
pub(crate) enum Fin {
    Yes,
    No,
}

const MASK: [u8; 4] = [0x5a, 0x00, 0xff, 0x13];

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

const NORMAL: u16 = 1000;
const PROTOCOL_ERROR: u16 = 1002;
const INVALID_PAYLOAD: u16 = 1007;

const HELLO: &[u8] = b"Hello, world!";
const NOT_UTF8: &[u8] = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff";
/// The Greek word "kosme", 11 bytes of characters of two and three bytes.
const KOSME: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";

fn whole(opcode: u8, payload: &[u8]) -> Vec<u8> {
    frame(Fin::Yes, 0, opcode, payload)
}

fn more(opcode: u8, payload: &[u8]) -> Vec<u8> {
    frame(Fin::No, 0, opcode, payload)
}

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    whole(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

fn chopped(bytes: &[u8], chop_bytes: usize) -> Vec<Vec<u8>> {
    bytes.chunks(chop_bytes).map(<[u8]>::to_vec).collect()
}

fn text(payload: &[u8]) -> Reply {
    Reply::Text(payload.to_vec())
}

fn pong(payload: &[u8]) -> Reply {
    Reply::Pong(payload.to_vec())
}

fn step(writes: Vec<Vec<u8>>, replies: Vec<Reply>) -> Step {
    Step { writes, replies }
}

fn case(id: impl Into<String>, what: impl Into<String>, steps: Vec<Step>) -> Case {
    Case {
        id: id.into(),
        what: what.into(),
        steps,
    }
}

/// A case in which all is well: after the replies the client closes with 1000, and so does the
/// server.
fn fine(
    id: impl Into<String>,
    what: impl Into<String>,
    writes: Vec<Vec<u8>>,
    replies: Vec<Reply>,
) -> Case {
    case(id, what, vec![step(writes, replies), goodbye()])
}

fn goodbye() -> Step {
    step(vec![close(NORMAL, b"")], vec![Reply::Close(Some(NORMAL))])
}

/// A case in which the server must end the connection with 1002 after these replies.
fn wrong(
    id: impl Into<String>,
    what: impl Into<String>,
    writes: Vec<Vec<u8>>,
    mut replies: Vec<Reply>,
) -> Case {
    replies.push(Reply::Close(Some(PROTOCOL_ERROR)));
    case(id, what, vec![step(writes, replies)])
}

/// A case in which the server must end the connection with 1007 at once.
fn not_utf8(id: impl Into<String>, what: impl Into<String>, writes: Vec<Vec<u8>>) -> Case {
    case(
        id,
        what,
        vec![step(writes, vec![Reply::Close(Some(INVALID_PAYLOAD))])],
    )
}

fn framing() -> Vec<Case> {
    let mut cases = Vec::new();
    type Wrap = fn(Vec<u8>) -> Reply;
    let kinds: [(u8, u8, &str, Wrap, u8); 2] = [
        (1, TEXT, "text", Reply::Text, b'*'),
        (2, BINARY, "binary", Reply::Binary, 0xfe),
    ];
    for (group, opcode, name, reply, filling) in kinds {
        let lengths = [0, 125, 126, 127, 128, 65_535, 65_536];
        for (index, length) in lengths.into_iter().enumerate() {
            let payload = vec![filling; length];
            let id = format!("1.{group}.{}", index + 1);
            let what = format!("{name} message of {length} bytes");
            cases.push(fine(
                id,
                what,
                vec![whole(opcode, &payload)],
                vec![reply(payload)],
            ));
        }
        let payload = vec![filling; 65_536];
        let id = format!("1.{group}.8");
        let what = format!("{name} message of 65536 bytes in chops of 997");
        cases.push(fine(
            id,
            what,
            chopped(&whole(opcode, &payload), 997),
            vec![reply(payload)],
        ));
    }
    cases
}

fn pings() -> Vec<Case> {
    let long = [0xfe; 125];
    let unasked: &[u8] = b"unsolicited pong payload";
    let ping = |id: &str, what: &str, payload: &[u8]| {
        fine(id, what, vec![whole(PING, payload)], vec![pong(payload)])
    };
    let ten: Vec<_> = (0..10)
        .map(|index| format!("payload-{index}").into_bytes())
        .collect();
    let ten_pings: Vec<_> = ten.iter().map(|payload| whole(PING, payload)).collect();
    let ten_pongs: Vec<_> = ten.iter().map(|payload| pong(payload)).collect();
    let ten_chopped = chopped(&ten_pings.concat(), 1);
    vec![
        ping("2.1", "ping without payload", b""),
        ping("2.2", "ping with text", HELLO),
        ping("2.3", "ping with bytes", NOT_UTF8),
        ping("2.4", "ping with 125 bytes", &long),
        wrong(
            "2.5",
            "ping with 126 bytes",
            vec![whole(PING, &[0xfe; 126])],
            vec![],
        ),
        fine(
            "2.6",
            "ping in single octets",
            chopped(&whole(PING, &long), 1),
            vec![pong(&long)],
        ),
        fine(
            "2.7",
            "unasked pong without payload",
            vec![whole(PONG, b"")],
            vec![],
        ),
        fine(
            "2.8",
            "unasked pong with payload",
            vec![whole(PONG, unasked)],
            vec![],
        ),
        fine(
            "2.9",
            "unasked pong, then ping",
            vec![whole(PONG, unasked), whole(PING, b"ping payload")],
            vec![pong(b"ping payload")],
        ),
        fine("2.10", "ten pings", ten_pings, ten_pongs.clone()),
        fine("2.11", "ten pings in single octets", ten_chopped, ten_pongs),
    ]
}

fn reserved_bits() -> Vec<Case> {
    let reserved = |bits, opcode, payload| frame(Fin::Yes, bits, opcode, payload);
    let between = |bits| {
        vec![
            whole(TEXT, HELLO),
            reserved(bits, TEXT, HELLO),
            whole(PING, b""),
        ]
    };
    let what = |bits| format!("reserved bits {bits}");
    let between_octets = chopped(&between(4).concat(), 1);
    vec![
        wrong("3.1", what(1), vec![reserved(1, TEXT, HELLO)], vec![]),
        wrong("3.2", what(2), vec![between(2).concat()], vec![text(HELLO)]),
        wrong("3.3", what(3), between(3), vec![text(HELLO)]),
        wrong("3.4", what(4), between_octets, vec![text(HELLO)]),
        wrong("3.5", what(5), vec![reserved(5, BINARY, NOT_UTF8)], vec![]),
        wrong("3.6", what(6), vec![reserved(6, BINARY, HELLO)], vec![]),
        wrong("3.7", what(7), vec![reserved(7, CLOSE, b"")], vec![]),
    ]
}

fn opcodes() -> Vec<Case> {
    let mut cases = Vec::new();
    for (group, first_opcode) in [(1, 3), (2, 11)] {
        let what = |opcode| format!("reserved opcode {opcode}");
        let id = |number| format!("4.{group}.{number}");
        let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|index| first_opcode + index);
        let payload: &[u8] = b"reserved opcode payload";
        let between = |opcode, payload: &[u8]| {
            [whole(TEXT, HELLO), whole(opcode, payload), whole(PING, b"")].concat()
        };
        cases.extend([
            wrong(id(1), what(a), vec![whole(a, b"")], vec![]),
            wrong(id(2), what(b), vec![whole(b, payload)], vec![]),
            wrong(id(3), what(c), vec![between(c, b"")], vec![text(HELLO)]),
            wrong(id(4), what(d), vec![between(d, HELLO)], vec![text(HELLO)]),
            wrong(
                id(5),
                what(e),
                chopped(&between(e, HELLO), 1),
                vec![text(HELLO)],
            ),
        ]);
    }
    cases
}

fn fragmentation() -> Vec<Case> {
    let mut cases = fragments_and_pings();
    cases.extend(strays());
    cases.push(pings_while_fragments_wait("5.19", "the writes of a part in one").coalesced());
    cases.push(pings_while_fragments_wait("5.20", "frame by frame"));
    cases
}

fn two_fragments() -> [Vec<u8>; 2] {
    [more(TEXT, b"fragment1"), whole(CONTINUATION, b"fragment2")]
}

fn fragments_and_pings() -> Vec<Case> {
    let [one, two] = two_fragments();
    let joined = vec![text(b"fragment1fragment2")];
    let both = vec![one.clone(), two.clone()];
    let ping = whole(PING, b"ping payload");
    let around_ping = vec![one, ping, two.clone()];
    let ponged = vec![pong(b"ping payload"), text(b"fragment1fragment2")];
    let split_ping = [more(PING, b"fragment1"), two.clone()].concat();
    let split_pong = [more(PONG, b"fragment1"), two].concat();
    let both_octets = chopped(&both.concat(), 1);
    let around_octets = chopped(&around_ping.concat(), 1);
    vec![
        wrong("5.1", "fragmented ping", vec![split_ping], vec![]),
        wrong("5.2", "fragmented pong", vec![split_pong], vec![]),
        fine("5.3", "two fragments", vec![both.concat()], joined.clone()),
        fine("5.4", "the same, frame by frame", both, joined.clone()),
        fine("5.5", "the same in octets", both_octets, joined),
        fine(
            "5.6",
            "ping between",
            vec![around_ping.concat()],
            ponged.clone(),
        ),
        fine(
            "5.7",
            "the same, frame by frame",
            around_ping,
            ponged.clone(),
        ),
        fine("5.8", "the same in octets", around_octets, ponged),
    ]
}

/// Continuations of nothing, and a message that is not continued.
fn strays() -> Vec<Case> {
    let [one, two] = two_fragments();
    let stray = |fragment| {
        let stray = frame(fragment, 0, CONTINUATION, b"non-continuation payload");
        vec![stray, whole(TEXT, HELLO)]
    };
    let octets = |fragment| chopped(&stray(fragment).concat(), 1);
    let around = |fragment| {
        let stray = frame(fragment, 0, CONTINUATION, b"fragment1");
        let text = [more(TEXT, b"fragment2"), whole(CONTINUATION, b"fragment3")].concat();
        [stray, text].concat().repeat(2)
    };
    let third = [more(CONTINUATION, b"fragment3"), whole(TEXT, b"fragment4")].concat();
    let after = [one.clone(), two, third].concat();
    let joined = vec![text(b"fragment1fragment2")];
    let twice_text = [one, whole(TEXT, b"fragment2")].concat();
    let what = "continuation of nothing";
    vec![
        wrong("5.9", what, vec![stray(Fin::Yes).concat()], vec![]),
        wrong("5.10", what, stray(Fin::Yes), vec![]),
        wrong("5.11", what, octets(Fin::Yes), vec![]),
        wrong("5.12", what, vec![stray(Fin::No).concat()], vec![]),
        wrong("5.13", what, stray(Fin::No), vec![]),
        wrong("5.14", what, octets(Fin::No), vec![]),
        wrong("5.15", "continuation after a message", vec![after], joined),
        wrong("5.16", what, vec![around(Fin::No)], vec![]),
        wrong("5.17", what, vec![around(Fin::Yes)], vec![]),
        wrong(
            "5.18",
            "second fragment is text too",
            vec![twice_text],
            vec![],
        ),
    ]
}

/// Five fragments with a ping after the second and the fourth, and a wait after the first ping,
/// which must be answered by then.
fn pings_while_fragments_wait(id: &str, what: &str) -> Case {
    let first = vec![
        more(TEXT, b"fragment1"),
        more(CONTINUATION, b"fragment2"),
        whole(PING, b"pongme 1!"),
    ];
    let second = vec![
        more(CONTINUATION, b"fragment3"),
        more(CONTINUATION, b"fragment4"),
        whole(PING, b"pongme 2!"),
        whole(CONTINUATION, b"fragment5"),
    ];
    let message = text(b"fragment1fragment2fragment3fragment4fragment5");
    let steps = vec![
        step(first, vec![pong(b"pongme 1!")]),
        step(second, vec![pong(b"pongme 2!"), message]),
        goodbye(),
    ];
    case(id, format!("pings while fragments wait, {what}"), steps)
}

fn closing() -> Vec<Case> {
    let mut cases = closing_order();
    cases.extend(closing_payloads());
    let allowed = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ];
    for (index, code) in allowed.into_iter().enumerate() {
        let id = format!("7.7.{}", index + 1);
        let echoed = vec![Reply::Close(Some(code))];
        cases.push(case(
            id,
            format!("close code {code}"),
            vec![step(vec![close(code, b"")], echoed)],
        ));
    }
    let refused = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
    for (index, code) in refused.into_iter().enumerate() {
        let id = format!("7.9.{}", index + 1);
        cases.push(wrong(
            id,
            format!("close code {code}"),
            vec![close(code, b"")],
            vec![],
        ));
    }
    cases.push(wrong(
        "7.13.1",
        "close code 5000",
        vec![close(5000, b"")],
        vec![],
    ));
    cases.push(wrong(
        "7.13.2",
        "close code 65535",
        vec![close(65_535, b"")],
        vec![],
    ));
    cases
}

fn closing_order() -> Vec<Case> {
    let message = whole(TEXT, b"Hello World!");
    let leave = close(NORMAL, b"");
    let left = || vec![Reply::Close(Some(NORMAL))];
    let then = |id: &str, what: &str, after: Vec<u8>| {
        case(
            id,
            what,
            vec![step(vec![[close(NORMAL, b""), after].concat()], left())],
        )
    };
    let inside = [
        more(TEXT, b"fragment1"),
        leave.clone(),
        whole(CONTINUATION, b"fragment2"),
    ]
    .concat();
    let big: Vec<u8> = b"BAsd7&jh23"
        .iter()
        .copied()
        .cycle()
        .take(256 << 10)
        .collect();
    let back_to_back = [whole(TEXT, &big), message.clone(), leave, whole(PING, b"")].concat();
    let answered = vec![
        text(&big),
        text(b"Hello World!"),
        Reply::Close(Some(NORMAL)),
    ];
    vec![
        fine(
            "7.1.1",
            "message, then close",
            vec![message.clone()],
            vec![text(b"Hello World!")],
        ),
        then("7.1.2", "two close frames", whole(CLOSE, b"")),
        then("7.1.3", "ping after close", whole(PING, b"")),
        then("7.1.4", "text after close", message),
        case(
            "7.1.5",
            "close between fragments",
            vec![step(vec![inside], left())],
        ),
        case(
            "7.1.6",
            "256 KiB, text, close, ping",
            vec![step(vec![back_to_back], answered)],
        ),
    ]
}

fn closing_payloads() -> Vec<Case> {
    let closes = |id: &str, what: &str, sent: Vec<u8>, code: Option<u16>| {
        case(id, what, vec![step(vec![sent], vec![Reply::Close(code)])])
    };
    let normal = Some(NORMAL);
    let surrogate = [KOSME, b"\xed\xa0\x80", b"edited"].concat();
    vec![
        closes("7.3.1", "close without code", whole(CLOSE, b""), None),
        wrong(
            "7.3.2",
            "close with one byte",
            vec![whole(CLOSE, b"a")],
            vec![],
        ),
        closes("7.3.3", "close with a code", close(NORMAL, b""), normal),
        closes(
            "7.3.4",
            "close with a reason",
            close(NORMAL, b"Hello World!"),
            normal,
        ),
        closes(
            "7.3.5",
            "reason of 123 bytes",
            close(NORMAL, &[b'*'; 123]),
            normal,
        ),
        wrong(
            "7.3.6",
            "reason of 124 bytes",
            vec![close(NORMAL, &[b'*'; 124])],
            vec![],
        ),
        not_utf8(
            "7.5.1",
            "reason that is not UTF-8",
            vec![close(NORMAL, &surrogate)],
        ),
    ]
}

fn automatic_fragmentation() -> Vec<Case> {
    let payload = vec![b'*'; 65_536];
    let mut pieces = payload.chunks(1300).enumerate().peekable();
    let mut writes = Vec::new();
    while let Some((index, piece)) = pieces.next() {
        let opcode = if index == 0 { TEXT } else { CONTINUATION };
        let fragment = if pieces.peek().is_some() {
            Fin::No
        } else {
            Fin::Yes
        };
        writes.push(frame(fragment, 0, opcode, piece));
    }
    vec![fine(
        "10.1.1",
        "65536 bytes in fragments of 1300",
        writes,
        vec![text(&payload)],
    )]
}
