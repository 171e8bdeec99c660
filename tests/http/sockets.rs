//! WebSockets over real sockets: every Autobahn case, and what surrounds the frames.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::autobahn::cases::{Case, Fin, cases, frame};
use crate::autobahn::replies::{self, Reply};
use crate::in_process::{InProcess, shared};
use crate::wire::{connect, read_to_end};

/// Opens a WebSocket with these further header lines.
pub(crate) fn open(address: SocketAddr, target: &str, lines: &str) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(&opening(target, lines)).unwrap();
    let head = read_head(&mut stream);
    assert!(
        head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
        "{head}"
    );
    assert!(
        head.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
        "the example of RFC 6455, section 1.3: {head}"
    );
    stream
}

fn opening(target: &str, lines: &str) -> Vec<u8> {
    format!(
        "GET {target} HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    )
    .into_bytes()
}

/// Reads exactly a head, so that the frames behind it stay.
fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("the head is whole");
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// A client's close frame.
pub(crate) fn close_frame(code: u16) -> Vec<u8> {
    frame(Fin::Yes, 0, 8, &code.to_be_bytes())
}

/// Reads to the server's close frame, answers it and waits for the end; the close code.
pub(crate) fn read_to_close(stream: &mut TcpStream) -> Option<u16> {
    let mut received = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "the connection ended without a close frame");
        received.extend_from_slice(&piece[..count]);
        if let Some(Reply::Close(code)) = replies::read(&received).0.last() {
            // The server closes at once where this answers a close frame of ours.
            let _answered_or_gone = stream.write_all(&close_frame(1000));
            return *code;
        }
    }
}

/// What is wrong with the server's part in a case.
fn run(case: &Case, address: SocketAddr) -> Option<String> {
    let mut stream = open(address, "/socket", "");
    let mut received = Vec::new();
    for (index, step) in case.steps.iter().enumerate() {
        for write in &step.writes {
            stream.write_all(write).unwrap();
        }
        let mut piece = vec![0; 1 << 16];
        loop {
            let (replies, _) = replies::read(&received);
            if replies.len() >= step.replies.len() {
                break;
            }
            let count = stream.read(&mut piece).unwrap();
            if count == 0 {
                return Some(format!("{}: step {index} ends with {replies:?}", case.id));
            }
            received.extend_from_slice(&piece[..count]);
        }
        let (replies, consumed_bytes) = replies::read(&received);
        if replies != step.replies {
            return Some(format!("{}: step {index}: {replies:?}", case.id));
        }
        received.drain(..consumed_bytes);
    }
    received.extend(read_to_end(&mut stream));
    (!received.is_empty()).then(|| format!("{}: {received:?} after the close", case.id))
}

#[test]
fn every_autobahn_case() {
    let mut cases = cases();
    assert_eq!(cases.len(), 247);
    let octets = |case: &Case| -> usize {
        let writes = case.steps.iter().flat_map(|step| &step.writes);
        writes.map(Vec::len).sum()
    };
    let octet_wise = cases.iter().filter(|case| octets(case) < 1000);
    let octet_wise: Vec<Case> = octet_wise.map(Case::octet_wise).collect();
    cases.extend(octet_wise);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut failures = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            failures.extend(run(case, shared().address()));
        }
        failures
    };
    let failures: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        let failures = workers.into_iter().map(|worker| worker.join().unwrap());
        failures.flatten().collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn frames_may_come_with_the_opening() {
    let mut stream = connect(shared().address());
    let message = frame(Fin::Yes, 0, 1, b"early");
    let bytes = [opening("/socket", ""), message, close_frame(1000)].concat();
    stream.write_all(&bytes).unwrap();
    read_head(&mut stream);
    let (replies, _) = replies::read(&read_to_end(&mut stream));
    let expected = [Reply::Text(b"early".to_vec()), Reply::Close(Some(1000))];
    assert_eq!(replies, expected);
}

#[test]
fn an_opening_may_follow_a_request() {
    let mut stream = connect(shared().address());
    let request = b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
    stream
        .write_all(&[request, opening("/socket", "")].concat())
        .unwrap();
    assert!(read_head(&mut stream).starts_with("HTTP/1.1 204 "));
    assert!(read_head(&mut stream).starts_with("HTTP/1.1 101 "));
    stream.write_all(&close_frame(1000)).unwrap();
    assert_eq!(read_to_close(&mut stream), Some(1000));
}

#[test]
fn a_server_that_stops_says_so() {
    let server = InProcess::start();
    let mut stream = open(server.address(), "/socket", "");
    server.drain();
    assert_eq!(read_to_close(&mut stream), Some(1001));
    assert_eq!(read_to_end(&mut stream), b"");
    server.await_connections(0);
}

#[test]
fn a_message_longer_than_any_buffer_comes_back() {
    let mut stream = open(shared().address(), "/socket", "");
    let payload = crate::application::pattern(5_000_000);
    let message = frame(Fin::Yes, 0, 2, &payload);
    let mut sender = stream.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || sender.write_all(&message).unwrap());
        let mut received = Vec::new();
        let mut piece = vec![0; 1 << 16];
        while received.len() < payload.len() + 10 {
            let count = stream.read(&mut piece).unwrap();
            assert!(count > 0, "cut after {}", received.len());
            received.extend_from_slice(&piece[..count]);
        }
        assert!(replies::read(&received).0 == [Reply::Binary(payload.clone())]);
    });
}
