//! Base64 that comes in pieces (RFC 4648, section 4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A text on its way.
#[derive(Debug, Default)]
pub(super) struct Base64 {
    /// What does not make a group of four yet.
    carry: [u8; 4],
    carried: usize,
    /// A group that was padded is the last.
    is_padded: bool,
}

/// The text is no Base64.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NotBase64;

impl Base64 {
    /// Adds the bytes of a piece to `out`.
    pub(super) fn push(&mut self, mut text: &[u8], out: &mut Vec<u8>) -> Result<(), NotBase64> {
        if self.carried > 0 {
            let missing = (self.carry.len() - self.carried).min(text.len());
            let (first, rest) = text.split_at(missing);
            self.carry[self.carried..self.carried + missing].copy_from_slice(first);
            self.carried += missing;
            if self.carried < self.carry.len() {
                return Ok(());
            }
            let group = self.carry;
            self.carried = 0;
            self.decode(&group, out)?;
            text = rest;
        }
        let (groups, rest) = text.split_at(text.len() - text.len() % self.carry.len());
        self.decode(groups, out)?;
        self.carry[..rest.len()].copy_from_slice(rest);
        self.carried = rest.len();
        Ok(())
    }

    /// Ends the text.
    pub(super) fn finish(&self) -> Result<(), NotBase64> {
        match self.carried {
            0 => Ok(()),
            _ => Err(NotBase64),
        }
    }

    fn decode(&mut self, groups: &[u8], out: &mut Vec<u8>) -> Result<(), NotBase64> {
        if groups.is_empty() {
            return Ok(());
        }
        if self.is_padded {
            return Err(NotBase64);
        }
        self.is_padded = groups.ends_with(b"=");
        STANDARD.decode_vec(groups, out).map_err(|_| NotBase64)
    }
}
