//! Whether an archive holds what its packument says: SRI, or the old sum.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::packument::Dist;

/// The sums of bytes as they pass.
pub(super) struct Sums {
    sha512: Sha512,
    sha384: Sha384,
    sha256: Sha256,
    sha1: sha1_smol::Sha1,
    wanted: Wanted,
}

/// The strongest sums that a packument gives; any of them will do.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    algorithm: Algorithm,
    digests: Vec<Vec<u8>>,
}

/// The weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Algorithm {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Sums {
    /// Sums to be held against what is said of the archive.
    ///
    /// # Errors
    /// When nothing that can be checked is said.
    pub(super) fn wanted_by(dist: &Dist) -> Result<Sums, String> {
        let wanted = Wanted::read(dist).ok_or("the registry gives no integrity to check")?;
        Ok(Sums {
            sha512: Sha512::new(),
            sha384: Sha384::new(),
            sha256: Sha256::new(),
            sha1: sha1_smol::Sha1::new(),
            wanted,
        })
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        match self.wanted.algorithm {
            Algorithm::Sha512 => self.sha512.update(bytes),
            Algorithm::Sha384 => self.sha384.update(bytes),
            Algorithm::Sha256 => self.sha256.update(bytes),
            Algorithm::Sha1 => self.sha1.update(bytes),
        }
    }

    /// Whether it was what was wanted.
    ///
    /// # Errors
    /// What was wanted and what came.
    pub(super) fn check(self) -> Result<(), String> {
        let digest = match self.wanted.algorithm {
            Algorithm::Sha512 => self.sha512.finalize().to_vec(),
            Algorithm::Sha384 => self.sha384.finalize().to_vec(),
            Algorithm::Sha256 => self.sha256.finalize().to_vec(),
            Algorithm::Sha1 => self.sha1.digest().bytes().to_vec(),
        };
        if self.wanted.digests.contains(&digest) {
            return Ok(());
        }
        let name = self.wanted.algorithm.name();
        let wanted = STANDARD.encode(&self.wanted.digests[0]);
        let came = STANDARD.encode(digest);
        Err(format!(
            "its integrity is {name}-{came}, not {name}-{wanted}"
        ))
    }
}

impl Wanted {
    fn read(dist: &Dist) -> Option<Wanted> {
        let entries = dist.integrity.as_deref().unwrap_or_default();
        let entries = entries.split_ascii_whitespace();
        let sums: Vec<(Algorithm, Vec<u8>)> = entries.filter_map(read_entry).collect();
        if let Some(algorithm) = sums.iter().map(|(algorithm, _)| *algorithm).max() {
            let strongest = sums.into_iter().filter(|(other, _)| *other == algorithm);
            return Some(Wanted {
                algorithm,
                digests: strongest.map(|(_, digest)| digest).collect(),
            });
        }
        let shasum = dist.shasum.as_deref()?;
        let digest: sha1_smol::Digest = shasum.parse().ok()?;
        Some(Wanted {
            algorithm: Algorithm::Sha1,
            digests: vec![digest.bytes().to_vec()],
        })
    }
}

/// `sha512-…`, with options after a `?` that mean nothing here.
fn read_entry(entry: &str) -> Option<(Algorithm, Vec<u8>)> {
    let (name, rest) = entry.split_once('-')?;
    let algorithm = Algorithm::ALL
        .into_iter()
        .find(|known| known.name() == name)?;
    let digest = STANDARD.decode(rest.split('?').next()?).ok()?;
    (digest.len() == algorithm.bytes()).then_some((algorithm, digest))
}

impl Algorithm {
    const ALL: [Algorithm; 4] = [
        Algorithm::Sha1,
        Algorithm::Sha256,
        Algorithm::Sha384,
        Algorithm::Sha512,
    ];

    fn name(self) -> &'static str {
        match self {
            Algorithm::Sha1 => "sha1",
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha384 => "sha384",
            Algorithm::Sha512 => "sha512",
        }
    }

    fn bytes(self) -> usize {
        match self {
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
            Algorithm::Sha384 => 48,
            Algorithm::Sha512 => 64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dist(integrity: Option<&str>, shasum: Option<&str>) -> Dist {
        Dist {
            tarball: String::new(),
            integrity: integrity.map(str::to_owned),
            shasum: shasum.map(str::to_owned),
        }
    }

    fn holds(dist: &Dist, bytes: &[u8]) -> Result<(), String> {
        let mut sums = Sums::wanted_by(dist)?;
        sums.add(bytes);
        sums.check()
    }

    fn sri(bytes: &[u8]) -> String {
        format!("sha512-{}", STANDARD.encode(Sha512::digest(bytes)))
    }

    #[test]
    fn the_strongest_sum_decides() {
        let sha1 = "sha1-qvTGHdzF6KLavt4PO0gs2a6pQ00="; // of "hello"
        assert_eq!(holds(&dist(Some(&sri(b"hello")), None), b"hello"), Ok(()));
        assert_eq!(holds(&dist(Some(sha1), None), b"hello"), Ok(()));
        let both = format!("{sha1} {}", sri(b"other"));
        let fault = holds(&dist(Some(&both), None), b"hello").unwrap_err();
        assert!(fault.contains("sha512-"), "{fault}");
        let either = format!("{} {}", sri(b"other"), sri(b"hello"));
        assert_eq!(holds(&dist(Some(&either), None), b"hello"), Ok(()));
        let optioned = format!("{}?x=y", sri(b"hello"));
        assert_eq!(holds(&dist(Some(&optioned), None), b"hello"), Ok(()));
    }

    #[test]
    fn the_old_sum_is_for_want_of_a_better() {
        let sum = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";
        assert_eq!(holds(&dist(None, Some(sum)), b"hello"), Ok(()));
        assert!(holds(&dist(None, Some(sum)), b"hallo").is_err());
        assert!(holds(&dist(Some(&sri(b"x")), Some(sum)), b"hello").is_err());
        assert!(holds(&dist(Some("md5-abc sha512-short"), None), b"hello").is_err());
        assert!(holds(&dist(None, Some("xyz")), b"hello").is_err());
        assert!(holds(&dist(None, None), b"hello").is_err());
    }
}
