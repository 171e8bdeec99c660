//! UTF-8 of text messages, checked while their fragments arrive.

use crate::level::Level;

/// The text is not UTF-8: close code 1007 answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Utf8Fault;

impl core::fmt::Display for Utf8Fault {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("the text is not UTF-8")
    }
}

impl core::error::Error for Utf8Fault {}

/// Checks one text after the other, each piece by piece.
///
/// A fault is reported with the first byte after which no continuation could be UTF-8.
#[derive(Clone, Debug)]
pub struct Utf8Stream {
    level: Level,
    /// The start of a character that the last piece cut.
    carry: [u8; CHARACTER_BYTES_MAX],
    carry_bytes: usize,
}

impl Utf8Stream {
    /// A checker at the start of a text.
    pub const fn new(level: Level) -> Utf8Stream {
        Utf8Stream {
            level,
            carry: [0; CHARACTER_BYTES_MAX],
            carry_bytes: 0,
        }
    }

    /// Checks the next piece of the text. After a fault the checker must not be used again.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), Utf8Fault> {
        let rest = self.complete_carry(piece)?;
        let whole_bytes = rest.len() - cut_character_bytes(rest);
        let (whole, cut) = rest.split_at(whole_bytes);
        if !is_utf8(self.level, whole) {
            return Err(Utf8Fault);
        }
        if !cut.is_empty() {
            prefix_state(cut)?;
            self.carry[..cut.len()].copy_from_slice(cut);
            self.carry_bytes = cut.len();
        }
        Ok(())
    }

    /// Ends the text: a cut character is a fault. The checker is then at the start of the next.
    pub fn finish(&mut self) -> Result<(), Utf8Fault> {
        let cut = core::mem::take(&mut self.carry_bytes) > 0;
        if cut { Err(Utf8Fault) } else { Ok(()) }
    }

    /// Feeds the cut character until it is whole; returns what is left of the piece.
    fn complete_carry<'p>(&mut self, piece: &'p [u8]) -> Result<&'p [u8], Utf8Fault> {
        let mut rest = piece;
        while self.carry_bytes > 0
            && let [byte, after @ ..] = rest
        {
            self.carry[self.carry_bytes] = *byte;
            self.carry_bytes += 1;
            rest = after;
            if prefix_state(&self.carry[..self.carry_bytes])? == PrefixState::Whole {
                self.carry_bytes = 0;
            }
        }
        Ok(rest)
    }
}

#[derive(PartialEq, Eq)]
enum PrefixState {
    Whole,
    Cut,
}

/// Whether at most one character is whole or only cut.
fn prefix_state(bytes: &[u8]) -> Result<PrefixState, Utf8Fault> {
    match core::str::from_utf8(bytes) {
        Ok(_) => Ok(PrefixState::Whole),
        Err(error) if error.error_len().is_none() => Ok(PrefixState::Cut),
        Err(_) => Err(Utf8Fault),
    }
}

/// Length of the character that the end of `bytes` may cut; its bytes are not yet checked.
fn cut_character_bytes(bytes: &[u8]) -> usize {
    for back in 1..CHARACTER_BYTES_MAX.min(bytes.len() + 1) {
        let character_bytes = match bytes[bytes.len() - back] {
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
            0x00..=0x7f => 1,
        };
        return if character_bytes > back { back } else { 0 };
    }
    0
}

fn is_utf8(level: Level, bytes: &[u8]) -> bool {
    let _ = level;
    core::str::from_utf8(bytes).is_ok()
}

/// Length of the longest character.
const CHARACTER_BYTES_MAX: usize = 4;
