//! Deadlines: each ends what it is for, in time and no earlier, and nothing else.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use thirteen::http::ServerOptions;

use crate::application::pattern;
use crate::in_process::{InProcess, PATIENT};
use crate::support::http::fetch;
use crate::wire::{connect, read_to_end, replies, statuses};

/// Short for a machine, long for a loaded one that has to send a byte in between.
const SHORT: Duration = Duration::from_millis(400);

/// Runs something that must end after `SHORT` and not much later.
fn after_short<T>(wait: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let outcome = wait();
    let span = began.elapsed();
    // The wheel ticks every 10 ms, and counts from the start of a turn.
    assert!(span >= SHORT - Duration::from_millis(20), "{span:?}");
    assert!(span < SHORT * 10, "{span:?}");
    outcome
}

/// Sends a byte whenever nothing came for a moment, until the server ends the connection.
fn dribble(stream: &mut TcpStream, byte: u8) -> Vec<u8> {
    stream
        .set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    let mut received = Vec::new();
    loop {
        let mut piece = [0; 4096];
        match stream.read(&mut piece) {
            Ok(0) => return received,
            Ok(count) => received.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if received.is_empty() {
                    stream.write_all(&[byte]).unwrap();
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_slow_head_is_answered_408() {
    let server = InProcess::start_with(ServerOptions {
        head_timeout: SHORT,
        ..PATIENT
    });
    for before in ["", "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let mut stream = connect(server.address());
        stream.write_all(before.as_bytes()).unwrap();
        stream
            .write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\nX: ")
            .unwrap();
        let received = after_short(|| dribble(&mut stream, b'x'));
        let replies = replies(&received);
        let last = replies.last().unwrap();
        assert_eq!(
            (last.status, last.header("connection")),
            (408, Some("close"))
        );
        assert_eq!(
            last.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(replies.len(), 1 + usize::from(!before.is_empty()));
    }
}

#[test]
fn a_body_that_stalls_is_answered_408() {
    let server = InProcess::start_with(ServerOptions {
        body_timeout: SHORT,
        ..PATIENT
    });
    for framing in [
        "Content-Length: 10\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\na\r\nhe",
    ] {
        let mut stream = connect(server.address());
        let request = format!("POST /echo HTTP/1.1\r\nHost: a\r\n{framing}");
        stream.write_all(request.as_bytes()).unwrap();
        let received = after_short(|| read_to_end(&mut stream));
        assert_eq!(statuses(&received), [408]);
    }
}

#[test]
fn a_body_that_nobody_reads_may_not_stall_either() {
    let server = InProcess::start_with(ServerOptions {
        body_timeout: SHORT,
        ..PATIENT
    });
    let mut stream = connect(server.address());
    stream
        .write_all(b"POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
        .unwrap();
    let received = after_short(|| read_to_end(&mut stream));
    assert_eq!(statuses(&received), [200]);
}

#[test]
fn a_body_that_comes_slowly_is_taken() {
    let server = InProcess::start_with(ServerOptions {
        body_timeout: SHORT,
        ..PATIENT
    });
    let mut stream = connect(server.address());
    stream
        .write_all(
            b"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 60\r\n\r\n",
        )
        .unwrap();
    let began = Instant::now();
    let received = dribble(&mut stream, b'x');
    assert_eq!(replies(&received)[0].body, [b'x'; 60]);
    assert!(began.elapsed() > SHORT * 2);
}

#[test]
fn an_idle_connection_is_closed_in_silence() {
    let server = InProcess::start_with(ServerOptions {
        idle_timeout: SHORT,
        ..PATIENT
    });
    let mut stream = connect(server.address());
    assert_eq!(after_short(|| read_to_end(&mut stream)), b"");
    let mut stream = connect(server.address());
    stream
        .write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    let received = after_short(|| read_to_end(&mut stream));
    assert_eq!(statuses(&received), [200]);
}

#[test]
fn a_handler_may_take_longer_than_any_deadline() {
    let server = InProcess::start_with(ServerOptions {
        head_timeout: SHORT,
        body_timeout: SHORT,
        idle_timeout: SHORT,
        write_timeout: SHORT,
        ..PATIENT
    });
    assert_eq!(fetch(server.address(), "/late?ms=1000").text(), "late");
}

/// More than the sockets of both ends hold.
const LARGE_BYTES: usize = 20_000_000;

fn ask_for_much(server: &InProcess, target: &str) -> TcpStream {
    let mut stream = connect(server.address());
    let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    server.await_connections(1);
    stream
}

#[test]
fn a_reader_that_never_reads_is_cut_off() {
    let server = InProcess::start_with(ServerOptions {
        write_timeout: SHORT,
        ..PATIENT
    });
    let stored = format!("/stored?bytes={LARGE_BYTES}");
    for target in [&stored, "/stream?pieces=20000&bytes=1000"] {
        let mut stream = ask_for_much(&server, target);
        after_short(|| server.await_connections(0));
        let mut received = Vec::new();
        // Whether the end is a reset depends on what the kernel still held.
        let _end_or_reset = stream.read_to_end(&mut received);
        assert!(received.len() < LARGE_BYTES, "{target}");
    }
}

#[test]
fn a_reader_that_never_reads_what_it_pipelines_is_cut_off() {
    let server = InProcess::start_with(ServerOptions {
        write_timeout: SHORT,
        ..PATIENT
    });
    let mut stream = ask_for_much(&server, &format!("/stored?bytes={LARGE_BYTES}"));
    stream
        .write_all(&b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100))
        .unwrap();
    server.await_connections(0);
}

#[test]
fn a_reader_that_rests_longer_than_idle_connections_may_is_not_cut_off() {
    let server = InProcess::start_with(ServerOptions {
        idle_timeout: SHORT,
        ..PATIENT
    });
    let mut stream = ask_for_much(&server, &format!("/stored?bytes={LARGE_BYTES}"));
    // A reply that takes three times as long.
    assert_eq!(fetch(server.address(), "/late?ms=1200").status, 200);
    let received = read_to_end(&mut stream);
    assert!(replies(&received)[0].body == pattern(LARGE_BYTES));
}
