//! Writing frames. Values are written as given; whoever receives a frame checks its ranges.

use super::kind::{
    BULK_BYTES_MAX, BULK_ENTRIES_MAX, ENTRY_BYTES, FIXED_BYTES, FRAME_BYTES_MAX, FrameFault,
    FrameType, SYNC_RESPONSE_BYTES, TERMINAL_TEXT_BYTES_MAX, fold_of_xor, xor_of,
};
use crate::config::feature::{Feature, Switch};
use crate::config::field::{Field, OffsetBase};
use crate::config::state::{ConfigState, STATE_BYTES};

/// A package version as REGISTER_PACKAGE carries it: 24 bits of major, 20 of minor, 20 of patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackageVersion {
    packed: u64,
}

impl PackageVersion {
    /// A version; a part with more bits than its place becomes the largest that fits, so that a
    /// date in the patch is still announced.
    pub fn saturating(major: u64, minor: u64, patch: u64) -> PackageVersion {
        let major = major.min(MAJOR_MAX);
        let minor = minor.min(PART_MAX);
        PackageVersion {
            packed: major << 40 | minor << 20 | patch.min(PART_MAX),
        }
    }

    /// The major version.
    pub const fn major(self) -> u32 {
        (self.packed >> 40) as u32
    }

    /// The minor version.
    pub const fn minor(self) -> u32 {
        (self.packed >> 20 & PART_MAX) as u32
    }

    /// The patch.
    pub const fn patch(self) -> u32 {
        (self.packed & PART_MAX) as u32
    }

    pub(super) const fn of_packed(packed: u64) -> PackageVersion {
        PackageVersion { packed }
    }
}

/// CONFIG_UPDATE: sets a field.
#[inline]
pub fn encode_update(field: Field, value: u64, base: OffsetBase) -> [u8; FIXED_BYTES] {
    fixed(FrameType::Update, field.offset(base), value)
}

/// FEATURE_TOGGLE: switches a feature.
#[inline]
pub fn encode_toggle(feature: Feature, switch: Switch, base: OffsetBase) -> [u8; FIXED_BYTES] {
    let on = match switch {
        Switch::Off => 0,
        Switch::On => 1,
    };
    let value = u64::from(feature.bit()) << 1 | on;
    fixed(FrameType::Toggle, Field::FeatureFlags.offset(base), value)
}

/// REGISTER_PACKAGE: tells of a published package.
pub fn encode_register_package(name: &str, version: PackageVersion) -> [u8; FIXED_BYTES] {
    fixed(
        FrameType::RegisterPackage,
        crc32fast::hash(name.as_bytes()),
        version.packed,
    )
}

/// TERMINAL_RESIZE: sets rows and columns.
#[inline]
pub fn encode_resize(rows: u8, cols: u8) -> [u8; FIXED_BYTES] {
    fixed(
        FrameType::Resize,
        0,
        u64::from(rows) << 16 | u64::from(cols),
    )
}

/// HEARTBEAT: the sender's time, in milliseconds since 1970.
#[inline]
pub fn encode_heartbeat(unix_ms: u64) -> [u8; FIXED_BYTES] {
    fixed(FrameType::Heartbeat, 0, unix_ms)
}

/// ACK: acknowledges a frame of a type.
#[inline]
pub fn encode_ack(acknowledged: FrameType) -> [u8; FIXED_BYTES] {
    fixed(FrameType::Ack, 0, u64::from(acknowledged.byte()))
}

/// ERROR: the code and the first eight bytes of the message.
#[inline]
pub fn encode_error(fault: FrameFault) -> [u8; FIXED_BYTES] {
    let text = fault
        .message()
        .as_bytes()
        .first_chunk()
        .expect("messages have 8 bytes or more");
    fixed(FrameType::Error, fault.code(), u64::from_le_bytes(*text))
}

/// SYNC_REQUEST: asks for the whole state.
#[inline]
pub fn encode_sync_request() -> [u8; FIXED_BYTES] {
    fixed(FrameType::SyncRequest, 0, 0)
}

/// SYNC_RESPONSE: the whole state and its sequence.
#[inline]
pub fn encode_sync_response(state: &ConfigState, sequence: u64) -> [u8; SYNC_RESPONSE_BYTES] {
    let mut frame = [0; SYNC_RESPONSE_BYTES];
    frame[0] = FrameType::SyncResponse.byte();
    frame[1..1 + STATE_BYTES].copy_from_slice(&state.to_bytes());
    frame[1 + STATE_BYTES..SYNC_RESPONSE_BYTES - 1].copy_from_slice(&sequence.to_le_bytes());
    frame[SYNC_RESPONSE_BYTES - 1] = xor_of(&frame);
    frame
}

/// BULK_UPDATE: sets fields, all or none; returns the frame's bytes in `out`.
///
/// # Panics
///
/// Unless there are 1 to [`BULK_ENTRIES_MAX`] updates.
#[inline]
pub fn encode_bulk(
    updates: &[(Field, u64)],
    base: OffsetBase,
    out: &mut [u8; BULK_BYTES_MAX],
) -> usize {
    assert!(
        (1..=BULK_ENTRIES_MAX).contains(&updates.len()),
        "a bulk holds 1 to 16 updates"
    );
    out[0] = FrameType::Bulk.byte();
    let (entries, _) = out[1..].as_chunks_mut::<ENTRY_BYTES>();
    let mut sum = u64::from(FrameType::Bulk.byte());
    for (entry, &(field, value)) in entries.iter_mut().zip(updates) {
        let offset = field.offset(base);
        entry[..4].copy_from_slice(&offset.to_le_bytes());
        entry[4..12].copy_from_slice(&value.to_le_bytes());
        entry[12] = 0;
        sum ^= value ^ u64::from(offset);
    }
    let frame_bytes = 2 + ENTRY_BYTES * updates.len();
    out[frame_bytes - 1] = fold_of_xor(sum);
    frame_bytes
}

/// BULK_UPDATE of all seven fields, as a session opens with; returns the frame's bytes in `out`.
pub fn encode_snapshot(
    state: &ConfigState,
    base: OffsetBase,
    out: &mut [u8; BULK_BYTES_MAX],
) -> usize {
    encode_bulk(&state.values(), base, out)
}

/// TERMINAL_OUTPUT: text from the terminal; returns the frame's bytes in `out`.
///
/// # Panics
///
/// If the text is longer than [`TERMINAL_TEXT_BYTES_MAX`].
pub fn encode_terminal_output(text: &str, out: &mut [u8; FRAME_BYTES_MAX]) -> usize {
    terminal(FrameType::TerminalOutput, text, out)
}

/// TERMINAL_INPUT: text for the terminal; returns the frame's bytes in `out`.
///
/// # Panics
///
/// If the text is longer than [`TERMINAL_TEXT_BYTES_MAX`].
pub fn encode_terminal_input(text: &str, out: &mut [u8; FRAME_BYTES_MAX]) -> usize {
    terminal(FrameType::TerminalInput, text, out)
}

#[inline]
fn fixed(kind: FrameType, offset: u32, value: u64) -> [u8; FIXED_BYTES] {
    let mut frame = [0; FIXED_BYTES];
    frame[0] = kind.byte();
    frame[1..5].copy_from_slice(&offset.to_le_bytes());
    frame[5..13].copy_from_slice(&value.to_le_bytes());
    frame[13] = fold_of_xor(value ^ u64::from(offset) ^ u64::from(kind.byte()));
    frame
}

fn terminal(kind: FrameType, text: &str, out: &mut [u8; FRAME_BYTES_MAX]) -> usize {
    assert!(
        text.len() <= TERMINAL_TEXT_BYTES_MAX,
        "a terminal frame holds 4096 bytes"
    );
    let sum_at = 1 + text.len();
    out[0] = kind.byte();
    out[1..sum_at].copy_from_slice(text.as_bytes());
    out[sum_at] = xor_of(&out[..sum_at]);
    sum_at + 1
}

const MAJOR_MAX: u64 = (1 << 24) - 1;
const PART_MAX: u64 = (1 << 20) - 1;
