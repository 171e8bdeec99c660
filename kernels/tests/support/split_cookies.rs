//! Cookie headers as plain values, and a parser of them made of splits and trims.

use thirteen_kernels::http::cookies;
use thirteen_kernels::level::Level;

/// Names and values in order.
pub(crate) type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

pub(crate) fn parse(level: Level, header: &[u8]) -> (Pairs, usize) {
    let mut cookies = cookies(level, header);
    let pairs = cookies
        .by_ref()
        .map(|(name, value)| (name.to_vec(), value.to_vec()))
        .collect();
    assert_eq!(cookies.next(), None, "an ended iterator stays ended");
    (pairs, cookies.malformed_count())
}

pub(crate) fn parse_at_every_level(header: &[u8]) -> (Pairs, usize) {
    let scalar = parse(Level::Scalar, header);
    for level in Level::all_available() {
        assert_eq!(
            parse(level, header),
            scalar,
            "{}: {}",
            level.name(),
            header.escape_ascii()
        );
    }
    scalar
}

/// The rules, written with splits and trims and without any scan.
pub(crate) fn parse_by_splitting(header: &[u8]) -> (Pairs, usize) {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let mut pairs = Pairs::new();
    let mut malformed_count = 0;
    for segment in header.split(|byte| *byte == b';') {
        let start = segment
            .iter()
            .position(|byte| !is_blank(byte))
            .unwrap_or(segment.len());
        let segment = &segment[start..];
        if segment.is_empty() {
            continue;
        }
        let equals = segment.iter().position(|byte| *byte == b'=');
        let well_formed = |(name, value): &(&[u8], &[u8])| {
            let has_control = value
                .iter()
                .any(|byte| byte.is_ascii_control() && *byte != b'\t');
            !name.is_empty() && name.iter().all(is_token) && !has_control
        };
        let pair = equals
            .map(|at| (&segment[..at], &segment[at + 1..]))
            .filter(well_formed);
        let Some((name, value)) = pair else {
            malformed_count += 1;
            continue;
        };
        let value = value.trim_ascii();
        let quoted = value.len() >= 2 && value.starts_with(b"\"") && value.ends_with(b"\"");
        let value = if quoted {
            &value[1..value.len() - 1]
        } else {
            value
        };
        pairs.push((name.to_vec(), value.to_vec()));
    }
    (pairs, malformed_count)
}
