//! The frames that the server sends, written as whole WebSocket messages.

use thirteen_kernels::config::frame::{
    BULK_BYTES_MAX, FrameType, encode_ack, encode_bulk, encode_error, encode_heartbeat,
    encode_sync_response, encode_update,
};
use thirteen_kernels::config::{ConfigState, Field, OffsetBase};

use super::change::{FieldSet, Published};
use super::replies::Reply;
use crate::http::websocket::encode::binary;

/// What others are told of a change: a BULK_UPDATE for a bulk of several fields, otherwise one
/// CONFIG_UPDATE for each field.
pub(super) fn change(change: &Published, base: OffsetBase, out: &mut Vec<u8>) {
    if change.frame == FrameType::Bulk && change.fields.count() > 1 {
        return fields(change.fields, &change.state, base, out);
    }
    for field in change.fields.iter() {
        binary(&encode_update(field, change.state.value(field), base), out);
    }
}

/// Some fields of a state in one BULK_UPDATE; nothing if there are none.
pub(super) fn fields(set: FieldSet, state: &ConfigState, base: OffsetBase, out: &mut Vec<u8>) {
    let mut entries = [(Field::Version, 0); Field::ALL.len()];
    let mut count = 0;
    for field in set.iter() {
        entries[count] = (field, state.value(field));
        count += 1;
    }
    if count > 0 {
        let mut frame = [0; BULK_BYTES_MAX];
        let length = encode_bulk(&entries[..count], base, &mut frame);
        binary(&frame[..length], out);
    }
}

/// How many messages these are; all are written here, so that each head is two bytes.
pub(super) fn message_count(mut messages: &[u8]) -> u64 {
    let mut count = 0;
    while let [_, length, rest @ ..] = messages {
        messages = rest.get(usize::from(*length)..).unwrap_or_default();
        count += 1;
    }
    count
}

/// An ACK or an ERROR.
pub(super) fn reply(reply: Reply, out: &mut Vec<u8>) {
    match reply {
        Reply::Ack(frame) => binary(&encode_ack(frame), out),
        Reply::Error(fault) => binary(&encode_error(fault), out),
    }
}

/// A SYNC_RESPONSE.
pub(super) fn sync_response(state: &ConfigState, sequence: u64, out: &mut Vec<u8>) {
    binary(&encode_sync_response(state, sequence), out);
}

/// A frame that was encoded elsewhere: REGISTER_PACKAGE.
pub(super) fn notice(frame: &[u8], out: &mut Vec<u8>) {
    binary(frame, out);
}

/// A HEARTBEAT.
pub(super) fn heartbeat(unix_ms: u64, out: &mut Vec<u8>) {
    binary(&encode_heartbeat(unix_ms), out);
}

// The longest message is a BULK_UPDATE of every field: its length fits the short form.
const _: () = assert!(2 + 13 * Field::ALL.len() <= 125);
