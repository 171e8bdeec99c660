//! Health, metrics and profiles over HTTP.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;

use crate::context::{self, Context};
use crate::http::{Exchange, PICTURE_SECURITY, Problem, Reply, Request, pointer};
use crate::limits::{CAPTURE_SECONDS_DEFAULT, CAPTURE_SECONDS_MAX, SHARD_PATIENCE};
use crate::routes::DOORS;
use crate::serve;
use crate::shard;
use crate::state;

use super::flamegraph::{CaptureFault, CaptureSeconds, capture};
use super::health::{
    Check, CheckOutcome, DoorStatus, Health, HealthReport, HealthState, LIVE, ReportTiming,
    ServiceState, Services, StatusReport, seconds, timestamp, write_ready,
};
use super::metrics::{Format, Page};
use super::names::NamesLine;
use super::operation::Operation;
use super::process::{ProcessUsage, unix_ms};
use super::profile::Profile;
use super::snapshot::Totals;

/// `GET /health`, on every door. Rendered at most once a millisecond.
pub fn health(
    context: &Context,
    _request: &Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), Problem> {
    let now = shard::turn_began();
    let websockets = context.house.websockets.load(Ordering::Relaxed);
    let sequence = context.state.sequence();
    let mut cached = context.health.borrow_mut();
    let is_fresh = cached
        .rendered
        .is_some_and(|(rendered, of_sequence, of_websockets)| {
            now - rendered < HEALTH_RENDERED_FOR
                && (of_sequence, of_websockets) == (sequence, websockets)
        });
    if is_fresh && !context.draining.is_raised() {
        reply.prepared(&cached.prepared);
        return Ok(());
    }
    let health = health_of(context, websockets);
    let mut body = Vec::with_capacity(super::health::HEALTH_BYTES_MAX);
    health.write(&mut body);
    if health.state == HealthState::Draining {
        reply.status(health.http_status()).body(JSON, &body);
        return Ok(());
    }
    cached.prepared.render(JSON, &body);
    cached.rendered = Some((now, sequence, websockets));
    reply.prepared(&cached.prepared);
    Ok(())
}

fn health_of(context: &Context, websockets: u64) -> Health {
    let uptime_ms = context.house.steady_ms();
    let is_draining = context.draining.is_raised();
    Health {
        state: if is_draining {
            HealthState::Draining
        } else {
            HealthState::Healthy
        },
        config: context
            .telemetry
            .sample(Operation::ConfigRead, || context.state.read()),
        config_uptime_ms: uptime_ms.saturating_sub(context.state.changed_at_ms()),
        uptime_ms,
        websockets,
        unix_ms: unix_ms(),
    }
}

/// `GET /livez`: the process answers.
pub fn live(
    _context: &Context,
    _request: &Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), Problem> {
    reply.status(200).body(JSON, LIVE);
    Ok(())
}

/// `GET /readyz`: whether new work should come here; 503 with the checks that failed.
pub async fn ready(context: &Context, exchange: &mut Exchange<'_>) -> Result<(), Problem> {
    let mut body = Vec::new();
    let status = write_ready(&checks(context).await, &mut body);
    exchange.reply().status(status).body(JSON, &body);
    Ok(())
}

async fn checks(context: &Context) -> [Check; 5] {
    let disk = context.house.data.clone();
    let has_space = shard::offload(move || crate::startup::has_disk_space(&disk)).await;
    let turning = serve::all_shards_turn(&shard::bus(), SHARD_PATIENCE).await;
    let outcome = |is_good: bool, reason| {
        if is_good {
            CheckOutcome::Pass
        } else {
            CheckOutcome::Fail(reason)
        }
    };
    // Not asked while a shard does not turn: it may be the owner's, which would not answer.
    let writable = if turning {
        let is_writable = state::is_writable(&shard::bus()).await;
        outcome(is_writable, "the disk refused a write")
    } else {
        CheckOutcome::Fail("its owner may not turn")
    };
    [
        Check {
            name: "state",
            outcome: writable,
        },
        Check {
            name: "store",
            outcome: outcome(
                !context.house.commerce.is_failing() && !context.house.registry.is_failing(),
                "the disk refused a write",
            ),
        },
        Check {
            name: "disk",
            outcome: outcome(has_space == Ok(true), "no space left"),
        },
        Check {
            name: "shards",
            outcome: outcome(turning, "a shard does not turn"),
        },
        Check {
            name: "drain",
            outcome: outcome(!context.draining.is_raised(), "draining"),
        },
    ]
}

/// `GET /api/health`: the parts of the server.
pub async fn report(context: &Context, exchange: &mut Exchange<'_>) -> Result<(), Problem> {
    let began = context.telemetry.clock().ticks();
    let usage = process_usage()?;
    let checks = checks(context).await;
    let passed = |name| {
        checks
            .iter()
            .any(|check| check.name == name && check.outcome == CheckOutcome::Pass)
    };
    let state_of = |is_good| {
        if is_good {
            ServiceState::Healthy
        } else {
            ServiceState::Down
        }
    };
    let services = Services {
        database: state_of(passed("store")),
        cache: ServiceState::Absent,
        websocket: state_of(passed("shards") && passed("drain")),
        data: state_of(passed("state") && passed("disk")),
    };
    let timing = ReportTiming {
        unix_ms: unix_ms(),
        uptime_ms: context.house.steady_ms(),
        elapsed_ns: context.telemetry.clock().nanoseconds_since(began),
    };
    let mode = context.settings.borrow().mode.as_str();
    let report = HealthReport::new(services, mode, &usage, timing);
    exchange.reply().status(report.http_status()).json(&report);
    Ok(())
}

/// `GET /api/v1/status`: version, uptime, and what each door does.
pub async fn status(context: &Context, exchange: &mut Exchange<'_>) -> Result<(), Problem> {
    let addresses = context.house.doors.map(|address| address.to_string());
    let websockets = context.house.websockets.load(Ordering::Relaxed);
    let pending = serve::pending_by_door(&shard::bus(), SHARD_PATIENCE).await;
    let doors: Vec<DoorStatus<'_>> = (0..DOORS.len())
        .map(|door| DoorStatus {
            name: DOORS[door],
            address: &addresses[door],
            pending_requests: pending[door],
            websockets: if door == crate::routes::API {
                websockets
            } else {
                0
            },
        })
        .collect();
    let report = StatusReport {
        version: env!("CARGO_PKG_VERSION"),
        uptime: seconds(context.house.steady_ms()),
        timestamp: timestamp(unix_ms()),
        pending_requests: pending.iter().sum(),
        websockets,
        doors: &doors,
    };
    exchange.reply().status(200).json(&report);
    Ok(())
}

/// `GET /metrics`: Prometheus text or OpenMetrics, by `Accept`.
pub async fn metrics(context: &Context, exchange: &mut Exchange<'_>) -> Result<(), Problem> {
    let format = Format::negotiate(exchange.request().header("accept"));
    let totals = totals().await;
    let page = Page {
        totals: &totals,
        process: &process_usage()?,
        started: context.house.started,
        config: context.state.read(),
        log_lines_dropped: context.house.log.dropped(),
        stores: &[context.house.commerce.line(), context.house.registry.line()],
        names: names_line(context),
        upstreams: &context.house.uplinks.line(context.house.steady_ms()),
    };
    let mut body = Vec::new();
    page.write(format, &mut body);
    let stored = exchange.stored(200, format.content_type(), Bytes::from(body));
    stored.send(exchange).await
}

/// `GET /api/profile/metrics`: operations beside their targets, routes, shards, process.
pub async fn profile(context: &Context, exchange: &mut Exchange<'_>) -> Result<(), Problem> {
    let totals = totals().await;
    let clock = context.telemetry.clock();
    let profile = Profile::new(&totals, clock, &process_usage()?, context.house.started);
    exchange.reply().status(200).json(&profile);
    Ok(())
}

/// `GET /api/profile/flamegraph?seconds=5`: where the process spends its CPU time, as SVG.
pub async fn flamegraph(_context: &Context, exchange: &mut Exchange<'_>) -> Result<(), Problem> {
    let length = capture_length(&exchange.request())?;
    let captured = shard::offload(move || capture(length)).await;
    match captured {
        Ok(Ok(picture)) => {
            exchange.security(PICTURE_SECURITY);
            let stored = exchange.stored(200, "image/svg+xml", Bytes::from(picture));
            stored.send(exchange).await
        }
        Ok(Err(CaptureFault::Busy)) => {
            let problem = Problem::new(503, "Another capture is under way.");
            Err(problem.header("Retry-After", CAPTURE_SECONDS_MAX.to_string()))
        }
        Ok(Err(CaptureFault::Idle)) => Err(Problem::new(
            503,
            "The process used too little CPU to be sampled.",
        )),
        Ok(Err(CaptureFault::Profiler(cause))) => Err(Problem::new(500, cause)),
        Err(fault) => Err(Problem::new(503, fault.to_string())),
    }
}

fn capture_length(request: &Request<'_>) -> Result<CaptureSeconds, Problem> {
    let mut length = CaptureSeconds::new(CAPTURE_SECONDS_DEFAULT);
    for pair in request.query() {
        let (name, value) = pair?;
        if name != "seconds" {
            return Err(Problem::invalid().fault(
                pointer(&name),
                "unknown_parameter",
                "is no parameter of this resource",
            ));
        }
        length = value.parse().ok().and_then(CaptureSeconds::new);
    }
    length.ok_or_else(|| {
        let range = format!("must be 1 to {CAPTURE_SECONDS_MAX}");
        Problem::invalid().fault("/seconds", "range", range)
    })
}

/// What the shards that turn have recorded.
async fn totals() -> Totals {
    let snapshot = || context::here().snapshot();
    Totals::merge(shard::bus().ask_all_within(SHARD_PATIENCE, snapshot).await)
}

fn names_line(context: &Context) -> NamesLine {
    let stats = context.house.names.stats();
    NamesLine {
        hits_completed: stats.cache_hits_completed,
        hits_inflight: stats.cache_hits_inflight,
        misses: stats.cache_misses,
        errors: stats.errors,
        size: stats.size,
        total: stats.total_count,
    }
}

fn process_usage() -> Result<ProcessUsage, Problem> {
    ProcessUsage::read()
        .map_err(|error| Problem::new(500, format!("The process cannot be measured: {error}")))
}

const JSON: &str = "application/json";
/// How long a rendered `/health` is served: its timestamp has milliseconds.
const HEALTH_RENDERED_FOR: Duration = Duration::from_millis(1);
