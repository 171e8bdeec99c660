//! Deadlines in ticks of 10 ms: one hashed wheel per ring, swept by its turns.
//!
//! A deadline that moves costs a store: the wheel keeps at most one useful entry per target, and
//! an entry that comes up early is put back at the time its target says. The entry of a stream
//! belongs to the place of its slot: who has the place next takes it over, so that the wheel does
//! not grow with connections that come and go.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use slab::Slab;

use super::core::Core;
use super::token::{Key, next_generation};

/// Ends after a duration, at the next tick of 10 ms.
pub struct Sleep {
    core: Rc<RefCell<Core>>,
    key: Key,
}

impl Sleep {
    pub(super) fn new(core: Rc<RefCell<Core>>, duration: Duration) -> Sleep {
        let key = core.borrow_mut().deadlines.start_timer(duration);
        Sleep { core, key }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut core = self.core.borrow_mut();
        let timer = &mut core.deadlines.timers[self.key.index as usize];
        if timer.is_due {
            return Poll::Ready(());
        }
        let waker = context.waker();
        if !timer
            .waker
            .as_ref()
            .is_some_and(|kept| kept.will_wake(waker))
        {
            timer.waker = Some(waker.clone());
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let timer = self
            .core
            .borrow_mut()
            .deadlines
            .timers
            .remove(self.key.index as usize);
        drop(timer);
    }
}

/// What an entry of the wheel belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target {
    /// The place of a slot.
    Stream(u32),
    Listener(Key),
    Timer(Key),
}

/// The wheel, the timers of [`Sleep`], and the ring's idea of what time it is.
pub(super) struct Deadlines {
    wheel: Vec<Vec<Entry>>,
    occupied: [u64; WHEEL_SLOTS / 64],
    started: Instant,
    now_ns: u64,
    swept_tick: u64,
    /// By the place of a slot, the tick of its earliest entry; `NO_ENTRY` without one.
    stream_entries: Vec<u64>,
    timers: Slab<Timer>,
    timer_generation: u32,
    due: Vec<Entry>,
}

/// A deadline as the wheel holds it.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) target: Target,
    pub(super) tick: u64,
}

struct Timer {
    generation: u32,
    is_due: bool,
    waker: Option<Waker>,
}

impl Deadlines {
    pub(super) fn new(now: Instant) -> Deadlines {
        Deadlines {
            wheel: (0..WHEEL_SLOTS).map(|_| Vec::new()).collect(),
            occupied: [0; WHEEL_SLOTS / 64],
            started: now,
            now_ns: 0,
            swept_tick: 0,
            stream_entries: Vec::new(),
            timers: Slab::new(),
            timer_generation: 1,
            due: Vec::new(),
        }
    }

    /// Notes what time it is; deadlines are counted from here.
    pub(super) fn set_now(&mut self, now: Instant) {
        self.now_ns = self.nanoseconds_to(now);
    }

    /// The first tick at which `span` from the noted time has passed.
    pub(super) fn tick_after(&self, span: Duration) -> u64 {
        self.tick_at(self.now_ns, span)
    }

    fn tick_at(&self, now_ns: u64, span: Duration) -> u64 {
        let tick = now_ns.saturating_add(nanoseconds(span)).div_ceil(TICK_NS);
        tick.max(self.swept_tick + 1)
    }

    fn nanoseconds_to(&self, now: Instant) -> u64 {
        nanoseconds(now.saturating_duration_since(self.started))
    }

    /// The last tick that was swept.
    pub(super) fn swept_tick(&self) -> u64 {
        self.swept_tick
    }

    /// Puts an entry on the wheel; its tick is later than the last sweep.
    pub(super) fn insert(&mut self, target: Target, tick: u64) {
        debug_assert!(tick > self.swept_tick);
        let slot = (tick % WHEEL_SLOTS as u64) as usize;
        self.wheel[slot].push(Entry { target, tick });
        self.occupied[slot / 64] |= 1 << (slot % 64);
    }

    /// Makes sure that the place of a slot has an entry that comes up at `tick` or earlier.
    pub(super) fn cover_stream(&mut self, index: u32, tick: u64) {
        let place = index as usize;
        if place >= self.stream_entries.len() {
            self.stream_entries.resize(place + 1, NO_ENTRY);
        }
        if tick < self.stream_entries[place] {
            self.stream_entries[place] = tick;
            self.insert(Target::Stream(index), tick);
        }
    }

    /// Takes the entry of a place out of the books. `false` for one that an earlier one replaced.
    pub(super) fn take_stream_entry(&mut self, index: u32, tick: u64) -> bool {
        let booked = &mut self.stream_entries[index as usize];
        if *booked != tick {
            return false;
        }
        *booked = NO_ENTRY;
        true
    }

    /// Collects the entries that are due; timers are rung here, the rest is returned for
    /// the core to look at and given back by [`Deadlines::recycle`].
    pub(super) fn sweep(&mut self) -> Vec<Entry> {
        let tick = self.now_ns / TICK_NS;
        let mut due = std::mem::take(&mut self.due);
        let steps = (tick - self.swept_tick).min(WHEEL_SLOTS as u64);
        for step in 0..steps {
            let slot = ((self.swept_tick + 1 + step) % WHEEL_SLOTS as u64) as usize;
            if self.occupied[slot / 64] & 1 << (slot % 64) != 0 {
                self.sweep_slot(slot, tick, &mut due);
            }
        }
        self.swept_tick = tick;
        due.retain(|entry| match entry.target {
            Target::Timer(key) => {
                self.ring_timer(key);
                false
            }
            Target::Stream(_) | Target::Listener(_) => true,
        });
        due
    }

    fn sweep_slot(&mut self, slot: usize, tick: u64, due: &mut Vec<Entry>) {
        let entries = &mut self.wheel[slot];
        let timers = &self.timers;
        entries.retain(|entry| {
            if entry.tick <= tick {
                due.push(*entry);
                return false;
            }
            match entry.target {
                Target::Timer(key) => is_set(timers, key),
                Target::Stream(_) | Target::Listener(_) => true,
            }
        });
        if entries.is_empty() {
            self.occupied[slot / 64] &= !(1 << (slot % 64));
            if entries.capacity() > SLOT_ENTRIES_KEPT {
                *entries = Vec::new();
            }
        }
    }

    /// Takes the vector of [`Deadlines::sweep`] back, so that a sweep does not allocate.
    pub(super) fn recycle(&mut self, mut due: Vec<Entry>) {
        due.clear();
        self.due = due;
    }

    /// Whether a sweep would look at anything.
    pub(super) fn is_due(&self) -> bool {
        self.now_ns / TICK_NS > self.swept_tick
    }

    /// How long the ring may sleep before a slot of the wheel has to be looked at.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let first = ((self.swept_tick + 1) % WHEEL_SLOTS as u64) as usize;
        let steps = self.steps_to_occupied(first)?;
        let at_ns = (self.swept_tick + 1 + steps as u64) * TICK_NS;
        Some(Duration::from_nanos(at_ns.saturating_sub(self.now_ns)))
    }

    /// How far from `first`, around the wheel, the next slot with entries is.
    fn steps_to_occupied(&self, first: usize) -> Option<usize> {
        let words = self.occupied.len();
        // The first word is looked at twice: from `first` on, and at last up to `first`.
        for offset in 0..=words {
            let word = (first / 64 + offset) % words;
            let looked_at = match offset {
                0 => !0 << (first % 64),
                _ if offset == words => !(!0 << (first % 64)),
                _ => !0,
            };
            let bits = self.occupied[word] & looked_at;
            if bits != 0 {
                let slot = word * 64 + bits.trailing_zeros() as usize;
                return Some((slot + WHEEL_SLOTS - first) % WHEEL_SLOTS);
            }
        }
        None
    }

    fn start_timer(&mut self, duration: Duration) -> Key {
        let generation = self.timer_generation;
        self.timer_generation = next_generation(generation);
        let index = self.timers.insert(Timer {
            generation,
            is_due: false,
            waker: None,
        });
        let key = Key {
            index: index as u32,
            generation,
        };
        let now_ns = self.nanoseconds_to(Instant::now());
        self.insert(Target::Timer(key), self.tick_at(now_ns, duration));
        key
    }

    fn ring_timer(&mut self, key: Key) {
        if !is_set(&self.timers, key) {
            return;
        }
        let timer = &mut self.timers[key.index as usize];
        timer.is_due = true;
        if let Some(waker) = timer.waker.take() {
            waker.wake();
        }
    }

    /// Timers that are set.
    pub(super) fn timers(&self) -> usize {
        self.timers.len()
    }

    /// Entries that the wheel holds.
    #[cfg(test)]
    pub(super) fn entries(&self) -> usize {
        self.wheel.iter().map(Vec::len).sum()
    }
}

fn is_set(timers: &Slab<Timer>, key: Key) -> bool {
    let timer = timers.get(key.index as usize);
    timer.is_some_and(|timer| timer.generation == key.generation)
}

/// Spans that no process outlives are cut to 584 years.
fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// Length of a tick: deadlines are seconds, and a coarse tick keeps a sweep rare.
pub(super) const TICK: Duration = Duration::from_nanos(TICK_NS);
const TICK_NS: u64 = 10_000_000;
/// One revolution is 10.24 s; an entry further away is met, and kept, once a revolution.
const WHEEL_SLOTS: usize = 1024;
/// A slot that grew past this gives its memory back once it is empty.
const SLOT_ENTRIES_KEPT: usize = 64;
/// Later than any tick.
const NO_ENTRY: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn sweep_at(deadlines: &mut Deadlines, now: Instant) -> Vec<Target> {
        deadlines.set_now(now);
        let due = deadlines.sweep();
        let targets = due.iter().map(|entry| entry.target).collect();
        deadlines.recycle(due);
        targets
    }

    #[test]
    fn entries_come_up_once_and_never_early() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(start);
        let delays_ms = [5, 10, 995, 10_240, 10_241, 75_000];
        for (index, delay_ms) in delays_ms.into_iter().enumerate() {
            let tick = deadlines.tick_after(ms(delay_ms));
            deadlines.cover_stream(index as u32, tick);
        }
        let mut seen = Vec::new();
        for step in 1..8_000_u64 {
            for target in sweep_at(&mut deadlines, start + ms(step * 10)) {
                seen.push((target, step * 10));
            }
        }
        let times = [10, 10, 1_000, 10_240, 10_250, 75_000];
        assert_eq!(seen.len(), times.len());
        for (index, at) in times.into_iter().enumerate() {
            let pair = (Target::Stream(index as u32), at);
            assert!(seen.contains(&pair), "{pair:?} missing in {seen:?}");
        }
    }

    #[test]
    fn parts_of_a_millisecond_count() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(start);
        deadlines.set_now(start + Duration::from_micros(900));
        assert_eq!(deadlines.tick_after(Duration::from_micros(9_100)), 1);
        assert_eq!(deadlines.tick_after(Duration::from_micros(9_101)), 2);
        assert_eq!(
            deadlines.tick_after(Duration::MAX),
            u64::MAX.div_ceil(TICK_NS)
        );
    }

    #[test]
    fn a_late_sweep_finds_everything_that_is_due() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(start);
        for index in 0..2_000 {
            let tick = deadlines.tick_after(ms(u64::from(index) * 20));
            deadlines.cover_stream(index, tick);
        }
        let due = sweep_at(&mut deadlines, start + Duration::from_secs(60));
        assert_eq!(due.len(), 2_000);
        assert_eq!(deadlines.next_due(), None);
        assert_eq!(deadlines.entries(), 0);
    }

    #[test]
    fn the_next_deadline_bounds_the_sleep() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(start);
        assert_eq!(deadlines.next_due(), None);
        deadlines.cover_stream(1, deadlines.tick_after(ms(500)));
        assert_eq!(deadlines.next_due(), Some(ms(500)));
        deadlines.set_now(start + ms(498));
        assert_eq!(deadlines.next_due(), Some(ms(2)));
    }

    #[test]
    fn the_next_deadline_is_found_from_everywhere_on_the_wheel() {
        let start = Instant::now();
        for swept in [0, 1, 62, 63, 64, 500, 1022, 1023, 1024, 5000] {
            for ahead in [1, 2, 63, 64, 65, 959, 960, 961, 1022, 1023, 1024] {
                let mut deadlines = Deadlines::new(start);
                sweep_at(&mut deadlines, start + ms(swept * 10));
                deadlines.insert(Target::Stream(0), swept + ahead);
                let expected = Some(ms(ahead * 10));
                assert_eq!(deadlines.next_due(), expected, "{ahead} after {swept}");
            }
        }
    }

    #[test]
    fn a_place_has_one_useful_entry_however_often_it_changes_hands() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(start);
        for turn in 0..1_000 {
            deadlines.set_now(start + ms(turn));
            let tick = deadlines.tick_after(Duration::from_secs(75));
            deadlines.cover_stream(3, tick);
        }
        assert_eq!(deadlines.entries(), 1);
        deadlines.cover_stream(3, deadlines.tick_after(ms(100)));
        assert_eq!(deadlines.entries(), 2, "an earlier deadline needs its own");
        let due = sweep_at(&mut deadlines, start + Duration::from_secs(80));
        assert_eq!(due, [Target::Stream(3); 2]);
    }

    #[test]
    fn the_wheel_forgets_timers_that_were_dropped() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(start);
        let hour = Duration::from_secs(3_600);
        let keys: Vec<_> = (0..100).map(|_| deadlines.start_timer(hour)).collect();
        for key in &keys[1..] {
            deadlines.timers.remove(key.index as usize);
        }
        sweep_at(&mut deadlines, start + Duration::from_secs(11));
        assert_eq!(deadlines.entries(), 1);
    }
}
