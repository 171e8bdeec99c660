//! What a long transfer costs: memory, and the time of others.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::http::Connection;

/// What a server's memory and its other clients came to while something long went on.
#[derive(Debug)]
pub(crate) struct Weighed {
    growth: u64,
    p99: Duration,
    others: usize,
}

/// Runs a transfer while others ask for something small and the server's memory is watched.
pub(crate) fn weigh<T>(
    door: SocketAddr,
    pid: u32,
    before: u64,
    transfer: impl FnOnce() -> T,
) -> (T, Weighed) {
    let is_done = AtomicBool::new(false);
    let (value, most, mut times) = std::thread::scope(|scope| {
        let others = scope.spawn(|| others(door, &is_done));
        let memory = scope.spawn(|| most_resident(pid, &is_done));
        let done = Done(&is_done);
        let value = transfer();
        drop(done);
        (value, memory.join().unwrap(), others.join().unwrap())
    });
    times.sort_unstable();
    let weighed = Weighed {
        growth: most.saturating_sub(before),
        p99: times[times.len() * 99 / 100],
        others: times.len(),
    };
    (value, weighed)
}

impl Weighed {
    /// Prints what it came to for so many bytes, and holds it: 32 MiB more, and 5 ms where the
    /// server is a release build or `THIRTEEN_LATENCY` is set.
    pub(crate) fn hold(&self, bytes: u64, took: Duration) {
        let Weighed {
            growth,
            p99,
            others,
        } = *self;
        println!(
            "{:.0} MiB in {took:.2?}: {:.1} MiB of memory more; {others} other requests, \
             p99 {p99:.2?}",
            mib(bytes),
            mib(growth),
        );
        self.hold_growth(32 << 20);
        let is_measured = !cfg!(debug_assertions) || std::env::var("THIRTEEN_LATENCY").is_ok();
        assert!(
            !is_measured || p99 < Duration::from_millis(5),
            "p99 {p99:?}"
        );
    }

    /// Holds what memory grew by to a bound.
    pub(crate) fn hold_growth(&self, bytes_max: u64) {
        let growth = self.growth;
        assert!(growth < bytes_max, "{:.1} MiB more", mib(growth));
    }
}

/// Ends the watching also where the transfer fails, so that the test does.
struct Done<'d>(&'d AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The times of small requests until it is done.
fn others(door: SocketAddr, is_done: &AtomicBool) -> Vec<Duration> {
    let mut connection = Connection::open(door);
    let mut times = Vec::new();
    while !is_done.load(Ordering::Relaxed) {
        let began = std::time::Instant::now();
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

/// The resident memory of a process.
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
    let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as u64
}

/// Bytes as MiB, to be printed.
pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
