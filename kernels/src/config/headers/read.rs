//! Reading the configuration out of a head in one pass.

use super::faults::{FaultCode, dump_fault};
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
#[inline(always)]
pub fn extract<'h>(headers: impl IntoIterator<Item = (&'h [u8], &'h [u8])>) -> Option<ConfigState> {
    let mut reading = Reading::NOTHING;
    for (name, text) in headers {
        if let NameKind::Known(header) = kind_of_name(name) {
            reading.take(header, text)?;
        }
    }
    reading.state().ok()?
}

/// The configuration of a head, as far as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    fields: Fields,
    dump: Option<Packed>,
}

/// What the separate headers say about the fields; bits outside of `known` are zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    values: Packed,
    known: Packed,
}

/// The headers of a configuration contradict each other or the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Contradiction;

impl Reading {
    pub(super) const NOTHING: Reading = Reading {
        fields: Fields::NOTHING,
        dump: None,
    };

    /// Takes a header in. `None` if it is at fault or came before; headers that carry no
    /// configuration are passed over.
    #[inline(always)]
    pub(super) fn take(&mut self, header: Header, text: &[u8]) -> Option<()> {
        match header {
            Header::ConfigVersion => self.fields.take(Field::Version, text),
            Header::RegistryHash => self.fields.take(Field::RegistryHash, text),
            Header::FeatureFlags => self.fields.take(Field::FeatureFlags, text),
            Header::TerminalMode => self.fields.take(Field::TerminalMode, text),
            Header::TerminalRows => self.fields.take(Field::Rows, text),
            Header::TerminalCols => self.fields.take(Field::Cols, text),
            Header::Reserved => self.fields.take(Field::Reserved, text),
            Header::ConfigDump if self.dump.is_some() => None,
            Header::ConfigDump => {
                self.dump = Some(packed_of_dump(text)?);
                Some(())
            }
            Header::ProxyToken
            | Header::RequestId
            | Header::PackageScope
            | Header::Domain
            | Header::DomainHash => Some(()),
        }
    }

    #[inline]
    pub(super) const fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The configuration that was read: none if neither the dump nor all six headers came.
    ///
    /// Always inlined, with its callers: a configuration that is returned through memory is read
    /// across the bounds of the stores that wrote it, a stall of 4 ns at each step.
    #[inline(always)]
    pub(super) fn state(&self) -> Result<Option<ConfigState>, Contradiction> {
        let Some(dump) = self.dump else {
            let is_contradicted = !self.fields.reserved_agrees(None);
            return if is_contradicted {
                Err(Contradiction)
            } else {
                Ok(self.fields.state())
            };
        };
        let is_sound = dump.checksum_holds() && self.fields.reserved_agrees(Some(dump));
        let dump = self.fields.in_confirmed_order(dump);
        match dump.state() {
            Some(state) if is_sound && self.fields.agree(dump) => Ok(Some(state)),
            Some(_) | None => Err(Contradiction),
        }
    }
}

impl Fields {
    pub(super) const NOTHING: Fields = Fields {
        values: Packed::ZERO,
        known: Packed::ZERO,
    };

    /// Takes a field's header in, unless it is at fault or came before.
    #[inline(always)]
    fn take(&mut self, field: Field, text: &[u8]) -> Option<()> {
        if self.known.covers(Packed::mask(field)) {
            return None;
        }
        let number = number_of_field(field, text).ok()?;
        self.set(field, number);
        Some(())
    }

    #[inline]
    pub(super) const fn set(&mut self, field: Field, number: u32) {
        self.values = self.values.or(Packed::of_field(field, number));
        self.known = self.known.or(Packed::mask(field));
    }

    #[inline]
    pub(super) const fn value(&self, field: Field) -> Option<u32> {
        if self.known.covers(Packed::mask(field)) {
            Some(self.values.value(field))
        } else {
            None
        }
    }

    /// Whether the three fields that a proxy's client must send are known.
    #[inline]
    pub(super) const fn have_proxy_fields(&self) -> bool {
        self.known
            .covers(WIDE_FIELDS.or(Packed::mask(Field::Version)))
    }

    /// The configuration, if the six fields that carry it are all known.
    #[inline(always)]
    const fn state(&self) -> Option<ConfigState> {
        if !self.known.covers(CARRYING_FIELDS) {
            return None;
        }
        self.values.without_reserved().state()
    }

    /// Whether the reserved header, if it came, is 0 or repeats byte 12 of the dump.
    #[inline(always)]
    pub(super) fn reserved_agrees(&self, dump: Option<Packed>) -> bool {
        let last = dump.map_or(0, |dump| dump.value(Field::Reserved));
        self.value(Field::Reserved)
            .is_none_or(|byte| byte == 0 || byte == last)
    }

    /// A dump without its byte 12, in the byte order that the separate headers confirm: the
    /// other one only if both wide fields are known and both read the dump backwards.
    #[inline(always)]
    pub(super) fn in_confirmed_order(&self, dump: Packed) -> Packed {
        let dump = dump.without_reserved();
        let said = self.values.masked(WIDE_FIELDS);
        if dump.masked(WIDE_FIELDS) == said || !self.known.covers(WIDE_FIELDS) {
            return dump;
        }
        let swapped = dump.wide_fields_swapped();
        if swapped.masked(WIDE_FIELDS) == said {
            swapped
        } else {
            dump
        }
    }

    /// Whether every known field but the reserved one has the dump's value.
    #[inline]
    const fn agree(&self, dump: Packed) -> bool {
        dump.masked(self.known.without_reserved())
            .equals(self.values.without_reserved())
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

/// The number that a field's header spells, within the field's range. The reserved byte may be any
/// byte here: which one depends on the dump.
#[inline(always)]
pub(super) fn number_of_field(field: Field, text: &[u8]) -> Result<u32, (FaultCode, &'static str)> {
    let number = match field {
        Field::RegistryHash | Field::FeatureFlags => number_of_hex(text),
        Field::TerminalMode if text.len() != 1 => None,
        Field::Version | Field::TerminalMode | Field::Rows | Field::Cols | Field::Reserved => {
            number_of_decimal(text)
        }
    };
    let Some(number) = number else {
        return Err((FaultCode::InvalidFormat, format_text(field)));
    };
    match field {
        Field::Reserved if number <= 0xff => Ok(number),
        Field::Reserved => Err((FaultCode::OutOfRange, "must be 0 to 255")),
        Field::Version
        | Field::RegistryHash
        | Field::FeatureFlags
        | Field::TerminalMode
        | Field::Rows
        | Field::Cols => match field.check(u64::from(number)) {
            Ok(()) => Ok(number),
            Err(_) => Err((dump_fault::range_code(field), field.range_text())),
        },
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
    use crate::level::Level;

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
            let valid = validate(Level::detect(), pairs(), Required::None, &mut faults);
            prop_assert_eq!(extract(pairs()), valid.and_then(|valid| valid.state()));
        }
    }
}
