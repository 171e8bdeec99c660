//! The server's frames, written at the end of an output buffer.

use super::close::{CODE_BYTES, CloseCode};
use super::frame::{CONTROL_BYTES_MAX, Opcode, SERVER_HEAD_BYTES_MAX, write_head};

/// Appends a binary message.
pub fn binary(payload: &[u8], out: &mut Vec<u8>) {
    message(Opcode::Binary, payload, out);
}

/// Appends a text message.
pub fn text(payload: &str, out: &mut Vec<u8>) {
    message(Opcode::Text, payload.as_bytes(), out);
}

/// Appends a text message from bytes that the caller knows to be UTF-8, such as the payload of a
/// received text message.
pub fn text_bytes(payload: &[u8], out: &mut Vec<u8>) {
    debug_assert!(
        std::str::from_utf8(payload).is_ok(),
        "text messages are UTF-8"
    );
    message(Opcode::Text, payload, out);
}

/// Appends a ping. The payload is at most 125 bytes.
pub fn ping(payload: &[u8], out: &mut Vec<u8>) {
    assert!(
        payload.len() <= CONTROL_BYTES_MAX,
        "a ping carries at most 125 bytes"
    );
    message(Opcode::Ping, payload, out);
}

/// Appends a pong. The payload is at most 125 bytes.
pub fn pong(payload: &[u8], out: &mut Vec<u8>) {
    assert!(
        payload.len() <= CONTROL_BYTES_MAX,
        "a pong carries at most 125 bytes"
    );
    message(Opcode::Pong, payload, out);
}

/// Appends a close frame. The reason is at most 123 bytes.
pub fn close(code: CloseCode, reason: &str, out: &mut Vec<u8>) {
    let payload_bytes = CODE_BYTES + reason.len();
    assert!(
        payload_bytes <= CONTROL_BYTES_MAX,
        "a close reason is at most 123 bytes"
    );
    write_head(Opcode::Close, payload_bytes, out);
    out.extend_from_slice(&code.number().to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
}

/// Appends a close frame without a code.
pub fn close_without_code(out: &mut Vec<u8>) {
    write_head(Opcode::Close, 0, out);
}

#[inline]
fn message(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    out.reserve(SERVER_HEAD_BYTES_MAX + payload.len());
    write_head(opcode, payload.len(), out);
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = b"before".to_vec();
        write(&mut out);
        out.split_off(b"before".len())
    }

    #[test]
    fn frames_are_final_and_unmasked() {
        assert_eq!(written(|out| text("Hello", out)), b"\x81\x05Hello");
        assert_eq!(written(|out| text_bytes(b"Hello", out)), b"\x81\x05Hello");
        assert_eq!(written(|out| binary(&[1, 2], out)), [0x82, 2, 1, 2]);
        assert_eq!(written(|out| ping(b"Hello", out)), b"\x89\x05Hello");
        assert_eq!(written(|out| pong(b"", out)), b"\x8a\x00");
        assert_eq!(
            written(|out| close(CloseCode::NORMAL, "bye", out)),
            b"\x88\x05\x03\xe8bye"
        );
        assert_eq!(written(close_without_code), b"\x88\x00");
    }

    #[test]
    #[should_panic(expected = "at most 123 bytes")]
    fn a_reason_that_does_not_fit_is_a_mistake() {
        close(CloseCode::NORMAL, &"x".repeat(124), &mut Vec::new());
    }
}
