//! A body on its way in: a short tarball stays in memory, a long one goes to the spool, a piece
//! while the next arrives.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use super::decoder::Decoder;
use crate::http::{Exchange, Problem};
use crate::limits::{BLOB_SHORT_BYTES_MAX, PUBLISH_PIECE_BYTES};
use crate::registry::blobs::{Arrived, Blobs, Spool};
use crate::registry::wording::busy;
use crate::shard::{self, OffloadFault};

/// A body that has come.
pub(super) struct Received<A> {
    /// Everything but the tarball's text.
    pub(super) document: Vec<u8>,
    pub(super) tarball: Option<Attachment<A>>,
}

/// The attachment that is the tarball.
pub(super) struct Attachment<A> {
    pub(super) name: String,
    pub(super) content: Arrived,
    /// What was said when it was let in.
    pub(super) admitted: A,
}

/// Reads a body. `admit` is asked before the first byte of a tarball is taken.
pub(super) async fn receive<A>(
    exchange: &mut Exchange<'_>,
    blobs: &Arc<Blobs>,
    admit: impl AsyncFn() -> Result<A, Problem>,
) -> Result<Received<A>, Problem> {
    let mut decoder = Decoder::default();
    let mut writing = None;
    let filled = fill(exchange, blobs, &mut decoder, &mut writing, admit).await;
    let spool = match writing {
        None => None,
        Some(writing) => Some(writing.finish().await),
    };
    let (admitted, rest) = match filled {
        Ok(filled) => filled,
        Err(problem) => {
            // To take a file away may wait for the disk, which a shard does not.
            let left = shard::offload(move || drop(spool)).await;
            left.map_err(busy)?;
            return Err(problem);
        }
    };
    let (document, name) = decoder.finish();
    let tarball = match (name, admitted) {
        (Some(name), Some(admitted)) => Some(Attachment {
            name,
            content: match spool {
                None => Arrived::Short(rest),
                Some(spool) => Arrived::Long(Box::new(spool?)),
            },
            admitted,
        }),
        (_, _) => None,
    };
    Ok(Received { document, tarball })
}

/// What was said when a tarball was let in, and what of it was not written.
async fn fill<A>(
    exchange: &mut Exchange<'_>,
    blobs: &Arc<Blobs>,
    decoder: &mut Decoder,
    writing: &mut Option<Writing>,
    admit: impl AsyncFn() -> Result<A, Problem>,
) -> Result<(Option<A>, Vec<u8>), Problem> {
    let mut admitted = None;
    let mut piece = Vec::new();
    loop {
        let arrived = exchange.read().await?;
        let is_end = arrived.is_none();
        decoder.push(arrived.unwrap_or_default(), &mut piece)?;
        if admitted.is_none() && decoder.has_tarball() {
            admitted = Some(admit().await?);
        }
        let is_due = match (is_end, &writing) {
            (false, _) => piece.len() >= PUBLISH_PIECE_BYTES,
            (true, Some(_)) => !piece.is_empty(),
            (true, None) => piece.len() > BLOB_SHORT_BYTES_MAX,
        };
        if is_due {
            let writing = writing.get_or_insert_with(|| Writing::begin(blobs.clone()));
            piece = writing.write(std::mem::take(&mut piece)).await?;
        }
        if is_end {
            return Ok((admitted, piece));
        }
    }
}

/// A spool that is written on the offload pool.
struct Writing {
    written: Option<Written>,
}

/// The spool and an empty buffer, once what was given is written.
type Written = Pin<Box<dyn Future<Output = Result<io::Result<(Spool, Vec<u8>)>, OffloadFault>>>>;

impl Writing {
    fn begin(blobs: Arc<Blobs>) -> Writing {
        let begun = shard::offload(move || blobs.begin().map(|spool| (spool, Vec::new())));
        Writing {
            written: Some(Box::pin(begun)),
        }
    }

    /// Gives a piece to be written, once the one before is; an empty buffer for the next.
    async fn write(&mut self, mut piece: Vec<u8>) -> Result<Vec<u8>, Problem> {
        let (mut spool, empty) = self.settle().await?;
        let written = shard::offload(move || {
            spool.write(&piece)?;
            piece.clear();
            Ok((spool, piece))
        });
        self.written = Some(Box::pin(written));
        Ok(empty)
    }

    async fn finish(mut self) -> Result<Spool, Problem> {
        self.settle().await.map(|(spool, _)| spool)
    }

    async fn settle(&mut self) -> Result<(Spool, Vec<u8>), Problem> {
        let failed = || Problem::new(503, UNSTORED).header("Retry-After", "5");
        let written = self.written.take().ok_or_else(failed)?;
        written.await.map_err(busy)?.map_err(unstored)
    }
}

pub(super) fn unstored(error: io::Error) -> Problem {
    tracing::error!(target: "registry", %error, "a tarball cannot be stored");
    Problem::new(503, UNSTORED).header("Retry-After", "5")
}

const UNSTORED: &str = "Tarballs cannot be stored at the moment.";
