//! The header fields that frame a request or steer its connection.

use super::table::{
    CONNECTION_CLOSE, CONNECTION_KEEP_ALIVE, CONNECTION_UPGRADE, Halt, Span, Summary,
};
use super::target::{Authority, is_port};
use super::{BodyLength, Expectation, HeadFault, Version};
use crate::http::class::REGISTERED_NAME;
use crate::http::scan::Scan;

/// A header field that the parser itself reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldName {
    Host,
    Cookie,
    Expect,
    Upgrade,
    Connection,
    ContentLength,
    TransferEncoding,
}

impl FieldName {
    /// The field of this name, which is a token.
    #[inline(always)]
    pub(super) fn of(name: &[u8]) -> Option<FieldName> {
        match name.len() {
            4 if same(name, b"host") => Some(FieldName::Host),
            6 if same(name, b"cookie") => Some(FieldName::Cookie),
            6 if same(name, b"expect") => Some(FieldName::Expect),
            7 if same(name, b"upgrade") => Some(FieldName::Upgrade),
            10 if same(name, b"connection") => Some(FieldName::Connection),
            14 if same(name, b"content-length") => Some(FieldName::ContentLength),
            17 if same(name, b"transfer-encoding") => Some(FieldName::TransferEncoding),
            _ => None,
        }
    }
}

impl Summary {
    /// Takes in one header line of a field that matters to framing or to the connection.
    #[inline(always)]
    pub(super) fn note<S: Scan>(
        &mut self,
        field: FieldName,
        bytes: &[u8],
        span: Span,
        scan: &S,
    ) -> Result<(), Halt> {
        let value = &bytes[usize::from(span.start)..usize::from(span.end)];
        match field {
            FieldName::Host => self.note_host(bytes, span, scan)?,
            FieldName::Cookie => self.cookie = self.cookie.or(Some(span)),
            FieldName::Upgrade => self.upgrade = self.upgrade.or(Some(span)),
            FieldName::Expect => self.note_expectation(value),
            FieldName::Connection => self.connection |= connection_options(value),
            FieldName::ContentLength => self.note_length(value)?,
            FieldName::TransferEncoding => self.note_transfer_coding(value)?,
        }
        Ok(())
    }

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
    fn note_host<S: Scan>(&mut self, bytes: &[u8], span: Span, scan: &S) -> Result<(), HeadFault> {
        if self.host.is_some() {
            return Err(HeadFault::RepeatedHost);
        }
        let (start, end) = (usize::from(span.start), usize::from(span.end));
        let name_end = scan.outside(&REGISTERED_NAME, start).min(end);
        let plain = match &bytes[name_end..end] {
            [] => true,
            [b':', port @ ..] => is_port(port),
            _ => false,
        };
        if !plain && Authority::parse(&bytes[start..end]).is_none() {
            return Err(HeadFault::BadHost);
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
            BodyLength::None if value.eq_ignore_ascii_case(b"chunked") => {
                self.body = BodyLength::Chunked;
                Ok(())
            }
            BodyLength::None => Err(HeadFault::UnknownTransferCoding),
            BodyLength::Length(_) => Err(HeadFault::LengthAndChunked),
            BodyLength::Chunked => Err(HeadFault::RepeatedTransferCoding),
        }
    }

    fn note_expectation(&mut self, value: &[u8]) {
        let expectation = if value.eq_ignore_ascii_case(b"100-continue") {
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

/// The `CONNECTION_*` bits of one Connection header; options without a meaning here are skipped.
fn connection_options(value: &[u8]) -> u8 {
    value
        .split(|&byte| byte == b',')
        .fold(0, |bits, option| bits | connection_option(option))
}

fn connection_option(option: &[u8]) -> u8 {
    let option = option.trim_ascii();
    match option.len() {
        5 if option.eq_ignore_ascii_case(b"close") => CONNECTION_CLOSE,
        7 if option.eq_ignore_ascii_case(b"upgrade") => CONNECTION_UPGRADE,
        10 if option.eq_ignore_ascii_case(b"keep-alive") => CONNECTION_KEEP_ALIVE,
        _ => 0,
    }
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

/// Whether a token is this name, given in lower case.
///
/// Setting bit 5 folds letters and keeps the hyphen; the bytes that it would fold into a letter
/// or a hyphen by mistake are controls, which no token has.
#[inline(always)]
fn same<const N: usize>(name: &[u8], lower: &[u8; N]) -> bool {
    let Some(name) = name.first_chunk::<N>() else {
        return false;
    };
    let mut difference = 0;
    for index in 0..N {
        difference |= (name[index] | 0x20) ^ lower[index];
    }
    difference == 0
}

/// Digits of the longest content length.
const LENGTH_BYTES_MAX: usize = 19;
