//! What a long download from an upstream costs: memory, and the time of others.
//!
//! `THIRTEEN_DOWNLOAD_MIB` is how long the tarball is (24 MiB where it is not set). The time of
//! others is held to 5 ms where the server is a release build or `THIRTEEN_LATENCY` is set.

use std::fs;
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use sha2::{Digest, Sha512};

use super::support::http::{Connection, fetch};
use super::support::moments::number_from_environment;
use super::support::npm::integrity_of;
use super::support::server::Server;
use super::support::upstream::{Upstream, tarball_path};

#[test]
fn a_long_download_is_never_whole_in_memory() {
    let bytes = number_from_environment("THIRTEEN_DOWNLOAD_MIB", 24) as usize * (1 << 20);
    let tarball: Vec<u8> = (0..bytes).map(|place| (place % 251) as u8).collect();
    let digest = Sha512::digest(&tarball);
    let upstream = Upstream::start();
    upstream.publish("warm", "1.0.0");
    for name in ["quick", "slow"] {
        let dist = json!({ "integrity": integrity_of(&tarball) });
        upstream.publish_with(name, "1.0.0", tarball.clone(), dist);
    }
    let upstreams = json!([upstream.setting()]).to_string();
    let server = Server::start_with(&[], &[("UPSTREAMS", &upstreams)]);
    let (door, pid) = (server.registry(), server.pid());
    for path in ["/warm/-/warm-1.0.0.tgz", "/quick", "/slow"] {
        assert_eq!(fetch(door, path).status, 200);
    }
    let before = resident_bytes(pid);

    // A client that does not read: the upstream is read to its end all the same, into a file.
    let mut slow = Connection::open(door);
    let path = tarball_path("slow", "1.0.0");
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    slow.send(request.as_bytes()).unwrap();
    let is_done = AtomicBool::new(false);
    let (took, most, mut others) = std::thread::scope(|scope| {
        let others = scope.spawn(|| others(door, &is_done));
        let memory = scope.spawn(|| most_resident(pid, &is_done));
        let began = Instant::now();
        assert!(digest_of(door, &tarball_path("quick", "1.0.0")) == digest.as_slice());
        let took = began.elapsed();
        while cached_bytes(&server) < tarball.len() as u64 {
            std::thread::yield_now();
        }
        is_done.store(true, Ordering::Relaxed);
        (took, memory.join().unwrap(), others.join().unwrap())
    });
    let mut whole = Vec::new();
    slow.stream().read_to_end(&mut whole).unwrap();
    assert!(whole.ends_with(&tarball), "the slow one gets all of it");

    others.sort_unstable();
    let p99 = others[others.len() * 99 / 100];
    let growth = most.saturating_sub(before);
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    println!(
        "{:.0} MiB in {took:.2?}: {:.1} MiB of memory more, {} other requests, p99 {p99:.2?}",
        mib(tarball.len() as u64),
        mib(growth),
        others.len()
    );
    assert!(growth < 32 << 20, "{:.1} MiB more", mib(growth));
    let is_measured = !cfg!(debug_assertions) || std::env::var("THIRTEEN_LATENCY").is_ok();
    assert!(
        !is_measured || p99 < Duration::from_millis(5),
        "p99 {p99:?}"
    );
}

/// The SHA-512 of a reply's body, read as it comes.
fn digest_of(door: SocketAddr, path: &str) -> Vec<u8> {
    let mut connection = Connection::open(door);
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    connection.send(request.as_bytes()).unwrap();
    let stream = connection.stream();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 200 "));
    let mut digest = Sha512::new();
    let mut piece = vec![0; 64 << 10];
    loop {
        match stream.read(&mut piece).unwrap() {
            0 => return digest.finalize().to_vec(),
            length => digest.update(&piece[..length]),
        }
    }
}

/// The times of small requests until it is done.
fn others(door: SocketAddr, is_done: &AtomicBool) -> Vec<Duration> {
    let mut connection = Connection::open(door);
    let mut times = Vec::new();
    while !is_done.load(Ordering::Relaxed) {
        let began = Instant::now();
        let reply = connection.request("GET", "/livez", &[], b"").unwrap();
        assert_eq!(reply.status, 200);
        times.push(began.elapsed());
    }
    times
}

fn most_resident(pid: u32, is_done: &AtomicBool) -> u64 {
    let mut most = 0;
    while !is_done.load(Ordering::Relaxed) {
        most = most.max(resident_bytes(pid));
        std::thread::yield_now();
    }
    most
}

fn resident_bytes(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
    let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as u64
}

fn cached_bytes(server: &Server) -> u64 {
    let page = fetch(server.ops(), "/metrics");
    let mut lines = page.text().lines();
    let line = lines.find(|line| line.starts_with("thirteen_upstream_cache_bytes "));
    line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
}
