//! Reading the configuration out of a head: the fields one by one, and the dump.

use super::faults::{FaultCode, dump_fault};
use super::name::{Header, NameKind, kind_of_name};
use crate::config::digits::{u32_of_decimal, u32_of_hex};
use crate::config::dump::{bytes_of_dump, checksum_holds};
use crate::config::field::Field;
use crate::config::state::{ConfigState, STATE_BYTES};

/// The configuration that a head's headers state, from the dump or else from the six separate
/// headers; `None` if it states none or is at fault, and then [`validate`](super::validate)
/// tells what is wrong. The two agree on every head; headers without configuration in them
/// (token, request id, scope, domain, unknown names) are not looked at here.
#[inline]
pub fn extract<'h>(headers: impl IntoIterator<Item = (&'h [u8], &'h [u8])>) -> Option<ConfigState> {
    let mut is_repeated = false;
    let received = Received::collect(headers, |stray| match stray {
        Stray::Repeated(header, _) => is_repeated |= (header as u8) <= Header::ConfigDump as u8,
        Stray::Unknown(..) => {}
    });
    let mut is_faulty = is_repeated;
    let fields = Fields::read(&received, |_, _, _, _| is_faulty = true);
    let dump = Dump::read(&received, &fields, |_, _, _, _| is_faulty = true);
    if is_faulty {
        None
    } else {
        dump.map_or_else(|| fields.state(), |dump| dump.state())
    }
}

/// The values of a head's `X-Bun-*` headers, by name.
pub(super) struct Received<'h> {
    values: [&'h [u8]; Header::ALL.len()],
    present: u16,
}

/// A header that finds no place among the received ones.
pub(super) enum Stray<'h> {
    /// It came before; the first one counts.
    Repeated(Header, &'h [u8]),
    /// Its name is none of the protocol's.
    Unknown(&'h [u8], &'h [u8]),
}

/// What the separate headers say about the fields, as far as they are well-formed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    values: [u32; 7],
    known: u8,
}

/// A dump whose bytes could be read, in the byte order that the separate headers confirm.
pub(super) struct Dump {
    bytes: [u8; STATE_BYTES],
    state: Option<ConfigState>,
}

impl<'h> Received<'h> {
    #[inline]
    pub(super) fn collect(
        headers: impl IntoIterator<Item = (&'h [u8], &'h [u8])>,
        mut stray: impl FnMut(Stray<'h>),
    ) -> Received<'h> {
        let mut received = Received {
            values: [&[]; Header::ALL.len()],
            present: 0,
        };
        for (name, value) in headers {
            match kind_of_name(name) {
                NameKind::Foreign => {}
                NameKind::Unknown => stray(Stray::Unknown(name, value)),
                NameKind::Known(header) if received.has(header) => {
                    stray(Stray::Repeated(header, value));
                }
                NameKind::Known(header) => {
                    received.values[header as usize] = value;
                    received.present |= 1 << header as u16;
                }
            }
        }
        received
    }

    #[inline]
    pub(super) const fn has(&self, header: Header) -> bool {
        self.present >> header as u16 & 1 == 1
    }

    #[inline]
    pub(super) const fn value(&self, header: Header) -> Option<&'h [u8]> {
        if self.has(header) {
            Some(self.values[header as usize])
        } else {
            None
        }
    }
}

impl Fields {
    /// Reads the separate headers. The reserved byte is read as any byte: what it may be depends
    /// on the dump.
    #[inline]
    pub(super) fn read<'h>(
        received: &Received<'h>,
        mut fault: impl FnMut(Header, FaultCode, &'h [u8], &'static str),
    ) -> Fields {
        let mut fields = Fields {
            values: [0; 7],
            known: 0,
        };
        for field in Field::ALL {
            let header = Header::ALL[field as usize];
            let Some(text) = received.value(header) else {
                continue;
            };
            let Some(number) = number_of_field(field, text) else {
                fault(header, FaultCode::InvalidFormat, text, format_text(field));
                continue;
            };
            let accepts = match field {
                Field::Reserved => number <= 0xff,
                Field::Version
                | Field::RegistryHash
                | Field::FeatureFlags
                | Field::TerminalMode
                | Field::Rows
                | Field::Cols => field.check(u64::from(number)).is_ok(),
            };
            if accepts {
                fields.values[field as usize] = number;
                fields.known |= 1 << field as u8;
            } else if field == Field::Reserved {
                fault(header, FaultCode::OutOfRange, text, "must be 0 to 255");
            } else {
                fault(
                    header,
                    dump_fault::range_code(field),
                    text,
                    field.range_text(),
                );
            }
        }
        fields
    }

    #[inline]
    pub(super) const fn value(&self, field: Field) -> Option<u32> {
        if self.known >> field as u8 & 1 == 1 {
            Some(self.values[field as usize])
        } else {
            None
        }
    }

    /// The configuration, if the six fields that carry it are all known.
    #[inline]
    pub(super) fn state(&self) -> Option<ConfigState> {
        const CARRYING: u8 = 0x3f;
        if self.known & CARRYING != CARRYING {
            return None;
        }
        let [version, hash, flags, mode, rows, cols, _] = self.values;
        let [h0, h1, h2, h3] = hash.to_be_bytes();
        let [f0, f1, f2, f3] = flags.to_be_bytes();
        let [version, mode, rows, cols] = [version as u8, mode as u8, rows as u8, cols as u8];
        let bytes = [version, h0, h1, h2, h3, f0, f1, f2, f3, mode, rows, cols, 0];
        ConfigState::from_bytes(&bytes).ok()
    }
}

impl Dump {
    /// Reads the dump and holds the separate headers against it.
    #[inline]
    pub(super) fn read<'h>(
        received: &Received<'h>,
        fields: &Fields,
        mut fault: impl FnMut(Header, FaultCode, &'h [u8], &'static str),
    ) -> Option<Dump> {
        let reserved = fields.value(Field::Reserved);
        let text = received.value(Header::ConfigDump);
        let bytes = text.and_then(bytes_of_dump);
        let last = bytes.map_or(0, |bytes| bytes[STATE_BYTES - 1]);
        if reserved.is_some_and(|byte| byte != 0 && byte != u32::from(last)) {
            let text = received.value(Header::Reserved).unwrap_or_default();
            let message = "reserved must be 0, or byte 12 of the dump";
            fault(Header::Reserved, FaultCode::ReservedBitsSet, text, message);
        }
        let text = text?;
        let Some(bytes) = bytes else {
            let broken = dump_fault::format(text);
            fault(Header::ConfigDump, broken.code(), text, broken.message());
            return None;
        };
        let mut dump = Dump { bytes, state: None };
        if !checksum_holds(&bytes) {
            let broken = dump_fault::checksum(text);
            fault(Header::ConfigDump, broken.code(), text, broken.message());
        }
        dump.bytes[STATE_BYTES - 1] = 0;
        if dump.is_little_endian(fields) {
            dump.bytes[1..5].reverse();
            dump.bytes[5..9].reverse();
        }
        dump.state = ConfigState::from_bytes(&dump.bytes).ok();
        for field in Field::ALL {
            let number = dump.value(field);
            if dump.state.is_none() && field.check(u64::from(number)).is_err() {
                let broken = dump_fault::range(text, field);
                fault(Header::ConfigDump, broken.code(), text, broken.message());
            }
            let separate = fields.value(field).filter(|_| field != Field::Reserved);
            if separate.is_some_and(|separate| separate != number) {
                let header = Header::ALL[field as usize];
                let text = received.value(header).unwrap_or_default();
                let message = "does not agree with X-Bun-Config-Dump";
                fault(header, FaultCode::ChecksumMismatch, text, message);
            }
        }
        Some(dump)
    }

    /// The configuration, if every field is within its range.
    #[inline]
    pub(super) const fn state(&self) -> Option<ConfigState> {
        self.state
    }

    /// Whether the separate headers for both wide fields came and both read the dump backwards.
    #[inline]
    fn is_little_endian(&self, fields: &Fields) -> bool {
        let wide = [Field::RegistryHash, Field::FeatureFlags];
        let said = wide.map(|field| fields.value(field));
        let read = wide.map(|field| Some(self.value(field)));
        said != read && said == read.map(|number| number.map(u32::swap_bytes))
    }

    #[inline]
    const fn value(&self, field: Field) -> u32 {
        let [
            version,
            h0,
            h1,
            h2,
            h3,
            f0,
            f1,
            f2,
            f3,
            mode,
            rows,
            cols,
            reserved,
        ] = self.bytes;
        match field {
            Field::Version => version as u32,
            Field::RegistryHash => u32::from_be_bytes([h0, h1, h2, h3]),
            Field::FeatureFlags => u32::from_be_bytes([f0, f1, f2, f3]),
            Field::TerminalMode => mode as u32,
            Field::Rows => rows as u32,
            Field::Cols => cols as u32,
            Field::Reserved => reserved as u32,
        }
    }
}

/// The number in `0x` and 8 hex digits.
#[inline]
pub(super) fn number_of_hex(text: &[u8]) -> Option<u32> {
    let text: &[u8; 10] = text.try_into().ok()?;
    let (prefix, digits) = text.split_first_chunk::<2>()?;
    if prefix != b"0x" {
        return None;
    }
    u32_of_hex(digits.first_chunk()?)
}

#[inline]
fn number_of_field(field: Field, text: &[u8]) -> Option<u32> {
    match field {
        Field::RegistryHash | Field::FeatureFlags => number_of_hex(text),
        Field::TerminalMode if text.len() != 1 => None,
        Field::Version | Field::TerminalMode | Field::Rows | Field::Cols | Field::Reserved => {
            u32_of_decimal(text)
        }
    }
}

const fn format_text(field: Field) -> &'static str {
    match field {
        Field::Version | Field::Reserved => "must be 0 to 255 in decimal",
        Field::RegistryHash | Field::FeatureFlags => "must be 0x and 8 hex digits",
        Field::TerminalMode => "must be one digit 0 to 3",
        Field::Rows | Field::Cols => "must be 1 to 255 in decimal",
    }
}
