//! Tasks: they end alone, they end with their shard, and none is forgotten while it is ready.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::io::{Read, Write};
use std::net::TcpStream as Peer;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use super::super::{Bus, Flag, ShardOptions, current, sleep, spawn, yield_now};
use super::scene::on_first_shard;
use crate::ring::tests::bench::block_for;
use crate::ring::{Outgoing, bind_shared};

#[test]
fn a_task_that_panics_ends_alone() {
    on_first_shard(&ShardOptions::new(1), |shard| async move {
        let before = shard.tasks.count();
        spawn(async { panic!("a task panics at once in a test") });
        spawn(async {
            sleep(Duration::from_millis(1)).await;
            panic!("a task panics later in a test");
        });
        let done = Rc::new(Flag::default());
        let raised = done.clone();
        spawn(async move {
            sleep(Duration::from_millis(30)).await;
            raised.raise();
        });
        done.raised().await;
        yield_now().await;
        assert_eq!(shard.tasks.count(), before);
    });
}

/// Each hop wakes the next; the last one queues a send. The driver must not sleep on it.
#[test]
fn a_chain_of_tasks_is_followed_to_its_end() {
    on_first_shard(&ShardOptions::new(1), |shard| async move {
        let any = "127.0.0.1:0".parse().unwrap();
        let (mut sockets, address) = bind_shared(any, 1).unwrap();
        let listener = shard.ring.listen(sockets.pop().unwrap());
        let client = std::thread::spawn(move || {
            let mut peer = Peer::connect(address).unwrap();
            let mut worst = Duration::ZERO;
            for _ in 0..100 {
                let began = Instant::now();
                peer.write_all(b"?").unwrap();
                peer.read_exact(&mut [0]).unwrap();
                worst = worst.max(began.elapsed());
            }
            // The driver is asleep by then.
            block_for(Duration::from_millis(250));
            let began = Instant::now();
            peer.write_all(b"?").unwrap();
            peer.read_exact(&mut [0]).unwrap();
            worst.max(began.elapsed())
        });
        let stream = Rc::new(listener.accept().await.unwrap());
        while let Ok(Some(_)) = stream.receive().await {
            answer_after_hops(stream.clone());
        }
        let worst = client.join().unwrap();
        assert!(worst < Duration::from_secs(2), "an answer took {worst:?}");
    });
}

fn answer_after_hops(stream: Rc<crate::ring::TcpStream>) {
    let flags: Vec<_> = (0..20).map(|_| Rc::new(Flag::default())).collect();
    for pair in flags.windows(2) {
        let (before, after) = (pair[0].clone(), pair[1].clone());
        spawn(async move {
            before.raised().await;
            after.raise();
        });
    }
    let last = flags[19].clone();
    spawn(async move {
        last.raised().await;
        stream.send(Outgoing::Owned(vec![b'!'])).await.unwrap();
    });
    flags[0].raise();
}

/// Threads that want the shard's core keep it away for milliseconds at any point.
#[test]
fn a_shard_that_is_kept_off_its_core_goes_on() {
    let over = Arc::new(AtomicBool::new(false));
    on_first_shard(&ShardOptions::new(1), move |shard| {
        let over = over.clone();
        async move {
            let rivals: Vec<_> = (0..3).map(|_| occupy_first_core(over.clone())).collect();
            let asking = std::thread::spawn({
                let bus = shard.bus.clone();
                move || ask_for_yields(&bus, Instant::now() + Duration::from_millis(1_500))
            });
            while !asking.is_finished() {
                sleep(Duration::from_millis(10)).await;
            }
            over.store(true, Ordering::Relaxed);
            for rival in rivals {
                rival.join().unwrap();
            }
            assert!(asking.join().unwrap() > 0);
        }
    });
}

fn occupy_first_core(over: Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let cores = core_affinity::get_core_ids().unwrap();
        core_affinity::set_for_current(cores[0]);
        while !over.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    })
}

/// Posts tasks that take enough turns to be taken off the core amid some of them.
fn ask_for_yields(bus: &Bus, ends: Instant) -> usize {
    let mut answers = 0;
    while Instant::now() < ends {
        let (answer, answered) = crossbeam_channel::bounded(1);
        bus.post(0, move || {
            spawn(async move {
                for _ in 0..20 {
                    yield_now().await;
                }
                answer.send(()).expect("the test waits");
            });
        });
        answered
            .recv_timeout(Duration::from_secs(10))
            .expect("the shard does not sleep while it has work");
        answers += 1;
    }
    answers
}

/// A waker that another thread wakes goes through glommio, which a shard looks at now and then.
#[test]
fn a_task_woken_from_another_thread_is_not_forgotten() {
    on_first_shard(&ShardOptions::new(1), |_| async {
        for asleep_ms in [0, 20, 300] {
            let (woken, began) = (Cell::new(false), Instant::now());
            poll_fn(|context| {
                if woken.replace(true) {
                    return Poll::Ready(());
                }
                let waker: Waker = context.waker().clone();
                std::thread::spawn(move || {
                    block_for(Duration::from_millis(asleep_ms));
                    waker.wake();
                });
                Poll::Pending
            })
            .await;
            let took = began.elapsed();
            assert!(took >= Duration::from_millis(asleep_ms));
            assert!(took < Duration::from_secs(5), "forgotten for {took:?}");
            // What it does next happens at once, although the driver slept.
            let began = Instant::now();
            current().ring.sleep(Duration::from_millis(10)).await;
            assert!(began.elapsed() < Duration::from_secs(2));
        }
    });
}

#[test]
fn tasks_are_dropped_with_their_shard_wherever_they_wait() {
    let (ended, seen) = crossbeam_channel::unbounded();
    on_first_shard(&ShardOptions::new(1), move |shard| {
        let told = |name: &'static str| TellOnDrop(name, ended.clone());
        let flag = Rc::new(Flag::default());
        let (kept, on_flag) = (flag.clone(), told("a flag in a circle"));
        spawn(async move {
            let _held = on_flag;
            kept.raised().await;
            drop(flag);
        });
        let on_nothing = told("nothing");
        spawn(async move {
            let _held = on_nothing;
            pending::<()>().await;
        });
        let on_sleep = told("a sleep");
        spawn(async move {
            let _held = on_sleep;
            sleep(Duration::from_secs(3_600)).await;
        });
        let (on_answer, bus) = (told("an answer"), shard.bus.clone());
        spawn(async move {
            let _held = on_answer;
            let (answer, reply) = super::super::bus::Answer::<()>::open(&bus, 0);
            std::mem::forget(reply);
            answer.await.expect_err("nobody answers");
        });
        let on_drop = told("a task that a task's end begins");
        let begins = BeginOnDrop(Cell::new(Some(on_drop)));
        spawn(async move {
            let _held = begins;
            pending::<()>().await;
        });
        async {}
    });
    let mut names: Vec<_> = seen.try_iter().collect();
    names.sort_unstable();
    let expected = [
        "a flag in a circle",
        "a sleep",
        "a task that a task's end begins",
        "an answer",
        "nothing",
    ];
    assert_eq!(names, expected);
}

struct TellOnDrop(&'static str, crossbeam_channel::Sender<&'static str>);

impl Drop for TellOnDrop {
    fn drop(&mut self) {
        self.1.send(self.0).unwrap();
    }
}

struct BeginOnDrop(Cell<Option<TellOnDrop>>);

impl Drop for BeginOnDrop {
    fn drop(&mut self) {
        let told = self.0.take();
        spawn(async move {
            let _held = told;
            unreachable!("the shard has ended");
        });
    }
}
