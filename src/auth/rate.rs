//! Sliding-window rate limits: one count for all shards, exact, without locks.
//!
//! A table holds one rule's counts. A key's hits are counted in two windows aligned to the clock;
//! the earlier one weighs as much of itself as still lies within the last `window_ms`, rounded up.
//! A hit is admitted while that weight stays within the limit. So at most `limit` hits are
//! admitted in an aligned window, and fewer than twice as many in any span of that length (a burst
//! at the very end of one window, then the next one as it opens up). Refused hits do not count.
//!
//! A cell is one cache line: the number of its window, six entries and one overflow entry, each a
//! single word, so every change is one compare-and-swap and no reader sees half of one.
//!
//! What happens under pressure of many keys: an entry is given to another key only when its hits
//! weigh nothing any more. Keys that find six live entries in their cell share the overflow entry
//! and its one limit until the next entry of the cell falls free; a key that moves out of there
//! goes on carrying the overflow's weight until that has faded. So a flood can make newcomers
//! wait, and never gives anyone a fresh count.
//!
//! Two keys of one cell whose 19-bit tags are equal share a count: with a full cell once in 87 000.

mod cell;

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed, Ordering::SeqCst};

use crate::limits::RATE_LIMIT_MAX;

use cell::{COUNT_MAX, Cell, Counts, Moment, Raced, Sharing, TAG_SHIFT, Word, swap};

/// The counts of one rule for every key, shared by all shards.
pub struct RateTable {
    limit: AtomicU32,
    window_ms: u32,
    cells: Box<[Cell]>,
}

/// How many hits a key has in how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    limit: u32,
    window_ms: u32,
}

/// Who is counted: a keyed hash, so that nobody can choose whom to collide with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RateKey(u64);

/// Makes keys; every shard needs a clone of the same one.
#[derive(Clone, Default)]
pub struct RateKeys {
    secret: RandomState,
}

/// The answer to one hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The hit is within the limit, and counted.
    Allowed,
    /// The hit is over the limit, and not counted.
    Limited {
        /// From when on the next hit is within the limit, if none comes before it.
        retry_after_ms: u64,
    },
}

impl RateTable {
    /// A table that keeps `keys_expected` live keys apart; more of them share counts.
    ///
    /// It takes 32 bytes for each expected key, rounded up to a power of two.
    pub fn new(rule: Rule, keys_expected: usize) -> RateTable {
        let count = keys_expected.div_ceil(KEYS_PER_CELL).next_power_of_two();
        RateTable {
            limit: AtomicU32::new(rule.limit),
            window_ms: rule.window_ms,
            cells: (0..count).map(|_| Cell::default()).collect(),
        }
    }

    /// The rule that is held.
    #[inline]
    pub fn rule(&self) -> Rule {
        Rule {
            limit: self.limit.load(Relaxed),
            window_ms: self.window_ms,
        }
    }

    /// Holds another limit from here on and returns the rule; what is counted stays. `None`, and
    /// no change, if the limit is out of the bounds of [`Rule::new`].
    pub fn change_limit(&self, limit: u32) -> Option<Rule> {
        let rule = Rule::new(limit, self.window_ms)?;
        self.limit.store(rule.limit, Relaxed);
        Some(rule)
    }

    /// Counts a hit at `now_ms`, a clock that all shards share and that does not go back.
    ///
    /// A shard whose reading is older than another's is answered as of the start of the later
    /// window if the two readings lie in different windows.
    #[inline]
    pub fn check(&self, key: RateKey, now_ms: u64) -> Verdict {
        let cell = &self.cells[key.0 as usize & (self.cells.len() - 1)];
        // An unused entry looks like one of tag 0.
        let tag = (key.0 >> TAG_SHIFT).max(1);
        let rule = self.rule();
        loop {
            let moment = cell.advance(rule.moment(now_ms), rule.window_ms.into());
            let hit = Hit { rule, tag, moment };
            if let Ok(verdict) = hit.attempt(cell) {
                return verdict;
            }
        }
    }
}

impl Rule {
    /// A rule; `None` unless the limit is 1 to 1 000 000 and the window at least 1 ms.
    pub const fn new(limit: u32, window_ms: u32) -> Option<Rule> {
        if limit == 0 || limit > RATE_LIMIT_MAX || window_ms == 0 {
            return None;
        }
        Some(Rule { limit, window_ms })
    }

    /// Hits in a window.
    pub const fn limit(self) -> u32 {
        self.limit
    }

    /// The window.
    pub const fn window_ms(self) -> u32 {
        self.window_ms
    }

    fn moment(self, now_ms: u64) -> Moment {
        let window_ms = u64::from(self.window_ms);
        let number = now_ms / window_ms;
        Moment {
            number,
            left_ms: window_ms - (now_ms - number * window_ms),
        }
    }

    /// What two counts weigh with `left_ms` of the window to go.
    fn weight(self, counts: Counts, left_ms: u64) -> u64 {
        counts.current + (counts.previous * left_ms).div_ceil(u64::from(self.window_ms))
    }

    #[inline]
    fn verdict(self, counts: Counts, moment: Moment) -> Verdict {
        let limit = u64::from(self.limit);
        // Far from the limit there is no need to weigh, which takes a division.
        if counts.current + counts.previous < limit || self.weight(counts, moment.left_ms) < limit {
            Verdict::Allowed
        } else {
            Verdict::Limited {
                retry_after_ms: self.wait_ms(counts, moment),
            }
        }
    }

    /// The time until the weight leaves room for one more, which the fading of the earlier count
    /// decides: in this window if the current count leaves room, in the next one otherwise.
    #[cold]
    fn wait_ms(self, counts: Counts, moment: Moment) -> u64 {
        let window_ms = u64::from(self.window_ms);
        let below = u64::from(self.limit) - 1;
        match below.checked_sub(counts.current) {
            Some(room) => moment.left_ms - room * window_ms / counts.previous.max(1),
            None => moment.left_ms + window_ms - below * window_ms / counts.current,
        }
    }
}

impl RateKey {
    /// A key of a hash that the caller made with a secret.
    pub const fn from_keyed_hash(hash: u64) -> RateKey {
        RateKey(hash)
    }
}

impl RateKeys {
    /// Keys under a fresh secret.
    pub fn new() -> RateKeys {
        RateKeys::default()
    }

    /// The key of a peer: an IPv4 address, however it is written, or the /64 of an IPv6 one, which
    /// is what a single subscriber is given at the least.
    pub fn peer(&self, address: IpAddr) -> RateKey {
        RateKey(match address.to_canonical() {
            IpAddr::V4(address) => self.secret.hash_one((4u8, address.to_bits())),
            IpAddr::V6(address) => self
                .secret
                .hash_one((6u8, (address.to_bits() >> 64) as u64)),
        })
    }

    /// The key of a subject: the name in a token, an account.
    pub fn subject(&self, subject: &[u8]) -> RateKey {
        RateKey(self.secret.hash_one((0u8, subject)))
    }
}

/// One hit on its way into a cell.
#[derive(Clone, Copy)]
struct Hit {
    rule: Rule,
    tag: u64,
    moment: Moment,
}

impl Hit {
    /// One try: `Err` means that another shard was faster and the cell has to be read again.
    #[inline]
    fn attempt(self, cell: &Cell) -> Result<Verdict, Raced> {
        let tally = cell.tally(self.tag, self.moment.number)?;
        let Some((way, word)) = tally.own else {
            return self.arrive(cell, tally.vacant);
        };
        let overflow = match tally.sharing {
            Sharing::Alone => Counts::NONE,
            Sharing::Overflow => cell.overflow(self.moment.number)?,
        };
        let verdict = self.rule.verdict(tally.counts.plus(overflow), self.moment);
        if verdict != Verdict::Allowed {
            return Ok(verdict);
        }
        // A weightless overflow holds no hit of this key, and none can get there while the
        // entry exists: whoever counts there looks for an entry afterwards.
        let sharing = if overflow.is_none() {
            Sharing::Alone
        } else {
            Sharing::Overflow
        };
        swap(&cell.ways[way], word, word.hit(self.moment.number, sharing))?;
        self.settle(cell)
    }

    /// The first hit of a key that has no entry.
    #[cold]
    fn arrive(self, cell: &Cell, vacant: Option<(usize, Word)>) -> Result<Verdict, Raced> {
        let shared = Word(cell.overflow.load(SeqCst));
        let verdict = self
            .rule
            .verdict(cell.counts(shared, self.moment.number)?, self.moment);
        if verdict != Verdict::Allowed {
            return Ok(verdict);
        }
        if let Some((way, word)) = vacant {
            swap(
                &cell.ways[way],
                word,
                Word::first(self.tag, self.moment.number),
            )?;
            return self.settle(cell);
        }
        swap(
            &cell.overflow,
            shared,
            shared.hit(self.moment.number, Sharing::Alone),
        )?;
        // Another shard may have made an entry meanwhile, from then on the only place that counts.
        if cell.copies(self.tag) > 0 || !cell.is_settled_at(self.moment.number) {
            return Err(Raced);
        }
        Ok(Verdict::Allowed)
    }

    /// Decides on a hit that is counted, should two shards have made an entry for the key at the
    /// same moment: then both entries count, and whoever looks last sees both.
    ///
    /// A hit whose window passed meanwhile is counted again in the later one.
    #[inline]
    fn settle(self, cell: &Cell) -> Result<Verdict, Raced> {
        if !cell.is_settled_at(self.moment.number) {
            return Err(Raced);
        }
        if cell.copies(self.tag) > 1 {
            return self.settle_copies(cell);
        }
        Ok(Verdict::Allowed)
    }

    #[cold]
    fn settle_copies(self, cell: &Cell) -> Result<Verdict, Raced> {
        let tally = cell.tally(self.tag, self.moment.number)?;
        let counts = match tally.sharing {
            Sharing::Alone => tally.counts,
            Sharing::Overflow => tally.counts.plus(cell.overflow(self.moment.number)?),
        };
        // The hit itself is among these, so the limit may be reached.
        if self.rule.weight(counts, self.moment.left_ms) <= u64::from(self.rule.limit) {
            return Ok(Verdict::Allowed);
        }
        Ok(self.rule.verdict(counts, self.moment))
    }
}

/// With two keys in a cell on average one cell in 220 has more than six.
const KEYS_PER_CELL: usize = 2;

const _: () = assert!((RATE_LIMIT_MAX as u64) < COUNT_MAX);

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::{HashMap, HashSet};
    use std::rc::Rc;
    use std::sync::Barrier;

    use proptest::prelude::*;

    use super::*;

    const KEY: RateKey = RateKey(0x1234_5678_9abc_def0);

    fn table(limit: u32, window_ms: u32, keys: usize) -> RateTable {
        RateTable::new(Rule::new(limit, window_ms).unwrap(), keys)
    }

    fn admitted(table: &RateTable, key: RateKey, now_ms: u64, hits: usize) -> usize {
        (0..hits)
            .filter(|_| table.check(key, now_ms) == Verdict::Allowed)
            .count()
    }

    /// A key of the only cell of a small table, with its own tag.
    fn key_of_tag(tag: u64) -> RateKey {
        RateKey(tag << TAG_SHIFT)
    }

    #[test]
    fn rules_have_bounds() {
        assert_eq!(Rule::new(0, 1000), None);
        assert_eq!(Rule::new(1_000_001, 1000), None);
        assert_eq!(Rule::new(1, 0), None);
        let rule = Rule::new(1_000_000, 1).unwrap();
        assert_eq!((rule.limit(), rule.window_ms()), (1_000_000, 1));
    }

    #[test]
    fn the_earlier_window_fades() {
        let table = table(100, 1000, 2);
        assert_eq!(admitted(&table, KEY, 5_999, 150), 100);
        assert_eq!(admitted(&table, KEY, 6_000, 10), 0);
        assert_eq!(admitted(&table, KEY, 6_009, 10), 0);
        assert_eq!(admitted(&table, KEY, 6_010, 10), 1);
        assert_eq!(admitted(&table, KEY, 6_500, 100), 49);
        assert_eq!(admitted(&table, KEY, 8_000, 200), 100);
        assert_eq!(admitted(&table, KEY, 20_000, 200), 100);
    }

    #[test]
    fn a_changed_limit_holds_for_what_is_counted_already() {
        let table = table(10, 1000, 2);
        assert_eq!(admitted(&table, KEY, 1_000, 20), 10);
        assert_eq!(table.change_limit(0), None);
        assert_eq!(table.change_limit(13), Rule::new(13, 1000));
        assert_eq!(admitted(&table, KEY, 1_000, 20), 3);
        assert_eq!(table.change_limit(4), Rule::new(4, 1000));
        // Thirteen hits have faded to three when 0.77 of the next window is over.
        assert_eq!(
            table.check(KEY, 1_000),
            Verdict::Limited {
                retry_after_ms: 1_770
            }
        );
        assert_eq!(admitted(&table, KEY, 2_769, 20), 0);
        assert_eq!(admitted(&table, KEY, 2_770, 20), 1);
    }

    #[test]
    fn the_largest_limit_is_counted_out() {
        let table = table(RATE_LIMIT_MAX, 1000, 2);
        assert_eq!(
            admitted(&table, KEY, 1_000, RATE_LIMIT_MAX as usize + 5),
            RATE_LIMIT_MAX as usize
        );
        assert_eq!(admitted(&table, KEY, 2_000, 5), 0);
        assert_eq!(admitted(&table, KEY, 2_001, 2_000), 1_000);
    }

    #[test]
    fn an_entry_left_for_sixteen_windows_is_fresh() {
        for gap in 2..70 {
            let quiet = table(3, 1000, 2);
            assert_eq!(admitted(&quiet, KEY, 0, 9), 3);
            assert_eq!(
                admitted(&quiet, KEY, gap * 1000, 9),
                3,
                "alone, {gap} windows later"
            );

            let busy = table(3, 1000, 2);
            assert_eq!(admitted(&busy, KEY, 0, 9), 3);
            for window in 1..gap {
                assert_eq!(admitted(&busy, RateKey(!KEY.0), window * 1000 + 999, 1), 1);
            }
            assert_eq!(
                admitted(&busy, KEY, gap * 1000, 9),
                3,
                "in company, {gap} windows later"
            );
        }
    }

    #[test]
    fn a_flood_of_keys_gives_nobody_a_fresh_count() {
        let table = table(5, 1000, 2);
        assert_eq!(table.cells.len(), 1);
        assert_eq!(admitted(&table, key_of_tag(1), 10_000, 9), 5);
        let flood = (2..5_000)
            .filter(|tag| table.check(key_of_tag(*tag), 10_000 + tag / 10) == Verdict::Allowed);
        // Five entries are left, and five hits in the shared one.
        assert_eq!(flood.count(), 10);
        assert_eq!(admitted(&table, key_of_tag(1), 10_999, 9), 0);
        assert_eq!(admitted(&table, key_of_tag(4_999), 10_999, 9), 0);
        // The flood carries on in the next window; the limited key gets what has faded.
        for tag in 5_000..6_000 {
            table.check(key_of_tag(tag), 11_000);
        }
        assert_eq!(admitted(&table, key_of_tag(1), 11_000, 9), 0);
        assert_eq!(admitted(&table, key_of_tag(1), 11_200, 9), 1);
    }

    #[test]
    fn a_key_that_leaves_the_overflow_takes_its_weight_along() {
        let table = table(10, 1000, 2);
        for tag in 1..=6 {
            assert_eq!(admitted(&table, key_of_tag(tag), 0, 1), 1);
        }
        assert_eq!(admitted(&table, key_of_tag(7), 1_999, 10), 10);
        // The six entries weigh nothing by then, the ten hits still do.
        assert_eq!(admitted(&table, key_of_tag(7), 2_000, 10), 0);
        assert_eq!(admitted(&table, key_of_tag(7), 2_500, 10), 5);
        assert_eq!(admitted(&table, key_of_tag(7), 2_500, 10), 0);
        assert_eq!(admitted(&table, key_of_tag(7), 3_000, 10), 5);
    }

    #[test]
    fn a_shard_with_an_older_reading_is_answered_as_of_the_later_window() {
        let table = table(4, 1000, 2);
        assert_eq!(admitted(&table, KEY, 2_000, 1), 1);
        assert_eq!(admitted(&table, KEY, 1_999, 9), 3);
        assert_eq!(admitted(&table, KEY, 2_000, 9), 0);
    }

    #[test]
    fn a_word_of_a_shard_held_up_for_windows_is_not_waited_for() {
        for behind in 2..40 {
            let table = table(4, 1000, 2);
            table.check(KEY, 100_000);
            let fossil = Word::first(KEY.0 >> TAG_SHIFT, 100 - behind);
            table.cells[0].ways[3].store(fossil.0, SeqCst);
            // At most the one hit of that shard is taken for a current one.
            assert!(
                admitted(&table, KEY, 100_000, 9) >= 2,
                "{behind} windows behind"
            );
            for window in 101..140 {
                assert!(admitted(&table, KEY, window * 1000, 1) <= 1);
            }
            assert_eq!(
                admitted(&table, KEY, 142_000, 9),
                4,
                "{behind} windows behind"
            );
        }
    }

    #[test]
    fn keys_tell_peers_apart_as_subscribers() {
        let keys = RateKeys::new();
        let peer = |text: &str| keys.peer(text.parse().unwrap());
        assert_eq!(peer("192.0.2.7"), peer("::ffff:192.0.2.7"));
        assert_eq!(peer("2001:db8:1:2::1"), peer("2001:db8:1:2:ffff::9"));
        assert_eq!(
            peer("192.0.2.7"),
            keys.clone().peer("192.0.2.7".parse().unwrap())
        );
        let distinct = HashSet::from([
            peer("192.0.2.7"),
            peer("192.0.2.8"),
            peer("2001:db8:1:2::1"),
            peer("2001:db8:1:3::1"),
            keys.subject(b"192.0.2.7"),
            keys.subject(b""),
            RateKeys::new().peer("192.0.2.7".parse().unwrap()),
        ]);
        assert_eq!(distinct.len(), 7);
    }

    /// The definition, kept by key and window in maps.
    struct Model {
        rule: Rule,
        hits: HashMap<(RateKey, u64), u64>,
    }

    impl Model {
        fn new(rule: Rule) -> Model {
            Model {
                rule,
                hits: HashMap::new(),
            }
        }

        fn in_window(&self, key: RateKey, number: u64) -> u64 {
            self.hits.get(&(key, number)).copied().unwrap_or(0)
        }

        fn weight(&self, key: RateKey, now_ms: u64) -> u64 {
            let window_ms = u64::from(self.rule.window_ms);
            let (number, elapsed_ms) = (now_ms / window_ms, now_ms % window_ms);
            let previous = number
                .checked_sub(1)
                .map_or(0, |number| self.in_window(key, number));
            let faded = (previous * (window_ms - elapsed_ms)).div_ceil(window_ms);
            self.in_window(key, number) + faded
        }

        fn count(&mut self, key: RateKey, now_ms: u64, hits: u64) {
            let number = now_ms / u64::from(self.rule.window_ms);
            *self.hits.entry((key, number)).or_default() += hits;
        }
    }

    proptest! {
        #[test]
        fn one_thread_agrees_with_the_definition(
            limit in 1u32..40,
            window_ms in 1u32..50,
            steps in prop::collection::vec((0u64..6, 0u64..30, 1usize..5), 1..200),
        ) {
            let table = table(limit, window_ms, 64);
            let mut model = Model::new(table.rule());
            let mut now_ms = 0;
            for (tag, pause_ms, hits) in steps {
                now_ms += pause_ms;
                // Six keys at most in any cell, so that each has its own entry.
                let key = RateKey((tag << TAG_SHIFT) | (tag % 3));
                for _ in 0..hits {
                    let room = model.weight(key, now_ms) < u64::from(limit);
                    match table.check(key, now_ms) {
                        Verdict::Allowed => {
                            prop_assert!(room);
                            model.count(key, now_ms, 1);
                        }
                        Verdict::Limited { retry_after_ms } => {
                            prop_assert!(!room);
                            prop_assert!(retry_after_ms > 0);
                            let at_ms = now_ms + retry_after_ms;
                            prop_assert!(model.weight(key, at_ms) < u64::from(limit));
                            prop_assert!(model.weight(key, at_ms - 1) >= u64::from(limit));
                        }
                    }
                }
            }
        }

        #[test]
        fn crowded_cells_never_admit_more_than_the_definition(
            limit in 1u32..8,
            steps in prop::collection::vec((0u64..20, 0u64..25), 1..400),
        ) {
            let table = table(limit, 20, 2);
            let mut model = Model::new(table.rule());
            let mut now_ms = 0;
            for (tag, pause_ms) in steps {
                now_ms += pause_ms;
                let key = key_of_tag(tag);
                if table.check(key, now_ms) == Verdict::Allowed {
                    prop_assert!(model.weight(key, now_ms) < u64::from(limit));
                    model.count(key, now_ms, 1);
                }
            }
        }
    }

    /// A shard held up between its look and its change, while others run: the checks that
    /// still stand in the script run inside `swap`.
    struct Script {
        table: Rc<RateTable>,
        admitted_ms: HashMap<u64, Vec<u64>>,
        now_ms: u64,
        depth: usize,
        /// Tag, pause before the check, and whether the check runs while another is held up.
        steps: std::vec::IntoIter<(u64, u64, bool)>,
    }

    thread_local! {
        static SCRIPT: RefCell<Option<Script>> = const { RefCell::new(None) };
        static INTERFERENCE: Cell<Option<Box<dyn FnOnce()>>> = const { Cell::new(None) };
    }

    pub(super) fn hold_up() {
        if let Some(interfere) = INTERFERENCE.take() {
            interfere();
        }
        let is_next = SCRIPT.with_borrow(|script| {
            let step = |script: &Script| script.steps.as_slice().first().copied();
            let held_up = |script: &Script| step(script).is_some_and(|(_, _, held_up)| held_up);
            script
                .as_ref()
                .is_some_and(|script| script.depth < 4 && held_up(script))
        });
        if is_next {
            run_step();
        }
    }

    /// Whether each of these hits was within the limit when it came.
    fn fit(rule: Rule, times_ms: &[u64]) -> bool {
        let window_ms = u64::from(rule.window_ms);
        times_ms.iter().all(|at_ms| {
            let count = |is_counted: &dyn Fn(u64) -> bool| {
                times_ms
                    .iter()
                    .filter(|other_ms| is_counted(**other_ms))
                    .count() as u64
            };
            let number = at_ms / window_ms;
            let current = count(&|ms| ms / window_ms == number && ms <= *at_ms);
            let previous = count(&|ms| ms / window_ms + 1 == number);
            let faded = (previous * (window_ms - at_ms % window_ms)).div_ceil(window_ms);
            current + faded <= u64::from(rule.limit)
        })
    }

    /// Runs one step; false at the end of the script.
    fn run_step() -> bool {
        let mut script = SCRIPT.take().unwrap();
        let Some((tag, pause_ms, _)) = script.steps.next() else {
            SCRIPT.set(Some(script));
            return false;
        };
        script.now_ms += pause_ms;
        script.depth += 1;
        let (key, now_ms) = (key_of_tag(tag), script.now_ms);
        let table = Rc::clone(&script.table);
        SCRIPT.set(Some(script));
        let verdict = table.check(key, now_ms);
        SCRIPT.with_borrow_mut(|script| {
            let script = script.as_mut().unwrap();
            script.depth -= 1;
            if verdict == Verdict::Allowed {
                // A shard that was overtaken by a window may be answered as of either.
                let times_ms = script.admitted_ms.entry(tag).or_default();
                let placed = [now_ms, script.now_ms].into_iter().any(|at_ms| {
                    times_ms.push(at_ms);
                    let fits = fit(table.rule(), times_ms);
                    if !fits {
                        times_ms.pop();
                    }
                    fits
                });
                assert!(placed, "over the limit at {now_ms}");
            }
        });
        true
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn shards_held_up_between_look_and_change_never_exceed_the_definition(
            limit in 1u32..5,
            steps in prop::collection::vec(
                (0u64..9, prop_oneof![5 => 0u64..3, 1 => 5u64..25], any::<bool>()), 1..100,
            ),
        ) {
            let table = Rc::new(table(limit, 10, 2));
            let (admitted_ms, steps) = (HashMap::new(), steps.into_iter());
            SCRIPT.set(Some(Script { table, admitted_ms, now_ms: 0, depth: 0, steps }));
            while run_step() {}
            SCRIPT.set(None);
        }
    }

    fn entry(tag: u64, number: u64, hits: u64) -> u64 {
        (0..hits)
            .fold(Word(tag << TAG_SHIFT), |word, _| {
                word.hit(number, Sharing::Alone)
            })
            .0
    }

    #[test]
    fn an_entry_that_appears_beside_the_counted_one_counts_too() {
        for (hits, verdict) in [(2, true), (3, false)] {
            let table = Rc::new(table(5, 1000, 2));
            table.check(key_of_tag(3), 4_000);
            table.cells[0].ways[1].store(entry(8, 4, 2), SeqCst);
            let others = Rc::clone(&table);
            INTERFERENCE.set(Some(Box::new(move || {
                others.cells[0].ways[0].store(entry(8, 4, hits), SeqCst);
            })));
            assert_eq!(admitted(&table, key_of_tag(8), 4_000, 1) == 1, verdict);
            assert_eq!(admitted(&table, key_of_tag(8), 4_000, 9), 0);
        }
    }

    #[test]
    fn an_entry_that_appears_beside_the_overflow_counts_instead() {
        for (hits, verdict) in [(4, true), (5, false)] {
            let table = Rc::new(table(5, 1000, 2));
            (1..=6).for_each(|tag| assert_eq!(admitted(&table, key_of_tag(tag), 4_000, 1), 1));
            let others = Rc::clone(&table);
            INTERFERENCE.set(Some(Box::new(move || {
                others.cells[0].ways[0].store(entry(8, 4, hits), SeqCst);
            })));
            assert_eq!(admitted(&table, key_of_tag(8), 4_000, 1) == 1, verdict);
            assert_eq!(admitted(&table, key_of_tag(8), 4_000, 9), 0);
        }
    }

    /// Shards that hit the same keys at the same moments; returns what each key was admitted in
    /// each round.
    fn storm(table: &RateTable, keys: &[RateKey], rounds_ms: &[u64], hits: usize) -> Vec<Vec<u64>> {
        let barrier = Barrier::new(SHARDS);
        let shard = |shard: usize| {
            let (barrier, table) = (&barrier, table);
            move || {
                let mut rounds = Vec::new();
                for now_ms in rounds_ms {
                    barrier.wait();
                    let mut counts = vec![0u64; keys.len()];
                    for hit in 0..hits {
                        // Shards meet on some keys and pass each other on others.
                        let index = (hit * (shard + 1)) % keys.len();
                        counts[index] +=
                            u64::from(table.check(keys[index], *now_ms) == Verdict::Allowed);
                    }
                    rounds.push(counts);
                }
                rounds
            }
        };
        std::thread::scope(|scope| {
            let shards: Vec<_> = (0..SHARDS).map(|index| scope.spawn(shard(index))).collect();
            let results: Vec<_> = shards
                .into_iter()
                .map(|shard| shard.join().unwrap())
                .collect();
            (0..rounds_ms.len())
                .map(|round| {
                    (0..keys.len())
                        .map(|key| results.iter().map(|rounds| rounds[round][key]).sum())
                        .collect()
                })
                .collect()
        })
    }

    const SHARDS: usize = 4;

    #[test]
    fn shards_together_admit_exactly_the_limit() {
        let table = table(1_000, 1000, 64);
        let rounds = storm(&table, &[KEY], &[5_000, 6_000, 6_500, 9_000], 2_000);
        assert_eq!(rounds, [[1_000], [0], [500], [1_000]]);
    }

    #[test]
    fn shards_that_race_for_entries_never_exceed_the_definition() {
        for (keys, seed) in [(3, 1), (7, 2), (9, 3), (20, 4)] {
            let keys: Vec<_> = (0..keys).map(|tag| key_of_tag(tag + seed)).collect();
            let table = table(7, 10, 2);
            let pauses_ms = [0, 3, 1, 7, 0, 2, 25, 9].into_iter().cycle().take(4_000);
            let rounds_ms: Vec<u64> = pauses_ms
                .scan(0, |now_ms, pause_ms| {
                    *now_ms += pause_ms;
                    Some(*now_ms)
                })
                .collect();
            let rounds = storm(&table, &keys, &rounds_ms, 60);
            let mut model = Model::new(table.rule());
            let mut total = 0;
            for (now_ms, counts) in rounds_ms.iter().zip(rounds) {
                for (key, count) in keys.iter().zip(counts) {
                    model.count(*key, *now_ms, count);
                    total += count;
                    if count > 0 {
                        let weight = model.weight(*key, *now_ms);
                        assert!(weight <= 7, "{count} admitted at {now_ms}, weight {weight}");
                    }
                }
            }
            assert!(total > 1_000, "the storm must get through: {total}");
        }
    }
}
