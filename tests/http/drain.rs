//! SIGTERM: what was sent on an open connection is answered, WebSockets are told, nobody new comes.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use crate::in_process::InProcess;
use crate::sockets;
use crate::support::http::{Connection, Reply, fetch};
use crate::support::server::Server;
use crate::wire::{connect, eventually, read_to_end, replies};

/// What clients saw. A request is lost when it was sent on an open connection and its whole reply
/// did not come, unless a reply that came before it was sent said `Connection: close`.
#[derive(Default)]
struct Tally {
    answered: AtomicU64,
    changed: AtomicU64,
    lost: AtomicU64,
}

/// Sends one burst of requests after the other on one connection until it is told to stop.
fn run_client(address: SocketAddr, burst: &[u8], count: usize, tally: &Tally) {
    let mut stream = connect(address);
    loop {
        if stream.write_all(burst).is_err() {
            tally.lost.fetch_add(count as u64, Ordering::Relaxed);
            return;
        }
        let (whole, ending) = read_replies(&mut stream, count);
        for reply in &whole {
            // Health and readiness say 503 while the server drains.
            assert!(matches!(reply.status, 200 | 503), "{}", reply.text());
            let is_change = reply.text().contains("\"success\":true");
            tally
                .changed
                .fetch_add(u64::from(is_change), Ordering::Relaxed);
        }
        tally
            .answered
            .fetch_add(whole.len() as u64, Ordering::Relaxed);
        let says_close = whole
            .last()
            .is_some_and(|reply| reply.header("connection") == Some("close"));
        if let Some(ending) = ending {
            let lost = count - whole.len();
            tally.lost.fetch_add(lost as u64, Ordering::Relaxed);
            return eprintln!("{lost} of {count} lost: {ending}");
        }
        if says_close {
            return assert_eq!(read_to_end(&mut stream), b"");
        }
    }
}

/// Reads so many replies, or fewer and why.
fn read_replies(stream: &mut TcpStream, count: usize) -> (Vec<Reply>, Option<ErrorKind>) {
    let mut received = Vec::new();
    let mut piece = [0; 16_384];
    loop {
        if let Ok(replies) = crate::wire::try_replies(&received)
            && replies.len() == count
        {
            return (replies, None);
        }
        match stream.read(&mut piece) {
            Ok(0) => return (replies(&received), Some(ErrorKind::UnexpectedEof)),
            Ok(bytes) => received.extend_from_slice(&piece[..bytes]),
            Err(error) => return (replies(&received), Some(error.kind())),
        }
    }
}

#[test]
fn a_drain_under_load_loses_no_request() {
    let rate = [("THIRTEEN_RATE_WRITES_PER_MINUTE", "1000000")];
    let mut server = Server::start_with(&["--shards", "2"], &rate);
    let address = server.api();
    let get = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
    let ready = "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n";
    let post = "POST /api/config HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n{\"rows\":33}";
    let mixed = [get, post, ready, get].concat();
    let clients = [
        (get.to_owned(), 1),
        (get.repeat(16), 16),
        (post.to_owned(), 1),
        (post.repeat(5), 5),
        (ready.to_owned(), 1),
        (mixed.repeat(3), 12),
    ];
    let tally = Tally::default();
    let exit = std::thread::scope(|scope| {
        for (burst, count) in &clients {
            for _ in 0..3 {
                let (burst, tally) = (burst.as_bytes(), &tally);
                scope.spawn(move || run_client(address, burst, *count, tally));
            }
        }
        eventually("load", || {
            tally.answered.load(Ordering::Relaxed) > 2000
                && tally.changed.load(Ordering::Relaxed) > 50
        });
        server.terminate()
    });
    assert_eq!(exit.status.code(), Some(0), "{exit:?}");
    assert!(!exit.stderr.contains("cut off"), "{}", exit.stderr);
    assert_eq!(tally.lost.load(Ordering::Relaxed), 0);
    // Each change that was made was told, and each that was told was made.
    server.restart();
    let sequence = fetch(server.api(), "/api/config").json()["sequence"].clone();
    assert_eq!(sequence, tally.changed.load(Ordering::Relaxed));
}

/// A connection amid a head, which holds a drain open.
fn begin(address: SocketAddr, target: &str) -> TcpStream {
    let mut stream = connect(address);
    let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

#[test]
fn a_server_that_drains_is_not_ready_and_takes_nobody_new() {
    let mut server = Server::start();
    let mut begun: Vec<(TcpStream, &str, u16)> = [
        (server.api(), "/readyz", 503),
        (server.ops(), "/readyz", 503),
        (server.registry(), "/health", 503),
        (server.ops(), "/livez", 200),
    ]
    .into_iter()
    .map(|(address, target, status)| (begin(address, target), target, status))
    .collect();
    let mut idle = Connection::open(server.api());
    // Answered by the shard after it has taken in the heads above.
    assert_eq!(
        idle.request("GET", "/readyz", &[], b"").unwrap().status,
        200
    );
    server.signal(Signal::TERM);
    server.await_log("draining");
    for address in [server.api(), server.ops(), server.registry()] {
        eventually("closed doors", || TcpStream::connect(address).is_err());
    }
    assert_eq!(
        idle.read_to_close().unwrap(),
        b"",
        "idle connections end in silence"
    );
    for (stream, target, status) in &mut begun {
        stream.write_all(b"\r\n").unwrap();
        let reply = replies(&read_to_end(stream)).remove(0);
        assert_eq!(reply.status, *status, "{target}");
        assert_eq!(reply.header("connection"), Some("close"));
        assert!(
            *target != "/readyz" || reply.json()["checks"]["drain"] == "draining",
            "{}",
            reply.text()
        );
    }
    let exit = server.wait();
    assert_eq!(exit.status.code(), Some(0), "{exit:?}");
    assert!(!server.data().join("doors.json").exists());
}

#[test]
fn websockets_are_told_that_the_server_goes_away() {
    let mut server = Server::start();
    let lines = "Sec-WebSocket-Protocol: bun.config.v1\r\n";
    let mut clients: Vec<TcpStream> = (0..10)
        .map(|_| sockets::open(server.api(), "/_ws/config", lines))
        .collect();
    server.signal(Signal::TERM);
    for client in &mut clients {
        assert_eq!(sockets::read_to_close(client), Some(1001));
    }
    let exit = server.wait();
    assert_eq!(exit.status.code(), Some(0), "{exit:?}");
}

#[test]
fn a_second_signal_ends_at_once() {
    for (first, second, code) in [
        (Signal::TERM, Signal::TERM, 143),
        (Signal::TERM, Signal::INT, 130),
        (Signal::INT, Signal::TERM, 143),
    ] {
        let mut server = Server::start();
        let mut begun = begin(server.api(), "/health");
        let mut other = Connection::open(server.api());
        assert_eq!(
            other.request("GET", "/health", &[], b"").unwrap().status,
            200
        );
        server.signal(first);
        server.await_log("draining");
        server.signal(second);
        assert_eq!(server.wait().status.code(), Some(code));
        let mut rest = Vec::new();
        let _end_or_reset = begun.read_to_end(&mut rest);
        assert_eq!(rest, b"", "it was not answered");
    }
}

#[test]
fn a_drain_ends_though_a_connection_does_not() {
    let timeout = [("THIRTEEN_DRAIN_TIMEOUT_MS", "300")];
    let mut server = Server::start_with(&[], &timeout);
    let _begun = begin(server.api(), "/health");
    let mut other = Connection::open(server.api());
    assert_eq!(
        other.request("GET", "/health", &[], b"").unwrap().status,
        200
    );
    let exit = server.terminate();
    assert_eq!(exit.status.code(), Some(0), "{exit:?}");
    assert!(
        exit.stderr.contains("cut off by the drain's end"),
        "{}",
        exit.stderr
    );
}

#[test]
fn what_waits_when_a_drain_begins_is_answered() {
    let server = InProcess::start();
    let mut waiting = connect(server.address());
    let request = b"GET /gate HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
    waiting.write_all(request).unwrap();
    let mut slow = connect(server.address());
    slow.write_all(b"GET /stored?bytes=20000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    eventually("a request at the gate", || {
        server.ask(|here| here.workbench.at_gate.get()) == 1
    });
    assert_eq!(server.ask(|here| here.server.pending()), [1]);
    server.await_connections(2);
    server.drain();
    // Longer than idle connections are kept in a drain.
    waiting
        .set_read_timeout(Some(Duration::from_millis(800)))
        .unwrap();
    let early = waiting.read(&mut [0; 1]).unwrap_err();
    assert_eq!(early.kind(), ErrorKind::WouldBlock);
    server.ask(|here| here.workbench.gate.raise());
    waiting
        .set_read_timeout(Some(crate::wire::PATIENCE))
        .unwrap();
    let answered = replies(&read_to_end(&mut waiting));
    assert_eq!(answered[0].text(), "through");
    assert_eq!(answered[1].text(), "hello");
    assert_eq!(answered[1].header("connection"), Some("close"));
    assert_eq!(replies(&read_to_end(&mut slow))[0].body.len(), 20_000_000);
    server.await_connections(0);
    assert_eq!(server.ask(|here| here.server.pending()), [0]);
}
