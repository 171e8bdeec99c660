//! Passwords: what is taken for one, how it is stored, and how it is checked off the shard.
//!
//! Argon2id takes some 20 ms and 19 MiB. It runs on the offload pool, few at a time, so that a
//! flood of logins costs logins and nothing else: a shard lets [`HASHES_RUNNING_MAX`] divided by
//! the number of shards run, keeps as many as [`HASHES_WAITING_MAX`] waiting in line, and refuses
//! the next. A check for an account that does not exist costs the same: it is made against a hash
//! that no password has.

mod phc;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::LazyLock;
use std::task::{Poll, Waker};

use crate::limits::{
    HASHES_RUNNING_MAX, HASHES_WAITING_MAX, PASSWORD_CHARACTERS_MAX, PASSWORD_CHARACTERS_MIN,
};
use crate::shard::{self, OffloadFault};

pub use phc::{HashFault, hash_blocking, verify_blocking};

/// This shard's line of passwords that are to be hashed or checked.
pub struct Passwords {
    running_max: usize,
    /// Turns that are taken, or handed to somebody who has not taken them up yet.
    running: Cell<usize>,
    waiting: RefCell<VecDeque<Rc<Place>>>,
}

/// Somebody's place in the line.
#[derive(Default)]
struct Place {
    has_turn: Cell<bool>,
    waker: RefCell<Option<Waker>>,
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
    /// The line of one of `shards` shards.
    pub fn new(shards: usize) -> Passwords {
        Passwords {
            running_max: (HASHES_RUNNING_MAX / shards.max(1)).max(1),
            running: Cell::new(0),
            waiting: RefCell::default(),
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
        let _turn = self.turn().await?;
        match shard::offload(job).await {
            Ok(outcome) => Ok(outcome.map_err(|_| PasswordFault::Broken)),
            Err(OffloadFault::Full) => Err(PasswordFault::Busy),
            Err(OffloadFault::Panicked) => Err(PasswordFault::Broken),
        }
    }

    /// Waits in line.
    async fn turn(&self) -> Result<Turn<'_>, PasswordFault> {
        if self.waiting.borrow().is_empty() && self.running.get() < self.running_max {
            self.running.set(self.running.get() + 1);
            return Ok(Turn { line: self });
        }
        if self.waiting.borrow().len() >= HASHES_WAITING_MAX {
            return Err(PasswordFault::Busy);
        }
        let place = Rc::new(Place::default());
        self.waiting.borrow_mut().push_back(place.clone());
        let standing = Standing { line: self, place };
        // A task is polled for whatever its connection has to tell it, not only for its turn.
        poll_fn(|context| {
            if standing.place.has_turn.get() {
                return Poll::Ready(());
            }
            *standing.place.waker.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
        Ok(standing.go())
    }

    /// Gives a turn to the head of the line, or back.
    fn pass_on(&self) {
        let head = self.waiting.borrow_mut().pop_front();
        let Some(place) = head else {
            self.running.set(self.running.get() - 1);
            return;
        };
        place.has_turn.set(true);
        if let Some(waker) = place.waker.take() {
            waker.wake();
        }
    }
}

/// Somebody who stands in line. Who leaves it gives up the place, or the turn.
struct Standing<'l> {
    line: &'l Passwords,
    place: Rc<Place>,
}

impl<'l> Standing<'l> {
    fn go(self) -> Turn<'l> {
        self.place.has_turn.set(false);
        Turn { line: self.line }
    }
}

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        if self.place.has_turn.get() {
            self.line.pass_on();
        }
        let mut waiting = self.line.waiting.borrow_mut();
        waiting.retain(|place| !Rc::ptr_eq(place, &self.place));
    }
}

/// One of those that run. Whoever ends hands the turn on to the head of the line.
struct Turn<'l> {
    line: &'l Passwords,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.line.pass_on();
    }
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

    #[test]
    fn the_line_is_served_in_order_and_is_bounded() {
        let line = Passwords::new(1);
        let mut context = std::task::Context::from_waker(Waker::noop());
        let mut poll =
            |future: std::pin::Pin<&mut dyn Future<Output = _>>| match future.poll(&mut context) {
                Poll::Ready(outcome) => Some(outcome),
                Poll::Pending => None,
            };
        let mut turns: Vec<Turn<'_>> = Vec::new();
        for _ in 0..line.running_max {
            let mut asking = std::pin::pin!(line.turn());
            turns.extend(poll(asking.as_mut()).unwrap().ok());
        }
        assert_eq!(turns.len(), HASHES_RUNNING_MAX);
        let mut waiting: Vec<_> = (0..HASHES_WAITING_MAX)
            .map(|_| Box::pin(line.turn()))
            .collect();
        for asking in &mut waiting {
            assert!(poll(asking.as_mut()).is_none());
        }
        let mut refused = std::pin::pin!(line.turn());
        let refusal = poll(refused.as_mut()).unwrap();
        assert_eq!(refusal.err(), Some(PasswordFault::Busy));
        // Polled for another reason than their turn, they stay where they are.
        for asking in &mut waiting {
            assert!(poll(asking.as_mut()).is_none());
        }
        drop(turns.pop());
        let mut latecomer = std::pin::pin!(line.turn());
        assert!(
            poll(latecomer.as_mut()).is_none(),
            "it stands behind the line"
        );
        assert!(poll(waiting[1].as_mut()).is_none());
        let first = poll(waiting[0].as_mut()).expect("the head of the line goes on");
        assert_eq!(line.running.get(), HASHES_RUNNING_MAX);
        // Who leaves with a turn hands it on, and who leaves without one is not waited for.
        drop(first);
        let mut rest = waiting.split_off(1);
        drop(rest.remove(0));
        drop(rest.remove(0));
        assert!(poll(rest[0].as_mut()).is_some_and(|turn| turn.is_ok()));
        drop((rest, waiting));
        assert!(poll(latecomer.as_mut()).is_some_and(|turn| turn.is_ok()));
        drop(turns);
        assert_eq!((line.running.get(), line.waiting.borrow().len()), (0, 0));
    }
}
