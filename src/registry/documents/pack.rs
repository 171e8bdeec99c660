//! The encodings of a package's documents, and the one blob that all of them are.

use std::io;

use super::build::Built;
use crate::http::{Coding, Effort, compress};
use crate::limits::{
    COMPRESSED_BYTES_MIN, DOCUMENT_PACKED_WELL_BYTES_MAX, DOCUMENT_PACKED_WELL_BYTES_MIN,
};

/// The documents of a package in all their forms and encodings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// One after the other.
    pub bytes: Vec<u8>,
    /// The lengths of the parts, in the order of [`Part::ALL`].
    pub parts: [u64; 6],
}

/// One form of a document in one encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Part {
    /// The full form.
    Full,
    /// The full form, gzip.
    FullGzip,
    /// The full form, brotli.
    FullBrotli,
    /// What installing takes.
    Abbreviated,
    /// What installing takes, gzip.
    AbbreviatedGzip,
    /// What installing takes, brotli.
    AbbreviatedBrotli,
}

impl Part {
    /// Every part, in their order in the blob.
    pub const ALL: [Part; 6] = [
        Part::Full,
        Part::FullGzip,
        Part::FullBrotli,
        Part::Abbreviated,
        Part::AbbreviatedGzip,
        Part::AbbreviatedBrotli,
    ];

    /// Its form in every coding.
    pub fn codings(self) -> [Part; 3] {
        match self {
            Part::Full | Part::FullGzip | Part::FullBrotli => {
                [Part::Full, Part::FullGzip, Part::FullBrotli]
            }
            Part::Abbreviated | Part::AbbreviatedGzip | Part::AbbreviatedBrotli => [
                Part::Abbreviated,
                Part::AbbreviatedGzip,
                Part::AbbreviatedBrotli,
            ],
        }
    }

    /// The same form without a coding.
    pub fn plain(self) -> Part {
        self.codings()[0]
    }

    /// Its coding.
    pub fn coding(self) -> Option<Coding> {
        match self {
            Part::Full | Part::Abbreviated => None,
            Part::FullGzip | Part::AbbreviatedGzip => Some(Coding::Gzip),
            Part::FullBrotli | Part::AbbreviatedBrotli => Some(Coding::Brotli),
        }
    }

    /// What is sent for it: a form that is too short to be worth a coding has none.
    pub fn offered(self, parts: &[u64; 6]) -> Part {
        match parts[self as usize] {
            0 => self.plain(),
            _ => self,
        }
    }

    /// Where the part begins in the blob, and how long it is.
    pub fn place(self, parts: &[u64; 6]) -> (u64, u64) {
        // The lengths of a damaged row may be any.
        let before = parts[..self as usize].iter();
        let start = before.fold(0, |sum: u64, part| sum.saturating_add(*part));
        (start, parts[self as usize])
    }

    /// The part of the whole blob; `None` where that is shorter than its parts are together.
    pub fn of<'b>(self, parts: &[u64; 6], blob: &'b [u8]) -> Option<&'b [u8]> {
        let (start, length) = self.place(parts);
        let rest = blob.get(usize::try_from(start).ok()?..)?;
        rest.get(..usize::try_from(length).ok()?)
    }
}

/// Compresses both forms, but for one that fits a packet as it is. Of long ones it takes
/// milliseconds to seconds: nothing for a shard.
///
/// # Errors
/// A library refuses to compress.
pub fn pack(full: &[u8], abbreviated: &[u8]) -> io::Result<Packed> {
    let mut bytes = Vec::with_capacity((full.len() + abbreviated.len()) * 3 / 2);
    let parts = pack_to(full, abbreviated, |part| {
        bytes.extend_from_slice(part);
        Ok(())
    })?;
    Ok(Packed { bytes, parts })
}

/// As [`pack`], but each part leaves memory before the next is made; gives their lengths.
///
/// # Errors
/// A library refuses to compress, or a part is not taken.
pub fn pack_to(
    full: &[u8],
    abbreviated: &[u8],
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<[u64; 6]> {
    let mut parts = [0; 6];
    let mut lengths = parts.iter_mut();
    for form in [full, abbreviated] {
        let worth = DOCUMENT_PACKED_WELL_BYTES_MIN..=DOCUMENT_PACKED_WELL_BYTES_MAX;
        let effort = if worth.contains(&form.len()) {
            Effort::Kept
        } else {
            Effort::Usual
        };
        let encodings = [None, Some(Coding::Gzip), Some(Coding::Brotli)];
        for (coding, length) in encodings.into_iter().zip(&mut lengths) {
            let mut coded = Vec::new();
            let part = match coding {
                None => form,
                Some(_) if form.len() < COMPRESSED_BYTES_MIN => &[],
                Some(coding) => {
                    compress(coding, effort, form, &mut coded)?;
                    &coded
                }
            };
            take(part)?;
            *length = part.len() as u64;
        }
    }
    Ok(parts)
}

impl Built {
    /// [`pack`] of both forms.
    ///
    /// # Errors
    /// A library refuses to compress.
    pub fn pack(&self) -> io::Result<Packed> {
        pack(&self.full, &self.abbreviated)
    }

    /// [`pack_to`] of both forms.
    ///
    /// # Errors
    /// A library refuses to compress, or a part is not taken.
    pub fn pack_to(&self, take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<[u64; 6]> {
        pack_to(&self.full, &self.abbreviated, take)
    }
}

impl Packed {
    /// A part.
    pub fn part(&self, part: Part) -> &[u8] {
        let part = part.of(&self.parts, &self.bytes);
        part.expect("the lengths are those of these bytes")
    }
}
