//! Passwords: what is taken for one, how it is stored, and how it is checked off the shard.
//!
//! Argon2id takes some 20 ms and 19 MiB. It runs on the offload pool, [`HASHES_RUNNING_MAX`] at a
//! time in the whole house, so that a flood of logins costs logins and nothing else: a shard keeps
//! as many as [`HASHES_WAITING_MAX`] waiting in line, and refuses the next. A check for an account
//! that does not exist costs the same: it is made against a hash that no password has.
//!
//! [`HASHES_RUNNING_MAX`]: crate::limits::HASHES_RUNNING_MAX
//! [`HASHES_WAITING_MAX`]: crate::limits::HASHES_WAITING_MAX

mod line;
mod phc;

use std::sync::{Arc, LazyLock};

use crate::context;
use crate::http::Problem;
use crate::limits::{PASSWORD_CHARACTERS_MAX, PASSWORD_CHARACTERS_MIN};
use crate::shard::{self, OffloadFault};

use line::{Call, Line, Permit};

pub use line::Permits;
pub use phc::{HashFault, hash_blocking, verify_blocking};

/// This shard's line of passwords that are to be hashed or checked.
pub struct Passwords {
    line: Line,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// It is the password.
    Right,
    /// It is the password, and its hash is of weaker parameters than those of today.
    RightOutdated,
    /// It is not, or there is no such account.
    Wrong,
}

/// Why a password was neither hashed nor checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordFault {
    /// Too many wait in line.
    Busy,
    /// The stored hash cannot be read, or the job panicked: a fault of ours.
    Broken,
}

/// Why a text is not taken as a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// Fewer than [`PASSWORD_CHARACTERS_MIN`] characters.
    TooShort,
    /// More than [`PASSWORD_CHARACTERS_MAX`] characters.
    TooLong,
    /// One of those that are tried first.
    Common,
}

impl From<PasswordFault> for Problem {
    fn from(fault: PasswordFault) -> Problem {
        match fault {
            PasswordFault::Busy => {
                let problem = Problem::new(503, "Too many people sign in at this moment.");
                problem.header("Retry-After", "1")
            }
            PasswordFault::Broken => Problem::new(500, "a password could not be hashed or checked"),
        }
    }
}

impl Weakness {
    /// The word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Weakness::TooShort => "too_short",
            Weakness::TooLong => "too_long",
            Weakness::Common => "common_password",
        }
    }

    /// The sentence for people.
    pub fn detail(self) -> &'static str {
        match self {
            Weakness::TooShort => "A password has at least 8 characters.",
            Weakness::TooLong => "A password has at most 128 characters.",
            Weakness::Common => "This password is among those that are guessed first.",
        }
    }
}

/// Says what is wrong with a text as a password.
pub fn judge(password: &str) -> Result<(), Weakness> {
    let count = password.chars().count();
    if count < PASSWORD_CHARACTERS_MIN {
        return Err(Weakness::TooShort);
    }
    if count > PASSWORD_CHARACTERS_MAX {
        return Err(Weakness::TooLong);
    }
    let lowered = password.to_lowercase();
    match COMMON.binary_search(&lowered.as_str()) {
        Ok(_) => Err(Weakness::Common),
        Err(_) => Ok(()),
    }
}

impl Passwords {
    /// The line of one shard, of a house with these permits.
    pub fn new(permits: Arc<Permits>) -> Passwords {
        Passwords {
            line: Line::new(permits, call_here),
        }
    }

    /// The stored form of a password.
    pub async fn hash(&self, password: String) -> Result<String, PasswordFault> {
        self.run(move || hash_blocking(&password)).await?
    }

    /// Checks a password against the stored form of its account, or, without an account, against
    /// one that nothing matches, which takes as long.
    pub async fn verify(
        &self,
        password: String,
        stored: Option<String>,
    ) -> Result<Verified, PasswordFault> {
        let check = move || match stored {
            Some(stored) => verify_blocking(&password, &stored),
            None => verify_blocking(&password, &NOBODY).map(|_| Verified::Wrong),
        };
        self.run(check).await?
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, HashFault> + Send + 'static,
    ) -> Result<Result<T, PasswordFault>, PasswordFault> {
        let permit = self.line.turn().await?;
        // The permit goes with the job, which runs on when nobody waits for it any more.
        let job = move || {
            let _held: Permit = permit;
            job()
        };
        match shard::offload(job).await {
            Ok(outcome) => Ok(outcome.map_err(|_| PasswordFault::Broken)),
            Err(OffloadFault::Full) => Err(PasswordFault::Busy),
            Err(OffloadFault::Panicked) => Err(PasswordFault::Broken),
        }
    }
}

/// Brings a permit to this shard; one that has ended hands it on.
fn call_here() -> Call {
    let (bus, shard) = (shard::bus(), shard::index());
    Box::new(move |permit| {
        bus.post(shard, move || {
            context::here().passwords.line.take_up(permit);
        });
    })
}

/// Every password of the list, in the order of its bytes.
static COMMON: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| include_str!("passwords/common.txt").lines().collect());

/// What the password of an unknown account is checked against: of a salt and a password that
/// were forgotten at once, with the parameters that every account has.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    let mut password = [0; 32];
    getrandom::fill(&mut password).expect("the kernel gave random bytes when the server started");
    hash_blocking(&crate::auth::text_of(&password)).expect("our own parameters are valid")
});

/// Makes the hash of nobody, so that the first unknown account is not told by its delay.
pub fn prepare() {
    LazyLock::force(&NOBODY);
    LazyLock::force(&COMMON);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_holds_what_the_length_does_not_refuse() {
        assert!(COMMON.len() > 2_000, "{}", COMMON.len());
        assert!(COMMON.is_sorted());
        for entry in COMMON.iter() {
            assert!(entry.chars().count() >= PASSWORD_CHARACTERS_MIN, "{entry}");
            assert_eq!(entry.to_lowercase(), **entry);
        }
    }

    #[test]
    fn the_policy() {
        let table: [(&str, Result<(), Weakness>); 10] = [
            ("", Err(Weakness::TooShort)),
            ("seven77", Err(Weakness::TooShort)),
            ("\u{e9}\u{e9}\u{e9}\u{e9}", Err(Weakness::TooShort)),
            ("password", Err(Weakness::Common)),
            ("PassWord", Err(Weakness::Common)),
            ("12345678", Err(Weakness::Common)),
            ("qwertyuiop", Err(Weakness::Common)),
            ("eight+88", Ok(())),
            ("correct horse battery staple", Ok(())),
            ("\u{e9}\u{e8}\u{ea}\u{eb}\u{f1}\u{f6}\u{fc}\u{df}", Ok(())),
        ];
        for (password, expected) in table {
            assert_eq!(judge(password), expected, "{password}");
        }
        assert_eq!(judge(&"\u{1f600}".repeat(128)), Ok(()));
        assert_eq!(judge(&"x".repeat(129)), Err(Weakness::TooLong));
    }

    #[test]
    fn nobody_has_the_password_of_nobody() {
        assert_eq!(verify_blocking("", &NOBODY), Ok(Verified::Wrong));
        assert_eq!(verify_blocking("password", &NOBODY), Ok(Verified::Wrong));
    }
}
