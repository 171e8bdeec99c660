//! The 13 bytes as one number, so that whole configurations are compared and checked at once.

use super::field::{Field, RangeFault};
use super::state::ConfigState;

/// The 13 bytes as a big-endian number, of any values: byte 0 is bits 96 to 103.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packed {
    bits: u128,
}

impl Packed {
    pub(super) const ZERO: Packed = Packed { bits: 0 };

    /// A configuration from its first and its last eight bytes, which share three.
    #[inline]
    pub(super) const fn of_halves(first_eight: u64, last_eight: u64) -> Packed {
        Packed {
            bits: (first_eight as u128) << 40 | last_eight as u128,
        }
    }

    /// All bits of one field, and nothing else.
    #[inline]
    pub(super) const fn mask(field: Field) -> Packed {
        Packed {
            bits: WIDTH_MASK[field as usize] << SHIFT[field as usize],
        }
    }

    /// The numbers together; a field is set in at most one of the two.
    #[inline]
    pub(super) const fn or(self, other: Packed) -> Packed {
        Packed {
            bits: self.bits | other.bits,
        }
    }

    /// The fields that a mask names, the others zero.
    #[inline]
    pub(super) const fn masked(self, mask: Packed) -> Packed {
        Packed {
            bits: self.bits & mask.bits,
        }
    }

    /// A number with one field set and the others zero.
    #[inline]
    pub(super) const fn of_field(field: Field, value: u32) -> Packed {
        Packed {
            bits: (value as u128) << SHIFT[field as usize],
        }
        .masked(Packed::mask(field))
    }

    #[inline]
    pub(super) const fn value(self, field: Field) -> u32 {
        ((self.bits >> SHIFT[field as usize]) & WIDTH_MASK[field as usize]) as u32
    }

    #[inline]
    pub(super) const fn equals(self, other: Packed) -> bool {
        self.bits == other.bits
    }

    /// Whether all bits of a mask are set.
    #[inline]
    pub(super) const fn covers(self, mask: Packed) -> bool {
        self.bits & mask.bits == mask.bits
    }

    /// Whether byte 12 is 0 or the XOR of the twelve before it.
    #[inline]
    pub(super) const fn checksum_holds(self) -> bool {
        let mut word = (self.bits >> 64) as u64 ^ self.bits as u64;
        word ^= word >> 32;
        word ^= word >> 16;
        word ^= word >> 8;
        self.bits as u8 == 0 || word as u8 == 0
    }

    /// The number with both wide fields in the other byte order.
    #[inline]
    pub(super) const fn wide_fields_swapped(self) -> Packed {
        let hash = self.value(Field::RegistryHash).swap_bytes();
        let flags = self.value(Field::FeatureFlags).swap_bytes();
        self.masked(NARROW_FIELDS)
            .or(Packed::of_field(Field::RegistryHash, hash))
            .or(Packed::of_field(Field::FeatureFlags, flags))
    }

    /// The number with byte 12 cleared, which a dump may use for its checksum.
    #[inline]
    pub(super) const fn without_reserved(self) -> Packed {
        Packed {
            bits: self.bits & !0xff,
        }
    }

    /// The configuration, if every field accepts its value.
    #[inline]
    pub(super) const fn state(self) -> Option<ConfigState> {
        let low = self.bits as u64;
        if low & MUST_BE_ZERO == 0 && low & 0xff_0000 != 0 && low & 0xff00 != 0 {
            Some(ConfigState::of_checked(self))
        } else {
            None
        }
    }

    /// The fault of the first field that does not accept its value.
    pub(super) fn first_fault(self) -> Option<RangeFault> {
        Field::ALL
            .into_iter()
            .find_map(|field| field.check(u64::from(self.value(field))).err())
    }

    /// The 13 bytes after three zeros.
    #[inline]
    pub(super) const fn to_padded_bytes(self) -> [u8; 16] {
        self.bits.to_be_bytes()
    }
}

/// Both wide fields, whose byte order older clients mistake.
pub(super) const WIDE_FIELDS: Packed =
    Packed::mask(Field::RegistryHash).or(Packed::mask(Field::FeatureFlags));

const NARROW_FIELDS: Packed = Packed {
    bits: !WIDE_FIELDS.bits,
};

const SHIFT: [u32; 7] = [96, 64, 32, 24, 16, 8, 0];
const WIDTH_MASK: [u128; 7] = [0xff, 0xffff_ffff, 0xffff_ffff, 0xff, 0xff, 0xff, 0xff];

/// The low bits that are zero in every configuration: flags 11 to 31, all of the mode but two
/// bits, the reserved byte.
const MUST_BE_ZERO: u64 = (!super::feature::FLAGS_KNOWN as u64) << 32 | 0xfc00_00ff;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packed(bytes: &[u8; 13]) -> Packed {
        let bits = bytes
            .iter()
            .fold(0, |bits, byte| bits << 8 | u128::from(*byte));
        Packed { bits }
    }

    #[test]
    fn masks_part_the_13_bytes_among_the_fields() {
        let masks = Field::ALL.map(|field| Packed::mask(field).bits);
        assert_eq!(masks.iter().fold(0, |all, mask| all | mask), (1 << 104) - 1);
        assert_eq!(masks.iter().map(|mask| mask.count_ones()).sum::<u32>(), 104);
    }

    proptest! {
        #[test]
        fn bytes_and_fields_are_where_the_state_has_them(bytes in any::<[u8; 13]>()) {
            let packed = packed(&bytes);
            let first_eight = u64::from_be_bytes(*bytes.first_chunk().unwrap());
            let last_eight = u64::from_be_bytes(*bytes.last_chunk().unwrap());
            prop_assert_eq!(Packed::of_halves(first_eight, last_eight), packed);
            prop_assert_eq!(&packed.to_padded_bytes()[3..], &bytes);
            prop_assert_eq!(packed.state(), ConfigState::from_bytes(&bytes).ok());
            prop_assert_eq!(packed.state().is_none(), packed.first_fault().is_some());
            let mut rebuilt = Packed::ZERO;
            for field in Field::ALL {
                rebuilt = rebuilt.or(Packed::of_field(field, packed.value(field)));
            }
            prop_assert_eq!(rebuilt, packed);
        }

        #[test]
        fn the_checksum_is_the_naive_one(bytes in any::<[u8; 13]>(), last in 0..3_u8) {
            let mut bytes = bytes;
            let sum = bytes[..12].iter().fold(0, |sum, byte| sum ^ byte);
            bytes[12] = [0, sum, bytes[12]][usize::from(last)];
            let expected = bytes[12] == 0 || bytes[12] == sum;
            prop_assert_eq!(packed(&bytes).checksum_holds(), expected);
        }

        #[test]
        fn swapping_turns_the_two_wide_fields(bytes in any::<[u8; 13]>()) {
            let mut swapped = bytes;
            swapped[1..5].reverse();
            swapped[5..9].reverse();
            prop_assert_eq!(packed(&bytes).wide_fields_swapped(), packed(&swapped));
        }
    }
}
