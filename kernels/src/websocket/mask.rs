//! Unmasking of payloads (RFC 6455, section 5.3).

use crate::level::Level;

/// XORs `payload` with the masking key, in place; masking and unmasking are the same.
///
/// `phase` is how many payload bytes of the frame came before these, so that a frame may be
/// unmasked piece by piece.
pub fn unmask(level: Level, payload: &mut [u8], key: [u8; 4], phase: usize) {
    let _ = level;
    for (index, byte) in payload.iter_mut().enumerate() {
        *byte ^= key[(phase + index) % 4];
    }
}
