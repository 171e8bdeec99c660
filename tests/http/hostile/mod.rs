//! Malformed and ambiguous requests: each has its status however it is cut, doubt about framing
//! ends the connection, and others are served meanwhile.

mod chunks;
mod framing;
mod lines;
mod targets;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::in_process::shared;
use crate::support::http::Connection;
use crate::support::server::Server;
use crate::wire::{connect, read_to_end, try_replies};

/// One request that no decent client sends.
pub(crate) struct Attack {
    name: &'static str,
    bytes: Vec<u8>,
    verdict: Verdict,
}

/// What must come of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    /// One reply that says `Connection: close`, and the end: what follows is not looked at.
    Closed(u16),
    /// One reply, and the connection serves what follows.
    Kept(u16),
    /// The client ends its half amid the request: at most one reply, and the end.
    Cut(Option<u16>),
}

/// What is sent behind every attack: answered exactly where the connection is kept.
const FOLLOWING: &[u8] = b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

fn attacks() -> Vec<Attack> {
    let groups = [
        framing::attacks(),
        chunks::attacks(),
        lines::attacks(),
        targets::attacks(),
    ];
    groups.into_iter().flatten().collect()
}

#[test]
fn there_are_enough_attacks_and_no_name_is_used_twice() {
    let attacks = attacks();
    assert!(attacks.len() >= 100, "{}", attacks.len());
    let mut names: Vec<&str> = attacks.iter().map(|attack| attack.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), attacks.len());
}

#[test]
fn each_attack_whole() {
    let address = shared().address();
    let mut healthy = Connection::open(address);
    let mut failures = Vec::new();
    for attack in attacks() {
        let mut stream = connect(address);
        stream.write_all(&attack.bytes).unwrap();
        attack.follow(&mut stream);
        failures.extend(attack.judge(&read_to_end(&mut stream)));
        assert_healthy(&mut healthy);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn each_attack_split_at_every_byte() {
    let attacks = attacks();
    let tries: Vec<(&Attack, usize)> = attacks
        .iter()
        .flat_map(|attack| attack.cuts().map(move |cut| (attack, cut)))
        .collect();
    let next_batch = AtomicUsize::new(0);
    let batches: Vec<&[(&Attack, usize)]> = tries.chunks(BATCH).collect();
    let run = || {
        let mut healthy = Connection::open(shared().address());
        let mut failures = Vec::new();
        while let Some(batch) = batches.get(next_batch.fetch_add(1, Ordering::Relaxed)) {
            failures.extend(split_batch(batch, &mut healthy));
        }
        failures
    };
    let failures: Vec<String> = std::thread::scope(|scope| {
        let runners: Vec<_> = (0..RUNNERS).map(|_| scope.spawn(run)).collect();
        let failures = runners.into_iter().map(|runner| runner.join().unwrap());
        failures.flatten().collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn each_attack_octet_by_octet() {
    let address = shared().address();
    let mut healthy = Connection::open(address);
    let attacks = attacks();
    let mut dribbles: Vec<Dribble<'_>> = attacks
        .iter()
        .filter(|attack| attack.bytes.len() <= DRIBBLE_BYTES_MAX)
        .map(|attack| Dribble::start(attack, address))
        .collect();
    for index in 0..DRIBBLE_BYTES_MAX {
        for dribble in &mut dribbles {
            dribble.advance(index);
        }
        assert_healthy(&mut healthy);
    }
    let failures: Vec<String> = dribbles.into_iter().filter_map(Dribble::finish).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The routes differ, so only what is refused before or whatever the route is sent.
#[test]
fn the_product_refuses_them_too() {
    let server = Server::start();
    let mut healthy = Connection::open(server.api());
    let mut failures = Vec::new();
    for mut attack in attacks() {
        // The product's WebSocket is refused in words of its own.
        let is_worded = attack.name == "upgrade in HTTP/1.0";
        let is_refused = match attack.verdict {
            Verdict::Closed(status) => status >= 400,
            Verdict::Kept(_) => false,
            Verdict::Cut(_) => true,
        };
        if is_worded || !is_refused {
            continue;
        }
        attack.bytes = replaced(&attack.bytes, b" /hello ", b" /health ");
        attack.bytes = replaced(&attack.bytes, b" /echo ", b" /api/config ");
        attack.bytes = replaced(&attack.bytes, b" /socket ", b" /_ws/config ");
        let mut stream = connect(server.api());
        stream.write_all(&attack.bytes).unwrap();
        attack.follow(&mut stream);
        failures.extend(attack.judge(&read_to_end(&mut stream)));
        let reply = healthy.request("GET", "/health", &[], b"").unwrap();
        assert_eq!(reply.status, 200);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

impl Attack {
    fn follow(&self, stream: &mut TcpStream) {
        match self.verdict {
            Verdict::Closed(_) | Verdict::Kept(_) => stream.write_all(FOLLOWING).unwrap(),
            Verdict::Cut(_) => stream.shutdown(Shutdown::Write).unwrap(),
        }
    }

    /// Where the bytes are cut in two: everywhere, but for the middle of long ones.
    fn cuts(&self) -> impl Iterator<Item = usize> + use<> {
        let length = self.bytes.len();
        let stride = length / 32;
        (1..length).filter(move |cut| {
            length <= EVERY_BYTE_MAX
                || *cut <= EDGE_BYTES
                || length - *cut <= EDGE_BYTES
                || cut % stride == 0
        })
    }

    /// What is wrong with what came back.
    fn judge(&self, bytes: &[u8]) -> Option<String> {
        let expected = match self.verdict {
            Verdict::Closed(status) => vec![status],
            Verdict::Kept(status) => vec![status, 200],
            Verdict::Cut(status) => status.into_iter().collect(),
        };
        let replies = match try_replies(bytes) {
            Ok(replies) => replies,
            Err(fault) => return Some(format!("{}: {fault}", self.name)),
        };
        let got: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
        if got != expected {
            return Some(format!("{}: {got:?} instead of {expected:?}", self.name));
        }
        for reply in &replies {
            let is_problem = reply.header("content-type") == Some("application/problem+json");
            if is_problem != (reply.status >= 400) || reply.header("date").is_none() {
                return Some(format!("{}: {:?}", self.name, reply.headers));
            }
            if is_problem && reply.json()["status"] != reply.status {
                return Some(format!("{}: {} is no problem", self.name, reply.text()));
            }
        }
        (replies.last()?.header("connection") != Some("close"))
            .then(|| format!("{}: the last reply does not say close", self.name))
    }
}

/// Sends the first parts of all, waits until the server has read them, then sends the rest.
fn split_batch(batch: &[(&Attack, usize)], healthy: &mut Connection) -> Vec<String> {
    let mut streams: Vec<TcpStream> = batch.iter().map(|_| connect(shared().address())).collect();
    for ((attack, cut), stream) in batch.iter().zip(&mut streams) {
        stream.write_all(&attack.bytes[..*cut]).unwrap();
    }
    // The same shard answers this after it has taken in what came before.
    assert_healthy(healthy);
    for ((attack, cut), stream) in batch.iter().zip(&mut streams) {
        stream.write_all(&attack.bytes[*cut..]).unwrap();
        attack.follow(stream);
    }
    let mut failures = Vec::new();
    for ((attack, cut), stream) in batch.iter().zip(&mut streams) {
        let failure = attack.judge(&read_to_end(stream));
        failures.extend(failure.map(|failure| format!("cut at {cut}: {failure}")));
    }
    failures
}

/// An attack that is sent one byte at a time.
struct Dribble<'a> {
    attack: &'a Attack,
    stream: TcpStream,
    received: Vec<u8>,
    has_ended: bool,
}

impl Dribble<'_> {
    fn start(attack: &Attack, address: SocketAddr) -> Dribble<'_> {
        let stream = connect(address);
        stream.set_nonblocking(true).unwrap();
        Dribble {
            attack,
            stream,
            received: Vec::new(),
            has_ended: false,
        }
    }

    /// Takes in what has come and sends a byte, unless there is an answer already: past it there
    /// is nothing to learn, and nobody writes to a server that may have closed.
    fn advance(&mut self, index: usize) {
        if self.has_ended {
            return;
        }
        let mut piece = [0; 4096];
        match self.stream.read(&mut piece) {
            Ok(0) => self.has_ended = true,
            Ok(count) => self.received.extend_from_slice(&piece[..count]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        if let Some(byte) = self.attack.bytes.get(index)
            && self.received.is_empty()
            && !self.has_ended
        {
            self.stream.write_all(&[*byte]).unwrap();
        }
    }

    fn finish(mut self) -> Option<String> {
        self.stream.set_nonblocking(false).unwrap();
        if !self.has_ended {
            let may_be_closed = matches!(self.attack.verdict, Verdict::Closed(_));
            if self.received.is_empty() || !may_be_closed {
                self.attack.follow(&mut self.stream);
            }
            self.received.extend(read_to_end(&mut self.stream));
        }
        let failure = self.attack.judge(&self.received);
        failure.map(|failure| format!("octet by octet: {failure}"))
    }
}

fn assert_healthy(healthy: &mut Connection) {
    let reply = healthy.request("GET", "/hello", &[], b"").unwrap();
    assert_eq!((reply.status, reply.text()), (200, "hello"));
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    match bytes.windows(from.len()).position(|window| window == from) {
        Some(at) => [&bytes[..at], to, &bytes[at + from.len()..]].concat(),
        None => bytes.to_vec(),
    }
}

fn closed(name: &'static str, status: u16, bytes: impl Into<Vec<u8>>) -> Attack {
    let (bytes, verdict) = (bytes.into(), Verdict::Closed(status));
    Attack {
        name,
        bytes,
        verdict,
    }
}

fn kept(name: &'static str, status: u16, bytes: impl Into<Vec<u8>>) -> Attack {
    let (bytes, verdict) = (bytes.into(), Verdict::Kept(status));
    Attack {
        name,
        bytes,
        verdict,
    }
}

fn cut(name: &'static str, status: Option<u16>, bytes: impl Into<Vec<u8>>) -> Attack {
    let (bytes, verdict) = (bytes.into(), Verdict::Cut(status));
    Attack {
        name,
        bytes,
        verdict,
    }
}

/// A GET with these further header lines.
fn get(lines: &str) -> String {
    format!("GET /hello HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

/// A POST with these further header lines and this body.
fn post(lines: &str, body: &str) -> String {
    format!("POST /echo HTTP/1.1\r\nHost: a\r\n{lines}\r\n{body}")
}

/// A chunked POST with these bytes as its body.
fn chunked(body: &str) -> String {
    post("Transfer-Encoding: chunked\r\n", body)
}

/// Connections that are open at once in a split test.
const BATCH: usize = 64;
const RUNNERS: usize = 2;
/// Longer requests are cut at their edges and at some places between.
const EVERY_BYTE_MAX: usize = 1024;
const EDGE_BYTES: usize = 96;
/// Longer requests are not sent octet by octet.
const DRIBBLE_BYTES_MAX: usize = 300;
