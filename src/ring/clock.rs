//! What time it is for a ring, and the deadlines of its streams.
//!
//! The clock is read once a turn, so that setting a deadline costs none. A deadline that is set
//! late in a turn would then come early: one tick is added for that, and where a turn took longer
//! than a tick the deadlines set in it are moved by what it took.

use std::time::{Duration, Instant};

use super::core::Core;
use super::deadline::{Entry, TICK, Target};
use super::slot::Deadline;
use super::token::Key;

impl Core {
    pub(super) fn look_at_clock(&mut self) {
        let before = std::mem::replace(&mut self.now, Instant::now());
        self.deadlines.set_now(self.now);
        let passed = self.now.saturating_duration_since(before);
        if std::mem::take(&mut self.deadline_was_set) && passed > TICK {
            self.move_deadlines_of_look(self.looks, passed);
        }
        self.looks = self.looks.wrapping_add(1);
    }

    /// Moves the deadlines that were set between two looks at the clock by what lay between them.
    fn move_deadlines_of_look(&mut self, look: u32, passed: Duration) {
        let ticks = passed.as_nanos().div_ceil(TICK.as_nanos()) as u64;
        for (_, slot) in &mut self.streams {
            if slot.deadline.look == look {
                slot.deadline.tick = slot.deadline.tick.map(|tick| tick + ticks);
            }
        }
    }

    /// Moves the deadline of a slot; `None` takes it away.
    pub(super) fn set_deadline(&mut self, key: Key, span: Option<Duration>) {
        let tick = span.map(|span| self.deadlines.tick_after(span) + 1);
        let slot = &mut self.streams[key.index as usize];
        slot.deadline = Deadline {
            tick,
            span_ms: span.map_or(0, whole_ms),
            look: self.looks,
            passed: false,
        };
        if let Some(tick) = tick {
            self.deadline_was_set = true;
            self.deadlines.cover_stream(key.index, tick);
        }
    }

    /// A send made progress: whoever waits for it gets the whole span again.
    pub(super) fn extend_deadline(&mut self, key: Key) {
        let deadline = self.streams[key.index as usize].deadline;
        if deadline.tick.is_some() && !deadline.passed {
            let span = Duration::from_millis(u64::from(deadline.span_ms));
            self.set_deadline(key, Some(span));
        }
    }

    pub(super) fn sweep(&mut self) {
        let due = self.deadlines.sweep();
        for entry in &due {
            match entry.target {
                Target::Stream(index) => self.deadline_came_up(index, *entry),
                Target::Listener(key) => self.resume_accepting(key),
                Target::Timer(_) => unreachable!("timers are rung by the sweep"),
            }
        }
        self.deadlines.recycle(due);
    }

    fn deadline_came_up(&mut self, index: u32, entry: Entry) {
        if !self.deadlines.take_stream_entry(index, entry.tick) {
            return;
        }
        let Some(slot) = self.streams.get_mut(index as usize) else {
            return;
        };
        match slot.deadline.tick {
            Some(tick) if tick > self.deadlines.swept_tick() => {
                self.deadlines.cover_stream(index, tick);
            }
            Some(_) => {
                slot.deadline.tick = None;
                slot.deadline.passed = true;
                slot.wake_reader();
                slot.wake_writer();
            }
            None => {}
        }
    }
}

/// A span in milliseconds, rounded up; longer ones than 49 days are cut to that.
fn whole_ms(span: Duration) -> u32 {
    u32::try_from(span.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)
}
