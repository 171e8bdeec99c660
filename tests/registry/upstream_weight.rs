//! What long tarballs and documents of an upstream cost: memory, and the time of others.
//!
//! `THIRTEEN_DOWNLOAD_MIB` is how long the tarball is (24 MiB where it is not set), and
//! `THIRTEEN_DOCUMENT_MIB` how long each document (40 MiB). The time of
//! others is held to 5 ms where the server is a release build or `THIRTEEN_LATENCY` is set.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use sha2::{Digest, Sha512};

use super::support::http::{Connection, fetch, send};
use super::support::moments::number_from_environment;
use super::support::npm::integrity_of;
use super::support::server::Server;
use super::support::upstream::{Act, Upstream, tarball_path};
use super::support::weight::{resident_bytes, weigh};

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
    let (took, weighed) = weigh(door, pid, before, || {
        let began = Instant::now();
        assert!(digest_of(door, &tarball_path("quick", "1.0.0")) == digest.as_slice());
        let took = began.elapsed();
        while cached_bytes(&server) < tarball.len() as u64 {
            std::thread::yield_now();
        }
        took
    });
    let mut whole = Vec::new();
    slow.stream().read_to_end(&mut whole).unwrap();
    assert!(whole.ends_with(&tarball), "the slow one gets all of it");

    weighed.hold(tarball.len() as u64, took);
}

#[test]
fn long_documents_take_turns_at_the_memory_that_they_need() {
    const COUNT: usize = 6;
    let mib = number_from_environment("THIRTEEN_DOCUMENT_MIB", 40) as usize;
    let upstream = Upstream::start();
    upstream.publish("warm", "1.0.0");
    for number in 0..COUNT {
        let name = format!("long{number}");
        upstream.publish(&name, "1.0.0");
        let path = format!("/{name}");
        let mut document = fetch(upstream.address(), &path).json();
        // In a coding it is almost nothing: what it takes is known once it is decoded.
        document["readme"] = json!("a long way to go ".repeat((mib << 20) / 17));
        let coded = gzip(document.to_string().as_bytes());
        assert!(coded.len() < 1 << 20);
        let act = Act::reply(200, coded).header("Content-Encoding", "gzip");
        upstream.script(&path, [act]);
    }
    let upstreams = json!([upstream.setting()]).to_string();
    let server = Server::start_with(&[], &[("UPSTREAMS", &upstreams)]);
    let (door, pid) = (server.registry(), server.pid());
    assert_eq!(fetch(door, "/warm").status, 200);
    let before = resident_bytes(pid);
    let ((), weighed) = weigh(door, pid, before, || {
        let asking: Vec<_> = (0..COUNT)
            .map(|number| std::thread::spawn(move || short_of(door, &format!("/long{number}"))))
            .collect();
        for one in asking {
            assert_eq!(one.join().unwrap(), 200);
        }
    });
    println!("{COUNT} documents of {mib} MiB: {weighed:?}");
    // All that may be made at once, and what the allocator keeps of it.
    weighed.hold_growth((320 + 128) << 20);
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// The status of a document in its short form.
fn short_of(door: SocketAddr, path: &str) -> u16 {
    let accept = [("Accept", "application/vnd.npm.install-v1+json")];
    send(door, "GET", path, &accept, b"").status
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

fn cached_bytes(server: &Server) -> u64 {
    let page = fetch(server.ops(), "/metrics");
    let mut lines = page.text().lines();
    let line = lines.find(|line| line.starts_with("thirteen_upstream_cache_bytes "));
    line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
}
