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

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn updates_are_the_vectors_of_the_protocol() {
        let lockfile = [
            (Field::Version, 1, "0104000000010000000000000004"),
            (
                Field::RegistryHash,
                0xa1b2_c3d4,
                "0105000000d4c3b2a10000000000",
            ),
            (Field::FeatureFlags, 7, "010900000007000000000000000f"),
            (Field::TerminalMode, 2, "010d00000002000000000000000e"),
            (Field::Rows, 24, "010e000000180000000000000017"),
            (Field::Cols, 80, "010f00000050000000000000005e"),
        ];
        for (field, value, frame) in lockfile {
            assert_eq!(
                hex(&encode_update(field, value, OffsetBase::Lockfile)),
                frame
            );
        }
        let mode = encode_update(Field::TerminalMode, 2, OffsetBase::Zero);
        assert_eq!(hex(&mode), "010900000002000000000000000a");
    }

    #[test]
    fn other_fixed_frames_are_the_vectors_of_the_protocol() {
        assert_eq!(hex(&encode_resize(40, 120)), "0400000000780028000000000054");
        assert_eq!(
            hex(&encode_ack(FrameType::Update)),
            "0600000000010000000000000007"
        );
        let heartbeat = encode_heartbeat(1_700_000_000_000);
        assert_eq!(hex(&heartbeat), "05000000000068e5cf8b010000cd");
        let error = encode_error(FrameFault::InvalidLength);
        assert_eq!(hex(&error), "0701000000496e76616c69642077");
    }

    #[test]
    fn the_bulk_of_three_is_the_vector_of_the_protocol() {
        let updates = [
            (Field::TerminalMode, 2),
            (Field::Rows, 40),
            (Field::Cols, 120),
        ];
        let mut out = [0xee; BULK_BYTES_MAX];
        let frame_bytes = encode_bulk(&updates, OffsetBase::Zero, &mut out);
        let vector = "2009000000020000000000000000\
                      0a0000002800000000000000\
                      00\
                      0b0000007800000000000000\
                      00\
                      7a";
        assert_eq!(frame_bytes, 41);
        assert_eq!(hex(&out[..frame_bytes]), vector);
        assert!(out[frame_bytes..].iter().all(|byte| *byte == 0xee));
    }

    #[test]
    fn frames_without_a_vector_follow_their_tables() {
        let on = encode_toggle(Feature::FastCache, Switch::On, OffsetBase::Lockfile);
        assert_eq!(hex(&on), "020900000015000000000000001e");
        let off = encode_toggle(Feature::PremiumTypes, Switch::Off, OffsetBase::Zero);
        assert_eq!(hex(&off), "0205000000000000000000000007");
        assert_eq!(hex(&encode_sync_request()), "2100000000000000000000000021");
        let package = encode_register_package("123456789", PackageVersion::saturating(1, 2, 3));
        assert_eq!(hex(&package[..13]), "032639f4cb0300200000010000");
        let sync = encode_sync_response(&ConfigState::DEFAULT, 5);
        assert_eq!(
            hex(&sync[..22]),
            "2201a1b2c3d400000007021850000500000000000000"
        );
        for frame in [&on[..], &off, &package, &sync] {
            assert_eq!(frame.iter().fold(0, |sum, byte| sum ^ byte), 0);
        }
    }

    #[test]
    fn a_snapshot_holds_every_field_in_order() {
        let mut out = [0; BULK_BYTES_MAX];
        let length = encode_snapshot(&ConfigState::DEFAULT, OffsetBase::Lockfile, &mut out);
        assert_eq!(length, 2 + 13 * 7);
        let offsets: Vec<u8> = out[1..length - 1]
            .chunks(13)
            .map(|entry| entry[0])
            .collect();
        assert_eq!(offsets, [4, 5, 9, 13, 14, 15, 16]);
    }

    #[test]
    fn version_parts_past_their_bits_become_the_largest() {
        let exact = PackageVersion::saturating(0xff_ffff, 0xf_ffff, 0xf_ffff);
        assert_eq!(
            (exact.major(), exact.minor(), exact.patch()),
            (0xff_ffff, 0xf_ffff, 0xf_ffff)
        );
        let past = PackageVersion::saturating(1 << 24, 20_240_101, u64::MAX);
        assert_eq!(past, exact);
        let small = PackageVersion::saturating(1, 2, 3);
        assert_eq!((small.major(), small.minor(), small.patch()), (1, 2, 3));
    }

    #[test]
    #[should_panic = "a bulk holds 1 to 16 updates"]
    fn an_empty_bulk_is_a_mistake_of_the_caller() {
        encode_bulk(&[], OffsetBase::Zero, &mut [0; BULK_BYTES_MAX]);
    }

    #[test]
    #[should_panic = "a bulk holds 1 to 16 updates"]
    fn a_bulk_of_17_is_a_mistake_of_the_caller() {
        encode_bulk(
            &[(Field::Rows, 1); 17],
            OffsetBase::Zero,
            &mut [0; BULK_BYTES_MAX],
        );
    }

    #[test]
    #[should_panic = "a terminal frame holds 4096 bytes"]
    fn a_terminal_text_past_its_bound_is_a_mistake_of_the_caller() {
        encode_terminal_output(&"x".repeat(4097), &mut [0; FRAME_BYTES_MAX]);
    }
}
