//! The clock of every measurement: the time-stamp counter where it is steady, else the system's.

use std::time::{Duration, Instant};

use thirteen_kernels::clock;

/// Turns ticks into time. Calibrated once at boot, then copied to every shard.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    source: ClockSource,
    /// Where ticks of `ClockSource::System` are counted from.
    origin: Instant,
    /// Picoseconds per tick, as a 32.32 fixed-point number.
    scale: u64,
    overhead_ps: u64,
}

/// What a clock reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockSource {
    /// The processor's invariant time-stamp counter.
    TimeStampCounter,
    /// `CLOCK_MONOTONIC`, because the counter is not invariant here. Some 20 to 50 ns a read.
    System,
}

impl ClockSource {
    /// The name that reports show.
    pub fn as_str(self) -> &'static str {
        match self {
            ClockSource::TimeStampCounter => "tsc",
            ClockSource::System => "system",
        }
    }
}

impl Clock {
    /// Picks the source and measures the length of a tick: 5 ms where the counter is steady.
    pub fn calibrate() -> Clock {
        if clock::ticks_are_steady() {
            Clock::time_stamp_counter().with_overhead()
        } else {
            Clock::system().with_overhead()
        }
    }

    /// The source, for reports: figures of the system clock are coarser.
    pub fn source(&self) -> ClockSource {
        self.source
    }

    /// What a pair of ordered reads costs with nothing between them, in picoseconds.
    /// `ordered_ps_since` has already taken it off; the jitter that is left is of its order.
    pub fn overhead_ps(&self) -> u64 {
        self.overhead_ps
    }

    /// A point in time, for spans of a microsecond and more.
    #[inline]
    pub fn ticks(&self) -> u64 {
        match self.source {
            ClockSource::TimeStampCounter => clock::ticks(),
            ClockSource::System => self.system_ticks(),
        }
    }

    /// A point in time that earlier and later instructions do not cross, for short spans.
    #[inline]
    pub fn ticks_ordered(&self) -> u64 {
        match self.source {
            ClockSource::TimeStampCounter => clock::ticks_ordered(),
            ClockSource::System => self.system_ticks(),
        }
    }

    /// Nanoseconds since an earlier `ticks`.
    #[inline]
    pub fn nanoseconds_since(&self, start: u64) -> u64 {
        self.picoseconds(self.ticks().saturating_sub(start)) / 1000
    }

    /// Picoseconds since an earlier `ticks_ordered`, without the cost of the two reads.
    #[inline]
    pub fn ordered_ps_since(&self, start: u64) -> u64 {
        let elapsed = self.ticks_ordered().saturating_sub(start);
        self.picoseconds(elapsed).saturating_sub(self.overhead_ps)
    }

    /// The length of a span of ticks, in picoseconds; saturates after 213 days.
    #[inline]
    pub fn picoseconds(&self, ticks: u64) -> u64 {
        let scaled = (u128::from(ticks) * u128::from(self.scale)) >> 32;
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }

    fn time_stamp_counter() -> Clock {
        let (first_instant, first_ticks) = paired_reading();
        while first_instant.elapsed() < CALIBRATION {
            std::hint::spin_loop();
        }
        let (last_instant, last_ticks) = paired_reading();
        let elapsed_ps = last_instant.duration_since(first_instant).as_nanos() * 1000;
        let ticks = u128::from(last_ticks.saturating_sub(first_ticks)).max(1);
        let scale = u64::try_from((elapsed_ps << 32) / ticks).unwrap_or(u64::MAX);
        let source = ClockSource::TimeStampCounter;
        Clock {
            source,
            origin: first_instant,
            scale,
            overhead_ps: 0,
        }
    }

    fn system() -> Clock {
        let scale = 1000 << 32;
        Clock {
            source: ClockSource::System,
            origin: Instant::now(),
            scale,
            overhead_ps: 0,
        }
    }

    /// The smallest of many empty spans: what no measurement can go below.
    fn with_overhead(mut self) -> Clock {
        let mut least = u64::MAX;
        for _ in 0..OVERHEAD_ROUNDS {
            let start = self.ticks_ordered();
            least = least.min(self.ticks_ordered().saturating_sub(start));
        }
        self.overhead_ps = self.picoseconds(least);
        self
    }

    fn system_ticks(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Long enough that the 50 ns of uncertainty at each end are 20 parts in a million; short
/// enough for a start within 100 ms.
const CALIBRATION: Duration = Duration::from_millis(5);
const OVERHEAD_ROUNDS: u32 = 1000;
const PAIRING_ROUNDS: u32 = 16;

/// Both clocks at one moment: of several tries the one that was least disturbed.
fn paired_reading() -> (Instant, u64) {
    let mut best = (Instant::now(), clock::ticks_ordered());
    let mut narrowest = u64::MAX;
    for _ in 0..PAIRING_ROUNDS {
        let before = clock::ticks_ordered();
        let instant = Instant::now();
        let width = clock::ticks_ordered().saturating_sub(before);
        if width < narrowest {
            narrowest = width;
            best = (instant, before + width / 2);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_system_clock() {
        let clock = Clock::calibrate();
        let worst_acceptable = 0.01;
        // A busy machine may stop us between the two reads: the best of a few tries counts.
        let error = (0..8).map(|_| error_over(&clock, Duration::from_millis(20)));
        let least = error.fold(f64::MAX, f64::min);
        assert!(
            least < worst_acceptable,
            "{} off by {least}",
            clock.source().as_str()
        );
    }

    fn error_over(clock: &Clock, span: Duration) -> f64 {
        let start_ticks = clock.ticks();
        let start = Instant::now();
        while start.elapsed() < span {
            std::hint::spin_loop();
        }
        let expected_ns = start.elapsed().as_nanos() as f64;
        let measured_ns = clock.nanoseconds_since(start_ticks) as f64;
        (measured_ns / expected_ns - 1.0).abs()
    }

    #[test]
    fn a_system_clock_counts_nanoseconds() {
        let clock = Clock::system().with_overhead();
        assert_eq!(clock.picoseconds(7), 7_000);
        let start = clock.ticks();
        let system_start = Instant::now();
        while system_start.elapsed() < Duration::from_millis(2) {
            std::hint::spin_loop();
        }
        assert!(clock.nanoseconds_since(start) >= 2_000_000);
    }

    #[test]
    fn long_spans_saturate_and_backward_ones_are_zero() {
        let clock = Clock::system();
        assert_eq!(clock.picoseconds(u64::MAX), u64::MAX);
        assert_eq!(clock.nanoseconds_since(u64::MAX), 0);
        assert_eq!(clock.ordered_ps_since(u64::MAX), 0);
    }
}
