//! What telemetry costs: on the path of each request, and when a page is read.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use thirteen::telemetry::health::{HEALTH_BYTES_MAX, Health, HealthState};
use thirteen::telemetry::metrics::{Format, Page};
use thirteen::telemetry::trace_id::{IdSource, TraceParent};
use thirteen::telemetry::{
    Clock, Counter, Local, NamesLine, Operation, ProcessUsage, RouteLabel, Snapshot, Started,
    Totals, UpstreamsLine,
};
use thirteen_kernels::config::ConfigState;

#[path = "support/flamegraph.rs"]
mod flamegraph;

fn recording(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("telemetry");
    let clock = Clock::calibrate();

    let local = Local::new(0, clock, &routes());
    let mut requests = 0_u64;
    group.bench_function("record a request", |bencher| {
        bencher.iter(|| {
            // Durations from 1 to 65 us, so that many counts of the histogram are touched.
            requests += 1;
            let nanoseconds = 1_000 + (requests.wrapping_mul(0x9e37_79b9) & 0xffff);
            local.record(black_box(7), black_box(200), black_box(nanoseconds));
        });
    });
    assert_eq!(
        local.snapshot().requests(),
        requests,
        "every request was recorded"
    );

    group.bench_function("clock, both ends of a request", |bencher| {
        bencher.iter(|| {
            let start = clock.ticks();
            clock.nanoseconds_since(black_box(start))
        });
    });

    let mut operations = 0_u64;
    group.bench_function("operation, one in 1024 timed", |bencher| {
        bencher.iter(|| {
            operations += 1;
            local.sample(black_box(Operation::HeadParse), || black_box(operations))
        });
    });
    let performed = local.snapshot().operations[Operation::HeadParse.index()].performed;
    assert_eq!(performed, operations, "every operation was counted");

    group.bench_function("count bytes", |bencher| {
        bencher.iter(|| local.add(black_box(Counter::BytesIn), black_box(703)));
    });
    group.finish();
}

fn trace_ids(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("trace");
    let mut source = IdSource::from_seed([13; 32]);

    group.bench_function("made and written", |bencher| {
        bencher.iter(|| black_box(&mut source).trace_parent().to_header());
    });

    let caller = source.trace_parent();
    let header = caller.to_header();
    let mut last = caller;
    group.bench_function("read, continued and written", |bencher| {
        bencher.iter(|| {
            let caller = TraceParent::parse(black_box(&header));
            last = source.continue_trace(caller);
            last.to_header()
        });
    });
    assert_eq!(last.trace, caller.trace, "the trace goes on");
    group.finish();
}

fn pages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("telemetry pages");
    let snapshots: Vec<Snapshot> = (0..4).map(busy_shard).collect();
    let totals = Totals::merge(snapshots.clone());
    let process = ProcessUsage::default();
    let started = Started::mark();

    group.bench_function("merge 4 shards of 30 routes", |bencher| {
        bencher.iter(|| Totals::merge(black_box(snapshots.clone())));
    });

    for (name, format) in [
        ("prometheus", Format::Prometheus),
        ("openmetrics", Format::OpenMetrics),
    ] {
        let mut out = Vec::new();
        group.bench_function(format!("render 4 shards of 30 routes, {name}"), |bencher| {
            bencher.iter(|| {
                out.clear();
                let config = ConfigState::DEFAULT;
                let totals = black_box(&totals);
                let page = Page {
                    totals,
                    process: &process,
                    started,
                    config,
                    log_lines_dropped: 0,
                    stores: &[],
                    names: NamesLine::default(),
                    upstreams: &UpstreamsLine::default(),
                };
                page.write(format, &mut out);
            });
        });
        let text = String::from_utf8_lossy(&out);
        let counted = text
            .lines()
            .filter(|line| line.contains("request_duration_seconds_count"));
        assert_eq!(counted.count(), 30, "every route is there");
    }

    let mut body = Vec::with_capacity(HEALTH_BYTES_MAX);
    group.bench_function("health", |bencher| {
        bencher.iter(|| {
            body.clear();
            let health = Health {
                state: HealthState::Healthy,
                config: ConfigState::DEFAULT,
                config_uptime_ms: 1_007,
                uptime_ms: 3_600_042,
                websockets: 17,
                unix_ms: black_box(1_700_000_000_123),
            };
            health.write(&mut body);
        });
    });
    assert!(body.ends_with(b"\"timestamp\":\"2023-11-14T22:13:20.123Z\"}"));
    group.finish();
}

fn routes() -> Vec<RouteLabel> {
    const PATHS: [&str; 30] = [
        "/a", "/b", "/c", "/d", "/e", "/f", "/g", "/h", "/i", "/j", "/k", "/l", "/m", "/n", "/o",
        "/p", "/q", "/r", "/s", "/t", "/u", "/v", "/w", "/x", "/y", "/z", "/1", "/2", "/3", "/4",
    ];
    PATHS
        .map(|path| RouteLabel {
            door: "api",
            method: "GET",
            path,
        })
        .into()
}

fn busy_shard(shard: usize) -> Snapshot {
    let local = Local::new(shard, Clock::calibrate(), &routes());
    for request in 0..30_000_usize {
        local.record(
            request % 30,
            200,
            1_000 + (request as u64 * 7_919) % 1_000_000,
        );
    }
    local.snapshot()
}

criterion_group! {
    name = benches;
    config = flamegraph::criterion();
    targets = recording, trace_ids, pages
}
criterion_main!(benches);
