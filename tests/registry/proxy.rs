//! The CONNECT proxy, and requests that are passed on (PROTOCOL.md, "CONNECT proxy").

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::support::folder::Folder;
use super::support::http::{Connection, Reply, fetch};
use super::support::server::{Server, binary, run};

/// A server with upstreams: `private.example` is hash 1, where `upstream` listens; `public.example`
/// is hash 2 and leads to loopback, which it may not.
struct Scene {
    server: Server,
    upstream: TcpListener,
}

const PRIVATE: u32 = 1;
const REBOUND: u32 = 2;

impl Scene {
    fn new() -> Scene {
        Scene::with(&[])
    }

    fn with(more: &[(&str, &str)]) -> Scene {
        let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = upstream.local_addr().unwrap().port();
        let upstreams = json!([
            {"host": "private.example", "port": port, "hash": PRIVATE, "tls": false,
                "allowPrivate": true},
            {"host": "public.example", "port": port, "hash": REBOUND, "tls": false},
        ])
        .to_string();
        let hosts = "private.example=127.0.0.1,public.example=127.0.0.1";
        let mut environment = vec![
            ("UPSTREAMS", &*upstreams),
            ("THIRTEEN_OUTGOING_HOSTS", hosts),
        ];
        environment.extend_from_slice(more);
        let server = Server::start_with(&[], &environment);
        Scene { server, upstream }
    }

    fn port(&self) -> u16 {
        self.upstream.local_addr().unwrap().port()
    }

    fn token(&self, arguments: &[&str]) -> String {
        token_of(&self.server, arguments)
    }

    fn headers(&self, hash: u32, token: &str) -> Vec<(&'static str, String)> {
        vec![
            ("X-Bun-Config-Version", "1".to_owned()),
            ("X-Bun-Registry-Hash", format!("0x{hash:08x}")),
            ("X-Bun-Feature-Flags", "0x00000007".to_owned()),
            ("X-Bun-Proxy-Token", token.to_owned()),
        ]
    }

    /// Sends a `CONNECT` with good headers for this hash, and bytes that follow it.
    fn connect(&self, target: &str, hash: u32, early: &[u8]) -> Connection {
        let token = self.token(&["--hash", &hash.to_string()]);
        let mut bytes = head("CONNECT", target, &self.headers(hash, &token));
        bytes.extend_from_slice(early);
        let mut connection = Connection::open(self.server.registry());
        connection.send(&bytes).unwrap();
        connection
    }

    /// A tunnel to the upstream, with both of its ends.
    fn tunnel(&self) -> (TcpStream, TcpStream) {
        let target = format!("private.example:{}", self.port());
        let mut near = self.connect(&target, PRIVATE, b"");
        let (far, _) = self.upstream.accept().unwrap();
        far.set_read_timeout(Some(PATIENCE)).unwrap();
        let reply = tunnel_reply(near.stream());
        assert_eq!(reply, "HTTP/1.1 200 Connection Established\r\n\r\n");
        (near.stream().try_clone().unwrap(), far)
    }
}

fn token_of(server: &Server, arguments: &[&str]) -> String {
    let data = server.data();
    let data = data.to_str().unwrap();
    let mut all = vec!["proxy", "token", "--data", data];
    all.extend_from_slice(arguments);
    let output = run(&all, &[]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn head(method: &str, target: &str, headers: &[(&'static str, String)]) -> Vec<u8> {
    let mut head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {}\r\n",
        host_of(target)
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

fn host_of(target: &str) -> &str {
    let rest = target.split_once("://").map_or(target, |(_, rest)| rest);
    rest.split('/').next().unwrap()
}

/// Reads byte by byte to the end of the head: what follows is the tunnel's.
fn tunnel_reply(stream: &mut TcpStream) -> String {
    let mut reply = Vec::new();
    let mut byte = [0];
    while !reply.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        reply.push(byte[0]);
    }
    String::from_utf8(reply).unwrap()
}

/// A refusal: its status and code; the connection ends with it.
fn refused(mut connection: Connection) -> (u16, String) {
    let reply = connection.reply("CONNECT").unwrap();
    let code = reply.header("X-Bun-Error").unwrap().to_owned();
    assert_eq!(reply.header("Connection"), Some("close"), "{reply:?}");
    assert_eq!(connection.read_to_close().unwrap(), b"", "nothing follows");
    if reply.status != 400 || code == "UNEXPECTED_BODY" {
        assert_eq!(reply.json()["reason"], code.as_str());
        assert!(reply.json()["error"].is_string());
    }
    (reply.status, code)
}

fn refusal(scene: &Scene, target: &str, headers: &[(&'static str, String)]) -> (u16, String) {
    let mut connection = Connection::open(scene.server.registry());
    connection.send(&head("CONNECT", target, headers)).unwrap();
    refused(connection)
}

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
fn the_decisions_are_made_in_order() {
    let scene = Scene::new();
    let here = format!("private.example:{}", scene.port());
    let good = scene.token(&["--hash", "1"]);
    let told = |status: u16, code: &str| (status, code.to_owned());
    let with = |hash: u32, token: &str, version: &str| {
        let mut headers = scene.headers(hash, token);
        headers[0].1 = version.to_owned();
        headers
    };
    // Each is wrong in all that comes after, too.
    let nowhere = "elsewhere.example:1";
    assert_eq!(
        refusal(&scene, nowhere, &with(9, &good, "x")),
        told(400, "INVALID_FORMAT")
    );
    assert_eq!(
        refusal(&scene, nowhere, &with(9, &good, "2")),
        told(503, "VERSION_MISMATCH")
    );
    assert_eq!(
        refusal(&scene, nowhere, &with(9, &good, "1")),
        told(401, "INVALID_TOKEN")
    );
    let nine = scene.token(&["--hash", "9"]);
    assert_eq!(
        refusal(&scene, nowhere, &with(9, &nine, "1")),
        told(502, "UNKNOWN_REGISTRY_HASH")
    );
    for target in [
        nowhere,
        "private.example:1",
        "127.0.0.1:1",
        "private.example.:1",
    ] {
        assert_eq!(
            refusal(&scene, target, &with(1, &good, "1")),
            told(403, "TARGET_NOT_ALLOWED"),
            "{target}"
        );
    }
    // The address itself is not the upstream's name.
    let address = format!("127.0.0.1:{}", scene.port());
    assert_eq!(
        refusal(&scene, &address, &with(1, &good, "1")),
        told(403, "TARGET_NOT_ALLOWED")
    );
    let mut near = scene.connect(&here, PRIVATE, b"");
    assert!(tunnel_reply(near.stream()).starts_with("HTTP/1.1 200 "));
}

#[test]
fn names_that_lead_to_private_addresses_are_refused() {
    let scene = Scene::new();
    scene.upstream.set_nonblocking(true).unwrap();
    let target = format!("public.example:{}", scene.port());
    let connection = scene.connect(&target, REBOUND, b"");
    assert_eq!(refused(connection), (403, "ADDRESS_NOT_ALLOWED".to_owned()));
    assert!(scene.upstream.accept().is_err(), "nobody was connected to");
    // A connection that a private upstream has on the same address is no way round.
    let private = format!("http://private.example:{}/", scene.port());
    scene.upstream.set_nonblocking(false).unwrap();
    let served = serve_once(&scene, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(forward(&scene, "GET", &private, PRIVATE, &[]).status, 200);
    served.recv().unwrap();
    let public = format!("http://public.example:{}/", scene.port());
    let reply = forward(&scene, "GET", &public, REBOUND, &[]);
    assert_eq!(
        (reply.status, reply.header("X-Bun-Error")),
        (403, Some("ADDRESS_NOT_ALLOWED"))
    );
}

#[test]
fn upstreams_that_are_not_there_are_told() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = gone.local_addr().unwrap().port();
    drop(gone);
    let deaf = deaf_listener();
    let deaf_port = deaf.0.local_addr().unwrap().as_socket().unwrap().port();
    let upstreams = json!([
        {"host": "127.0.0.1", "port": port, "hash": 1, "tls": false, "allowPrivate": true},
        {"host": "127.0.0.1", "port": deaf_port, "hash": 2, "tls": false, "allowPrivate": true},
        {"host": "nowhere.invalid", "port": 80, "hash": 3, "tls": false},
    ])
    .to_string();
    let environment = [("UPSTREAMS", &*upstreams), ("PROXY_TIMEOUT", "300")];
    let scene = Scene {
        server: Server::start_with(&[], &environment),
        upstream: TcpListener::bind("127.0.0.1:0").unwrap(),
    };
    for (hash, target, expected) in [
        (
            1,
            format!("127.0.0.1:{port}"),
            (502, "UPSTREAM_UNREACHABLE"),
        ),
        (
            2,
            format!("127.0.0.1:{deaf_port}"),
            (504, "UPSTREAM_TIMEOUT"),
        ),
        (
            3,
            "nowhere.invalid:80".to_owned(),
            (502, "UPSTREAM_UNREACHABLE"),
        ),
    ] {
        let (status, code) = refused(scene.connect(&target, hash, b""));
        assert_eq!((status, &*code), expected, "{target}");
    }
}

/// A listener whose queue is full: the kernel ignores who knocks.
fn deaf_listener() -> (socket2::Socket, Vec<TcpStream>) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut queue = Vec::new();
    while let Ok(peer) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        queue.push(peer);
    }
    (socket, queue)
}

#[test]
fn tokens_are_held_against_their_claims() {
    let mut scene = Scene::new();
    let target = format!("private.example:{}", scene.port());
    let refused_token = |scene: &Scene, token: &str| {
        let refusal = refusal(scene, &target, &scene.headers(PRIVATE, token));
        assert_eq!(refusal, (401, "INVALID_TOKEN".to_owned()));
    };
    let other = Server::start();
    refused_token(&scene, &token_of(&other, &["--hash", "1"]));
    refused_token(&scene, &scene.token(&["--hash", "2"]));
    let good = scene.token(&["--hash", "1"]);
    let (head, rest) = good.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let other_end: String = signature.chars().rev().collect();
    refused_token(&scene, &format!("{head}.{claims}.{other_end}"));
    let swapped = scene.token(&["--hash", "1", "--subject", "other"]);
    let swapped = swapped.split('.').nth(1).unwrap().to_owned();
    refused_token(&scene, &format!("{head}.{swapped}.{signature}"));
    // One that is good stays good, and is refused once both keys that could have made it are gone.
    for _ in 0..2 {
        let mut connection = Connection::open(scene.server.registry());
        let headers = scene.headers(PRIVATE, &good);
        connection
            .send(&self::head("CONNECT", &target, &headers))
            .unwrap();
        assert!(tunnel_reply(connection.stream()).starts_with("HTTP/1.1 200 "));
    }
    let data = scene.server.data();
    let data = data.to_str().unwrap();
    for _ in 0..2 {
        assert!(
            run(&["keys", "rotate", "--data", data], &[])
                .status
                .success()
        );
    }
    scene.server.await_log("the keys were rotated");
    refused_token(&scene, &good);
    let fresh = scene.token(&["--hash", "1"]);
    let mut connection = Connection::open(scene.server.registry());
    let headers = scene.headers(PRIVATE, &fresh);
    connection
        .send(&self::head("CONNECT", &target, &headers))
        .unwrap();
    assert!(tunnel_reply(connection.stream()).starts_with("HTTP/1.1 200 "));
    assert!(scene.server.terminate().status.success());
}

#[test]
fn faults_of_headers_are_told_one_by_one_and_all_at_once() {
    let scene = Scene::new();
    let target = format!("private.example:{}", scene.port());
    let token = scene.token(&["--hash", "1"]);
    let faults_of = |headers: &[(&'static str, String)]| -> Vec<(String, String)> {
        let mut connection = Connection::open(scene.server.registry());
        connection.send(&head("CONNECT", &target, headers)).unwrap();
        let reply = connection.reply("CONNECT").unwrap();
        assert_eq!(reply.status, 400, "{reply:?}");
        let body = reply.json();
        assert_eq!(body["error"], "Invalid proxy headers");
        let faults = body["validationErrors"].as_array().unwrap().clone();
        assert_eq!(faults[0]["code"], reply.header("X-Bun-Error").unwrap());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let pair = |fault: &Value| (text(&fault["header"]), text(&fault["code"]));
        faults.iter().map(pair).collect()
    };
    let good = scene.headers(PRIVATE, &token);
    for (place, value, code) in [
        (0, "256", "OUT_OF_RANGE"),
        (1, "1", "INVALID_FORMAT"),
        (2, "0x00000800", "RESERVED_BITS_SET"),
        (3, "not a token", "INVALID_TOKEN"),
    ] {
        let mut headers = good.clone();
        headers[place].1 = value.to_owned();
        let name = headers[place].0.to_owned();
        assert_eq!(faults_of(&headers), [(name, code.to_owned())]);
        headers.remove(place);
        let name = good[place].0.to_owned();
        assert_eq!(faults_of(&headers), [(name, "MISSING_HEADER".to_owned())]);
    }
    let mut headers = good;
    headers[0].1 = "x".to_owned();
    headers[1].1 = "y".to_owned();
    headers.remove(3);
    headers.push(("X-Bun-Nothing", "1".to_owned()));
    let codes: Vec<String> = faults_of(&headers)
        .into_iter()
        .map(|(_, code)| code)
        .collect();
    assert_eq!(
        codes,
        [
            "UNKNOWN_HEADER",
            "MISSING_HEADER",
            "INVALID_FORMAT",
            "INVALID_FORMAT"
        ]
    );
}

#[test]
fn a_connect_with_a_body_is_refused_and_nothing_that_follows_is_a_request() {
    let scene = Scene::new();
    let target = format!("private.example:{}", scene.port());
    let token = scene.token(&["--hash", "1"]);
    for (line, body) in [
        (("Content-Length", "5"), "12345"),
        (("Content-Length", "0"), ""),
        (("Transfer-Encoding", "chunked"), "0\r\n\r\n"),
    ] {
        let mut headers = scene.headers(PRIVATE, &token);
        headers.push((line.0, line.1.to_owned()));
        let mut bytes = head("CONNECT", &target, &headers);
        bytes.extend_from_slice(body.as_bytes());
        bytes.extend_from_slice(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut connection = Connection::open(scene.server.registry());
        connection.send(&bytes).unwrap();
        assert_eq!(refused(connection), (400, "UNEXPECTED_BODY".to_owned()));
    }
    // What is smuggled behind a refused CONNECT is not looked at.
    let smuggled = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
    let connection = scene.connect("elsewhere.example:1", PRIVATE, smuggled);
    assert_eq!(refused(connection), (403, "TARGET_NOT_ALLOWED".to_owned()));
}

#[test]
fn requests_are_counted_by_subject_and_hash() {
    let scene = Scene::with(&[("THIRTEEN_RATE_PROXIED_PER_MINUTE", "2")]);
    let target = format!("private.example:{}", scene.port());
    let one = scene.token(&["--hash", "1", "--subject", "one"]);
    let again = scene.token(&["--hash", "1", "--subject", "one"]);
    let other = scene.token(&["--hash", "1", "--subject", "other"]);
    let open = |token: &str| {
        let mut connection = Connection::open(scene.server.registry());
        let headers = scene.headers(PRIVATE, token);
        connection
            .send(&head("CONNECT", &target, &headers))
            .unwrap();
        connection
    };
    for token in [&one, &again, &other] {
        let reply = tunnel_reply(open(token).stream());
        assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    }
    let reply = open(&one).reply("CONNECT").unwrap();
    assert_eq!(
        (reply.status, reply.header("X-Bun-Error")),
        (429, Some("RATE_LIMITED"))
    );
    let seconds: u32 = reply.header("Retry-After").unwrap().parse().unwrap();
    assert!((1..=120).contains(&seconds));
    assert!(tunnel_reply(open(&other).stream()).starts_with("HTTP/1.1 200 "));
}

/// Answers one request, and tells what its head was.
fn serve_once(scene: &Scene, reply: &'static str) -> Receiver<String> {
    let listener = scene.upstream.try_clone().unwrap();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        let head = tunnel_reply(&mut peer);
        peer.write_all(reply.as_bytes()).unwrap();
        tell.send(head).unwrap();
    });
    told
}

fn forward(
    scene: &Scene,
    method: &str,
    target: &str,
    hash: u32,
    more: &[(&'static str, String)],
) -> Reply {
    let token = scene.token(&["--hash", &hash.to_string()]);
    let mut headers = scene.headers(hash, &token);
    headers.extend_from_slice(more);
    let mut connection = Connection::open(scene.server.registry());
    connection.send(&head(method, target, &headers)).unwrap();
    connection.reply(method).unwrap()
}

#[test]
fn reads_are_passed_on_without_what_is_ours() {
    let scene = Scene::new();
    let url = format!("http://private.example:{}/lodash?a=b", scene.port());
    let head = serve_once(
        &scene,
        "HTTP/1.1 201 Created\r\nContent-Length: 5\r\nContent-Type: text/x\r\nETag: \"7\"\r\n\
         Connection: X-Hop\r\nX-Hop: 1\r\nX-Bun-Other: 1\r\n\r\nhello",
    );
    let more = [
        ("Authorization", "Bearer secret".to_owned()),
        ("Cookie", "a=b".to_owned()),
        ("Accept", "text/x".to_owned()),
        ("Connection", "X-Private".to_owned()),
        ("X-Private", "1".to_owned()),
        ("X-Bun-Request-ID", "0123456789abcdef".to_owned()),
    ];
    let reply = forward(&scene, "GET", &url, PRIVATE, &more);
    assert_eq!((reply.status, reply.text()), (201, "hello"));
    assert_eq!(reply.header("Content-Type"), Some("text/x"));
    assert_eq!(reply.header("ETag"), Some("\"7\""));
    assert_eq!(reply.header("X-Bun-Request-ID"), Some("0123456789abcdef"));
    let via = reply.header("Via").unwrap().to_owned();
    assert!(via.starts_with("1.1 thirteen-"), "{via}");
    assert!(reply.header("X-Hop").is_none() && reply.header("X-Bun-Other").is_none());
    let head = head.recv().unwrap().to_lowercase();
    assert!(head.starts_with("get /lodash?a=b http/1.1\r\n"), "{head}");
    let host = format!("host: private.example:{}\r\n", scene.port());
    assert!(
        head.contains(&host) && head.contains("accept: text/x\r\n"),
        "{head}"
    );
    assert!(
        head.contains(&format!("via: {}\r\n", via.to_lowercase())),
        "{head}"
    );
    for private in ["x-bun", "secret", "cookie", "x-private", "connection:"] {
        assert!(!head.contains(private), "{private} in {head}");
    }
    // The same request come back to us is a loop.
    let looped = forward(&scene, "GET", &url, PRIVATE, &[("Via", via)]);
    assert_eq!(
        (looped.status, looped.header("X-Bun-Error")),
        (508, Some("LOOP_DETECTED"))
    );
}

#[test]
fn heads_and_bodies_of_unknown_length_are_passed_back() {
    let scene = Scene::new();
    let url = format!("http://private.example:{}/x", scene.port());
    let head = serve_once(&scene, "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n");
    let reply = forward(&scene, "HEAD", &url, PRIVATE, &[]);
    assert_eq!(
        (reply.status, reply.header("Content-Length")),
        (200, Some("12345"))
    );
    assert!(head.recv().unwrap().starts_with("HEAD /x "));
    for (reply, body) in [
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "hello",
        ),
        ("HTTP/1.1 200 OK\r\n\r\nto the end", "to the end"),
        ("HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n", ""),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", ""),
    ] {
        let head = serve_once(&scene, reply);
        let answer = forward(&scene, "GET", &url, PRIVATE, &[]);
        let status = reply[9..12].parse().unwrap();
        assert_eq!((answer.status, answer.text()), (status, body));
        head.recv().unwrap();
    }
    let head = serve_once(&scene, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
    let token = scene.token(&["--hash", "1"]);
    let mut connection = Connection::open(scene.server.registry());
    let request = self::head("GET", &url, &scene.headers(PRIVATE, &token));
    connection.send(&request).unwrap();
    assert!(
        connection.reply("GET").is_err(),
        "a body that is cut is not whole"
    );
    head.recv().unwrap();
}

#[test]
fn other_methods_take_a_tunnel_and_our_own_door_answers_itself() {
    let scene = Scene::new();
    let url = format!("http://private.example:{}/", scene.port());
    let reply = forward(&scene, "DELETE", &url, PRIVATE, &[]);
    assert_eq!(
        (reply.status, reply.header("Allow")),
        (405, Some("GET, HEAD"))
    );
    let door = scene.server.registry();
    for host in [door.to_string(), format!("localhost:{}", door.port())] {
        let mut connection = Connection::open(door);
        connection
            .send(&head("GET", &format!("http://{host}/livez"), &[]))
            .unwrap();
        assert_eq!(connection.reply("GET").unwrap().status, 200, "{host}");
    }
    // The other doors have neither row.
    let mut connection = Connection::open(scene.server.api());
    connection.send(&head("CONNECT", "a:1", &[])).unwrap();
    assert_eq!(connection.reply("CONNECT").unwrap().status, 405);
}

#[test]
fn headers_of_any_request_to_the_door_are_checked() {
    let scene = Scene::new();
    let get = |headers: &[(&str, &str)]| {
        let mut connection = Connection::open(scene.server.registry());
        connection.request("GET", "/livez", headers, b"").unwrap()
    };
    let plain = get(&[]);
    assert_eq!(
        (plain.status, plain.header("X-Bun-Request-ID")),
        (200, None)
    );
    let good = get(&[
        ("x-bun-request-id", "00000000deadBEEF"),
        ("X-Bun-Terminal-Rows", "24"),
    ]);
    assert_eq!(
        (good.status, good.header("X-Bun-Request-ID")),
        (200, Some("00000000deadBEEF"))
    );
    let faulty = get(&[("X-Bun-Terminal-Rows", "0"), ("X-Bun-Else", "1")]);
    assert_eq!(faulty.status, 400);
    let codes: Vec<&str> = faulty.json()["validationErrors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["code"].as_str().unwrap().to_owned().leak() as &str)
        .collect();
    assert_eq!(codes, ["UNKNOWN_HEADER", "OUT_OF_RANGE"]);
}

#[test]
fn the_command_line_walks_the_decisions() {
    let scene = Scene::new();
    let data = scene.server.data();
    let data = data.to_str().unwrap();
    let upstreams = json!([
        {"host": "private.example", "port": scene.port(), "hash": 1, "tls": false,
            "allowPrivate": true},
        {"host": "public.example", "port": scene.port(), "hash": 2, "tls": false},
    ])
    .to_string();
    let environment = [
        ("UPSTREAMS", &*upstreams),
        (
            "THIRTEEN_OUTGOING_HOSTS",
            "private.example=127.0.0.1,public.example=127.0.0.1",
        ),
    ];
    let test = |arguments: &[&str]| {
        let mut all = vec!["proxy", "test", "--json", "--data", data];
        all.extend_from_slice(arguments);
        let output = run(&all, &environment);
        let told: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        let status = told["status"].as_u64().unwrap();
        assert_eq!(output.status.code(), Some(i32::from(status != 200)));
        (status, told["steps"].as_array().unwrap().len())
    };
    let url = format!("http://private.example:{}/x", scene.port());
    let good = scene.token(&["--hash", "1"]);
    assert_eq!(test(&["--hash", "1", "--token", &good, &url]), (200, 6));
    assert_eq!(test(&["--hash", "1", "--version", "2", &url]), (503, 1));
    assert_eq!(test(&["--hash", "2", "--token", &good, &url]), (401, 2));
    assert_eq!(test(&["--hash", "7", &url]), (502, 3));
    assert_eq!(test(&["--hash", "1", "https://other.example/"]), (403, 4));
    let rebound = format!("public.example:{}", scene.port());
    assert_eq!(test(&["--hash", "2", &rebound]), (403, 5));
    for wrong in [
        &["proxy", "token", "--ttl", "3601"][..],
        &["proxy", "token", "--subject", ""],
        &["proxy", "token", "--hash", "0x1ffffffff"],
        &["proxy", "test", "nonsense"],
    ] {
        assert_eq!(run(wrong, &[]).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn the_proxy_can_run_alone() {
    let folder = Folder::new();
    let mut child = Command::new(binary())
        .args([
            "proxy",
            "start",
            "--registry",
            "127.0.0.1:0",
            "--shards",
            "1",
        ])
        .args(["--api", "127.0.0.1:0", "--ops", "127.0.0.1:0"])
        .current_dir(folder.path())
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines: Vec<String> = lines
        .map(Result::unwrap)
        .take_while(|line| line != "ready")
        .collect();
    let told = lines.join("\n");
    for part in [
        "Hash       0xa1b2c3d4",
        "Terminal   native, 24 rows, 80 columns",
        "Upstreams  0x00000000  https://registry.npmjs.org:443",
    ] {
        assert!(told.contains(part), "{told}");
    }
    assert!(!told.contains("api "), "only one door is open: {told}");
    let address = lines[0].rsplit("http://").next().unwrap().parse().unwrap();
    assert_eq!(fetch(address, "/livez").status, 200);
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&child),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    assert!(child.wait().unwrap().success());
}

const PATIENCE: Duration = Duration::from_secs(20);
