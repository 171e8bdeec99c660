//! Which tunnels are refused, in which order, and how that is told.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use serde_json::json;

use super::scene::{
    PRIVATE, REBOUND, Scene, forward, head, refusal, refused, serve_once, tunnel_reply,
};
use crate::support::http::Connection;
use crate::support::server::Server;

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
    assert!(reply.text().contains(REMEDY), "{}", reply.text());
}

const REMEDY: &str = "set allowPrivate = true for the upstream of that host";

#[test]
fn of_a_name_with_several_addresses_no_private_one_is_dialled() {
    let hosts = "public.example=127.0.0.1,public.example=3ffe::1";
    let environment = [("THIRTEEN_OUTGOING_HOSTS", hosts), ("PROXY_TIMEOUT", "300")];
    let scene = Scene::with(&environment);
    scene.upstream.set_nonblocking(true).unwrap();
    let target = format!("public.example:{}", scene.port());
    let told = refused(scene.connect(&target, REBOUND, b""));
    // The public one is tried, where nobody answers.
    assert!(
        matches!(
            (told.0, &*told.1),
            (502, "UPSTREAM_UNREACHABLE") | (504, "UPSTREAM_TIMEOUT")
        ),
        "{told:?}"
    );
    assert!(scene.upstream.accept().is_err(), "nobody was connected to");
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
