//! Listeners: accepting, resting when descriptors run out, finishing, and going.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream as Peer;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::bench::{
    Bench, connect, in_a_process_of_its_own, open_descriptors, read_exactly, read_to_end,
};
use crate::ring::bind_shared;

#[test]
fn accepted_sockets_are_close_on_exec_and_without_delay() {
    let bench = Bench::new(4);
    let (listener, address) = bench.listen();
    let peer = connect(address);
    let stream = bench.run(listener.accept()).unwrap();
    assert_eq!(stream.peer().unwrap(), peer.local_addr().unwrap());
    let socket = stream.socket_for_tests();
    assert!(socket2::SockRef::from(&socket).tcp_nodelay().unwrap());
    let flags = rustix::io::fcntl_getfd(&socket).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
}

#[test]
fn a_listener_that_finishes_hands_out_its_backlog_and_then_refuses() {
    let bench = Bench::new(64);
    let (listener, address) = bench.listen();
    bench.pass(Duration::from_millis(1));
    let mut peers: Vec<_> = (0..50).map(|_| connect(address)).collect();
    listener.finish();
    bench.pass(Duration::from_millis(1));
    let refused = Peer::connect(address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    for (number, peer) in peers.iter_mut().enumerate() {
        peer.write_all(&[number as u8]).unwrap();
    }
    let mut heard = Vec::new();
    while let Some(stream) = bench.run(listener.accept()) {
        heard.extend(bench.run(read_exactly(&stream, 1)).unwrap());
    }
    heard.sort_unstable();
    assert_eq!(heard, (0..50).collect::<Vec<u8>>());
    listener.finish();
    assert!(bench.run(listener.accept()).is_none(), "the end stays");
    drop(listener);
    bench.assert_nothing_is_held();
}

#[test]
fn who_waits_for_a_connection_is_told_of_the_end() {
    let bench = Bench::new(4);
    let (listener, _address) = bench.listen();
    let listener = std::rc::Rc::new(listener);
    let finishing = listener.clone();
    let ring = bench.ring.clone();
    bench.spawn(async move {
        ring.sleep(Duration::from_millis(20)).await;
        finishing.finish();
    });
    assert!(bench.run(listener.accept()).is_none());
}

#[test]
fn a_dropped_listener_closes_what_it_accepted() {
    let bench = Bench::new(4);
    for turns_before in 0..2 {
        let (listener, address) = bench.listen();
        if turns_before > 0 {
            bench.pass(Duration::from_millis(1));
        }
        let mut peer = connect(address);
        if turns_before > 0 {
            bench.pass(Duration::from_millis(20));
        }
        drop(listener);
        bench.pass(Duration::from_millis(20));
        assert!(matches!(peer.read(&mut [0; 8]), Ok(0) | Err(_)));
        let refused = Peer::connect(address).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }
    bench.assert_nothing_is_held();
}

/// The accept of a listener that goes at once is not submitted yet: its descriptor must not be
/// somebody else's by the time it is.
#[test]
fn an_accept_never_reaches_another_s_descriptor() {
    let name = "ring::tests::listening::an_accept_never_reaches_another_s_descriptor";
    in_a_process_of_its_own(name, || {
        let bench = Bench::new(4);
        let any = "127.0.0.1:0".parse().unwrap();
        let (mut sockets, _) = bind_shared(any, 1).unwrap();
        drop(bench.ring.listen(sockets.pop().unwrap()));
        let neighbour = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = connect(neighbour.local_addr().unwrap());
        bench.pass(Duration::from_millis(30));
        neighbour.set_nonblocking(true).unwrap();
        let (mut accepted, _) = neighbour
            .accept()
            .expect("the neighbour has its connection");
        accepted.write_all(b"mine").unwrap();
        let mut heard = [0; 4];
        peer.read_exact(&mut heard).unwrap();
        bench.assert_nothing_is_held();
    });
}

#[test]
fn accepting_rests_without_descriptors_and_goes_on_with_them() {
    let name = "ring::tests::listening::accepting_rests_without_descriptors_and_goes_on_with_them";
    in_a_process_of_its_own(name, || {
        let bench = Bench::new(16);
        let (listener, address) = bench.listen();
        let mut peers: Vec<_> = (0..8).map(|_| connect(address)).collect();
        // The eight connections wait in the backlog; there is room for three of them.
        let limits = getrlimit(Resource::Nofile);
        let room = open_descriptors() as u64 + 3;
        setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(room),
                maximum: limits.maximum,
            },
        )
        .unwrap();
        let spare: Vec<OwnedFd> = fill_holes_below(room);
        let mut streams: Vec<_> = (0..3)
            .map(|_| bench.run(listener.accept()).unwrap())
            .collect();
        let waits = bench.waits();
        let turns = bench.ring.counters().turns;
        bench.pass(Duration::from_millis(350));
        let failures = bench.ring.counters().accept_failures;
        assert!((1..=6).contains(&failures), "{failures} attempts in 350 ms");
        assert!(bench.waits() > waits);
        assert!(bench.ring.counters().turns - turns < 200, "it did not rest");
        drop(streams.pop());
        let began = Instant::now();
        streams.push(bench.run(listener.accept()).unwrap());
        assert!(began.elapsed() < Duration::from_secs(5));
        setrlimit(Resource::Nofile, limits).unwrap();
        while streams.len() < 7 {
            streams.push(bench.run(listener.accept()).unwrap());
        }
        for peer in &mut peers {
            // One of them is the connection that was dropped.
            let _gone_or_written = peer.write_all(b"hello");
            let _gone_or_ended = peer.shutdown(std::net::Shutdown::Write);
        }
        for stream in &streams {
            assert_eq!(bench.run(read_to_end(stream)).unwrap(), b"hello");
        }
        drop((streams, listener, spare));
        bench.assert_nothing_is_held();
    });
}

/// Descriptors are given out from the lowest; takes those that others have left free.
fn fill_holes_below(limit: u64) -> Vec<OwnedFd> {
    let mut taken = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        taken.push(OwnedFd::from(file));
    }
    assert!((taken.len() as u64) < limit);
    // Leaves room for three.
    taken.truncate(taken.len() - 3);
    taken
}
