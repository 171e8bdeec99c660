//! The body of `/api/profile/metrics`: operations beside their targets, routes, shards, process.

use serde::Serialize;

use super::clock::Clock;
use super::durations::Durations;
use super::health::{seconds, timestamp};
use super::operation::{Operation, Verdict};
use super::process::{ProcessUsage, Started};
use super::snapshot::{RouteRecord, ShardLine, Totals};

/// The whole report. All durations are nanoseconds; picosecond figures keep their decimals.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    timestamp: String,
    uptime: f64,
    clock: ClockReport,
    operations: Vec<OperationReport>,
    routes: Vec<RouteReport>,
    shards: Vec<ShardReport>,
    cpu: CpuReport,
    memory: MemoryReport,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ClockReport {
    source: &'static str,
    /// What is taken off each sample; a median within so much of its target is `unresolved`.
    overhead_ns: f64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OperationReport {
    name: &'static str,
    target_ns: f64,
    goal_ns: f64,
    count: u64,
    samples: u64,
    /// Absent while nothing was sampled.
    #[serde(flatten)]
    quantiles: Option<Quantiles>,
    verdict: &'static str,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RouteReport {
    door: &'static str,
    method: &'static str,
    route: &'static str,
    count: u64,
    /// Replies of class 5xx.
    server_errors: u64,
    #[serde(flatten)]
    quantiles: Quantiles,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShardReport {
    shard: usize,
    requests: u64,
    connections: u64,
    websockets: u64,
    turns: u64,
    turn: Quantiles,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Quantiles {
    p50_ns: f64,
    p99_ns: f64,
    p999_ns: f64,
    longest_ns: f64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CpuReport {
    user_seconds: f64,
    system_seconds: f64,
    /// CPU time over requests since the start: the figure that comparisons quote.
    microseconds_per_request: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MemoryReport {
    resident_bytes: u64,
    resident_bytes_max: u64,
}

impl Profile {
    /// Gathers the report.
    pub fn new(
        totals: &Totals,
        clock: &Clock,
        process: &ProcessUsage,
        started: Started,
    ) -> Profile {
        let uptime_ms = started.uptime_ms();
        let requests = totals.requests();
        let per_request = process.cpu_seconds() * 1e6 / requests as f64;
        let routes = totals.routes.iter().filter_map(|(label, record)| {
            let record = record.as_ref()?;
            Some(RouteReport {
                door: label.door,
                method: label.method,
                route: label.path,
                count: record.count(),
                server_errors: server_errors(record),
                quantiles: quantiles(&record.durations, 1.0),
            })
        });
        Profile {
            timestamp: timestamp(started.unix_ms() + uptime_ms),
            uptime: seconds(uptime_ms),
            clock: ClockReport {
                source: clock.source().as_str(),
                overhead_ns: nanoseconds(clock.overhead_ps()),
            },
            operations: Operation::live()
                .map(|row| operation(row, totals, clock))
                .collect(),
            routes: routes.collect(),
            shards: totals.shards.iter().map(shard).collect(),
            cpu: CpuReport {
                user_seconds: process.user_seconds,
                system_seconds: process.system_seconds,
                microseconds_per_request: (requests > 0).then_some(per_request),
            },
            memory: MemoryReport {
                resident_bytes: process.resident_bytes,
                resident_bytes_max: process.resident_bytes_max,
            },
        }
    }
}

fn operation(operation: Operation, totals: &Totals, clock: &Clock) -> OperationReport {
    let record = &totals.operations[operation.index()];
    let target = operation.target();
    let samples = record.samples.as_ref();
    let verdict: Verdict = target.judge(record.median_ps(), clock.overhead_ps());
    OperationReport {
        name: target.name,
        target_ns: nanoseconds(target.shown_ps()),
        goal_ns: nanoseconds(target.goal_ps),
        count: record.performed,
        samples: samples.map_or(0, Durations::count),
        quantiles: samples.map(|samples| quantiles(samples, 1000.0)),
        verdict: verdict.as_str(),
    }
}

fn shard(line: &ShardLine) -> ShardReport {
    ShardReport {
        shard: line.shard,
        requests: line.requests,
        connections: line.connections,
        websockets: line.websockets,
        turns: line.turns.count(),
        turn: quantiles(&line.turns, 1.0),
    }
}

fn server_errors(record: &RouteRecord) -> u64 {
    let [.., server_errors] = record.statuses;
    server_errors
}

fn quantiles(durations: &Durations, units_per_nanosecond: f64) -> Quantiles {
    let quantile = |part| durations.quantile(part) as f64 / units_per_nanosecond;
    Quantiles {
        p50_ns: quantile(0.5),
        p99_ns: quantile(0.99),
        p999_ns: quantile(0.999),
        longest_ns: durations.longest() as f64 / units_per_nanosecond,
    }
}

fn nanoseconds(picoseconds: u64) -> f64 {
    picoseconds as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::local::{Local, RouteLabel};
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
    fn a_profile_tells_operations_routes_and_shards() {
        let clock = Clock::calibrate();
        let local = Local::new(0, clock, &ROUTES);
        local.record(0, 200, 1_000);
        local.record(0, 500, 3_000);
        local.record_turn(20_000);
        local.observe(Operation::FrameDecode, 4_000);
        local.observe(Operation::HeadParse, 900_000_000);
        let totals = Totals::merge([local.snapshot()]);
        let process = ProcessUsage {
            user_seconds: 0.003,
            ..ProcessUsage::default()
        };
        let profile = Profile::new(&totals, &clock, &process, Started::mark());
        let value = serde_json::to_value(&profile).unwrap();

        let operations = value["operations"].as_array().unwrap();
        assert_eq!(operations.len(), Operation::live().count());
        let find = |name: &str| operations.iter().find(|row| row["name"] == name).unwrap();
        let decode = find("frame_decode");
        assert_eq!(decode["targetNs"], 50.0);
        assert_eq!(decode["goalNs"], 5.0);
        assert_eq!(
            (&decode["count"], &decode["samples"]),
            (&1.into(), &1.into())
        );
        let median = decode["p50Ns"].as_f64().unwrap();
        assert!((median - 4.0).abs() < 0.04, "{median}");
        assert_eq!(decode["verdict"], "goal");
        assert_eq!(find("head_parse")["verdict"], "missed");
        assert_eq!(find("config_read")["targetNs"], 0.5);
        assert_eq!(find("config_read")["verdict"], "unmeasured");
        assert_eq!(find("config_read").get("p50Ns"), None);
        let is_listed = |name: &str| operations.iter().any(|row| row["name"] == name);
        assert!(!is_listed("trace_make"), "measured by the benchmark only");

        let routes = value["routes"].as_array().unwrap();
        assert_eq!(routes.len(), 1, "an idle route is not listed");
        assert_eq!(routes[0]["route"], "/health");
        assert_eq!(
            (&routes[0]["count"], &routes[0]["serverErrors"]),
            (&2.into(), &1.into())
        );
        assert!(routes[0]["p999Ns"].as_f64().unwrap() >= 2_980.0);
        assert_eq!(value["shards"][0]["turns"], 1);
        assert_eq!(value["cpu"]["microsecondsPerRequest"], 1500.0);
    }

    #[test]
    fn an_idle_server_has_a_profile() {
        let clock = Clock::calibrate();
        let totals = Totals::merge([Local::new(0, clock, &ROUTES).snapshot()]);
        let usage = ProcessUsage::default();
        let profile = Profile::new(&totals, &clock, &usage, Started::mark());
        let value = serde_json::to_value(&profile).unwrap();
        assert_eq!(value["cpu"]["microsecondsPerRequest"], Value::Null);
        assert_eq!(value["shards"][0]["turn"]["p50Ns"], 0.0);
    }
}
