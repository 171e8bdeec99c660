//! Outgoing connections: made, refused, given up.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream as Peer};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::bench::{Bench, read_exactly};
use crate::ring::Outgoing;

const LONG: Duration = Duration::from_secs(20);

#[test]
fn a_connection_is_made_and_speaks() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(listener) = TcpListener::bind(address) else {
            assert!(address.starts_with('['), "no IPv4 on this machine");
            continue;
        };
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut peer, _) = listener.accept().unwrap();
            let mut hello = [0; 5];
            peer.read_exact(&mut hello).unwrap();
            peer.write_all(&hello).unwrap();
            peer
        });
        let bench = Bench::new(4);
        let stream = bench.run(bench.ring.connect(address, LONG)).unwrap();
        assert_eq!(stream.peer().unwrap(), address);
        bench.run(async {
            stream
                .send(Outgoing::Owned(b"hello".to_vec()))
                .await
                .unwrap();
            assert_eq!(read_exactly(&stream, 5).await.unwrap(), b"hello");
        });
        drop((stream, server.join().unwrap()));
        bench.assert_nothing_is_held();
    }
}

#[test]
fn a_refusal_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let bench = Bench::new(4);
    let error = bench.run(bench.ring.connect(address, LONG)).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    bench.assert_nothing_is_held();
}

#[test]
fn a_peer_that_does_not_answer_is_given_up_in_time() {
    let (_full, address, _queue) = deaf_listener();
    let bench = Bench::new(4);
    let (began, patience) = (Instant::now(), Duration::from_millis(120));
    let error = bench
        .run(bench.ring.connect(address, patience))
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(began.elapsed() >= patience, "given up early");
    bench.assert_nothing_is_held();
}

#[test]
fn a_connect_that_is_dropped_is_cancelled() {
    let (_full, address, _queue) = deaf_listener();
    let bench = Bench::new(4);
    let ring = bench.ring.clone();
    bench.spawn(async move {
        let connected = ring.connect(address, LONG).await;
        unreachable!("connected to a full queue: {:?}", connected.err());
    });
    bench.pass(Duration::from_millis(30));
    assert_eq!(bench.ring.holdings().streams, 1);
    bench.drop_tasks();
    bench.assert_nothing_is_held();
}

#[test]
fn a_connect_that_was_never_submitted_is_dropped_too() {
    let (_full, address, _queue) = deaf_listener();
    let bench = Bench::new(4);
    let mut connecting = Box::pin(bench.ring.connect(address, LONG));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(connecting.as_mut().poll(&mut context).is_pending());
    drop(connecting);
    bench.assert_nothing_is_held();
}

/// A listener whose queue is full: the kernel ignores who knocks.
fn deaf_listener() -> (Socket, SocketAddr, Vec<Peer>) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut queue = Vec::new();
    while let Ok(peer) = Peer::connect_timeout(&address, Duration::from_millis(100)) {
        queue.push(peer);
    }
    (socket, address, queue)
}
