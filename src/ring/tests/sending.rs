//! What is sent arrives whole and in order, however slowly the peer reads.

use std::io::{ErrorKind, Read};
use std::time::Duration;

use bytes::Bytes;
use socket2::SockRef;

use super::bench::{Bench, block_for, pattern};
use crate::ring::{Busy, Outgoing};

/// Rests now and then, so that the sender's room runs out.
fn read_slowly(mut peer: std::net::TcpStream, count: usize) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let (mut bytes, mut piece) = (Vec::new(), [0; 3_001]);
        let mut rested_at = 0;
        while bytes.len() < count {
            match peer.read(&mut piece).unwrap() {
                0 => break,
                read => bytes.extend_from_slice(&piece[..read]),
            }
            if bytes.len() - rested_at > 50_000 {
                rested_at = bytes.len();
                block_for(Duration::from_millis(1));
            }
        }
        bytes
    })
}

#[test]
fn a_slow_reader_gets_every_byte_of_every_kind() {
    let (head, body) = (pattern(1, 70_001), pattern(2, 1 << 20));
    let both = [head.clone(), body.clone()].concat();
    let stored = Bytes::from(body.clone());
    let cases = [
        (Outgoing::Owned(body.clone()), &body),
        (Outgoing::Shared(stored.clone()), &body),
        (Outgoing::HeadAndBody(head.clone(), stored.clone()), &both),
        (Outgoing::HeadAndBody(head.clone(), Bytes::new()), &head),
        (Outgoing::HeadAndBody(Vec::new(), stored.clone()), &body),
    ];
    let bench = Bench::new(4);
    for (outgoing, expected) in cases {
        let (stream, peer) = bench.pair();
        // Few bytes fit into the kernel, so that sends are short.
        let ours = stream.socket_for_tests();
        SockRef::from(&ours).set_send_buffer_size(16 << 10).unwrap();
        let length = outgoing.len();
        assert_eq!(length, expected.len());
        let reading = read_slowly(peer, length);
        let before = bench.ring.counters();
        bench.run(stream.send(outgoing)).unwrap();
        let after = bench.ring.counters();
        assert!(&reading.join().unwrap() == expected, "not what was sent");
        let sends = after.completions - before.completions;
        assert!(sends > 3, "{sends} sends");
        assert_eq!(after.sent_bytes - before.sent_bytes, length as u64);
    }
    drop(stored);
    bench.assert_nothing_is_held();
}

#[test]
fn many_connections_share_one_body_without_copies() {
    let bench = Bench::new(4);
    let body = Bytes::from(pattern(5, 200_000));
    let pairs = bench.pairs(20);
    let mut readers = Vec::new();
    let mut streams = Vec::new();
    for (stream, peer) in pairs {
        readers.push(read_slowly(peer, body.len()));
        assert!(stream.start_send(Outgoing::Shared(body.clone())).is_ok());
        streams.push(stream);
    }
    for stream in &streams {
        bench.run(stream.sent()).unwrap();
    }
    for reader in readers {
        assert!(reader.join().unwrap() == body, "not what was sent");
    }
    assert!(body.is_unique(), "a send that is over still holds the body");
}

#[test]
fn the_order_of_sends_is_the_caller_s() {
    let bench = Bench::new(4);
    let (stream, peer) = bench.pair();
    let pieces: Vec<_> = (0..50).map(|number| pattern(number, 10_000)).collect();
    let reading = read_slowly(peer, 500_000);
    bench.run(async {
        for piece in &pieces {
            let mut out = stream.spare_buffer();
            assert!(out.is_empty());
            out.extend_from_slice(piece);
            stream.enqueue(Outgoing::Owned(out)).await.unwrap();
        }
        stream.sent().await.unwrap();
    });
    assert!(reading.join().unwrap() == pieces.concat(), "out of order");
}

#[test]
fn a_second_send_comes_back_while_one_is_in_flight() {
    let bench = Bench::new(4);
    let (stream, _peer) = bench.pair();
    assert!(
        stream
            .start_send(Outgoing::Owned(vec![0; 32 << 20]))
            .is_ok()
    );
    let Err(Busy(back)) = stream.start_send(Outgoing::Owned(b"second".to_vec())) else {
        panic!("two sends in flight");
    };
    assert_eq!(back.len(), 6);
    drop(stream);
    bench.assert_nothing_is_held();
}

#[test]
fn a_failed_send_is_told_to_the_reader_as_well() {
    let bench = Bench::new(4);
    let (stream, peer) = bench.pair();
    assert!(
        stream
            .start_send(Outgoing::Owned(vec![0; 32 << 20]))
            .is_ok()
    );
    bench.pass(Duration::from_millis(20));
    super::bench::reset(peer);
    let sent = bench.run(stream.sent()).unwrap_err();
    let kinds = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    assert!(kinds.contains(&sent.kind()), "{sent}");
    let read = bench.run(stream.receive()).unwrap_err();
    assert!(kinds.contains(&read.kind()), "{read}");
    let later = bench.run(stream.send(Outgoing::Owned(b"x".to_vec())));
    assert!(kinds.contains(&later.unwrap_err().kind()));
}
