//! The dump: the 13 bytes as one header value.

use super::digits::{hex_of_u64, u64_of_hex};
use super::headers::{HeaderFault, dump_fault};
use super::packed::Packed;
use super::state::{ConfigState, STATE_BYTES};

/// The dump of a configuration: `0x` and 26 hex digits in lower case.
#[inline]
pub fn write_dump(state: &ConfigState) -> [u8; DUMP_BYTES] {
    let mut dump = [0; DUMP_BYTES];
    Digits::of(state).write_dump(&mut dump);
    dump
}

/// Reads a dump by itself: format, then byte 12, then the range of each field.
///
/// The fault is the first one in that order. Byte 12 may be 0 or the XOR of the others; either
/// way the configuration's reserved byte is 0. Older clients' little-endian dumps need the
/// separate headers to confirm them, so only [`validate`](super::headers::validate) reads those.
#[inline]
pub fn parse_dump(text: &[u8]) -> Result<ConfigState, HeaderFault<'_>> {
    let packed = packed_of_dump(text).filter(|packed| packed.checksum_holds());
    match packed.and_then(|packed| packed.without_reserved().state()) {
        Some(state) => Ok(state),
        None => Err(first_fault(text)),
    }
}

/// The fault of a text that is no dump of a configuration.
#[cold]
fn first_fault(text: &[u8]) -> HeaderFault<'_> {
    match packed_of_dump(text) {
        None => dump_fault::format(text),
        Some(packed) if !packed.checksum_holds() => dump_fault::checksum(text),
        Some(packed) => {
            let fault = packed.without_reserved().first_fault();
            dump_fault::range(
                text,
                fault.expect("one of the fields refuses its value").field(),
            )
        }
    }
}

/// The hex digits of a configuration. The two wide fields are headers of their own too, so who
/// writes all headers makes their digits once.
pub(super) struct Digits {
    /// Those of the registry hash and of the feature flags.
    wide: [u8; 16],
    /// Six zeros, the two digits of the version, those of the last four bytes.
    narrow: [u8; 16],
}

impl Digits {
    #[inline(always)]
    pub(super) fn of(state: &ConfigState) -> Digits {
        let wide = u64::from(state.registry_hash()) << 32 | u64::from(state.feature_flags());
        let last_four = [state.terminal_mode() as u8, state.rows(), state.cols(), 0];
        let last_four = u64::from(u32::from_be_bytes(last_four));
        let narrow = u64::from(state.version()) << 32 | last_four;
        Digits {
            wide: hex_of_u64(wide),
            narrow: hex_of_u64(narrow),
        }
    }

    #[inline(always)]
    pub(super) fn registry_hash(&self) -> &[u8; 8] {
        self.wide.first_chunk().expect("there are sixteen digits")
    }

    #[inline(always)]
    pub(super) fn feature_flags(&self) -> &[u8; 8] {
        self.wide.last_chunk().expect("there are sixteen digits")
    }

    /// Writes the dump.
    #[inline(always)]
    pub(super) fn write_dump(&self, out: &mut [u8; DUMP_BYTES]) {
        out[..2].copy_from_slice(b"0x");
        out[2..4].copy_from_slice(&self.narrow[6..8]);
        out[4..20].copy_from_slice(&self.wide);
        out[20..].copy_from_slice(&self.narrow[8..]);
    }
}

/// The 13 bytes that a dump spells, unchecked; `None` if it is not `0x` and 26 hex digits.
#[inline]
pub(super) fn packed_of_dump(text: &[u8]) -> Option<Packed> {
    let text: &[u8; DUMP_BYTES] = text.try_into().ok()?;
    let (prefix, digits) = text.split_first_chunk::<2>()?;
    let first_eight = u64_of_hex(digits.first_chunk()?)?;
    let last_eight = u64_of_hex(digits.last_chunk()?)?;
    if prefix == b"0x" {
        Some(Packed::of_halves(first_eight, last_eight))
    } else {
        None
    }
}

/// Bytes of a dump.
pub const DUMP_BYTES: usize = 2 + 2 * STATE_BYTES;

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
