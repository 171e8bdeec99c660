//! Argon2id in the PHC string format: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::{PasswordFault, Verified};
use crate::auth::is_equal;

/// A stored hash that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashFault;

/// Hashes a password. It takes tens of milliseconds: not for a shard's thread.
///
/// # Errors
/// When the memory that the parameters ask for is not to be had.
pub fn hash_blocking(password: &str) -> Result<String, HashFault> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|_| HashFault)?;
    let mut output = [0; OUTPUT_BYTES];
    fill(CURRENT, password, &salt, &mut output)?;
    let Cost {
        memory,
        passes,
        lanes,
    } = CURRENT;
    let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output));
    Ok(format!(
        "$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${output}"
    ))
}

/// Checks a password against a stored hash, whose parameters may be those of another time. It
/// takes tens of milliseconds: not for a shard's thread.
///
/// # Errors
/// When the hash is none of ours.
pub fn verify_blocking(password: &str, stored: &str) -> Result<Verified, HashFault> {
    let hash = Hash::parse(stored).ok_or(HashFault)?;
    let mut output = vec![0; hash.output.len()];
    fill(hash.cost, password, &hash.salt, &mut output)?;
    Ok(if !is_equal(&output, &hash.output) {
        Verified::Wrong
    } else if hash.cost == CURRENT {
        Verified::Right
    } else {
        Verified::RightOutdated
    })
}

impl From<HashFault> for PasswordFault {
    fn from(HashFault: HashFault) -> PasswordFault {
        PasswordFault::Broken
    }
}

fn fill(cost: Cost, password: &str, salt: &[u8], output: &mut [u8]) -> Result<(), HashFault> {
    let Cost {
        memory,
        passes,
        lanes,
    } = cost;
    let parameters = Params::new(memory, passes, lanes, None).map_err(|_| HashFault)?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
        .hash_password_into(password.as_bytes(), salt, output)
        .map_err(|_| HashFault)
}

/// The parts of a PHC string.
struct Hash {
    cost: Cost,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Hash {
    fn parse(text: &str) -> Option<Hash> {
        let rest = text.strip_prefix("$argon2id$v=19$")?;
        let mut parts = rest.split('$');
        let cost = Cost::parse(parts.next()?)?;
        let salt = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        let output = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        let is_whole = parts.next().is_none() && (16..=64).contains(&output.len());
        is_whole.then_some(Hash { cost, salt, output })
    }
}

/// What a hash costs: KiB of memory, passes over them, lanes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Cost {
    memory: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    fn parse(text: &str) -> Option<Cost> {
        let mut parts = text.split(',');
        let mut part = |name: &str| parts.next()?.strip_prefix(name)?.parse::<u32>().ok();
        let cost = Cost {
            memory: part("m=")?,
            passes: part("t=")?,
            lanes: part("p=")?,
        };
        // A row that was tampered with does not get to occupy the machine.
        let is_bounded = cost.memory <= 1 << 18 && cost.passes <= 16 && cost.lanes <= 4;
        (is_bounded && parts.next().is_none()).then_some(cost)
    }
}

/// OWASP's first choice for Argon2id: 19 MiB, two passes.
const CURRENT: Cost = Cost {
    memory: 19_456,
    passes: 2,
    lanes: 1,
};
const SALT_BYTES: usize = 16;
const OUTPUT_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_implementations_vectors() {
        let table = [
            (
                "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ\
                 $nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
                "password",
            ),
            (
                "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ\
                 $CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
                "password",
            ),
        ];
        for (hash, password) in table {
            assert_eq!(verify_blocking(password, hash), Ok(Verified::RightOutdated));
            assert_eq!(verify_blocking("Password", hash), Ok(Verified::Wrong));
        }
    }

    #[test]
    fn a_hash_is_checked_by_its_password_only_and_no_two_are_equal() {
        let hash = hash_blocking("correct horse").unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert_eq!(verify_blocking("correct horse", &hash), Ok(Verified::Right));
        assert_eq!(
            verify_blocking("correct horse ", &hash),
            Ok(Verified::Wrong)
        );
        assert_ne!(hash, hash_blocking("correct horse").unwrap());
    }

    #[test]
    fn what_is_no_hash_of_ours_is_a_fault_and_not_a_wrong_password() {
        let table = [
            "",
            "password",
            "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=16$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=19$m=256,t=2$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$",
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65",
            "$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQ",
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQ$x",
        ];
        for stored in table {
            assert_eq!(
                verify_blocking("password", stored),
                Err(HashFault),
                "{stored}"
            );
        }
    }
}
