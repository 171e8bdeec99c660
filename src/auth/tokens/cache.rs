//! The tokens that a shard has verified: an Ed25519 check costs tens of microseconds, finding one
//! that was checked before costs nanoseconds.
//!
//! A token is found by a keyed hash of its end, which is part of the signature, and then compared
//! whole. Only good tokens are remembered, so nobody can choose what collides. An entry remembers
//! the generation of its user's topic in which its session was last looked up: where that has moved
//! on since, the caller looks again before it trusts the entry.

use std::cell::{Cell, RefCell};
use std::time::Instant;

use super::Grant;
use crate::auth::sessions;
use crate::limits::TOKENS_REMEMBERED_MAX;
use crate::store::Topic;

/// One shard's verified tokens.
pub struct TokenCache {
    keys: [u64; 6],
    ways: RefCell<Box<[Option<Entry>]>>,
    turn: Cell<usize>,
}

/// What is known of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is good, and nothing of its user has been revoked since that was made sure of.
    Good(Grant),
    /// It was good; whether its session still is has to be looked up.
    Stale(Grant),
    /// Nothing.
    Nothing,
}

struct Entry {
    hash: u64,
    token: Box<[u8]>,
    grant: Grant,
    deadline: Instant,
    topic: Topic,
    generation: u64,
}

impl TokenCache {
    /// An empty one.
    pub fn new() -> TokenCache {
        let bytes: [[u8; 8]; 6] = std::array::from_fn(|_| crate::auth::random());
        TokenCache {
            keys: bytes.map(u64::from_le_bytes),
            ways: RefCell::new((0..TOKENS_REMEMBERED_MAX).map(|_| None).collect()),
            turn: Cell::new(0),
        }
    }

    /// What is known of a token at `now`; `generation_of` tells a topic's generation.
    #[inline]
    pub fn find(
        &self,
        token: &[u8],
        now: Instant,
        generation_of: impl FnOnce(Topic) -> u64,
    ) -> Found {
        let Some(hash) = self.hash(token) else {
            return Found::Nothing;
        };
        let ways = self.ways.borrow();
        for entry in ways[set_of(hash)].iter().flatten() {
            if entry.hash == hash && *entry.token == *token {
                return if now >= entry.deadline {
                    Found::Nothing
                } else if entry.generation == generation_of(entry.topic) {
                    Found::Good(entry.grant)
                } else {
                    Found::Stale(entry.grant)
                };
            }
        }
        Found::Nothing
    }

    /// Remembers that a token is good from `now` until `deadline`, as its session was looked up
    /// in this generation of its user's topic.
    pub fn remember(
        &self,
        token: &[u8],
        grant: Grant,
        generation: u64,
        now: Instant,
        deadline: Instant,
    ) {
        let Some(hash) = self.hash(token) else { return };
        let entry = Entry {
            hash,
            token: token.into(),
            grant,
            deadline,
            topic: sessions::topic(grant.user),
            generation,
        };
        let ways = &mut self.ways.borrow_mut()[set_of(hash)];
        let is_same = |way: &Entry| way.hash == hash && *way.token == *token;
        let place = ways
            .iter()
            .position(|way| way.as_ref().is_some_and(is_same))
            .or_else(|| {
                let is_held = |way: &Entry| way.deadline > now;
                let is_free = |way: &Option<Entry>| !way.as_ref().is_some_and(is_held);
                ways.iter().position(is_free)
            });
        let place = place.unwrap_or_else(|| {
            self.turn.set(self.turn.get().wrapping_add(1));
            self.turn.get() % WAYS
        });
        ways[place] = Some(entry);
    }

    /// Notes that a token's session was looked up and found live in this generation.
    pub fn confirm(&self, token: &[u8], generation: u64) {
        self.change(token, |way| {
            if let Some(entry) = way {
                entry.generation = generation;
            }
        });
    }

    /// Forgets a token.
    pub fn forget(&self, token: &[u8]) {
        self.change(token, |way| *way = None);
    }

    /// Forgets every token: those of a key that is good no more are among them.
    pub fn forget_all(&self) {
        self.ways.borrow_mut().fill_with(|| None);
    }

    fn change(&self, token: &[u8], change: impl FnOnce(&mut Option<Entry>)) {
        let Some(hash) = self.hash(token) else { return };
        let is_it = |entry: &Entry| entry.hash == hash && *entry.token == *token;
        let mut ways = self.ways.borrow_mut();
        let mut ways = ways[set_of(hash)].iter_mut();
        if let Some(way) = ways.find(|way| way.as_ref().is_some_and(is_it)) {
            change(way);
        }
    }

    /// A keyed hash of the last 32 bytes; nothing that short is a token.
    #[inline]
    fn hash(&self, token: &[u8]) -> Option<u64> {
        let tail = token.last_chunk::<32>()?;
        let (words, _) = tail.as_chunks::<8>();
        let word = |at: usize| u64::from_le_bytes(words[at]) ^ self.keys[at];
        let mixed = fold(word(0), word(1)) ^ fold(word(2), word(3)).rotate_left(32);
        Some(fold(mixed ^ self.keys[4], self.keys[5] | 1))
    }
}

impl Default for TokenCache {
    fn default() -> TokenCache {
        TokenCache::new()
    }
}

/// Both halves of the product: every bit of either side reaches the result.
#[inline]
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    (product as u64) ^ (product >> 64) as u64
}

#[inline]
fn set_of(hash: u64) -> std::ops::Range<usize> {
    let first = hash as usize % (TOKENS_REMEMBERED_MAX / WAYS) * WAYS;
    first..first + WAYS
}

/// Entries that a token can be in.
const WAYS: usize = 4;

const _: () = assert!((TOKENS_REMEMBERED_MAX / WAYS).is_power_of_two());

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::auth::Role;
    use crate::id::Id;

    fn grant(number: u64) -> Grant {
        Grant {
            user: Id::of(number, [1; 10]),
            session: Id::of(number, [2; 10]),
            role: Role::Customer,
        }
    }

    fn token(number: u64) -> Vec<u8> {
        format!("head.claims.signature-of-more-than-32-bytes-{number:020}").into_bytes()
    }

    #[test]
    fn a_token_is_found_whole_in_its_generation_and_time_only() {
        let (cache, now) = (TokenCache::new(), Instant::now());
        let deadline = now + Duration::from_secs(900);
        assert_eq!(cache.find(&token(1), now, |_| 5), Found::Nothing);
        cache.remember(&token(1), grant(1), 5, now, deadline);
        assert_eq!(cache.find(&token(1), now, |_| 5), Found::Good(grant(1)));
        assert_eq!(cache.find(&token(1), now, |_| 6), Found::Stale(grant(1)));
        assert_eq!(cache.find(&token(1), deadline, |_| 5), Found::Nothing);
        cache.confirm(&token(1), 6);
        assert_eq!(cache.find(&token(1), now, |_| 6), Found::Good(grant(1)));
        assert_eq!(cache.find(&token(2), now, |_| 6), Found::Nothing);
        // The same end behind another beginning has the same hash and is another token.
        let mut forged = token(1);
        forged[0] = b'H';
        assert_eq!(cache.hash(&forged), cache.hash(&token(1)));
        assert_eq!(cache.find(&forged, now, |_| 6), Found::Nothing);
        let longer = [b"x".as_slice(), &token(1)].concat();
        assert_eq!(cache.find(&longer, now, |_| 6), Found::Nothing);
        cache.forget(&token(1));
        assert_eq!(cache.find(&token(1), now, |_| 6), Found::Nothing);
        assert_eq!(cache.find(b"short", now, |_| 6), Found::Nothing);
    }

    #[test]
    fn it_is_bounded_and_the_latest_are_found() {
        let (cache, now) = (TokenCache::new(), Instant::now());
        let deadline = now + Duration::from_secs(900);
        let count = 4 * TOKENS_REMEMBERED_MAX as u64;
        for number in 0..count {
            cache.remember(&token(number), grant(number), 0, now, deadline);
            assert_eq!(
                cache.find(&token(number), now, |_| 0),
                Found::Good(grant(number))
            );
        }
        let found = (0..count)
            .filter(|number| cache.find(&token(*number), now, |_| 0) != Found::Nothing)
            .count();
        let held = cache.ways.borrow().iter().flatten().count();
        assert_eq!(found, held);
        assert!(held > TOKENS_REMEMBERED_MAX * 9 / 10, "{held} are held");
    }

    #[test]
    fn one_token_takes_one_place_and_what_is_over_gives_its_up() {
        let (cache, now) = (TokenCache::new(), Instant::now());
        let soon = now + Duration::from_secs(1);
        for generation in 0..10 {
            cache.remember(&token(1), grant(1), generation, now, soon);
        }
        assert_eq!(cache.ways.borrow().iter().flatten().count(), 1);
        // The set is full of what is over: the next four take those places, one each.
        let set = set_of(cache.hash(&token(1)).unwrap());
        let mates: Vec<Vec<u8>> = (2..)
            .map(token)
            .filter(|token| set_of(cache.hash(token).unwrap()) == set)
            .take(2 * WAYS)
            .collect();
        for mate in &mates[..WAYS] {
            cache.remember(mate, grant(1), 0, now, soon);
        }
        let later = soon + Duration::from_secs(900);
        for mate in &mates[WAYS..] {
            cache.remember(mate, grant(2), 0, soon, later);
        }
        for mate in &mates[WAYS..] {
            assert_eq!(cache.find(mate, soon, |_| 0), Found::Good(grant(2)));
        }
    }
}
