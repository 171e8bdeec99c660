//! The JSON bodies that say how the server is: `/health`, `/livez`, `/readyz` and two reports.

use serde::Serialize;
use thirteen_kernels::config::ConfigState;

use super::date::rfc3339_ms;
use super::process::ProcessUsage;
use super::trace_id::hex;

/// What `/health` tells, on every door.
#[derive(Clone, Copy, Debug)]
pub struct Health {
    /// Whether the server takes new work.
    pub state: HealthState,
    /// The configuration that this shard serves.
    pub config: ConfigState,
    /// Since the configuration last changed, or since the start.
    pub config_uptime_ms: u64,
    /// Since the start.
    pub uptime_ms: u64,
    /// Open WebSocket sessions.
    pub websockets: u64,
    /// The time of the reply.
    pub unix_ms: u64,
}

/// Whether the server takes new work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthState {
    /// It does.
    Healthy,
    /// It finishes what it has and then ends.
    Draining,
}

/// The most that `Health::write` appends.
pub const HEALTH_BYTES_MAX: usize = 256;

/// The body of `/livez`: that it is sent is the answer.
pub const LIVE: &[u8] = br#"{"status":"alive"}"#;

/// One condition of readiness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// `shards`, `drain`, `disk`, …
    pub name: &'static str,
    /// How it stands.
    pub outcome: CheckOutcome,
}

/// How a condition of readiness stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// As it should.
    Pass,
    /// Not ready for this reason.
    Fail(&'static str),
}

/// `GET /api/health`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthReport {
    /// `healthy`, or the worst of the services.
    pub status: ServiceState,
    /// RFC 3339.
    pub timestamp: String,
    /// Seconds since the start.
    pub uptime: f64,
    /// Milliseconds that this report took.
    pub response_time: f64,
    /// The parts of the server.
    pub services: Services,
    /// `development` or `production`.
    pub environment: &'static str,
    /// Of the process.
    pub memory: Memory,
}

/// The services of `/api/health`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Services {
    /// The stores.
    pub database: ServiceState,
    /// The reply caches.
    pub cache: ServiceState,
    /// The WebSocket endpoint.
    pub websocket: ServiceState,
    /// The data folder.
    pub data: ServiceState,
}

/// How a service stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceState {
    /// This server runs without it.
    Absent,
    /// As it should be.
    Healthy,
    /// Works, not as it should.
    Degraded,
    /// Does not work.
    Down,
}

/// Memory in `/api/health`, in bytes.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// In RAM.
    pub resident: u64,
    /// The most that was in RAM.
    pub resident_max: u64,
}

/// `GET /api/v1/status`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusReport<'a> {
    /// The product's version.
    pub version: &'static str,
    /// Seconds since the start.
    pub uptime: f64,
    /// RFC 3339.
    pub timestamp: String,
    /// Requests that wait for their reply, over all doors.
    pub pending_requests: u64,
    /// Open WebSocket sessions, over all doors.
    pub websockets: u64,
    /// Door by door.
    pub doors: &'a [DoorStatus<'a>],
}

/// One door of `/api/v1/status`.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DoorStatus<'a> {
    /// `api`, `ops` or `registry`.
    pub name: &'static str,
    /// Where it listens.
    pub address: &'a str,
    /// Requests that wait for their reply.
    pub pending_requests: u64,
    /// Open WebSocket sessions.
    pub websockets: u64,
}

impl Health {
    /// Appends the body: at most `HEALTH_BYTES_MAX`, no allocation where there is room.
    /// Uptimes are seconds with three decimals, the timestamp is RFC 3339 in milliseconds.
    pub fn write(&self, body: &mut Vec<u8>) {
        let mut number = itoa::Buffer::new();
        body.extend_from_slice(b"{\"status\":\"");
        body.extend_from_slice(self.state.as_str().as_bytes());
        body.extend_from_slice(b"\",\"config\":{\"version\":");
        body.extend_from_slice(number.format(self.config.version()).as_bytes());
        body.extend_from_slice(b",\"registryHash\":\"0x");
        body.extend_from_slice(&hex(u64::from(self.config.registry_hash()))[8..]);
        body.extend_from_slice(b"\",\"uptime\":");
        write_seconds(body, self.config_uptime_ms);
        body.extend_from_slice(b"},\"connections\":{\"websocket\":");
        body.extend_from_slice(number.format(self.websockets).as_bytes());
        body.extend_from_slice(b",\"uptime\":");
        write_seconds(body, self.uptime_ms);
        body.extend_from_slice(b"},\"timestamp\":\"");
        body.extend_from_slice(&rfc3339_ms(self.unix_ms));
        body.extend_from_slice(b"\"}");
    }

    /// The status code of the reply: a drain takes the server out of rotation.
    pub fn http_status(&self) -> u16 {
        match self.state {
            HealthState::Healthy => 200,
            HealthState::Draining => 503,
        }
    }
}

impl HealthState {
    /// The word in the body.
    pub fn as_str(self) -> &'static str {
        match self {
            HealthState::Healthy => "healthy",
            HealthState::Draining => "draining",
        }
    }
}

/// Appends the body of `/readyz` and returns its status: 200 when every check passes, else 503.
pub fn write_ready(checks: &[Check], body: &mut Vec<u8>) -> u16 {
    let ready = checks
        .iter()
        .all(|check| check.outcome == CheckOutcome::Pass);
    let (status, word) = if ready {
        (200, "ready")
    } else {
        (503, "unready")
    };
    body.extend_from_slice(b"{\"status\":\"");
    body.extend_from_slice(word.as_bytes());
    body.extend_from_slice(b"\",\"checks\":{");
    for (position, check) in checks.iter().enumerate() {
        if position > 0 {
            body.push(b',');
        }
        let outcome = match check.outcome {
            CheckOutcome::Pass => "ok",
            CheckOutcome::Fail(reason) => reason,
        };
        write_json(check.name, body);
        body.push(b':');
        write_json(outcome, body);
    }
    body.extend_from_slice(b"}}");
    status
}

impl HealthReport {
    /// A report; its status is the worst of the services'.
    pub fn new(
        services: Services,
        environment: &'static str,
        usage: &ProcessUsage,
        timing: ReportTiming,
    ) -> HealthReport {
        let Services {
            database,
            cache,
            websocket,
            data,
        } = services;
        let worst = database.max(cache).max(websocket).max(data);
        HealthReport {
            status: worst.max(ServiceState::Healthy),
            timestamp: timestamp(timing.unix_ms),
            uptime: seconds(timing.uptime_ms),
            response_time: timing.elapsed_ns as f64 / 1e6,
            services,
            environment,
            memory: Memory {
                resident: usage.resident_bytes,
                resident_max: usage.resident_bytes_max,
            },
        }
    }

    /// 503 when a service is down.
    pub fn http_status(&self) -> u16 {
        match self.status {
            ServiceState::Absent | ServiceState::Healthy | ServiceState::Degraded => 200,
            ServiceState::Down => 503,
        }
    }
}

/// The times in a `HealthReport`.
#[derive(Clone, Copy, Debug)]
pub struct ReportTiming {
    /// The wall clock.
    pub unix_ms: u64,
    /// Since the start.
    pub uptime_ms: u64,
    /// That gathering the report took.
    pub elapsed_ns: u64,
}

/// RFC 3339 in milliseconds.
pub fn timestamp(unix_ms: u64) -> String {
    rfc3339_ms(unix_ms).map(char::from).iter().collect()
}

/// Seconds as JSON numbers carry them.
pub fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}

fn write_seconds(body: &mut Vec<u8>, milliseconds: u64) {
    let mut number = itoa::Buffer::new();
    body.extend_from_slice(number.format(milliseconds / 1000).as_bytes());
    let rest = (milliseconds % 1000) as u32;
    let digits = [rest / 100, rest / 10 % 10, rest % 10].map(|digit| b'0' + digit as u8);
    body.push(b'.');
    body.extend_from_slice(&digits);
}

fn write_json(text: &str, body: &mut Vec<u8>) {
    serde_json::to_writer(body, text).expect("a Vec takes every write and text is JSON");
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use thirteen_kernels::config::Field;

    use super::*;

    fn health() -> Health {
        Health {
            state: HealthState::Healthy,
            config: ConfigState::DEFAULT,
            config_uptime_ms: 1_007,
            uptime_ms: 3_600_042,
            websockets: 17,
            unix_ms: 1_700_000_000_123,
        }
    }

    #[test]
    fn health_has_the_documented_shape() {
        let mut body = Vec::new();
        health().write(&mut body);
        let expected = concat!(
            r#"{"status":"healthy","config":{"version":1,"registryHash":"0xa1b2c3d4","#,
            r#""uptime":1.007},"connections":{"websocket":17,"uptime":3600.042},"#,
            r#""timestamp":"2023-11-14T22:13:20.123Z"}"#,
        );
        assert_eq!(std::str::from_utf8(&body).unwrap(), expected);
        serde_json::from_slice::<Value>(&body).unwrap();
        assert_eq!(health().http_status(), 200);
    }

    #[test]
    fn the_longest_health_fits_and_stays_json() {
        let config = ConfigState::DEFAULT.with(Field::Version, 255).unwrap();
        let config = config.with(Field::RegistryHash, 0xff).unwrap();
        let longest = Health {
            state: HealthState::Draining,
            config,
            config_uptime_ms: u64::MAX,
            uptime_ms: u64::MAX,
            websockets: u64::MAX,
            unix_ms: u64::MAX,
        };
        let mut body = Vec::with_capacity(HEALTH_BYTES_MAX);
        let place = body.as_ptr();
        longest.write(&mut body);
        assert_eq!(body.as_ptr(), place, "it was moved to grow");
        assert!(body.len() <= HEALTH_BYTES_MAX);
        let value: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(value["status"], "draining");
        assert_eq!(value["config"]["registryHash"], "0x000000ff");
        assert_eq!(value["connections"]["websocket"], u64::MAX);
        assert_eq!(longest.http_status(), 503);
    }

    #[test]
    fn readiness_names_what_is_missing() {
        let pass = |name| Check {
            name,
            outcome: CheckOutcome::Pass,
        };
        let mut body = Vec::new();
        assert_eq!(
            write_ready(&[pass("shards"), pass("drain")], &mut body),
            200
        );
        let value: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            value,
            json!({"status": "ready", "checks": {"shards": "ok", "drain": "ok"}})
        );

        body.clear();
        let full = Check {
            name: "disk",
            outcome: CheckOutcome::Fail("less than 1 % is free"),
        };
        assert_eq!(write_ready(&[pass("shards"), full], &mut body), 503);
        let value: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(value["status"], "unready");
        assert_eq!(value["checks"]["disk"], "less than 1 % is free");

        body.clear();
        assert_eq!(write_ready(&[], &mut body), 200);
        serde_json::from_slice::<Value>(&body).unwrap();
    }

    #[test]
    fn a_report_is_as_well_as_its_worst_service() {
        let report = |database, websocket| {
            let services = Services {
                database,
                cache: ServiceState::Absent,
                websocket,
                data: ServiceState::Healthy,
            };
            let usage = ProcessUsage {
                resident_bytes: 4096,
                ..ProcessUsage::default()
            };
            let timing = ReportTiming {
                unix_ms: 1_700_000_000_000,
                uptime_ms: 1500,
                elapsed_ns: 250_000,
            };
            HealthReport::new(services, "development", &usage, timing)
        };
        for (database, websocket, worst, status) in [
            (ServiceState::Absent, ServiceState::Healthy, "healthy", 200),
            (
                ServiceState::Degraded,
                ServiceState::Healthy,
                "degraded",
                200,
            ),
            (ServiceState::Degraded, ServiceState::Down, "down", 503),
        ] {
            let report = report(database, websocket);
            assert_eq!(report.http_status(), status);
            let value = serde_json::to_value(&report).unwrap();
            assert_eq!(value["status"], worst);
            assert_eq!(value["uptime"], 1.5);
            assert_eq!(value["responseTime"], 0.25);
            assert_eq!(value["services"]["cache"], "absent");
            assert_eq!(value["memory"]["resident"], 4096);
            assert_eq!(value["timestamp"], "2023-11-14T22:13:20.000Z");
        }
    }
}
