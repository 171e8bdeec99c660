//! What a peer can do wrong once the connection is a WebSocket, and the close code for each.

use std::fmt;

use super::close::CloseCode;

/// A breach of RFC 6455 by the client. The connection is over: the close frame with
/// [`Violation::close_code`] is the last thing that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A reserved bit is set though no extension was negotiated (5.2).
    ReservedBit,
    /// An opcode from 3 to 7 or 11 to 15 (5.2).
    ReservedOpcode,
    /// A client's frame without a mask (5.1).
    Unmasked,
    /// A payload length in more bytes than it needs, or with its top bit set (5.2).
    LengthEncoding,
    /// A ping, pong or close frame that is not final (5.5).
    FragmentedControl,
    /// A ping, pong or close frame of more than 125 bytes (5.5).
    LongControl,
    /// A continuation frame while no message is open (5.4).
    NothingToContinue,
    /// A text or binary frame while a fragmented message is open (5.4).
    MessageInterrupted,
    /// A message of more bytes than this endpoint takes (7.4.1).
    MessageTooBig,
    /// A text message, or the reason of a close frame, that is not UTF-8 (8.1).
    InvalidUtf8,
    /// A close frame with a payload of one byte (5.5.1).
    ShortClose,
    /// A close code that must not be sent (7.4).
    RefusedCloseCode,
}

impl Violation {
    /// The code of the close frame that answers it.
    pub fn close_code(self) -> CloseCode {
        match self {
            Violation::ReservedBit
            | Violation::ReservedOpcode
            | Violation::Unmasked
            | Violation::LengthEncoding
            | Violation::FragmentedControl
            | Violation::LongControl
            | Violation::NothingToContinue
            | Violation::MessageInterrupted
            | Violation::ShortClose
            | Violation::RefusedCloseCode => CloseCode::PROTOCOL_ERROR,
            Violation::InvalidUtf8 => CloseCode::INVALID_PAYLOAD,
            Violation::MessageTooBig => CloseCode::TOO_BIG,
        }
    }

    /// The reason in that close frame.
    pub fn reason(self) -> &'static str {
        match self {
            Violation::ReservedBit => "Reserved bit set",
            Violation::ReservedOpcode => "Reserved opcode",
            Violation::Unmasked => "Frame not masked",
            Violation::LengthEncoding => "Length not in its shortest form",
            Violation::FragmentedControl => "Control frame fragmented",
            Violation::LongControl => "Control frame too long",
            Violation::NothingToContinue => "No message to continue",
            Violation::MessageInterrupted => "Message not finished",
            Violation::MessageTooBig => "Message too big",
            Violation::InvalidUtf8 => "Invalid UTF-8",
            Violation::ShortClose => "Close frame of one byte",
            Violation::RefusedCloseCode => "Close code not allowed",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.reason())
    }
}

impl std::error::Error for Violation {}
