//! How a ring that waits is woken: by posts, completions and deadlines, and by nothing else.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use super::bench::{Bench, block_for, read_some};
use crate::ring::{Outgoing, Rest, Waited};

const LONG: Duration = Duration::from_secs(20);

/// Waits as glommio does: for the ring's alarm.
fn sleep_until_alarm(bench: &Bench) -> bool {
    let alarm = bench.inbox.alarm();
    let rest = bench.ring.begin_sleep().unwrap();
    let Rest::Quiet(due) = rest else {
        bench.ring.end_sleep();
        return false;
    };
    let mut ready = [PollFd::new(&alarm, PollFlags::IN)];
    let patience = due.unwrap_or(LONG).min(LONG).try_into().unwrap();
    let count = poll(&mut ready, Some(&patience)).unwrap();
    bench.ring.end_sleep();
    assert!(count == 1 || due.is_some(), "slept through it");
    true
}

#[test]
fn a_wait_in_vain_takes_its_time_and_costs_one_turn() {
    let bench = Bench::new(4);
    bench.ring.turn().unwrap();
    let span = Duration::from_millis(50);
    let began = Instant::now();
    assert_eq!(bench.ring.wait(span).unwrap(), Waited::InVain);
    assert!(began.elapsed() >= span);
    bench.ring.turn().unwrap();
    assert_eq!(bench.ring.counters().completions, 0);
}

#[test]
fn posts_wake_a_ring_however_it_waits() {
    let bench = Bench::new(4);
    for round in 0..200 {
        let began = Instant::now();
        let (inbox, posted) = (bench.inbox.clone(), Arc::new(AtomicUsize::new(0)));
        let runs = posted.clone();
        let posting = std::thread::spawn(move || {
            block_for(Duration::from_micros(round * 5 % 300));
            inbox.post(Box::new(move || {
                runs.fetch_add(1, Ordering::SeqCst);
            }));
        });
        while posted.load(Ordering::SeqCst) == 0 {
            if round % 2 == 0 {
                bench.ring.wait(LONG).unwrap();
            } else {
                sleep_until_alarm(&bench);
            }
            bench.ring.turn().unwrap();
            while let Some(job) = bench.inbox.take() {
                job();
            }
        }
        posting.join().unwrap();
        assert!(
            began.elapsed() < LONG / 2,
            "the post of round {round} was missed"
        );
    }
}

#[test]
fn bytes_wake_a_ring_that_sleeps() {
    let bench = Bench::new(4);
    let (stream, mut peer) = bench.pair();
    for round in 0..100_u8 {
        let mut writer = peer.try_clone().unwrap();
        let writing = std::thread::spawn(move || {
            block_for(Duration::from_micros(u64::from(round) * 7 % 200));
            writer.write_all(&[round]).unwrap();
        });
        let began = Instant::now();
        let mut receive = Box::pin(read_some(&stream));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let received = loop {
            if let std::task::Poll::Ready(received) = receive.as_mut().poll(&mut context) {
                break received;
            }
            sleep_until_alarm(&bench);
            bench.ring.turn().unwrap();
        };
        assert_eq!(*received, [round]);
        assert!(began.elapsed() < LONG / 2);
        writing.join().unwrap();
    }
    peer.flush().unwrap();
}

#[test]
fn a_deadline_bounds_the_wait_and_the_sleep() {
    let bench = Bench::new(4);
    bench.ring.turn().unwrap();
    let sleep = bench.ring.sleep(Duration::from_millis(30));
    let began = Instant::now();
    assert_eq!(bench.ring.wait(LONG).unwrap(), Waited::Worthwhile);
    assert!((30..5_000).contains(&began.elapsed().as_millis()));
    let Rest::Busy = bench.ring.begin_sleep().unwrap() else {
        panic!("a deadline that is due is work");
    };
    bench.ring.end_sleep();
    bench.run(sleep);
    let next = bench.ring.sleep(Duration::from_secs(5));
    assert!(matches!(
        bench.ring.begin_sleep().unwrap(),
        Rest::Quiet(Some(due)) if due <= Duration::from_millis(5_010) && due > LONG / 10
    ));
    bench.ring.end_sleep();
    drop(next);
}

#[test]
fn what_is_queued_is_submitted_by_the_wait_itself() {
    let bench = Bench::new(4);
    let (stream, mut peer) = bench.pair();
    for asleep in [false, true] {
        assert!(stream.start_send(Outgoing::Owned(b"go".to_vec())).is_ok());
        if asleep {
            sleep_until_alarm(&bench);
        } else {
            bench.ring.wait(LONG).unwrap();
        }
        let mut heard = [0; 2];
        std::io::Read::read_exact(&mut peer, &mut heard).unwrap();
        assert_eq!(&heard, b"go");
        bench.ring.turn().unwrap();
    }
}

#[test]
fn a_storm_of_posts_from_many_threads_loses_none() {
    const THREADS: usize = 4;
    const POSTS: usize = 5_000;
    let bench = Bench::new(4);
    let ran = Arc::new(AtomicUsize::new(0));
    let posters: Vec<_> = (0..THREADS)
        .map(|_| {
            let (inbox, ran) = (bench.inbox.clone(), ran.clone());
            std::thread::spawn(move || {
                for post in 0..POSTS {
                    let ran = ran.clone();
                    inbox.post(Box::new(move || {
                        ran.fetch_add(1, Ordering::Relaxed);
                    }));
                    if post % 16 == 0 {
                        std::thread::yield_now();
                    }
                }
            })
        })
        .collect();
    while ran.load(Ordering::Relaxed) < THREADS * POSTS {
        while let Some(job) = bench.inbox.take() {
            job();
        }
        bench.ring.turn().unwrap();
        if ran.load(Ordering::Relaxed) < THREADS * POSTS {
            let waited = bench.ring.wait(LONG).unwrap();
            assert_eq!(waited, Waited::Worthwhile, "asleep with jobs to come");
        }
    }
    for poster in posters {
        poster.join().unwrap();
    }
}
