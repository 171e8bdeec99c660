//! Reading the configuration out of a head: the fields one by one, and the dump.

use super::faults::{FaultCode, dump_fault};
use super::name::{Header, NameKind, kind_of_name};
use crate::config::digits::{u32_of_decimal, u32_of_hex};
use crate::config::dump::{bytes_of_dump, checksum_holds};
use crate::config::field::Field;
use crate::config::state::{ConfigState, STATE_BYTES};

/// The configuration that a head's headers state, from the dump or else from the six separate
/// headers; `None` if it states none or is at fault, and then [`validate`](super::validate)
/// tells what is wrong. The two agree on every head; headers without configuration in them
/// (token, request id, scope, domain, unknown names) are not looked at here.
#[inline]
pub fn extract<'h>(headers: impl IntoIterator<Item = (&'h [u8], &'h [u8])>) -> Option<ConfigState> {
    let mut is_repeated = false;
    let received = Received::collect(headers, |stray| match stray {
        Stray::Repeated(header, _) => is_repeated |= (header as u8) <= Header::ConfigDump as u8,
        Stray::Unknown(..) => {}
    });
    let mut is_faulty = is_repeated;
    let fields = Fields::read(&received, |_, _, _, _| is_faulty = true);
    let dump = Dump::read(&received, &fields, |_, _, _, _| is_faulty = true);
    if is_faulty {
        None
    } else {
        dump.map_or_else(|| fields.state(), |dump| dump.state())
    }
}

/// The values of a head's `X-Bun-*` headers, by name.
pub(super) struct Received<'h> {
    values: [&'h [u8]; Header::ALL.len()],
    present: u16,
}

/// A header that finds no place among the received ones.
pub(super) enum Stray<'h> {
    /// It came before; the first one counts.
    Repeated(Header, &'h [u8]),
    /// Its name is none of the protocol's.
    Unknown(&'h [u8], &'h [u8]),
}

/// What the separate headers say about the fields, as far as they are well-formed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    values: [u32; 7],
    known: u8,
}

/// A dump whose bytes could be read, in the byte order that the separate headers confirm.
pub(super) struct Dump {
    bytes: [u8; STATE_BYTES],
    state: Option<ConfigState>,
}

impl<'h> Received<'h> {
    #[inline]
    pub(super) fn collect(
        headers: impl IntoIterator<Item = (&'h [u8], &'h [u8])>,
        mut stray: impl FnMut(Stray<'h>),
    ) -> Received<'h> {
        let mut received = Received {
            values: [&[]; Header::ALL.len()],
            present: 0,
        };
        for (name, value) in headers {
            match kind_of_name(name) {
                NameKind::Foreign => {}
                NameKind::Unknown => stray(Stray::Unknown(name, value)),
                NameKind::Known(header) if received.has(header) => {
                    stray(Stray::Repeated(header, value));
                }
                NameKind::Known(header) => {
                    received.values[header as usize] = value;
                    received.present |= 1 << header as u16;
                }
            }
        }
        received
    }

    #[inline]
    pub(super) const fn has(&self, header: Header) -> bool {
        self.present >> header as u16 & 1 == 1
    }

    #[inline]
    pub(super) const fn value(&self, header: Header) -> Option<&'h [u8]> {
        if self.has(header) {
            Some(self.values[header as usize])
        } else {
            None
        }
    }
}

impl Fields {
    /// Reads the separate headers. The reserved byte is read as any byte: what it may be depends
    /// on the dump.
    #[inline]
    pub(super) fn read<'h>(
        received: &Received<'h>,
        mut fault: impl FnMut(Header, FaultCode, &'h [u8], &'static str),
    ) -> Fields {
        let mut fields = Fields {
            values: [0; 7],
            known: 0,
        };
        for field in Field::ALL {
            let header = Header::ALL[field as usize];
            let Some(text) = received.value(header) else {
                continue;
            };
            let Some(number) = number_of_field(field, text) else {
                fault(header, FaultCode::InvalidFormat, text, format_text(field));
                continue;
            };
            let accepts = match field {
                Field::Reserved => number <= 0xff,
                Field::Version
                | Field::RegistryHash
                | Field::FeatureFlags
                | Field::TerminalMode
                | Field::Rows
                | Field::Cols => field.check(u64::from(number)).is_ok(),
            };
            if accepts {
                fields.values[field as usize] = number;
                fields.known |= 1 << field as u8;
            } else if field == Field::Reserved {
                fault(header, FaultCode::OutOfRange, text, "must be 0 to 255");
            } else {
                fault(
                    header,
                    dump_fault::range_code(field),
                    text,
                    field.range_text(),
                );
            }
        }
        fields
    }

    #[inline]
    pub(super) const fn value(&self, field: Field) -> Option<u32> {
        if self.known >> field as u8 & 1 == 1 {
            Some(self.values[field as usize])
        } else {
            None
        }
    }

    /// The configuration, if the six fields that carry it are all known.
    #[inline]
    pub(super) fn state(&self) -> Option<ConfigState> {
        const CARRYING: u8 = 0x3f;
        if self.known & CARRYING != CARRYING {
            return None;
        }
        let [version, hash, flags, mode, rows, cols, _] = self.values;
        let [h0, h1, h2, h3] = hash.to_be_bytes();
        let [f0, f1, f2, f3] = flags.to_be_bytes();
        let [version, mode, rows, cols] = [version as u8, mode as u8, rows as u8, cols as u8];
        let bytes = [version, h0, h1, h2, h3, f0, f1, f2, f3, mode, rows, cols, 0];
        ConfigState::from_bytes(&bytes).ok()
    }
}

impl Dump {
    /// Reads the dump and holds the separate headers against it.
    #[inline]
    pub(super) fn read<'h>(
        received: &Received<'h>,
        fields: &Fields,
        mut fault: impl FnMut(Header, FaultCode, &'h [u8], &'static str),
    ) -> Option<Dump> {
        let reserved = fields.value(Field::Reserved);
        let text = received.value(Header::ConfigDump);
        let bytes = text.and_then(bytes_of_dump);
        let last = bytes.map_or(0, |bytes| bytes[STATE_BYTES - 1]);
        if reserved.is_some_and(|byte| byte != 0 && byte != u32::from(last)) {
            let text = received.value(Header::Reserved).unwrap_or_default();
            let message = "reserved must be 0, or byte 12 of the dump";
            fault(Header::Reserved, FaultCode::ReservedBitsSet, text, message);
        }
        let text = text?;
        let Some(bytes) = bytes else {
            let broken = dump_fault::format(text);
            fault(Header::ConfigDump, broken.code(), text, broken.message());
            return None;
        };
        let mut dump = Dump { bytes, state: None };
        if !checksum_holds(&bytes) {
            let broken = dump_fault::checksum(text);
            fault(Header::ConfigDump, broken.code(), text, broken.message());
        }
        dump.bytes[STATE_BYTES - 1] = 0;
        if dump.is_little_endian(fields) {
            dump.bytes[1..5].reverse();
            dump.bytes[5..9].reverse();
        }
        dump.state = ConfigState::from_bytes(&dump.bytes).ok();
        for field in Field::ALL {
            let number = dump.value(field);
            if dump.state.is_none() && field.check(u64::from(number)).is_err() {
                let broken = dump_fault::range(text, field);
                fault(Header::ConfigDump, broken.code(), text, broken.message());
            }
            let separate = fields.value(field).filter(|_| field != Field::Reserved);
            if separate.is_some_and(|separate| separate != number) {
                let header = Header::ALL[field as usize];
                let text = received.value(header).unwrap_or_default();
                let message = "does not agree with X-Bun-Config-Dump";
                fault(header, FaultCode::ChecksumMismatch, text, message);
            }
        }
        Some(dump)
    }

    /// The configuration, if every field is within its range.
    #[inline]
    pub(super) const fn state(&self) -> Option<ConfigState> {
        self.state
    }

    /// Whether the separate headers for both wide fields came and both read the dump backwards.
    #[inline]
    fn is_little_endian(&self, fields: &Fields) -> bool {
        let wide = [Field::RegistryHash, Field::FeatureFlags];
        let said = wide.map(|field| fields.value(field));
        let read = wide.map(|field| Some(self.value(field)));
        said != read && said == read.map(|number| number.map(u32::swap_bytes))
    }

    #[inline]
    const fn value(&self, field: Field) -> u32 {
        let [
            version,
            h0,
            h1,
            h2,
            h3,
            f0,
            f1,
            f2,
            f3,
            mode,
            rows,
            cols,
            reserved,
        ] = self.bytes;
        match field {
            Field::Version => version as u32,
            Field::RegistryHash => u32::from_be_bytes([h0, h1, h2, h3]),
            Field::FeatureFlags => u32::from_be_bytes([f0, f1, f2, f3]),
            Field::TerminalMode => mode as u32,
            Field::Rows => rows as u32,
            Field::Cols => cols as u32,
            Field::Reserved => reserved as u32,
        }
    }
}

/// The number in `0x` and 8 hex digits.
#[inline]
pub(super) fn number_of_hex(text: &[u8]) -> Option<u32> {
    let text: &[u8; 10] = text.try_into().ok()?;
    let (prefix, digits) = text.split_first_chunk::<2>()?;
    if prefix != b"0x" {
        return None;
    }
    u32_of_hex(digits.first_chunk()?)
}

#[inline]
fn number_of_field(field: Field, text: &[u8]) -> Option<u32> {
    match field {
        Field::RegistryHash | Field::FeatureFlags => number_of_hex(text),
        Field::TerminalMode if text.len() != 1 => None,
        Field::Version | Field::TerminalMode | Field::Rows | Field::Cols | Field::Reserved => {
            u32_of_decimal(text)
        }
    }
}

const fn format_text(field: Field) -> &'static str {
    match field {
        Field::Version | Field::Reserved => "must be 0 to 255 in decimal",
        Field::RegistryHash | Field::FeatureFlags => "must be 0x and 8 hex digits",
        Field::TerminalMode => "must be one digit 0 to 3",
        Field::Rows | Field::Cols => "must be 1 to 255 in decimal",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::headers::{FaultList, Required, validate};

    const DUMP: &str = "0x01a1b2c3d40000000702185000";
    const DUMP_LITTLE_ENDIAN: &str = "0x01d4c3b2a10700000002185000";

    fn read(pairs: &[(&str, &str)]) -> Option<ConfigState> {
        extract(
            pairs
                .iter()
                .map(|(name, value)| (name.as_bytes(), value.as_bytes())),
        )
    }

    #[test]
    fn a_dump_alone_is_the_configuration() {
        let pairs = [
            ("Host", "a"),
            ("x-bun-config-dump", DUMP),
            ("Accept", "*/*"),
        ];
        assert_eq!(read(&pairs), Some(ConfigState::DEFAULT));
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[("Host", DUMP)]), None);
    }

    #[test]
    fn six_separate_headers_are_the_configuration_and_five_are_not() {
        let pairs = [
            ("X-Bun-Config-Version", "1"),
            ("X-Bun-Registry-Hash", "0xa1b2c3d4"),
            ("X-Bun-Feature-Flags", "0x00000007"),
            ("X-Bun-Terminal-Mode", "2"),
            ("X-Bun-Terminal-Rows", "24"),
            ("X-Bun-Terminal-Cols", "80"),
        ];
        assert_eq!(read(&pairs), Some(ConfigState::DEFAULT));
        for missing in 0..pairs.len() {
            let mut fewer = pairs.to_vec();
            fewer.remove(missing);
            assert_eq!(read(&fewer), None);
            fewer.push(("X-Bun-Config-Dump", DUMP));
            assert_eq!(read(&fewer), Some(ConfigState::DEFAULT));
        }
    }

    #[test]
    fn a_little_endian_dump_counts_only_when_both_wide_headers_confirm_it() {
        let hash = ("X-Bun-Registry-Hash", "0xa1b2c3d4");
        let flags = ("X-Bun-Feature-Flags", "0x00000007");
        let dump = ("X-Bun-Config-Dump", DUMP_LITTLE_ENDIAN);
        assert_eq!(read(&[hash, flags, dump]), Some(ConfigState::DEFAULT));
        assert_eq!(read(&[dump, flags, hash]), Some(ConfigState::DEFAULT));
        assert_eq!(read(&[dump]), None);
        assert_eq!(read(&[hash, dump]), None);
        assert_eq!(read(&[flags, dump]), None);
        assert_eq!(
            read(&[("X-Bun-Registry-Hash", "0xd4c3b2a1"), flags, dump]),
            None
        );
        // Flags that read the same both ways leave the hash to decide.
        let dump = ("X-Bun-Config-Dump", "0x01d4c3b2a10000000002185000");
        let flags = ("X-Bun-Feature-Flags", "0x00000000");
        assert_eq!(
            read(&[hash, flags, dump]).unwrap().registry_hash(),
            0xa1b2_c3d4
        );
        assert_eq!(read(&[flags, dump]).unwrap().registry_hash(), 0xd4c3_b2a1);
    }

    #[test]
    fn contradictions_and_repetitions_are_no_configuration() {
        let dump = ("X-Bun-Config-Dump", DUMP);
        assert_eq!(read(&[dump, ("X-Bun-Terminal-Rows", "25")]), None);
        assert_eq!(read(&[dump, ("X-Bun-Reserved", "1")]), None);
        assert_eq!(read(&[dump, dump]), None);
        let strangers = [
            ("X-Bun-Else", "1"),
            ("X-Bun-Request-ID", "x"),
            ("X-Bun-Domain", "x"),
        ];
        let pairs = [&[dump], &strangers[..], &strangers[..]].concat();
        assert_eq!(read(&pairs), Some(ConfigState::DEFAULT));
    }

    fn any_pair() -> impl Strategy<Value = (&'static str, String)> {
        let decimal = || (0..300_u32).prop_map(|number| number.to_string());
        let hex = || any::<u32>().prop_map(|number| format!("0x{number:08x}"));
        prop_oneof![
            (
                Just("X-Bun-Config-Version"),
                prop_oneof![Just("1".to_string()), decimal()]
            ),
            (
                Just("x-bun-registry-hash"),
                prop_oneof![Just("0xa1b2c3d4".to_string()), hex()],
            ),
            (
                Just("X-Bun-Feature-Flags"),
                prop_oneof![Just("0x00000007".to_string()), hex()],
            ),
            (
                Just("X-BUN-TERMINAL-MODE"),
                prop_oneof![Just("2".to_string()), decimal()]
            ),
            (
                Just("X-Bun-Terminal-Rows"),
                prop_oneof![Just("24".to_string()), decimal()]
            ),
            (
                Just("X-Bun-Terminal-Cols"),
                prop_oneof![Just("80".to_string()), decimal()]
            ),
            (
                Just("X-Bun-Reserved"),
                prop_oneof![Just("0".to_string()), "[0-9]{0,3}"]
            ),
            (
                Just("X-Bun-Config-Dump"),
                prop_oneof![
                    Just(DUMP.to_string()),
                    Just(DUMP_LITTLE_ENDIAN.to_string()),
                    "0x[0-9a-fA-F]{26}",
                ],
            ),
        ]
    }

    proptest! {
        #[test]
        fn extraction_and_validation_agree(
            pairs in proptest::collection::vec(any_pair(), 0..9)
        ) {
            let pairs = || pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            let mut faults = FaultList::new();
            let valid = validate(pairs(), Required::None, &mut faults);
            prop_assert_eq!(extract(pairs()), valid.and_then(|valid| valid.state()));
        }
    }
}
