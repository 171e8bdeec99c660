//! Deadlines of streams and sleeps: never early, and late by two ticks and what the machine adds.

use std::cell::RefCell;
use std::io::{ErrorKind, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::bench::{Bench, block_for, connect, read_some};
use crate::ring::Outgoing;

/// Two ticks, and a machine that does something else.
const LATE: Duration = Duration::from_millis(20 + 500);

fn assert_in_time(began: Instant, span: Duration) {
    let took = began.elapsed();
    assert!(took >= span, "{span:?} passed after {took:?}");
    assert!(took < span + LATE, "{span:?} passed after {took:?}");
}

#[test]
fn a_reader_is_told_when_its_time_has_passed() {
    let bench = Bench::new(4);
    let (stream, _peer) = bench.pair();
    for span_ms in [1, 10, 37, 150] {
        let span = Duration::from_millis(span_ms);
        let began = Instant::now();
        stream.set_deadline(Some(span));
        let error = bench.run(stream.receive()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_in_time(began, span);
    }
}

#[test]
fn bytes_that_are_queued_come_before_the_deadline_that_passed() {
    let bench = Bench::new(4);
    let (stream, mut peer) = bench.pair();
    stream.set_deadline(Some(Duration::from_millis(10)));
    peer.write_all(b"in time").unwrap();
    bench.pass(Duration::from_millis(100));
    assert_eq!(&*bench.run(read_some(&stream)), b"in time");
    let error = bench.run(stream.receive()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    stream.set_deadline(None);
    peer.write_all(b"again").unwrap();
    assert_eq!(&*bench.run(read_some(&stream)), b"again");
}

#[test]
fn a_deadline_moves_both_ways_and_goes() {
    let bench = Bench::new(4);
    let (stream, mut peer) = bench.pair();
    let (short, long) = (Duration::from_millis(60), Duration::from_millis(250));
    let began = Instant::now();
    stream.set_deadline(Some(short));
    stream.set_deadline(Some(long));
    assert_eq!(
        bench.run(stream.receive()).unwrap_err().kind(),
        ErrorKind::TimedOut
    );
    assert_in_time(began, long);
    let began = Instant::now();
    stream.set_deadline(Some(long));
    stream.set_deadline(Some(short));
    assert_eq!(
        bench.run(stream.receive()).unwrap_err().kind(),
        ErrorKind::TimedOut
    );
    assert_in_time(began, short);
    stream.set_deadline(Some(short));
    stream.set_deadline(None);
    bench.pass(long);
    peer.write_all(b"still here").unwrap();
    assert_eq!(&*bench.run(read_some(&stream)), b"still here");
}

/// The turn's time is old when a handler took long; a deadline is counted from when it is set.
#[test]
fn a_deadline_set_late_in_a_long_turn_is_not_early() {
    let bench = Bench::new(4);
    let (stream, _peer) = bench.pair();
    let (slow, span) = (Duration::from_millis(80), Duration::from_millis(50));
    let error = bench.run(async {
        bench.ring.sleep(Duration::from_millis(1)).await;
        block_for(slow);
        let began = Instant::now();
        stream.set_deadline(Some(span));
        let error = stream.receive().await.unwrap_err();
        assert_in_time(began, span);
        error
    });
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

/// The time of the last turn is old after a long wait, when a job is the first to run.
#[test]
fn a_deadline_set_right_after_a_long_wait_is_not_early() {
    let bench = Bench::new(4);
    let (stream, _peer) = bench.pair();
    bench.ring.turn().unwrap();
    bench.ring.wait(Duration::from_millis(150)).unwrap();
    let (began, span) = (Instant::now(), Duration::from_millis(100));
    stream.set_deadline(Some(span));
    assert_eq!(
        bench.run(stream.receive()).unwrap_err().kind(),
        ErrorKind::TimedOut
    );
    assert_in_time(began, span);
}

/// A sweep that comes late meets entries whose stream's deadline has since passed, too.
#[test]
fn a_late_sweep_does_not_put_a_deadline_off_by_a_revolution() {
    let bench = Bench::new(4);
    let (stream, _peer) = bench.pair();
    stream.set_deadline(Some(Duration::from_millis(20)));
    bench.ring.turn().unwrap();
    stream.set_deadline(Some(Duration::from_millis(60)));
    bench.ring.turn().unwrap();
    block_for(Duration::from_millis(120));
    let began = Instant::now();
    assert_eq!(
        bench.run(stream.receive()).unwrap_err().kind(),
        ErrorKind::TimedOut
    );
    assert!(began.elapsed() < LATE, "late by {:?}", began.elapsed());
}

#[test]
fn a_stalled_send_times_out_and_one_that_moves_does_not() {
    let bench = Bench::new(4);
    let (stalled, _peer) = bench.pair();
    let (moving, mut reader) = bench.pair();
    let span = Duration::from_millis(150);
    let size = 12 << 20;
    for stream in [&stalled, &moving] {
        assert!(stream.start_send(Outgoing::Owned(vec![0; size])).is_ok());
    }
    let reading = std::thread::spawn(move || {
        let (mut count, mut piece) = (0, vec![0; 1 << 20]);
        let began = Instant::now();
        while count < size {
            count += std::io::Read::read(&mut reader, &mut piece).unwrap();
            block_for(Duration::from_millis(20));
        }
        began.elapsed()
    });
    let began = Instant::now();
    stalled.set_deadline(Some(span));
    moving.set_deadline(Some(span));
    let error = bench.run(stalled.sent()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(began.elapsed() >= span);
    bench.run(moving.sent()).unwrap();
    assert!(reading.join().unwrap() > span, "the reader was not slow");
    drop((stalled, moving));
    bench.assert_nothing_is_held();
}

#[test]
fn a_place_that_changes_hands_keeps_no_deadline_of_the_dead() {
    let bench = Bench::new(4);
    let (listener, address) = bench.listen();
    let peer = connect(address);
    let first = bench.run(listener.accept()).unwrap();
    first.set_deadline(Some(Duration::from_millis(30)));
    drop((first, peer));
    bench.pass(Duration::from_millis(5));
    let mut peer = connect(address);
    let second = bench.run(listener.accept()).unwrap();
    bench.pass(Duration::from_millis(100));
    peer.write_all(b"alive").unwrap();
    assert_eq!(&*bench.run(read_some(&second)), b"alive");
    let (began, span) = (Instant::now(), Duration::from_millis(40));
    second.set_deadline(Some(span));
    assert_eq!(
        bench.run(second.receive()).unwrap_err().kind(),
        ErrorKind::TimedOut
    );
    assert_in_time(began, span);
}

#[test]
fn sleeps_end_in_their_order_and_never_early() {
    let bench = Bench::new(4);
    let ended: Rc<RefCell<Vec<(u64, Duration, Duration)>>> = Rc::default();
    let spans_us = [
        0, 1, 900, 9_999, 10_000, 10_001, 25_000, 60_300, 199_999, 400_000,
    ];
    for round in 0..5 {
        for span_us in spans_us {
            let (ring, ended) = (bench.ring.clone(), ended.clone());
            let span = Duration::from_micros(span_us);
            bench.spawn(async move {
                ring.sleep(Duration::from_millis(round * 3)).await;
                let began = Instant::now();
                ring.sleep(span).await;
                ended.borrow_mut().push((round, span, began.elapsed()));
            });
        }
    }
    bench.pass(Duration::from_millis(800));
    let ended = ended.take();
    assert_eq!(ended.len(), 5 * spans_us.len());
    for (_, span, took) in &ended {
        assert!(took >= span, "{span:?} passed after {took:?}");
    }
    let mut late: Vec<_> = ended.iter().map(|(_, span, took)| *took - *span).collect();
    late.sort();
    // Some are on time at the least, whatever else this machine does.
    assert!(late[late.len() / 5] < Duration::from_millis(40), "{late:?}");
    bench.assert_nothing_is_held();
}

#[test]
fn a_sleep_that_is_dropped_wakes_nobody() {
    let bench = Bench::new(4);
    for _ in 0..100 {
        drop(bench.ring.sleep(Duration::from_millis(20)));
    }
    let long = bench.ring.sleep(Duration::from_millis(300));
    let waits = bench.waits();
    let began = Instant::now();
    bench.run(long);
    assert_in_time(began, Duration::from_millis(300));
    assert!(bench.waits() - waits < 20);
    bench.assert_nothing_is_held();
}
