//! Reading frames: what is decoded is within every range of the protocol.

use super::encode::PackageVersion;
use super::kind::{
    ENTRY_BYTES, FIXED_BYTES, FrameFault, FrameType, Sender, entries_of_bulk, fold_of_xor, u32_at,
    u64_at, validate, validate_fixed,
};
use crate::config::feature::{Feature, Switch};
use crate::config::field::{Field, OffsetBase, RangeFault};
use crate::config::state::{ConfigState, STATE_BYTES};

/// A frame. Values are checked: a field accepts its value, rows and columns are at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'f> {
    /// Set a field.
    Update {
        /// The field.
        field: Field,
        /// Its new value, which it accepts.
        value: u64,
    },
    /// Switch a feature.
    Toggle {
        /// The feature.
        feature: Feature,
        /// What it is set to.
        switch: Switch,
    },
    /// A package was published.
    RegisterPackage {
        /// CRC-32 of its name.
        name_hash: u32,
        /// Its version.
        version: PackageVersion,
    },
    /// Set rows and columns.
    Resize {
        /// Rows, at least 1.
        rows: u8,
        /// Columns, at least 1.
        cols: u8,
    },
    /// The sender lives.
    Heartbeat {
        /// Its time, in milliseconds since 1970.
        unix_ms: u64,
    },
    /// A frame was accepted.
    Ack {
        /// Its type.
        acknowledged: FrameType,
    },
    /// A frame was refused.
    Error {
        /// Why.
        fault: FrameFault,
        /// The first bytes of the message, padded with zeros.
        text: [u8; 8],
    },
    /// Text from the terminal.
    TerminalOutput(&'f str),
    /// Text for the terminal.
    TerminalInput(&'f str),
    /// Set several fields, all or none.
    Bulk(BulkEntries<'f>),
    /// The whole state is asked for.
    SyncRequest,
    /// The whole state.
    SyncResponse {
        /// The state.
        state: ConfigState,
        /// The number of the change that led to it.
        sequence: u64,
    },
}

/// The entries of a bulk, in their order, each checked; of two for one field the later counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkEntries<'f> {
    entries: &'f [[u8; ENTRY_BYTES]],
    base: OffsetBase,
}

/// Decodes a frame that either side may have sent.
#[inline(always)]
pub fn decode(frame: &[u8], base: OffsetBase) -> Result<Frame<'_>, FrameFault> {
    // Updates are what sessions are made of: decoded in the caller's registers.
    match frame.try_into() {
        Ok(fixed) if frame[0] == FrameType::Update.byte() => {
            validate_fixed(fixed)?;
            update_of(fixed, base)
        }
        Ok(_) | Err(_) => match frame.first() {
            Some(&BULK) => bulk_of(frame, base),
            Some(_) | None => decode_other(frame, base),
        },
    }
}

/// Decodes a frame from a client: types that only the server sends are
/// [`NotAllowed`](FrameFault::NotAllowed), whatever they say.
#[inline]
pub fn decode_from_client(frame: &[u8], base: OffsetBase) -> Result<Frame<'_>, FrameFault> {
    match validate(frame)?.sender() {
        Sender::Either => decode(frame, base),
        Sender::Server => Err(FrameFault::NotAllowed),
    }
}

impl<'f> BulkEntries<'f> {
    /// The fields with the values they accept.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Field, u64)> + use<'f> {
        let base = self.base;
        self.entries.iter().map(move |entry| {
            entry_of(entry, base).expect("decode checked every entry of the bulk")
        })
    }

    /// How many entries there are, 1 to 16.
    #[inline]
    pub const fn count(&self) -> usize {
        self.entries.len()
    }

    /// The state with every entry applied.
    pub fn apply(&self, state: ConfigState) -> ConfigState {
        self.iter().fold(state, |state, (field, value)| {
            state
                .with(field, value)
                .expect("decode checked every value of the bulk")
        })
    }
}

impl From<RangeFault> for FrameFault {
    fn from(_: RangeFault) -> FrameFault {
        FrameFault::OutOfRange
    }
}

#[inline(always)]
fn update_of(frame: &[u8; FIXED_BYTES], base: OffsetBase) -> Result<Frame<'static>, FrameFault> {
    let (offset, value) = parts_of(frame);
    let field = Field::from_offset(offset, base).ok_or(FrameFault::InvalidField)?;
    field.check(value)?;
    Ok(Frame::Update { field, value })
}

#[inline(never)]
fn decode_other(frame: &[u8], base: OffsetBase) -> Result<Frame<'_>, FrameFault> {
    match validate(frame)? {
        FrameType::Update => update_of(
            frame.try_into().map_err(|_| FrameFault::InvalidLength)?,
            base,
        ),
        FrameType::Toggle => {
            let value = value_at(Field::FeatureFlags.offset(base), frame)?;
            let feature = Feature::from_bit(value >> 1).ok_or(FrameFault::OutOfRange)?;
            let switch = if value & 1 == 1 {
                Switch::On
            } else {
                Switch::Off
            };
            Ok(Frame::Toggle { feature, switch })
        }
        FrameType::RegisterPackage => {
            let (name_hash, packed) = fixed_of(frame)?;
            Ok(Frame::RegisterPackage {
                name_hash,
                version: PackageVersion::of_packed(packed),
            })
        }
        FrameType::Resize => {
            let value = value_at(0, frame)?;
            let (rows, cols) = (value >> 16, value & 0xffff);
            Field::Rows.check(rows)?;
            Field::Cols.check(cols)?;
            Ok(Frame::Resize {
                rows: rows as u8,
                cols: cols as u8,
            })
        }
        FrameType::Heartbeat => Ok(Frame::Heartbeat {
            unix_ms: value_at(0, frame)?,
        }),
        FrameType::Ack => {
            let byte = u8::try_from(value_at(0, frame)?).map_err(|_| FrameFault::OutOfRange)?;
            let acknowledged = FrameType::from_byte(byte).ok_or(FrameFault::OutOfRange)?;
            Ok(Frame::Ack { acknowledged })
        }
        FrameType::Error => {
            let (code, text) = fixed_of(frame)?;
            let fault = FrameFault::from_code(code).ok_or(FrameFault::InvalidField)?;
            Ok(Frame::Error {
                fault,
                text: text.to_le_bytes(),
            })
        }
        FrameType::SyncRequest => match value_at(0, frame)? {
            0 => Ok(Frame::SyncRequest),
            1.. => Err(FrameFault::OutOfRange),
        },
        FrameType::TerminalOutput => Ok(Frame::TerminalOutput(text_of(frame)?)),
        FrameType::TerminalInput => Ok(Frame::TerminalInput(text_of(frame)?)),
        FrameType::Bulk => bulk_of(frame, base),
        FrameType::SyncResponse => sync_response_of(frame),
    }
}

/// The offset and the value of a fixed frame.
#[inline(always)]
fn parts_of(frame: &[u8; FIXED_BYTES]) -> (u32, u64) {
    (u32_at(frame, 1), u64_at(frame, 5))
}

#[inline]
fn fixed_of(frame: &[u8]) -> Result<(u32, u64), FrameFault> {
    frame
        .try_into()
        .map(parts_of)
        .map_err(|_| FrameFault::InvalidLength)
}

/// The value of a fixed frame that has only one offset.
#[inline]
fn value_at(expected: u32, frame: &[u8]) -> Result<u64, FrameFault> {
    let (offset, value) = fixed_of(frame)?;
    if offset == expected {
        Ok(value)
    } else {
        Err(FrameFault::InvalidField)
    }
}

fn text_of(frame: &[u8]) -> Result<&str, FrameFault> {
    match frame {
        [_, text @ .., _] => str::from_utf8(text).map_err(|_| FrameFault::OutOfRange),
        [] | [_] => Err(FrameFault::InvalidLength),
    }
}

/// Decodes a bulk in one walk: its sum is that of its entries' words.
fn bulk_of(frame: &[u8], base: OffsetBase) -> Result<Frame<'_>, FrameFault> {
    let (Some(entries), Some(last)) = (entries_of_bulk(frame), frame.last()) else {
        return Err(FrameFault::InvalidLength);
    };
    let mut sum = u64::from(BULK ^ last);
    let mut first_fault = None;
    for entry in entries {
        sum ^= u64_at(entry, 4) ^ u64::from(u32_at(entry, 0)) ^ u64::from(entry[12]);
        first_fault = first_fault.or(entry_of(entry, base).err());
    }
    match first_fault {
        _ if fold_of_xor(sum) != 0 => Err(FrameFault::ChecksumMismatch),
        Some(fault) => Err(fault),
        None => Ok(Frame::Bulk(BulkEntries { entries, base })),
    }
}

#[inline]
fn entry_of(entry: &[u8; ENTRY_BYTES], base: OffsetBase) -> Result<(Field, u64), FrameFault> {
    let (offset, value, zero) = (u32_at(entry, 0), u64_at(entry, 4), entry[12]);
    let field = Field::from_offset(offset, base).ok_or(FrameFault::InvalidField)?;
    field.check(value)?;
    if zero == 0 {
        Ok((field, value))
    } else {
        Err(FrameFault::OutOfRange)
    }
}

#[inline]
fn sync_response_of(frame: &[u8]) -> Result<Frame<'_>, FrameFault> {
    let (state, rest) = frame[1..]
        .split_first_chunk::<STATE_BYTES>()
        .ok_or(FrameFault::InvalidLength)?;
    let sequence = rest.first_chunk().ok_or(FrameFault::InvalidLength)?;
    Ok(Frame::SyncResponse {
        state: ConfigState::from_bytes(state)?,
        sequence: u64::from_le_bytes(*sequence),
    })
}

const BULK: u8 = FrameType::Bulk.byte();

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::encode::*;
    use super::super::kind::{BULK_BYTES_MAX, FRAME_BYTES_MAX};
    use super::*;

    const BASES: [OffsetBase; 2] = [OffsetBase::Lockfile, OffsetBase::Zero];

    const fn update(field: Field, value: u64) -> Frame<'static> {
        Frame::Update { field, value }
    }

    const VECTORS: [(OffsetBase, &str, Frame<'static>); 11] = [
        (
            OffsetBase::Lockfile,
            "0104000000010000000000000004",
            update(Field::Version, 1),
        ),
        (
            OffsetBase::Lockfile,
            "0105000000d4c3b2a10000000000",
            update(Field::RegistryHash, HASH),
        ),
        (
            OffsetBase::Lockfile,
            "010900000007000000000000000f",
            update(Field::FeatureFlags, 7),
        ),
        (
            OffsetBase::Lockfile,
            "010d00000002000000000000000e",
            update(Field::TerminalMode, 2),
        ),
        (
            OffsetBase::Lockfile,
            "010e000000180000000000000017",
            update(Field::Rows, 24),
        ),
        (
            OffsetBase::Lockfile,
            "010f00000050000000000000005e",
            update(Field::Cols, 80),
        ),
        (
            OffsetBase::Zero,
            "010900000002000000000000000a",
            update(Field::TerminalMode, 2),
        ),
        (
            OffsetBase::Zero,
            "0400000000780028000000000054",
            Frame::Resize {
                rows: 40,
                cols: 120,
            },
        ),
        (
            OffsetBase::Zero,
            "0600000000010000000000000007",
            Frame::Ack {
                acknowledged: FrameType::Update,
            },
        ),
        (
            OffsetBase::Zero,
            "05000000000068e5cf8b010000cd",
            Frame::Heartbeat {
                unix_ms: 1_700_000_000_000,
            },
        ),
        (
            OffsetBase::Zero,
            "0701000000496e76616c69642077",
            Frame::Error {
                fault: FrameFault::InvalidLength,
                text: *b"Invalid ",
            },
        ),
    ];

    const HASH: u64 = 0xa1b2_c3d4;

    fn bytes(hex: &str) -> Vec<u8> {
        let pairs = hex
            .as_bytes()
            .chunks(2)
            .map(|pair| str::from_utf8(pair).unwrap());
        pairs
            .map(|pair| u8::from_str_radix(pair, 16).unwrap())
            .collect()
    }

    /// A fixed frame by the definition, a byte at a time.
    fn fixed(kind: u8, offset: u32, value: u64) -> Vec<u8> {
        let mut frame = vec![kind];
        frame.extend(offset.to_le_bytes());
        frame.extend(value.to_le_bytes());
        frame.push(frame.iter().fold(0, |sum, byte| sum ^ byte));
        frame
    }

    fn sealed(mut frame: Vec<u8>) -> Vec<u8> {
        frame.push(frame.iter().fold(0, |sum, byte| sum ^ byte));
        frame
    }

    /// One good frame of each shape, for corruption and truncation.
    fn samples(base: OffsetBase) -> Vec<Vec<u8>> {
        let mut bulk = [0; BULK_BYTES_MAX];
        let bulk_bytes = encode_snapshot(&ConfigState::DEFAULT, base, &mut bulk);
        let mut text = [0; FRAME_BYTES_MAX];
        let text_bytes = encode_terminal_input("ls -l\n", &mut text);
        vec![
            encode_update(Field::RegistryHash, 0xa1b2_c3d4, base).to_vec(),
            encode_toggle(Feature::MockS3, Switch::On, base).to_vec(),
            encode_register_package("left-pad", PackageVersion::saturating(1, 3, 0)).to_vec(),
            encode_resize(40, 120).to_vec(),
            encode_heartbeat(1_700_000_000_000).to_vec(),
            encode_ack(FrameType::Bulk).to_vec(),
            encode_error(FrameFault::RateLimited).to_vec(),
            encode_sync_request().to_vec(),
            encode_sync_response(&ConfigState::DEFAULT, 9).to_vec(),
            bulk[..bulk_bytes].to_vec(),
            text[..text_bytes].to_vec(),
        ]
    }

    #[test]
    fn vectors_of_the_protocol_are_read_in_their_base() {
        for (base, hex, frame) in VECTORS {
            assert_eq!(decode(&bytes(hex), base), Ok(frame), "{hex}");
        }
    }

    #[test]
    fn the_bulk_vector_is_read_without_copying() {
        let vector = bytes(
            "20090000000200000000000000000a0000002800000000000000000b0000007800000000000000007a",
        );
        let Ok(Frame::Bulk(entries)) = decode(&vector, OffsetBase::Zero) else {
            panic!("the vector is a bulk")
        };
        let read: Vec<_> = entries.iter().collect();
        assert_eq!(
            read,
            [
                (Field::TerminalMode, 2),
                (Field::Rows, 40),
                (Field::Cols, 120)
            ]
        );
        assert_eq!(entries.count(), 3);
        let state = entries.apply(ConfigState::DEFAULT);
        assert_eq!((state.rows(), state.cols()), (40, 120));
    }

    #[test]
    fn an_update_names_a_field_and_keeps_its_range() {
        for base in BASES {
            for offset in (0..40).chain([u32::MAX, u32::MAX - 3]) {
                for value in [
                    0,
                    1,
                    3,
                    4,
                    255,
                    256,
                    0x7ff,
                    0x800,
                    0xffff_ffff,
                    1 << 32,
                    u64::MAX,
                ] {
                    let frame = fixed(1, offset, value);
                    let expected = match Field::from_offset(offset, base) {
                        None => Err(FrameFault::InvalidField),
                        Some(field) => match field.check(value) {
                            Ok(()) => Ok(Frame::Update { field, value }),
                            Err(_) => Err(FrameFault::OutOfRange),
                        },
                    };
                    assert_eq!(decode(&frame, base), expected, "{offset} {value}");
                }
            }
        }
    }

    #[test]
    fn fixed_frames_refuse_other_offsets_and_values() {
        use FrameFault::{InvalidField, OutOfRange};
        let table = [
            (0x01, 16, 1, OutOfRange),
            (0x01, 14, 0, OutOfRange),
            (0x01, 17, 0, InvalidField),
            (0x02, 9, 11 << 1, OutOfRange),
            (0x02, 9, (11 << 1) | 1, OutOfRange),
            (0x02, 9, 1 << 63, OutOfRange),
            (0x02, 5, 1, InvalidField),
            (0x04, 1, 0x0028_0078, InvalidField),
            (0x04, 0, 0x0000_0078, OutOfRange),
            (0x04, 0, 0x0028_0000, OutOfRange),
            (0x04, 0, 0x0028_0100, OutOfRange),
            (0x04, 0, 0x0100_0078, OutOfRange),
            (0x04, 0, 0x1_0028_0078, OutOfRange),
            (0x05, 1, 0, InvalidField),
            (0x06, 1, 1, InvalidField),
            (0x06, 0, 0, OutOfRange),
            (0x06, 0, 0x101, OutOfRange),
            (0x07, 0, 0, InvalidField),
            (0x07, 8, 0, InvalidField),
            (0x21, 1, 0, InvalidField),
            (0x21, 0, 1, OutOfRange),
        ];
        for (kind, offset, value, fault) in table {
            let frame = fixed(kind, offset, value);
            let read = decode(&frame, OffsetBase::Lockfile);
            assert_eq!(read, Err(fault), "{kind:#x} {offset} {value:#x}");
        }
    }

    #[test]
    fn every_feature_is_toggled_both_ways_in_both_bases() {
        for base in BASES {
            for feature in Feature::ALL {
                for switch in [Switch::Off, Switch::On] {
                    let frame = encode_toggle(feature, switch, base);
                    assert_eq!(decode(&frame, base), Ok(Frame::Toggle { feature, switch }));
                }
            }
        }
    }

    #[test]
    fn one_bad_entry_refuses_the_whole_bulk() {
        let good = |offset: u8| [[offset].as_slice(), &[0, 0, 0, 1], &[0; 8]].concat();
        let whole = sealed([vec![0x20], good(4), good(14)].concat());
        assert!(decode(&whole, OffsetBase::Lockfile).is_ok());
        let mut padded = good(14);
        padded[12] = 1;
        let mut zero_rows = good(14);
        zero_rows[4] = 0;
        let table = [
            (good(6), FrameFault::InvalidField),
            (good(16), FrameFault::OutOfRange),
            (zero_rows, FrameFault::OutOfRange),
            (padded, FrameFault::OutOfRange),
        ];
        for (bad, fault) in table {
            for entries in [[bad.clone(), good(4)], [good(4), bad.clone()]] {
                let frame = sealed([vec![0x20], entries.concat()].concat());
                assert_eq!(decode(&frame, OffsetBase::Lockfile), Err(fault));
            }
        }
    }

    #[test]
    fn a_later_entry_for_the_same_field_counts() {
        let mut out = [0; BULK_BYTES_MAX];
        let updates = [(Field::Rows, 10), (Field::Cols, 20), (Field::Rows, 30)];
        let length = encode_bulk(&updates, OffsetBase::Zero, &mut out);
        let Ok(Frame::Bulk(entries)) = decode(&out[..length], OffsetBase::Zero) else {
            panic!("a good bulk is read")
        };
        let state = entries.apply(ConfigState::DEFAULT);
        assert_eq!((state.rows(), state.cols()), (30, 20));
    }

    #[test]
    fn terminal_texts_are_utf8_up_to_their_bound() {
        let long = "é".repeat(2048);
        let mut out = [0; FRAME_BYTES_MAX];
        for text in ["", "x", "ls\n", &long] {
            let length = encode_terminal_output(text, &mut out);
            let read = decode(&out[..length], OffsetBase::Zero);
            assert_eq!(read, Ok(Frame::TerminalOutput(text)));
            let length = encode_terminal_input(text, &mut out);
            let read = decode(&out[..length], OffsetBase::Zero);
            assert_eq!(read, Ok(Frame::TerminalInput(text)));
        }
        let broken = sealed(vec![0x11, 0xc3]);
        assert_eq!(
            decode(&broken, OffsetBase::Zero),
            Err(FrameFault::OutOfRange)
        );
        let past = sealed([vec![0x10], vec![b'x'; 4097]].concat());
        assert_eq!(
            decode(&past, OffsetBase::Zero),
            Err(FrameFault::InvalidLength)
        );
    }

    #[test]
    fn a_sync_response_carries_a_state_within_range() {
        let frame = encode_sync_response(&ConfigState::DEFAULT, u64::MAX);
        let expected = Frame::SyncResponse {
            state: ConfigState::DEFAULT,
            sequence: u64::MAX,
        };
        assert_eq!(decode(&frame, OffsetBase::Zero), Ok(expected));
        let mut frame = frame[..22].to_vec();
        frame[13] = 7;
        let frame = sealed(frame);
        assert_eq!(
            decode(&frame, OffsetBase::Zero),
            Err(FrameFault::OutOfRange)
        );
    }

    #[test]
    fn clients_may_not_send_what_is_the_servers() {
        for base in BASES {
            for frame in samples(base) {
                let is_servers = matches!(frame[0], 0x03 | 0x06 | 0x07 | 0x22);
                let read = decode(&frame, base);
                let expected = if is_servers {
                    Err(FrameFault::NotAllowed)
                } else {
                    read
                };
                assert!(read.is_ok());
                assert_eq!(decode_from_client(&frame, base), expected);
            }
        }
    }

    #[test]
    fn every_corrupted_byte_is_noticed() {
        for base in BASES {
            for frame in samples(base) {
                for place in 0..frame.len() {
                    for flip in 1..=u8::MAX {
                        let mut corrupted = frame.clone();
                        corrupted[place] ^= flip;
                        let fault = decode(&corrupted, base).unwrap_err();
                        let expected = match place {
                            0 => [FrameFault::InvalidLength, FrameFault::ChecksumMismatch],
                            _ => [FrameFault::ChecksumMismatch; 2],
                        };
                        assert!(expected.contains(&fault), "{frame:02x?} {place} {flip}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_truncation_is_noticed() {
        for frame in samples(OffsetBase::Zero) {
            for length in 0..frame.len() {
                let read = decode(&frame[..length], OffsetBase::Zero);
                let is_text = matches!(frame[0], 0x10 | 0x11) && length >= 2;
                let is_shorter_bulk = frame[0] == 0x20 && length > 2 && (length - 2) % 13 == 0;
                if is_text || is_shorter_bulk {
                    assert_eq!(
                        read,
                        Err(FrameFault::ChecksumMismatch),
                        "{frame:02x?} {length}"
                    );
                } else {
                    assert_eq!(
                        read,
                        Err(FrameFault::InvalidLength),
                        "{frame:02x?} {length}"
                    );
                }
            }
        }
    }

    fn any_update() -> impl Strategy<Value = (Field, u64)> {
        (0..7_usize, any::<u64>()).prop_map(|(index, number)| {
            let value = [
                number % 256,
                number % (1 << 32),
                number % 0x800,
                number % 4,
                1 + number % 255,
                1 + number % 255,
                0,
            ];
            (Field::ALL[index], value[index])
        })
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(
            noise in proptest::collection::vec(any::<u8>(), 0..=300)
        ) {
            for base in BASES {
                let _ = decode(&noise, base);
                let frame = sealed(noise.clone());
                let read = decode(&frame, base);
                prop_assert_ne!(read, Err(FrameFault::ChecksumMismatch));
            }
        }

        #[test]
        fn any_fixed_frame_says_what_it_is_or_why_not(
            kind in proptest::sample::select(FrameType::ALL.to_vec()),
            offset in 0..20_u32,
            value in prop_oneof![0..300_u64, any::<u64>()],
        ) {
            let frame = fixed(kind.byte(), offset, value);
            for base in BASES {
                let encoded = match decode(&frame, base) {
                    Ok(Frame::Update { field, value }) => encode_update(field, value, base),
                    Ok(Frame::Toggle { feature, switch }) => encode_toggle(feature, switch, base),
                    Ok(Frame::Resize { rows, cols }) => encode_resize(rows, cols),
                    Ok(Frame::Heartbeat { unix_ms }) => encode_heartbeat(unix_ms),
                    Ok(Frame::Ack { acknowledged }) => encode_ack(acknowledged),
                    Ok(Frame::SyncRequest) => encode_sync_request(),
                    _ => continue,
                };
                prop_assert_eq!(&encoded[..], &frame);
            }
        }

        #[test]
        fn updates_and_bulks_round_trip(
            updates in proptest::collection::vec(any_update(), 1..=16)
        ) {
            for base in BASES {
                let mut out = [0; BULK_BYTES_MAX];
                let length = encode_bulk(&updates, base, &mut out);
                let Ok(Frame::Bulk(entries)) = decode(&out[..length], base) else {
                    return Err(TestCaseError::fail("a good bulk is read"));
                };
                prop_assert_eq!(entries.iter().collect::<Vec<_>>(), &updates[..]);
                for &(field, value) in &updates {
                    let frame = encode_update(field, value, base);
                    prop_assert_eq!(decode(&frame, base), Ok(Frame::Update { field, value }));
                }
            }
        }

        #[test]
        fn states_round_trip_through_snapshots(updates in [any_update(), any_update()]) {
            let state = updates.into_iter().fold(ConfigState::DEFAULT, |state, (field, value)| {
                state.with(field, value).unwrap()
            });
            let mut out = [0; BULK_BYTES_MAX];
            let length = encode_snapshot(&state, OffsetBase::Zero, &mut out);
            let Ok(Frame::Bulk(entries)) = decode(&out[..length], OffsetBase::Zero) else {
                return Err(TestCaseError::fail("a snapshot is a bulk"));
            };
            prop_assert_eq!(entries.apply(ConfigState::DEFAULT), state);
        }
    }
}
