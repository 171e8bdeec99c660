//! A shard that went to sleep wakes for whatever comes: requests at odd moments, after pauses.
//!
//! `THIRTEEN_WAKEUP_ROUNDS` sets how many servers are tried (5 where it is not set).
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use support::http::Connection;
use support::server::Server;

#[test]
fn a_server_with_pauses_between_requests_answers_them_all() {
    let rounds = match std::env::var("THIRTEEN_WAKEUP_ROUNDS") {
        Ok(text) => text.parse().unwrap(),
        Err(_) => 5,
    };
    for round in 0..rounds {
        let server = Server::start();
        let address = server.api();
        // Few connections: the shard has nothing to do most of the time, and falls asleep at
        // every moment relative to the next request.
        std::thread::scope(|scope| {
            for client in 0..3 {
                scope.spawn(move || ask_now_and_then(address, round * 3 + client));
            }
        });
    }
}

fn ask_now_and_then(address: SocketAddr, seed: u64) {
    let mut moments = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let end = Instant::now() + ROUND;
    while Instant::now() < end {
        let mut connection = Connection::open(address);
        let body = r#"{"rows":30}"#;
        for request in 0..4 {
            let reply = match request {
                0 => connection.request("POST", "/api/config", &JSON, body.as_bytes()),
                _ => connection.request("GET", "/api/config", &[], b""),
            };
            let reply = reply.unwrap_or_else(|error| panic!("the server sleeps: {error}"));
            assert!(matches!(reply.status, 200 | 429), "{}", reply.text());
            moments ^= moments << 13;
            moments ^= moments >> 7;
            moments ^= moments << 17;
            let pause_us = PAUSES_US[(moments % PAUSES_US.len() as u64) as usize];
            std::thread::park_timeout(Duration::from_micros(pause_us));
        }
    }
}

const JSON: [(&str, &str); 1] = [("Content-Type", "application/json")];

/// Shorter than a turn, about as long, and far longer.
const PAUSES_US: [u64; 5] = [0, 100, 1_000, 5_000, 20_000];

const ROUND: Duration = Duration::from_secs(1);
