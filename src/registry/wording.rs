//! What several parts of the registry say alike.

use super::name::PackageName;
use crate::http::Problem;
use crate::limits::OWNERS_MAX;
use crate::shard::OffloadFault;

/// That there is no such package, for all that the caller may know.
pub fn not_found(name: &PackageName) -> Problem {
    Problem::new(404, format!("'{name}' is not in this registry."))
}

/// That a change would leave a package to nobody.
pub fn ownerless() -> Problem {
    let detail = "Somebody has to own the package: give it to another account first.";
    Problem::new(409, detail)
}

/// That a package would have no owner, or more than may be.
pub fn owners_counted() -> Problem {
    Problem::new(400, format!("A package has from 1 to {OWNERS_MAX} owners."))
}

/// That other threads did not do what they were asked for.
pub fn busy(fault: OffloadFault) -> Problem {
    tracing::warn!(target: "registry", %fault, "a request waits in vain");
    match fault {
        OffloadFault::Full => Problem::new(503, "The server is busy.").header("Retry-After", "1"),
        OffloadFault::Panicked => Problem::new(500, fault.to_string()),
    }
}

/// Bytes as hexadecimal digits in lower case.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    let pairs = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    pairs.map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_two_digits_each() {
        assert_eq!(hex(&[0x00, 0x0f, 0xa0, 0xff]), "000fa0ff");
        assert_eq!(hex(&[]), "");
    }

    #[test]
    fn what_was_not_done_can_be_asked_for_again_unless_it_is_our_fault() {
        let full = busy(OffloadFault::Full);
        assert_eq!(full.status, 503);
        assert_eq!(full.headers, [("Retry-After", "1".to_owned())]);
        assert_eq!(busy(OffloadFault::Panicked).status, 500);
    }
}
