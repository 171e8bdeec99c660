//! Walks the route tables: every route has its row here, and is tried as each row has to be.

use std::net::SocketAddr;

use thirteen::http::{Handler, method_name};
use thirteen::routes::{DOORS, tables};
use thirteen_kernels::http::Method;

use crate::support::http::{Connection, send};
use crate::support::server::Server;

/// What a route answers a request that it was made for.
struct Row {
    door: &'static str,
    method: &'static str,
    path: &'static str,
    /// The target with its parameters and query.
    target: &'static str,
    body: &'static str,
    status: u16,
    content_type: Option<&'static str>,
    /// Whether a request that came through a proxy is answered 403.
    is_local: Local,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Local {
    No,
    Yes,
}

const fn read(door: &'static str, path: &'static str, content_type: &'static str) -> Row {
    Row {
        door,
        method: "GET",
        path,
        target: path,
        body: "",
        status: 200,
        content_type: Some(content_type),
        is_local: Local::No,
    }
}

const JSON: &str = "application/json";

/// Rooms whose rows `tests/api` and `tests/registry` walk.
const WALKED_ELSEWHERE: [&str; 5] = [
    "thirteen::commerce::",
    "thirteen::dashboard::",
    "thirteen::vault::",
    "thirteen::proxy::",
    "thirteen::registry::",
];

/// In the order of the tables.
const ROWS: &[Row] = &[
    read("api", "/health", JSON),
    read("api", "/livez", JSON),
    read("api", "/readyz", JSON),
    read("api", "/api/v1/status", JSON),
    read("api", "/api/v1/openapi.json", JSON),
    read("api", "/api/config", JSON),
    Row {
        method: "POST",
        body: r#"{"rows": 30}"#,
        is_local: Local::Yes,
        ..read("api", "/api/config", JSON)
    },
    Row {
        status: 101,
        content_type: None,
        ..read("api", "/_ws/config", "")
    },
    read("api", "/.well-known/jwks.json", JSON),
    read("ops", "/health", JSON),
    read("ops", "/livez", JSON),
    read("ops", "/readyz", JSON),
    read("ops", "/api/health", JSON),
    read(
        "ops",
        "/metrics",
        "text/plain; version=0.0.4; charset=utf-8",
    ),
    read("ops", "/api/profile/metrics", JSON),
    Row {
        // A length that is refused: the capture itself has its own test.
        target: "/api/profile/flamegraph?seconds=0",
        status: 422,
        is_local: Local::Yes,
        ..read("ops", "/api/profile/flamegraph", "application/problem+json")
    },
    read("registry", "/health", JSON),
    read("registry", "/livez", JSON),
    read("registry", "/readyz", JSON),
];

const WEBSOCKET: &[(&str, &str)] = &[
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Protocol", "bun.config.v1"),
];

impl Row {
    fn name(&self) -> String {
        format!("{} {} {}", self.door, self.method, self.path)
    }

    fn address(&self, server: &Server) -> SocketAddr {
        match self.door {
            "api" => server.api(),
            "ops" => server.ops(),
            _ => server.registry(),
        }
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        if self.status == 101 { WEBSOCKET } else { &[] }
    }
}

#[test]
fn every_route_has_a_row() {
    let tables = DOORS.into_iter().zip(tables());
    let routes: Vec<String> = tables
        .flat_map(|(door, table)| {
            table
                .into_iter()
                .filter(|route| {
                    let mut rooms = WALKED_ELSEWHERE.iter();
                    // Packages of these names share the rows of the registry door.
                    let is_page = ["/health", "/livez", "/readyz"].contains(&route.path);
                    is_page || !rooms.any(|room| route.name.starts_with(room))
                })
                .map(move |route| format!("{door} {} {}", method_name(route.method), route.path))
        })
        .collect();
    let rows: Vec<String> = ROWS.iter().map(Row::name).collect();
    assert_eq!(routes, rows);
}

#[test]
fn every_route_answers_what_it_is_for() {
    let server = Server::start();
    for row in ROWS {
        let mut connection = Connection::open(row.address(&server));
        let reply = connection
            .request(row.method, row.target, row.headers(), row.body.as_bytes())
            .unwrap();
        assert_eq!(reply.status, row.status, "{}: {}", row.name(), reply.text());
        assert_eq!(
            reply.header("content-type"),
            row.content_type,
            "{}",
            row.name()
        );
    }
}

#[test]
fn every_read_answers_head() {
    let server = Server::start();
    for row in ROWS.iter().filter(|row| row.method == "GET") {
        let mut connection = Connection::open(row.address(&server));
        let reply = connection
            .request("HEAD", row.target, row.headers(), b"")
            .unwrap();
        // A WebSocket is opened with GET alone.
        let expected = if row.status == 101 { 405 } else { row.status };
        assert_eq!(reply.status, expected, "{}", row.name());
    }
}

#[test]
fn every_route_names_its_methods() {
    let server = Server::start();
    for row in ROWS {
        let allow = |method: &str, status: u16| {
            let reply = send(row.address(&server), method, row.target, &[], b"");
            assert_eq!(reply.status, status, "{method}: {}", row.name());
            reply.header("allow").unwrap().to_owned()
        };
        let methods = allow("OPTIONS", 204);
        for method in ["DELETE", "PATCH", "TRACE", "BREW"] {
            assert_eq!(allow(method, 405), methods);
        }
        assert!(
            methods.split(", ").any(|method| method == row.method),
            "{methods}"
        );
    }
}

#[test]
fn every_route_has_a_bound_for_bodies() {
    let server = Server::start();
    let tables = DOORS.into_iter().zip(tables());
    let routes = tables.flat_map(|(_, table)| table);
    for (row, route) in ROWS.iter().zip(routes) {
        let body = vec![b' '; route.body_bytes_max as usize + 1];
        let reply = send(
            row.address(&server),
            row.method,
            row.target,
            row.headers(),
            &body,
        );
        assert_eq!(reply.status, 413, "{}", row.name());
        assert_eq!(reply.header("connection"), Some("close"));
    }
}

#[test]
fn local_routes_are_closed_to_those_who_come_through_a_proxy() {
    let server = Server::start();
    for row in ROWS {
        let mut headers = row.headers().to_vec();
        headers.push(("X-Forwarded-For", "192.0.2.1"));
        let mut connection = Connection::open(row.address(&server));
        let reply = connection
            .request(row.method, row.target, &headers, row.body.as_bytes())
            .unwrap();
        let expected = match row.is_local {
            Local::Yes => 403,
            Local::No => row.status,
        };
        assert_eq!(reply.status, expected, "{}", row.name());
    }
}

#[test]
fn websockets_follow_the_configuration() {
    let server = Server::start();
    let lives: Vec<&str> = tables()
        .iter()
        .flatten()
        .filter(|route| matches!(route.handler, Handler::Live(_)))
        .inspect(|route| assert_eq!(route.method, Method::Get))
        .map(|route| route.path)
        .collect();
    let rows = ROWS.iter().filter(|row| row.status == 101);
    assert_eq!(lives, rows.map(|row| row.path).collect::<Vec<_>>());
    for path in lives {
        let refused = Connection::open(server.api())
            .request("GET", path, &WEBSOCKET[..4], b"")
            .unwrap();
        assert_eq!(refused.status, 400);
        assert_eq!(refused.text(), "Subprotocol bun.config.v1 required");
        assert_eq!(
            refused.header("sec-websocket-protocol"),
            Some("bun.config.v1")
        );
        let ours = format!("http://{}", server.api());
        for (origin, status) in [(&*ours, 101), ("http://evil.example", 403), ("null", 403)] {
            let mut headers = WEBSOCKET[..4].to_vec();
            headers.push(("Sec-WebSocket-Protocol", "chat, bun.config.v1"));
            headers.push(("Origin", origin));
            let reply = Connection::open(server.api())
                .request("GET", path, &headers, b"")
                .unwrap();
            assert_eq!(reply.status, status, "{origin}");
        }
    }
}
