//! A histogram of durations with its exact sum: what every measurement here is recorded into.

use hdrhistogram::Histogram;

/// Durations of one kind. The unit is the holder's: nanoseconds, or picoseconds for operations.
#[derive(Clone, Debug)]
pub struct Durations {
    histogram: Histogram<u64>,
    sum: u64,
}

impl Durations {
    /// An empty record: 14 KiB, and it grows by itself where longer durations come.
    pub fn new() -> Durations {
        let mut histogram = Histogram::new_with_bounds(1, FIRST_BOUND, SIGNIFICANT_DIGITS)
            .expect("the bounds are constants within the library's limits");
        histogram.auto(true);
        Durations { histogram, sum: 0 }
    }

    /// Records one duration.
    #[inline]
    pub fn add(&mut self, duration: u64) {
        self.histogram
            .record(duration)
            .expect("it grows, and 57 powers of two fit in memory");
        self.sum = self.sum.saturating_add(duration);
    }

    /// Records everything that another one holds.
    pub fn merge(&mut self, other: &Durations) {
        self.histogram
            .add(&other.histogram)
            .expect("it grows, and both have the same digits");
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// How many durations were recorded.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Their sum, exact unless it passes u64.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The duration that the given part of all (0 to 1) does not exceed, at most 1 % off;
    /// 0 where nothing was recorded.
    pub fn quantile(&self, part: f64) -> u64 {
        self.histogram.value_at_quantile(part)
    }

    /// The longest, at most 1 % off.
    pub fn longest(&self) -> u64 {
        self.histogram.max()
    }

    /// Counts at or below each bound, which must grow. A recorded duration stands for a range of
    /// at most 1 %; it counts when the whole range is below, so that no bound claims too much.
    pub fn counts_within(&self, bounds: impl Iterator<Item = u64>) -> impl Iterator<Item = u64> {
        let mut recorded = self.histogram.iter_recorded().peekable();
        let mut below = 0;
        bounds.map(move |bound| {
            let within = |value| self.histogram.highest_equivalent(value) <= bound;
            while let Some(step) = recorded.next_if(|step| within(step.value_iterated_to())) {
                below += step.count_at_value();
            }
            below
        })
    }
}

impl Default for Durations {
    fn default() -> Durations {
        Durations::new()
    }
}

/// A millisecond of nanoseconds, a microsecond of picoseconds: where most durations lie.
const FIRST_BOUND: u64 = 1 << 20;
/// A quantile is at most 1 % off.
const SIGNIFICANT_DIGITS: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_within_bounds_accumulate() {
        let mut durations = Durations::new();
        for duration in [0, 7, 7, 130, 1 << 40, u64::MAX] {
            durations.add(duration);
        }
        let bounds = [0, 6, 7, 129, 130, 1 << 39, 1 << 41, u64::MAX];
        let counts: Vec<u64> = durations.counts_within(bounds.into_iter()).collect();
        assert_eq!(counts, [1, 1, 3, 3, 4, 4, 5, 6]);
        assert_eq!(durations.count(), 6);
        assert_eq!(durations.sum(), u64::MAX, "the sum saturates");
    }

    #[test]
    fn quantiles_are_within_one_percent() {
        let mut durations = Durations::new();
        for duration in 1..=100_000 {
            durations.add(duration);
        }
        for (part, expected) in [(0.5, 50_000.0), (0.99, 99_000.0), (0.999, 99_900.0)] {
            let off = (durations.quantile(part) as f64 / expected - 1.0).abs();
            assert!(off < 0.01, "{part}: {off}");
        }
        assert_eq!(Durations::new().quantile(0.5), 0);
    }

    #[test]
    fn merging_is_recording_both() {
        let (mut one, mut other, mut both) = (Durations::new(), Durations::new(), Durations::new());
        for duration in [5, 1_000, 2_000_000] {
            one.add(duration);
            both.add(duration);
        }
        for duration in [5, 77_000_000_000] {
            other.add(duration);
            both.add(duration);
        }
        one.merge(&other);
        assert_eq!((one.count(), one.sum()), (both.count(), both.sum()));
        assert_eq!(one.histogram, both.histogram);
    }
}
