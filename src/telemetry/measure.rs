//! Measures an operation in this process: batches timed by the clock, into a histogram.

use std::time::{Duration, Instant};

use super::clock::Clock;
use super::durations::Durations;

/// How long to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Before anything is recorded: caches, branches and the CPU's frequency settle.
    pub warm_up: Duration,
    /// While batches are recorded.
    pub measured: Duration,
}

/// What a run found.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// Picoseconds of one operation, as the mean of a batch: one entry a batch.
    pub durations: Durations,
    /// Operations in a batch.
    pub batch_rounds: u32,
}

/// Runs `batch(rounds)`, which performs the operation so many times, until the budget is spent.
/// A batch takes two microseconds or more, so that the clock's own cost does not show; in turn a
/// quantile speaks of batches, and a single slow operation among fast ones is averaged away.
pub fn measure(clock: &Clock, budget: Budget, mut batch: impl FnMut(u32)) -> Measurement {
    let batch_rounds = fitting_rounds(clock, &mut batch);
    run_for(budget.warm_up, || batch(batch_rounds));
    let mut durations = Durations::new();
    run_for(budget.measured, || {
        let start = clock.ticks_ordered();
        batch(batch_rounds);
        durations.add(clock.ordered_ps_since(start) / u64::from(batch_rounds));
    });
    Measurement {
        durations,
        batch_rounds,
    }
}

const BATCH_PS_MIN: u64 = 2_000_000;
/// How many batches run between two looks at the system's clock.
const BATCHES_BETWEEN: u32 = 16;

fn fitting_rounds(clock: &Clock, batch: &mut impl FnMut(u32)) -> u32 {
    let mut rounds = 1;
    loop {
        // The shortest of a few: the first is cold, and any can be interrupted.
        let shortest = (0..4).map(|_| {
            let start = clock.ticks_ordered();
            batch(rounds);
            clock.ordered_ps_since(start)
        });
        if shortest.min() >= Some(BATCH_PS_MIN) || rounds >= 1 << 20 {
            return rounds;
        }
        rounds *= 2;
    }
}

fn run_for(length: Duration, mut batch: impl FnMut()) {
    let start = Instant::now();
    loop {
        for _ in 0..BATCHES_BETWEEN {
            batch();
        }
        if start.elapsed() >= length {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_span_is_found() {
        let clock = Clock::calibrate();
        let budget = Budget {
            warm_up: Duration::ZERO,
            measured: Duration::from_millis(50),
        };
        let spin = |rounds: u32| {
            let end = Instant::now() + Duration::from_micros(10) * rounds;
            while Instant::now() < end {}
        };
        let measurement = measure(&clock, budget, spin);
        let fastest_us = measurement.durations.quantile(0.0) as f64 / 1e6;
        assert!((9.8..11.0).contains(&fastest_us), "{fastest_us} us for 10");
        assert_eq!(measurement.batch_rounds, 1, "one operation is long enough");
        assert!(measurement.durations.count() > 100);
    }

    #[test]
    fn short_operations_run_in_batches() {
        let clock = Clock::calibrate();
        let budget = Budget {
            warm_up: Duration::ZERO,
            measured: Duration::ZERO,
        };
        let mut performed = 0_u64;
        let measurement = measure(&clock, budget, |rounds| {
            for _ in 0..rounds {
                performed = std::hint::black_box(performed + 1);
            }
        });
        assert!(
            measurement.batch_rounds >= 64,
            "{}",
            measurement.batch_rounds
        );
        let recorded = measurement.durations.count() * u64::from(measurement.batch_rounds);
        assert!(performed >= recorded);
    }
}
