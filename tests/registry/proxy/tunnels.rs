//! What a tunnel carries, and when it ends.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::scene::{PATIENCE, PRIVATE, Scene, refusal, tunnel_reply};
use crate::support::http::Connection;

#[test]
fn a_tunnel_carries_bytes_both_ways_and_those_that_followed_the_head() {
    let scene = Scene::new();
    let target = format!("PRIVATE.example:{}", scene.port());
    let mut near = scene.connect(&target, PRIVATE, b"early bytes");
    let (mut far, _) = scene.upstream.accept().unwrap();
    let mut early = [0; 11];
    far.read_exact(&mut early).unwrap();
    assert_eq!(&early, b"early bytes");
    let near = near.stream();
    assert_eq!(
        tunnel_reply(near),
        "HTTP/1.1 200 Connection Established\r\n\r\n"
    );
    for round in 0..100_u32 {
        near.write_all(&round.to_be_bytes()).unwrap();
        let mut bytes = [0; 4];
        far.read_exact(&mut bytes).unwrap();
        far.write_all(&bytes).unwrap();
        near.read_exact(&mut bytes).unwrap();
        assert_eq!(u32::from_be_bytes(bytes), round);
    }
}

#[test]
fn large_transfers_both_ways_arrive_whole_though_readers_are_slow() {
    const BYTES: usize = 24 << 20;
    let scene = Scene::new();
    let (near, far) = scene.tunnel();
    let writers = [
        write_pattern(&near, 1, BYTES),
        write_pattern(&far, 2, BYTES),
    ];
    // The readers begin late and read in odd pieces: what waits is held back meanwhile.
    let readers = [read_pattern(&far, 1, BYTES), read_pattern(&near, 2, BYTES)];
    for thread in writers.into_iter().chain(readers) {
        thread.join().unwrap();
    }
}

fn byte_at(seed: usize, position: usize) -> u8 {
    (position.wrapping_mul(2_654_435_761).wrapping_add(seed * 97) >> 8) as u8
}

fn write_pattern(stream: &TcpStream, seed: usize, bytes: usize) -> JoinHandle<()> {
    let mut stream = stream.try_clone().unwrap();
    std::thread::spawn(move || {
        let mut position = 0;
        while position < bytes {
            let end = (position + 50_000).min(bytes);
            let piece: Vec<u8> = (position..end).map(|at| byte_at(seed, at)).collect();
            stream.write_all(&piece).unwrap();
            position = end;
        }
        stream.shutdown(Shutdown::Write).unwrap();
    })
}

fn read_pattern(stream: &TcpStream, seed: usize, bytes: usize) -> JoinHandle<()> {
    let mut stream = stream.try_clone().unwrap();
    std::thread::spawn(move || {
        let (mut position, mut piece) = (0, vec![0; 30_011]);
        loop {
            match stream.read(&mut piece).unwrap() {
                0 => break,
                count => {
                    for byte in &piece[..count] {
                        assert_eq!(*byte, byte_at(seed, position), "at {position}");
                        position += 1;
                    }
                }
            }
        }
        assert_eq!(position, bytes);
    })
}

#[test]
fn each_half_closes_on_its_own() {
    let scene = Scene::new();
    let (mut near, mut far) = scene.tunnel();
    near.write_all(b"question").unwrap();
    near.shutdown(Shutdown::Write).unwrap();
    let mut question = String::new();
    far.read_to_string(&mut question).unwrap();
    assert_eq!(question, "question");
    far.write_all(b"answer").unwrap();
    drop(far);
    let mut answer = String::new();
    near.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "answer");
}

#[test]
fn a_tunnel_in_which_nothing_moves_ends() {
    let scene = Scene::with(&[("THIRTEEN_PROXY_IDLE_TIMEOUT_MS", "300")]);
    let (mut near, mut far) = scene.tunnel();
    let began = Instant::now();
    // What moves in one direction keeps both.
    for _ in 0..6 {
        near.write_all(b"x").unwrap();
        far.read_exact(&mut [0]).unwrap();
        near.set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        assert!(near.read(&mut [0]).is_err(), "the tunnel is open");
    }
    near.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(near.read(&mut [0]).unwrap(), 0);
    assert_eq!(far.read(&mut [0]).unwrap(), 0);
    assert!(began.elapsed() >= Duration::from_millis(600));
}

#[test]
fn a_drain_ends_tunnels_at_rest_and_waits_for_those_that_carry() {
    let mut scene = Scene::new();
    let (mut resting, _far) = scene.tunnel();
    let (mut near, mut far) = scene.tunnel();
    let rested = Arc::new(AtomicBool::new(false));
    let told = rested.clone();
    let carried = std::thread::spawn(move || {
        let mut rounds_after = 0;
        while rounds_after < 20 {
            rounds_after += u32::from(told.load(Ordering::SeqCst));
            near.write_all(b"x").unwrap();
            far.read_exact(&mut [0]).unwrap();
            far.write_all(b"y").unwrap();
            near.read_exact(&mut [0]).unwrap();
        }
    });
    scene.server.signal(rustix::process::Signal::TERM);
    assert_eq!(resting.read(&mut [0]).unwrap(), 0);
    rested.store(true, Ordering::SeqCst);
    carried.join().unwrap();
    assert!(scene.server.wait().status.success());
}

#[test]
fn a_tunnel_counts_as_the_two_connections_that_it_is() {
    let scene = Scene::with(&[("THIRTEEN_CONNECTIONS_MAX", "16")]);
    let mut tunnels: Vec<_> = (0..7).map(|_| scene.tunnel()).collect();
    let target = format!("private.example:{}", scene.port());
    let token = scene.token(&["--hash", "1"]);
    let headers = scene.headers(PRIVATE, &token);
    // One is left for its near end, and none for its far one.
    let mut idle = Connection::open(scene.server.registry());
    let livez = |connection: &mut Connection| connection.request("GET", "/livez", &[], b"");
    assert_eq!(livez(&mut idle).unwrap().status, 200);
    assert_eq!(refusal(&scene, &target, &headers), (503, "BUSY".to_owned()));
    scene.upstream.set_nonblocking(true).unwrap();
    assert!(scene.upstream.accept().is_err(), "nobody was connected to");
    scene.upstream.set_nonblocking(false).unwrap();
    // Without the idle one there is room for both.
    drop(idle);
    while tunnels.len() < 8 {
        let mut near = scene.connect(&target, PRIVATE, b"");
        if near.reply("HEAD").unwrap().status == 200 {
            let (far, _) = scene.upstream.accept().unwrap();
            tunnels.push((near.stream().try_clone().unwrap(), far));
        }
    }
    let mut over = Connection::open(scene.server.registry());
    assert_eq!(livez(&mut over).unwrap().status, 503);
    // A tunnel that ends gives both back.
    drop(tunnels.pop());
    let mut pair: Vec<Connection> = Vec::new();
    while pair.len() < 2 {
        let mut connection = Connection::open(scene.server.registry());
        if livez(&mut connection).unwrap().status == 200 {
            pair.push(connection);
        }
    }
    let (near, far) = &mut tunnels[0];
    near.write_all(b"x").unwrap();
    far.read_exact(&mut [0]).unwrap();
}
