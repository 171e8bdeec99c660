//! Frames in and acknowledged: one in flight on each of a few connections.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::event::{Timespec, epoll};
use serde_json::{Value, json};

use crate::client::{
    ACK, BULK_UPDATE, CONFIG_UPDATE, Client, HEARTBEAT, REGISTRY_HASH_OFFSET, frame,
};
use crate::server_process::ServerProcess;

#[derive(clap::Args)]
pub(crate) struct Options {
    address: SocketAddr,
    /// The server's process, for its CPU time.
    #[arg(long)]
    pid: u32,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    #[arg(long, value_enum, default_value_t = Kind::Heartbeat)]
    frame: Kind,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Kind {
    /// A frame that is answered with one and changes nothing.
    Heartbeat,
    /// A CONFIG_UPDATE, acknowledged to its sender and sent to all the others.
    Update,
}

pub(crate) fn run(options: &Options) -> io::Result<Value> {
    if options.connections == 0 || options.seconds == 0 {
        return Err(io::Error::other("connections and seconds are at least 1"));
    }
    let server = ServerProcess::new(options.pid);
    let mut load = Load::connect(options)?;
    load.run_for(WARMUP)?;
    let cpu_before = server.cpu_time()?;
    load.begin_measuring();
    let start = Instant::now();
    load.run_for(Duration::from_secs(options.seconds))?;
    let elapsed = start.elapsed();
    let cpu = server.cpu_time()?.saturating_sub(cpu_before);
    let at = |quantile| load.latency_ns.value_at_quantile(quantile) as f64 / 1000.0;
    Ok(json!({
        "connections": options.connections,
        "acknowledged": load.acknowledged,
        "broadcasts": load.broadcasts,
        "seconds": elapsed.as_secs_f64(),
        "acknowledged_per_second": load.acknowledged as f64 / elapsed.as_secs_f64(),
        "server_cpu_us_per_frame": cpu.as_secs_f64() * 1e6 / load.acknowledged.max(1) as f64,
        "latency_us": {
            "p50": at(0.5), "p99": at(0.99), "p99_9": at(0.999),
            "max": load.latency_ns.max() as f64 / 1000.0,
        },
    }))
}

struct Load {
    poller: rustix::fd::OwnedFd,
    sessions: Vec<Session>,
    kind: Kind,
    value_next: u64,
    acknowledged: u64,
    broadcasts: u64,
    latency_ns: Histogram<u64>,
}

struct Session {
    client: Client,
    sent: Instant,
}

impl Load {
    fn connect(options: &Options) -> io::Result<Load> {
        let poller = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut sessions = Vec::with_capacity(options.connections);
        for index in 0..options.connections {
            let mut client = Client::connect(options.address, index)?;
            client.set_nonblocking()?;
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&poller, &client.stream, data, epoll::EventFlags::IN)?;
            sessions.push(Session {
                client,
                sent: Instant::now(),
            });
        }
        let mut load = Load {
            poller,
            sessions,
            kind: options.frame,
            value_next: 0,
            acknowledged: 0,
            broadcasts: 0,
            latency_ns: Histogram::new_with_bounds(1, 60_000_000_000, 3)
                .expect("the bounds are in order"),
        };
        for index in 0..load.sessions.len() {
            load.send(index)?;
        }
        Ok(load)
    }

    fn begin_measuring(&mut self) {
        self.acknowledged = 0;
        self.broadcasts = 0;
        self.latency_ns.reset();
    }

    fn run_for(&mut self, time: Duration) -> io::Result<()> {
        let mut events = Vec::with_capacity(EVENTS);
        let end = Instant::now() + time;
        let mut last_answer = Instant::now();
        while Instant::now() < end {
            let at_once = Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            epoll::wait(
                &self.poller,
                rustix::buffer::spare_capacity(&mut events),
                Some(&at_once),
            )?;
            for event in events.drain(..) {
                if self.take_answer(event.data.u64() as usize)? {
                    last_answer = Instant::now();
                }
            }
            if last_answer.elapsed() > ANSWER_TIMEOUT {
                return Err(io::Error::other("no answer: the server has stopped"));
            }
        }
        Ok(())
    }

    /// Reads what has come; when the answer is in it, the next frame goes out.
    fn take_answer(&mut self, index: usize) -> io::Result<bool> {
        let session = &mut self.sessions[index];
        let ack = frame(ACK, 0, u64::from(CONFIG_UPDATE));
        let kind = self.kind;
        let mut answers = 0;
        let mut broadcasts = 0;
        session.client.receive(|message| {
            match (kind, message.first().copied()) {
                (Kind::Heartbeat, Some(HEARTBEAT)) if message.len() == 14 => answers += 1,
                (Kind::Update, Some(ACK)) if message == ack => answers += 1,
                // Others' changes; a server may fold several for a client that is behind.
                (Kind::Update, Some(CONFIG_UPDATE | BULK_UPDATE)) => broadcasts += 1,
                _ => return Err(io::Error::other(format!("unexpected: {message:02x?}"))),
            }
            Ok(())
        })?;
        self.broadcasts += broadcasts;
        match answers {
            0 => Ok(false),
            1 => {
                let time = session.sent.elapsed().as_nanos();
                self.latency_ns
                    .saturating_record(u64::try_from(time).unwrap_or(u64::MAX));
                self.acknowledged += 1;
                self.send(index)?;
                Ok(true)
            }
            _ => Err(io::Error::other(
                "two answers to one frame: are the server's heartbeats off?",
            )),
        }
    }

    fn send(&mut self, index: usize) -> io::Result<()> {
        self.value_next = (self.value_next + 1) % u64::from(u32::MAX);
        let bytes = match self.kind {
            Kind::Heartbeat => frame(HEARTBEAT, 0, self.value_next),
            Kind::Update => frame(CONFIG_UPDATE, REGISTRY_HASH_OFFSET, self.value_next),
        };
        let session = &mut self.sessions[index];
        session.sent = Instant::now();
        session.client.send(&bytes)
    }
}

const WARMUP: Duration = Duration::from_millis(500);

/// As many as are taken from the kernel at once.
const EVENTS: usize = 256;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
