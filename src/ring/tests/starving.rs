//! More senders than buffers: nothing is lost, everyone gets a turn, and waiting costs nothing.

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use super::bench::{Bench, pattern, read_exactly, read_some, read_to_end, write_from_thread};

#[test]
fn four_buffers_serve_twelve_senders_in_order() {
    let bench = Bench::new(4);
    let pairs = bench.pairs(12);
    let done = Rc::new(RefCell::new(Vec::new()));
    let mut threads = Vec::new();
    for (number, (stream, peer)) in pairs.into_iter().enumerate() {
        let bytes = pattern(number, 100_000 + number * 999);
        threads.push(write_from_thread(peer, bytes.clone()));
        let done = done.clone();
        bench.spawn(async move {
            let read = read_to_end(&stream).await.unwrap();
            assert!(read == bytes, "sender {number} was not read as it wrote");
            done.borrow_mut().push(number);
        });
    }
    let all = done.clone();
    bench.run(std::future::poll_fn(move |context| {
        if all.borrow().len() == 12 {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    }));
    assert!(bench.ring.counters().starvations > 0, "there was no want");
    for thread in threads {
        drop(thread.join().unwrap());
    }
    bench.assert_nothing_is_held();
}

/// Senders that always have more to say, of which each keeps its buffer for a moment.
#[test]
fn buffers_go_round_among_senders_that_never_stop() {
    const SENDERS: usize = 9;
    let bench = Bench::new(4);
    let pairs = bench.pairs(SENDERS);
    let turns: Rc<RefCell<Vec<usize>>> = Rc::default();
    let mut peers = Vec::new();
    for (number, (stream, mut peer)) in pairs.into_iter().enumerate() {
        peer.set_nonblocking(true).unwrap();
        let full = [number as u8; 4096];
        while peer.write(&full).is_ok() {}
        peers.push(peer);
        let (turns, ring) = (turns.clone(), bench.ring.clone());
        bench.spawn(async move {
            loop {
                let received = read_some(&stream).await;
                assert!(received.iter().all(|byte| *byte == number as u8));
                turns.borrow_mut().push(number);
                ring.sleep(Duration::from_millis(1)).await;
            }
        });
    }
    bench.pass(Duration::from_millis(800));
    bench.drop_tasks();
    let turns = turns.take();
    let counts: Vec<_> = (0..SENDERS)
        .map(|number| turns.iter().filter(|turn| **turn == number).count())
        .collect();
    let fair = turns.len() / SENDERS;
    assert!(fair >= 4, "{counts:?}");
    for count in &counts {
        assert!(
            (fair.saturating_sub(4)..=fair + 4).contains(count),
            "one sender was served {count} times, in all {counts:?}"
        );
    }
    bench.assert_nothing_is_held();
}

#[test]
fn who_waits_for_a_buffer_does_not_keep_the_thread_busy() {
    let bench = Bench::new(4);
    let mut pairs = bench.pairs(3);
    let (quiet, mut quiet_peer) = pairs.pop().unwrap();
    let (waiting, mut waiting_peer) = pairs.pop().unwrap();
    let (greedy, mut greedy_peer) = pairs.pop().unwrap();
    greedy_peer.write_all(&[1; 4 * 4096]).unwrap();
    let mut held = Vec::new();
    while held.len() < 4 {
        held.push(bench.run(read_some(&greedy)));
    }
    waiting_peer.write_all(b"patience").unwrap();
    let before = (bench.waits(), bench.ring.counters().turns);
    bench.pass(Duration::from_millis(300));
    let turns = bench.ring.counters().turns - before.1;
    assert!(
        bench.waits() > before.0 && turns < 100,
        "{turns} turns in vain"
    );
    assert_eq!(bench.ring.holdings().buffers_listed, 0);
    held.clear();
    assert_eq!(bench.run(read_exactly(&waiting, 8)).unwrap(), b"patience");
    quiet_peer.write_all(b"me too").unwrap();
    assert_eq!(bench.run(read_exactly(&quiet, 6)).unwrap(), b"me too");
    drop((greedy, waiting, quiet));
    bench.assert_nothing_is_held();
}

#[test]
fn streams_dropped_in_the_line_leave_it() {
    let bench = Bench::new(4);
    let mut pairs = bench.pairs(8);
    for (_, peer) in &mut pairs {
        peer.write_all(&[7; 8192]).unwrap();
    }
    bench.pass(Duration::from_millis(50));
    let (last, _peer) = pairs.pop().unwrap();
    drop(pairs);
    assert_eq!(bench.run(read_exactly(&last, 8192)).unwrap(), [7; 8192]);
    drop(last);
    bench.assert_nothing_is_held();
}
