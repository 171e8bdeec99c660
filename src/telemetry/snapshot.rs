//! Copies of shards' records that travel between threads, and their sum.

use super::counter::{Counter, Fault};
use super::durations::Durations;
use super::local::{OutgoingGauges, RingCounters, RouteLabel};
use super::operation::Operation;

/// One shard's record at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The shard's number.
    pub shard: usize,
    /// Every route in table order, `RouteLabel::UNMATCHED` last; `None` where nothing came.
    pub routes: Vec<(RouteLabel, Option<RouteRecord>)>,
    /// By `Operation::index`.
    pub operations: Vec<OperationRecord>,
    /// By `Counter::index`.
    pub counters: [u64; Counter::COUNT],
    /// By `Fault::index`.
    pub faults: [u64; Fault::COUNT],
    /// Nanoseconds of the driver's turns.
    pub turns: Durations,
    /// Zero until whoever drives the ring fills it in.
    pub ring: RingCounters,
    /// Zero until whoever owns the outgoing side fills it in.
    pub outgoing: OutgoingGauges,
}

/// What came to one route.
#[derive(Clone, Debug)]
pub struct RouteRecord {
    /// Nanoseconds.
    pub durations: Durations,
    /// Replies by class, 1xx to 5xx.
    pub statuses: [u64; 5],
}

/// What is known of one operation.
#[derive(Clone, Debug, Default)]
pub struct OperationRecord {
    /// Times it ran.
    pub performed: u64,
    /// Picoseconds of the runs that were timed; `None` while there was none.
    pub samples: Option<Durations>,
}

/// The shards together.
#[derive(Clone, Debug)]
pub struct Totals {
    /// Sums by route, in table order.
    pub routes: Vec<(RouteLabel, Option<RouteRecord>)>,
    /// Sums by `Operation::index`.
    pub operations: Vec<OperationRecord>,
    /// Sums by `Counter::index`.
    pub counters: [u64; Counter::COUNT],
    /// Sums by `Fault::index`.
    pub faults: [u64; Fault::COUNT],
    /// What is told shard by shard, by shard number.
    pub shards: Vec<ShardLine>,
}

/// What is told of each shard by itself.
#[derive(Clone, Debug)]
pub struct ShardLine {
    /// The shard's number.
    pub shard: usize,
    /// Open connections.
    pub connections: u64,
    /// Open WebSocket sessions.
    pub websockets: u64,
    /// Requests answered.
    pub requests: u64,
    /// Nanoseconds of the driver's turns.
    pub turns: Durations,
    /// The ring's own counts.
    pub ring: RingCounters,
    /// Its outgoing side.
    pub outgoing: OutgoingGauges,
}

impl Totals {
    /// Adds shards up. Shards that did not answer are simply not there: `shards` tells.
    pub fn merge(snapshots: impl IntoIterator<Item = Snapshot>) -> Totals {
        let mut totals = Totals {
            routes: Vec::new(),
            operations: vec![OperationRecord::default(); Operation::COUNT],
            counters: [0; Counter::COUNT],
            faults: [0; Fault::COUNT],
            shards: Vec::new(),
        };
        for snapshot in snapshots {
            totals.add(snapshot);
        }
        totals.shards.sort_by_key(|line| line.shard);
        totals
    }

    /// Requests answered by all shards.
    pub fn requests(&self) -> u64 {
        self.shards.iter().map(|line| line.requests).sum()
    }

    /// One counter's sum.
    pub fn counter(&self, counter: Counter) -> u64 {
        self.counters[counter.index()]
    }

    fn add(&mut self, snapshot: Snapshot) {
        self.shards.push(ShardLine {
            shard: snapshot.shard,
            connections: snapshot.connections(),
            websockets: snapshot.websockets(),
            requests: snapshot.requests(),
            turns: snapshot.turns,
            ring: snapshot.ring,
            outgoing: snapshot.outgoing,
        });
        for (sum, count) in self.counters.iter_mut().zip(snapshot.counters) {
            *sum = sum.wrapping_add(count);
        }
        for (sum, count) in self.faults.iter_mut().zip(snapshot.faults) {
            *sum += count;
        }
        for (sum, record) in self.operations.iter_mut().zip(snapshot.operations) {
            sum.add(record);
        }
        if self.routes.is_empty() {
            self.routes = snapshot.routes;
            return;
        }
        assert_eq!(
            self.routes.len(),
            snapshot.routes.len(),
            "shards serve the same tables"
        );
        for ((label, sum), (same, record)) in self.routes.iter_mut().zip(snapshot.routes) {
            assert_eq!(*label, same, "shards serve the same tables");
            match (sum, record) {
                (_, None) => {}
                (Some(sum), Some(record)) => sum.merge(&record),
                (empty @ None, record) => *empty = record,
            }
        }
    }
}

impl Snapshot {
    /// Requests that this shard answered.
    pub fn requests(&self) -> u64 {
        self.routes
            .iter()
            .filter_map(|(_, record)| record.as_ref())
            .map(RouteRecord::count)
            .sum()
    }

    /// Connections open on this shard.
    pub fn connections(&self) -> u64 {
        self.difference(Counter::ConnectionsOpened, Counter::ConnectionsClosed)
    }

    /// WebSocket sessions open on this shard.
    pub fn websockets(&self) -> u64 {
        self.difference(Counter::WebSocketsOpened, Counter::WebSocketsClosed)
    }

    fn difference(&self, opened: Counter, closed: Counter) -> u64 {
        self.counters[opened.index()].saturating_sub(self.counters[closed.index()])
    }
}

impl RouteRecord {
    pub(super) fn new() -> RouteRecord {
        RouteRecord {
            durations: Durations::new(),
            statuses: [0; 5],
        }
    }

    /// Requests that came.
    pub fn count(&self) -> u64 {
        self.statuses.iter().sum()
    }

    #[inline]
    pub(super) fn add(&mut self, status: u16, nanoseconds: u64) {
        debug_assert!(
            (100..600).contains(&status),
            "status {status} does not exist"
        );
        self.durations.add(nanoseconds);
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.statuses[class] += 1;
    }

    fn merge(&mut self, other: &RouteRecord) {
        self.durations.merge(&other.durations);
        for (sum, count) in self.statuses.iter_mut().zip(other.statuses) {
            *sum += count;
        }
    }
}

impl OperationRecord {
    fn add(&mut self, other: OperationRecord) {
        self.performed += other.performed;
        match (&mut self.samples, other.samples) {
            (_, None) => {}
            (Some(sum), Some(samples)) => sum.merge(&samples),
            (empty @ None, samples) => *empty = samples,
        }
    }

    /// The median of the timed runs, in picoseconds.
    pub fn median_ps(&self) -> Option<u64> {
        self.samples.as_ref().map(|samples| samples.quantile(0.5))
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::Clock;
    use super::super::local::{Local, UNMATCHED};
    use super::*;

    const ROUTES: [RouteLabel; 2] = [
        RouteLabel {
            door: "api",
            method: "GET",
            path: "/health",
        },
        RouteLabel {
            door: "ops",
            method: "GET",
            path: "/metrics",
        },
    ];

    #[test]
    fn shards_add_up() {
        let clock = Clock::calibrate();
        let shards: Vec<Local> = (0..3)
            .map(|shard| Local::new(shard, clock, &ROUTES))
            .collect();
        shards[0].record(0, 200, 1_000);
        shards[2].record(0, 200, 5_000_000_000);
        shards[2].record(1, 500, 2_000);
        shards[1].record(UNMATCHED, 404, 3_000);
        shards[1].add(Counter::BytesIn, 10);
        shards[2].add(Counter::BytesIn, 32);
        shards[1].count(Counter::ConnectionsOpened);
        shards[2].fault(Fault::Reset);
        shards[0].observe(Operation::RateCheck, 25_000);
        shards[2].observe(Operation::RateCheck, 75_000);

        // Travels between threads, arrives in any order.
        let snapshots: Vec<Snapshot> = shards.iter().rev().map(Local::snapshot).collect();
        let totals = std::thread::spawn(|| Totals::merge(snapshots))
            .join()
            .unwrap();

        let shard_numbers: Vec<usize> = totals.shards.iter().map(|line| line.shard).collect();
        assert_eq!(shard_numbers, [0, 1, 2]);
        assert_eq!(totals.shards[1].connections, 1);
        assert_eq!((totals.requests(), totals.shards[1].websockets), (4, 0));
        assert_eq!(totals.counter(Counter::BytesIn), 42);
        assert_eq!(totals.faults[Fault::Reset.index()], 1);
        let health = totals.routes[0].1.as_ref().unwrap();
        assert_eq!((health.count(), health.durations.sum()), (2, 5_000_001_000));
        let slowest = health.durations.longest() as f64;
        assert!((slowest / 5e9 - 1.0).abs() < 0.01, "{slowest}");
        assert_eq!(totals.routes[2].0, RouteLabel::UNMATCHED);
        let rate_check = &totals.operations[Operation::RateCheck.index()];
        let samples = rate_check.samples.as_ref().unwrap();
        assert_eq!((rate_check.performed, samples.sum()), (2, 100_000));
        assert_eq!(samples.count(), 2);
    }

    #[test]
    fn no_shard_is_an_empty_total() {
        let totals = Totals::merge([]);
        assert_eq!(
            (totals.requests(), totals.shards.len(), totals.routes.len()),
            (0, 0, 0)
        );
    }
}
