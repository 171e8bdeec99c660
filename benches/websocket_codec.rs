//! WebSocket frames in and out of memory, beside tungstenite on the same bytes.
//!
//! Reading starts from a copy of masked frames, as a socket would leave them, and ends with every
//! message looked at; each side makes one such copy. Times are for a run of frames.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::hint::black_box;
use std::io::{self, Cursor, ErrorKind, Read, Write};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use thirteen::http::websocket::{Endpoint, FrameHead, Incoming, encode};
use thirteen_kernels::level::Level;
use tungstenite::WebSocket;
use tungstenite::protocol::Role;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};

struct Workload {
    name: &'static str,
    opcode: Data,
    payload: Vec<u8>,
    frames_count: usize,
}

fn workloads() -> [Workload; 3] {
    let patterned = |count: usize| (0..count).map(|index| (index * 31) as u8).collect();
    [
        Workload {
            name: "binary of 14 bytes",
            opcode: Data::Binary,
            payload: patterned(14),
            frames_count: 64,
        },
        Workload {
            name: "text of 125 bytes",
            opcode: Data::Text,
            payload: "caf\u{e9} ".repeat(21).into_bytes()[..125].to_vec(),
            frames_count: 64,
        },
        Workload {
            name: "binary of 64 KiB",
            opcode: Data::Binary,
            payload: patterned(64 << 10),
            frames_count: 1,
        },
    ]
}

impl Workload {
    /// The frames as a client sends them.
    fn masked(&self) -> Vec<u8> {
        let mut stream = Vec::new();
        for index in 0..self.frames_count {
            let mut frame = Frame::message(self.payload.clone(), OpCode::Data(self.opcode), true);
            frame.header_mut().mask = Some((0x37fa_213d_u32 ^ index as u32).to_be_bytes());
            frame.format(&mut stream).expect("memory takes all");
        }
        stream
    }

    fn hash_of_payloads(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (0..self.frames_count).for_each(|_| self.payload.hash(&mut hasher));
        hasher.finish()
    }
}

/// Reads every message of the input with our endpoint.
fn read_ours(endpoint: &mut Endpoint, input: &mut [u8], mut see: impl FnMut(&[u8])) {
    let mut out = Vec::new();
    let mut at = 0;
    while at < input.len() {
        let rest = &mut input[at..];
        let advance = endpoint.advance(rest, &mut out);
        at += advance.consumed_bytes;
        if let Incoming::Message { payload, .. } = &advance.incoming {
            see(payload.bytes(rest));
        }
    }
}

/// A socket that holds the frames.
struct Source<'s> {
    left: &'s [u8],
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.left.read(buffer)? {
            0 => Err(ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for Source<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads every message of the stream with tungstenite.
fn read_theirs<'s>(
    server: &mut WebSocket<Source<'s>>,
    stream: &'s [u8],
    mut see: impl FnMut(&[u8]),
) {
    server.get_mut().left = stream;
    while let Ok(message) = server.read() {
        see(&message.into_data());
    }
}

fn decode(criterion: &mut Criterion) {
    for workload in workloads() {
        let stream = workload.masked();
        let mut input = stream.clone();
        let mut endpoint = Endpoint::new(Level::detect(), 1 << 20);
        let mut server = WebSocket::from_raw_socket(Source { left: &[] }, Role::Server, None);

        let (mut ours, mut theirs) = (DefaultHasher::new(), DefaultHasher::new());
        read_ours(&mut endpoint, &mut input, |payload| payload.hash(&mut ours));
        read_theirs(&mut server, &stream, |payload| payload.hash(&mut theirs));
        assert_eq!(
            ours.finish(),
            workload.hash_of_payloads(),
            "{}",
            workload.name
        );
        assert_eq!(
            theirs.finish(),
            workload.hash_of_payloads(),
            "{}",
            workload.name
        );
        println!("{}: payloads hash to {:016x}", workload.name, ours.finish());

        let mut group = criterion.benchmark_group(format!("decode {}", workload.name));
        group.throughput(Throughput::Elements(workload.frames_count as u64));
        group.bench_function("thirteen", |bencher| {
            bencher.iter(|| {
                input.copy_from_slice(black_box(&stream));
                read_ours(&mut endpoint, &mut input, |payload| {
                    black_box(payload);
                });
            });
        });
        group.bench_function("tungstenite", |bencher| {
            bencher.iter(|| {
                read_theirs(&mut server, black_box(&stream), |payload| {
                    black_box(payload);
                });
            });
        });
        group.finish();
    }
}

fn head(criterion: &mut Criterion) {
    let stream = workloads()[0].masked();
    let ours = FrameHead::parse(&stream)
        .expect("a sound head")
        .expect("a whole head");
    let (theirs, payload_bytes) = FrameHeader::parse(&mut Cursor::new(&stream))
        .expect("a sound head")
        .expect("a whole head");
    assert_eq!(
        (Some(ours.0.key), ours.0.payload_bytes),
        (theirs.mask, payload_bytes)
    );
    println!("head: key {:x?}, {payload_bytes} bytes", ours.0.key);

    let mut group = criterion.benchmark_group("head of a frame");
    group.bench_function("thirteen", |bencher| {
        bencher.iter(|| FrameHead::parse(black_box(&stream)));
    });
    group.bench_function("tungstenite", |bencher| {
        bencher.iter(|| FrameHeader::parse(&mut Cursor::new(black_box(&stream))));
    });
    group.finish();
}

fn encode_messages(criterion: &mut Criterion) {
    for workload in workloads() {
        let payload = Bytes::from(workload.payload.clone());
        let write_ours = |out: &mut Vec<u8>| match workload.opcode {
            Data::Text => encode::text_bytes(&payload, out),
            Data::Binary | Data::Continue | Data::Reserved(_) => encode::binary(&payload, out),
        };
        let write_theirs = |out: &mut Vec<u8>| {
            let frame = Frame::message(payload.clone(), OpCode::Data(workload.opcode), true);
            frame.format(out).expect("memory takes all");
        };
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        write_ours(&mut ours);
        write_theirs(&mut theirs);
        assert_eq!(ours, theirs, "{}", workload.name);
        let mut hasher = DefaultHasher::new();
        ours.hash(&mut hasher);
        println!(
            "{}: frame hashes to {:016x}",
            workload.name,
            hasher.finish()
        );

        let mut group = criterion.benchmark_group(format!("encode {}", workload.name));
        group.bench_function("thirteen", |bencher| {
            bencher.iter(|| {
                ours.clear();
                write_ours(black_box(&mut ours));
            });
        });
        group.bench_function("tungstenite", |bencher| {
            bencher.iter(|| {
                theirs.clear();
                write_theirs(black_box(&mut theirs));
            });
        });
        group.finish();
    }
}

criterion_group!(benches, decode, head, encode_messages);
criterion_main!(benches);
