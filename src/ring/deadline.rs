//! Deadlines in ticks of 10 ms: one hashed wheel per ring, swept by its turns.
//!
//! A deadline that moves costs a store: the wheel keeps at most one useful entry per target, and
//! an entry that comes up early is put back at the time its target says.

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
        if timer.due {
            return Poll::Ready(());
        }
        timer.waker = Some(context.waker().clone());
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

/// What a deadline belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target {
    Stream(Key),
    Listener(Key),
    Timer(Key),
}

/// The wheel, the timers of [`Sleep`], and the ring's idea of what time it is.
pub(super) struct Deadlines {
    wheel: Vec<Vec<Entry>>,
    occupied: [u64; WHEEL_SLOTS / 64],
    started: Instant,
    now_ms: u64,
    swept_tick: u64,
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
    due: bool,
    waker: Option<Waker>,
}

impl Deadlines {
    pub(super) fn new(now: Instant) -> Deadlines {
        Deadlines {
            wheel: (0..WHEEL_SLOTS).map(|_| Vec::new()).collect(),
            occupied: [0; WHEEL_SLOTS / 64],
            started: now,
            now_ms: 0,
            swept_tick: 0,
            timers: Slab::new(),
            timer_generation: 1,
            due: Vec::new(),
        }
    }

    /// Notes what time it is; deadlines are counted from here.
    pub(super) fn set_now(&mut self, now: Instant) {
        self.now_ms = now.saturating_duration_since(self.started).as_millis() as u64;
    }

    /// The first tick at which `span_ms` from now has passed.
    pub(super) fn tick_after(&self, span_ms: u32) -> u64 {
        let tick = (self.now_ms + u64::from(span_ms)).div_ceil(TICK_MS);
        tick.max(self.swept_tick + 1)
    }

    /// Puts an entry on the wheel; its tick is later than the last sweep.
    pub(super) fn insert(&mut self, target: Target, tick: u64) {
        debug_assert!(tick > self.swept_tick);
        let slot = (tick % WHEEL_SLOTS as u64) as usize;
        self.wheel[slot].push(Entry { target, tick });
        self.occupied[slot / 64] |= 1 << (slot % 64);
    }

    /// Collects the entries that are due; timers are rung here, the rest is returned for
    /// the core to look at and given back by [`Deadlines::recycle`].
    pub(super) fn sweep(&mut self) -> Vec<Entry> {
        let tick = self.now_ms / TICK_MS;
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
        let mut position = 0;
        while position < entries.len() {
            if entries[position].tick <= tick {
                due.push(entries.swap_remove(position));
            } else {
                position += 1;
            }
        }
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
        self.now_ms / TICK_MS > self.swept_tick
    }

    /// How long the ring may sleep before a slot of the wheel has to be looked at.
    pub(super) fn next_due(&self) -> Option<Duration> {
        for step in 1..=WHEEL_SLOTS as u64 {
            let slot = ((self.swept_tick + step) % WHEEL_SLOTS as u64) as usize;
            if self.occupied[slot / 64] & 1 << (slot % 64) != 0 {
                let at_ms = (self.swept_tick + step) * TICK_MS;
                return Some(Duration::from_millis(at_ms.saturating_sub(self.now_ms)));
            }
        }
        None
    }

    fn start_timer(&mut self, duration: Duration) -> Key {
        let generation = self.timer_generation;
        self.timer_generation = next_generation(generation);
        let index = self.timers.insert(Timer {
            generation,
            due: false,
            waker: None,
        });
        let key = Key {
            index: index as u32,
            generation,
        };
        self.set_now(Instant::now());
        let tick = self.tick_after(whole_ms(duration));
        self.insert(Target::Timer(key), tick);
        key
    }

    fn ring_timer(&mut self, key: Key) {
        let timer = self.timers.get_mut(key.index as usize);
        if let Some(timer) = timer.filter(|timer| timer.generation == key.generation) {
            timer.due = true;
            if let Some(waker) = timer.waker.take() {
                waker.wake();
            }
        }
    }

    /// Timers that are set.
    pub(super) fn timers(&self) -> usize {
        self.timers.len()
    }
}

/// A span in milliseconds; longer ones than 49 days are cut to that.
pub(super) fn whole_ms(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}

/// Length of a tick: deadlines are seconds, and a coarse tick keeps a sweep rare.
const TICK_MS: u64 = 10;
/// One revolution is 10.24 s; an entry further away is met, and kept, once a revolution.
const WHEEL_SLOTS: usize = 1024;
/// A slot that grew past this gives its memory back once it is empty.
const SLOT_ENTRIES_KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(index: u32) -> Target {
        Target::Stream(Key {
            index,
            generation: 1,
        })
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
        for (index, delay_ms) in [5_u32, 10, 995, 10_240, 10_241, 75_000]
            .into_iter()
            .enumerate()
        {
            let tick = deadlines.tick_after(delay_ms);
            deadlines.insert(stream(index as u32), tick);
        }
        let mut seen = Vec::new();
        for step in 1..8_000_u64 {
            let now = start + Duration::from_millis(step * 10);
            for target in sweep_at(&mut deadlines, now) {
                seen.push((target, step * 10));
            }
        }
        let times = [10, 10, 1_000, 10_240, 10_250, 75_000];
        let expected: Vec<_> = times
            .iter()
            .enumerate()
            .map(|(index, at)| (stream(index as u32), *at))
            .collect();
        assert_eq!(seen.len(), expected.len());
        for pair in expected {
            assert!(seen.contains(&pair), "{pair:?} missing in {seen:?}");
        }
    }

    #[test]
    fn a_late_sweep_finds_everything_that_is_due() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(start);
        for index in 0..2_000 {
            let tick = deadlines.tick_after(index * 20);
            deadlines.insert(stream(index), tick);
        }
        assert_eq!(
            sweep_at(&mut deadlines, start + Duration::from_secs(60)).len(),
            2_000
        );
        assert_eq!(deadlines.next_due(), None);
    }

    #[test]
    fn the_next_deadline_bounds_the_sleep() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(start);
        assert_eq!(deadlines.next_due(), None);
        let tick = deadlines.tick_after(500);
        deadlines.insert(stream(1), tick);
        assert_eq!(deadlines.next_due(), Some(Duration::from_millis(500)));
        deadlines.set_now(start + Duration::from_millis(498));
        assert_eq!(deadlines.next_due(), Some(Duration::from_millis(2)));
    }
}
