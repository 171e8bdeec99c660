//! The ids of requests that other hosts are to answer.

use serde_json::Value;

use super::scene::{PRIVATE, Scene, forward, head, serve_once, tunnel_reply};
use crate::support::http::{Connection, Reply};

/// The line of the access log that tells of a request, once it is there.
fn line_of(scene: &Scene, request_id: &str) -> Value {
    scene.server.await_log(request_id);
    let log = scene.server.log();
    let line = log.lines().find(|line| line.contains(request_id)).unwrap();
    serde_json::from_str(line).unwrap()
}

fn id_of(reply: &Reply) -> String {
    let id = reply.header("X-Bun-Request-ID").unwrap();
    let is_id = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(is_id, "{id}");
    id.to_owned()
}

#[test]
fn what_is_refused_or_passed_on_has_an_id_and_a_line() {
    let scene = Scene::with(&[("THIRTEEN_LOG_ACCESS", "full")]);
    let token = scene.token(&["--hash", "1"]);
    let headers = scene.headers(PRIVATE, &token);
    let refused = |headers: &[(&'static str, String)]| {
        let mut connection = Connection::open(scene.server.registry());
        let request = head("CONNECT", "elsewhere.example:1", headers);
        connection.send(&request).unwrap();
        connection.reply("CONNECT").unwrap()
    };
    for headers in [&headers[..], &[]] {
        let reply = refused(headers);
        let line = line_of(&scene, &id_of(&reply));
        assert_eq!(
            (&line["method"], &line["route"]),
            (&"CONNECT".into(), &"authority".into())
        );
        assert_eq!(line["status"], reply.status);
        let trace = reply.header("traceparent").unwrap();
        assert!(
            trace.contains(line["trace_id"].as_str().unwrap()),
            "{trace}"
        );
        assert_eq!(reply.header("X-Quantum-Id"), line["quantum_id"].as_str());
    }
    let url = format!("http://private.example:{}/x", scene.port());
    let served = serve_once(&scene, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let reply = forward(&scene, "GET", &url, PRIVATE, &[]);
    served.recv().unwrap();
    let line = line_of(&scene, &id_of(&reply));
    assert_eq!(
        (&line["route"], &line["status"]),
        (&"absolute".into(), &200.into())
    );
    let unknown = forward(&scene, "GET", "http://elsewhere.example/x", PRIVATE, &[]);
    assert_eq!(line_of(&scene, &id_of(&unknown))["status"], 403);
    assert_ne!(id_of(&unknown), id_of(&reply));
}

#[test]
fn a_tunnel_s_line_has_the_id_that_it_came_with_or_was_given() {
    let scene = Scene::with(&[("THIRTEEN_LOG_ACCESS", "full")]);
    let target = format!("private.example:{}", scene.port());
    let token = scene.token(&["--hash", "1"]);
    let mut headers = scene.headers(PRIVATE, &token);
    headers.push(("X-Bun-Request-ID", "0123456789abcdef".to_owned()));
    for headers in [&headers[..], &headers[..4]] {
        let mut near = Connection::open(scene.server.registry());
        near.send(&head("CONNECT", &target, headers)).unwrap();
        assert!(tunnel_reply(near.stream()).starts_with("HTTP/1.1 200 "));
    }
    let lines = || -> Vec<Value> {
        let log = scene.server.log();
        let lines = log.lines().filter(|line| line.contains("\"CONNECT\""));
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    while lines().len() < 2 {
        std::thread::yield_now();
    }
    let lines = lines();
    assert_eq!(lines[0]["request_id"], "0123456789abcdef");
    let made = lines[1]["request_id"].as_str().unwrap();
    assert!(made.len() == 16 && made != "0123456789abcdef", "{made}");
    assert!(lines.iter().all(|line| line["status"] == 200));
}
