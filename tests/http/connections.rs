//! How many connections there may be, and that each one that ends leaves nothing behind.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::rc::Rc;

use rustix::net::sockopt::set_socket_linger;
use thirteen::http::ServerOptions;

use crate::in_process::{Here, InProcess, PATIENT};
use crate::sockets;
use crate::support::http::{Connection, fetch};
use crate::support::server::Server;
use crate::wire::{connect, eventually, read_to_end, replies};

#[test]
fn past_the_limit_a_client_reads_why() {
    let server = InProcess::start_with(ServerOptions {
        connections_max: 3,
        ..PATIENT
    });
    let mut kept: Vec<Connection> = (0..3).map(|_| Connection::open(server.address())).collect();
    server.await_connections(3);
    for _ in 0..20 {
        let mut stream = connect(server.address());
        // Bytes that nobody reads must not reset the reply.
        stream
            .write_all(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
            .unwrap();
        let replies = replies(&read_to_end(&mut stream));
        assert_eq!(replies.len(), 1);
        assert_eq!(replies[0].status, 503);
        assert_eq!(replies[0].header("retry-after"), Some("1"));
        assert_eq!(replies[0].header("connection"), Some("close"));
        assert_eq!(replies[0].json()["status"], 503);
    }
    for connection in &mut kept {
        let reply = connection.request("GET", "/hello", &[], b"").unwrap();
        assert_eq!(reply.status, 200);
    }
    kept.pop();
    server.await_connections(2);
    assert_eq!(fetch(server.address(), "/hello").status, 200);
    assert_eq!(server.ask(|here| here.workbench.refused.get()), 20);
}

#[test]
fn a_crowd_past_the_limit_is_sent_away() {
    let server = InProcess::start_with(ServerOptions {
        connections_max: 1,
        ..PATIENT
    });
    let mut kept = Connection::open(server.address());
    server.await_connections(1);
    let mut crowd: Vec<TcpStream> = (0..300).map(|_| connect(server.address())).collect();
    for stream in &mut crowd {
        let received = read_to_end(stream);
        assert!(received.is_empty() || replies(&received)[0].status == 503);
    }
    let reply = kept.request("GET", "/hello", &[], b"").unwrap();
    assert_eq!(reply.status, 200);
}

/// Ends connections in every way that a client can, at every point of a request.
fn storm(address: SocketAddr, target: &str) {
    let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    let body = "POST /api/config HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{\"ro";
    for bytes in ["", &request[..10], &request, &request.repeat(40), body] {
        for end in 0..3 {
            let mut stream = connect(address);
            stream.write_all(bytes.as_bytes()).unwrap();
            match end {
                0 => {}
                1 => set_socket_linger(&stream, Some(std::time::Duration::ZERO)).unwrap(),
                _ => {
                    stream.shutdown(Shutdown::Write).unwrap();
                    let mut first = [0; 1];
                    let _reply_or_end = stream.read(&mut first).unwrap();
                }
            }
        }
    }
}

#[test]
fn every_connection_that_opens_ends_once() {
    let server = InProcess::start();
    for _ in 0..3 {
        storm(server.address(), "/hello");
        storm(server.address(), "/stored?bytes=1000000");
        storm(server.address(), "/stream?pieces=100&bytes=5000");
    }
    for _ in 0..3 {
        let mut socket = sockets::open(server.address(), "/socket", "");
        socket.write_all(&sockets::close_frame(1000)).unwrap();
        sockets::read_to_close(&mut socket);
        drop(sockets::open(server.address(), "/socket", ""));
    }
    server.await_connections(0);
    let counts = |here: &Rc<Here>| (here.workbench.opened.get(), here.workbench.ended.get());
    let (opened, ended) = server.ask(counts);
    assert_eq!(opened, ended);
    // Those that were reset before they were accepted are not counted.
    let (stormed, reset) = (9 * 15, 9 * 5);
    assert!(
        (stormed - reset + 6..=stormed + 6).contains(&opened),
        "{opened}"
    );
}

#[test]
fn no_descriptor_stays_behind() {
    let server = Server::start();
    let count = || {
        let folder = format!("/proc/{}/fd", server.pid());
        std::fs::read_dir(folder).unwrap().count()
    };
    assert_eq!(fetch(server.api(), "/health").status, 200);
    let mut before = 0;
    // The first request's own connection is still on its way out.
    eventually("a number of descriptors that stays", || {
        let last = std::mem::replace(&mut before, count());
        last == before
    });
    for _ in 0..5 {
        storm(server.api(), "/health");
        storm(server.api(), "/readyz");
        let lines = "Sec-WebSocket-Protocol: bun.config.v1\r\n";
        drop(sockets::open(server.api(), "/_ws/config", lines));
    }
    eventually("as many descriptors as before", || count() <= before);
    // And the server's own count agrees: the connection that asks is the only one.
    let page = fetch(server.ops(), "/metrics");
    let line = page
        .text()
        .lines()
        .find(|line| line.starts_with("thirteen_connections{"))
        .unwrap();
    assert!(line.ends_with(" 1"), "{line}");
}
