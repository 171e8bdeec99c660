//! The walk over a request head, written once for every level.
#![allow(unsafe_code)] // calls of the per-level instantiations, each proved by its level

use super::fields::FieldName;
use super::table::{Halt, HeaderLine, Span, Summary};
use super::target::place_target;
use super::{
    EMPTY_LINES_MAX, HEAD_BYTES_MAX, HeadFault, HeadTable, METHOD_BYTES_MAX, Method,
    TARGET_BYTES_MAX, Version,
};
use crate::http::scan::{Blocks, Bytewise, HeaderLines, Scan};
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
    walk(Blocks::<_, HeaderLines>::new(proof, bytes), bytes, table)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn walk_avx2(proof: Avx2, bytes: &[u8], table: &mut HeadTable) -> Result<usize, Halt> {
    walk(Blocks::<_, HeaderLines>::new(proof, bytes), bytes, table)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,bmi1,bmi2,lzcnt,popcnt")]
fn walk_avx512(proof: Avx512, bytes: &[u8], table: &mut HeadTable) -> Result<usize, Halt> {
    walk(Blocks::<_, HeaderLines>::new(proof, bytes), bytes, table)
}

/// Walks one head. Every check looks only at bytes up to the one where its fault shows, and the
/// checks run in the order of the bytes: that makes the answer independent of how the head was
/// cut.
#[inline(always)]
fn walk<S: Scan>(mut scan: S, bytes: &[u8], table: &mut HeadTable) -> Result<usize, Halt> {
    table.line_count = 0;
    table.summary = Summary::EMPTY;
    let first_line = skip_empty_lines(bytes)?;
    let mut line_start = request_line(&mut scan, bytes, first_line, &mut table.summary)?;
    let mut line_count = 0;
    loop {
        let name_end = scan.token_end(line_start);
        if bytes.get(name_end) != Some(&b':') || name_end == line_start {
            let end = end_of_head(bytes, line_start, name_end)?;
            table.line_count = line_count;
            return table.summary.finish(end);
        }
        let Some(line) = table.lines.get_mut(line_count) else {
            return Err(Halt::Fault(HeadFault::TooManyHeaders));
        };
        let value_start = skip_blanks(bytes, name_end + 1);
        let value_stop = scan.value_end(value_start);
        if bytes.get(value_stop..value_stop + 2) != Some(b"\r\n") {
            return Err(bad_value(bytes, value_stop));
        }
        let value_end = trim_blanks(bytes, value_start, value_stop);
        *line = HeaderLine {
            name: Span::new(line_start, name_end),
            value: Span::new(value_start, value_end),
        };
        line_count += 1;
        let name = &bytes[line_start..name_end];
        if let Some(field) = FieldName::of(name) {
            let value = Span::new(value_start, value_end);
            table.summary.note(field, bytes, value, &scan)?;
        }
        line_start = value_stop + 2;
    }
}

/// Parses the request line at `start`; returns where the line after it starts.
#[inline(always)]
fn request_line<S: Scan>(
    scan: &mut S,
    bytes: &[u8],
    start: usize,
    summary: &mut Summary,
) -> Result<usize, Halt> {
    let method_end = scan.token_end(start);
    if method_end - start > METHOD_BYTES_MAX {
        return Err(Halt::Fault(HeadFault::MethodTooLong));
    }
    if bytes.get(method_end) != Some(&b' ') || method_end == start {
        return Err(bad_byte(bytes, method_end, HeadFault::BadMethod));
    }
    let method = Method::of(&bytes[start..method_end]);
    let target_start = method_end + 1;
    let marks = scan.target(target_start);
    if marks.end - target_start > TARGET_BYTES_MAX {
        return Err(Halt::Fault(HeadFault::TargetTooLong));
    }
    if bytes.get(marks.end) != Some(&b' ') || marks.end == target_start {
        return Err(bad_byte(bytes, marks.end, HeadFault::BadTarget));
    }
    let (version, line_end) = version(bytes, marks.end + 1)?;
    summary.method = method;
    summary.method_span = Span::new(start, method_end);
    summary.version = version;
    place_target(summary, bytes, target_start, marks)?;
    Ok(line_end)
}

/// The version and the end of line that follow the target.
#[inline(always)]
fn version(bytes: &[u8], start: usize) -> Result<(Version, usize), Halt> {
    match bytes.get(start..start + 10) {
        Some(b"HTTP/1.1\r\n") => Ok((Version::Http11, start + 10)),
        Some(b"HTTP/1.0\r\n") => Ok((Version::Http10, start + 10)),
        _ => Err(bad_version(bytes, start)),
    }
}

/// The first fault of a version that is not one of ours or is not whole.
#[cold]
fn bad_version(bytes: &[u8], start: usize) -> Halt {
    for (offset, &wanted) in b"HTTP/d.d\r\n".iter().enumerate() {
        let Some(&byte) = bytes.get(start + offset) else {
            return Halt::Partial;
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
            return Halt::Fault(fault);
        }
        if offset == 7 && !matches!(&bytes[start + 5..start + 8], b"1.1" | b"1.0") {
            return Halt::Fault(HeadFault::UnsupportedVersion);
        }
    }
    unreachable!("a version without a fault is matched before")
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

/// The end of the head, when the line that starts at `line_start` is the empty one; else the
/// fault of a line whose name stops at `name_end` without a colon.
#[inline(always)]
fn end_of_head(bytes: &[u8], line_start: usize, name_end: usize) -> Result<usize, Halt> {
    if bytes.get(line_start..line_start + 2) == Some(b"\r\n") {
        return Ok(line_start + 2);
    }
    Err(bad_name(bytes, line_start, name_end))
}

#[cold]
fn bad_name(bytes: &[u8], line_start: usize, name_end: usize) -> Halt {
    match bytes.get(name_end) {
        Some(b' ' | b'\t') if name_end == line_start => Halt::Fault(HeadFault::ObsoleteFolding),
        Some(b' ' | b'\t') => Halt::Fault(HeadFault::SpaceBeforeColon),
        Some(b'\r') if name_end == line_start => match bytes.get(name_end + 1) {
            Some(_) => Halt::Fault(HeadFault::BareCr),
            None => Halt::Partial,
        },
        _ => bad_byte(bytes, name_end, HeadFault::BadHeaderName),
    }
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

#[inline(always)]
fn skip_blanks(bytes: &[u8], mut start: usize) -> usize {
    while let Some(b' ' | b'\t') = bytes.get(start) {
        start += 1;
    }
    start
}

#[inline(always)]
fn trim_blanks(bytes: &[u8], start: usize, mut end: usize) -> usize {
    while end > start && matches!(bytes[end - 1], b' ' | b'\t') {
        end -= 1;
    }
    end
}
