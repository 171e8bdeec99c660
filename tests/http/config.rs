//! `/api/config` as PROTOCOL.md has it: read, changed in part, all or nothing, only if unchanged.

use std::collections::HashSet;
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};

use crate::support::http::{Connection, Reply, fetch, post_json, send};
use crate::support::server::Server;

const TARGET: &str = "/api/config";

fn post(server: &Server, headers: &[(&str, &str)], body: &str) -> Reply {
    send(server.api(), "POST", TARGET, headers, body.as_bytes())
}

fn state(server: &Server) -> Value {
    fetch(server.api(), TARGET).json()
}

#[test]
fn the_defaults_are_read() {
    let server = Server::start();
    let reply = fetch(server.api(), TARGET);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(
        reply.json(),
        json!({
            "version": 1, "registryHash": 2_712_847_316_u32, "featureFlags": 7,
            "terminalMode": 2, "rows": 24, "cols": 80, "reserved": 0,
            "dump": "0x01a1b2c3d40000000702185000", "sequence": 0,
        })
    );
}

#[test]
fn a_part_is_changed_and_numbered() {
    let server = Server::start();
    let reply = post_json(server.api(), TARGET, &json!({"rows": 50, "cols": 132}));
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json(), json!({"success": true, "sequence": 1}));
    let hash = json!({"registryHash": "0xDEADBEEF", "featureFlags": "0x7ff"});
    assert_eq!(post_json(server.api(), TARGET, &hash).json()["sequence"], 2);
    let state = state(&server);
    assert_eq!(state["dump"], "0x01deadbeef000007ff02328400");
    assert_eq!(
        (&state["rows"], &state["sequence"]),
        (&json!(50), &json!(2))
    );
}

#[test]
fn an_etag_tells_whether_it_changed() {
    let server = Server::start();
    let mut connection = Connection::open(server.api());
    let mut read = |tags: &str| {
        let headers = [("If-None-Match", tags)];
        connection.request("GET", TARGET, &headers, b"").unwrap()
    };
    let etag = read("\"other\"").header("etag").unwrap().to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    for tags in [&etag, &format!("\"x\", W/{etag}"), "*"] {
        let reply = read(tags);
        assert_eq!(
            (reply.status, reply.header("etag")),
            (304, Some(&*etag)),
            "{tags}"
        );
        assert_eq!(reply.header("content-length"), None);
    }
    post_json(server.api(), TARGET, &json!({"rows": 25}));
    let reply = read(&etag);
    assert_eq!(reply.status, 200);
    assert_ne!(reply.header("etag"), Some(&*etag));
    // The same bytes under another number are another state.
    post_json(server.api(), TARGET, &json!({"rows": 24}));
    assert_eq!(read(&etag).status, 200);
}

#[test]
fn a_change_can_ask_that_nobody_was_faster() {
    let server = Server::start();
    let first = fetch(server.api(), TARGET);
    let etag = first.header("etag").unwrap();
    let change = r#"{"rows": 25}"#;
    assert_eq!(
        post(&server, &[("If-Match", "\"other\"")], change).status,
        412
    );
    assert_eq!(state(&server)["rows"], 24);
    let weak = format!("W/{etag}");
    assert_eq!(post(&server, &[("If-Match", &weak)], change).status, 412);
    let list = [("If-Match", "\"other\""), ("If-Match", etag)];
    assert_eq!(post(&server, &list, change).status, 200);
    assert_eq!(post(&server, &[("If-Match", etag)], change).status, 412);
    assert_eq!(post(&server, &[("If-Match", "*")], change).status, 200);
}

/// Body, and the fields at fault.
const FAULTY: &[(&str, &[&str])] = &[
    (r#"{"rows": 0}"#, &["rows"]),
    (r#"{"rows": 256, "cols": 0}"#, &["rows", "cols"]),
    (r#"{"rows": 30, "colour": 1}"#, &["colour"]),
    (r#"{"rows": 30, "rows": 31}"#, &["rows"]),
    (
        r#"{"featureFlags": 2048, "terminalMode": 4, "reserved": 1}"#,
        &["featureFlags", "terminalMode", "reserved"],
    ),
    (
        r#"{"version": -1, "registryHash": "0x1g", "rows": 1.5}"#,
        &["version", "registryHash", "rows"],
    ),
    (r#"{"version": "1", "cols": null}"#, &["version", "cols"]),
    (r#"{"dump": "0x00"}"#, &["dump"]),
    ("{}", &[""]),
];

#[test]
fn every_faulty_field_is_told_and_nothing_is_changed() {
    let server = Server::start();
    let before = state(&server);
    for (body, fields) in FAULTY {
        let reply = post(&server, &[], body);
        assert_eq!(reply.status, 422, "{body}");
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json")
        );
        let problem = reply.json();
        let told: Vec<&str> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["pointer"].as_str().unwrap().trim_start_matches('/'))
            .collect();
        assert_eq!(told, *fields, "{body}");
    }
    assert_eq!(state(&server), before);
}

#[test]
fn what_is_no_object_is_malformed() {
    let server = Server::start();
    for body in [
        "x",
        "[]",
        "1",
        "\"rows\"",
        "{\"rows\": 30",
        "{\"rows\": 30} x",
        "\u{feff}{}",
    ] {
        let reply = post(&server, &[], body);
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(reply.json()["status"], 400);
    }
    assert_eq!(post(&server, &[], "").status, 400);
    assert_eq!(state(&server)["sequence"], 0);
}

#[test]
fn a_body_has_a_bound() {
    let server = Server::start();
    let padded = |bytes: usize| format!("{:bytes$}", r#"{"rows": 30}"#);
    assert_eq!(post(&server, &[], &padded(4096)).status, 200);
    assert_eq!(post(&server, &[], &padded(4097)).status, 413);
}

#[test]
fn writes_have_a_rate() {
    let rate = [("THIRTEEN_RATE_WRITES_PER_MINUTE", "5")];
    let server = Server::start_with(&[], &rate);
    let statuses: Vec<u16> = (0..8)
        .map(|index| post_json(server.api(), TARGET, &json!({"rows": 30 + index})).status)
        .collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429, 429, 429]);
    let refused = post_json(server.api(), TARGET, &json!({"rows": 99}));
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    // The window slides: hits at its start weigh until the end of the next.
    assert!((1..=120).contains(&seconds), "{seconds}");
    assert_eq!(state(&server)["rows"], 34, "reading has no rate");
}

#[test]
fn who_may_write_is_a_setting() {
    let forwarded = [("X-Forwarded-For", "192.0.2.1")];
    for (policy, direct, through_proxy) in [
        ("loopback", 200, 403),
        ("token", 403, 403),
        ("open", 200, 200),
    ] {
        let server = Server::start_with(&[], &[("THIRTEEN_STATE_WRITE", policy)]);
        assert_eq!(
            post(&server, &[], r#"{"rows": 30}"#).status,
            direct,
            "{policy}"
        );
        let reply = post(&server, &forwarded, r#"{"rows": 31}"#);
        assert_eq!(reply.status, through_proxy, "{policy}");
    }
}

#[test]
fn pages_of_others_may_not_write() {
    let server = Server::start();
    let ours = format!("http://{}", server.api());
    for (origin, status) in [(&*ours, 200), ("http://evil.example", 403), ("null", 403)] {
        let reply = post(&server, &[("Origin", origin)], r#"{"rows": 30}"#);
        assert_eq!(reply.status, status, "{origin}");
    }
    assert_eq!(state(&server)["sequence"], 1);
}

/// The protocol's headers as they came, in order.
fn ours(reply: &Reply) -> Vec<(&str, &str)> {
    let headers = reply.headers.iter();
    headers
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| name.to_ascii_lowercase().starts_with("x-bun-"))
        .collect()
}

#[test]
fn replies_carry_the_state_and_the_clients_request_id() {
    let server = Server::start();
    let id = ("X-Bun-Request-ID", "0123456789abcdef");
    let read = |headers: &[(&str, &str)]| send(server.api(), "GET", TARGET, headers, b"");
    let first = read(&[id]);
    let expected = [
        ("X-Bun-Config-Version", "1"),
        ("X-Bun-Registry-Hash", "0xa1b2c3d4"),
        ("X-Bun-Feature-Flags", "0x00000007"),
        ("X-Bun-Terminal-Mode", "2"),
        ("X-Bun-Terminal-Rows", "24"),
        ("X-Bun-Terminal-Cols", "80"),
        ("X-Bun-Config-Dump", "0x01a1b2c3d40000000702185000"),
        id,
    ];
    assert_eq!(ours(&first), expected);
    let etag = first.header("etag").unwrap();
    let same = read(&[id, ("If-None-Match", etag)]);
    assert_eq!((same.status, ours(&same)), (304, expected.to_vec()));
    let changed = post(&server, &[id], r#"{"rows": 50}"#);
    assert_eq!(changed.status, 200);
    assert_eq!(changed.header("x-bun-terminal-rows"), Some("50"));
    assert_eq!(changed.header("x-bun-request-id"), Some(id.1));
    // What the server says it also takes.
    let said = read(&[]);
    assert_eq!(read(&ours(&said)).status, 200);
}

#[test]
fn requests_without_an_id_get_one_each() {
    let server = Server::start();
    let ids: HashSet<String> = (0..20)
        .map(|_| {
            let reply = fetch(server.api(), TARGET);
            reply.header("x-bun-request-id").unwrap().to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 20);
    let is_hex = |id: &String| id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit());
    assert!(ids.iter().all(is_hex), "{ids:?}");
}

#[test]
fn every_faulty_header_is_told_and_counted() {
    let server = Server::start();
    let token = "not-a-token-but-a-secret";
    let headers = [
        ("x-bun-nothing", "1"),
        ("X-Bun-Terminal-Rows", "0"),
        ("X-Bun-Proxy-Token", token),
        ("X-Bun-Request-ID", "7"),
    ];
    let replies = [
        send(server.api(), "GET", TARGET, &headers, b""),
        post(&server, &headers, r#"{"rows": 50}"#),
    ];
    for reply in replies {
        assert_eq!(reply.status, 400);
        assert_eq!(reply.header("content-type"), Some("application/json"));
        let body = reply.json();
        assert_eq!(body["error"], "Invalid proxy headers");
        let told: Vec<_> = body["validationErrors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| {
                assert_eq!(fault["error"], "ProxyHeaderError");
                assert!(!fault["message"].as_str().unwrap().is_empty());
                ["code", "header", "value"].map(|key| fault[key].as_str().unwrap().to_owned())
            })
            .collect();
        let expected = [
            ["UNKNOWN_HEADER", "x-bun-nothing", "1"],
            ["OUT_OF_RANGE", "X-Bun-Terminal-Rows", "0"],
            ["INVALID_TOKEN", "X-Bun-Proxy-Token", &token[..20]],
            ["INVALID_FORMAT", "X-Bun-Request-ID", "7"],
        ];
        assert_eq!(told, expected);
        assert!(ours(&reply).is_empty(), "a refusal tells no state");
    }
    assert_eq!(state(&server)["sequence"], 0, "nothing was changed");
    let metrics = fetch(server.ops(), "/metrics");
    let counted = "thirteen_faults_total{kind=\"config_headers\"} 2\n";
    assert!(metrics.text().contains(counted), "{}", metrics.text());
}

#[test]
fn of_two_writers_that_read_the_same_exactly_one_wins() {
    let rate = [("THIRTEEN_RATE_WRITES_PER_MINUTE", "10000")];
    let server = Server::start_with(&[], &rate);
    let bodies = [r#"{"rows": 30}"#, r#"{"cols": 90}"#];
    let mut writers = bodies.map(|body| (Connection::open(server.api()), body));
    for round in 1..=ROUNDS {
        let read = fetch(server.api(), TARGET);
        let headers = [("If-Match", read.header("etag").unwrap())];
        let start = Barrier::new(writers.len());
        let write = |(connection, body): &mut (Connection, &str)| {
            start.wait();
            let reply = connection.request("POST", TARGET, &headers, body.as_bytes());
            reply.unwrap().status
        };
        let [first, second] = &mut writers;
        let mut statuses = thread::scope(|scope| {
            let other = scope.spawn(|| write(second));
            [write(first), other.join().unwrap()]
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412], "round {round}");
        assert_eq!(state(&server)["sequence"], round);
    }
}

/// Enough for the writers to meet between a read and the owner many times.
const ROUNDS: u32 = 100;

#[test]
fn switches_by_the_command_line_at_the_same_time_are_all_made() {
    let server = Server::start();
    let url = format!("http://{}", server.api());
    let switches = FEATURES_OFF.map(|feature| {
        Command::new(env!("CARGO_BIN_EXE_thirteen"))
            .args(["config", "feature", "enable", feature, "--server", &url])
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    });
    for mut switch in switches {
        assert!(switch.wait().unwrap().success());
    }
    let state = state(&server);
    assert_eq!(state["featureFlags"], 0x7ff);
    assert_eq!(state["sequence"], FEATURES_OFF.len());
}

/// Those that the default configuration does not have.
const FEATURES_OFF: [&str; 8] = [
    "BETA_API",
    "DISABLE_BINLINKING",
    "DISABLE_IGNORE_SCRIPTS",
    "TERMINAL_RAW",
    "DISABLE_ISOLATED_LINKER",
    "TYPES_MYCOMPANY",
    "MOCK_S3",
    "FAST_CACHE",
];
