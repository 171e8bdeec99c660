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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_says_when_to_come_again_and_what_does_not_is_ours() {
        for (fault, status, code) in [
            (StoreFault::Unavailable, 503, "store_unavailable"),
            (StoreFault::Full, 503, "store_full"),
        ] {
            let problem = Problem::from(fault);
            assert_eq!((problem.status, problem.code), (status, code));
            assert_eq!(problem.headers, [("Retry-After", "1".to_owned())]);
        }
        for fault in [
            StoreFault::Failed("no such table".into()),
            StoreFault::Panicked,
        ] {
            let problem = Problem::from(fault);
            assert_eq!((problem.status, problem.headers.len()), (500, 0));
        }
    }
}
