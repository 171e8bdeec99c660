//! What a long publish costs: memory, and the time of others.
//!
//! `THIRTEEN_PUBLISH_MIB` is how long the tarball is (24 MiB where it is not set; 190 make a body
//! of 254 MiB). The time of others is held to 5 ms where the server is a release build or
//! `THIRTEEN_LATENCY` is set.

use std::io::Write as _;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::support::http::Connection;
use crate::support::moments::number_from_environment;
use crate::support::npm::integrity_of;
use crate::support::registry::Registry;
use crate::support::weight::{mib, resident_bytes, weigh};

#[test]
fn a_long_publish_is_never_whole_in_memory() {
    let tarball = tarball(number_from_environment("THIRTEEN_PUBLISH_MIB", 24) as usize);
    let registry = Registry::start();
    registry.publish("warm", "1.0.0");
    for _ in 0..20 {
        registry.anyone("GET", "/livez", &[]);
    }
    let (door, pid) = (registry.server.registry(), registry.server.pid());
    let before = resident_bytes(pid);
    let (took, weighed) = weigh(door, pid, before, || {
        let began = Instant::now();
        publish(&registry, &tarball);
        began.elapsed()
    });
    weighed.hold(tarball.len() as u64, took);
    let reply = registry.anyone("GET", "/heavy/-/heavy-1.0.0.tgz", &[]);
    assert!(reply.body == tarball, "it comes back as it went");
    let after = resident_bytes(pid);
    println!(
        "after reading it: {:.1} MiB more",
        mib(after.saturating_sub(before))
    );
    assert!(after < before + (32 << 20));
}

fn publish(registry: &Registry, tarball: &[u8]) {
    let manifest = json!({
        "name": "heavy", "version": "1.0.0", "dist": { "integrity": integrity_of(tarball) },
    });
    let start = format!(
        r#"{{"name":"heavy","dist-tags":{{"latest":"1.0.0"}},"versions":{{"1.0.0":{manifest}}},"#
    );
    let start = format!(r#"{start}"_attachments":{{"heavy-1.0.0.tgz":{{"data":""#);
    let end = format!(r#"","length":{}}}}}}}"#, tarball.len());
    let data_bytes = tarball.len().div_ceil(3) * 4;
    let mut connection = Connection::open(registry.server.registry());
    let head = format!(
        "PUT /heavy HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
        registry.token,
        start.len() + data_bytes + end.len()
    );
    connection.send(head.as_bytes()).unwrap();
    connection.send(start.as_bytes()).unwrap();
    for piece in tarball.chunks(3 << 16) {
        connection.send(STANDARD.encode(piece).as_bytes()).unwrap();
    }
    connection.send(end.as_bytes()).unwrap();
    let reply = connection.reply("PUT").unwrap();
    assert_eq!(reply.status, 201, "{}", reply.text());
}

/// One that hardly gets shorter.
fn tarball(mib: usize) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::none()));
    let mut add = |path: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_path(path).unwrap();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content).unwrap();
    };
    add(
        "package/package.json",
        br#"{"name":"heavy","version":"1.0.0"}"#,
    );
    let mut seed = 1_u64;
    for number in 0..mib {
        let noise: Vec<u8> = (0..1 << 17)
            .flat_map(|_| {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                seed.to_le_bytes()
            })
            .collect();
        add(&format!("package/{number}.bin"), &noise);
    }
    let mut encoder = builder.into_inner().unwrap();
    encoder.flush().unwrap();
    encoder.finish().unwrap()
}
