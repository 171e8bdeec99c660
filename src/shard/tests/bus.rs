//! Questions and answers between shards, and what becomes of them when a shard goes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use super::super::bus::open_answers;
use super::super::{Gone, ShardOptions, index, sleep};
use super::scene::{dismiss, on_first_shard};
use crate::ring::tests::bench::block_for;

#[test]
fn answers_come_back_from_every_shard_and_from_itself() {
    on_first_shard(&ShardOptions::new(3), |shard| async move {
        let bus = shard.bus.clone();
        for asked in 0..3 {
            assert_eq!(bus.ask(asked, index).await, Ok(asked));
        }
        assert_eq!(bus.ask_all_within(PATIENCE, index).await, [0, 1, 2]);
        let text = bus.ask(1, || "owned".to_owned()).await;
        assert_eq!(text.as_deref(), Ok("owned"));
        assert_eq!(open_answers(), 0);
    });
}

#[test]
fn shards_that_hang_are_left_out_after_a_time() {
    on_first_shard(&ShardOptions::new(3), |shard| async move {
        let (let_go, held) = crossbeam_channel::bounded::<()>(0);
        shard.bus.post(1, move || {
            // It hangs until the sender is dropped.
            let _let_go = held.recv();
        });
        let asked = Instant::now();
        let patience = Duration::from_millis(100);
        assert_eq!(shard.bus.ask_all_within(patience, index).await, [0, 2]);
        assert!(asked.elapsed() >= patience);
        drop(let_go);
        assert_eq!(
            shard.bus.ask_all_within(PATIENCE, index).await,
            [0, 1, 2],
            "one that turns again is back"
        );
        assert!(asked.elapsed() < PATIENCE, "all have answered: no wait");
        assert_eq!(open_answers(), 0, "late answers close their tickets");
    });
}

#[test]
fn posts_from_one_thread_keep_their_order() {
    on_first_shard(&ShardOptions::new(2), |shard| async move {
        let seen = Arc::new(AtomicUsize::new(0));
        for number in 0..10_000 {
            let seen = seen.clone();
            shard.bus.post(1, move || {
                assert_eq!(seen.swap(number + 1, Ordering::Relaxed), number);
            });
        }
        shard.bus.ask(1, || ()).await.unwrap();
        assert_eq!(seen.load(Ordering::Relaxed), 10_000);
    });
}

#[test]
fn a_job_that_panics_answers_gone_and_harms_nobody() {
    on_first_shard(&ShardOptions::new(2), |shard| async move {
        for asked in 0..2 {
            shard
                .bus
                .post(asked, || panic!("a posted job panics in a test"));
            let answer = shard
                .bus
                .ask(asked, || -> u8 { panic!("a job panics in a test") });
            assert_eq!(answer.await, Err(Gone));
            assert_eq!(shard.bus.ask(asked, || 7).await, Ok(7));
        }
        assert_eq!(open_answers(), 0);
    });
}

#[test]
fn an_answer_that_nobody_waits_for_closes_its_ticket() {
    on_first_shard(&ShardOptions::new(2), |shard| async move {
        for number in 0..100 {
            drop(shard.bus.ask(1, move || number));
        }
        let mut answers: Vec<_> = (0..100)
            .map(|number| shard.bus.ask(1, move || number))
            .collect();
        answers.retain({
            let mut position = 0;
            move |_| {
                position += 1;
                position % 2 == 0
            }
        });
        for (position, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer.await, Ok(position * 2 + 1));
        }
        assert_eq!(shard.bus.ask(1, || ()).await, Ok(()));
        assert_eq!(open_answers(), 0);
    });
}

#[test]
fn a_shard_that_has_ended_answers_gone() {
    on_first_shard(&ShardOptions::new(3), |shard| async move {
        // It has no time for the questions until all are asked, and ends amid them.
        let asked_all = Arc::new(Barrier::new(2));
        let asking = asked_all.clone();
        shard.bus.post(1, move || {
            asking.wait();
        });
        dismiss(&shard, 1);
        let asked: Vec<_> = (0..1_000).map(|n| shard.bus.ask(1, move || n)).collect();
        asked_all.wait();
        let mut gone = 0;
        for (position, answer) in asked.into_iter().enumerate() {
            match answer.await {
                Ok(number) => assert_eq!(number, position),
                Err(Gone) => gone += 1,
            }
        }
        assert!((1..1_000).contains(&gone), "{gone} questions met the end");
        assert_eq!(shard.bus.ask(1, || ()).await, Err(Gone));
        assert_eq!(shard.bus.ask_all_within(PATIENCE, index).await, [0, 2]);
        assert_eq!(shard.bus.depth(1), 0);
        assert_eq!(open_answers(), 0);
    });
}

#[test]
fn a_job_that_is_never_run_is_dropped_with_its_shard() {
    let kept = Arc::new(());
    let given = kept.clone();
    on_first_shard(&ShardOptions::new(2), move |shard| {
        let given = given.clone();
        async move {
            dismiss(&shard, 1);
            for _ in 0..1_000 {
                let held = given.clone();
                shard.bus.post(1, move || drop(held));
            }
        }
    });
    assert_eq!(Arc::strong_count(&kept), 1);
}

/// The way of Gone's reply when the asker itself has gone.
#[test]
fn a_reply_to_a_shard_that_has_ended_is_dropped() {
    on_first_shard(&ShardOptions::new(3), |shard| async move {
        let held = Arc::new(());
        let (bus, given) = (shard.bus.clone(), held.clone());
        shard.bus.post(1, move || {
            let slow = bus.ask(2, move || {
                block_for(Duration::from_millis(50));
                given
            });
            super::super::spawn(async move { drop(slow.await) });
        });
        shard.bus.ask(1, || ()).await.unwrap();
        dismiss(&shard, 1);
        while shard.bus.ask(1, || ()).await.is_ok() {}
        shard.bus.ask(2, || ()).await.unwrap();
        while Arc::strong_count(&held) > 1 {
            sleep(Duration::from_millis(1)).await;
        }
    });
}

/// Far longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(60);
