//! The head parser gives one answer: at every level, at every place in memory, however it is cut.

mod support;

use proptest::prelude::*;
use support::generated::{Choices, head, random_bytes};
use support::guarded::Guarded;
use support::parsed::{parse, parse_at_every_level, parse_every_prefix};
use thirteen_kernels::http::{HEAD_BYTES_MAX, HEADERS_MAX, HeadParser, HeadStatus, HeadTable};
use thirteen_kernels::level::Level;

/// Three vectors of the widest level and a bit more.
const BROWSER: &[u8] = b"GET /api/v1/products?page=2&sort=price%20asc HTTP/1.1\r\n\
    Host: shop.example.com:8080\r\nUser-Agent: Mozilla/5.0 (X11)\r\nAccept: */*\r\n\
    Connection: keep-alive\r\nCookie: session=0123456789abcdef; theme=dark\r\n\
    Content-Length: 13\r\n\r\n";

#[test]
fn every_byte_value_in_every_lane() {
    assert!(BROWSER.len() >= 3 * 64);
    for at in 0..BROWSER.len() {
        let mut bytes = BROWSER.to_vec();
        for value in 0..=255 {
            bytes[at] = value;
            let _ = parse_at_every_level(&bytes);
        }
    }
}

#[test]
fn every_length_at_every_alignment() {
    let mut memory = vec![0; BROWSER.len() + 128];
    for length in 0..=BROWSER.len() {
        for alignment in 0..64 {
            let offset = memory.as_ptr().align_offset(64) + alignment;
            let place = &mut memory[offset..offset + length];
            place.copy_from_slice(&BROWSER[..length]);
            let complete = parse_at_every_level(place)
                .expect("a prefix has no fault")
                .is_some();
            assert_eq!(complete, length == BROWSER.len());
        }
    }
}

#[test]
fn nothing_outside_the_buffer_is_touched() {
    let mut guarded = Guarded::new(2 * HEAD_BYTES_MAX);
    let long = head_of(200, 60);
    for bytes in [BROWSER, &long] {
        for length in (0..=bytes.len()).filter(|length| *length < 400 || length % 61 == 0) {
            for level in Level::all_available() {
                let expected = parse(Level::Scalar, &bytes[..length]);
                assert_eq!(parse(level, guarded.at_end(&bytes[..length])), expected);
                assert_eq!(parse(level, guarded.at_start(&bytes[..length])), expected);
            }
        }
    }
}

#[test]
fn every_prefix_agrees_with_the_whole() {
    let parsed = parse_every_prefix(BROWSER)
        .expect("well-formed")
        .expect("complete");
    assert_eq!(parsed.head_bytes, BROWSER.len());
    assert_eq!(parsed.headers.len(), 6);
}

#[test]
fn what_follows_the_head_does_not_matter() {
    let alone = parse(Level::Scalar, BROWSER);
    for follower in [
        &b"\0\0\0\0"[..],
        b"\r\n\r\n",
        b"GET / HTTP/1.1\n",
        &[0xff; 300],
    ] {
        let mut bytes = BROWSER.to_vec();
        bytes.extend_from_slice(follower);
        assert_eq!(parse_at_every_level(&bytes), alone);
    }
}

#[test]
fn pipelined_heads_are_parsed_one_by_one() {
    let small: &[u8] = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
    let bytes = [small, BROWSER, small, small].concat();
    for level in Level::all_available() {
        let parser = HeadParser::new(level);
        let mut table = HeadTable::new();
        let mut lengths = Vec::new();
        let mut rest = bytes.as_slice();
        while let Ok(HeadStatus::Complete { bytes }) = parser.parse(rest, &mut table) {
            lengths.push(bytes);
            rest = &rest[bytes..];
        }
        assert_eq!(
            lengths,
            [small.len(), BROWSER.len(), small.len(), small.len()]
        );
        assert_eq!(parser.parse(rest, &mut table), Ok(HeadStatus::Partial));
    }
}

#[test]
fn a_table_is_reused_without_a_trace_of_the_last_head() {
    for level in Level::all_available() {
        let parser = HeadParser::new(level);
        let mut table = HeadTable::new();
        parser.parse(BROWSER, &mut table).expect("well-formed");
        let small = b"GET / HTTP/1.0\r\n\r\n";
        parser.parse(small, &mut table).expect("well-formed");
        let head = table.view(small);
        assert_eq!(head.header_count(), 0);
        assert_eq!(
            (head.host(), head.cookie(), head.query()),
            (None, None, None)
        );
    }
}

#[test]
#[should_panic(expected = "no complete head")]
fn the_view_of_a_partial_head_is_a_mistake() {
    let parser = HeadParser::new(Level::detect());
    let mut table = HeadTable::new();
    parser.parse(BROWSER, &mut table).expect("well-formed");
    parser
        .parse(&BROWSER[..100], &mut table)
        .expect("well-formed so far");
    table.view(BROWSER);
}

#[test]
fn thousands_of_generated_heads() {
    let mut complete_count = 0;
    let mut fault_count = 0;
    for seed in 0..20_000 {
        let bytes = head(&mut Choices::new(&random_bytes(seed, 160)));
        match parse_at_every_level(&bytes) {
            Ok(Some(_)) => complete_count += 1,
            Ok(None) => {}
            Err(_) => fault_count += 1,
        }
    }
    // The generator has to reach both sides, or the comparison says little.
    assert!(complete_count > 4_000, "{complete_count} complete");
    assert!(fault_count > 4_000, "{fault_count} refused");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn generated_heads_cut_anywhere(recipe in proptest::collection::vec(any::<u8>(), 0..160)) {
        let bytes = head(&mut Choices::new(&recipe));
        let _ = parse_every_prefix(&bytes[..bytes.len().min(400)]);
    }

    #[test]
    fn any_bytes_at_all(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_at_every_level(&bytes);
    }
}

/// A head of about `line_count * line_bytes` bytes.
fn head_of(line_count: usize, line_bytes: usize) -> Vec<u8> {
    let mut bytes = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
    for index in 0..line_count.min(HEADERS_MAX - 1) {
        bytes.extend_from_slice(format!("X-{index}: ").as_bytes());
        bytes.resize(bytes.len() + line_bytes, b'v');
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}
