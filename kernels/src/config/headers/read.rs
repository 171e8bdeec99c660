//! Reading the configuration out of a head: the fields one by one, and the dump.

use super::faults::{FaultCode, HeaderFault, dump_fault};
use super::name::{Header, NameKind, kind_of_name};
use crate::config::digits::{number_of_decimal, u32_of_hex};
use crate::config::dump::packed_of_dump;
use crate::config::field::Field;
use crate::config::packed::{Packed, WIDE_FIELDS};
use crate::config::state::ConfigState;

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
    let dump = read_dump(&received, &fields, |_, _, _, _| is_faulty = true);
    if is_faulty {
        None
    } else {
        dump.or_else(|| fields.state())
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

/// What the separate headers say about the fields, as far as they are well-formed: bits outside
/// of `known` are zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    values: Packed,
    known: Packed,
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
            values: Packed::ZERO,
            known: Packed::ZERO,
        };
        // Written out, so that each header is read by the code of its own format.
        fields.add(Field::Version, received, &mut fault);
        fields.add(Field::RegistryHash, received, &mut fault);
        fields.add(Field::FeatureFlags, received, &mut fault);
        fields.add(Field::TerminalMode, received, &mut fault);
        fields.add(Field::Rows, received, &mut fault);
        fields.add(Field::Cols, received, &mut fault);
        fields.add(Field::Reserved, received, &mut fault);
        fields
    }

    #[inline(always)]
    fn add<'h>(
        &mut self,
        field: Field,
        received: &Received<'h>,
        fault: &mut impl FnMut(Header, FaultCode, &'h [u8], &'static str),
    ) {
        let header = header_of_field(field);
        let Some(text) = received.value(header) else {
            return;
        };
        let Some(number) = number_of_field(field, text) else {
            fault(header, FaultCode::InvalidFormat, text, format_text(field));
            return;
        };
        if field == Field::Reserved && number > 0xff {
            fault(header, FaultCode::OutOfRange, text, "must be 0 to 255");
        } else if field != Field::Reserved && field.check(u64::from(number)).is_err() {
            fault(
                header,
                dump_fault::range_code(field),
                text,
                field.range_text(),
            );
        } else {
            self.values = self.values.or(Packed::of_field(field, number));
            self.known = self.known.or(Packed::mask(field));
        }
    }

    #[inline]
    pub(super) const fn value(&self, field: Field) -> Option<u32> {
        if self.known.covers(Packed::mask(field)) {
            Some(self.values.value(field))
        } else {
            None
        }
    }

    /// The configuration, if the six fields that carry it are all known.
    #[inline]
    pub(super) const fn state(&self) -> Option<ConfigState> {
        if !self.known.covers(CARRYING_FIELDS) {
            return None;
        }
        self.values.without_reserved().state()
    }
}

/// Reads the dump, holds the separate headers against it, and gives its configuration if every
/// field is within its range. Faults that do not touch the ranges leave the configuration, for
/// the caller to refuse.
#[inline]
pub(super) fn read_dump<'h>(
    received: &Received<'h>,
    fields: &Fields,
    mut fault: impl FnMut(Header, FaultCode, &'h [u8], &'static str),
) -> Option<ConfigState> {
    let text = received.value(Header::ConfigDump);
    let packed = text.and_then(packed_of_dump);
    let last = packed.map_or(0, |packed| packed.value(Field::Reserved));
    if fields
        .value(Field::Reserved)
        .is_some_and(|byte| byte != 0 && byte != last)
    {
        let text = received.value(Header::Reserved).unwrap_or_default();
        let message = "reserved must be 0, or byte 12 of the dump";
        fault(Header::Reserved, FaultCode::ReservedBitsSet, text, message);
    }
    let text = text?;
    let mut report = |broken: HeaderFault<'_>| {
        fault(Header::ConfigDump, broken.code(), text, broken.message());
    };
    let Some(packed) = packed else {
        report(dump_fault::format(text));
        return None;
    };
    if !packed.checksum_holds() {
        report(dump_fault::checksum(text));
    }
    let packed = in_confirmed_order(packed.without_reserved(), fields);
    let state = packed.state();
    if state.is_none() {
        report_ranges(packed, text, &mut report);
    }
    if packed.masked(fields.known) != fields.values.without_reserved() {
        report_contradictions(packed, received, fields, fault);
    }
    state
}

/// The dump in the byte order that the separate headers confirm: the other one only if both wide
/// fields are known and both read the dump backwards.
#[inline]
fn in_confirmed_order(packed: Packed, fields: &Fields) -> Packed {
    let said = fields.values.masked(WIDE_FIELDS);
    if !fields.known.covers(WIDE_FIELDS) || packed.masked(WIDE_FIELDS) == said {
        return packed;
    }
    let swapped = packed.wide_fields_swapped();
    if swapped.masked(WIDE_FIELDS) == said {
        swapped
    } else {
        packed
    }
}

#[cold]
fn report_ranges<'h>(packed: Packed, text: &'h [u8], report: &mut impl FnMut(HeaderFault<'h>)) {
    for field in Field::ALL {
        if field.check(u64::from(packed.value(field))).is_err() {
            report(dump_fault::range(text, field));
        }
    }
}

#[cold]
fn report_contradictions<'h>(
    packed: Packed,
    received: &Received<'h>,
    fields: &Fields,
    mut fault: impl FnMut(Header, FaultCode, &'h [u8], &'static str),
) {
    for field in Field::ALL
        .into_iter()
        .filter(|field| *field != Field::Reserved)
    {
        if fields
            .value(field)
            .is_some_and(|said| said != packed.value(field))
        {
            let header = header_of_field(field);
            let text = received.value(header).unwrap_or_default();
            let message = "does not agree with X-Bun-Config-Dump";
            fault(header, FaultCode::ChecksumMismatch, text, message);
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

#[inline(always)]
fn number_of_field(field: Field, text: &[u8]) -> Option<u32> {
    match field {
        Field::RegistryHash | Field::FeatureFlags => number_of_hex(text),
        Field::TerminalMode if text.len() != 1 => None,
        Field::Version | Field::TerminalMode | Field::Rows | Field::Cols | Field::Reserved => {
            number_of_decimal(text)
        }
    }
}

/// The first headers are the fields, in their order.
const fn header_of_field(field: Field) -> Header {
    Header::ALL[field as usize]
}

const fn format_text(field: Field) -> &'static str {
    match field {
        Field::Version | Field::Reserved => "must be 0 to 255 in decimal",
        Field::RegistryHash | Field::FeatureFlags => "must be 0x and 8 hex digits",
        Field::TerminalMode => "must be one digit 0 to 3",
        Field::Rows | Field::Cols => "must be 1 to 255 in decimal",
    }
}

/// All fields but the reserved byte.
const CARRYING_FIELDS: Packed = Packed::mask(Field::Version)
    .or(WIDE_FIELDS)
    .or(Packed::mask(Field::TerminalMode))
    .or(Packed::mask(Field::Rows))
    .or(Packed::mask(Field::Cols));

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
