//! One cell of the rate table: the counts of a few keys on one cache line.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// One cache line of counts.
#[derive(Default)]
#[repr(C, align(64))]
pub(super) struct Cell {
    stamp: AtomicU64,
    pub(super) overflow: AtomicU64,
    pub(super) ways: [AtomicU64; WAYS],
}

/// The latest window that anyone came in, and whether the cell is being made ready for a later
/// one: the number of the window, and a step of 0, 1 or 2 (or more) windows in the lowest bits.
///
/// An entry's window is kept in 4 bits, which can be told because entries that will weigh
/// nothing are cleared before the number goes on. A hit counts only if the stamp is the same
/// before and after it, so no shard can miss what was cleared.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp(u64);

impl Stamp {
    fn settled(number: u64) -> Stamp {
        Stamp(number << 2)
    }

    fn number(self) -> u64 {
        self.0 >> 2
    }

    fn step(self) -> u64 {
        self.0 & 3
    }
}

impl Cell {
    /// The moment as this cell sees it, after making the cell ready for its window.
    #[inline]
    pub(super) fn advance(&self, moment: Moment, window_ms: u64) -> Moment {
        if self.is_settled_at(moment.number) {
            moment
        } else {
            self.step(moment, window_ms)
        }
    }

    #[inline]
    pub(super) fn is_settled_at(&self, number: u64) -> bool {
        self.stamp.load(SeqCst) == Stamp::settled(number).0
    }

    #[cold]
    fn step(&self, moment: Moment, window_ms: u64) -> Moment {
        loop {
            let stamp = Stamp(self.stamp.load(SeqCst));
            let number = stamp.number();
            if stamp.step() > 0 {
                self.sweep(stamp, moment.number);
            } else if number > moment.number {
                return Moment {
                    number,
                    left_ms: window_ms,
                };
            } else if number == moment.number {
                return moment;
            } else {
                let step = (moment.number - number).min(2);
                let sweeping = Stamp(stamp.0 | step);
                // Who loses this finds the winner's stamp on the next turn.
                let _ = self
                    .stamp
                    .compare_exchange(stamp.0, sweeping.0, SeqCst, SeqCst);
            }
        }
    }

    /// Clears what weighs nothing after the stamp's step and takes the step; several shards may
    /// do so at once. A step of two clears everything, so it may end at any later window.
    fn sweep(&self, stamp: Stamp, wanted: u64) {
        for entry in self.ways.iter().chain([&self.overflow]) {
            let word = Word(entry.load(SeqCst));
            // As long as the stamp stands, no entry is of a later window.
            if self.stamp.load(SeqCst) != stamp.0 {
                return;
            }
            if word.age(stamp.number()) + stamp.step() >= 2 {
                // Losing means that another shard has cleared it, or was held up so long that
                // its hit comes late and will be counted again.
                let _ = swap(entry, word, Word(0));
            }
        }
        let after = stamp.number() + stamp.step();
        let next = if stamp.step() == 2 {
            wanted.max(after)
        } else {
            after
        };
        let _ = self
            .stamp
            .compare_exchange(stamp.0, Stamp::settled(next).0, SeqCst, SeqCst);
    }

    /// Reads the entries, looking for a tag.
    #[inline]
    pub(super) fn tally(&self, tag: u64, number: u64) -> Result<Tally, Raced> {
        let mut tally = Tally {
            own: None,
            vacant: None,
            counts: Counts::NONE,
            sharing: Sharing::Alone,
        };
        for (way, entry) in self.ways.iter().enumerate() {
            let word = Word(entry.load(SeqCst));
            if word.tag() == tag {
                let counts = self.counts(word, number)?;
                if !counts.is_none() {
                    tally.own = tally.own.or(Some((way, word)));
                    tally.counts = tally.counts.plus(counts);
                    if word.shares() {
                        tally.sharing = Sharing::Overflow;
                    }
                }
            }
        }
        if tally.own.is_none() {
            tally.vacant = self.vacant(number)?;
        }
        Ok(tally)
    }

    /// An entry that weighs nothing.
    #[cold]
    fn vacant(&self, number: u64) -> Result<Option<(usize, Word)>, Raced> {
        for (way, entry) in self.ways.iter().enumerate() {
            let word = Word(entry.load(SeqCst));
            if self.counts(word, number)?.is_none() {
                return Ok(Some((way, word)));
            }
        }
        Ok(None)
    }

    pub(super) fn overflow(&self, number: u64) -> Result<Counts, Raced> {
        self.counts(Word(self.overflow.load(SeqCst)), number)
    }

    /// The hits of an entry as the window `number` sees them.
    ///
    /// An entry that seems ahead is of a later window if the cell has been stepped on, which its
    /// writer had seen to. Otherwise a shard that was held up for many windows has written it,
    /// and it weighs nothing.
    #[inline]
    pub(super) fn counts(&self, word: Word, number: u64) -> Result<Counts, Raced> {
        let counts = word.counts(number);
        if word.age(number) >= AGES / 2 && !self.is_settled_at(number) {
            return Err(Raced);
        }
        Ok(counts)
    }

    /// How many entries bear a tag, live or not.
    #[inline]
    pub(super) fn copies(&self, tag: u64) -> usize {
        self.ways
            .iter()
            .map(|entry| usize::from(Word(entry.load(SeqCst)).tag() == tag))
            .sum()
    }
}

/// What a cell holds for one tag.
pub(super) struct Tally {
    /// The first live entry of the tag, the one that is counted in.
    pub(super) own: Option<(usize, Word)>,
    /// Where a first hit can go.
    pub(super) vacant: Option<(usize, Word)>,
    /// The hits in all live entries of the tag.
    pub(super) counts: Counts,
    pub(super) sharing: Sharing,
}

/// An entry: tag (19 bits), whether the overflow counts as well (1), number of the window modulo
/// 16 (4), hits in the window before (20), hits in the window (20). Zero is an unused entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(pub(super) u64);

impl Word {
    /// The entry of a key's first hit, which may have others in the overflow.
    pub(super) fn first(tag: u64, number: u64) -> Word {
        Word(tag << TAG_SHIFT | SHARES).hit(number, Sharing::Overflow)
    }

    /// The entry with one more hit, in the window `number`.
    #[inline]
    pub(super) fn hit(self, number: u64, sharing: Sharing) -> Word {
        let counts = self.counts(number);
        let shares = match sharing {
            Sharing::Alone => 0,
            Sharing::Overflow => SHARES,
        };
        Word(
            self.tag() << TAG_SHIFT
                | shares
                | (number % AGES) << NUMBER_SHIFT
                | counts.previous << COUNT_BITS
                | (counts.current + 1),
        )
    }

    /// The hits as the window `number` sees them; none if the entry is of any but this window
    /// and the one before.
    #[inline]
    pub(super) fn counts(self, number: u64) -> Counts {
        match self.age(number) {
            0 => Counts {
                previous: self.previous(),
                current: self.current(),
            },
            1 => Counts {
                previous: self.current(),
                current: 0,
            },
            _ => Counts::NONE,
        }
    }

    #[inline]
    fn age(self, number: u64) -> u64 {
        number.wrapping_sub(self.0 >> NUMBER_SHIFT) % AGES
    }

    #[inline]
    pub(super) fn tag(self) -> u64 {
        self.0 >> TAG_SHIFT
    }

    #[inline]
    pub(super) fn shares(self) -> bool {
        self.0 & SHARES != 0
    }

    #[inline]
    fn previous(self) -> u64 {
        self.0 >> COUNT_BITS & COUNT_MASK
    }

    #[inline]
    fn current(self) -> u64 {
        self.0 & COUNT_MASK
    }
}

/// Whether a key's hits may lie in the overflow, too.
#[derive(Clone, Copy)]
pub(super) enum Sharing {
    Alone,
    Overflow,
}

/// A window and how much of it is to go.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) number: u64,
    pub(super) left_ms: u64,
}

/// Hits in the window before and in the current one.
#[derive(Clone, Copy)]
pub(super) struct Counts {
    pub(super) previous: u64,
    pub(super) current: u64,
}

impl Counts {
    pub(super) const NONE: Counts = Counts {
        previous: 0,
        current: 0,
    };

    #[inline]
    pub(super) fn plus(self, other: Counts) -> Counts {
        Counts {
            previous: self.previous + other.previous,
            current: self.current + other.current,
        }
    }

    #[inline]
    pub(super) fn is_none(self) -> bool {
        self.previous | self.current == 0
    }
}

/// Another shard changed the cell between a look and a change.
pub(super) struct Raced;

/// The one change there is. All orderings are sequentially consistent: the argument that no hit
/// escapes two shards at once rests on one order of all changes and looks, and on x86-64 it costs
/// nothing over acquire and release.
#[inline]
pub(super) fn swap(entry: &AtomicU64, from: Word, to: Word) -> Result<(), Raced> {
    #[cfg(test)]
    super::tests::hold_up();
    match entry.compare_exchange(from.0, to.0, SeqCst, SeqCst) {
        Ok(_) => Ok(()),
        Err(_) => Err(Raced),
    }
}

const WAYS: usize = 6;
const COUNT_BITS: u32 = 20;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
const NUMBER_SHIFT: u32 = 2 * COUNT_BITS;
/// Ages that the 4 bits tell apart; the upper half stands for later windows.
const AGES: u64 = 16;
const SHARES: u64 = 1 << (NUMBER_SHIFT + 4);

/// Where in an entry the tag begins.
pub(super) const TAG_SHIFT: u32 = NUMBER_SHIFT + 5;

/// The most hits in one window that an entry can count.
pub(super) const COUNT_MAX: u64 = COUNT_MASK;

const _: () = assert!(size_of::<Cell>() == 64 && align_of::<Cell>() == 64);
