//! What a client is told when the store could not do it.

use crate::limits::STORE_RETRY_SECONDS;
use crate::store::StoreFault;

use super::problem::Problem;

impl From<StoreFault> for Problem {
    fn from(fault: StoreFault) -> Problem {
        let detail = fault.to_string();
        let later =
            |problem: Problem| problem.header("Retry-After", STORE_RETRY_SECONDS.to_string());
        match fault {
            StoreFault::Unavailable => later(Problem::new(503, detail)).code("store_unavailable"),
            StoreFault::Full => later(Problem::new(503, detail)).code("store_full"),
            StoreFault::Failed(_) | StoreFault::Panicked => Problem::new(500, detail),
        }
    }
}
