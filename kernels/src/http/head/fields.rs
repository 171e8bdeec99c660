//! The header fields that frame a request or steer its connection.

use super::table::{
    CONNECTION_CLOSE, CONNECTION_KEEP_ALIVE, CONNECTION_UPGRADE, Halt, HeaderLine, Span, Summary,
};
use super::target::Authority;
use super::words::Words;
use super::{BodyLength, Expectation, HeadFault, Version};
use crate::http::scan::{HostShape, Scan};

/// A header field that the parser itself reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Host,
    Cookie,
    Expect,
    Upgrade,
    Connection,
    ContentLength,
    TransferEncoding,
}

/// The only field that a header line can be, by the first four letters of its name: the many
/// other names cost one comparison that fails.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    letters: u32,
    name: &'static [u8],
    field: Field,
}

impl Candidate {
    /// The candidate for the line that starts at `start`. Lines of less than four bytes, and names
    /// of less than four letters, have none.
    #[inline(always)]
    pub(super) fn of(words: Words<'_>, start: usize) -> Option<&'static Candidate> {
        let letters = words.u32_at(start)? | FOLD;
        let candidate = &CANDIDATES[slot(letters)];
        (candidate.letters == letters).then_some(candidate)
    }

    /// Takes in one line, if its name is the candidate's to the end.
    #[inline(always)]
    pub(super) fn note<S: Scan>(
        &self,
        summary: &mut Summary,
        bytes: &[u8],
        line: HeaderLine,
        scan: S,
    ) -> Result<(), HeadFault> {
        match self.field {
            Field::Host if line.name().bytes() == self.name.len() => {
                summary.note_host(bytes, line.value(), scan)
            }
            Field::Host => Ok(()),
            Field::Cookie
            | Field::Expect
            | Field::Upgrade
            | Field::Connection
            | Field::ContentLength
            | Field::TransferEncoding => self.note_rare(summary, bytes, line),
        }
    }

    /// Takes in a line that most requests do not have. Not inlined: the loop over the lines keeps
    /// its registers.
    #[inline(never)]
    fn note_rare(
        &self,
        summary: &mut Summary,
        bytes: &[u8],
        line: HeaderLine,
    ) -> Result<(), HeadFault> {
        if !self.is_named(&bytes[line.name().range()]) {
            return Ok(());
        }
        let value = &bytes[line.value().range()];
        match self.field {
            Field::Host => {}
            Field::Cookie => summary.cookie = summary.cookie.or(Some(line.value())),
            Field::Upgrade => summary.upgrade = summary.upgrade.or(Some(line.value())),
            Field::Expect => summary.note_expectation(value),
            Field::Connection => summary.connection |= connection_options(value),
            Field::ContentLength => return summary.note_length(value),
            Field::TransferEncoding => return summary.note_transfer_coding(value),
        }
        Ok(())
    }

    /// Whether a name whose first four letters are right is right to the end.
    #[inline(always)]
    fn is_named(&self, name: &[u8]) -> bool {
        name.len() == self.name.len()
            && name
                .iter()
                .zip(self.name)
                .skip(4)
                .all(|(byte, lower)| byte | 0x20 == *lower)
    }

    const fn new(name: &'static [u8], field: Field) -> Candidate {
        let letters = u32::from_le_bytes([name[0], name[1], name[2], name[3]]);
        Candidate {
            letters,
            name,
            field,
        }
    }
}

const FIELDS: [Candidate; 7] = [
    Candidate::new(b"host", Field::Host),
    Candidate::new(b"cookie", Field::Cookie),
    Candidate::new(b"expect", Field::Expect),
    Candidate::new(b"upgrade", Field::Upgrade),
    Candidate::new(b"connection", Field::Connection),
    Candidate::new(b"content-length", Field::ContentLength),
    Candidate::new(b"transfer-encoding", Field::TransferEncoding),
];

/// Each field in the slot of its first four letters; a slot without one repeats the first field,
/// which the letters that lead there cannot match.
static CANDIDATES: [Candidate; 8] = {
    let mut slots = [FIELDS[0]; 8];
    let mut index = 0;
    while index < FIELDS.len() {
        let slot = slot(FIELDS[index].letters);
        assert!(
            index == 0 || slots[slot].letters == FIELDS[0].letters,
            "one field per slot"
        );
        assert!(
            index == 0 || slot != self::slot(FIELDS[0].letters),
            "one field per slot"
        );
        slots[slot] = FIELDS[index];
        index += 1;
    }
    slots
};

/// The slot of four letters; the multiplier was searched for, the assertions above hold it.
#[inline(always)]
const fn slot(letters: u32) -> usize {
    (letters.wrapping_mul(0xa6ce_cc1b) >> 29) as usize
}

impl Summary {
    /// Checks what only the whole head can tell; returns its length.
    #[inline(always)]
    pub(super) fn finish(&mut self, end: usize) -> Result<usize, Halt> {
        if self.host.is_none() && self.version == Version::Http11 {
            return Err(Halt::Fault(HeadFault::MissingHost));
        }
        self.head_bytes = end as u16;
        Ok(end)
    }

    #[inline(always)]
    fn note_host<S: Scan>(&mut self, bytes: &[u8], span: Span, scan: S) -> Result<(), HeadFault> {
        if self.host.is_some() {
            return Err(HeadFault::RepeatedHost);
        }
        if scan.host_shape(span.start(), span.end()) != HostShape::Plain {
            check_rare_host(&bytes[span.range()])?;
        }
        self.host = Some(span);
        Ok(())
    }

    fn note_length(&mut self, value: &[u8]) -> Result<(), HeadFault> {
        match self.body {
            BodyLength::None => {
                let length = decimal(value).ok_or(HeadFault::BadLength)?;
                self.body = BodyLength::Length(length);
                Ok(())
            }
            BodyLength::Length(_) => Err(HeadFault::RepeatedLength),
            BodyLength::Chunked => Err(HeadFault::LengthAndChunked),
        }
    }

    fn note_transfer_coding(&mut self, value: &[u8]) -> Result<(), HeadFault> {
        if self.version == Version::Http10 {
            return Err(HeadFault::TransferCodingInHttp10);
        }
        match self.body {
            BodyLength::None if is_word(value, b"chunked") => {
                self.body = BodyLength::Chunked;
                Ok(())
            }
            BodyLength::None => Err(HeadFault::UnknownTransferCoding),
            BodyLength::Length(_) => Err(HeadFault::LengthAndChunked),
            BodyLength::Chunked => Err(HeadFault::RepeatedTransferCoding),
        }
    }

    fn note_expectation(&mut self, value: &[u8]) {
        let expectation = if is_word(value, b"100-continue") {
            Expectation::Continue
        } else {
            Expectation::Unknown
        };
        // One expectation that cannot be met spoils all of them.
        if self.expectation != Expectation::Unknown {
            self.expectation = expectation;
        }
    }
}

#[inline(never)]
fn check_rare_host(host: &[u8]) -> Result<(), HeadFault> {
    Authority::parse(host).map(|_| ()).ok_or(HeadFault::BadHost)
}

/// The `CONNECTION_*` bits of one Connection header; options without a meaning here are skipped.
fn connection_options(value: &[u8]) -> u8 {
    value.split(|&byte| byte == b',').fold(0, |bits, option| {
        bits | connection_option(option.trim_ascii())
    })
}

fn connection_option(option: &[u8]) -> u8 {
    match option.len() {
        5 if is_word(option, b"close") => CONNECTION_CLOSE,
        7 if is_word(option, b"upgrade") => CONNECTION_UPGRADE,
        10 if is_word(option, b"keep-alive") => CONNECTION_KEEP_ALIVE,
        _ => 0,
    }
}

/// Whether a field's value is this word, given in lower case.
#[inline(always)]
fn is_word<const N: usize>(value: &[u8], lower: &[u8; N]) -> bool {
    let Ok(value) = <&[u8; N]>::try_from(value) else {
        return false;
    };
    let mut difference = 0;
    for index in 0..N {
        difference |= (value[index] | 0x20) ^ lower[index];
    }
    difference == 0
}

/// The number that 1 to 19 digits write: less than 2^64 whatever the digits.
fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > LENGTH_BYTES_MAX {
        return None;
    }
    value.iter().try_fold(0u64, |number, &byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + u64::from(byte - b'0'))
    })
}

/// Setting bit 5 of each byte folds letters and keeps hyphens and digits; the bytes that it turns
/// into one of these by mistake are controls, which neither tokens nor values have.
const FOLD: u32 = 0x2020_2020;

/// Digits of the longest content length.
const LENGTH_BYTES_MAX: usize = 19;
