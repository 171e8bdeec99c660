//! What can be wrong with the headers of a request, and the list that reports it.
#![allow(unsafe_code)] // the list's uninitialised room

use core::fmt;
use core::mem::MaybeUninit;

use super::name::Header;
use crate::config::field::Field;

/// The kind of a fault, by the code that clients see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultCode {
    /// The value is not written as its header asks, or the header came twice.
    InvalidFormat,
    /// The value is a number past the header's range.
    OutOfRange,
    /// The dump's last byte, or a header next to it, contradicts the dump.
    ChecksumMismatch,
    /// The token is not three base64url parts.
    InvalidToken,
    /// The domain is none that the caller knows.
    UnknownDomain,
    /// An `X-Bun-*` name that the protocol does not have.
    UnknownHeader,
    /// A header that the request needs did not come.
    MissingHeader,
    /// A bit or byte that must be zero is not.
    ReservedBitsSet,
}

/// One fault: what is wrong with which header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderFault<'h> {
    code: FaultCode,
    name: &'h [u8],
    value: &'h [u8],
    message: &'static str,
}

/// The faults of one request, the first [`FAULTS_MAX`] of them.
///
/// Its room is not initialised: every request makes a list and next to none fills it.
#[derive(Clone)]
pub struct FaultList<'h> {
    /// The first `count` are initialised, as many as there are.
    faults: [MaybeUninit<HeaderFault<'h>>; FAULTS_MAX],
    count: usize,
}

impl FaultCode {
    /// Every code.
    pub const ALL: [FaultCode; 8] = [
        FaultCode::InvalidFormat,
        FaultCode::OutOfRange,
        FaultCode::ChecksumMismatch,
        FaultCode::InvalidToken,
        FaultCode::UnknownDomain,
        FaultCode::UnknownHeader,
        FaultCode::MissingHeader,
        FaultCode::ReservedBitsSet,
    ];

    /// The code as it stands in a reply.
    pub const fn as_str(self) -> &'static str {
        match self {
            FaultCode::InvalidFormat => "INVALID_FORMAT",
            FaultCode::OutOfRange => "OUT_OF_RANGE",
            FaultCode::ChecksumMismatch => "CHECKSUM_MISMATCH",
            FaultCode::InvalidToken => "INVALID_TOKEN",
            FaultCode::UnknownDomain => "UNKNOWN_DOMAIN",
            FaultCode::UnknownHeader => "UNKNOWN_HEADER",
            FaultCode::MissingHeader => "MISSING_HEADER",
            FaultCode::ReservedBitsSet => "RESERVED_BITS_SET",
        }
    }
}

impl<'h> HeaderFault<'h> {
    pub(super) const fn of(
        header: Header,
        code: FaultCode,
        value: &'h [u8],
        message: &'static str,
    ) -> HeaderFault<'h> {
        HeaderFault {
            code,
            name: header.as_str().as_bytes(),
            value,
            message,
        }
    }

    pub(super) const fn unknown(name: &'h [u8], value: &'h [u8]) -> HeaderFault<'h> {
        let message = "the protocol has no header of this name";
        HeaderFault {
            code: FaultCode::UnknownHeader,
            name,
            value,
            message,
        }
    }

    /// The kind of the fault.
    pub const fn code(&self) -> FaultCode {
        self.code
    }

    /// The header's name: as the protocol writes it, or as it came where it is unknown.
    pub const fn name(&self) -> &'h [u8] {
        self.name
    }

    /// The value as it came, whole; empty for a missing header. For replies and logs there is
    /// [`shown_value`](HeaderFault::shown_value).
    pub const fn value(&self) -> &'h [u8] {
        self.value
    }

    /// The value as it may be shown: a token's is cut to its first 20 characters.
    pub fn shown_value(&self) -> &'h [u8] {
        if self
            .name
            .eq_ignore_ascii_case(Header::ProxyToken.as_str().as_bytes())
        {
            first_characters(self.value, TOKEN_CHARACTERS_SHOWN)
        } else {
            self.value
        }
    }

    /// What is wrong, in words for the one who sent it.
    pub const fn message(&self) -> &'static str {
        self.message
    }
}

impl fmt::Display for HeaderFault<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.escape_ascii();
        write!(
            formatter,
            "{} in {name}: {}",
            self.code.as_str(),
            self.message
        )
    }
}

impl core::error::Error for HeaderFault<'_> {}

impl<'h> FaultList<'h> {
    /// An empty list.
    #[inline]
    pub const fn new() -> FaultList<'h> {
        FaultList {
            faults: [const { MaybeUninit::uninit() }; FAULTS_MAX],
            count: 0,
        }
    }

    /// The faults kept, in the order they were found.
    pub fn iter(&self) -> impl Iterator<Item = &HeaderFault<'h>> {
        let kept = &self.faults[..self.count.min(FAULTS_MAX)];
        // SAFETY: `push` alone counts, and only after it has written the place it counts.
        kept.iter().map(|fault| unsafe { fault.assume_init_ref() })
    }

    /// How many faults were found, kept or not.
    #[inline]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Whether nothing was found.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many faults found no room in the list.
    pub const fn omitted_count(&self) -> usize {
        self.count.saturating_sub(FAULTS_MAX)
    }

    #[cold]
    pub(super) fn push(&mut self, fault: HeaderFault<'h>) {
        if let Some(room) = self.faults.get_mut(self.count) {
            room.write(fault);
        }
        self.count += 1;
    }
}

impl fmt::Debug for FaultList<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

impl Default for FaultList<'_> {
    fn default() -> Self {
        FaultList::new()
    }
}

/// The faults that a dump can have by itself.
pub(in crate::config) mod dump_fault {
    use super::{FaultCode, Field, Header, HeaderFault};

    pub(in crate::config) const fn format(value: &[u8]) -> HeaderFault<'_> {
        let message = "must be 0x and 26 hex digits";
        HeaderFault::of(Header::ConfigDump, FaultCode::InvalidFormat, value, message)
    }

    pub(in crate::config) const fn checksum(value: &[u8]) -> HeaderFault<'_> {
        let message = "byte 12 must be 0 or the XOR of bytes 0 to 11";
        HeaderFault::of(
            Header::ConfigDump,
            FaultCode::ChecksumMismatch,
            value,
            message,
        )
    }

    pub(in crate::config) const fn range(value: &[u8], field: Field) -> HeaderFault<'_> {
        HeaderFault::of(
            Header::ConfigDump,
            range_code(field),
            value,
            field.range_text(),
        )
    }

    /// The code for a value that a field does not accept.
    pub(in crate::config) const fn range_code(field: Field) -> FaultCode {
        match field {
            Field::FeatureFlags | Field::Reserved => FaultCode::ReservedBitsSet,
            Field::Version
            | Field::RegistryHash
            | Field::TerminalMode
            | Field::Rows
            | Field::Cols => FaultCode::OutOfRange,
        }
    }
}

/// The first characters of a text, whole even where it is UTF-8; of other bytes at most as many.
fn first_characters(text: &[u8], characters: usize) -> &[u8] {
    let is_start = |byte: &u8| byte & 0xc0 != 0x80;
    let cut = text
        .iter()
        .enumerate()
        .filter(|(_, byte)| is_start(byte))
        .nth(characters);
    let end = cut.map_or(text.len(), |(index, _)| index);
    &text[..end.min(characters * 4)]
}

/// Faults that a list keeps. The protocol's own headers can give fewer; only repeated and
/// unknown names, as many as a head holds, go past it.
pub const FAULTS_MAX: usize = 32;

const TOKEN_CHARACTERS_SHOWN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_protocol() {
        let codes = FaultCode::ALL.map(FaultCode::as_str).join(", ");
        assert_eq!(
            codes,
            "INVALID_FORMAT, OUT_OF_RANGE, CHECKSUM_MISMATCH, INVALID_TOKEN, UNKNOWN_DOMAIN, \
             UNKNOWN_HEADER, MISSING_HEADER, RESERVED_BITS_SET"
        );
    }

    #[test]
    fn a_token_is_shown_by_its_first_20_characters_and_other_values_whole() {
        let shown = |header, value| {
            HeaderFault::of(header, FaultCode::InvalidToken, value, "").shown_value()
        };
        let token = b"abcdefghijklmnopqrstuvwxyz";
        assert_eq!(shown(Header::ProxyToken, token), b"abcdefghijklmnopqrst");
        assert_eq!(shown(Header::ProxyToken, &token[..20]), &token[..20]);
        assert_eq!(shown(Header::ProxyToken, b""), b"");
        assert_eq!(shown(Header::ConfigDump, token), token);
        let accents = "é".repeat(30);
        let cut = shown(Header::ProxyToken, accents.as_bytes());
        assert_eq!(str::from_utf8(cut), Ok(&*"é".repeat(20)));
        assert_eq!(shown(Header::ProxyToken, &[0x80; 500]).len(), 80);
    }

    #[test]
    fn a_fault_reads_as_code_header_and_message() {
        let fault = HeaderFault::unknown(b"X-Bun-\xff", b"1");
        assert_eq!(
            fault.to_string(),
            "UNKNOWN_HEADER in X-Bun-\\xff: the protocol has no header of this name"
        );
    }

    #[test]
    fn a_list_keeps_the_first_faults_and_counts_the_others() {
        let values: Vec<u8> = (0..FAULTS_MAX as u8 + 9).collect();
        let mut faults = FaultList::new();
        assert!(faults.is_empty());
        for (index, value) in values.chunks(1).enumerate() {
            assert_eq!(
                (faults.count(), faults.omitted_count()),
                (index, index.saturating_sub(32))
            );
            faults.push(HeaderFault::unknown(b"X-Bun-Other", value));
        }
        assert!(!faults.is_empty());
        assert_eq!((faults.count(), faults.omitted_count()), (41, 9));
        let kept: Vec<u8> = faults.iter().map(|fault| fault.value()[0]).collect();
        assert_eq!(kept, values[..32]);
    }
}
