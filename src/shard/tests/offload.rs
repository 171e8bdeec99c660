//! The offload pool: results, panics, a full queue, and futures that nobody awaits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use super::super::bus::open_answers;
use super::super::{OffloadFault, ShardOptions, offload, sleep};
use super::scene::on_first_shard;
use crate::limits::{OFFLOAD_QUEUE_MAX, OFFLOAD_THREADS};

#[test]
fn a_result_comes_back_and_the_shard_goes_on_meanwhile() {
    on_first_shard(&ShardOptions::new(1), |_| async {
        let (go_on, told) = crossbeam_channel::bounded(1);
        let slow = offload(move || {
            told.recv().unwrap();
            std::thread::current().name().map(ToOwned::to_owned)
        });
        sleep(Duration::from_millis(1)).await;
        go_on.send(()).unwrap();
        let name = slow.await.unwrap().unwrap();
        assert!(name.starts_with("offload-"), "{name}");
    });
}

#[test]
fn jobs_that_panic_are_told_and_every_thread_survives() {
    on_first_shard(&ShardOptions::new(1), |_| async {
        for _ in 0..OFFLOAD_THREADS * 3 {
            let answer = offload(|| -> u8 { panic!("an offloaded job panics in a test") });
            assert_eq!(answer.await, Err(OffloadFault::Panicked));
        }
        assert_eq!(offload(|| 7).await, Ok(7));
        assert_eq!(open_answers(), 0);
    });
}

#[test]
fn the_job_after_the_last_that_has_room_is_refused() {
    on_first_shard(&ShardOptions::new(1), |shard| async move {
        let gate = Arc::new(Barrier::new(OFFLOAD_THREADS + 1));
        let running = Arc::new(AtomicUsize::new(0));
        let blocked: Vec<_> = (0..OFFLOAD_THREADS)
            .map(|_| {
                let (gate, running) = (gate.clone(), running.clone());
                offload(move || {
                    running.fetch_add(1, Ordering::SeqCst);
                    gate.wait();
                })
            })
            .collect();
        while running.load(Ordering::SeqCst) < OFFLOAD_THREADS {
            sleep(Duration::from_millis(1)).await;
        }
        let ran = Arc::new(AtomicUsize::new(0));
        let mut queued = Vec::new();
        for _ in 0..OFFLOAD_QUEUE_MAX {
            let ran = ran.clone();
            queued.push(offload(move || ran.fetch_add(1, Ordering::SeqCst)));
        }
        assert_eq!(shard.offload_depth(), OFFLOAD_QUEUE_MAX);
        assert_eq!(offload(|| ()).await, Err(OffloadFault::Full));
        // A future that is dropped does not take its job back.
        queued.truncate(OFFLOAD_QUEUE_MAX / 2);
        gate.wait();
        for answer in blocked {
            answer.await.unwrap();
        }
        for answer in queued {
            answer.await.unwrap();
        }
        while ran.load(Ordering::SeqCst) < OFFLOAD_QUEUE_MAX || open_answers() > 0 {
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(shard.offload_depth(), 0);
    });
}

#[test]
fn jobs_that_wait_when_the_shards_end_are_still_done() {
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = ran.clone();
    on_first_shard(&ShardOptions::new(1), move |_| {
        for _ in 0..50 {
            let ran = counted.clone();
            drop(offload(move || {
                std::thread::yield_now();
                ran.fetch_add(1, Ordering::SeqCst);
            }));
        }
        async {}
    });
    assert_eq!(ran.load(Ordering::SeqCst), 50);
}
