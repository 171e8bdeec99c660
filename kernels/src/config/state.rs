//! The 13 bytes of live configuration, and the cell that each shard reads them from.

use core::cell::Cell;

use zerocopy::big_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::feature::{Feature, Switch};
use super::field::{Field, RangeFault};
use super::packed::Packed;

/// The configuration, laid out as it travels and always within range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(transparent)]
pub struct ConfigState {
    wire: Wire,
}

/// What the terminal does with its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum TerminalMode {
    /// No terminal.
    Disabled,
    /// Lines, edited by the terminal.
    Cooked,
    /// Every key as it comes.
    Raw,
    /// Not a terminal.
    Pipe,
}

/// One shard's own copy of the configuration, alone on its cache line.
///
/// `Cell` makes it one thread's: it can be moved to a thread, never shared between two.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct StateCell {
    state: Cell<ConfigState>,
    sequence: Cell<u64>,
}

impl ConfigState {
    /// What a fresh installation starts with.
    pub const DEFAULT: ConfigState = ConfigState {
        wire: Wire {
            version: 1,
            registry_hash: U32::new(0xa1b2_c3d4),
            feature_flags: U32::new(0x0000_0007),
            terminal_mode: TerminalMode::Raw as u8,
            rows: 24,
            cols: 80,
            reserved: 0,
        },
    };

    /// The version of the layout.
    #[inline]
    pub const fn version(&self) -> u8 {
        self.wire.version
    }

    /// Which upstream registry is meant; 0 is the default upstream.
    #[inline]
    pub const fn registry_hash(&self) -> u32 {
        self.wire.registry_hash.get()
    }

    /// One bit for each [`Feature`].
    #[inline]
    pub const fn feature_flags(&self) -> u32 {
        self.wire.feature_flags.get()
    }

    /// Whether a feature is on.
    #[inline]
    pub const fn has(&self, feature: Feature) -> bool {
        self.wire.feature_flags.get() & feature.mask() != 0
    }

    /// What the terminal does with its input.
    #[inline]
    pub const fn terminal_mode(&self) -> TerminalMode {
        TerminalMode::of_checked(self.wire.terminal_mode)
    }

    /// Rows of the terminal, at least 1.
    #[inline]
    pub const fn rows(&self) -> u8 {
        self.wire.rows
    }

    /// Columns of the terminal, at least 1.
    #[inline]
    pub const fn cols(&self) -> u8 {
        self.wire.cols
    }

    /// The reserved byte, which is 0.
    #[inline]
    pub const fn reserved(&self) -> u8 {
        self.wire.reserved
    }

    /// A field's value as frames carry it.
    #[inline]
    pub const fn value(&self, field: Field) -> u64 {
        match field {
            Field::Version => self.version() as u64,
            Field::RegistryHash => self.registry_hash() as u64,
            Field::FeatureFlags => self.feature_flags() as u64,
            Field::TerminalMode => self.terminal_mode() as u64,
            Field::Rows => self.rows() as u64,
            Field::Cols => self.cols() as u64,
            Field::Reserved => self.reserved() as u64,
        }
    }

    /// Every field with its value, in the order of the bytes.
    #[inline]
    pub fn values(&self) -> [(Field, u64); 7] {
        Field::ALL.map(|field| (field, self.value(field)))
    }

    /// The 13 bytes in wire order.
    #[inline]
    pub const fn to_bytes(&self) -> [u8; STATE_BYTES] {
        zerocopy::transmute!(*self)
    }

    /// Reads the 13 bytes; the fault names the first field that is out of range.
    #[inline]
    pub fn from_bytes(bytes: &[u8; STATE_BYTES]) -> Result<ConfigState, RangeFault> {
        let word = |eight: &[u8]| u64::from_be_bytes(eight.try_into().expect("eight bytes"));
        let packed = Packed::of_halves(word(&bytes[..8]), word(&bytes[STATE_BYTES - 8..]));
        match packed.state() {
            Some(state) => Ok(state),
            None => Err(packed
                .first_fault()
                .expect("one of the fields refuses its value")),
        }
    }

    /// The configuration of a number that [`Packed::state`] found within every range.
    #[inline]
    pub(super) const fn of_checked(packed: Packed) -> ConfigState {
        let [_, _, _, bytes @ ..] = packed.to_padded_bytes();
        ConfigState {
            wire: zerocopy::transmute!(bytes),
        }
    }

    /// The configuration with one field changed.
    #[inline]
    pub const fn with(mut self, field: Field, value: u64) -> Result<ConfigState, RangeFault> {
        if let Err(fault) = field.check(value) {
            return Err(fault);
        }
        match field {
            Field::Version => self.wire.version = value as u8,
            Field::RegistryHash => self.wire.registry_hash = U32::new(value as u32),
            Field::FeatureFlags => self.wire.feature_flags = U32::new(value as u32),
            Field::TerminalMode => self.wire.terminal_mode = value as u8,
            Field::Rows => self.wire.rows = value as u8,
            Field::Cols => self.wire.cols = value as u8,
            Field::Reserved => self.wire.reserved = value as u8,
        }
        Ok(self)
    }

    /// The configuration with one feature switched.
    #[inline]
    pub const fn with_feature(mut self, feature: Feature, switch: Switch) -> ConfigState {
        let flags = self.wire.feature_flags.get();
        self.wire.feature_flags = U32::new(match switch {
            Switch::On => flags | feature.mask(),
            Switch::Off => flags & !feature.mask(),
        });
        self
    }
}

impl Default for ConfigState {
    fn default() -> ConfigState {
        ConfigState::DEFAULT
    }
}

impl TerminalMode {
    /// Every mode, from value 0 up.
    pub const ALL: [TerminalMode; 4] = [
        TerminalMode::Disabled,
        TerminalMode::Cooked,
        TerminalMode::Raw,
        TerminalMode::Pipe,
    ];

    /// The mode's name as it is shown; raw is shown as `native`.
    pub const fn name(self) -> &'static str {
        match self {
            TerminalMode::Disabled => "disabled",
            TerminalMode::Cooked => "cooked",
            TerminalMode::Raw => "native",
            TerminalMode::Pipe => "pipe",
        }
    }

    /// The mode of a value within the field's range.
    #[inline]
    const fn of_checked(value: u8) -> TerminalMode {
        match value & 3 {
            0 => TerminalMode::Disabled,
            1 => TerminalMode::Cooked,
            2 => TerminalMode::Raw,
            3.. => TerminalMode::Pipe,
        }
    }
}

impl StateCell {
    /// A cell that holds a configuration and the number of the change that led to it.
    pub const fn new(state: ConfigState, sequence: u64) -> StateCell {
        StateCell {
            state: Cell::new(state),
            sequence: Cell::new(sequence),
        }
    }

    /// The configuration of this moment.
    #[inline]
    pub fn read(&self) -> ConfigState {
        self.state.get()
    }

    /// The number of the change that led to it.
    #[inline]
    pub fn sequence(&self) -> u64 {
        self.sequence.get()
    }

    /// Replaces the configuration.
    #[inline]
    pub fn write(&self, state: ConfigState, sequence: u64) {
        self.state.set(state);
        self.sequence.set(sequence);
    }
}

/// The fields as they travel.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
struct Wire {
    version: u8,
    registry_hash: U32,
    feature_flags: U32,
    terminal_mode: u8,
    rows: u8,
    cols: u8,
    reserved: u8,
}

/// Bytes of the configuration.
pub const STATE_BYTES: usize = 13;

const _: () = assert!(size_of::<ConfigState>() == STATE_BYTES);
const _: () = assert!(size_of::<StateCell>() == 64 && align_of::<StateCell>() == 64);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DEFAULT_BYTES: [u8; 13] = [1, 0xa1, 0xb2, 0xc3, 0xd4, 0, 0, 0, 7, 2, 24, 80, 0];

    #[test]
    fn the_default_is_that_of_the_protocol() {
        assert_eq!(ConfigState::DEFAULT.to_bytes(), DEFAULT_BYTES);
        assert_eq!(ConfigState::DEFAULT.as_bytes(), DEFAULT_BYTES);
        assert_eq!(ConfigState::default(), ConfigState::DEFAULT);
        let values = ConfigState::DEFAULT.values().map(|(_, value)| value);
        assert_eq!(values, [1, 0xa1b2_c3d4, 7, 2, 24, 80, 0]);
    }

    #[test]
    fn getters_read_their_own_bytes() {
        let bytes = [9, 0x11, 0x22, 0x33, 0x44, 0, 0, 0x05, 0x01, 3, 40, 120, 0];
        let state = ConfigState::from_bytes(&bytes).unwrap();
        assert_eq!(state.version(), 9);
        assert_eq!(state.registry_hash(), 0x1122_3344);
        assert_eq!(state.feature_flags(), 0x501);
        assert_eq!(state.terminal_mode(), TerminalMode::Pipe);
        assert_eq!((state.rows(), state.cols(), state.reserved()), (40, 120, 0));
        let on: Vec<_> = Feature::ALL
            .into_iter()
            .filter(|feature| state.has(*feature))
            .collect();
        assert_eq!(
            on,
            [
                Feature::PremiumTypes,
                Feature::TypesMycompany,
                Feature::FastCache
            ]
        );
    }

    #[test]
    fn every_value_of_every_byte_is_read_or_refused_by_its_field() {
        let field_of_byte = [0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 4, 5, 6];
        for (index, field) in field_of_byte.into_iter().enumerate() {
            for byte in 0..=u8::MAX {
                let mut bytes = DEFAULT_BYTES;
                bytes[index] = byte;
                let accepted = match index {
                    0..=4 | 8 => true,
                    7 => byte <= 7,
                    9 => byte <= 3,
                    10 | 11 => byte >= 1,
                    5 | 6 | 12 => byte == 0,
                    _ => unreachable!("there are 13 bytes"),
                };
                match ConfigState::from_bytes(&bytes) {
                    Ok(state) => {
                        assert!(accepted, "{bytes:?}");
                        assert_eq!(state.to_bytes(), bytes);
                    }
                    Err(fault) => {
                        assert!(!accepted, "{bytes:?}");
                        assert_eq!(fault.field(), Field::ALL[field]);
                    }
                }
            }
        }
    }

    #[test]
    fn with_changes_one_field_and_refuses_what_the_field_refuses() {
        for field in Field::ALL {
            for value in [
                0,
                1,
                3,
                4,
                255,
                256,
                0x7ff,
                0x800,
                0xffff_ffff,
                1 << 32,
                u64::MAX,
            ] {
                match ConfigState::DEFAULT.with(field, value) {
                    Ok(state) => {
                        assert_eq!(field.check(value), Ok(()));
                        for other in Field::ALL {
                            let before = ConfigState::DEFAULT.value(other);
                            let expected = if other == field { value } else { before };
                            assert_eq!(state.value(other), expected);
                        }
                    }
                    Err(fault) => assert_eq!(field.check(value), Err(fault)),
                }
            }
        }
    }

    #[test]
    fn switching_a_feature_touches_its_bit_only() {
        for feature in Feature::ALL {
            let on = ConfigState::DEFAULT.with_feature(feature, Switch::On);
            assert_eq!(on.feature_flags(), 7 | 1 << feature.bit());
            let off = on.with_feature(feature, Switch::Off);
            assert_eq!(off.feature_flags(), 7 & !(1 << feature.bit()));
        }
    }

    #[test]
    fn modes_are_shown_by_the_names_of_the_protocol() {
        let names = TerminalMode::ALL.map(TerminalMode::name);
        assert_eq!(names, ["disabled", "cooked", "native", "pipe"]);
        assert_eq!(TerminalMode::ALL.map(|mode| mode as u8), [0, 1, 2, 3]);
    }

    #[test]
    fn a_cell_holds_what_was_written_last() {
        let cell = StateCell::new(ConfigState::DEFAULT, 0);
        assert_eq!((cell.read(), cell.sequence()), (ConfigState::DEFAULT, 0));
        let state = ConfigState::DEFAULT.with(Field::Rows, 50).unwrap();
        cell.write(state, 8);
        assert_eq!((cell.read(), cell.sequence()), (state, 8));
        assert_eq!(&raw const cell as usize % 64, 0);
    }

    proptest! {
        #[test]
        fn bytes_within_range_round_trip(
            fields in (any::<u8>(), any::<u32>(), 0..0x800_u32, 0..4_u8, 1..=255_u8, 1..=255_u8)
        ) {
            let (version, hash, flags, mode, rows, cols) = fields;
            let mut bytes = vec![version];
            bytes.extend(hash.to_be_bytes());
            bytes.extend(flags.to_be_bytes());
            bytes.extend([mode, rows, cols, 0]);
            let bytes: [u8; 13] = bytes.try_into().unwrap();
            let state = ConfigState::from_bytes(&bytes).unwrap();
            prop_assert_eq!(state.to_bytes(), bytes);
            let rebuilt = state.values().into_iter().try_fold(
                ConfigState::DEFAULT,
                |state, (field, value)| state.with(field, value),
            );
            prop_assert_eq!(rebuilt, Ok(state));
        }
    }
}
