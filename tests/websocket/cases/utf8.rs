//! The Autobahn cases of group 6: text that is and is not UTF-8, whole and cut.

use super::{CONTINUATION, Case, INVALID_PAYLOAD, KOSME, TEXT};
use super::{case, fine, more, not_utf8, step, text, whole};
use crate::replies::Reply;

/// Group 6.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = utf8_fragments();
    cases.extend(utf8_failing_fast());
    for (group, (what, sequences)) in (5..).zip(utf8_sequences()) {
        for (index, (verdict, payload)) in sequences.into_iter().enumerate() {
            let id = format!("6.{group}.{}", index + 1);
            let writes = vec![whole(TEXT, &payload)];
            cases.push(match verdict {
                Utf8::Valid => fine(id, what, writes, vec![text(&payload)]),
                Utf8::Invalid => not_utf8(id, what, writes),
            });
        }
    }
    cases
}

/// Every byte of a text message in a frame of its own, and an empty frame for its end.
fn byte_frames(payload: &[u8]) -> Vec<u8> {
    let mut frames = Vec::new();
    for (index, byte) in payload.chunks(1).enumerate() {
        frames.extend(more(if index == 0 { TEXT } else { CONTINUATION }, byte));
    }
    frames.extend(whole(CONTINUATION, b""));
    frames
}

fn utf8_fragments() -> Vec<Case> {
    let three = |middle: &[u8]| {
        [
            more(TEXT, b""),
            more(CONTINUATION, middle),
            whole(CONTINUATION, b""),
        ]
        .concat()
    };
    let middle: &[u8] = b"middle frame payload";
    let words = [
        "Hello-\u{b5}@\u{df}\u{f6}\u{e4}",
        "\u{fc}\u{e0}\u{e1}-UTF-8!!",
    ];
    let sentence = words.concat().into_bytes();
    let [first, second] = words.map(str::as_bytes);
    let halves = [more(TEXT, first), whole(CONTINUATION, second)].concat();
    let echoed = |id: &str, what: &str, sent: Vec<u8>, payload: &[u8]| {
        fine(id, what, vec![sent], vec![text(payload)])
    };
    let surrogate = [KOSME, b"\xed\xa0\x80", b"edited"].concat();
    vec![
        echoed("6.1.1", "empty text", whole(TEXT, b""), b""),
        echoed("6.1.2", "three empty fragments", three(b""), b""),
        echoed("6.1.3", "empty fragments around one", three(middle), middle),
        echoed("6.2.1", "valid text", whole(TEXT, &sentence), &sentence),
        echoed("6.2.2", "cut between characters", halves, &sentence),
        echoed(
            "6.2.3",
            "frames of a byte",
            byte_frames(&sentence),
            &sentence,
        ),
        echoed("6.2.4", "frames of a byte", byte_frames(KOSME), KOSME),
        not_utf8("6.3.1", "a surrogate", vec![whole(TEXT, &surrogate)]),
        not_utf8("6.3.2", "a surrogate, cut", vec![byte_frames(&surrogate)]),
    ]
}

/// Text that becomes invalid in its second part; the server must not wait for the third.
fn utf8_failing_fast() -> Vec<Case> {
    let beyond_unicode = b"\xf4\x90\x80\x80";
    let payload = [KOSME, beyond_unicode, b"edited"].concat();
    let (in_frame, masked) = {
        let frame = whole(TEXT, &payload);
        let head_bytes = frame.len() - payload.len();
        (move |count: usize| head_bytes + count, frame)
    };
    let parts = |id: &str, what: &str, parts: [Vec<u8>; 3]| {
        let [first, second, third] = parts;
        let steps = vec![
            step(vec![first], vec![]),
            step(vec![second], vec![Reply::Close(Some(INVALID_PAYLOAD))]),
            step(vec![third], vec![]),
        ];
        case(id, what, steps)
    };
    let frames = |first: usize, second: usize| {
        [
            more(TEXT, &payload[..first]),
            more(CONTINUATION, &payload[first..second]),
            whole(CONTINUATION, &payload[second..]),
        ]
    };
    let chops = |first: usize, second: usize| {
        let [first, second] = [in_frame(first), in_frame(second)];
        [
            masked[..first].to_vec(),
            masked[first..second].to_vec(),
            masked[second..].to_vec(),
        ]
    };
    vec![
        parts("6.4.1", "invalid second frame", frames(11, 15)),
        parts(
            "6.4.2",
            "second frame is the impossible byte",
            frames(12, 13),
        ),
        parts("6.4.3", "invalid second chop", chops(11, 15)),
        parts("6.4.4", "second chop is the impossible byte", chops(12, 13)),
    ]
}

#[derive(Clone, Copy)]
enum Utf8 {
    Valid,
    Invalid,
}

type Sequences = Vec<(Utf8, Vec<u8>)>;

/// Groups 6.5 to 6.23, after Markus Kuhn's UTF-8 stress test.
fn utf8_sequences() -> Vec<(&'static str, Sequences)> {
    [
        lengths_and_boundaries(),
        malformed(),
        overlong_and_reserved(),
    ]
    .concat()
}

fn lengths_and_boundaries() -> Vec<(&'static str, Sequences)> {
    let prefixes = (1..=KOSME.len()).map(|count| match count {
        2 | 5 | 7 | 9 | 11 => (Utf8::Valid, KOSME[..count].to_vec()),
        _ => (Utf8::Invalid, KOSME[..count].to_vec()),
    });
    vec![
        (
            "valid sequences",
            valid(&[
                b"hello\x24world",
                b"hello\xc2\xa2world",
                b"hello\xe2\x82\xacworld",
                b"hello\xf0\xa4\xad\xa2world",
                KOSME,
            ]),
        ),
        ("prefixes of a valid text", prefixes.collect()),
        (
            "first sequence of a length",
            valid(&[b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"]),
        ),
        (
            "first sequence of 5 and 6 bytes",
            invalid(&[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"]),
        ),
        (
            "last sequence of a length",
            valid(&[b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"]),
        ),
        (
            "last sequence of 4, 5 and 6 bytes",
            invalid(&[
                b"\xf7\xbf\xbf\xbf",
                b"\xfb\xbf\xbf\xbf\xbf",
                b"\xfd\xbf\xbf\xbf\xbf\xbf",
            ]),
        ),
        ("boundaries", {
            let mut boundaries = valid(&[
                b"\xed\x9f\xbf",
                b"\xee\x80\x80",
                b"\xef\xbf\xbd",
                b"\xf4\x8f\xbf\xbf",
            ]);
            boundaries.extend(invalid(&[b"\xf4\x90\x80\x80"]));
            boundaries
        }),
    ]
}

fn malformed() -> Vec<(&'static str, Sequences)> {
    let unfinished: [&[u8]; 10] = [
        b"\xc0",
        b"\xe0\x80",
        b"\xf0\x80\x80",
        b"\xf8\x80\x80\x80",
        b"\xfc\x80\x80\x80\x80",
        b"\xdf",
        b"\xef\xbf",
        b"\xf7\xbf\xbf",
        b"\xfb\xbf\xbf\xbf",
        b"\xfd\xbf\xbf\xbf\xbf",
    ];
    vec![
        ("unexpected continuation bytes", {
            let every: Vec<u8> = (0x80..0xbf).collect();
            invalid(&[
                b"\x80",
                b"\xbf",
                b"\x80\xbf",
                b"\x80\xbf\x80",
                b"\x80\xbf\x80\xbf",
                b"\x80\xbf\x80\xbf\x80",
                b"\x80\xbf\x80\xbf\x80\xbf",
                &every,
            ])
        }),
        ("lonely start bytes", {
            let ranges = [0xc0..0xdf, 0xe0..0xef, 0xf0..0xf7, 0xf8..0xfb, 0xfc..0xfdu8];
            ranges
                .map(|starts| {
                    (
                        Utf8::Invalid,
                        starts.flat_map(|start| [start, b' ']).collect(),
                    )
                })
                .into()
        }),
        ("last continuation byte missing", invalid(&unfinished)),
        (
            "unfinished sequences in a row",
            invalid(&[&unfinished.concat()]),
        ),
        (
            "impossible bytes",
            invalid(&[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]),
        ),
    ]
}

fn overlong_and_reserved() -> Vec<(&'static str, Sequences)> {
    vec![
        (
            "overlong slash",
            invalid(&[
                b"\xc0\xaf",
                b"\xe0\x80\xaf",
                b"\xf0\x80\x80\xaf",
                b"\xf8\x80\x80\x80\xaf",
                b"\xfc\x80\x80\x80\x80\xaf",
            ]),
        ),
        (
            "longest overlong sequences",
            invalid(&[
                b"\xc1\xbf",
                b"\xe0\x9f\xbf",
                b"\xf0\x8f\xbf\xbf",
                b"\xf8\x87\xbf\xbf\xbf",
                b"\xfc\x83\xbf\xbf\xbf\xbf",
            ]),
        ),
        (
            "overlong NUL",
            invalid(&[
                b"\xc0\x80",
                b"\xe0\x80\x80",
                b"\xf0\x80\x80\x80",
                b"\xf8\x80\x80\x80\x80",
                b"\xfc\x80\x80\x80\x80\x80",
            ]),
        ),
        ("single surrogates", {
            let lasts: [&[u8; 2]; 7] = [
                b"\xa0\x80",
                b"\xad\xbf",
                b"\xae\x80",
                b"\xaf\xbf",
                b"\xb0\x80",
                b"\xbe\x80",
                b"\xbf\xbf",
            ];
            lasts
                .map(|&[second, third]| (Utf8::Invalid, vec![0xed, second, third]))
                .into()
        }),
        ("paired surrogates", {
            let mut pairs = Sequences::new();
            for high in [
                b"\xed\xa0\x80",
                b"\xed\xad\xbf",
                b"\xed\xae\x80",
                b"\xed\xaf\xbf",
            ] {
                for low in [b"\xed\xb0\x80", b"\xed\xbf\xbf"] {
                    pairs.push((Utf8::Invalid, [high.as_slice(), low].concat()));
                }
            }
            pairs
        }),
        ("non-characters, which are valid UTF-8", non_characters()),
        (
            "specials",
            (0xb9..=0xbf)
                .map(|last| (Utf8::Valid, vec![0xef, 0xbf, last]))
                .collect(),
        ),
    ]
}

/// The last two code points of every plane.
fn non_characters() -> Sequences {
    let planes = (0..=0x10).flat_map(|plane| [plane << 16 | 0xfffe, plane << 16 | 0xffff]);
    let characters = planes.map(|code| char::from_u32(code).expect("not a surrogate"));
    characters
        .map(|character| (Utf8::Valid, character.to_string().into_bytes()))
        .collect()
}

fn valid(sequences: &[&[u8]]) -> Sequences {
    sequences
        .iter()
        .map(|sequence| (Utf8::Valid, sequence.to_vec()))
        .collect()
}

fn invalid(sequences: &[&[u8]]) -> Sequences {
    sequences
        .iter()
        .map(|sequence| (Utf8::Invalid, sequence.to_vec()))
        .collect()
}
