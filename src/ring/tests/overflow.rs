//! Queues that are far too small: what does not fit waits, in its order, and is not lost.

use std::cell::Cell;
use std::rc::Rc;

use super::bench::{Bench, pattern, read_to_end, write_from_thread};
use crate::ring::{Outgoing, RingOptions};

fn crowded(completions_per_turn_max: usize) -> Bench {
    Bench::with(&RingOptions {
        entries: 4,
        buffers: 64,
        completions_per_turn_max,
    })
}

#[test]
fn forty_connections_share_a_queue_of_four() {
    for completions_per_turn_max in [1, 3, 128] {
        let bench = crowded(completions_per_turn_max);
        let pairs = bench.pairs(40);
        let done = Rc::new(Cell::new(0));
        let mut threads = Vec::new();
        for (number, (stream, peer)) in pairs.into_iter().enumerate() {
            let bytes = pattern(number, 20_000 + number);
            threads.push(write_from_thread(peer, bytes.clone()));
            let done = done.clone();
            bench.spawn(async move {
                assert!(read_to_end(&stream).await.unwrap() == bytes, "of {number}");
                stream.send(Outgoing::Owned(bytes)).await.unwrap();
                done.set(done.get() + 1);
            });
        }
        let readers: Vec<_> = threads
            .into_iter()
            .map(|thread| {
                std::thread::spawn(move || {
                    let mut peer = thread.join().unwrap();
                    let mut back = Vec::new();
                    std::io::Read::read_to_end(&mut peer, &mut back).unwrap();
                    back
                })
            })
            .collect();
        bench.until(|| done.get() == 40);
        bench.assert_nothing_is_held();
        for (number, reader) in readers.into_iter().enumerate() {
            assert!(reader.join().unwrap() == pattern(number, 20_000 + number));
        }
        if completions_per_turn_max == 1 {
            assert!(
                bench.ring.counters().overflows > 0,
                "the queue was never full"
            );
        }
    }
}

#[test]
fn three_hundred_streams_go_at_once_through_a_queue_of_four() {
    let bench = crowded(128);
    let pairs = bench.pairs(300);
    for (stream, _) in &pairs {
        assert!(stream.start_send(Outgoing::Owned(vec![1; 100])).is_ok());
    }
    drop(pairs);
    bench.assert_nothing_is_held();
}

/// It would find nothing, and what it was for would stay for good.
#[test]
fn a_cancellation_does_not_overtake_what_it_cancels() {
    let bench = crowded(128);
    let mut pairs = bench.pairs(12);
    for (stream, _) in &pairs {
        assert!(stream.start_send(Outgoing::Owned(vec![1; 8 << 20])).is_ok());
    }
    // Submits the first four of them; the queue has room, and the others wait.
    bench.ring.turn().unwrap();
    let (last, _peer) = pairs.pop().unwrap();
    drop(last);
    let (first, _other_peer) = pairs.swap_remove(0);
    drop(first);
    bench.until(|| bench.ring.holdings().streams == 10);
    drop(pairs);
    bench.assert_nothing_is_held();
}
