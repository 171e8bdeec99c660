//! What a client is told when the store could not do it.

use crate::limits::STORE_RETRY_SECONDS;
use crate::store::StoreFault;

use super::problem::Problem;

impl From<StoreFault> for Problem {
    fn from(fault: StoreFault) -> Problem {
        let later = |detail| {
            Problem::new(503, detail).header("Retry-After", STORE_RETRY_SECONDS.to_string())
        };
        match fault {
            StoreFault::Unavailable => later("The store cannot work at the moment."),
            StoreFault::Full => later("Too much waits to be stored."),
            // What it was is in the log; it is nobody else's business.
            StoreFault::Failed(_) | StoreFault::Panicked => Problem::new(500, ""),
        }
    }
}
