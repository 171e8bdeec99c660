//! A tar's headers, one after the other (POSIX.1-2017, pax; GNU's long names).

use std::io::{self, ErrorKind, Read};

use super::fault::ArchiveFault;

/// One header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// The path as the header itself has it.
    pub(super) path: Vec<u8>,
    pub(super) bytes: u64,
}

/// What a header describes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    /// Records for the next entry, or for all that follow.
    Pax,
    PaxGlobal,
    /// The next entry's path.
    GnuLongName,
    Other,
}

/// What a block of headers is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Block {
    Header(Header),
    /// A block of zeros, or the end of the file.
    End,
}

/// Reads the block of a header.
pub(super) fn read_header(input: &mut impl Read) -> Result<Block, ArchiveFault> {
    let mut block = [0; BLOCK_BYTES];
    match read_whole(input, &mut block)? {
        0 => return Ok(Block::End),
        BLOCK_BYTES => {}
        _ => return Err(ArchiveFault::Truncated),
    }
    if block.iter().all(|byte| *byte == 0) {
        return Ok(Block::End);
    }
    header(&block).map(Block::Header)
}

/// The `path` of pax records, where they have one. A `size` has to be the header's, which clients
/// differ about; what makes a file sparse is refused.
pub(super) fn path_of_pax(mut records: &[u8]) -> Result<PaxRecords, ArchiveFault> {
    let mut found = PaxRecords::default();
    while !records.is_empty() {
        let (key, value, rest) = record(records).ok_or(ArchiveFault::Tar("a pax record"))?;
        records = rest;
        match key {
            b"path" => found.path = Some(value.to_vec()),
            b"size" => {
                let bytes = str::from_utf8(value)
                    .ok()
                    .and_then(|text| text.parse().ok());
                found.bytes = Some(bytes.ok_or(ArchiveFault::Tar("a size in a pax record"))?);
            }
            _ if key.starts_with(b"GNU.sparse") => {
                return Err(ArchiveFault::Tar("sparse files are not taken"));
            }
            _ => {}
        }
    }
    Ok(found)
}

/// What pax records say that counts here.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct PaxRecords {
    pub(super) path: Option<Vec<u8>>,
    pub(super) bytes: Option<u64>,
}

/// Bytes from the end of an entry's content to the next block.
pub(super) fn padding(bytes: u64) -> u64 {
    bytes.next_multiple_of(BLOCK_BYTES as u64) - bytes
}

/// Fills a buffer as far as there is something.
pub(super) fn read_whole(input: &mut impl Read, buffer: &mut [u8]) -> Result<usize, ArchiveFault> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(fault_of(error)),
        }
    }
    Ok(filled)
}

/// What the decompressor says is the archive's fault, unless the disk said it.
fn fault_of(error: io::Error) -> ArchiveFault {
    match error.raw_os_error() {
        Some(_) => ArchiveFault::System(error),
        None => ArchiveFault::Gzip,
    }
}

fn header(block: &[u8; BLOCK_BYTES]) -> Result<Header, ArchiveFault> {
    let sum = number(&block[148..156]).ok_or(ArchiveFault::Tar("a checksum"))?;
    let counted = block.iter().enumerate().map(|(at, byte)| match at {
        148..156 => u64::from(b' '),
        _ => u64::from(*byte),
    });
    if counted.sum::<u64>() != sum {
        return Err(ArchiveFault::Tar("a header's checksum is wrong"));
    }
    let mut kind = match block[156] {
        0 | b'0' | b'7' => Kind::File,
        b'5' => Kind::Folder,
        b'1' | b'2' | b'K' => Kind::Link,
        b'x' => Kind::Pax,
        b'g' => Kind::PaxGlobal,
        b'L' => Kind::GnuLongName,
        _ => Kind::Other,
    };
    let mut path = Vec::new();
    if &block[257..263] == b"ustar\0" {
        path.extend_from_slice(text(&block[345..500]));
        if !path.is_empty() {
            path.push(b'/');
        }
    }
    path.extend_from_slice(text(&block[..100]));
    // Old archives tell a folder by the end of its name.
    if kind == Kind::File && path.ends_with(b"/") {
        kind = Kind::Folder;
    }
    let bytes = number(&block[124..136]).ok_or(ArchiveFault::Tar("a size"))?;
    if kind == Kind::Folder && bytes != 0 {
        return Err(ArchiveFault::Tar("a folder with content"));
    }
    Ok(Header { kind, path, bytes })
}

/// A field up to its first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Octal digits among spaces, ended by a space or a NUL; or, where the first bit is set, the number
/// in binary.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let (high, low) = field.split_at(field.len() - 8);
        let is_small = high[0] == 0x80 && high[1..].iter().all(|byte| *byte == 0);
        let number = u64::from_be_bytes(low.try_into().ok()?);
        return (is_small && number <= i64::MAX as u64).then_some(number);
    }
    let digits = text(field).trim_ascii();
    digits.iter().try_fold(0_u64, |number, digit| match digit {
        b'0'..=b'7' => number.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// `length key=value\n`, where the length counts all of it.
fn record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = records.iter().position(|byte| *byte == b' ')?;
    let length: usize = str::from_utf8(&records[..space]).ok()?.parse().ok()?;
    let (record, rest) = records.split_at_checked(length)?;
    let text = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = text.iter().position(|byte| *byte == b'=')?;
    Some((&text[..equals], &text[equals + 1..], rest))
}

pub(super) const BLOCK_BYTES: usize = 512;
