//! Kills the server while 64 connections adjust stock, again and again: what was acknowledged is
//! there, what was not is there wholly or not at all, and asking again does nothing twice.
//!
//! `THIRTEEN_KILLS` sets how many times (10 where it is not set), `THIRTEEN_SEED` the moments.

#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod support;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::http::{Connection, post_json};
use support::moments::{Moments, number_from_environment};
use support::server::{Server, run_with_input};

/// One product, whose stock counts the adjustments that were done to it.
struct Writer {
    product: String,
    /// Adjustments that were acknowledged.
    done: u64,
    /// Whether one more was asked for and not answered.
    is_open: bool,
}

#[test]
fn kills_lose_no_acknowledged_write_and_repeat_none() {
    let kills = number_from_environment("THIRTEEN_KILLS", 10);
    let mut moments = Moments(number_from_environment("THIRTEEN_SEED", 0x7413));
    println!("{kills} kills, seed {}", moments.0);

    let mut server = Server::start_with(&[], UNLIMITED);
    create_admin(&server);
    let mut token = login(server.api());
    let mut writers: Vec<Writer> = (0..WRITERS)
        .map(|number| Writer::begin(server.api(), &token, number))
        .collect();
    for kill in 1..=kills {
        let target = moments.below(ACKNOWLEDGED_BEFORE_KILL_MAX);
        let delay = Duration::from_micros(moments.below(KILL_DELAY_MAX_US));
        rage(&mut server, &token, &mut writers, target, delay);
        check_data(&server, kill);
        server.restart();
        token = login(server.api());
        settle(server.api(), &token, &mut writers, kill);
    }
    let done: u64 = writers.iter().map(|writer| writer.done).sum();
    assert!(done >= kills, "no storm: {done} writes in {kills} rounds");
    println!("{done} acknowledged writes, none lost, none done twice");
}

/// Lets every writer write until `target` more writes are acknowledged, and `delay` later kills
/// the server.
fn rage(server: &mut Server, token: &str, writers: &mut [Writer], target: u64, delay: Duration) {
    let address = server.api();
    let acknowledged = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for writer in writers.iter_mut() {
            let acknowledged = &acknowledged;
            scope.spawn(move || writer.write(address, token, acknowledged));
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
        server.kill();
    });
}

/// Holds the stock against what the writers were told, and asks again for what they were not.
fn settle(address: SocketAddr, token: &str, writers: &mut [Writer], kill: u64) {
    let mut connection = Connection::open(address);
    for writer in writers {
        let on_hand = writer.on_hand(&mut connection, token);
        let most = writer.done + u64::from(writer.is_open);
        assert!(
            (writer.done..=most).contains(&on_hand),
            "kill {kill}: {on_hand} done, not {} to {most}",
            writer.done
        );
        if writer.is_open {
            let reply = writer.adjust(&mut connection, token).unwrap();
            assert_eq!(reply.status, 200, "{}", reply.text());
            let is_replay = reply.header("idempotent-replayed") == Some("true");
            assert_eq!(is_replay, on_hand > writer.done, "kill {kill}");
            writer.done += 1;
            writer.is_open = false;
            assert_eq!(writer.on_hand(&mut connection, token), writer.done);
        }
    }
}

/// The store is whole and its audit chain holds, by the command that operators have for it.
fn check_data(server: &Server, kill: u64) {
    let (is_well, text) = support::server::doctor(server.data());
    assert!(is_well, "kill {kill}: {text}");
    for line in ["commerce.db is whole", "audit log"] {
        assert!(text.contains(line), "kill {kill}: no {line:?} in {text}");
    }
}

impl Writer {
    /// A product without stock.
    fn begin(address: SocketAddr, token: &str, number: usize) -> Writer {
        let body = json!({
            "name": format!("Product {number}"), "sku": format!("KILL-{number}"),
            "price_amount": 100, "currency": "EUR",
        });
        let mut connection = Connection::open(address);
        let bearer = format!("Bearer {token}");
        let headers = [
            ("Content-Type", "application/json"),
            ("Authorization", &*bearer),
        ];
        let reply = connection
            .request(
                "POST",
                "/api/v1/products",
                &headers,
                body.to_string().as_bytes(),
            )
            .unwrap();
        assert_eq!(reply.status, 201, "{}", reply.text());
        Writer {
            product: reply.json()["id"].as_str().unwrap().to_owned(),
            done: 0,
            is_open: false,
        }
    }

    /// Ends when the connection does.
    fn write(&mut self, address: SocketAddr, token: &str, acknowledged: &AtomicU64) {
        let Ok(mut connection) = Connection::try_open(address) else {
            return;
        };
        loop {
            self.is_open = true;
            let Ok(reply) = self.adjust(&mut connection, token) else {
                return;
            };
            assert_eq!(reply.status, 200, "{}", reply.text());
            self.done += 1;
            self.is_open = false;
            acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Asks for one more; the same again until it was acknowledged.
    fn adjust(
        &self,
        connection: &mut Connection,
        token: &str,
    ) -> std::io::Result<support::http::Reply> {
        let body = json!({ "product_id": self.product, "delta": 1, "reason": "storm" });
        let (key, bearer) = (
            format!("{}-{}", self.product, self.done),
            format!("Bearer {token}"),
        );
        let headers = [
            ("Content-Type", "application/json"),
            ("Authorization", &*bearer),
            ("Idempotency-Key", &*key),
        ];
        let body = body.to_string();
        connection.request(
            "POST",
            "/api/v1/inventory/adjust",
            &headers,
            body.as_bytes(),
        )
    }

    fn on_hand(&self, connection: &mut Connection, token: &str) -> u64 {
        let target = format!("/api/v1/inventory?product_id={}", self.product);
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", &*bearer)];
        let reply = connection.request("GET", &target, &headers, b"").unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["items"][0]["on_hand"].as_u64().unwrap()
    }
}

fn create_admin(server: &Server) {
    let folder = server.data();
    let arguments = ["admin", "create", EMAIL, "--password-stdin", "--data"];
    let arguments = [&arguments[..], &[folder.to_str().unwrap()]].concat();
    let created = run_with_input(&arguments, PASSWORD);
    assert!(created.status.success(), "{created:?}");
}

fn login(address: SocketAddr) -> String {
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    let reply = post_json(address, "/api/v1/auth/login", &body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let tokens: Value = reply.json();
    tokens["access_token"].as_str().unwrap().to_owned()
}

const EMAIL: &str = "storm@example.com";
const PASSWORD: &str = "a password for storms";

/// A storm is more than one peer is allowed.
const UNLIMITED: &[(&str, &str)] = &[
    ("THIRTEEN_RATE_API_PER_MINUTE", "0"),
    ("THIRTEEN_RATE_AUTH_PER_15S", "0"),
];

const WRITERS: usize = 64;

const ACKNOWLEDGED_BEFORE_KILL_MAX: u64 = 2000;

/// Longer than a group of writes takes from the socket to the disk and back.
const KILL_DELAY_MAX_US: u64 = 5_000;

const STORM_TIMEOUT: Duration = Duration::from_secs(60);
