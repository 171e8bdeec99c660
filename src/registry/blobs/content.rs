//! What is to be kept, and where: short contents lie in the row that names them.
//!
//! A file of its own costs a publish more than everything else together: it is made, written, made
//! durable and moved, and its folder is made durable, for a few KB. In its row it is durable with
//! the row, by the commit that many rows share.

use std::io::{self, Cursor, Read};

use bytes::Bytes;
use sha1_smol::Sha1;
use sha2::{Digest as _, Sha512};

use super::digest::Digests;
use super::spool::{Hashed, Spool};
use crate::limits::BLOB_SHORT_BYTES_MAX;

/// A whole content with its digests; nothing of it is durable.
pub enum Content {
    /// One that goes into the row that names it.
    Short(Short),
    /// One that becomes a file.
    Long(Hashed),
}

/// Whether a hosted content of so many bytes is a file, to be removed once no row names it. A short
/// one that was kept before rows held any (migration 0002) is a file as well; it is left to the
/// hourly sweep, for nothing in its row tells it from one that has none.
pub fn is_file(bytes: u64) -> bool {
    bytes > BLOB_SHORT_BYTES_MAX as u64
}

/// A content that is short.
#[derive(Clone)]
pub struct Short {
    /// What it is known by.
    pub digests: Digests,
    /// All of it.
    pub bytes: Bytes,
}

/// A content that has come.
pub enum Arrived {
    /// Into memory, not hashed yet.
    Short(Vec<u8>),
    /// Into the spool.
    Long(Box<Spool>),
}

impl Arrived {
    /// Hashes it, where that was not done on its way.
    pub fn finish(self) -> Content {
        match self {
            Arrived::Short(bytes) => Content::Short(Short::of(bytes)),
            Arrived::Long(spool) => Content::Long(spool.finish()),
        }
    }
}

impl Short {
    /// Hashes a content.
    ///
    /// # Panics
    /// It is longer than a short one.
    pub fn of(bytes: Vec<u8>) -> Short {
        assert!(bytes.len() <= BLOB_SHORT_BYTES_MAX, "it is short");
        Short {
            digests: Digests::of(&bytes),
            bytes: Bytes::from(bytes),
        }
    }
}

impl Content {
    /// What it is known by.
    pub fn digests(&self) -> &Digests {
        match self {
            Content::Short(short) => &short.digests,
            Content::Long(file) => &file.digests,
        }
    }

    /// Opens it to be read. Blocks.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Content::Short(short) => Box::new(Cursor::new(short.bytes.clone())),
            Content::Long(file) => Box::new(file.open()?),
        })
    }

    /// The part that goes into a row, and the one that becomes a file.
    pub fn parted(self) -> (Option<Bytes>, Option<Hashed>) {
        match self {
            Content::Short(short) => (Some(short.bytes), None),
            Content::Long(file) => (None, Some(file)),
        }
    }
}

impl Digests {
    fn of(bytes: &[u8]) -> Digests {
        Digests {
            sha512: super::Sha512Digest(Sha512::digest(bytes).into()),
            sha1: Sha1::from(bytes).digest().bytes(),
            bytes: bytes.len() as u64,
        }
    }
}
