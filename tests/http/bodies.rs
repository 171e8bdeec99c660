//! Bodies in both directions: lengths, chunks, expectations, streams, bounds, what nobody reads.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::application::{COUNT_BYTES_MAX, ECHO_BYTES_MAX, pattern};
use crate::in_process::shared;
use crate::support::http::{Connection, send};
use crate::wire::{connect, converse, read_to_end, replies, statuses};

fn chunked(body: &[u8], chunk_bytes: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in body.chunks(chunk_bytes) {
        bytes.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

fn post_head(lines: &str) -> Vec<u8> {
    format!("POST /echo HTTP/1.1\r\nHost: a\r\n{lines}\r\n").into_bytes()
}

#[test]
fn bodies_of_every_length_come_back() {
    let mut connection = Connection::open(shared().address());
    for length in [0, 1, 4095, 4096, 4097, 20_000, ECHO_BYTES_MAX as usize] {
        let body = pattern(length);
        let reply = connection.request("POST", "/echo", &[], &body).unwrap();
        assert!(reply.status == 200 && reply.body == body, "{length}");
    }
}

#[test]
fn chunks_of_every_size_come_back() {
    let mut connection = Connection::open(shared().address());
    let body = pattern(30_000);
    for chunk_bytes in [1, 2, 15, 16, 17, 255, 4096, 30_000] {
        let head = post_head("Transfer-Encoding: chunked\r\n");
        let bytes = [head, chunked(&body, chunk_bytes)].concat();
        connection.send(&bytes).unwrap();
        let reply = connection.reply("POST").unwrap();
        assert!(reply.status == 200 && reply.body == body, "{chunk_bytes}");
    }
}

#[test]
fn trailers_are_read_past() {
    let mut connection = Connection::open(shared().address());
    for _ in 0..2 {
        let bytes = b"3;a=b\r\nabc\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n";
        let head = post_head("Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n");
        connection.send(&[&head, &bytes[..]].concat()).unwrap();
        assert_eq!(connection.reply("POST").unwrap().text(), "abc");
    }
}

#[test]
fn a_body_is_read_as_it_comes() {
    let body = pattern(COUNT_BYTES_MAX as usize);
    let sum: u64 = body.iter().map(|byte| u64::from(*byte)).sum();
    let reply = send(shared().address(), "PUT", "/count", &[], &body);
    assert_eq!(reply.json(), serde_json::json!([body.len(), sum]));
}

/// What the server says before it has a body.
fn interim(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; CONTINUE.len()];
    stream.read_exact(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

#[test]
fn a_client_that_waits_is_told_to_send() {
    let mut stream = connect(shared().address());
    for framing in ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
        let head = post_head(&format!("{framing}Expect: 100-Continue\r\n"));
        stream.write_all(&head).unwrap();
        assert_eq!(interim(&mut stream), CONTINUE);
        let body = if framing.starts_with('C') {
            b"hello".to_vec()
        } else {
            chunked(b"hello", 2)
        };
        stream.write_all(&body).unwrap();
        let mut reply = [0; 8192];
        let count = stream.read(&mut reply).unwrap();
        assert_eq!(replies(&reply[..count])[0].text(), "hello");
    }
}

#[test]
fn a_client_that_does_not_wait_is_told_nothing() {
    for (version, lines) in [
        ("1.1", ""),
        ("1.0", "Expect: 100-continue\r\nConnection: keep-alive\r\n"),
    ] {
        let request = format!(
            "POST /echo HTTP/{version}\r\nHost: a\r\nContent-Length: 5\r\n{lines}\r\nhello"
        );
        let bytes = converse(shared().address(), request.as_bytes());
        assert_eq!(statuses(&bytes), [200], "{version}");
    }
}

#[test]
fn a_client_that_waits_is_refused_unheard() {
    for (target, lines, status) in [
        ("/echo", "Content-Length: 65537\r\n", 413),
        ("/nowhere", "Content-Length: 5\r\n", 404),
        ("/hello", "Content-Length: 5\r\n", 405),
        ("/echo", "Content-Length: 5\r\nX-Admit: no\r\n", 403),
        ("/ignore", "Content-Length: 5\r\n", 200),
    ] {
        let mut stream = connect(shared().address());
        let request =
            format!("POST {target} HTTP/1.1\r\nHost: a\r\n{lines}Expect: 100-continue\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let bytes = read_to_end(&mut stream);
        assert_eq!(statuses(&bytes), [status], "{target} {lines}");
        assert_eq!(replies(&bytes)[0].header("connection"), Some("close"));
    }
}

#[test]
fn bodies_past_the_bound_are_refused() {
    let bound = ECHO_BYTES_MAX as usize;
    let reply = send(
        shared().address(),
        "POST",
        "/echo",
        &[],
        &pattern(bound + 1),
    );
    assert_eq!(reply.status, 413);
    // A sender that does not look is read past far enough to see the reply.
    let head = post_head("Transfer-Encoding: chunked\r\n");
    let mut stream = connect(shared().address());
    stream
        .write_all(&[head, chunked(&pattern(bound * 3), 1000)].concat())
        .unwrap();
    assert_eq!(statuses(&read_to_end(&mut stream)), [413]);
}

#[test]
fn a_body_that_nobody_reads_is_read_past() {
    let mut connection = Connection::open(shared().address());
    for target in ["/ignore", "/nowhere", "/hello"] {
        let body = pattern(60_000);
        let first = connection.request("POST", target, &[], &body).unwrap();
        let head =
            format!("POST {target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        connection
            .send(&[head.into_bytes(), chunked(&body, 999)].concat())
            .unwrap();
        let second = connection.reply("POST").unwrap();
        assert_eq!(first.status, second.status);
        let reply = connection.request("GET", "/hello", &[], b"").unwrap();
        assert_eq!(reply.text(), "hello", "{target}");
    }
}

#[test]
fn a_long_body_that_nobody_reads_ends_the_connection() {
    for target in ["/ignore", "/nowhere"] {
        let mut stream = connect(shared().address());
        let head = format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
        stream
            .write_all(&[head.into_bytes(), pattern(100_000)].concat())
            .unwrap();
        let replies = replies(&read_to_end(&mut stream));
        assert_eq!(replies.len(), 1, "{target}");
        assert_eq!(replies[0].header("connection"), Some("close"));
    }
}

#[test]
fn a_stream_is_chunked() {
    let mut connection = Connection::open(shared().address());
    for (pieces, bytes) in [(0, 1), (1, 1), (7, 3), (40, 5000), (3, 100_000)] {
        let target = format!("/stream?pieces={pieces}&bytes={bytes}");
        let reply = connection.request("GET", &target, &[], b"").unwrap();
        assert_eq!(reply.header("transfer-encoding"), Some("chunked"));
        assert_eq!(reply.header("content-length"), None);
        assert!(reply.body == streamed(pieces, bytes), "{target}");
    }
}

#[test]
fn a_stream_to_http_1_0_ends_with_the_connection() {
    let request = b"GET /stream?pieces=40&bytes=5000 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let mut stream = connect(shared().address());
    stream.write_all(request).unwrap();
    let bytes = read_to_end(&mut stream);
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
    assert!(!head.contains("Transfer-Encoding"), "{head}");
    assert!(bytes[end..] == streamed(40, 5000));
}

fn streamed(pieces: usize, bytes: usize) -> Vec<u8> {
    let piece = |index: usize| vec![b'a' + (index % 26) as u8; bytes];
    (0..pieces).flat_map(piece).collect()
}

#[test]
fn a_stream_that_fails_is_seen_to_be_cut() {
    for target in ["/cut", "/panic/streaming"] {
        let mut connection = Connection::open(shared().address());
        let cut = connection.request("GET", target, &[], b"").unwrap_err();
        let kinds = [
            std::io::ErrorKind::UnexpectedEof,
            std::io::ErrorKind::ConnectionReset,
        ];
        assert!(kinds.contains(&cut.kind()), "{target}: {cut}");
    }
}

#[test]
fn a_slow_reader_gets_every_byte() {
    let bytes = 12_000_000;
    let mut stream = connect(shared().address());
    let request =
        format!("GET /stored?bytes={bytes} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    // Others are served while this reply waits for its reader.
    for _ in 0..50 {
        let reply = send(shared().address(), "GET", "/hello", &[], b"");
        assert_eq!(reply.status, 200);
    }
    let mut received = Vec::new();
    let mut piece = [0; 3000];
    loop {
        match stream.read(&mut piece).unwrap() {
            0 => break,
            count => received.extend_from_slice(&piece[..count]),
        }
    }
    let reply = replies(&received).remove(0);
    assert!(reply.body == pattern(bytes));
}
