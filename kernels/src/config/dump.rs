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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::field::Field;
    use crate::config::headers::FaultCode;

    const DEFAULT_DUMP: &[u8] = b"0x01a1b2c3d40000000702185000";

    fn dump_of(bytes: &[u8; 13]) -> String {
        "0x".to_string() + &bytes.map(|byte| format!("{byte:02x}")).concat()
    }

    #[test]
    fn the_default_is_dumped_as_the_protocol_shows() {
        assert_eq!(write_dump(&ConfigState::DEFAULT), DEFAULT_DUMP);
        assert_eq!(parse_dump(DEFAULT_DUMP), Ok(ConfigState::DEFAULT));
        assert_eq!(
            parse_dump(b"0x01A1B2C3D40000000702185000"),
            Ok(ConfigState::DEFAULT)
        );
    }

    #[test]
    fn every_byte_has_its_own_two_digits() {
        for index in 0..12 {
            for byte in 0..=u8::MAX {
                let mut bytes = ConfigState::DEFAULT.to_bytes();
                bytes[index] = byte;
                let Ok(state) = ConfigState::from_bytes(&bytes) else {
                    continue;
                };
                let dump = dump_of(&bytes);
                assert_eq!(write_dump(&state), dump.as_bytes());
                assert_eq!(parse_dump(dump.as_bytes()), Ok(state));
            }
        }
    }

    #[test]
    fn byte_12_is_zero_or_the_xor_of_the_others() {
        let mut bytes = ConfigState::DEFAULT.to_bytes();
        let sum = bytes[..12].iter().fold(0, |sum, byte| sum ^ byte);
        for last in 0..=u8::MAX {
            bytes[12] = last;
            let dump = dump_of(&bytes);
            let read = parse_dump(dump.as_bytes());
            if last == 0 || last == sum {
                assert_eq!(read, Ok(ConfigState::DEFAULT));
            } else {
                assert_eq!(read.unwrap_err().code(), FaultCode::ChecksumMismatch);
            }
        }
    }

    #[test]
    fn every_other_byte_in_every_place_is_a_format_fault() {
        for index in 0..DUMP_BYTES {
            for byte in 0..=u8::MAX {
                let mut dump: [u8; DUMP_BYTES] = DEFAULT_DUMP.try_into().unwrap();
                dump[index] = byte;
                let is_well_formed = match index {
                    0 => byte == b'0',
                    1 => byte == b'x',
                    _ => byte.is_ascii_hexdigit(),
                };
                let code = parse_dump(&dump).map_err(|fault| fault.code());
                let is_refused = code == Err(FaultCode::InvalidFormat);
                assert_eq!(is_refused, !is_well_formed, "{}", dump.escape_ascii());
            }
        }
        for length in (0..DUMP_BYTES).chain([DUMP_BYTES + 1, 300]) {
            let dump: Vec<u8> = DEFAULT_DUMP.iter().copied().cycle().take(length).collect();
            let fault = parse_dump(&dump).unwrap_err();
            assert_eq!(
                (fault.code(), fault.value()),
                (FaultCode::InvalidFormat, &dump[..])
            );
        }
    }

    #[test]
    fn ranges_are_checked_after_the_checksum() {
        let table = [
            (5, 0x80, FaultCode::ReservedBitsSet, Field::FeatureFlags),
            (7, 0x08, FaultCode::ReservedBitsSet, Field::FeatureFlags),
            (9, 4, FaultCode::OutOfRange, Field::TerminalMode),
            (10, 0, FaultCode::OutOfRange, Field::Rows),
            (11, 0, FaultCode::OutOfRange, Field::Cols),
        ];
        for (index, byte, code, field) in table {
            let mut bytes = ConfigState::DEFAULT.to_bytes();
            bytes[index] = byte;
            let dump = dump_of(&bytes);
            let fault = parse_dump(dump.as_bytes()).unwrap_err();
            assert_eq!((fault.code(), fault.message()), (code, field.range_text()));
            bytes[12] = 0x55;
            let dump = dump_of(&bytes);
            let fault = parse_dump(dump.as_bytes()).unwrap_err();
            assert_eq!(fault.code(), FaultCode::ChecksumMismatch);
        }
    }
}
