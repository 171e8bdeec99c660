//! The binary messages of the configuration's WebSocket.

mod decode;
mod encode;
mod kind;

pub use decode::{BulkEntries, Frame, decode, decode_from_client};
pub use encode::{
    PackageVersion, encode_ack, encode_bulk, encode_error, encode_heartbeat,
    encode_register_package, encode_resize, encode_snapshot, encode_sync_request,
    encode_sync_response, encode_terminal_input, encode_terminal_output, encode_toggle,
    encode_update,
};
pub use kind::{
    BULK_BYTES_MAX, BULK_ENTRIES_MAX, FIXED_BYTES, FRAME_BYTES_MAX, FrameFault, FrameType,
    SYNC_RESPONSE_BYTES, Sender, TERMINAL_TEXT_BYTES_MAX, validate,
};
