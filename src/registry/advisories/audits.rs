//! How much the questions of all shards may take at once: anybody may ask.

use std::sync::Arc;

use super::super::budget::{Budget, Share};
use crate::http::{Exchange, Problem};
use crate::limits::{ADVISORY_HELD_BYTES_MAX, ADVISORY_PATIENCE, ADVISORY_READS_MAX};

/// What is left for questions.
pub struct Audits {
    /// Bytes of bodies, and of what was read of them.
    held: Arc<Budget>,
    /// Those that are taken apart at once.
    reads: Arc<Budget>,
}

impl Default for Audits {
    fn default() -> Audits {
        Audits {
            held: Budget::new(ADVISORY_HELD_BYTES_MAX),
            reads: Budget::new(ADVISORY_READS_MAX),
        }
    }
}

impl Audits {
    /// Reads a body, and holds what it takes while the share lives.
    ///
    /// # Errors
    /// 503 where questions take all that there is.
    pub(super) async fn collect(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<(Vec<u8>, Share), Problem> {
        let (mut whole, mut share) = (Vec::new(), self.held.share());
        while let Some(piece) = exchange.read().await? {
            if !share.grow(piece.len()) {
                return Err(busy());
            }
            whole.extend_from_slice(piece);
        }
        Ok((whole, share))
    }

    /// The turn to take something apart, once fewer than [`ADVISORY_READS_MAX`] do.
    ///
    /// # Errors
    /// 503 where it does not come soon.
    pub(super) async fn turn(&self) -> Result<Share, Problem> {
        let mut turn = self.reads.share();
        match turn.grow_within(1, ADVISORY_PATIENCE).await {
            true => Ok(turn),
            false => Err(busy()),
        }
    }
}

/// That there is too much to do at once.
pub(super) fn busy() -> Problem {
    Problem::new(503, "The server is busy.").header("Retry-After", "1")
}
