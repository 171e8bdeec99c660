//! Kills the server while packages are published, again and again: every version that was
//! acknowledged can be installed with the bytes that were published, none is there in part, and
//! what was left of the others is swept.
//!
//! `THIRTEEN_KILLS` sets how many times (6 where it is not set), `THIRTEEN_SEED` the moments.

#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod support;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use support::http::Connection;
use support::moments::{Moments, number_from_environment};
use support::npm::{Archive, PublishBody, integrity_of, noise};
use support::registry::Registry;

/// Somebody who publishes one version after the other of a package.
struct Publisher {
    name: String,
    /// Versions that were acknowledged: 1.0.0, 1.0.1, …
    done: u64,
    /// Whether the next one was asked for and not answered.
    is_open: bool,
}

#[test]
fn kills_lose_no_acknowledged_version_and_leave_none_in_part() {
    let kills = number_from_environment("THIRTEEN_KILLS", 6);
    let mut moments = Moments(number_from_environment("THIRTEEN_SEED", 0x7413));
    println!("{kills} kills, seed {}", moments.0);
    let mut registry = Registry::start();
    let mut publishers: Vec<Publisher> = (0..PUBLISHERS)
        .map(|number| Publisher {
            name: format!("package-{number}"),
            done: 0,
            is_open: false,
        })
        .collect();
    for kill in 1..=kills {
        let target = moments.below(ACKNOWLEDGED_BEFORE_KILL_MAX);
        let delay = Duration::from_micros(moments.below(KILL_DELAY_MAX_US));
        rage(&mut registry, &mut publishers, target, delay);
        let kept = check_data(&registry, kill);
        registry.restart();
        await_sweep(&registry, kept, kill);
        for publisher in &mut publishers {
            publisher.settle(&registry, kill);
        }
    }
    let done: u64 = publishers.iter().map(|publisher| publisher.done).sum();
    assert!(done >= kills, "no storm: {done} versions in {kills} rounds");
    println!("{done} versions, none lost, none in part");
}

/// Lets everybody publish until `target` more versions are acknowledged, and `delay` later kills
/// the server.
fn rage(registry: &mut Registry, publishers: &mut [Publisher], target: u64, delay: Duration) {
    let (address, token) = (registry.server.registry(), registry.token.clone());
    let acknowledged = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for publisher in publishers.iter_mut() {
            let (acknowledged, token) = (&acknowledged, &token);
            scope.spawn(move || publisher.publish_on(address, token, acknowledged));
        }
        let deadline = Instant::now() + STORM_TIMEOUT;
        while acknowledged.load(Ordering::Relaxed) < target {
            assert!(Instant::now() < deadline, "the storm has stopped");
            std::thread::yield_now();
        }
        let moment = Instant::now() + delay;
        while Instant::now() < moment {
            std::hint::spin_loop();
        }
        registry.server.kill();
    });
}

/// The stores are whole, their audit chains hold, and every file that a row names is there, by the
/// command that operators have for it; how many files those are.
fn check_data(registry: &Registry, kill: u64) -> usize {
    let (is_well, text) = support::server::doctor(registry.server.data());
    assert!(is_well, "kill {kill}: {text}");
    let whole = "registry.db is whole";
    assert!(text.contains(whole), "kill {kill}: no {whole:?} in {text}");
    let (before, _) = text.split_once(" files of the registry are there").unwrap();
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Waits until there are no more files than rows name, and nothing on its way.
fn await_sweep(registry: &Registry, kept: usize, kill: u64) {
    let wanted = (kept, 0);
    let deadline = Instant::now() + SWEEP_TIMEOUT;
    while registry.files() != wanted {
        let files = registry.files();
        assert!(
            Instant::now() < deadline,
            "kill {kill}: {files:?}, not {wanted:?}"
        );
        std::thread::yield_now();
    }
}

impl Publisher {
    fn tarball(&self, number: u64) -> Vec<u8> {
        let mut archive = Archive::of_package(&self.name, &version(number));
        let content = format!("{} {number} ", self.name).repeat(500);
        archive = archive.file("index.js", content.as_bytes());
        // One that lies in the store, one that lies in a file.
        if number % 2 == 1 {
            archive = archive.file("noise", &noise(40 << 10, number));
        }
        archive.gzip()
    }

    fn body(&self, number: u64) -> String {
        PublishBody::of(&self.name, &version(number), &self.tarball(number)).to_string()
    }

    /// Ends when the connection does.
    fn publish_on(&mut self, address: SocketAddr, token: &str, acknowledged: &AtomicU64) {
        let Ok(mut connection) = Connection::try_open(address) else {
            return;
        };
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", &*bearer)];
        loop {
            let (target, body) = (format!("/{}", self.name), self.body(self.done));
            self.is_open = true;
            let Ok(reply) = connection.request("PUT", &target, &headers, body.as_bytes()) else {
                return;
            };
            assert_eq!(reply.status, 201, "{}", reply.text());
            self.done += 1;
            self.is_open = false;
            acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The document names what was acknowledged, and no more than what was asked for.
    fn check_document(&self, registry: &Registry, kill: u64) {
        let reply = registry.anyone("GET", &format!("/{}", self.name), &[]);
        if reply.status == 404 {
            assert_eq!(self.done, 0, "kill {kill}: {} is gone", self.name);
            return;
        }
        let document = reply.json();
        let versions = document["versions"].as_object().unwrap();
        let most = self.done + u64::from(self.is_open);
        let count = versions.len() as u64;
        assert!(
            (self.done..=most).contains(&count),
            "kill {kill}: {count} of {most}"
        );
        for number in 0..count {
            let dist = &versions[&version(number)]["dist"];
            assert_eq!(
                dist["integrity"],
                integrity_of(&self.tarball(number)),
                "kill {kill}"
            );
        }
        assert_eq!(
            document["dist-tags"]["latest"],
            version(count - 1),
            "kill {kill}"
        );
    }

    /// Holds what is there against what was acknowledged, and publishes what was not.
    fn settle(&mut self, registry: &Registry, kill: u64) {
        let mut connection = Connection::open(registry.server.registry());
        let mut get = |number: u64| {
            let target = format!("/{}/-/{}-{}.tgz", self.name, self.name, version(number));
            connection.request("GET", &target, &[], b"").unwrap()
        };
        for number in 0..self.done {
            let reply = get(number);
            let shown = format!("kill {kill}: {} {}", self.name, version(number));
            assert_eq!(reply.status, 200, "{shown}");
            assert!(reply.body == self.tarball(number), "{shown}");
        }
        self.check_document(registry, kill);
        let open = get(self.done);
        let is_there = open.status == 200;
        assert!(is_there || open.status == 404, "{}", open.status);
        assert!(!is_there || self.is_open, "nobody published it");
        if is_there {
            assert!(open.body == self.tarball(self.done), "it is there in part");
        }
        if self.is_open {
            let body = self.body(self.done);
            let again = registry.request("PUT", &format!("/{}", self.name), body.as_bytes());
            let expected = if is_there { 409 } else { 201 };
            assert_eq!(again.status, expected, "{}", again.text());
            self.done += 1;
            self.is_open = false;
        }
        assert_eq!(get(self.done).status, 404, "kill {kill}");
    }
}

fn version(number: u64) -> String {
    format!("1.0.{number}")
}

const PUBLISHERS: usize = 16;
const ACKNOWLEDGED_BEFORE_KILL_MAX: u64 = 150;
/// Longer than a publish takes from the socket to the disk and back.
const KILL_DELAY_MAX_US: u64 = 20_000;
const STORM_TIMEOUT: Duration = Duration::from_secs(60);
const SWEEP_TIMEOUT: Duration = Duration::from_secs(30);
