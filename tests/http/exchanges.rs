//! Requests and replies on a connection: kept, pipelined, described, routed, failed.

use std::io::Write;
use std::net::Shutdown;
use std::time::SystemTime;

use serde_json::json;

use crate::in_process::{InProcess, shared};
use crate::support::http::{Connection, Reply, fetch, send};
use crate::wire::{connect, converse, eventually, read_to_end, replies, statuses};

fn text(target: &str) -> String {
    let reply = fetch(shared().address(), target);
    assert_eq!(reply.status, 200, "{target}: {}", reply.text());
    reply.text().to_owned()
}

#[test]
fn a_connection_is_kept() {
    let mut connection = Connection::open(shared().address());
    for _ in 0..3 {
        let reply = connection.request("GET", "/hello", &[], b"").unwrap();
        assert_eq!((reply.status, reply.text()), (200, "hello"));
        assert_eq!(reply.header("connection"), None);
    }
}

#[test]
fn close_is_honoured() {
    for option in ["close", "Close", "keep-alive, close", "x,close"] {
        let mut connection = Connection::open(shared().address());
        let headers = [("Connection", option)];
        let reply = connection.request("GET", "/hello", &headers, b"").unwrap();
        assert_eq!(reply.header("connection"), Some("close"), "{option}");
        assert_eq!(connection.read_to_close().unwrap(), b"");
    }
}

#[test]
fn http_1_0_closes_unless_it_is_asked_to_stay() {
    let address = shared().address();
    let bytes = converse(address, b"GET /hello HTTP/1.0\r\n\r\n");
    assert_eq!(replies(&bytes)[0].header("connection"), Some("close"));
    let kept = b"GET /hello HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n";
    let replies = replies(&converse(address, &kept.repeat(3)));
    assert_eq!(replies.len(), 3);
    for reply in replies {
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("connection"), Some("keep-alive"));
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let requests: String = (0..2000)
        .map(|index| format!("GET /items/{index} HTTP/1.1\r\nHost: a\r\n\r\n"))
        .collect();
    let replies = replies(&converse(shared().address(), requests.as_bytes()));
    assert_eq!(replies.len(), 2000);
    for (index, reply) in replies.iter().enumerate() {
        assert_eq!(reply.text(), index.to_string());
    }
}

#[test]
fn handlers_that_wait_keep_their_place() {
    let mut requests = Vec::new();
    for index in 0..200 {
        let body = format!("body {index}");
        let length = body.len();
        let next = match index % 4 {
            0 => format!("GET /items/{index} HTTP/1.1\r\nHost: a\r\n\r\n"),
            1 => format!("GET /late?ms=1&{index} HTTP/1.1\r\nHost: a\r\n\r\n"),
            2 => {
                format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}")
            }
            _ => format!(
                "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                 {length:x}\r\n{body}\r\n0\r\n\r\n"
            ),
        };
        requests.extend_from_slice(next.as_bytes());
    }
    let replies = replies(&converse(shared().address(), &requests));
    assert_eq!(replies.len(), 200);
    for (index, reply) in replies.iter().enumerate() {
        let expected = match index % 4 {
            0 => index.to_string(),
            1 => "late".to_owned(),
            _ => format!("body {index}"),
        };
        assert_eq!(reply.text(), expected, "{index}");
    }
}

#[test]
fn head_is_get_without_the_body() {
    let mut connection = Connection::open(shared().address());
    for target in ["/hello", "/stored?bytes=100000", "/nowhere", "/items/%zz"] {
        let described = connection.request("HEAD", target, IDS, b"").unwrap();
        let sent = connection.request("GET", target, IDS, b"").unwrap();
        assert_eq!(described.status, sent.status, "{target}");
        assert_eq!(without_date(&described), without_date(&sent), "{target}");
        assert_eq!(described.body, b"");
    }
    let described = connection
        .request("HEAD", "/stream?pieces=3&bytes=3", &[], b"")
        .unwrap();
    assert_eq!(described.header("transfer-encoding"), Some("chunked"));
    let reply = connection.request("GET", "/hello", &[], b"").unwrap();
    assert_eq!(reply.text(), "hello");
}

const IDS: &[(&str, &str)] = &[
    (
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ),
    ("X-Quantum-Id", "job-7"),
];

fn without_date(reply: &Reply) -> Vec<(String, String)> {
    let mut headers = reply.headers.clone();
    headers.retain(|(name, _)| name != "Date");
    headers
}

#[test]
fn options_say_what_there_is() {
    let mut connection = Connection::open(shared().address());
    for (target, allow) in [
        ("/hello", "GET, HEAD, OPTIONS"),
        ("/items/7", "GET, HEAD, DELETE, OPTIONS"),
        ("/echo", "POST, OPTIONS"),
        ("*", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
    ] {
        let reply = connection.request("OPTIONS", target, &[], b"").unwrap();
        assert_eq!((reply.status, reply.header("allow")), (204, Some(allow)));
        assert_eq!(reply.header("content-type"), None);
        assert_eq!(reply.header("content-length"), None, "RFC 9110, 8.6");
    }
}

#[test]
fn what_is_not_there_is_told() {
    let mut connection = Connection::open(shared().address());
    let reply = connection.request("GET", "/nowhere", &[], b"").unwrap();
    assert_eq!(reply.status, 404);
    let reply = connection.request("PUT", "/items/7", &[], b"").unwrap();
    assert_eq!(reply.status, 405);
    assert_eq!(reply.header("allow"), Some("GET, HEAD, DELETE, OPTIONS"));
    let reply = connection.request("DELETE", "/items/7", &[], b"").unwrap();
    assert_eq!((reply.status, &*reply.body), (204, b"".as_slice()));
    assert_eq!(reply.header("content-type"), None);
    let reply = connection.request("GET", "/nothing", &[], b"").unwrap();
    assert_eq!((reply.status, &*reply.body), (204, b"".as_slice()));
}

#[test]
fn paths_are_matched_most_exact_first() {
    assert_eq!(text("/items/7"), "7");
    assert_eq!(text("/items/special"), "the special one");
    assert_eq!(text("/items/speci%61l"), "the special one");
    assert_eq!(text("/items/special/parts/2"), "special 2");
    assert_eq!(text("/items/a%20b%2Fc"), "a b/c");
    assert_eq!(text("/items/a+b"), "a+b");
    assert_eq!(text("/files/a/b%20c/d"), "a/b c/d");
    assert_eq!(text("/files/"), "");
    assert_eq!(text("/hello?query=is#".trim_end_matches('#')), "hello");
}

#[test]
fn queries_are_decoded() {
    let expected = json!([["a", "1"], ["b c", "2 & 3"], ["d", ""], ["\u{e9}", "="]]);
    let reply = fetch(shared().address(), "/query?a=1&b%20c=2+%26+3&&d&%C3%A9==");
    assert_eq!(reply.json(), expected);
}

#[test]
fn the_authority_of_an_absolute_target_does_not_matter() {
    let bytes = b"GET http://elsewhere.example:8080/items/7?x HTTP/1.1\r\nHost: a\r\n\r\n";
    let replies = replies(&converse(shared().address(), bytes));
    assert_eq!(replies[0].text(), "7");
}

#[test]
fn problems_have_their_shape() {
    let mut connection = Connection::open(shared().address());
    let reply = connection.request("GET", "/problem", IDS, b"").unwrap();
    assert_eq!(reply.status, 422);
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(reply.header("x-dropped"), None, "what was begun is dropped");
    assert_eq!(
        reply.json(),
        json!({
            "type": "about:blank",
            "title": "Unprocessable Content",
            "status": 422,
            "detail": "Two fields.",
            "instance": "/problem",
            "code": "validation_failed",
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "errors": [
                {"pointer": "/rows", "code": "range", "detail": "must be 1 to 255"},
                {"pointer": "/cols", "code": "range", "detail": "must be 1 to 255"},
            ],
        })
    );
    let headers = [("X-Admit", "no")];
    let reply = connection.request("GET", "/hello", &headers, b"").unwrap();
    assert_eq!(
        (reply.status, reply.json()["title"].as_str()),
        (403, Some("Forbidden"))
    );
}

#[test]
fn a_handler_that_panics_harms_nobody() {
    let address = shared().address();
    let mut healthy = Connection::open(address);
    for target in ["/panic", "/panic/waiting"] {
        let mut connection = Connection::open(address);
        let reply = connection.request("GET", target, &[], b"").unwrap();
        assert_eq!(reply.status, 500, "{target}");
        assert_eq!(reply.header("x-dropped"), None);
        assert_eq!(reply.header("connection"), Some("close"));
        assert!(!reply.text().contains("as asked"), "{}", reply.text());
        assert_eq!(connection.read_to_close().unwrap(), b"");
        assert_eq!(
            healthy.request("GET", "/hello", &[], b"").unwrap().status,
            200
        );
    }
}

#[test]
fn the_date_is_refreshed() {
    let mut connection = Connection::open(shared().address());
    let mut date = || {
        let reply = connection.request("GET", "/hello", &[], b"").unwrap();
        reply.header("date").unwrap().to_owned()
    };
    let first = date();
    let seconds = first.split([' ', ':']).nth(6).unwrap();
    assert!(
        first.ends_with(" GMT") && seconds.parse::<u8>().unwrap() < 60,
        "{first}"
    );
    let began = SystemTime::now();
    eventually("another second", || date() != first);
    assert!(began.elapsed().unwrap().as_millis() < 1500);
}

#[test]
fn a_handler_that_waited_has_the_date_of_its_reply() {
    let server = InProcess::start();
    let mut connection = Connection::open(server.address());
    let before = connection.request("GET", "/hello", &[], b"").unwrap();
    let after = connection
        .request("GET", "/late?ms=1050", &[], b"")
        .unwrap();
    assert_ne!(before.header("date"), after.header("date"));
}

#[test]
fn half_closed_clients_get_their_replies() {
    let mut stream = connect(shared().address());
    stream
        .write_all(
            b"GET /late?ms=30 HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
        )
        .unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(statuses(&read_to_end(&mut stream)), [200, 200]);
}

#[test]
fn a_stored_reply_reaches_a_half_closed_client_whole() {
    let bytes = 3_000_000;
    let request = format!("GET /stored?bytes={bytes} HTTP/1.1\r\nHost: a\r\n\r\n");
    let reply = replies(&converse(shared().address(), request.as_bytes())).remove(0);
    assert!(reply.body == crate::application::pattern(bytes));
}

#[test]
fn each_request_is_observed_once() {
    let server = InProcess::start();
    let address = server.address();
    assert_eq!(send(address, "GET", "/hello", &[], b"").status, 200);
    assert_eq!(send(address, "POST", "/echo", &[], b"x").status, 200);
    assert_eq!(send(address, "GET", "/panic/waiting", &[], b"").status, 500);
    assert_eq!(statuses(&converse(address, b"\n")), [400]);
    let observed = server.ask(|here| here.workbench.observed.take());
    assert_eq!(observed, [200, 200, 500, 400]);
}
