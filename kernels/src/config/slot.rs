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
