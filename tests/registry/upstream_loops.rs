//! Servers that are each other's upstream: what neither has is soon told.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::support::http::{Connection, fetch};
use super::support::server::Server;
use super::support::upstream::{Act, Upstream};

/// An address that leads to another one, which is told later.
struct Relay {
    address: SocketAddr,
    goal: Arc<OnceLock<SocketAddr>>,
}

impl Relay {
    fn start() -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let goal = Arc::new(OnceLock::new());
        let told = goal.clone();
        thread::spawn(move || {
            for here in listener.incoming() {
                let there = TcpStream::connect(told.get().unwrap()).unwrap();
                join(here.unwrap(), there);
            }
        });
        Relay { address, goal }
    }
}

fn join(here: TcpStream, there: TcpStream) {
    let ways = [
        (here.try_clone().unwrap(), there.try_clone().unwrap()),
        (there, here),
    ];
    for (mut from, mut to) in ways {
        thread::spawn(move || {
            // Whichever side ends, the other one hears of it.
            let _ended = io::copy(&mut from, &mut to);
            let _gone = to.shutdown(Shutdown::Write);
        });
    }
}

fn server(upstream: SocketAddr) -> Server {
    let url = format!("http://{upstream}");
    let upstreams = json!([{ "url": url, "hash": 0, "allowPrivate": true, "timeoutMs": 60_000 }]);
    let upstreams = upstreams.to_string();
    Server::start_with(
        &[],
        &[
            ("UPSTREAMS", &*upstreams),
            ("UPSTREAM_FALLBACK", ""),
            ("THIRTEEN_RATE_REGISTRY_READS_PER_MINUTE", "0"),
        ],
    )
}

/// Two that ask each other.
fn pair() -> (Server, Server) {
    let relay = Relay::start();
    let one = server(relay.address);
    let other = server(one.registry());
    relay.goal.set(other.registry()).unwrap();
    (one, other)
}

#[test]
fn a_name_that_two_ask_each_other_for_is_a_loop() {
    let (one, other) = pair();
    let began = Instant::now();
    for path in ["/nowhere", "/gone/-/gone-1.0.0.tgz", "/-/npm/v1/keys"] {
        assert_eq!(fetch(one.registry(), path).status, 508, "{path}");
        assert_eq!(fetch(other.registry(), path).status, 508, "{path}");
    }
    let reply = fetch(one.registry(), "/-/v1/search?text=nothing");
    assert_eq!((reply.status, &reply.json()["total"]), (200, &json!(0)));
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

#[test]
fn those_who_ask_both_at_once_do_not_wait_for_each_other() {
    let (one, other) = pair();
    let began = Instant::now();
    thread::scope(|scope| {
        for number in 0..16 {
            let path = format!("/both{}", number / 4);
            let address = [&one, &other][number % 2].registry();
            scope.spawn(move || assert_eq!(fetch(address, &path).status, 508));
        }
    });
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

#[test]
fn an_upstream_hears_whom_a_request_came_through() {
    let upstream = Upstream::start();
    upstream.publish("a", "1.0.0");
    let bulk = "/-/npm/v1/security/advisories/bulk";
    upstream.script(bulk, [Act::reply(200, "{}")]);
    let server = server(upstream.address());
    let headers = [("Via", "1.0 first, 1.1 second"), ("Via", "1.1 third")];
    let mut connection = Connection::open(server.registry());
    for path in [
        "/a",
        "/a/-/a-1.0.0.tgz",
        "/-/npm/v1/keys",
        "/-/v1/search?text=x",
    ] {
        connection.request("GET", path, &headers, b"").unwrap();
    }
    let body = br#"{"a":["1.0.0"]}"#;
    let reply = connection.request("POST", bulk, &headers, body).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let asked = upstream.all_asked();
    assert_eq!(asked.len(), 5);
    for asked in asked {
        let via = asked.header("via").unwrap();
        let before = "1.0 first, 1.1 second, 1.1 third, 1.1 thirteen-";
        assert!(via.starts_with(before), "{}: {via}", asked.path);
    }
    let long = "1.1 another-server, ".repeat(200);
    let headers = [("Via", long.as_str())];
    let reply = connection.request("GET", "/b", &headers, b"").unwrap();
    assert_eq!(reply.status, 508);
}

/// Long before any patience ends.
const SOON: Duration = Duration::from_secs(20);
