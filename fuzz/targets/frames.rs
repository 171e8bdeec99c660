//! Configuration frames: what is decoded encodes to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thirteen_kernels::config::frame::{
    BULK_BYTES_MAX, FRAME_BYTES_MAX, Frame, FrameFault, decode, decode_from_client, encode_ack,
    encode_bulk, encode_heartbeat, encode_resize, encode_sync_request, encode_sync_response,
    encode_terminal_input, encode_terminal_output, encode_toggle, encode_update, validate,
};
use thirteen_kernels::config::{Field, OffsetBase};

// The first byte picks the base of offsets, and whether the checksum is made right: random bytes
// would hardly ever get past it.
fuzz_target!(|input: &[u8]| {
    let Some((&choice, bytes)) = input.split_first() else {
        return;
    };
    let base = if choice & 1 == 0 {
        OffsetBase::Lockfile
    } else {
        OffsetBase::Zero
    };
    let mut frame = bytes.to_vec();
    if choice & 2 == 0
        && let Some((checksum, before)) = frame.split_last_mut()
    {
        *checksum = before.iter().fold(0, |sum, byte| sum ^ byte);
    }
    match decode(&frame, base) {
        Ok(decoded) => {
            let kind = validate(&frame).expect("a decoded frame is valid");
            if let Some(encoded) = encode(decoded, base) {
                assert_eq!(encoded, frame, "{kind:?}");
            }
            match decode_from_client(&frame, base) {
                Ok(from_client) => assert_eq!(from_client, decoded),
                Err(fault) => assert_eq!(fault, FrameFault::NotAllowed),
            }
        }
        Err(_) => assert!(decode_from_client(&frame, base).is_err()),
    }
});

/// The bytes of a frame; `None` for those that do not carry all that they were made of.
fn encode(frame: Frame<'_>, base: OffsetBase) -> Option<Vec<u8>> {
    let mut terminal = [0; FRAME_BYTES_MAX];
    Some(match frame {
        Frame::Update { field, value } => encode_update(field, value, base).to_vec(),
        Frame::Toggle { feature, switch } => encode_toggle(feature, switch, base).to_vec(),
        Frame::Resize { rows, cols } => encode_resize(rows, cols).to_vec(),
        Frame::Heartbeat { unix_ms } => encode_heartbeat(unix_ms).to_vec(),
        Frame::Ack { acknowledged } => encode_ack(acknowledged).to_vec(),
        Frame::SyncRequest => encode_sync_request().to_vec(),
        Frame::SyncResponse { state, sequence } => encode_sync_response(&state, sequence).to_vec(),
        Frame::Bulk(entries) => {
            let updates: Vec<(Field, u64)> = entries.iter().collect();
            let mut bulk = [0; BULK_BYTES_MAX];
            let frame_bytes = encode_bulk(&updates, base, &mut bulk);
            bulk[..frame_bytes].to_vec()
        }
        Frame::TerminalOutput(text) => {
            let frame_bytes = encode_terminal_output(text, &mut terminal);
            terminal[..frame_bytes].to_vec()
        }
        Frame::TerminalInput(text) => {
            let frame_bytes = encode_terminal_input(text, &mut terminal);
            terminal[..frame_bytes].to_vec()
        }
        // The name is only in its hash, and the message only in its first bytes.
        Frame::RegisterPackage { .. } | Frame::Error { .. } => return None,
    })
}
