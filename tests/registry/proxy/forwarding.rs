//! Requests in the absolute form.

use super::scene::{PRIVATE, Scene, forward, head, serve_once};
use crate::support::http::Connection;

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
