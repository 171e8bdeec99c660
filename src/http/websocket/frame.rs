//! The head of a frame on the wire (RFC 6455, 5.2): read as a server must read a client's, written
//! as a server must write its own.

use super::violation::Violation;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// More of the message that an earlier text or binary frame began.
    Continuation,
    /// UTF-8 text.
    Text,
    /// Bytes.
    Binary,
    /// The sender will send nothing after it.
    Close,
    /// Asks for a pong with the same payload.
    Ping,
    /// Answers a ping, or comes unasked.
    Pong,
}

/// Whether a frame ends its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fragment {
    /// The message ends with this frame.
    Final,
    /// Continuation frames follow.
    More,
}

/// The head of a client's frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// What the frame carries.
    pub opcode: Opcode,
    /// Whether it ends its message.
    pub fragment: Fragment,
    /// The key that its payload is masked with.
    pub key: [u8; 4],
    /// Length of its payload: at most 125 for a control frame, below 2^63 for others.
    pub payload_bytes: u64,
}

impl Opcode {
    /// Whether frames of this kind steer the connection and may come between fragments (5.5).
    pub fn is_control(self) -> bool {
        match self {
            Opcode::Continuation | Opcode::Text | Opcode::Binary => false,
            Opcode::Close | Opcode::Ping | Opcode::Pong => true,
        }
    }

    /// The four bits of the wire.
    pub fn bits(self) -> u8 {
        match self {
            Opcode::Continuation => 0x0,
            Opcode::Text => 0x1,
            Opcode::Binary => 0x2,
            Opcode::Close => 0x8,
            Opcode::Ping => 0x9,
            Opcode::Pong => 0xa,
        }
    }

    fn from_bits(bits: u8) -> Option<Opcode> {
        match bits {
            0x0 => Some(Opcode::Continuation),
            0x1 => Some(Opcode::Text),
            0x2 => Some(Opcode::Binary),
            0x8 => Some(Opcode::Close),
            0x9 => Some(Opcode::Ping),
            0xa => Some(Opcode::Pong),
            0x3..=0x7 | 0xb.. => None,
        }
    }
}

impl FrameHead {
    /// Most bytes that a client's head takes.
    pub const BYTES_MAX: usize = 14;

    /// Reads the head at the start of `bytes`: the head and its length, or `None` while more bytes
    /// are needed.
    ///
    /// Each byte is judged as soon as it is there, in order, so that the verdict does not depend
    /// on how the stream was cut.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Option<(FrameHead, usize)>, Violation> {
        let Some((&first, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        if first & RESERVED_BITS != 0 {
            return Err(Violation::ReservedBit);
        }
        let opcode = Opcode::from_bits(first & OPCODE_BITS).ok_or(Violation::ReservedOpcode)?;
        let fragment = if first & FINAL_BIT == 0 {
            Fragment::More
        } else {
            Fragment::Final
        };
        if opcode.is_control() && fragment == Fragment::More {
            return Err(Violation::FragmentedControl);
        }
        let Some((&second, rest)) = rest.split_first() else {
            return Ok(None);
        };
        if second & MASKED_BIT == 0 {
            return Err(Violation::Unmasked);
        }
        let short = second & !MASKED_BIT;
        if opcode.is_control() && usize::from(short) > CONTROL_BYTES_MAX {
            return Err(Violation::LongControl);
        }
        let (payload_bytes, length_bytes) = match short {
            LENGTH_IN_2_BYTES => {
                let Some(&length) = rest.first_chunk::<2>() else {
                    return Ok(None);
                };
                (
                    at_least(126, u64::from(u16::from_be_bytes(length)))?,
                    length.len(),
                )
            }
            LENGTH_IN_8_BYTES => {
                let Some(&length) = rest.first_chunk::<8>() else {
                    return Ok(None);
                };
                (at_least(1 << 16, u64::from_be_bytes(length))?, length.len())
            }
            short => (u64::from(short), 0),
        };
        if payload_bytes >> 63 != 0 {
            return Err(Violation::LengthEncoding);
        }
        let Some(&key) = rest[length_bytes..].first_chunk::<4>() else {
            return Ok(None);
        };
        let head = FrameHead {
            opcode,
            fragment,
            key,
            payload_bytes,
        };
        Ok(Some((head, 2 + length_bytes + key.len())))
    }
}

/// Writes the head of a server's frame, which is always final and never masked.
#[inline]
pub(super) fn write_head(opcode: Opcode, payload_bytes: usize, out: &mut Vec<u8>) {
    let first = FINAL_BIT | opcode.bits();
    if let Ok(short @ 0..=125) = u8::try_from(payload_bytes) {
        out.extend_from_slice(&[first, short]);
    } else if let Ok(length) = u16::try_from(payload_bytes) {
        let [high, low] = length.to_be_bytes();
        out.extend_from_slice(&[first, LENGTH_IN_2_BYTES, high, low]);
    } else {
        out.extend_from_slice(&[first, LENGTH_IN_8_BYTES]);
        out.extend_from_slice(&(payload_bytes as u64).to_be_bytes());
    }
}

fn at_least(shortest: u64, length: u64) -> Result<u64, Violation> {
    if length < shortest {
        Err(Violation::LengthEncoding)
    } else {
        Ok(length)
    }
}

/// Most bytes in the payload of a control frame (5.5).
pub(super) const CONTROL_BYTES_MAX: usize = 125;
/// Most bytes that a server's head takes.
pub(super) const SERVER_HEAD_BYTES_MAX: usize = 10;

const FINAL_BIT: u8 = 0x80;
const RESERVED_BITS: u8 = 0x70;
const OPCODE_BITS: u8 = 0x0f;
const MASKED_BIT: u8 = 0x80;
const LENGTH_IN_2_BYTES: u8 = 126;
const LENGTH_IN_8_BYTES: u8 = 127;

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    fn head_of(opcode: Opcode, payload_bytes: u64) -> FrameHead {
        FrameHead {
            opcode,
            fragment: Fragment::Final,
            key: KEY,
            payload_bytes,
        }
    }

    fn with_key(head: &[u8]) -> Vec<u8> {
        [head, &KEY].concat()
    }

    #[test]
    fn heads_of_every_length_form_are_read() {
        let table: [(&[u8], u64); 6] = [
            (&[0x82, 0x80], 0),
            (&[0x82, 0x80 | 125], 125),
            (&[0x82, 0xfe, 0x00, 126], 126),
            (&[0x82, 0xfe, 0xff, 0xff], 65_535),
            (&[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0], 65_536),
            (
                &[0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255],
                i64::MAX as u64,
            ),
        ];
        for (bytes, payload_bytes) in table {
            let bytes = with_key(bytes);
            let head = head_of(Opcode::Binary, payload_bytes);
            assert_eq!(FrameHead::parse(&bytes), Ok(Some((head, bytes.len()))));
            for cut in 0..bytes.len() {
                assert_eq!(
                    FrameHead::parse(&bytes[..cut]),
                    Ok(None),
                    "{cut} of {bytes:x?}"
                );
            }
        }
    }

    #[test]
    fn first_byte_is_judged_alone() {
        for first in 0..=u8::MAX {
            let verdict = FrameHead::parse(&[first]);
            let expected = match (first & 0x70, first & 0x0f, first & 0x80) {
                (1.., _, _) => Err(Violation::ReservedBit),
                (_, 3..=7 | 11.., _) => Err(Violation::ReservedOpcode),
                (_, 8..=10, 0) => Err(Violation::FragmentedControl),
                (0, 0..=10, _) => Ok(None),
            };
            assert_eq!(verdict, expected, "{first:#x}");
        }
    }

    #[test]
    fn masks_and_lengths_are_judged_before_the_key() {
        let table: [(&[u8], Violation); 9] = [
            (&[0x82, 0x00], Violation::Unmasked),
            (&[0x89, 0x7e], Violation::Unmasked),
            (&[0x88, 0xfe], Violation::LongControl),
            (&[0x89, 0xff], Violation::LongControl),
            (&[0x81, 0xfe, 0, 125], Violation::LengthEncoding),
            (&[0x81, 0xfe, 0, 0], Violation::LengthEncoding),
            (
                &[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
                Violation::LengthEncoding,
            ),
            (
                &[0x81, 0xff, 0x80, 0, 0, 0, 0, 1, 0, 0],
                Violation::LengthEncoding,
            ),
            (
                &[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 5],
                Violation::LengthEncoding,
            ),
        ];
        for (bytes, violation) in table {
            assert_eq!(FrameHead::parse(bytes), Err(violation), "{bytes:x?}");
            let longer = with_key(bytes);
            assert_eq!(FrameHead::parse(&longer), Err(violation), "{longer:x?}");
        }
    }

    #[test]
    fn servers_heads_take_the_shortest_form() {
        let table: [(usize, &[u8]); 5] = [
            (0, &[0x82, 0]),
            (125, &[0x82, 125]),
            (126, &[0x82, 126, 0, 126]),
            (65_535, &[0x82, 126, 0xff, 0xff]),
            (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ];
        for (payload_bytes, expected) in table {
            let mut out = Vec::new();
            write_head(Opcode::Binary, payload_bytes, &mut out);
            assert_eq!(out, expected);
            assert!(out.len() <= SERVER_HEAD_BYTES_MAX);
        }
    }
}
