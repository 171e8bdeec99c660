//! The dump: the 13 bytes as one header value.

use super::digits::{hex_of_u32, u32_of_hex};
use super::headers::{HeaderFault, dump_fault};
use super::state::{ConfigState, STATE_BYTES};

/// The dump of a configuration: `0x` and 26 hex digits in lower case.
#[inline]
pub fn write_dump(state: &ConfigState) -> [u8; DUMP_BYTES] {
    let bytes = state.to_bytes();
    let mut dump = *b"0x00000000000000000000000000";
    for (at, from) in WORDS {
        let word = u32::from_be_bytes([
            bytes[from],
            bytes[from + 1],
            bytes[from + 2],
            bytes[from + 3],
        ]);
        dump[at..at + 8].copy_from_slice(&hex_of_u32(word));
    }
    dump
}

/// Reads a dump by itself: format, then byte 12, then the range of each field.
///
/// The fault is the first one in that order. Byte 12 may be 0 or the XOR of the others; either
/// way the configuration's reserved byte is 0. Older clients' little-endian dumps need the
/// separate headers to confirm them, so only [`validate`](super::headers::validate) reads those.
pub fn parse_dump(text: &[u8]) -> Result<ConfigState, HeaderFault<'_>> {
    let mut bytes = bytes_of_dump(text).ok_or_else(|| dump_fault::format(text))?;
    if !checksum_holds(&bytes) {
        return Err(dump_fault::checksum(text));
    }
    bytes[STATE_BYTES - 1] = 0;
    ConfigState::from_bytes(&bytes).map_err(|fault| dump_fault::range(text, fault.field()))
}

/// The 13 bytes that a dump spells, unchecked; `None` if it is not `0x` and 26 hex digits.
#[inline]
pub(super) fn bytes_of_dump(text: &[u8]) -> Option<[u8; STATE_BYTES]> {
    let text: &[u8; DUMP_BYTES] = text.try_into().ok()?;
    let (prefix, digits) = text.split_first_chunk::<2>()?;
    let (first, digits) = digits.split_first_chunk::<8>()?;
    let (second, digits) = digits.split_first_chunk::<8>()?;
    let third = digits.first_chunk::<8>()?;
    let last = digits.last_chunk::<8>()?;
    let words = [
        u32_of_hex(first),
        u32_of_hex(second),
        u32_of_hex(third),
        u32_of_hex(last),
    ];
    let [Some(first), Some(second), Some(third), Some(last)] = words else {
        return None;
    };
    if prefix != b"0x" {
        return None;
    }
    let mut bytes = [0; STATE_BYTES];
    bytes[..4].copy_from_slice(&first.to_be_bytes());
    bytes[4..8].copy_from_slice(&second.to_be_bytes());
    bytes[8..12].copy_from_slice(&third.to_be_bytes());
    bytes[9..].copy_from_slice(&last.to_be_bytes());
    Some(bytes)
}

/// Whether byte 12 is 0 or the XOR of the twelve before it.
#[inline]
pub(super) fn checksum_holds(bytes: &[u8; STATE_BYTES]) -> bool {
    let (&last, others) = bytes.split_last().expect("there are 13 bytes");
    last == 0 || last == others.iter().fold(0, |sum, byte| sum ^ byte)
}

/// Bytes of a dump.
pub const DUMP_BYTES: usize = 2 + 2 * STATE_BYTES;

/// Where in the dump the hex of four bytes goes, and where in the state they begin. The last
/// four overlap the ones before them, which saves a case for the odd byte.
const WORDS: [(usize, usize); 4] = [(2, 0), (10, 4), (18, 8), (20, 9)];
