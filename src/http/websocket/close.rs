//! Close codes and the payload of a close frame (RFC 6455, 5.5.1 and 7.4).

use std::fmt;
use std::num::NonZeroU16;

use super::decoder::Payload;
use super::violation::Violation;

/// A close code that may stand in a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseCode(NonZeroU16);

/// A received close frame.
#[derive(Debug, PartialEq, Eq)]
pub struct CloseFrame {
    /// The peer's code, if it gave one.
    pub code: Option<CloseCode>,
    /// The peer's reason: UTF-8, at most 123 bytes, often empty.
    pub reason: Payload,
}

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: CloseCode = CloseCode::literal(1000);
    /// 1001: the server goes down or the page was left.
    pub const GOING_AWAY: CloseCode = CloseCode::literal(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: CloseCode = CloseCode::literal(1002);
    /// 1003: a kind of message that this endpoint does not take.
    pub const UNSUPPORTED: CloseCode = CloseCode::literal(1003);
    /// 1007: a payload that is not what its kind promises, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: CloseCode = CloseCode::literal(1007);
    /// 1009: a message bigger than the endpoint takes.
    pub const TOO_BIG: CloseCode = CloseCode::literal(1009);
    /// 1013: overload; try again later.
    pub const TRY_AGAIN_LATER: CloseCode = CloseCode::literal(1013);

    /// The code, if an endpoint may send it: those that RFC 6455 and the IANA registry define
    /// for the wire, and 3000 to 4999, which are for libraries and applications.
    pub fn from_wire(code: u16) -> Option<CloseCode> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => NonZeroU16::new(code).map(CloseCode),
            0..=999 | 1004..=1006 | 1015..=2999 | 5000.. => None,
        }
    }

    /// The number.
    pub fn number(self) -> u16 {
        self.0.get()
    }

    const fn literal(code: u16) -> CloseCode {
        CloseCode(NonZeroU16::new(code).expect("close codes are not zero"))
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl CloseFrame {
    /// Reads the unmasked payload of a close frame; `input` is what `payload` may point into.
    pub(super) fn parse(mut payload: Payload, input: &[u8]) -> Result<CloseFrame, Violation> {
        let code = match *payload.bytes(input) {
            [] => {
                return Ok(CloseFrame {
                    code: None,
                    reason: payload,
                });
            }
            [_] => return Err(Violation::ShortClose),
            [high, low, ..] => u16::from_be_bytes([high, low]),
        };
        let code = CloseCode::from_wire(code).ok_or(Violation::RefusedCloseCode)?;
        payload.skip(CODE_BYTES);
        str::from_utf8(payload.bytes(input)).map_err(|_| Violation::InvalidUtf8)?;
        Ok(CloseFrame {
            code: Some(code),
            reason: payload,
        })
    }
}

/// Bytes of the code at the start of a close frame's payload.
pub(super) const CODE_BYTES: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(payload: &[u8]) -> Result<(Option<u16>, Vec<u8>), Violation> {
        let close = CloseFrame::parse(Payload::Input(0..payload.len()), payload)?;
        let reason = close.reason.bytes(payload).to_vec();
        Ok((close.code.map(CloseCode::number), reason))
    }

    #[test]
    fn codes_for_the_wire_are_those_of_the_registry() {
        let allowed: Vec<u16> = (0..=u16::MAX)
            .filter(|&code| CloseCode::from_wire(code).is_some())
            .collect();
        let expected: Vec<u16> = (1000..=1003)
            .chain(1007..=1014)
            .chain(3000..=4999)
            .collect();
        assert_eq!(allowed, expected);
    }

    #[test]
    fn payload_is_empty_or_a_code_and_utf8() {
        assert_eq!(parse(b""), Ok((None, vec![])));
        assert_eq!(parse(b"\x03"), Err(Violation::ShortClose));
        assert_eq!(parse(b"\x03\xe8"), Ok((Some(1000), vec![])));
        assert_eq!(parse(b"\x03\xe8bye"), Ok((Some(1000), b"bye".to_vec())));
        assert_eq!(parse(b"\x03\xedbye"), Err(Violation::RefusedCloseCode));
        assert_eq!(
            parse(b"\x03\xe8\xce"),
            Err(Violation::InvalidUtf8),
            "cut inside a character"
        );
        assert_eq!(
            parse(b"\x03\xe8\xed\xa0\x80"),
            Err(Violation::InvalidUtf8),
            "a surrogate"
        );
    }
}
