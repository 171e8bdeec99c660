//! The Cookie header parser: its rules, its levels, and the cookie crate beside it.

mod support;

use proptest::prelude::*;
use support::generated::random_bytes;
use support::guarded::Guarded;
use support::split_cookies::{Pairs, parse, parse_at_every_level, parse_by_splitting};
use thirteen_kernels::http::find_cookie;
use thirteen_kernels::level::Level;

/// A header, its pairs and how many others are malformed.
type Case = (&'static str, &'static [(&'static str, &'static str)], usize);

#[test]
fn headers() {
    let cases: [Case; 22] = [
        ("", &[], 0),
        (" ", &[], 0),
        (";", &[], 0),
        ("; ;;\t;", &[], 0),
        ("a=1", &[("a", "1")], 0),
        ("a=1; b=2", &[("a", "1"), ("b", "2")], 0),
        ("a=1;b=2", &[("a", "1"), ("b", "2")], 0),
        ("  a=1 ;\t b=2\t", &[("a", "1"), ("b", "2")], 0),
        ("a=1;", &[("a", "1")], 0),
        ("a=", &[("a", "")], 0),
        ("a=;b=\"\"", &[("a", ""), ("b", "")], 0),
        (
            "a=\"quoted\"; b=\" inner \"",
            &[("a", "quoted"), ("b", " inner ")],
            0,
        ),
        ("a=\"half; b=half\"", &[("a", "\"half"), ("b", "half\"")], 0),
        ("a=\"; b=2", &[("a", "\""), ("b", "2")], 0),
        ("a=b=c==", &[("a", "b=c==")], 0),
        ("json={\"x\":[1, 2]}", &[("json", "{\"x\":[1, 2]}")], 0),
        ("a=1; a=2", &[("a", "1"), ("a", "2")], 0),
        ("bare; a=1", &[("a", "1")], 1),
        ("=x; a=1", &[("a", "1")], 1),
        ("a b=x; c d; e =f; a=1", &[("a", "1")], 3),
        ("a=x\u{1}y\u{2}; \u{1}=x; a=1", &[("a", "1")], 2),
        ("caf\u{e9}=x; a=caf\u{e9}", &[("a", "caf\u{e9}")], 1),
    ];
    for (header, pairs, malformed_count) in cases {
        let expected: Pairs = pairs
            .iter()
            .map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into()))
            .collect();
        assert_eq!(
            parse_at_every_level(header.as_bytes()),
            (expected, malformed_count),
            "{header}"
        );
    }
}

#[test]
fn the_first_match_wins() {
    let header = b"bare; b=1; a=first; A=upper; a=second";
    for level in Level::all_available() {
        assert_eq!(find_cookie(level, header, b"a"), Some(&b"first"[..]));
        assert_eq!(find_cookie(level, header, b"A"), Some(&b"upper"[..]));
        assert_eq!(find_cookie(level, header, b"bare"), None);
        assert_eq!(find_cookie(level, header, b""), None);
    }
}

const LONG: &[u8] = b"session=0123456789abcdef0123456789abcdef; theme=dark; locale=en-US; \
    consent=\"yes\"; jwt=eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl; bare; \
    cart=c0ffee00c0ffee00; currency=EUR; variant=b";

#[test]
fn every_byte_value_in_every_lane() {
    assert!(LONG.len() >= 3 * 64);
    for at in 0..LONG.len() {
        let mut header = LONG.to_vec();
        for value in 0..=255 {
            header[at] = value;
            assert_eq!(parse_at_every_level(&header), parse_by_splitting(&header));
        }
    }
}

#[test]
fn every_length_at_every_alignment_between_guards() {
    let mut guarded = Guarded::new(LONG.len());
    for length in 0..=LONG.len() {
        let expected = parse_by_splitting(&LONG[..length]);
        for level in Level::all_available() {
            assert_eq!(parse(level, guarded.at_end(&LONG[..length])), expected);
            assert_eq!(parse(level, guarded.at_start(&LONG[..length])), expected);
        }
        for start in 0..length.min(64) {
            let header = &LONG[start..length];
            assert_eq!(parse_at_every_level(header), parse_by_splitting(header));
        }
    }
}

/// Headers of the bytes that matter.
fn generated(seed: u64) -> Vec<u8> {
    let random = random_bytes(seed, 200);
    let length = usize::from(random[0]) % 180;
    let alphabet = b"abcdef0123456789-_====;;;;    \t\"\",(\x01\x7f";
    random[1..=length]
        .iter()
        .map(|byte| alphabet[usize::from(*byte) % alphabet.len()])
        .collect()
}

#[test]
fn generated_headers_at_every_level() {
    for seed in 0..20_000 {
        let header = generated(seed);
        assert_eq!(parse_at_every_level(&header), parse_by_splitting(&header));
    }
}

#[test]
fn the_cookie_crate_finds_the_same_pairs() {
    let mut pair_count = 0;
    for seed in 0..20_000 {
        let header = generated(seed);
        let text = std::str::from_utf8(&header).expect("the alphabet is ASCII");
        let (pairs, _) = parse(Level::detect(), &header);
        // Two differences are on purpose: the crate takes any bytes in names and values, and
        // trims blanks before the `=`.
        let expected: Pairs = cookie::Cookie::split_parse(text)
            .zip(
                text.split(';')
                    .filter(|segment| !segment.chars().all(char::is_whitespace)),
            )
            .filter_map(|(cookie, segment)| Some((cookie.ok()?, segment)))
            .filter(|(cookie, segment)| {
                let name = segment.split('=').next().unwrap_or("").trim_start();
                let is_plain = |text: &str| !text.chars().any(|c| c.is_control() && c != '\t');
                name == cookie.name()
                    && !name.contains(|c: char| " \t\",(\x01\x7f".contains(c))
                    && is_plain(segment)
            })
            .map(|(cookie, _)| (cookie.name().into(), cookie.value_trimmed().into()))
            .collect();
        pair_count += pairs.len();
        assert_eq!(pairs, expected, "{}", header.escape_ascii());
    }
    assert!(pair_count > 10_000, "{pair_count} pairs");
}

proptest! {
    #[test]
    fn any_bytes(header in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(parse_at_every_level(&header), parse_by_splitting(&header));
    }
}
