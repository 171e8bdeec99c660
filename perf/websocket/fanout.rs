//! One update to thousands of idle clients: memory for each, and the time until all have it.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use crate::client::{ACK, CONFIG_UPDATE, Client, HEARTBEAT, REGISTRY_HASH_OFFSET, frame};
use crate::server_process::ServerProcess;

#[derive(clap::Args)]
pub(crate) struct Options {
    address: SocketAddr,
    /// The server's process, for its memory and CPU time.
    #[arg(long)]
    pid: u32,
    #[arg(long, default_value_t = 10_000)]
    clients: usize,
    #[arg(long, default_value_t = 50)]
    rounds: u32,
}

pub(crate) fn run(options: &Options) -> io::Result<Value> {
    if options.clients == 0 || options.rounds == 0 {
        return Err(io::Error::other("clients and rounds are at least 1"));
    }
    let server = ServerProcess::new(options.pid);
    let (clients, bounded_by) = clients_allowed(options.clients);
    // The writer comes first, so that what the server sets up once is not counted.
    let mut writer = Client::connect(options.address, 0)?;
    let resident_before = server.resident_bytes()?;
    let mut audience = Audience::gather(options.address, clients)?;
    let resident_after = server.resident_bytes()?;
    writer.set_nonblocking()?;

    // One round that is not measured: the clients' buffers and the server's grow to their size.
    audience.deliver(&mut writer, 1)?;
    let cpu_before = server.cpu_time()?;
    let mut rounds = Vec::new();
    for round in 0..options.rounds {
        rounds.push(audience.deliver(&mut writer, u64::from(round) + 2)?);
    }
    let cpu = server.cpu_time()?.saturating_sub(cpu_before);

    let median_us = |part: fn(&Round) -> Duration| {
        let mut values: Vec<Duration> = rounds.iter().map(part).collect();
        values.sort();
        values[values.len() / 2].as_secs_f64() * 1e6
    };
    let deliveries = f64::from(options.rounds) * clients as f64;
    Ok(json!({
        "clients": clients,
        "clients_bounded_by": bounded_by,
        "rounds": options.rounds,
        "memory_bytes_per_client": resident_after.saturating_sub(resident_before) / clients as u64,
        "resident_bytes": resident_after,
        "first_us": median_us(|round| round.first),
        "p50_us": median_us(|round| round.p50),
        "p99_us": median_us(|round| round.p99),
        "last_us": median_us(|round| round.last),
        "last_us_worst": rounds.iter().map(|round| round.last).max().unwrap_or_default()
            .as_secs_f64() * 1e6,
        "acknowledged_us": median_us(|round| round.acknowledged),
        "server_cpu_us_per_delivery": cpu.as_secs_f64() * 1e6 / deliveries,
    }))
}

/// When the clients had an update, from the moment that it was sent.
struct Round {
    first: Duration,
    p50: Duration,
    p99: Duration,
    last: Duration,
    acknowledged: Duration,
}

struct Audience {
    poller: rustix::fd::OwnedFd,
    clients: Vec<Client>,
}

impl Audience {
    fn gather(address: SocketAddr, count: usize) -> io::Result<Audience> {
        let poller = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut clients = Vec::with_capacity(count);
        for index in 0..count {
            let mut client = Client::connect(address, index)
                .map_err(|error| io::Error::other(format!("client {index}: {error}")))?;
            client.set_nonblocking()?;
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&poller, &client.stream, data, epoll::EventFlags::IN)?;
            clients.push(client);
        }
        Ok(Audience { poller, clients })
    }

    /// Sends one update and takes it from every client; anything else but a heartbeat is a
    /// fault.
    fn deliver(&mut self, writer: &mut Client, value: u64) -> io::Result<Round> {
        let update = frame(CONFIG_UPDATE, REGISTRY_HASH_OFFSET, value);
        let ack = frame(ACK, 0, u64::from(CONFIG_UPDATE));
        let mut times = Vec::with_capacity(self.clients.len());
        let mut acknowledged = None;
        let mut events = Vec::with_capacity(EVENTS);
        let start = Instant::now();
        writer.send(&update)?;
        while times.len() < self.clients.len() || acknowledged.is_none() {
            if start.elapsed() > DELIVERY_TIMEOUT {
                let missing = self.clients.len() - times.len();
                return Err(io::Error::other(format!(
                    "{missing} clients have no update"
                )));
            }
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
                let client = &mut self.clients[event.data.u64() as usize];
                client.receive(|message| {
                    if message.first() != Some(&HEARTBEAT) {
                        expect(message, &update)?;
                        times.push(start.elapsed());
                    }
                    Ok(())
                })?;
            }
            if acknowledged.is_none() {
                writer.receive(|message| {
                    if message.first() != Some(&HEARTBEAT) {
                        expect(message, &ack)?;
                        acknowledged = Some(start.elapsed());
                    }
                    Ok(())
                })?;
            }
        }
        times.sort();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100];
        Ok(Round {
            first: at(0),
            p50: at(50),
            p99: at(99),
            last: at(100),
            acknowledged: acknowledged.unwrap_or_default(),
        })
    }
}

fn expect(message: &[u8], frame: &[u8; 14]) -> io::Result<()> {
    if message == frame {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{message:02x?} in place of {frame:02x?}"
    )))
}

/// How many clients there can be, and what keeps it from more.
fn clients_allowed(wanted: usize) -> (usize, Option<String>) {
    let needed = wanted as u64 + DESCRIPTORS_SPARE;
    let limit = getrlimit(Resource::Nofile);
    // Root may raise both; anyone else the soft one only.
    let raised = Rlimit {
        current: Some(needed),
        maximum: limit.maximum.map(|hard| hard.max(needed)),
    };
    if setrlimit(Resource::Nofile, raised).is_ok() {
        return (wanted, None);
    }
    let hard = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let allowed = match setrlimit(Resource::Nofile, hard) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let allowed = allowed.unwrap_or(needed).saturating_sub(DESCRIPTORS_SPARE) as usize;
    if allowed >= wanted {
        return (wanted, None);
    }
    (
        allowed,
        Some(format!(
            "this process's limit of open files (asked for {wanted})"
        )),
    )
}

/// Beside the clients: standard streams, the poller, the writer.
const DESCRIPTORS_SPARE: u64 = 16;

/// As many as are taken from the kernel at once.
const EVENTS: usize = 1024;

const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);
