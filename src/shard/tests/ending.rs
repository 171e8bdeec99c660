//! How shards end: cleanly, by a panic, with connections open, again and again.

use std::io::{Read, Write};
use std::net::TcpStream as Peer;
use std::time::{Duration, Instant};

use super::super::{LaunchFault, ShardOptions, launch, sleep};
use super::scene::{serve_echo, try_on_first_shard};
use crate::ring::tests::bench::{block_for, in_a_process_of_its_own, open_descriptors};

#[test]
fn a_main_task_that_panics_is_told() {
    let fault = try_on_first_shard(&ShardOptions::new(2), |_| async {
        sleep(Duration::from_millis(1)).await;
        panic!("the main task panics in a test");
    });
    let LaunchFault::Ring(error) = fault.unwrap_err() else {
        panic!("it is no fault of the executor");
    };
    assert_eq!(error.to_string(), "the main task panicked");
}

#[test]
fn who_watches_is_told_of_a_shard_that_failed() {
    let (failed, failures) = crossbeam_channel::unbounded();
    let shards = launch(
        &ShardOptions::new(1),
        |_| async { panic!("the main task panics at once in a test") },
        move |error| failed.send(error.to_string()).unwrap(),
    )
    .unwrap();
    assert!(shards.join().is_err());
    assert_eq!(failures.try_iter().count(), 1);
}

#[test]
fn shards_that_end_under_load_leave_no_descriptor() {
    let name = "shard::tests::ending::shards_that_end_under_load_leave_no_descriptor";
    in_a_process_of_its_own(name, || {
        // The first launch opens what the process keeps.
        end_under_load();
        block_for(Duration::from_millis(300));
        let kept = open_descriptors();
        for round in 0..4 {
            end_under_load();
            // Threads of glommio close theirs a moment after the shard has been joined.
            let gives_up = Instant::now() + Duration::from_secs(10);
            while open_descriptors() > kept {
                assert!(
                    Instant::now() < gives_up,
                    "more than {kept} after round {round}"
                );
                block_for(Duration::from_millis(1));
            }
        }
    });
}

fn end_under_load() {
    let (told, address) = crossbeam_channel::bounded(1);
    let clients = std::thread::spawn(move || {
        let address: std::net::SocketAddr = address.recv().unwrap();
        let peers: Vec<_> = (0..8)
            .map(|_| {
                std::thread::spawn(move || {
                    let mut peer = Peer::connect(address).unwrap();
                    while peer.write_all(&[1; 10_000]).is_ok() {
                        if !matches!(peer.read(&mut [0; 10_000]), Ok(1..)) {
                            break;
                        }
                    }
                })
            })
            .collect();
        for peer in peers {
            peer.join().unwrap();
        }
    });
    try_on_first_shard(&ShardOptions::new(2), move |shard| {
        let told = told.clone();
        async move {
            told.send(serve_echo(&shard)).unwrap();
            sleep(Duration::from_millis(60)).await;
        }
    })
    .unwrap();
    clients.join().unwrap();
}
