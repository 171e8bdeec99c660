//! Reads a server's frames as strictly as a client may, apart from the code under test.

/// What a server sends.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// A text message.
    Text(Vec<u8>),
    /// A binary message.
    Binary(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// A close frame with this code; nothing may follow it.
    Close(Option<u16>),
}

/// The frames that `bytes` begins with and how many bytes they take; a cut one is left.
pub(crate) fn read(bytes: &[u8]) -> (Vec<Reply>, usize) {
    let mut replies = Vec::new();
    let mut consumed_bytes = 0;
    while let Some((reply, frame_bytes)) = read_one(&bytes[consumed_bytes..]) {
        replies.push(reply);
        consumed_bytes += frame_bytes;
    }
    (replies, consumed_bytes)
}

fn read_one(bytes: &[u8]) -> Option<(Reply, usize)> {
    let [first, second, rest @ ..] = bytes else {
        return None;
    };
    assert_eq!(
        first & 0xf0,
        0x80,
        "a server's frame is final and has no reserved bits"
    );
    assert_eq!(second & 0x80, 0, "a server's frame is not masked");
    let (payload_bytes, rest) = match *second {
        126 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            let length = usize::from(u16::from_be_bytes(*length));
            assert!(length > 125, "the shortest form of a length");
            (length, rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk::<8>()?;
            let length = u64::from_be_bytes(*length) as usize;
            assert!(length > 0xffff, "the shortest form of a length");
            (length, rest)
        }
        short => (usize::from(short), rest),
    };
    let payload = rest.get(..payload_bytes)?.to_vec();
    let frame_bytes = bytes.len() - rest.len() + payload_bytes;
    let reply = match first & 0x0f {
        1 => {
            assert!(std::str::from_utf8(&payload).is_ok(), "text is UTF-8");
            Reply::Text(payload)
        }
        2 => Reply::Binary(payload),
        8 => {
            assert!(payload.len() <= 125, "a control frame is short");
            Reply::Close(close_code(&payload))
        }
        10 => {
            assert!(payload.len() <= 125, "a control frame is short");
            Reply::Pong(payload)
        }
        opcode => panic!("an echoing server does not send opcode {opcode}"),
    };
    Some((reply, frame_bytes))
}

fn close_code(payload: &[u8]) -> Option<u16> {
    match payload {
        [] => None,
        [_] => panic!("a close frame of one byte"),
        [high, low, reason @ ..] => {
            assert!(
                std::str::from_utf8(reason).is_ok(),
                "a close reason is UTF-8"
            );
            Some(u16::from_be_bytes([*high, *low]))
        }
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, payload) = match self {
            Reply::Text(payload) => ("Text", payload),
            Reply::Binary(payload) => ("Binary", payload),
            Reply::Pong(payload) => ("Pong", payload),
            Reply::Close(code) => return write!(formatter, "Close({code:?})"),
        };
        let shown = &payload[..payload.len().min(40)];
        write!(
            formatter,
            "{name}({} bytes: {})",
            payload.len(),
            shown.escape_ascii()
        )
    }
}
