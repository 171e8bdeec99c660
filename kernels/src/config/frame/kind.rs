//! The types of frames, their faults, and the check that every frame passes first.

use core::fmt;

/// The type of a frame, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameType {
    /// Sets one field.
    Update = 0x01,
    /// Switches one feature.
    Toggle = 0x02,
    /// Tells that a package was published.
    RegisterPackage = 0x03,
    /// Sets rows and columns.
    Resize = 0x04,
    /// Tells that the sender lives.
    Heartbeat = 0x05,
    /// Acknowledges a frame.
    Ack = 0x06,
    /// Tells why a frame was refused.
    Error = 0x07,
    /// Text from the terminal.
    TerminalOutput = 0x10,
    /// Text for the terminal.
    TerminalInput = 0x11,
    /// Sets up to 16 fields, all or none.
    Bulk = 0x20,
    /// Asks for the whole state.
    SyncRequest = 0x21,
    /// Tells the whole state and its sequence.
    SyncResponse = 0x22,
}

/// Who may send a type of frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Client or server.
    Either,
    /// Only the server.
    Server,
}

/// Why a frame was refused; the code is what an ERROR frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameFault {
    /// The length is none that the type can have; an unknown type counts as a fixed frame.
    InvalidLength = 1,
    /// The last byte is not the XOR of those before it.
    ChecksumMismatch = 2,
    /// The first byte is no type.
    UnknownType = 3,
    /// The offset names nothing that the type can change.
    InvalidField = 4,
    /// The value is past its field's range, or a text is not UTF-8.
    OutOfRange = 5,
    /// The peer may not send this.
    NotAllowed = 6,
    /// The peer sends too often.
    RateLimited = 7,
}

/// Checks length, checksum and type, in this order, and nothing of what the frame says.
#[inline]
pub fn validate(frame: &[u8]) -> Result<FrameType, FrameFault> {
    match frame.try_into() {
        Ok(fixed) => validate_fixed(fixed),
        Err(_) => validate_other_length(frame),
    }
}

/// The check of a frame as long as the fixed ones are; a terminal text can be, too.
#[inline(always)]
pub(super) fn validate_fixed(frame: &[u8; FIXED_BYTES]) -> Result<FrameType, FrameFault> {
    let kind = FrameType::from_byte(frame[0]);
    if matches!(kind, Some(FrameType::Bulk | FrameType::SyncResponse)) {
        return Err(FrameFault::InvalidLength);
    }
    if xor_of_fixed(frame) != 0 {
        return Err(FrameFault::ChecksumMismatch);
    }
    kind.ok_or(FrameFault::UnknownType)
}

fn validate_other_length(frame: &[u8]) -> Result<FrameType, FrameFault> {
    let kind = frame.first().and_then(|first| FrameType::from_byte(*first));
    let Some(kind) = kind else {
        return Err(FrameFault::InvalidLength);
    };
    let length_holds = match kind {
        FrameType::TerminalOutput | FrameType::TerminalInput => {
            (2..=FRAME_BYTES_MAX).contains(&frame.len())
        }
        FrameType::Bulk => entries_of_bulk(frame).is_some(),
        FrameType::SyncResponse => frame.len() == SYNC_RESPONSE_BYTES,
        FrameType::Update
        | FrameType::Toggle
        | FrameType::RegisterPackage
        | FrameType::Resize
        | FrameType::Heartbeat
        | FrameType::Ack
        | FrameType::Error
        | FrameType::SyncRequest => false,
    };
    if !length_holds {
        return Err(FrameFault::InvalidLength);
    }
    if xor_of(frame) == 0 {
        Ok(kind)
    } else {
        Err(FrameFault::ChecksumMismatch)
    }
}

impl FrameType {
    /// Every type.
    pub const ALL: [FrameType; 12] = [
        FrameType::Update,
        FrameType::Toggle,
        FrameType::RegisterPackage,
        FrameType::Resize,
        FrameType::Heartbeat,
        FrameType::Ack,
        FrameType::Error,
        FrameType::TerminalOutput,
        FrameType::TerminalInput,
        FrameType::Bulk,
        FrameType::SyncRequest,
        FrameType::SyncResponse,
    ];

    /// The type that a first byte means.
    #[inline]
    pub const fn from_byte(byte: u8) -> Option<FrameType> {
        if (byte as usize) < BY_BYTE.len() {
            BY_BYTE[byte as usize]
        } else {
            None
        }
    }

    /// The first byte of frames of this type.
    #[inline]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// The name that the protocol gives the type.
    pub const fn name(self) -> &'static str {
        match self {
            FrameType::Update => "CONFIG_UPDATE",
            FrameType::Toggle => "FEATURE_TOGGLE",
            FrameType::RegisterPackage => "REGISTER_PACKAGE",
            FrameType::Resize => "TERMINAL_RESIZE",
            FrameType::Heartbeat => "HEARTBEAT",
            FrameType::Ack => "ACK",
            FrameType::Error => "ERROR",
            FrameType::TerminalOutput => "TERMINAL_OUTPUT",
            FrameType::TerminalInput => "TERMINAL_INPUT",
            FrameType::Bulk => "BULK_UPDATE",
            FrameType::SyncRequest => "SYNC_REQUEST",
            FrameType::SyncResponse => "SYNC_RESPONSE",
        }
    }

    /// Who may send frames of this type.
    #[inline]
    pub const fn sender(self) -> Sender {
        match self {
            FrameType::RegisterPackage
            | FrameType::Ack
            | FrameType::Error
            | FrameType::SyncResponse => Sender::Server,
            FrameType::Update
            | FrameType::Toggle
            | FrameType::Resize
            | FrameType::Heartbeat
            | FrameType::TerminalOutput
            | FrameType::TerminalInput
            | FrameType::Bulk
            | FrameType::SyncRequest => Sender::Either,
        }
    }
}

impl FrameFault {
    /// Every fault, from code 1 up.
    pub const ALL: [FrameFault; 7] = [
        FrameFault::InvalidLength,
        FrameFault::ChecksumMismatch,
        FrameFault::UnknownType,
        FrameFault::InvalidField,
        FrameFault::OutOfRange,
        FrameFault::NotAllowed,
        FrameFault::RateLimited,
    ];

    /// The code that an ERROR frame carries.
    #[inline]
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// The fault of a code.
    pub fn from_code(code: u32) -> Option<FrameFault> {
        FrameFault::ALL
            .into_iter()
            .find(|fault| fault.code() == code)
    }

    /// The message, of which an ERROR frame carries the first eight bytes.
    pub const fn message(self) -> &'static str {
        match self {
            FrameFault::InvalidLength => "Invalid frame length",
            FrameFault::ChecksumMismatch => "Checksum mismatch",
            FrameFault::UnknownType => "Unknown message type",
            FrameFault::InvalidField => "Invalid field",
            FrameFault::OutOfRange => "Value out of range",
            FrameFault::NotAllowed => "Not allowed",
            FrameFault::RateLimited => "Rate limited",
        }
    }
}

impl fmt::Display for FrameFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.message())
    }
}

impl core::error::Error for FrameFault {}

/// The entries of a bulk, if its length is that of 1 to 16 of them.
#[inline]
pub(super) fn entries_of_bulk(frame: &[u8]) -> Option<&[[u8; ENTRY_BYTES]]> {
    let (_, rest) = frame.split_first()?;
    let (entries, sum) = rest.as_chunks();
    let is_whole = sum.len() == 1 && (1..=BULK_ENTRIES_MAX).contains(&entries.len());
    if is_whole { Some(entries) } else { None }
}

/// The XOR of the bytes of a fixed frame, from two words that overlap by two bytes.
#[inline(always)]
fn xor_of_fixed(frame: &[u8; FIXED_BYTES]) -> u8 {
    let (first, last) = (u64_at(frame, 0), u64_at(frame, FIXED_BYTES - 8));
    fold_of_xor(first ^ last >> 16)
}

/// The XOR of all bytes, which is 0 for a frame that ends in the XOR of the others.
#[inline]
pub(super) fn xor_of(bytes: &[u8]) -> u8 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut sum = words
        .iter()
        .fold(0, |sum, word| sum ^ u64::from_le_bytes(*word));
    // The last word overlaps the one before; shifting it leaves only the bytes not yet summed.
    match bytes.last_chunk::<8>() {
        Some(last) if !rest.is_empty() => {
            sum ^= u64::from_le_bytes(*last) >> (8 * (8 - rest.len()));
        }
        Some(_) => {}
        None => sum = rest.iter().fold(0, |sum, byte| sum ^ u64::from(*byte)),
    }
    fold_of_xor(sum)
}

/// The XOR of the eight bytes of a word.
#[inline]
pub(super) const fn fold_of_xor(mut word: u64) -> u8 {
    word ^= word >> 32;
    word ^= word >> 16;
    word ^= word >> 8;
    word as u8
}

/// The word at a place. From a slice and not from single bytes, which would stay single loads.
#[inline(always)]
pub(super) fn u64_at<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    u64::from_le_bytes(
        bytes[at..at + 8]
            .try_into()
            .expect("the range has eight bytes"),
    )
}

/// The half word at a place.
#[inline(always)]
pub(super) fn u32_at<const N: usize>(bytes: &[u8; N], at: usize) -> u32 {
    u32::from_le_bytes(
        bytes[at..at + 4]
            .try_into()
            .expect("the range has four bytes"),
    )
}

/// Bytes of a fixed frame: type, offset, value, checksum.
pub const FIXED_BYTES: usize = 14;

/// Bytes of a SYNC_RESPONSE.
pub const SYNC_RESPONSE_BYTES: usize = 23;

/// Entries that a BULK_UPDATE holds at most.
pub const BULK_ENTRIES_MAX: usize = 16;

/// Bytes of the longest BULK_UPDATE.
pub const BULK_BYTES_MAX: usize = 2 + ENTRY_BYTES * BULK_ENTRIES_MAX;

/// Bytes of text that a terminal frame holds at most.
pub const TERMINAL_TEXT_BYTES_MAX: usize = 4096;

/// Bytes of the longest frame.
pub const FRAME_BYTES_MAX: usize = TERMINAL_TEXT_BYTES_MAX + 2;

/// Bytes of an entry of a BULK_UPDATE: offset, value, zero.
pub(super) const ENTRY_BYTES: usize = 13;

const BY_BYTE: [Option<FrameType>; 0x23] = {
    let mut by_byte = [None; 0x23];
    let mut index = 0;
    while index < FrameType::ALL.len() {
        by_byte[FrameType::ALL[index] as usize] = Some(FrameType::ALL[index]);
        index += 1;
    }
    by_byte
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive_xor(bytes: &[u8]) -> u8 {
        bytes.iter().fold(0, |sum, byte| sum ^ byte)
    }

    fn sealed(first: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![b'a'; length];
        frame[0] = first;
        frame[length - 1] = naive_xor(&frame[..length - 1]);
        frame
    }

    #[test]
    fn types_and_faults_have_the_numbers_of_the_protocol() {
        let bytes = FrameType::ALL.map(FrameType::byte);
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 7, 0x10, 0x11, 0x20, 0x21, 0x22]);
        for byte in 0..=u8::MAX {
            let expected = FrameType::ALL.into_iter().find(|kind| kind.byte() == byte);
            assert_eq!(FrameType::from_byte(byte), expected);
        }
        let texts = [
            "Invalid frame length",
            "Checksum mismatch",
            "Unknown message type",
            "Invalid field",
            "Value out of range",
            "Not allowed",
            "Rate limited",
        ];
        for (code, text) in (1..).zip(texts) {
            let fault = FrameFault::from_code(code).unwrap();
            assert_eq!((fault.code(), fault.message()), (code, text));
            assert_eq!(fault.to_string(), text);
        }
        assert_eq!(
            (FrameFault::from_code(0), FrameFault::from_code(8)),
            (None, None)
        );
    }

    #[test]
    fn only_the_server_sends_what_the_protocol_gives_it() {
        let server: Vec<_> = FrameType::ALL
            .into_iter()
            .filter(|kind| kind.sender() == Sender::Server)
            .collect();
        let names: Vec<_> = server.into_iter().map(FrameType::name).collect();
        assert_eq!(names, ["REGISTER_PACKAGE", "ACK", "ERROR", "SYNC_RESPONSE"]);
    }

    #[test]
    fn every_type_at_every_length_has_a_length_of_its_own_or_is_refused() {
        assert_eq!(validate(&[]), Err(FrameFault::InvalidLength));
        for first in 0..=u8::MAX {
            for length in (1..260).chain([4097, 4098, 4099]) {
                let expected = match FrameType::from_byte(first) {
                    Some(FrameType::TerminalOutput | FrameType::TerminalInput) => {
                        (2..=4098).contains(&length)
                    }
                    Some(FrameType::Bulk) => (1..=16).any(|count| length == 2 + 13 * count),
                    Some(FrameType::SyncResponse) => length == 23,
                    _ => length == 14,
                };
                let read = validate(&sealed(first, length));
                match (expected, FrameType::from_byte(first)) {
                    (false, _) => assert_eq!(read, Err(FrameFault::InvalidLength)),
                    (true, None) => assert_eq!(read, Err(FrameFault::UnknownType)),
                    (true, Some(kind)) => assert_eq!(read, Ok(kind)),
                }
            }
        }
    }

    #[test]
    fn the_checksum_comes_before_the_type() {
        let mut frame = sealed(0x99, 14);
        assert_eq!(validate(&frame), Err(FrameFault::UnknownType));
        frame[13] ^= 1;
        assert_eq!(validate(&frame), Err(FrameFault::ChecksumMismatch));
    }

    #[test]
    fn the_sum_of_words_is_the_sum_of_bytes_at_every_length_and_place() {
        for length in 0..=64 {
            for place in 0..length {
                let mut bytes = vec![0; length];
                bytes[place] = 0xa5;
                assert_eq!(xor_of(&bytes), 0xa5, "{length} {place}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_sum_agrees_with_the_naive_one(
            bytes in proptest::collection::vec(any::<u8>(), 0..600)
        ) {
            prop_assert_eq!(xor_of(&bytes), naive_xor(&bytes));
        }
    }
}
