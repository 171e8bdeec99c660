//! Kills the server while packages are fetched from an upstream, again and again: no file is kept
//! under a digest that is not its own, nobody gets a tarball that is not the one that was promised,
//! and the spool is swept.
//!
//! `THIRTEEN_KILLS` sets how many times (6 where it is not set), `THIRTEEN_SEED` the moments.

#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod support;

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use support::blobs::files;
use support::http::{Connection, fetch, send};
use support::moments::{Moments, number_from_environment};
use support::npm::{Archive, integrity_of};
use support::server::{Server, run};
use support::upstream::{Upstream, tarball_path};

#[test]
fn kills_leave_no_file_with_a_wrong_digest() {
    let kills = number_from_environment("THIRTEEN_KILLS", 6);
    let mut moments = Moments(number_from_environment("THIRTEEN_SEED", 0x7413));
    println!("{kills} kills, seed {}", moments.0);
    let upstream = Upstream::start();
    let shelf: Vec<Vec<u8>> = (0..PACKAGES)
        .map(|number| put_on_shelf(&upstream, number))
        .collect();
    let upstreams = json!([upstream.setting()]).to_string();
    let environment = [
        ("UPSTREAMS", &*upstreams),
        ("THIRTEEN_RATE_REGISTRY_READS_PER_MINUTE", "0"),
    ];
    let mut server = Server::start_with(&[], &environment);
    let fetched = AtomicU64::new(0);
    for kill in 1..=kills {
        let delay = Duration::from_micros(moments.below(KILL_DELAY_MAX_US));
        rage(&mut server, &shelf, &fetched, delay);
        // What a kill leaves: whole files, and pieces in the spool.
        let _whole = files(&server.data());
        server.restart();
        assert_eq!(files(&server.data()).1, 0, "the spool is swept");
        check(&server, &shelf, kill);
        let data = server.data();
        let clear = ["--data", data.to_str().unwrap(), "cache", "clear"];
        assert!(run(&clear, &[]).status.success());
    }
    let count = fetched.load(Ordering::Relaxed);
    assert!(
        count >= kills,
        "no storm: {count} tarballs in {kills} rounds"
    );
    println!("{count} tarballs, none of them wrong");
}

/// Has a package; each third one's tarball is not what its document promises.
fn put_on_shelf(upstream: &Upstream, number: u64) -> Vec<u8> {
    let name = name_of(number);
    let mut state = number + 1;
    let noise: Vec<u8> = (0..(number + 1) * 40_000)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        })
        .collect();
    let archive = Archive::of_package(&name, "1.0.0")
        .file("package/noise", &noise)
        .gzip();
    let promised = match is_sound(number) {
        true => integrity_of(&archive),
        false => integrity_of(b"another"),
    };
    let dist = json!({ "integrity": promised });
    upstream.publish_with(&name, "1.0.0", archive.clone(), dist);
    archive
}

/// Lets everybody fetch for a while, and kills the server.
fn rage(server: &mut Server, shelf: &[Vec<u8>], fetched: &AtomicU64, delay: Duration) {
    let door = server.registry();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let is_over = &is_over;
            scope.spawn(move || {
                let mut number = client;
                while !is_over.load(Ordering::Relaxed) {
                    number = (number + 1) % PACKAGES;
                    if let Some(body) = try_fetch(door, &tarball_path(&name_of(number), "1.0.0")) {
                        assert!(is_sound(number), "a wrong tarball was sent whole");
                        assert!(body == shelf[number as usize], "it is another one");
                        fetched.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let moment = Instant::now() + KILL_DELAY_MIN + delay;
        while Instant::now() < moment {
            // What is kept is let go at once, so that there is always something to fetch.
            let cleared = send(door, "DELETE", "/-/thirteen/cache", &[], b"");
            assert_eq!(cleared.status, 200);
        }
        server.kill();
        is_over.store(true, Ordering::Relaxed);
    });
}

/// After a restart what is kept is right, and what is not is fetched again.
fn check(server: &Server, shelf: &[Vec<u8>], kill: u64) {
    for (number, archive) in (0..).zip(shelf) {
        let path = tarball_path(&name_of(number), "1.0.0");
        if is_sound(number) {
            let reply = fetch(server.registry(), &path);
            assert_eq!(reply.status, 200, "kill {kill}: {path} {}", reply.text());
            assert!(reply.body == *archive, "kill {kill}: {path}");
        } else {
            assert_eq!(
                try_fetch(server.registry(), &path),
                None,
                "kill {kill}: {path}"
            );
        }
    }
    let _whole = files(&server.data());
}

/// The body of a whole reply of status 200; nothing of any other, or of one that is cut off.
fn try_fetch(door: SocketAddr, path: &str) -> Option<Vec<u8>> {
    let mut connection = Connection::try_open(door).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    connection.send(request.as_bytes()).ok()?;
    let mut bytes = Vec::new();
    connection.stream().read_to_end(&mut bytes).ok()?;
    let head_end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..head_end])
        .ok()?
        .to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length?.parse().ok()?;
    let body = bytes.split_off(head_end);
    (head.starts_with("http/1.1 200 ") && body.len() == length).then_some(body)
}

fn name_of(number: u64) -> String {
    format!("package-{number}")
}

fn is_sound(number: u64) -> bool {
    number % 3 != 2
}

const PACKAGES: u64 = 12;
const CLIENTS: u64 = 8;
const KILL_DELAY_MIN: Duration = Duration::from_millis(100);
const KILL_DELAY_MAX_US: u64 = 900_000;
