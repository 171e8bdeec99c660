//! What arrives: every byte, in order, then the end or the failure.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use futures_io::AsyncWrite;
use futures_lite::{AsyncReadExt, AsyncWriteExt};

use super::bench::{
    Bench, pattern, read_exactly, read_some, read_to_end, reset, write_from_thread,
};
use crate::ring::{Outgoing, TcpStream};

#[test]
fn a_peer_that_sends_byte_by_byte_is_understood() {
    let bench = Bench::new(4);
    let (stream, mut peer) = bench.pair();
    let bytes = pattern(1, 600);
    let sent = bytes.clone();
    let sending = std::thread::spawn(move || {
        for byte in sent {
            peer.write_all(&[byte]).unwrap();
            std::thread::yield_now();
        }
        peer
    });
    assert_eq!(bench.run(read_exactly(&stream, 600)).unwrap(), bytes);
    drop((sending.join().unwrap(), stream));
    bench.assert_nothing_is_held();
}

#[test]
fn what_came_before_the_half_close_is_read_and_the_answer_still_goes_out() {
    let bench = Bench::new(16);
    let (stream, mut peer) = bench.pair();
    peer.write_all(b"question").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    bench.run(async {
        assert_eq!(read_to_end(&stream).await.unwrap(), b"question");
        assert!(stream.receive().await.unwrap().is_none(), "the end stays");
        let answer = Outgoing::Owned(b"answer".to_vec());
        stream.send(answer).await.unwrap();
        stream.shutdown().unwrap();
    });
    let mut answer = Vec::new();
    peer.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"answer");
    drop(stream);
    bench.assert_nothing_is_held();
}

#[test]
fn our_half_close_lets_the_peer_go_on() {
    let bench = Bench::new(16);
    let (stream, mut peer) = bench.pair();
    bench
        .run(stream.send(Outgoing::Owned(b"last words".to_vec())))
        .unwrap();
    stream.shutdown().unwrap();
    let mut heard = Vec::new();
    peer.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"last words");
    peer.write_all(b"and mine").unwrap();
    drop(peer);
    assert_eq!(bench.run(read_to_end(&stream)).unwrap(), b"and mine");
}

#[test]
fn a_reader_that_lags_stops_its_sender_and_loses_nothing() {
    let bench = Bench::new(256);
    let (stream, peer) = bench.pair();
    let bytes = pattern(7, 8 << 20);
    let sending = write_from_thread(peer, bytes.clone());
    bench.pass(Duration::from_millis(100));
    let holdings = bench.ring.holdings();
    let held = holdings.buffers - holdings.buffers_listed;
    assert!(
        (16..=200).contains(&held),
        "{held} buffers for one connection"
    );
    assert!(bench.ring.counters().pauses > 0);
    assert!(!sending.is_finished());
    assert!(
        bench.run(read_to_end(&stream)).unwrap() == bytes,
        "not what was sent"
    );
    drop((sending.join().unwrap(), stream));
    bench.assert_nothing_is_held();
}

#[test]
fn a_reset_is_told_to_whoever_reads_and_whoever_sends() {
    let bench = Bench::new(16);
    // While a receive waits, after bytes came, while a send is in flight, after our half close.
    for state in 0..4 {
        let (stream, mut peer) = bench.pair();
        match state {
            0 => {}
            1 => {
                peer.write_all(b"first").unwrap();
                assert_eq!(&*bench.run(read_some(&stream)), b"first");
            }
            2 => {
                let all = Outgoing::Owned(vec![1; 16 << 20]);
                assert!(stream.start_send(all).is_ok());
                bench.pass(Duration::from_millis(20));
                assert!(stream.is_sending());
            }
            _ => stream.shutdown().unwrap(),
        }
        reset(peer);
        let error = bench.run(stream.receive()).unwrap_err();
        let kinds = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
        assert!(kinds.contains(&error.kind()), "in state {state}: {error}");
        let sent = bench.run(stream.send(Outgoing::Owned(b"x".to_vec())));
        assert!(sent.is_err() || state != 2, "the send that failed is told");
        let again = bench.run(stream.receive()).unwrap_err();
        assert!(kinds.contains(&again.kind()), "a failure stays: {again}");
    }
    bench.assert_nothing_is_held();
}

#[test]
fn a_reset_before_the_accept_is_looked_at_is_a_failed_connection() {
    let bench = Bench::new(16);
    let (listener, address) = bench.listen();
    let peer = super::bench::connect(address);
    bench.pass(Duration::from_millis(20));
    reset(peer);
    let stream = bench.run(listener.accept()).unwrap();
    assert!(bench.run(stream.receive()).is_err());
    drop((stream, listener));
    bench.assert_nothing_is_held();
}

#[test]
fn an_interrupt_is_told_once_and_after_what_is_queued() {
    let bench = Bench::new(16);
    let (stream, mut peer) = bench.pair();
    peer.write_all(b"queued").unwrap();
    bench.pass(Duration::from_millis(20));
    bench.ring.interrupt_streams();
    assert_eq!(&*bench.run(read_some(&stream)), b"queued");
    let error = bench.run(stream.receive()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    peer.write_all(b"more").unwrap();
    assert_eq!(&*bench.run(read_some(&stream)), b"more");
}

#[test]
fn the_traits_carry_bytes_both_ways_and_hide_interrupts() {
    let bench = Bench::new(16);
    let (stream, mut peer) = bench.pair();
    let bytes = pattern(3, 300_000);
    let sent = bytes.clone();
    let client = std::thread::spawn(move || {
        let mut reading = peer.try_clone().unwrap();
        let echo = std::thread::spawn(move || {
            let mut back = Vec::new();
            reading.read_to_end(&mut back).unwrap();
            back
        });
        peer.write_all(&sent).unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        echo.join().unwrap()
    });
    let ring = bench.ring.clone();
    bench.run(async {
        let mut stream = stream;
        let mut piece = [0; 1_000];
        loop {
            ring.interrupt_streams();
            let count = stream.read(&mut piece).await.unwrap();
            if count == 0 {
                break;
            }
            stream.write_all(&piece[..count]).await.unwrap();
        }
        stream.flush().await.unwrap();
        stream.close().await.unwrap();
        assert_eq!(stream.read(&mut piece).await.unwrap(), 0);
    });
    assert!(client.join().unwrap() == bytes, "not what was sent");
    bench.assert_nothing_is_held();
}

#[test]
fn an_empty_read_and_an_empty_write_change_nothing() {
    fn assert_unpin<T: AsyncWrite + Unpin>() {}
    assert_unpin::<TcpStream>();
    let bench = Bench::new(16);
    let (mut stream, mut peer) = bench.pair();
    peer.write_all(b"abc").unwrap();
    bench.run(async {
        assert_eq!(stream.read(&mut []).await.unwrap(), 0);
        assert_eq!(stream.write(&[]).await.unwrap(), 0);
        let mut one = [0];
        for expected in b"abc" {
            stream.read_exact(&mut one).await.unwrap();
            assert_eq!(one[0], *expected);
        }
    });
}
