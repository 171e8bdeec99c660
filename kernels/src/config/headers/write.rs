//! Writing the `X-Bun-*` lines of a head: a rendered template with the values patched in.

use super::token::{ProxyToken, TOKEN_BYTES_MAX};
use crate::config::digits::{decimal_of_u8, hex_of_u64};
use crate::config::dump::{DUMP_BYTES, Digits};
use crate::config::state::ConfigState;

/// Writes the configuration's headers, each line with its CRLF, and returns the bytes written.
///
/// # Panics
///
/// If `out` is shorter than [`LINES_BYTES_MAX`] and the token's line; [`HEADERS_BYTES_MAX`] is
/// enough for any token.
#[inline]
pub fn write_headers(
    state: &ConfigState,
    request_id: u64,
    token: Option<ProxyToken<'_>>,
    out: &mut [u8],
) -> usize {
    let lines = out
        .first_chunk_mut()
        .expect("the caller gives LINES_BYTES_MAX bytes or more");
    let lines_bytes = write_lines(state, request_id, lines);
    let Some(token) = token else {
        return lines_bytes;
    };
    let (name, rest) = out[lines_bytes..].split_at_mut(TOKEN.len());
    let (text, rest) = rest.split_at_mut(token.as_bytes().len());
    name.copy_from_slice(TOKEN);
    text.copy_from_slice(token.as_bytes());
    rest[..2].copy_from_slice(b"\r\n");
    lines_bytes + TOKEN.len() + token.as_bytes().len() + 2
}

#[inline(always)]
fn write_lines(state: &ConfigState, request_id: u64, out: &mut Lines) -> usize {
    let digits = Digits::of(state);
    let mut at = put(out, 0, VERSION);
    at += put_decimal(out, at, state.version());
    put(out, at, FIELDS);
    put::<8>(out, at + HASH_AT, digits.registry_hash());
    put::<8>(out, at + FLAGS_AT, digits.feature_flags());
    put(out, at + MODE_AT, &[b'0' + state.terminal_mode() as u8]);
    at += FIELDS.len();
    at += put_decimal(out, at, state.rows());
    at += put(out, at, COLS);
    at += put_decimal(out, at, state.cols());
    put(out, at, DUMP);
    let dump = out[at + DUMP_AT..]
        .first_chunk_mut()
        .expect("the lines end after the dump");
    digits.write_dump(dump);
    put(out, at + ID_AT, &hex_of_u64(request_id));
    at + DUMP.len()
}

#[inline(always)]
fn put<const N: usize>(out: &mut Lines, at: usize, text: &[u8; N]) -> usize {
    out[at..at + N].copy_from_slice(text);
    N
}

/// Writes three bytes and returns how many of them count; what follows covers the others.
#[inline(always)]
fn put_decimal(out: &mut Lines, at: usize, number: u8) -> usize {
    let (digits, count) = decimal_of_u8(number);
    put(out, at, &digits);
    count
}

type Lines = [u8; LINES_BYTES_MAX];

/// Bytes that the lines without a token never exceed.
pub const LINES_BYTES_MAX: usize = VERSION.len() + FIELDS.len() + COLS.len() + DUMP.len() + 3 * 3;

/// Bytes that the lines with the longest token never exceed.
pub const HEADERS_BYTES_MAX: usize = LINES_BYTES_MAX + TOKEN.len() + TOKEN_BYTES_MAX + 2;

const VERSION: &[u8; 22] = b"X-Bun-Config-Version: ";
const FIELDS: &[u8; 113] = b"\r\n\
    X-Bun-Registry-Hash: 0x00000000\r\n\
    X-Bun-Feature-Flags: 0x00000000\r\n\
    X-Bun-Terminal-Mode: 0\r\n\
    X-Bun-Terminal-Rows: ";
const COLS: &[u8; 23] = b"\r\nX-Bun-Terminal-Cols: ";
const DUMP: &[u8; 87] = b"\r\n\
    X-Bun-Config-Dump: 0x00000000000000000000000000\r\n\
    X-Bun-Request-ID: 0000000000000000\r\n";
const TOKEN: &[u8; 19] = b"X-Bun-Proxy-Token: ";

const HASH_AT: usize = 2 + "X-Bun-Registry-Hash: 0x".len();
const FLAGS_AT: usize = HASH_AT + "00000000\r\nX-Bun-Feature-Flags: 0x".len();
const MODE_AT: usize = FLAGS_AT + "00000000\r\nX-Bun-Terminal-Mode: ".len();
const DUMP_AT: usize = 2 + "X-Bun-Config-Dump: ".len();
const ID_AT: usize = DUMP_AT + DUMP_BYTES + "\r\nX-Bun-Request-ID: ".len();

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::field::Field;
    use crate::config::headers::extract;
    use crate::level::Level;

    /// The block by the definition.
    fn oracle(state: &ConfigState, request_id: u64, token: Option<&str>) -> String {
        let dump: String = state.to_bytes().map(|byte| format!("{byte:02x}")).concat();
        let mut lines = format!(
            "X-Bun-Config-Version: {}\r\nX-Bun-Registry-Hash: 0x{:08x}\r\n\
             X-Bun-Feature-Flags: 0x{:08x}\r\nX-Bun-Terminal-Mode: {}\r\n\
             X-Bun-Terminal-Rows: {}\r\nX-Bun-Terminal-Cols: {}\r\n\
             X-Bun-Config-Dump: 0x{dump}\r\nX-Bun-Request-ID: {request_id:016x}\r\n",
            state.version(),
            state.registry_hash(),
            state.feature_flags(),
            state.terminal_mode() as u8,
            state.rows(),
            state.cols(),
        );
        if let Some(token) = token {
            lines += &format!("X-Bun-Proxy-Token: {token}\r\n");
        }
        lines
    }

    fn written(state: &ConfigState, request_id: u64, token: Option<&str>) -> String {
        let token = token.map(|text| ProxyToken::parse(Level::detect(), text.as_bytes()).unwrap());
        let mut out = [0xee; HEADERS_BYTES_MAX];
        let length = write_headers(state, request_id, token, &mut out);
        assert!(out[length..].iter().all(|byte| *byte == 0xee));
        String::from_utf8(out[..length].to_vec()).unwrap()
    }

    #[test]
    fn the_default_is_written_as_the_protocol_shows() {
        let lines = written(
            &ConfigState::DEFAULT,
            0x0123_4567_89ab_cdef,
            Some("ab.cd.ef"),
        );
        let expected = "X-Bun-Config-Version: 1\r\n\
             X-Bun-Registry-Hash: 0xa1b2c3d4\r\n\
             X-Bun-Feature-Flags: 0x00000007\r\n\
             X-Bun-Terminal-Mode: 2\r\n\
             X-Bun-Terminal-Rows: 24\r\n\
             X-Bun-Terminal-Cols: 80\r\n\
             X-Bun-Config-Dump: 0x01a1b2c3d40000000702185000\r\n\
             X-Bun-Request-ID: 0123456789abcdef\r\n\
             X-Bun-Proxy-Token: ab.cd.ef\r\n";
        assert_eq!(lines, expected);
    }

    #[test]
    fn every_byte_of_every_decimal_field_is_written() {
        for field in [
            Field::Version,
            Field::Rows,
            Field::Cols,
            Field::TerminalMode,
        ] {
            for value in 0..=255 {
                let Ok(state) = ConfigState::DEFAULT.with(field, value) else {
                    continue;
                };
                assert_eq!(written(&state, value, None), oracle(&state, value, None));
            }
        }
    }

    #[test]
    fn the_bounds_are_exact() {
        let longest = [
            (Field::Version, 255),
            (Field::Rows, 255),
            (Field::Cols, 255),
        ]
        .into_iter()
        .fold(ConfigState::DEFAULT, |state, (field, value)| {
            state.with(field, value).unwrap()
        });
        let token = "a".repeat(TOKEN_BYTES_MAX - 6) + ".bb.cc";
        assert_eq!(written(&longest, 1, None).len(), LINES_BYTES_MAX);
        assert_eq!(written(&longest, 1, Some(&token)).len(), HEADERS_BYTES_MAX);
        let mut out = [0; LINES_BYTES_MAX];
        assert_eq!(write_headers(&longest, 1, None, &mut out), LINES_BYTES_MAX);
    }

    #[test]
    #[should_panic = "the caller gives LINES_BYTES_MAX bytes or more"]
    fn a_short_buffer_is_a_mistake_of_the_caller() {
        write_headers(
            &ConfigState::DEFAULT,
            1,
            None,
            &mut [0; LINES_BYTES_MAX - 1],
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_the_definition_and_is_read_back(
            values in (any::<u8>(), any::<u32>(), 0..0x800_u32, 0..4_u8, 1..=255_u8, 1..=255_u8),
            request_id in any::<u64>(),
        ) {
            let (version, hash, flags, mode, rows, cols) = values;
            let mut bytes = vec![version];
            bytes.extend(hash.to_be_bytes());
            bytes.extend(flags.to_be_bytes());
            bytes.extend([mode, rows, cols, 0]);
            let state = ConfigState::from_bytes(&bytes.try_into().unwrap()).unwrap();
            let lines = written(&state, request_id, Some("ab.cd.ef"));
            prop_assert_eq!(&lines, &oracle(&state, request_id, Some("ab.cd.ef")));
            let pairs = lines.lines().map(|line| line.split_once(": ").unwrap());
            let pairs = pairs.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            prop_assert_eq!(extract(pairs), Some(state));
        }
    }
}
