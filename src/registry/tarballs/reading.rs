//! A file that is read on the offload pool, a piece ahead of what is sent.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::limits::TARBALL_PIECE_BYTES;
use crate::registry::blobs::{Blobs, Sha512Digest};
use crate::shard::{self, OffloadFault};
use crate::store::StoreFault;

/// An open file and its length.
#[derive(Clone)]
pub(super) struct Source {
    file: Arc<File>,
    /// Its length.
    pub(super) bytes: u64,
}

/// Why a file is not read.
#[derive(Debug)]
pub(super) enum ReadingFault {
    /// It is not there.
    Missing,
    /// The store refused.
    Store(StoreFault),
    /// The system refused.
    System(io::Error),
    /// Too much waits for the disk.
    Busy(OffloadFault),
}

impl fmt::Display for ReadingFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadingFault::Missing => out.write_str("it is not there"),
            ReadingFault::Store(fault) => fault.fmt(out),
            ReadingFault::System(error) => error.fmt(out),
            ReadingFault::Busy(fault) => fault.fmt(out),
        }
    }
}

/// A range of a file, read piece by piece.
pub(super) struct Reading {
    source: Source,
    at: u64,
    end: u64,
    next: Option<Next>,
}

type Next = Pin<Box<dyn Future<Output = Result<io::Result<Bytes>, OffloadFault>>>>;

impl Source {
    pub(super) async fn open(
        blobs: &Arc<Blobs>,
        digest: Sha512Digest,
    ) -> Result<Source, ReadingFault> {
        let blobs = blobs.clone();
        let opened = shard::offload(move || {
            let file = blobs.open(&digest)?;
            let bytes = file.metadata()?.len();
            let file = Arc::new(file);
            Ok(Source { file, bytes })
        });
        settled(opened.await)
    }

    /// All of it at once.
    pub(super) async fn whole(&self) -> Result<Bytes, ReadingFault> {
        let source = self.clone();
        let bytes = usize::try_from(source.bytes).unwrap_or(usize::MAX);
        settled(shard::offload(move || source.piece(0, bytes)).await)
    }

    fn piece(&self, at: u64, bytes: usize) -> io::Result<Bytes> {
        let mut piece = vec![0; bytes];
        self.file.read_exact_at(&mut piece, at)?;
        Ok(Bytes::from(piece))
    }
}

impl Reading {
    /// Begins to read these bytes, `end` exclusive.
    pub(super) fn begin(source: Source, at: u64, end: u64) -> Reading {
        let mut reading = Reading {
            source,
            at,
            end,
            next: None,
        };
        reading.read_ahead();
        reading
    }

    /// The next piece, while the one after it is being read; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, ReadingFault> {
        let Some(next) = self.next.take() else {
            return Ok(None);
        };
        let piece = settled(next.await)?;
        self.read_ahead();
        Ok(Some(piece))
    }

    fn read_ahead(&mut self) {
        let bytes = (self.end - self.at).min(TARBALL_PIECE_BYTES as u64);
        if bytes == 0 {
            return;
        }
        let (source, at) = (self.source.clone(), self.at);
        self.at += bytes;
        let read = shard::offload(move || source.piece(at, bytes as usize));
        self.next = Some(Box::pin(read));
    }
}

fn settled<T>(outcome: Result<io::Result<T>, OffloadFault>) -> Result<T, ReadingFault> {
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) if error.kind() == ErrorKind::NotFound => Err(ReadingFault::Missing),
        Ok(Err(error)) => Err(ReadingFault::System(error)),
        Err(fault) => Err(ReadingFault::Busy(fault)),
    }
}
