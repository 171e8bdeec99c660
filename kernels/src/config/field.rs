//! The seven fields of the configuration: names, offsets and accepted values.

use core::fmt;

/// A field of the configuration, in the order of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Field {
    /// The version of the layout; proxy clients must send 1.
    Version,
    /// Which upstream registry the client means; 0 is the default upstream.
    RegistryHash,
    /// One bit for each [`Feature`](super::Feature).
    FeatureFlags,
    /// A [`TerminalMode`](super::TerminalMode).
    TerminalMode,
    /// Rows of the terminal.
    Rows,
    /// Columns of the terminal.
    Cols,
    /// Always 0.
    Reserved,
}

/// How a peer counts the offsets that name fields in frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetBase {
    /// As the lockfile does: the first field is at 4 (subprotocol `bun.config.v1`).
    Lockfile,
    /// From 0 (subprotocol `bun.config.v1.base0`).
    Zero,
}

/// A value that its field does not accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeFault {
    field: Field,
    value: u64,
}

impl Field {
    /// Every field, in the order of the bytes.
    pub const ALL: [Field; 7] = [
        Field::Version,
        Field::RegistryHash,
        Field::FeatureFlags,
        Field::TerminalMode,
        Field::Rows,
        Field::Cols,
        Field::Reserved,
    ];

    /// The field's name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Field::Version => "version",
            Field::RegistryHash => "registryHash",
            Field::FeatureFlags => "featureFlags",
            Field::TerminalMode => "terminalMode",
            Field::Rows => "rows",
            Field::Cols => "cols",
            Field::Reserved => "reserved",
        }
    }

    /// The field with this JSON name.
    pub fn from_name(name: &str) -> Option<Field> {
        Field::ALL.into_iter().find(|field| field.name() == name)
    }

    /// The offset that names this field in a frame.
    #[inline]
    pub const fn offset(self, base: OffsetBase) -> u32 {
        FIRST_BYTE[self as usize] + base.of_first_field()
    }

    /// The field that an offset names: only a field's first byte does.
    #[inline]
    pub const fn from_offset(offset: u32, base: OffsetBase) -> Option<Field> {
        let byte = offset.wrapping_sub(base.of_first_field()) as usize;
        if byte < BY_BYTE.len() {
            BY_BYTE[byte]
        } else {
            None
        }
    }

    /// Checks a value against the field's range, which for flags is the known bits.
    #[inline]
    pub const fn check(self, value: u64) -> Result<(), RangeFault> {
        let (low, high) = ACCEPTED[self as usize];
        if value >= low && value <= high {
            Ok(())
        } else {
            Err(RangeFault { field: self, value })
        }
    }

    /// What the field accepts, in words for the one who sent something else.
    pub const fn range_text(self) -> &'static str {
        match self {
            Field::Version => "version must be 0 to 255",
            Field::RegistryHash => "registryHash must be 0 to 4294967295",
            Field::FeatureFlags => "featureFlags must have bits 11 to 31 clear",
            Field::TerminalMode => "terminalMode must be 0 to 3",
            Field::Rows => "rows must be 1 to 255",
            Field::Cols => "cols must be 1 to 255",
            Field::Reserved => "reserved must be 0",
        }
    }
}

impl OffsetBase {
    const fn of_first_field(self) -> u32 {
        match self {
            OffsetBase::Lockfile => 4,
            OffsetBase::Zero => 0,
        }
    }
}

impl RangeFault {
    /// The field that refused the value.
    pub const fn field(self) -> Field {
        self.field
    }

    /// The value that was refused.
    pub const fn value(self) -> u64 {
        self.value
    }
}

impl fmt::Display for RangeFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, not {}", self.field.range_text(), self.value)
    }
}

impl core::error::Error for RangeFault {}

const FIRST_BYTE: [u32; 7] = [0, 1, 5, 9, 10, 11, 12];

const ACCEPTED: [(u64, u64); 7] = [
    (0, 0xff),
    (0, 0xffff_ffff),
    (0, super::feature::FLAGS_KNOWN as u64),
    (0, 3),
    (1, 0xff),
    (1, 0xff),
    (0, 0),
];

const BY_BYTE: [Option<Field>; 13] = {
    let mut by_byte = [None; 13];
    let mut index = 0;
    while index < Field::ALL.len() {
        by_byte[FIRST_BYTE[index] as usize] = Some(Field::ALL[index]);
        index += 1;
    }
    by_byte
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_those_of_the_protocol_in_both_bases() {
        let lockfile = Field::ALL.map(|field| field.offset(OffsetBase::Lockfile));
        assert_eq!(lockfile, [4, 5, 9, 13, 14, 15, 16]);
        let zero = Field::ALL.map(|field| field.offset(OffsetBase::Zero));
        assert_eq!(zero, [0, 1, 5, 9, 10, 11, 12]);
    }

    #[test]
    fn only_first_bytes_name_a_field() {
        for base in [OffsetBase::Lockfile, OffsetBase::Zero] {
            for offset in (0..64).chain([u32::MAX - 4, u32::MAX]) {
                let expected = Field::ALL
                    .into_iter()
                    .find(|field| field.offset(base) == offset);
                assert_eq!(
                    Field::from_offset(offset, base),
                    expected,
                    "{offset} {base:?}"
                );
            }
        }
    }

    #[test]
    fn names_round_trip_and_are_exact() {
        for field in Field::ALL {
            assert_eq!(Field::from_name(field.name()), Some(field));
        }
        assert_eq!(Field::from_name("registryhash"), None);
        assert_eq!(Field::from_name(""), None);
    }

    #[test]
    fn each_range_ends_where_the_protocol_says() {
        let bounds = [
            (Field::Version, 0, 255),
            (Field::RegistryHash, 0, 0xffff_ffff),
            (Field::FeatureFlags, 0, 0x7ff),
            (Field::TerminalMode, 0, 3),
            (Field::Rows, 1, 255),
            (Field::Cols, 1, 255),
            (Field::Reserved, 0, 0),
        ];
        for (field, low, high) in bounds {
            assert_eq!(field.check(low), Ok(()));
            assert_eq!(field.check(high), Ok(()));
            for value in [high + 1, u64::MAX, low.wrapping_sub(1)] {
                assert_eq!(field.check(value), Err(RangeFault { field, value }));
            }
        }
    }

    #[test]
    fn a_fault_says_what_is_accepted_and_what_came() {
        let fault = Field::Rows.check(0).unwrap_err();
        assert_eq!((fault.field(), fault.value()), (Field::Rows, 0));
        assert_eq!(fault.to_string(), "rows must be 1 to 255, not 0");
    }
}
