//! What one shard records: plain cells that only its own thread touches.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;

use super::clock::Clock;
use super::counter::{Counter, Fault};
use super::durations::Durations;
use super::operation::Operation;
use super::snapshot::{OperationRecord, RouteRecord, Snapshot};

/// The record of one shard. It is for one thread (`!Send`, `!Sync`): no locks, no atomics.
pub struct Local {
    shard: usize,
    clock: Clock,
    routes: Box<[RouteLabel]>,
    /// One slot per route and a last one for requests that no route matched.
    records: RefCell<Box<[Option<Box<RouteRecord>>]>>,
    samplers: [Sampler; Operation::COUNT],
    counters: [Cell<u64>; Counter::COUNT],
    faults: [Cell<u64>; Fault::COUNT],
    turns: RefCell<Durations>,
    spread: Cell<u64>,
    _one_thread: PhantomData<*const ()>,
}

/// A row of a route table, as metrics name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteLabel {
    /// `api`, `ops` or `registry`.
    pub door: &'static str,
    /// `GET`, …
    pub method: &'static str,
    /// The template, `/api/items/:id`: never the path of a request, which has no bound.
    pub path: &'static str,
}

/// The route index of a request that no route matched, or that never became one.
pub const UNMATCHED: usize = usize::MAX;

/// On average one operation in so many is timed.
pub const SAMPLING_INTERVAL: u32 = 1024;

impl RouteLabel {
    /// The label of `UNMATCHED`.
    pub const UNMATCHED: RouteLabel = RouteLabel {
        door: "any",
        method: "any",
        path: "unmatched",
    };
}

impl Local {
    /// An empty record for a shard. `routes` are the tables of all doors, one after another;
    /// `record` takes positions in this list. A route named twice is the caller's mistake.
    pub fn new(shard: usize, clock: Clock, routes: &[RouteLabel]) -> Local {
        for (position, route) in routes.iter().enumerate() {
            assert!(
                !routes[..position].contains(route),
                "a route has one row: {route:?}"
            );
        }
        let records = (0..=routes.len()).map(|_| None).collect();
        Local {
            shard,
            clock,
            routes: routes.into(),
            records: RefCell::new(records),
            samplers: std::array::from_fn(|_| Sampler::default()),
            counters: std::array::from_fn(|_| Cell::new(0)),
            faults: std::array::from_fn(|_| Cell::new(0)),
            turns: RefCell::new(Durations::new()),
            spread: Cell::new(shard as u64 + 1),
            _one_thread: PhantomData,
        }
    }

    /// The clock that this shard measures with.
    #[inline]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The rows of the route tables.
    pub fn routes(&self) -> &[RouteLabel] {
        &self.routes
    }

    /// Records an answered request: its route's position or `UNMATCHED`, the status sent, and
    /// the time from its last head byte to its reply's hand-over to the ring.
    #[inline]
    pub fn record(&self, route: usize, status: u16, nanoseconds: u64) {
        let mut records = self.records.borrow_mut();
        let slot = route.min(records.len() - 1);
        debug_assert!(
            route == UNMATCHED || slot < records.len() - 1,
            "no route {route}"
        );
        let record = match &mut records[slot] {
            Some(record) => record,
            empty => empty.insert(first_record()),
        };
        record.add(status, nanoseconds);
    }

    /// Runs an operation and, one time in 1024, times it. The interval varies between 512 and
    /// 1535 so that a workload with a period is not always met at the same step.
    #[inline]
    pub fn sample<T>(&self, operation: Operation, work: impl FnOnce() -> T) -> T {
        let sampler = &self.samplers[operation.index()];
        let remaining = sampler.remaining.get() - 1;
        sampler.remaining.set(remaining);
        if remaining > 0 {
            return work();
        }
        self.sample_timed(sampler, work)
    }

    /// Records an operation that the caller timed, where it ends elsewhere than it began.
    pub fn observe(&self, operation: Operation, picoseconds: u64) {
        let sampler = &self.samplers[operation.index()];
        sampler.performed.set(sampler.performed.get() + 1);
        sampler.add(picoseconds);
    }

    /// Counts one.
    #[inline]
    pub fn count(&self, counter: Counter) {
        self.add(counter, 1);
    }

    /// Counts several.
    #[inline]
    pub fn add(&self, counter: Counter, amount: u64) {
        let cell = &self.counters[counter.index()];
        cell.set(cell.get().wrapping_add(amount));
    }

    /// Counts a fault.
    #[inline]
    pub fn fault(&self, fault: Fault) {
        let cell = &self.faults[fault.index()];
        cell.set(cell.get() + 1);
    }

    /// Records one turn of the shard's driver: how long it kept other work waiting.
    #[inline]
    pub fn record_turn(&self, nanoseconds: u64) {
        self.turns.borrow_mut().add(nanoseconds);
    }

    /// A copy that may leave the thread. Costs a copy of each histogram in use, some 15 KiB.
    pub fn snapshot(&self) -> Snapshot {
        let labels = self.routes.iter().copied().chain([RouteLabel::UNMATCHED]);
        let records = self.records.borrow();
        let routes = labels.zip(records.iter());
        Snapshot {
            shard: self.shard,
            routes: routes
                .map(|(label, record)| (label, record.as_deref().cloned()))
                .collect(),
            operations: self.samplers.iter().map(Sampler::snapshot).collect(),
            counters: std::array::from_fn(|index| self.counters[index].get()),
            faults: std::array::from_fn(|index| self.faults[index].get()),
            turns: self.turns.borrow().clone(),
            ring: RingCounters::default(),
            outgoing: OutgoingGauges::default(),
        }
    }

    #[cold]
    fn sample_timed<T>(&self, sampler: &Sampler, work: impl FnOnce() -> T) -> T {
        sampler
            .performed
            .set(sampler.performed.get() + u64::from(sampler.interval.get()));
        let interval = self.next_interval();
        sampler.interval.set(interval);
        sampler.remaining.set(interval);
        let start = self.clock.ticks_ordered();
        let answer = work();
        sampler.add(self.clock.ordered_ps_since(start));
        answer
    }

    /// A number between half and one and a half intervals, from a Weyl sequence.
    fn next_interval(&self) -> u32 {
        let spread = self.spread.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.spread.set(spread);
        let offset = (spread >> 32) as u32 % SAMPLING_INTERVAL;
        SAMPLING_INTERVAL / 2 + offset
    }
}

/// What the shard's ring counted, copied into a snapshot by whoever drives the ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingCounters {
    /// Completions that the kernel could not post because the queue was full.
    pub completions_overflowed: u64,
    /// Receives that ended because no provided buffer was left.
    pub buffers_exhausted: u64,
    /// Pauses of accepting because the process was out of file descriptors.
    pub accept_pauses: u64,
}

/// What the shard's outgoing side holds at the moment, copied in by whoever owns it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutgoingGauges {
    /// Connections that wait for the next request.
    pub connections_kept: u64,
    /// Requests whose response was not read to its end.
    pub requests_under_way: u64,
}

/// Counts down to the next timed run of one operation.
struct Sampler {
    remaining: Cell<u32>,
    /// What `remaining` started from.
    interval: Cell<u32>,
    /// Runs before the interval that is under way.
    performed: Cell<u64>,
    samples: RefCell<Option<Box<Durations>>>,
}

impl Sampler {
    fn add(&self, picoseconds: u64) {
        let mut samples = self.samples.borrow_mut();
        samples
            .get_or_insert_with(|| Box::new(Durations::new()))
            .add(picoseconds);
    }

    fn snapshot(&self) -> OperationRecord {
        let under_way = self.interval.get() - self.remaining.get();
        OperationRecord {
            performed: self.performed.get() + u64::from(under_way),
            samples: self.samples.borrow().as_deref().cloned(),
        }
    }
}

impl Default for Sampler {
    fn default() -> Sampler {
        Sampler {
            remaining: Cell::new(SAMPLING_INTERVAL),
            interval: Cell::new(SAMPLING_INTERVAL),
            performed: Cell::new(0),
            samples: RefCell::new(None),
        }
    }
}

#[cold]
fn first_record() -> Box<RouteRecord> {
    Box::new(RouteRecord::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: [RouteLabel; 2] = [
        RouteLabel {
            door: "api",
            method: "GET",
            path: "/health",
        },
        RouteLabel {
            door: "api",
            method: "GET",
            path: "/api/items/:id",
        },
    ];

    fn local() -> Local {
        Local::new(3, Clock::calibrate(), &ROUTES)
    }

    #[test]
    fn requests_land_in_their_route_and_class() {
        let local = local();
        local.record(0, 200, 1_500);
        local.record(0, 204, 2_500);
        local.record(0, 503, 9_000);
        local.record(UNMATCHED, 404, 700);
        let snapshot = local.snapshot();
        assert_eq!(snapshot.shard, 3);
        assert_eq!(snapshot.routes.len(), 3);
        let health = snapshot.routes[0].1.as_ref().unwrap();
        assert_eq!(health.statuses, [0, 2, 0, 0, 1]);
        assert_eq!(health.durations.sum(), 13_000);
        assert_eq!(health.durations.count(), 3);
        assert!(
            snapshot.routes[1].1.is_none(),
            "an idle route costs nothing"
        );
        let (label, unmatched) = &snapshot.routes[2];
        assert_eq!(*label, RouteLabel::UNMATCHED);
        assert_eq!(unmatched.as_ref().unwrap().statuses, [0, 0, 0, 1, 0]);
    }

    #[test]
    fn any_duration_is_recorded() {
        let local = local();
        for nanoseconds in [0, 1, 1 << 20, 3_600_000_000_000, u64::MAX] {
            local.record(0, 200, nanoseconds);
        }
        let snapshot = local.snapshot();
        let health = snapshot.routes[0].1.as_ref().unwrap();
        assert_eq!(health.durations.count(), 5);
        assert_eq!(health.durations.sum(), u64::MAX, "the sum saturates");
    }

    #[test]
    fn every_operation_is_counted_and_one_in_1024_is_timed() {
        let local = local();
        let rounds = 1_024 * 200;
        for round in 0..rounds {
            assert_eq!(local.sample(Operation::HeadParse, || round), round);
        }
        local.observe(Operation::HeadParse, 77);
        let snapshot = local.snapshot();
        let record = &snapshot.operations[Operation::HeadParse.index()];
        assert_eq!(record.performed, rounds + 1);
        let samples = record.samples.as_ref().unwrap().count();
        assert!(
            (150..=260).contains(&samples),
            "{samples} samples of {rounds}"
        );
        let idle = &snapshot.operations[Operation::RateCheck.index()];
        assert_eq!((idle.performed, idle.samples.is_none()), (0, true));
    }

    #[test]
    fn an_operation_may_sample_another_inside() {
        let local = local();
        for _ in 0..3_000 {
            local.sample(Operation::HeadParse, || {
                local.sample(Operation::HeadParse, || ())
            });
        }
        let snapshot = local.snapshot();
        assert_eq!(
            snapshot.operations[Operation::HeadParse.index()].performed,
            6_000
        );
    }

    #[test]
    fn open_connections_are_the_difference() {
        let local = local();
        local.add(Counter::ConnectionsOpened, 5);
        local.count(Counter::ConnectionsClosed);
        local.count(Counter::WebSocketsOpened);
        local.fault(Fault::Reset);
        let snapshot = local.snapshot();
        assert_eq!((snapshot.connections(), snapshot.websockets()), (4, 1));
        assert_eq!(snapshot.counters[Counter::ConnectionsOpened.index()], 5);
        assert_eq!(snapshot.faults[Fault::Reset.index()], 1);
    }

    #[test]
    #[should_panic(expected = "a route has one row")]
    fn a_route_is_named_once() {
        Local::new(0, Clock::calibrate(), &[ROUTES[0], ROUTES[0]]);
    }
}
