//! Thousands of connections, and a soak that ends with the counts it began with.

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream as Peer};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::bench::{
    Bench, connect, in_a_process_of_its_own, open_descriptors, pattern, read_to_end, reset,
};
use crate::ring::{Outgoing, TcpStream};

/// Each needs a descriptor on either side; the machines that we test on allow some 20 000.
const CONNECTIONS: usize = 4_000;

#[test]
fn thousands_of_connections_dribble_and_are_all_understood() {
    let name = "ring::tests::crowd::thousands_of_connections_dribble_and_are_all_understood";
    in_a_process_of_its_own(name, || {
        allow_descriptors();
        let before = open_descriptors();
        let bench = Bench::new(512);
        let pairs = bench.pairs(CONNECTIONS);
        let done = Rc::new(Cell::new(0));
        let mut peers = Vec::new();
        for (number, (stream, peer)) in pairs.into_iter().enumerate() {
            peers.push(peer);
            let done = done.clone();
            bench.spawn(async move {
                let bytes = read_to_end(&stream).await.unwrap();
                assert_eq!(bytes, word(number));
                stream.send(Outgoing::Owned(bytes)).await.unwrap();
                done.set(done.get() + 1);
            });
        }
        let dribbling = std::thread::spawn(move || dribble(peers));
        let began = Instant::now();
        while done.get() < CONNECTIONS {
            bench.pass(Duration::from_millis(20));
            assert!(
                began.elapsed() < Duration::from_secs(50),
                "{} done",
                done.get()
            );
        }
        dribbling.join().unwrap();
        bench.assert_nothing_is_held();
        let counters = bench.ring.counters();
        assert_eq!(counters.accepted as usize, CONNECTIONS);
        drop(bench);
        assert_eq!(open_descriptors(), before);
    });
}

#[test]
fn a_ring_that_ends_lets_thousands_of_idle_connections_go() {
    let name = "ring::tests::crowd::a_ring_that_ends_lets_thousands_of_idle_connections_go";
    in_a_process_of_its_own(name, || {
        allow_descriptors();
        let before = open_descriptors();
        let bench = Bench::new(512);
        let pairs = bench.pairs(CONNECTIONS);
        bench.ring.close().unwrap();
        assert_eq!(bench.ring.holdings().operations, 0);
        drop(pairs);
        drop(bench);
        assert_eq!(open_descriptors(), before);
    });
}

fn word(number: usize) -> Vec<u8> {
    format!("connection {number:05}").into_bytes()
}

/// One byte of each connection after the other, then reads every answer.
fn dribble(mut peers: Vec<Peer>) {
    for position in 0..word(0).len() {
        for (number, peer) in peers.iter_mut().enumerate() {
            peer.write_all(&word(number)[position..=position]).unwrap();
        }
    }
    for (number, mut peer) in peers.into_iter().enumerate() {
        peer.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        peer.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, word(number));
    }
}

/// Connections of every temper for two seconds, or as long as `THIRTEEN_SOAK_SECONDS` says.
#[test]
fn a_soak_ends_with_the_counts_it_began_with() {
    let name = "ring::tests::crowd::a_soak_ends_with_the_counts_it_began_with";
    in_a_process_of_its_own(name, || {
        let seconds = std::env::var("THIRTEEN_SOAK_SECONDS")
            .map_or(2, |seconds| seconds.parse().expect("a number of seconds"));
        let before = open_descriptors();
        let bench = Rc::new(Bench::new(32));
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(seconds) {
            soak_once(&bench);
            bench.assert_nothing_is_held();
        }
        println!("soak: {:?}", bench.ring.counters());
        drop(bench);
        assert_eq!(open_descriptors(), before);
    });
}

fn soak_once(bench: &Rc<Bench>) {
    let (listener, address) = bench.listen();
    let ends = Instant::now() + Duration::from_millis(400);
    let clients: Vec<_> = (0..4)
        .map(|seed| std::thread::spawn(move || misbehave(address, seed, ends)))
        .collect();
    let serving = bench.clone();
    let listener = Rc::new(listener);
    let accepting = listener.clone();
    bench.spawn(async move {
        while let Some(stream) = accepting.accept().await {
            serving.spawn(async move {
                // Whatever the peer does to it, the ring must have everything back.
                let _served_or_failed = serve(&stream).await;
            });
        }
    });
    while Instant::now() < ends {
        bench.pass(Duration::from_millis(20));
    }
    listener.finish();
    let checked: usize = {
        let mut threads = clients;
        let mut checked = 0;
        while let Some(thread) = threads.pop() {
            while !thread.is_finished() {
                bench.pass(Duration::from_millis(10));
            }
            checked += thread.join().unwrap();
        }
        checked
    };
    assert!(checked > 0, "no echo was checked");
    bench.pass(Duration::from_millis(10));
    bench.drop_tasks();
}

async fn serve(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_deadline(Some(Duration::from_millis(800)));
    while let Some(received) = stream.receive().await? {
        let mut out = stream.spare_buffer();
        out.extend_from_slice(&received);
        stream.enqueue(Outgoing::Owned(out)).await?;
    }
    stream.sent().await?;
    stream.shutdown()
}

/// Connects again and again in different tempers; says how many echoes were checked.
fn misbehave(address: SocketAddr, seed: usize, ends: Instant) -> usize {
    let (mut round, mut checked) = (seed, 0);
    while Instant::now() < ends {
        round += 1;
        let mut peer = connect(address);
        let bytes = pattern(round, 1 + round * 7_919 % 90_000);
        match round % 5 {
            0 => reset(peer),
            1 => drop(peer.write_all(&bytes)), // and gone, without a look at the echo
            2 => {
                peer.write_all(&bytes[..1]).unwrap();
                reset(peer);
            }
            _ => {
                assert_eq!(echo_of(&mut peer, &bytes), bytes.len());
                checked += 1;
            }
        }
    }
    checked
}

/// Writes and reads by turns, so that neither side's room runs out; compares as it goes.
fn echo_of(peer: &mut Peer, bytes: &[u8]) -> usize {
    let mut back = 0;
    let mut piece = vec![0; 16 << 10];
    for part in bytes.chunks(piece.len()) {
        peer.write_all(part).unwrap();
        peer.read_exact(&mut piece[..part.len()]).unwrap();
        assert!(piece[..part.len()] == bytes[back..back + part.len()]);
        back += part.len();
    }
    peer.shutdown(Shutdown::Write).unwrap();
    match peer.read(&mut piece) {
        Ok(0) => back,
        Ok(more) => panic!("{more} bytes too many"),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => back,
        Err(error) => panic!("{error}"),
    }
}

fn allow_descriptors() {
    let limits = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: limits.maximum,
        maximum: limits.maximum,
    };
    setrlimit(Resource::Nofile, wanted).unwrap();
}
