//! Reading frames: what is decoded is within every range of the protocol.

use super::encode::PackageVersion;
use super::kind::{ENTRY_BYTES, FIXED_BYTES, FrameFault, FrameType, Sender, validate};
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
#[inline]
pub fn decode(frame: &[u8], base: OffsetBase) -> Result<Frame<'_>, FrameFault> {
    decode_of_kind(validate(frame)?, frame, base)
}

/// Decodes a frame from a client: types that only the server sends are
/// [`NotAllowed`](FrameFault::NotAllowed), whatever they say.
#[inline]
pub fn decode_from_client(frame: &[u8], base: OffsetBase) -> Result<Frame<'_>, FrameFault> {
    let kind = validate(frame)?;
    match kind.sender() {
        Sender::Either => decode_of_kind(kind, frame, base),
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

/// Decodes what [`validate`] accepted as this type.
#[inline]
fn decode_of_kind(
    kind: FrameType,
    frame: &[u8],
    base: OffsetBase,
) -> Result<Frame<'_>, FrameFault> {
    match kind {
        FrameType::Update => {
            let (offset, value) = fixed_of(frame)?;
            let field = Field::from_offset(offset, base).ok_or(FrameFault::InvalidField)?;
            field.check(value)?;
            Ok(Frame::Update { field, value })
        }
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
#[inline]
fn fixed_of(frame: &[u8]) -> Result<(u32, u64), FrameFault> {
    let frame: &[u8; FIXED_BYTES] = frame.try_into().map_err(|_| FrameFault::InvalidLength)?;
    let [_, o0, o1, o2, o3, v0, v1, v2, v3, v4, v5, v6, v7, _] = *frame;
    let value = u64::from_le_bytes([v0, v1, v2, v3, v4, v5, v6, v7]);
    Ok((u32::from_le_bytes([o0, o1, o2, o3]), value))
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

#[inline]
fn bulk_of(frame: &[u8], base: OffsetBase) -> Result<Frame<'_>, FrameFault> {
    let (entries, _) = frame[1..].as_chunks::<ENTRY_BYTES>();
    for entry in entries {
        entry_of(entry, base)?;
    }
    Ok(Frame::Bulk(BulkEntries { entries, base }))
}

#[inline]
fn entry_of(entry: &[u8; ENTRY_BYTES], base: OffsetBase) -> Result<(Field, u64), FrameFault> {
    let [o0, o1, o2, o3, v0, v1, v2, v3, v4, v5, v6, v7, zero] = *entry;
    let offset = u32::from_le_bytes([o0, o1, o2, o3]);
    let value = u64::from_le_bytes([v0, v1, v2, v3, v4, v5, v6, v7]);
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
