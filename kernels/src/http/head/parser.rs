//! The walk over a request head, written once for every level.
#![allow(unsafe_code)] // calls of the per-level instantiations, each proved by its level

use super::fields::Candidate;
use super::table::{Halt, HeaderLine, Span, Summary};
use super::target::place_target;
use super::words::Words;
use super::{
    EMPTY_LINES_MAX, HEAD_BYTES_MAX, HEADERS_MAX, HeadFault, HeadTable, METHOD_BYTES_MAX, Method,
    TARGET_BYTES_MAX, Version,
};
use crate::http::scan::{Bytewise, HeaderLines, LineScan, RequestMarks, Scan, Vectors};
use crate::level::Level;
#[cfg(target_arch = "x86_64")]
use crate::level::{Avx2, Avx512, Sse42};

/// Parses request heads with the instructions of one level.
#[derive(Clone, Copy, Debug)]
pub struct HeadParser {
    level: Level,
}

/// How far a parse came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadStatus {
    /// The head ends after this many bytes; the body or the next request follows.
    Complete {
        /// Length of the head with its last empty line.
        bytes: usize,
    },
    /// The head goes on past these bytes.
    Partial,
}

impl HeadParser {
    /// A parser that runs the instructions of `level`.
    pub const fn new(level: Level) -> HeadParser {
        HeadParser { level }
    }

    /// Parses the head that `bytes` starts with into `table`.
    ///
    /// After [`HeadStatus::Partial`] call it again with the same bytes and more: it starts
    /// afresh, and the answer does not depend on where the bytes were cut. A fault is reported as
    /// soon as the bytes show it, the first in the order of the bytes, the same at every level.
    pub fn parse(&self, bytes: &[u8], table: &mut HeadTable) -> Result<HeadStatus, HeadFault> {
        let window = &bytes[..bytes.len().min(HEAD_BYTES_MAX)];
        let end = match self.level {
            Level::Scalar => walk(Bytewise::<HeaderLines>::new(window), window, table),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the proof holds every feature that the function enables.
            Level::Sse42(proof) => unsafe { walk_sse42(proof, window, table) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the proof holds every feature that the function enables.
            Level::Avx2(proof) => unsafe { walk_avx2(proof, window, table) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the proof holds every feature that the function enables.
            Level::Avx512(proof) => unsafe { walk_avx512(proof, window, table) },
        };
        match end {
            Ok(bytes) => Ok(HeadStatus::Complete { bytes }),
            Err(Halt::Partial) if window.len() == HEAD_BYTES_MAX => Err(HeadFault::TooLarge),
            Err(Halt::Partial) => Ok(HeadStatus::Partial),
            Err(Halt::Fault(fault)) => Err(fault),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2,popcnt")]
fn walk_sse42(proof: Sse42, bytes: &[u8], table: &mut HeadTable) -> Result<usize, Halt> {
    walk(Vectors::<_, HeaderLines>::new(proof, bytes), bytes, table)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn walk_avx2(proof: Avx2, bytes: &[u8], table: &mut HeadTable) -> Result<usize, Halt> {
    walk(Vectors::<_, HeaderLines>::new(proof, bytes), bytes, table)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,bmi1,bmi2,lzcnt,popcnt")]
fn walk_avx512(proof: Avx512, bytes: &[u8], table: &mut HeadTable) -> Result<usize, Halt> {
    walk(Vectors::<_, HeaderLines>::new(proof, bytes), bytes, table)
}

/// Walks one head. Every check looks only at bytes up to the one where its fault shows, and the
/// checks run in the order of the bytes: that makes the answer independent of how the head was
/// cut.
#[inline(always)]
fn walk<S: Scan>(scan: S, bytes: &[u8], table: &mut HeadTable) -> Result<usize, Halt> {
    table.summary = Summary::EMPTY;
    let words = Words::new(bytes);
    let first_line = skip_empty_lines(bytes)?;
    let (mut line_start, mut lines) = request_line(scan, words, first_line, &mut table.summary)?;
    for index in 0..=HEADERS_MAX {
        let name_end = lines.token_end();
        if name_end == line_start {
            let end = end_of_head(bytes, line_start)?;
            table.line_count = index;
            return table.summary.finish(end);
        }
        let value_start = start_of_value(words, name_end)?;
        let Some(slot) = table.lines.get_mut(index) else {
            break;
        };
        let value_stop = lines.value_end();
        let value_end = end_of_value(words, value_start, value_stop)?;
        let name = Span::new(line_start, name_end);
        let line = HeaderLine::new(name, Span::new(value_start, value_end));
        *slot = line;
        if let Some(candidate) = Candidate::of(words, line_start) {
            candidate.note(&mut table.summary, bytes, line, scan)?;
        }
        line_start = value_stop + 2;
        lines.skip_byte();
    }
    Err(Halt::Fault(HeadFault::TooManyHeaders))
}

/// Parses the request line at `start`; returns where the line after it starts, and a scan there.
#[inline(always)]
fn request_line<S: Scan>(
    scan: S,
    words: Words<'_>,
    start: usize,
    summary: &mut Summary,
) -> Result<(usize, S::Lines), Halt> {
    let bytes = words.bytes();
    let (marks, mut lines) = scan.request(start);
    let RequestMarks {
        method_end,
        target_end,
        ..
    } = marks;
    if method_end - start > METHOD_BYTES_MAX {
        return Err(Halt::Fault(HeadFault::MethodTooLong));
    }
    if bytes.get(method_end) != Some(&b' ') || method_end == start {
        return Err(bad_byte(bytes, method_end, HeadFault::BadMethod));
    }
    let target_start = method_end + 1;
    if target_end - target_start > TARGET_BYTES_MAX {
        return Err(Halt::Fault(HeadFault::TargetTooLong));
    }
    if bytes.get(target_end) != Some(&b' ') || target_end == target_start {
        return Err(bad_byte(bytes, target_end, HeadFault::BadTarget));
    }
    let (version, line_end) = version(words, target_end + 1)?;
    summary.method = Method::of(words, start, method_end);
    summary.method_span = Span::new(start, method_end);
    summary.version = version;
    place_target(summary, bytes, marks)?;
    lines.seek(line_end);
    Ok((line_end, lines))
}

/// The version and the end of line that follow the target.
#[inline(always)]
fn version(words: Words<'_>, start: usize) -> Result<(Version, usize), Halt> {
    const HTTP_1_0: u64 = u64::from_le_bytes(*b"HTTP/1.0");
    const HTTP_1_1: u64 = u64::from_le_bytes(*b"HTTP/1.1");
    let end = start + 10;
    // All but the shortest heads have four bytes after the version.
    let line_end = words.u32_at(start + 8).map(|word| word & 0xffff);
    match (words.u64_at(start), line_end) {
        (Some(HTTP_1_1), Some(CRLF)) => Ok((Version::Http11, end)),
        (Some(HTTP_1_0), Some(CRLF)) => Ok((Version::Http10, end)),
        (_, _) => rare_version(words.bytes(), start),
    }
}

/// A version that is not one of ours, is not whole, or stands at the very end of the bytes.
#[cold]
fn rare_version(bytes: &[u8], start: usize) -> Result<(Version, usize), Halt> {
    for (offset, &wanted) in b"HTTP/d.d\r\n".iter().enumerate() {
        let Some(&byte) = bytes.get(start + offset) else {
            return Err(Halt::Partial);
        };
        let as_wanted = match wanted {
            b'd' => byte.is_ascii_digit(),
            exact => byte == exact,
        };
        if !as_wanted {
            let fault = match (wanted, byte) {
                (b'\n', _) => HeadFault::BareCr,
                (b'\r', b'\n') => HeadFault::BareLf,
                (_, 0) => HeadFault::NulByte,
                (_, _) => HeadFault::BadVersion,
            };
            return Err(Halt::Fault(fault));
        }
        if offset == 7 && !matches!(&bytes[start + 5..start + 8], b"1.1" | b"1.0") {
            return Err(Halt::Fault(HeadFault::UnsupportedVersion));
        }
    }
    let version = if bytes[start + 7] == b'1' {
        Version::Http11
    } else {
        Version::Http10
    };
    Ok((version, start + 10))
}

/// Where the request line starts: after at most [`EMPTY_LINES_MAX`] empty lines.
#[inline(always)]
fn skip_empty_lines(bytes: &[u8]) -> Result<usize, Halt> {
    let mut start = 0;
    while let Some(b'\r') = bytes.get(start)
        && start < 2 * EMPTY_LINES_MAX
    {
        match bytes.get(start + 1) {
            Some(b'\n') => start += 2,
            Some(_) => return Err(Halt::Fault(HeadFault::BareCr)),
            None => return Err(Halt::Partial),
        }
    }
    Ok(start)
}

/// The end of the head, when the line that starts at `start` is the empty one; the line has no
/// name.
#[inline(always)]
fn end_of_head(bytes: &[u8], start: usize) -> Result<usize, Halt> {
    match bytes.get(start..start + 2) {
        Some(b"\r\n") => Ok(start + 2),
        _ => Err(bad_line_start(bytes, start)),
    }
}

#[cold]
fn bad_line_start(bytes: &[u8], start: usize) -> Halt {
    match (bytes.get(start), bytes.get(start + 1)) {
        (Some(b' ' | b'\t'), _) => Halt::Fault(HeadFault::ObsoleteFolding),
        (Some(b'\r'), None) => Halt::Partial,
        (Some(b'\r'), Some(_)) => Halt::Fault(HeadFault::BareCr),
        (_, _) => bad_byte(bytes, start, HeadFault::BadHeaderName),
    }
}

/// Where the value after a name starts, or the end of the line if it is empty. Nearly all values
/// follow a colon and one space.
#[inline(always)]
fn start_of_value(words: Words<'_>, name_end: usize) -> Result<usize, Halt> {
    const FIRST: u32 = u32::from_be_bytes(*b": !\0");
    const LAST: u32 = u32::from_be_bytes(*b": \xff\xff");
    match words.u32_at(name_end).map(u32::swap_bytes) {
        Some(FIRST..=LAST) => Ok(name_end + 2),
        _ => rare_start_of_value(words.bytes(), name_end),
    }
}

#[inline(never)]
fn rare_start_of_value(bytes: &[u8], name_end: usize) -> Result<usize, Halt> {
    match bytes.get(name_end) {
        Some(b':') => {}
        Some(b' ' | b'\t') => return Err(Halt::Fault(HeadFault::SpaceBeforeColon)),
        _ => return Err(bad_byte(bytes, name_end, HeadFault::BadHeaderName)),
    }
    let blanks = bytes[name_end + 1..]
        .iter()
        .take_while(|&&byte| is_blank(byte))
        .count();
    Ok(name_end + 1 + blanks)
}

/// Where the value that starts at `start` and stops at `stop` ends, once its line is seen to end
/// there too. Nearly all values have no blanks after them.
#[inline(always)]
fn end_of_value(words: Words<'_>, start: usize, stop: usize) -> Result<usize, Halt> {
    const FIRST: u32 = u32::from_le_bytes(*b"\0!\r\n");
    const LAST: u32 = u32::from_le_bytes(*b"\xff\xff\r\n");
    match words.u32_at(stop - 1).map(|word| word << 8) {
        Some(FIRST..=LAST) => Ok(stop),
        _ => rare_end_of_value(words.bytes(), start, stop),
    }
}

#[inline(never)]
fn rare_end_of_value(bytes: &[u8], start: usize, stop: usize) -> Result<usize, Halt> {
    if bytes.get(stop..stop + 2) != Some(b"\r\n") {
        return Err(bad_value(bytes, stop));
    }
    let blanks = bytes[start..stop]
        .iter()
        .rev()
        .take_while(|&&byte| is_blank(byte))
        .count();
    Ok(stop - blanks)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cold]
fn bad_value(bytes: &[u8], stop: usize) -> Halt {
    match (bytes.get(stop), bytes.get(stop + 1)) {
        (Some(b'\r'), None) => Halt::Partial,
        (Some(b'\r'), Some(_)) => Halt::Fault(HeadFault::BareCr),
        _ => bad_byte(bytes, stop, HeadFault::BadHeaderValue),
    }
}

/// The fault of the byte at `stop`, which is `otherwise` unless the byte has a fault of its own.
#[cold]
fn bad_byte(bytes: &[u8], stop: usize, otherwise: HeadFault) -> Halt {
    match bytes.get(stop) {
        None => Halt::Partial,
        Some(b'\n') => Halt::Fault(HeadFault::BareLf),
        Some(0) => Halt::Fault(HeadFault::NulByte),
        Some(_) => Halt::Fault(otherwise),
    }
}

/// A line's end as a little-endian load gives it.
const CRLF: u32 = u16::from_le_bytes(*b"\r\n") as u32;
