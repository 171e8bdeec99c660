//! What operators read: health, readiness, status, metrics, profiles.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::autobahn::cases::{Fin, frame};
use crate::sockets;
use crate::support::http::{Connection, fetch, post_json, send};
use crate::support::server::Server;
use crate::wire::{connect, eventually, read_to_end};

#[test]
fn health_is_on_every_door() {
    let server = Server::start();
    for door in [server.api(), server.ops(), server.registry()] {
        let reply = fetch(door, "/health");
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("content-type"), Some("application/json"));
        let health = reply.json();
        assert_eq!(health["status"], "healthy");
        assert_eq!(health["config"]["version"], 1);
        assert_eq!(health["config"]["registryHash"], "0xa1b2c3d4");
        assert_eq!(health["connections"]["websocket"], 0);
        assert!(health["connections"]["uptime"].as_f64().unwrap() > 0.0);
        let timestamp = health["timestamp"].as_str().unwrap();
        assert!(
            timestamp.ends_with('Z') && timestamp.len() == 24,
            "{timestamp}"
        );
        assert_eq!(fetch(door, "/livez").json()["status"], "alive");
        let ready = fetch(door, "/readyz");
        assert_eq!(
            (ready.status, ready.json()["status"].as_str()),
            (200, Some("ready"))
        );
        for check in ["state", "store", "disk", "shards", "drain"] {
            assert_eq!(ready.json()["checks"][check], "ok");
        }
    }
}

#[test]
fn health_follows_changes_and_websockets() {
    let server = Server::start();
    post_json(
        server.api(),
        "/api/config",
        &serde_json::json!({"version": 9}),
    );
    let _client = sockets::open(
        server.api(),
        "/_ws/config",
        "Sec-WebSocket-Protocol: bun.config.v1\r\n",
    );
    eventually("a WebSocket in /health", || {
        let health = fetch(server.ops(), "/health").json();
        assert_eq!(health["config"]["version"], 9);
        health["connections"]["websocket"] == 1
    });
}

#[test]
fn status_tells_of_every_door() {
    let server = Server::start();
    let status = fetch(server.api(), "/api/v1/status").json();
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["pendingRequests"], 1, "the one that asks");
    assert_eq!(status["websockets"], 0);
    let doors = status["doors"].as_array().unwrap();
    let expected = [
        ("api", server.api(), 1),
        ("ops", server.ops(), 0),
        ("registry", server.registry(), 0),
    ];
    assert_eq!(doors.len(), expected.len());
    for (door, (name, address, pending)) in doors.iter().zip(expected) {
        assert_eq!(door["name"], name);
        assert_eq!(door["address"], address.to_string());
        assert_eq!(door["pendingRequests"], pending, "{name}");
    }
    assert_camel_case(&status);
}

/// One spelling for the names in every document.
fn assert_camel_case(value: &Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                assert!(!name.contains('_'), "{name}");
                assert_camel_case(value);
            }
        }
        Value::Array(values) => values.iter().for_each(assert_camel_case),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn reports_have_their_services() {
    let server = Server::start();
    let report = fetch(server.ops(), "/api/health").json();
    assert_eq!(report["status"], "healthy");
    assert_eq!(report["services"]["data"], "healthy");
    assert!(report["memory"]["resident"].as_u64().unwrap() > 1_000_000);
    assert_camel_case(&report);
}

#[test]
fn metrics_come_in_both_formats() {
    let server = Server::start();
    for _ in 0..3 {
        fetch(server.api(), "/health");
    }
    fetch(server.api(), "/nowhere");
    let read = |accept: &str| {
        let headers = [("Accept", accept)];
        send(server.ops(), "GET", "/metrics", &headers, b"")
    };
    let prometheus = read("text/plain;version=0.0.4");
    let content_type = prometheus.header("content-type").unwrap();
    assert!(content_type.starts_with("text/plain"), "{content_type}");
    assert!(!prometheus.text().contains("# EOF"));
    let open = read("application/openmetrics-text; version=1.0.0");
    let content_type = open.header("content-type").unwrap();
    assert!(
        content_type.starts_with("application/openmetrics-text"),
        "{content_type}"
    );
    assert!(open.text().ends_with("# EOF\n"));
    for page in [&prometheus, &open] {
        for line in [
            "bun_config_version 1",
            "bun_registry_hash 2712847316",
            "bun_feature_flags 7",
            "bun_terminal_mode 2",
        ] {
            assert!(page.text().lines().any(|other| other == line), "{line}");
        }
        let health = page.text().lines().find(|line| {
            line.starts_with("thirteen_http_request_duration_seconds_count")
                && line.contains("door=\"api\"")
                && line.contains("route=\"/health\"")
        });
        assert!(
            health.is_some_and(|line| line.ends_with(" 3")),
            "{health:?}"
        );
    }
}

#[test]
fn connections_are_counted_and_uncounted() {
    let server = Server::start();
    let lines = "Sec-WebSocket-Protocol: bun.config.v1\r\n";
    for _ in 0..3 {
        drop(sockets::open(server.api(), "/_ws/config", lines));
    }
    let mut scraper = Connection::open(server.ops());
    eventually("one connection, the scraper's", || {
        let page = scraper.request("GET", "/metrics", &[], b"").unwrap();
        let line = page
            .text()
            .lines()
            .find(|line| line.starts_with("thirteen_connections{"));
        line.unwrap().ends_with(" 1")
    });
}

#[test]
fn faults_and_frames_are_counted() {
    let server = Server::start();
    let head = "GET / HTTP/1.1\r\nno colon\r\n\r\n";
    let chunk = "POST /api/config HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n";
    for request in [head, chunk] {
        let mut stream = connect(server.api());
        stream.write_all(request.as_bytes()).unwrap();
        assert!(read_to_end(&mut stream).starts_with(b"HTTP/1.1 400 "));
    }
    let mut reset = Connection::open(server.api());
    reset.request("GET", "/health", &[], b"").unwrap();
    let at_once = Some(std::time::Duration::ZERO);
    socket2::SockRef::from(&*reset.stream())
        .set_linger(at_once)
        .unwrap();
    drop(reset);
    let protocol = "Sec-WebSocket-Protocol: bun.config.v1\r\n";
    let mut socket = sockets::open(server.api(), "/_ws/config", protocol);
    let too_short = frame(Fin::Yes, 0, 2, &[1, 2, 3]);
    let unmasked = [0x82, 0];
    socket.write_all(&too_short).unwrap();
    socket.write_all(&unmasked).unwrap();
    assert_eq!(sockets::read_to_close(&mut socket), Some(1002));
    let mut page = String::new();
    let count = |page: &str, name: &str| -> u64 {
        let line = page.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.rsplit(' ').next());
        value
            .unwrap_or_else(|| panic!("{name}: {page}"))
            .parse()
            .unwrap()
    };
    eventually("each fault once", || {
        page = fetch(server.ops(), "/metrics").text().to_owned();
        [
            "head_malformed",
            "body_malformed",
            "reset",
            "config_frame",
            "websocket_protocol",
        ]
        .iter()
        .all(|kind| count(&page, &format!("thirteen_faults_total{{kind=\"{kind}\"}}")) == 1)
    });
    assert_eq!(count(&page, "thirteen_websocket_frames_received_total"), 1);
    // The state at the start, the ERROR, and heartbeats.
    assert!(count(&page, "thirteen_websocket_frames_sent_total") >= 2);
}

#[test]
fn the_profile_names_operations_and_routes() {
    let server = Server::start();
    fetch(server.api(), "/health");
    let profile = fetch(server.ops(), "/api/profile/metrics").json();
    for part in ["operations", "routes", "shards"] {
        assert!(!profile[part].as_array().unwrap().is_empty(), "{part}");
    }
    assert_camel_case(&profile);
}

#[test]
fn a_flamegraph_is_for_the_operator_alone() {
    let server = Server::start();
    let target = "/api/profile/flamegraph?seconds=1";
    let headers = [("X-Forwarded-For", "192.0.2.1")];
    let reply = send(server.ops(), "GET", target, &headers, b"");
    assert_eq!(
        (reply.status, reply.json()["title"].as_str()),
        (403, Some("Forbidden"))
    );
    for query in ["seconds=0", "seconds=31", "seconds=x", "second=1"] {
        let target = format!("/api/profile/flamegraph?{query}");
        let reply = fetch(server.ops(), &target);
        assert_eq!(reply.status, 422, "{query}");
        assert_eq!(reply.json()["errors"].as_array().unwrap().len(), 1);
    }
    // A process that rests cannot be sampled: keep it busy until the picture is there.
    let is_over = AtomicBool::new(false);
    let api = server.api();
    let reply = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut connection = Connection::open(api);
            while !is_over.load(Ordering::Relaxed) {
                connection.request("GET", "/health", &[], b"").unwrap();
            }
        });
        let reply = fetch(server.ops(), target);
        is_over.store(true, Ordering::Relaxed);
        reply
    });
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("image/svg+xml"));
    assert!(reply.text().contains("<svg") && reply.text().contains("thirteen"));
}

#[test]
fn the_access_log_tells_each_request_and_its_trace() {
    let server = Server::start_with(&[], &[("THIRTEEN_LOG_ACCESS", "full")]);
    let headers = [
        (
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
        ("X-Bun-Request-ID", "0123456789abcdef"),
        ("X-Quantum-Id", "job-7"),
    ];
    let reply = send(server.api(), "GET", "/api/config?secret=1", &headers, b"");
    assert_eq!(reply.status, 200);
    server.await_log("/api/config");
    let log = server.log();
    let line = log
        .lines()
        .find(|line| line.contains("/api/config"))
        .unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    let expected = [
        ("door", "api"),
        ("method", "GET"),
        ("path", "/api/config"),
        ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("quantum_id", "job-7"),
        ("request_id", "0123456789abcdef"),
    ];
    for (key, value) in expected {
        assert_eq!(line[key], value, "{line}");
    }
    assert_eq!(line["status"], 200);
    assert!(!log.contains("secret"), "queries carry tokens");
}
