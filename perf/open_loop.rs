//! Requests at a fixed rate, whatever the server does, with the latency that a user would see.
//!
//! `open_loop ADDRESS TARGET --rate N [--connections N] [--seconds N] [--expect TEXT]`
//!
//! A closed loop (wrk) asks for the next reply when it has the last one, so a server that stops
//! for a second delays one request per connection and the rest are never sent: coordinated
//! omission. Here each request has a moment at which it is due, and its latency runs from that
//! moment, however late a connection is free to send it. Every reply is checked. The thread
//! spins between events, so give it a core of its own. Prints one line of JSON.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use clap::Parser;
use hdrhistogram::Histogram;
use rustix::event::{Timespec, epoll};
use serde_json::json;

#[derive(Parser)]
struct Options {
    address: SocketAddr,
    target: String,
    /// Requests a second.
    #[arg(long)]
    rate: u32,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// How long it is measured.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// How long before that requests are sent and not measured.
    #[arg(long, default_value_t = 1)]
    warmup_seconds: u32,
    /// What every body has to contain.
    #[arg(long, default_value = "")]
    expect: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    if options.rate == 0 || options.connections == 0 || options.seconds == 0 {
        return Err("rate, connections and seconds are at least 1".into());
    }
    let load = Load::connect(&options)?;
    println!("{}", load.run()?);
    Ok(())
}

struct Load<'o> {
    options: &'o Options,
    request: Vec<u8>,
    poller: rustix::fd::OwnedFd,
    connections: Vec<Connection>,
    /// Connections that wait for work; the one that waited longest is the next.
    idle: std::collections::VecDeque<usize>,
    /// From the moment a request was due to the last byte of its reply.
    latency_ns: Histogram<u64>,
    /// From the moment a request was due to when it was sent: what waiting for a free connection
    /// and this generator itself add.
    delay_ns: Histogram<u64>,
    answered: u64,
    faults: u64,
    fault_first: Option<String>,
}

struct Connection {
    stream: TcpStream,
    reply: Vec<u8>,
    /// The moment at which the request in flight was due.
    due: Option<Instant>,
}

impl Load<'_> {
    fn connect(options: &Options) -> io::Result<Load<'_>> {
        let poller = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut connections = Vec::with_capacity(options.connections);
        for index in 0..options.connections {
            let stream = TcpStream::connect_timeout(&options.address, ANSWER_TIMEOUT)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(
                &poller,
                &stream,
                data,
                epoll::EventFlags::IN | epoll::EventFlags::ET,
            )?;
            connections.push(Connection {
                stream,
                reply: Vec::with_capacity(4096),
                due: None,
            });
        }
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\n\r\n",
            options.target, options.address
        );
        Ok(Load {
            options,
            request: request.into_bytes(),
            poller,
            idle: (0..connections.len()).collect(),
            connections,
            latency_ns: histogram(),
            delay_ns: histogram(),
            answered: 0,
            faults: 0,
            fault_first: None,
        })
    }

    fn run(mut self) -> io::Result<serde_json::Value> {
        let rate = u64::from(self.options.rate);
        let warmup = rate * u64::from(self.options.warmup_seconds);
        let count = warmup + rate * u64::from(self.options.seconds);
        let start = Instant::now();
        let due_at = |index: u64| start + Duration::from_nanos(index * 1_000_000_000 / rate);
        let measured_from = due_at(warmup);
        let give_up = due_at(count) + ANSWER_TIMEOUT;

        let mut sent = 0;
        while sent < count || self.idle.len() < self.connections.len() {
            let moment = Instant::now();
            if moment > give_up {
                return Err(io::Error::other(
                    "replies are missing: the server is overloaded",
                ));
            }
            while sent < count && due_at(sent) <= moment {
                let Some(index) = self.idle.pop_front() else {
                    break;
                };
                self.send(index, due_at(sent), measured_from)?;
                sent += 1;
            }
            self.receive(measured_from)?;
        }
        Ok(self.report(start.elapsed()))
    }

    fn send(&mut self, index: usize, due: Instant, measured_from: Instant) -> io::Result<()> {
        let connection = &mut self.connections[index];
        connection.due = Some(due);
        // A connection without a request in flight has room for one.
        connection.stream.write_all(&self.request)?;
        if due >= measured_from {
            record(&mut self.delay_ns, due.elapsed());
        }
        Ok(())
    }

    fn receive(&mut self, measured_from: Instant) -> io::Result<()> {
        let mut events = Vec::with_capacity(EVENTS);
        // No waiting: the next request may be due sooner than a timer can tell.
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        epoll::wait(
            &self.poller,
            rustix::buffer::spare_capacity(&mut events),
            Some(&at_once),
        )?;
        for event in &events {
            let index = event.data.u64() as usize;
            if let Some(due) = self.read_reply(index)? {
                if due >= measured_from {
                    record(&mut self.latency_ns, due.elapsed());
                    self.answered += 1;
                }
                self.idle.push_back(index);
            }
        }
        Ok(())
    }

    /// Reads what there is; when the reply is whole it is checked, and its request's moment told.
    fn read_reply(&mut self, index: usize) -> io::Result<Option<Instant>> {
        let connection = &mut self.connections[index];
        let mut chunk = [0; 16 * 1024];
        loop {
            match connection.stream.read(&mut chunk) {
                Ok(0) => return Err(io::Error::other("the server closed a connection")),
                Ok(bytes) => connection.reply.extend_from_slice(&chunk[..bytes]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let Some(verdict) = check(&connection.reply, &self.options.expect) else {
            return Ok(None);
        };
        connection.reply.clear();
        if let Err(fault) = verdict {
            self.faults += 1;
            self.fault_first.get_or_insert(fault);
        }
        Ok(connection.due.take())
    }

    fn report(&self, elapsed: Duration) -> serde_json::Value {
        let quantiles_us = |histogram: &Histogram<u64>| {
            let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
            json!({
                "p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "p99_9": at(0.999),
                "max": histogram.max() as f64 / 1000.0,
            })
        };
        json!({
            "rate": self.options.rate,
            "connections": self.connections.len(),
            "answered": self.answered,
            "faults": self.faults,
            "fault_first": self.fault_first,
            "seconds": elapsed.as_secs_f64(),
            "latency_us": quantiles_us(&self.latency_ns),
            "send_delay_us": quantiles_us(&self.delay_ns),
        })
    }
}

/// Nothing until the reply is whole; then whether it is right.
fn check(reply: &[u8], expect: &str) -> Option<Result<(), String>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut headers);
    let head_bytes = match head.parse(reply) {
        Ok(httparse::Status::Complete(bytes)) => bytes,
        Ok(httparse::Status::Partial) => return None,
        Err(error) => return Some(Err(format!("no HTTP: {error}"))),
    };
    let length = head
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .and_then(|header| {
            std::str::from_utf8(header.value)
                .ok()?
                .parse::<usize>()
                .ok()
        });
    let Some(length) = length else {
        return Some(Err("a reply without Content-Length".to_owned()));
    };
    let body = &reply[head_bytes..];
    if body.len() < length {
        return None;
    }
    Some(match (head.code, body.len() - length) {
        (Some(200), 0) if String::from_utf8_lossy(body).contains(expect) => Ok(()),
        (Some(200), 0) => Err(format!("a body without {expect:?}")),
        (Some(200), more) => Err(format!("{more} bytes past the end of a reply")),
        (status, _) => Err(format!("status {status:?}")),
    })
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are in order")
}

fn record(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
}

/// As many as are taken from the kernel at once.
const EVENTS: usize = 1024;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
