//! Kills the server during storms of updates, again and again: no acknowledged change is lost.
//!
//! `THIRTEEN_KILLS` sets how many times (20 where it is not set), `THIRTEEN_SEED` the moments.

#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod support;

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::config_client::{ACK, CONFIG_UPDATE, ConfigClient, ERROR, frame};
use support::http::{Connection, fetch};
use support::moments::{Moments, number_from_environment};
use support::server::Server;

/// Who writes what. Each writer owns a field, so what it was told holds whatever others write.
const WRITERS: [Writer; 5] = [
    Writer {
        field: "registryHash",
        path: Path::WebSocket { offset: 5 },
        values: 0..=u32::MAX,
    },
    Writer {
        field: "featureFlags",
        path: Path::WebSocket { offset: 9 },
        values: 0..=2047,
    },
    Writer {
        field: "rows",
        path: Path::WebSocket { offset: 14 },
        values: 1..=255,
    },
    Writer {
        field: "cols",
        path: Path::Http,
        values: 1..=255,
    },
    Writer {
        field: "version",
        path: Path::Http,
        values: 0..=255,
    },
];

#[derive(Clone)]
struct Writer {
    field: &'static str,
    path: Path,
    values: RangeInclusive<u32>,
}

#[derive(Clone, Copy)]
enum Path {
    /// Up to `UNACKNOWLEDGED_MAX` frames on their way.
    WebSocket { offset: u32 },
    /// One request at a time; the reply has the sequence number.
    Http,
}

/// How far each writer is, by the index of its update.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    sent: u64,
    acknowledged: u64,
    /// The largest sequence number in a reply to this writer; WebSocket ACKs do not have one.
    sequence: u64,
}

#[derive(Default)]
struct Storm {
    progress: Mutex<[Progress; WRITERS.len()]>,
    acknowledged: Condvar,
}

#[test]
fn kills_lose_no_acknowledged_change() {
    let kills = number_from_environment("THIRTEEN_KILLS", 20);
    let mut moments = Moments(number_from_environment("THIRTEEN_SEED", 0x7413));
    println!("{kills} kills, seed {}", moments.0);

    // A storm is more than one peer is allowed.
    let mut server = Server::start_with(&[], &[("THIRTEEN_RATE_WRITES_PER_MINUTE", "1000000")]);
    let storm = Storm::begin(&read_config(server.api()));
    let mut acknowledged = 0;
    for kill in 1..=kills {
        let before = read_config(server.api());
        let target = moments.below(ACKNOWLEDGED_BEFORE_KILL_MAX);
        let delay = Duration::from_micros(moments.below(KILL_DELAY_MAX_US));
        let acknowledged_here = storm.rage(&mut server, target, delay);

        if kill % 4 == 0 {
            let patience = Duration::from_micros(moments.below(START_CUT_MAX_US));
            server.restart_cut_short(patience);
        }
        server.restart();
        let after = read_config(server.api());
        storm.settle(&before, &after, acknowledged_here, kill);
        acknowledged += acknowledged_here;
    }
    assert!(
        acknowledged >= kills,
        "no storm: {acknowledged} updates in {kills} rounds"
    );
    println!("{acknowledged} acknowledged updates, none lost");
}

impl Storm {
    /// Every writer's field is at index 0 of that writer's values when the storm begins, because
    /// the first update that each makes sets it from there.
    fn begin(config: &Value) -> Storm {
        let storm = Storm::default();
        for (writer, progress) in WRITERS
            .iter()
            .zip(storm.progress.lock().unwrap().iter_mut())
        {
            let value = config[writer.field].as_u64().unwrap();
            progress.sent = writer.index_of(value);
            progress.acknowledged = progress.sent;
        }
        storm
    }

    /// Lets every writer write until `target` more updates are acknowledged, and `delay` later
    /// kills the server. Returns how many were.
    fn rage(&self, server: &mut Server, target: u64, delay: Duration) -> u64 {
        let start = self.acknowledged_total();
        let address = server.api();
        std::thread::scope(|scope| {
            for index in 0..WRITERS.len() {
                scope.spawn(move || self.write(index, address));
            }
            let deadline = Instant::now() + STORM_TIMEOUT;
            let mut progress = self.progress.lock().unwrap();
            while total(&progress) < start + target {
                let patience = deadline.saturating_duration_since(Instant::now());
                assert!(!patience.is_zero(), "the storm stopped at {progress:?}");
                progress = self
                    .acknowledged
                    .wait_timeout(progress, patience)
                    .unwrap()
                    .0;
            }
            drop(progress);
            // An acknowledgement is one certain moment of the server's turn; a short spin after
            // it reaches the others.
            let moment = Instant::now() + delay;
            while Instant::now() < moment {
                std::hint::spin_loop();
            }
            server.kill();
        });
        self.acknowledged_total() - start
    }

    /// Holds what the restarted server has against what the writers were told.
    fn settle(&self, before: &Value, after: &Value, acknowledged: u64, kill: u64) {
        let mut progress = self.progress.lock().unwrap();
        let mut unacknowledged = 0;
        for (writer, progress) in WRITERS.iter().zip(progress.iter_mut()) {
            let value = after[writer.field].as_u64().unwrap();
            let candidates = progress.acknowledged..=progress.sent;
            let Some(index) = candidates
                .clone()
                .find(|index| writer.value(*index) == value)
            else {
                panic!(
                    "kill {kill}: {} is {value}, none of the updates {candidates:?} \
                     (acknowledged to sent), whose first value is {}",
                    writer.field,
                    writer.value(progress.acknowledged)
                );
            };
            unacknowledged += progress.sent - progress.acknowledged;
            *progress = Progress {
                sent: index,
                acknowledged: index,
                sequence: progress.sequence,
            };
        }

        let told = progress
            .iter()
            .map(|progress| progress.sequence)
            .max()
            .unwrap_or(0);
        let sequence = after["sequence"].as_u64().unwrap();
        assert!(
            sequence >= told,
            "kill {kill}: sequence {sequence} after {told} was told"
        );
        let least = before["sequence"].as_u64().unwrap() + acknowledged;
        let most = least + unacknowledged;
        assert!(
            (least..=most).contains(&sequence),
            "kill {kill}: sequence {sequence}, not from {least} to {most}"
        );
    }

    fn write(&self, index: usize, address: SocketAddr) {
        match WRITERS[index].path {
            Path::WebSocket { offset } => self.write_frames(index, address, offset),
            Path::Http => self.write_requests(index, address),
        }
    }

    /// Ends when the connection does.
    fn write_frames(&self, index: usize, address: SocketAddr, offset: u32) {
        let Ok(mut client) = ConfigClient::try_connect(address) else {
            return;
        };
        loop {
            while let Some(next) = self.take_next(index) {
                let value = WRITERS[index].value(next);
                if client.send(&frame(CONFIG_UPDATE, offset, value)).is_err() {
                    return;
                }
            }
            let Ok(frame) = client.next() else { return };
            match frame.first() {
                Some(&ACK) => self.acknowledge(index, 0),
                Some(&ERROR) => panic!("{} was refused: {frame:02x?}", WRITERS[index].field),
                _ => {}
            }
        }
    }

    /// Ends when the connection does.
    fn write_requests(&self, index: usize, address: SocketAddr) {
        let Ok(mut connection) = Connection::try_open(address) else {
            return;
        };
        let headers = [("Content-Type", "application/json")];
        let mut sequence_last = 0;
        while let Some(next) = self.take_next(index) {
            let writer = &WRITERS[index];
            let body = json!({ writer.field: writer.value(next) }).to_string();
            let reply = connection.request("POST", "/api/config", &headers, body.as_bytes());
            let Ok(reply) = reply else { return };
            assert_eq!(reply.status, 200, "{body}: {}", reply.text());
            let sequence = reply.json()["sequence"].as_u64().unwrap();
            assert!(sequence > sequence_last, "{sequence} after {sequence_last}");
            sequence_last = sequence;
            self.acknowledge(index, sequence);
        }
    }

    /// The index of the update to send next; nothing while too many are unacknowledged. It counts
    /// as sent before it is, so that a kill in between cannot surprise.
    fn take_next(&self, index: usize) -> Option<u64> {
        let mut all = self.progress.lock().unwrap();
        let progress = &mut all[index];
        if progress.sent - progress.acknowledged >= UNACKNOWLEDGED_MAX {
            return None;
        }
        progress.sent += 1;
        Some(progress.sent)
    }

    fn acknowledge(&self, index: usize, sequence: u64) {
        let mut all = self.progress.lock().unwrap();
        let progress = &mut all[index];
        progress.acknowledged += 1;
        assert!(
            progress.acknowledged <= progress.sent,
            "more ACKs than updates"
        );
        progress.sequence = progress.sequence.max(sequence);
        self.acknowledged.notify_one();
    }

    fn acknowledged_total(&self) -> u64 {
        total(&self.progress.lock().unwrap())
    }
}

impl Writer {
    /// The value of an update: neighbours differ, so each changes the state.
    fn value(&self, index: u64) -> u64 {
        let count = u64::from(*self.values.end() - *self.values.start()) + 1;
        u64::from(*self.values.start()) + index % count
    }

    fn index_of(&self, value: u64) -> u64 {
        value - u64::from(*self.values.start())
    }
}

fn read_config(address: SocketAddr) -> Value {
    let reply = fetch(address, "/api/config");
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn total(progress: &[Progress; WRITERS.len()]) -> u64 {
    progress.iter().map(|progress| progress.acknowledged).sum()
}

/// Fewer than the values of the smallest field, so that a value tells which update it came from.
const UNACKNOWLEDGED_MAX: u64 = 8;

const ACKNOWLEDGED_BEFORE_KILL_MAX: u64 = 200;

/// Longer than a group of updates takes from the socket to the disk and back.
const KILL_DELAY_MAX_US: u64 = 3_000;

/// Longer than the start of the server takes, so that some cuts come late in it.
const START_CUT_MAX_US: u64 = 60_000;

const STORM_TIMEOUT: Duration = Duration::from_secs(60);
