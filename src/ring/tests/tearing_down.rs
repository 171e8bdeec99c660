//! Streams and rings that go while the kernel works for them.

use std::cell::Cell;
use std::io::{Read, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::bench::{Bench, connect, in_a_process_of_its_own, open_descriptors, pattern, read_some};
use crate::ring::wake::Inbox;
use crate::ring::{Outgoing, Ring, RingOptions, TcpStream};

/// Every state that a stream can be dropped in. Debug builds check that no buffer is handed out
/// twice, and overwrite those that are given back.
#[test]
fn a_stream_can_go_in_every_state() {
    let bench = Bench::new(8);
    for round in 0..60 {
        let (mut stream, mut peer) = bench.pair();
        match round % 10 {
            0 => {}                                            // the receive is not submitted
            1 => bench.pass(Duration::from_millis(1)),         // it waits in the kernel
            2 => peer.write_all(&pattern(1, 60_000)).unwrap(), // bytes are under way
            3 => {
                peer.write_all(&pattern(1, 60_000)).unwrap();
                bench.pass(Duration::from_millis(3)); // and queued, past what a stream may hold
            }
            4 => {
                assert!(stream.start_send(Outgoing::Owned(vec![0; 8 << 20])).is_ok());
            }
            5 => {
                assert!(stream.start_send(Outgoing::Owned(vec![0; 8 << 20])).is_ok());
                bench.pass(Duration::from_millis(3)); // the send waits for room
            }
            6 => {
                let body = bytes::Bytes::from(vec![2; 8 << 20]);
                let out = Outgoing::HeadAndBody(pattern(1, 100), body);
                assert!(stream.start_send(out).is_ok());
                peer.write_all(b"both ways").unwrap();
                bench.ring.turn().unwrap();
            }
            7 => {
                drop(peer); // the end is under way
                stream.set_deadline(Some(Duration::from_millis(1)));
                drop(stream);
                continue;
            }
            8 => {
                peer.write_all(b"some").unwrap();
                let mut one = [0];
                bench
                    .run(futures_lite::AsyncReadExt::read(&mut stream, &mut one))
                    .unwrap();
            }
            _ => {
                super::bench::reset(peer);
                bench.ring.turn().unwrap();
                drop(stream);
                continue;
            }
        }
        drop(stream);
        if round % 3 == 0 {
            bench.assert_nothing_is_held();
        }
    }
    bench.assert_nothing_is_held();
}

#[test]
fn received_bytes_outlive_their_stream() {
    let bench = Bench::new(4);
    let (stream, mut peer) = bench.pair();
    peer.write_all(b"keep me").unwrap();
    let received = bench.run(read_some(&stream));
    drop(stream);
    bench.pass(Duration::from_millis(5));
    assert_eq!(&*received, b"keep me");
    assert_eq!(bench.ring.holdings().buffers_listed, 3);
    drop(received);
    bench.assert_nothing_is_held();
}

#[test]
fn received_bytes_outlive_their_ring() {
    let received = {
        let bench = Bench::new(4);
        let (stream, mut peer) = bench.pair();
        peer.write_all(b"keep me").unwrap();
        bench.run(read_some(&stream))
    };
    assert_eq!(&*received, b"keep me");
}

#[test]
fn streams_come_and_go_under_load_and_leave_nothing() {
    let bench = Rc::new(Bench::new(16));
    let (listener, address) = bench.listen();
    let ended = Rc::new(Cell::new(0));
    let loaders: Vec<_> = (0..3)
        .map(|seed| std::thread::spawn(move || load(address, seed, 150)))
        .collect();
    let counted = ended.clone();
    let echoing = bench.clone();
    bench.spawn(async move {
        let mut number = 0;
        while let Some(stream) = listener.accept().await {
            let counted = counted.clone();
            number += 1;
            let steps = number % 7;
            echoing.spawn(async move {
                echo_for(&stream, steps).await;
                counted.set(counted.get() + 1);
            });
        }
    });
    let began = Instant::now();
    while ended.get() < 450 {
        bench.pass(Duration::from_millis(10));
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{} ended",
            ended.get()
        );
    }
    for loader in loaders {
        loader.join().unwrap();
    }
    bench.drop_tasks();
    bench.assert_nothing_is_held();
}

/// Talks to a peer that may go at any moment, and goes itself after some steps.
async fn echo_for(stream: &TcpStream, steps: usize) {
    stream.set_deadline(Some(Duration::from_secs(10)));
    for _ in 0..steps {
        let Ok(Some(received)) = stream.receive().await else {
            return;
        };
        let out = Outgoing::Owned(received.repeat(4));
        if stream.enqueue(out).await.is_err() {
            return;
        }
    }
}

fn load(address: std::net::SocketAddr, seed: usize, connections: usize) {
    for number in 0..connections {
        let mut peer = connect(address);
        let bytes = pattern(seed, 500 + (number * 977) % 30_000);
        // The server may have gone by any of these.
        let _gone_or_written = peer.write_all(&bytes);
        match number % 4 {
            0 => super::bench::reset(peer),
            1 => drop(peer),
            2 => {
                let _gone_or_read = peer.read(&mut [0; 4_096]);
            }
            _ => {
                let _gone_or_written = peer.shutdown(std::net::Shutdown::Write);
                let _gone_or_read = peer.read_to_end(&mut Vec::new());
            }
        }
    }
}

#[test]
fn a_ring_closes_under_its_streams() {
    let bench = Bench::new(16);
    let (listener, address) = bench.listen();
    let mut pairs = bench.pairs(6);
    assert!(
        pairs[0]
            .0
            .start_send(Outgoing::Owned(vec![0; 8 << 20]))
            .is_ok()
    );
    pairs[1].1.write_all(&pattern(1, 100_000)).unwrap();
    bench.pass(Duration::from_millis(5));
    assert!(
        pairs[2]
            .0
            .start_send(Outgoing::Owned(vec![0; 8 << 20]))
            .is_ok()
    );
    bench.ring.close().unwrap();
    assert_eq!(bench.ring.holdings().operations, 0);
    for (stream, _) in &pairs {
        while let Ok(received) = bench.run(stream.receive()) {
            assert!(received.is_some(), "that is no end of the peer's");
        }
        assert!(bench.run(stream.send(Outgoing::Owned(vec![1]))).is_err());
    }
    assert!(bench.run(listener.accept()).is_none());
    let connected = bench.run(bench.ring.connect(address, Duration::from_secs(5)));
    assert!(connected.is_err());
    assert_eq!(bench.ring.holdings().operations, 0);
    drop((pairs, listener));
    let holdings = bench.ring.holdings();
    assert_eq!((holdings.streams, holdings.operations), (0, 0));
    assert_eq!(holdings.buffers_listed, holdings.buffers);
}

#[test]
fn rings_and_streams_give_every_descriptor_back() {
    let name = "ring::tests::tearing_down::rings_and_streams_give_every_descriptor_back";
    in_a_process_of_its_own(name, || {
        let before = open_descriptors();
        for round in 0..10 {
            let bench = Bench::new(8);
            let (listener, address) = bench.listen();
            let waiting: Vec<_> = (0..5).map(|_| connect(address)).collect();
            let pairs = bench.pairs(5);
            for (stream, _) in &pairs {
                assert!(stream.start_send(Outgoing::Owned(vec![0; 4 << 20])).is_ok());
            }
            if round % 2 == 0 {
                bench.pass(Duration::from_millis(2));
            }
            // The ring goes first, last, or in between.
            match round % 3 {
                0 => drop((listener, pairs, bench)),
                1 => drop((bench, listener, pairs)),
                _ => drop((pairs, bench, listener)),
            }
            drop(waiting);
            assert_eq!(open_descriptors(), before, "after round {round}");
        }
    });
}

#[test]
fn a_ring_that_was_never_turned_goes_quietly() {
    let options = RingOptions {
        entries: 8,
        buffers: 4,
        completions_per_turn_max: 8,
    };
    drop(Ring::new(&options, Inbox::new().unwrap()).unwrap());
}
