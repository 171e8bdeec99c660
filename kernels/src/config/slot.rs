//! The 64-byte slot of the state file.

use super::crc64::crc64_xz;
use super::state::{ConfigState, STATE_BYTES};

/// A slot: `"T13" 0x01`, the 13 bytes, the sequence, the CRC-64/XZ of all before, zeros.
pub fn encode_slot(state: &ConfigState, sequence: u64) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[..STATE_AT].copy_from_slice(&MAGIC);
    slot[STATE_AT..SEQUENCE_AT].copy_from_slice(&state.to_bytes());
    slot[SEQUENCE_AT..SUM_AT].copy_from_slice(&sequence.to_le_bytes());
    let sum = crc64_xz(&slot[..SUM_AT]);
    slot[SUM_AT..SUM_END].copy_from_slice(&sum.to_le_bytes());
    slot
}

/// The configuration and the sequence of a slot; `None` where none was written, the write was
/// torn, or what holds is not a configuration of this layout. The zeros are not looked at.
pub fn decode_slot(slot: &[u8; SLOT_BYTES]) -> Option<(ConfigState, u64)> {
    let (summed, rest) = slot.split_first_chunk::<SUM_AT>()?;
    let (magic, summed_rest) = summed.split_first_chunk::<STATE_AT>()?;
    let (state, sequence) = summed_rest.split_first_chunk::<STATE_BYTES>()?;
    let sum = u64::from_le_bytes(*rest.first_chunk()?);
    if *magic != MAGIC || sum != crc64_xz(summed) {
        return None;
    }
    let state = ConfigState::from_bytes(state).ok()?;
    Some((state, u64::from_le_bytes(*sequence.first_chunk()?)))
}

/// Bytes of a slot: one cache line, and within every sector size.
pub const SLOT_BYTES: usize = 64;

const MAGIC: [u8; STATE_AT] = *b"T13\x01";
const STATE_AT: usize = 4;
const SEQUENCE_AT: usize = STATE_AT + STATE_BYTES;
const SUM_AT: usize = SEQUENCE_AT + 8;
const SUM_END: usize = SUM_AT + 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::field::Field;

    #[test]
    fn a_slot_is_laid_out_as_the_protocol_says() {
        let slot = encode_slot(&ConfigState::DEFAULT, 0x0102_0304_0506_0708);
        assert_eq!(slot[..4], *b"T13\x01");
        assert_eq!(slot[4..17], ConfigState::DEFAULT.to_bytes());
        assert_eq!(slot[17..25], [8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(slot[25..33], crc64_xz(&slot[..25]).to_le_bytes());
        assert_eq!(slot[33..], [0; 31]);
    }

    #[test]
    fn slots_round_trip() {
        for sequence in [0, 1, 255, u64::MAX] {
            let state = ConfigState::DEFAULT
                .with(Field::Cols, 1 + sequence % 255)
                .unwrap();
            assert_eq!(
                decode_slot(&encode_slot(&state, sequence)),
                Some((state, sequence))
            );
        }
    }

    #[test]
    fn any_flipped_bit_of_what_is_summed_loses_the_slot() {
        let slot = encode_slot(&ConfigState::DEFAULT, 77);
        for bit in 0..33 * 8 {
            let mut torn = slot;
            torn[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode_slot(&torn), None, "bit {bit}");
        }
    }

    #[test]
    fn a_write_torn_at_any_byte_is_the_old_slot_the_new_one_or_none() {
        let old = encode_slot(&ConfigState::DEFAULT, 76);
        let new = encode_slot(&ConfigState::DEFAULT.with(Field::Rows, 99).unwrap(), 78);
        for cut in 0..=SLOT_BYTES {
            let mut torn = old;
            torn[..cut].copy_from_slice(&new[..cut]);
            let read = decode_slot(&torn);
            assert!(read.is_none() || read == decode_slot(&old) || read == decode_slot(&new));
        }
    }

    #[test]
    fn empty_slots_and_states_out_of_range_do_not_hold() {
        assert_eq!(decode_slot(&[0; SLOT_BYTES]), None);
        assert_eq!(decode_slot(&[0xff; SLOT_BYTES]), None);
        let mut slot = encode_slot(&ConfigState::DEFAULT, 1);
        slot[14] = 0;
        let sum = crc64_xz(&slot[..25]);
        slot[25..33].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(decode_slot(&slot), None, "rows 0 under a CRC that holds");
    }
}
