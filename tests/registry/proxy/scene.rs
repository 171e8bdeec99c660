//! A server with upstreams whose other end is here, and requests through it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::json;

use crate::support::http::{Connection, Reply};
use crate::support::server::{Server, run};

/// A server with upstreams: `private.example` is hash 1, where `upstream` listens; `public.example`
/// is hash 2 and leads to loopback, which it may not.
pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) upstream: TcpListener,
}

pub(crate) const PRIVATE: u32 = 1;

pub(crate) const REBOUND: u32 = 2;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

impl Scene {
    pub(crate) fn new() -> Scene {
        Scene::with(&[])
    }

    pub(crate) fn with(more: &[(&str, &str)]) -> Scene {
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

    pub(crate) fn port(&self) -> u16 {
        self.upstream.local_addr().unwrap().port()
    }

    pub(crate) fn token(&self, arguments: &[&str]) -> String {
        token_of(&self.server, arguments)
    }

    pub(crate) fn headers(&self, hash: u32, token: &str) -> Vec<(&'static str, String)> {
        vec![
            ("X-Bun-Config-Version", "1".to_owned()),
            ("X-Bun-Registry-Hash", format!("0x{hash:08x}")),
            ("X-Bun-Feature-Flags", "0x00000007".to_owned()),
            ("X-Bun-Proxy-Token", token.to_owned()),
        ]
    }

    /// Sends a `CONNECT` with good headers for this hash, and bytes that follow it.
    pub(crate) fn connect(&self, target: &str, hash: u32, early: &[u8]) -> Connection {
        let token = self.token(&["--hash", &hash.to_string()]);
        let mut bytes = head("CONNECT", target, &self.headers(hash, &token));
        bytes.extend_from_slice(early);
        let mut connection = Connection::open(self.server.registry());
        connection.send(&bytes).unwrap();
        connection
    }

    /// A tunnel to the upstream, with both of its ends.
    pub(crate) fn tunnel(&self) -> (TcpStream, TcpStream) {
        let target = format!("private.example:{}", self.port());
        let mut near = self.connect(&target, PRIVATE, b"");
        let (far, _) = self.upstream.accept().unwrap();
        far.set_read_timeout(Some(PATIENCE)).unwrap();
        let reply = tunnel_reply(near.stream());
        assert_eq!(reply, "HTTP/1.1 200 Connection Established\r\n\r\n");
        (near.stream().try_clone().unwrap(), far)
    }
}

pub(crate) fn token_of(server: &Server, arguments: &[&str]) -> String {
    let data = server.data();
    let data = data.to_str().unwrap();
    let mut all = vec!["proxy", "token", "--data", data];
    all.extend_from_slice(arguments);
    let output = run(&all, &[]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn head(method: &str, target: &str, headers: &[(&'static str, String)]) -> Vec<u8> {
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

pub(crate) fn host_of(target: &str) -> &str {
    let rest = target.split_once("://").map_or(target, |(_, rest)| rest);
    rest.split('/').next().unwrap()
}

/// Reads byte by byte to the end of the head: what follows is the tunnel's.
pub(crate) fn tunnel_reply(stream: &mut TcpStream) -> String {
    let mut reply = Vec::new();
    let mut byte = [0];
    while !reply.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        reply.push(byte[0]);
    }
    String::from_utf8(reply).unwrap()
}

/// A refusal: its status and code; the connection ends with it.
pub(crate) fn refused(mut connection: Connection) -> (u16, String) {
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

pub(crate) fn refusal(
    scene: &Scene,
    target: &str,
    headers: &[(&'static str, String)],
) -> (u16, String) {
    let mut connection = Connection::open(scene.server.registry());
    connection.send(&head("CONNECT", target, headers)).unwrap();
    refused(connection)
}

/// Answers one request, and tells what its head was.
pub(crate) fn serve_once(scene: &Scene, reply: &'static str) -> Receiver<String> {
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

pub(crate) fn forward(
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
