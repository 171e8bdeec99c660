//! The live configuration: what a change costs on its way, excluding the disk.

use std::cell::Cell;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crossbeam_queue::SegQueue;
use thirteen::auth::rate::{RateKey, RateTable, Rule};
use thirteen::http::websocket::CloseCode;
use thirteen::settings::WritePolicy;
use thirteen::state::access::{Arrival, Caller, Principal, Writer};
use thirteen::state::{
    Asker, Batch, Change, Expected, Hub, Incoming, Next, Now, Origin, Outlet, Owner, Refusal,
    Rules, Sent, Session, Settled, Written,
};
use thirteen::telemetry;
use thirteen_kernels::config::frame::encode_update;
use thirteen_kernels::config::{ConfigState, Field, OffsetBase, StateCell};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SHARDS: usize = 4;
const WRITES_PER_RUN: u64 = 64;

/// A socket that takes everything and counts the bytes.
struct Counting(Rc<Cell<u64>>);

impl Outlet for Counting {
    fn try_send(&self, messages: &Bytes) -> Sent {
        self.0.set(self.0.get() + messages.len() as u64);
        Sent::Taken
    }

    fn resume(&self) {}

    fn close(self, _: CloseCode, _: &'static str) {}
}

/// Applied, numbered, made durable by a disk that takes no time, and queued to every shard, one
/// change or many to a write. What the shards then do with it is not in the figure.
fn owner(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("state");
    for changes in [1u64, 64] {
        group.throughput(Throughput::Elements(changes));
        let name = format!("update queued to {SHARDS} shards, {changes} to a write");
        group.bench_function(name, |bencher| {
            let mut owner = Owner::new(ConfigState::DEFAULT, 0, 1024);
            let queues: [SegQueue<Batch>; SHARDS] = std::array::from_fn(|_| SegQueue::new());
            let (mut submitted, mut queued) = (0u64, 0u64);
            bencher.iter_custom(|writes| {
                let mut elapsed = Duration::ZERO;
                let mut left = writes;
                while left > 0 {
                    let run = left.min(WRITES_PER_RUN);
                    left -= run;
                    let start = Instant::now();
                    for _ in 0..run {
                        submitted += changes;
                        write(&mut owner, submitted, changes, &queues);
                    }
                    elapsed += start.elapsed();
                    for batch in queues
                        .iter()
                        .flat_map(|queue| std::iter::from_fn(|| queue.pop()))
                    {
                        queued += batch.len() as u64;
                    }
                }
                elapsed
            });
            assert_eq!(queued, submitted * SHARDS as u64);
            assert_eq!(owner.durable().sequence, submitted);
            assert_eq!(
                owner.durable().state.value(Field::Rows),
                submitted % 255 + 1
            );
        });
    }
    group.finish();
}

/// One write of as many changes, the last of which has this number.
fn write(owner: &mut Owner, last: u64, changes: u64, queues: &[SegQueue<Batch>]) {
    for number in last - changes + 1..=last {
        let change = Change::update(Field::Rows, black_box(number % 255 + 1));
        let change = change.expect("within range");
        owner
            .submit(change, origin(number), &Expected::Any, writer())
            .expect("there is room");
    }
    let write = owner.next_write().expect("changes wait");
    assert_eq!(write.sequence, last);
    let Settled::Published(batch) = owner.write_done(Written::Durable) else {
        panic!("the write succeeded")
    };
    queues
        .iter()
        .for_each(|queue| queue.push(Batch::clone(&batch)));
}

/// One change told to a shard's clients, without their sockets.
fn hub(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("state");
    for clients in [1u64, 1_000] {
        group.throughput(Throughput::Elements(clients));
        group.bench_function(format!("update told to {clients} clients"), |bencher| {
            let mut hub = hub_of(clients);
            let mut owner = Owner::new(ConfigState::DEFAULT, 0, 1024);
            hub.bytes.set(0);
            let mut told = 0u64;
            bencher.iter(|| {
                told += 1;
                let change = Change::update(Field::Rows, told % 255 + 1).expect("within range");
                owner
                    .submit(change, origin(told), &Expected::Any, writer())
                    .expect("there is room");
                owner.next_write().expect("a change waits");
                if let Settled::Published(batch) = owner.write_done(Written::Durable) {
                    hub.hub.apply(&batch, NOW, |_, _| {});
                }
            });
            assert_eq!(
                hub.bytes.get(),
                told * clients * 16,
                "a CONFIG_UPDATE for each"
            );
            assert_eq!(hub.cell.sequence(), told);
        });
    }
    group.finish();
}

/// A client's frame read, permitted, counted and given a place for its reply, then refused.
fn session(criterion: &mut Criterion) {
    criterion.bench_function("state/frame received and answered", |bencher| {
        let Shard { mut hub, bytes, .. } = hub_of(0);
        let id = hub.join(Counting(Rc::clone(&bytes)), OffsetBase::Lockfile, NOW);
        let key = RateKey::from_keyed_hash(7);
        let session = Session::new(OffsetBase::Lockfile, CALLER, key);
        let writes = RateTable::new(Rule::new(1_000_000, 1).expect("within bounds"), 64);
        let rules = Rules {
            policy: WritePolicy::Loopback,
            writes: &writes,
        };
        let record = telemetry::Local::new(0, telemetry::Clock::calibrate(), &[]);
        let frame = encode_update(Field::Rows, 40, OffsetBase::Lockfile);
        bytes.set(0);
        let (mut answered, mut steady_ms) = (0u64, 0);
        bencher.iter(|| {
            steady_ms += 1;
            let now = Now { steady_ms, ..NOW };
            let message = Incoming::Binary(black_box(&frame));
            let next = session.receive(id, message, &mut hub, rules, &record, now);
            let Next::Submit { origin, .. } = next else {
                panic!("a change: {next:?}")
            };
            hub.refuse(&[origin], Refusal::Busy, now, |_, _| {});
            answered += 1;
        });
        assert_eq!(bytes.get(), answered * 16, "an ERROR for each");
    });
}

struct Shard {
    hub: Hub<Counting>,
    cell: Rc<StateCell>,
    bytes: Rc<Cell<u64>>,
}

fn hub_of(clients: u64) -> Shard {
    let cell = Rc::new(StateCell::new(ConfigState::DEFAULT, 0));
    let mut hub = Hub::new(0, Rc::clone(&cell));
    let bytes = Rc::new(Cell::new(0));
    for _ in 0..clients {
        hub.join(Counting(Rc::clone(&bytes)), OffsetBase::Lockfile, NOW);
    }
    Shard { hub, cell, bytes }
}

fn origin(number: u64) -> Origin {
    Origin {
        shard: 1,
        asker: Asker::Request(number),
    }
}

fn writer() -> Writer {
    CALLER
        .writer(WritePolicy::Loopback)
        .expect("loopback may write")
}

const CALLER: Caller = Caller {
    peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
    arrival: Arrival::Direct,
    principal: Principal::Anyone,
};

const NOW: Now = Now {
    steady_ms: 0,
    unix_ms: 1_700_000_000_000,
};

criterion_group!(benches, owner, hub, session);
criterion_main!(benches);
