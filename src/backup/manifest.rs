//! The last member of a backup: what the others are, so that a missing or altered byte shows.

use std::fmt::Write as _;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a backup holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    /// The form of the archive: [`FORMAT`].
    pub(super) format: u32,
    /// The version of the binary that wrote it.
    pub(super) version: String,
    /// When it was begun, in unix milliseconds.
    pub(super) begun_ms: u64,
    /// Every other member, in order.
    pub(super) members: Vec<Member>,
}

/// One file of a backup.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Member {
    /// Its place in the data folder, with `/` between the parts.
    pub(super) path: String,
    /// Its length.
    pub(super) bytes: u64,
    /// The SHA-256 of its contents, in hex digits.
    pub(super) sha256: String,
}

/// Passes bytes on and keeps their count and hash.
pub(super) struct Hashing<R> {
    inner: R,
    bytes: u64,
    hash: Sha256,
}

impl<R: Read> Hashing<R> {
    pub(super) fn new(inner: R) -> Hashing<R> {
        Hashing {
            inner,
            bytes: 0,
            hash: Sha256::new(),
        }
    }

    /// The member that was read.
    pub(super) fn member(self, path: String) -> Member {
        let mut sha256 = String::with_capacity(64);
        for byte in self.hash.finalize() {
            write!(sha256, "{byte:02x}").expect("a String takes every write");
        }
        Member {
            path,
            bytes: self.bytes,
            sha256,
        }
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes += count as u64;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}

/// The manifest's name in the archive.
pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const FORMAT: u32 = 1;
/// The longest manifest: more than a million members. A longer one is not written, for it could
/// not be read back.
pub(super) const MANIFEST_BYTES_MAX: u64 = 256 << 20;
