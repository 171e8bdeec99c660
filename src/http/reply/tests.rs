//! Replies as they are written.

use super::super::policy::{CorsPolicy, DoorPolicy};
use super::super::rehearsal::rehearse;
use super::*;

const SECURITY: &str = "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n\
    X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n\
    Referrer-Policy: no-referrer\r\n";
const IDS: &str = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\
    X-Quantum-Id: job-7\r\n";

/// What is written for a client that sends [`IDS`].
fn written(connection: Connection, content: Content, write: impl FnOnce(&mut Reply<'_>)) -> String {
    let method = match content {
        Content::Sent => "GET",
        Content::Described => "HEAD",
    };
    let close = match connection {
        Connection::Close => "Connection: close\r\n",
        Connection::KeepAlive => "",
    };
    let head = format!("{method} / HTTP/1.1\r\nHost: a\r\n{close}{IDS}\r\n");
    let mut out = b"before".to_vec();
    rehearse(head.as_bytes(), &DoorPolicy::default(), |rehearsal| {
        rehearsal.reply(&mut out, write);
    });
    String::from_utf8(out.split_off(6)).unwrap()
}

/// The head and the body that a client gets which sends these lines.
fn answered(
    lines: &str,
    policy: &DoorPolicy,
    write: impl FnOnce(&mut Reply<'_>),
) -> (String, Vec<u8>) {
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
    let mut bytes = Vec::new();
    rehearse(request.as_bytes(), policy, |rehearsal| {
        rehearsal.reply(&mut bytes, write);
    });
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    let body = bytes.split_off(end);
    (String::from_utf8(bytes).unwrap(), body)
}

#[test]
fn a_reply_has_date_type_and_length() {
    let text = written(Connection::KeepAlive, Content::Sent, |reply| {
        reply
            .status(200)
            .header("X-One", "1")
            .lines(b"X-Two: 2\r\nX-Three: 3\r\n")
            .body("text/plain", b"hello");
    });
    assert_eq!(
        text,
        format!(
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n{SECURITY}{IDS}\
             X-One: 1\r\nX-Two: 2\r\nX-Three: 3\r\n\
             Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
        )
    );
}

#[test]
fn head_describes_the_body_that_get_would_have() {
    let text = written(Connection::Close, Content::Described, |reply| {
        reply.status(200).body("text/plain", b"hello");
    });
    assert!(text.contains("Connection: close\r\n"));
    assert!(text.ends_with("Content-Length: 5\r\n\r\n"));
}

#[test]
fn a_status_without_a_body_has_no_length() {
    let text = written(Connection::KeepAlive, Content::Sent, |_| {});
    assert!(text.starts_with("HTTP/1.1 204 No Content\r\n"));
    assert!(!text.contains("Content-Length"));
}

#[test]
fn a_problem_replaces_what_was_written() {
    let text = written(Connection::KeepAlive, Content::Sent, |reply| {
        reply.status(200).header("X-One", "1");
        let problem = Problem::new(404, "").header("X-Two", "2").closing();
        reply.problem(&problem);
    });
    assert!(text.starts_with("HTTP/1.1 404 Not Found\r\n"));
    assert!(text.contains("Connection: close\r\n") && text.contains("X-Two: 2\r\n"));
    assert!(!text.contains("X-One"));
    assert!(text.contains("\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\""));
}

#[test]
fn values_cannot_break_a_line() {
    let text = written(Connection::KeepAlive, Content::Sent, |reply| {
        reply
            .status(200)
            .header("Location", "/a\r\nSet-Cookie: x=1\0")
            .empty();
    });
    assert!(text.contains("Location: /a  Set-Cookie: x=1 \r\n"));
}

#[test]
fn a_prepared_reply_equals_one_that_is_written() {
    let mut prepared = Prepared::default();
    prepared.render("text/plain", b"first");
    prepared.render("text/plain", b"hello");
    for connection in [Connection::KeepAlive, Connection::Close] {
        for content in [Content::Sent, Content::Described] {
            let text = written(connection, content, |reply| reply.prepared(&prepared));
            let expected = written(connection, content, |reply| {
                reply.status(200).body("text/plain", b"hello");
            });
            assert_eq!(text, expected);
        }
    }
}

#[test]
fn a_prepared_reply_is_sent_as_it_is_where_nothing_is_asked() {
    let mut prepared = Prepared::default();
    prepared.render("text/plain", b"hello");
    let (head, body) = answered("", &DoorPolicy::default(), |reply| {
        reply.prepared(&prepared)
    });
    assert_eq!(
        head,
        format!(
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n{SECURITY}\
             Content-Type: text/plain\r\nContent-Length: 5\r\n\r\n"
        )
    );
    assert_eq!(body, b"hello");
    let policy = DoorPolicy {
        cors: CorsPolicy::new(["https://shop.example"]),
        ..DoorPolicy::default()
    };
    let (head, _) = answered("", &policy, |reply| reply.prepared(&prepared));
    assert!(head.contains("Vary: Origin\r\n"), "{head}");
}

#[test]
fn a_page_of_a_known_origin_is_welcome() {
    let policy = DoorPolicy {
        cors: CorsPolicy::new(["https://shop.example"]),
        ..DoorPolicy::default()
    };
    let write = |reply: &mut Reply<'_>| reply.status(200).body("text/plain", b"hello");
    let (head, _) = answered("Origin: https://shop.example\r\n", &policy, write);
    assert!(head.contains("Access-Control-Allow-Origin: https://shop.example\r\n"));
    assert!(head.contains("Access-Control-Allow-Credentials: true\r\n"));
    assert!(head.contains("Vary: Origin\r\n"));
    for lines in ["Origin: https://evil.example\r\n", ""] {
        let (head, _) = answered(lines, &policy, write);
        assert!(!head.contains("Access-Control"), "{head}");
        assert!(head.contains("Vary: Origin\r\n"));
    }
    let (head, _) = answered("Origin: https://a\r\n", &DoorPolicy::default(), write);
    assert!(!head.contains("Vary"), "{head}");
}

#[test]
fn text_that_is_long_enough_is_sent_in_a_coding() {
    let text = "a line of text\n".repeat(100);
    let write = |reply: &mut Reply<'_>| {
        reply
            .status(200)
            .header("ETag", "\"v7\"")
            .body("text/plain", text.as_bytes());
    };
    let policy = DoorPolicy::default();
    let (head, body) = answered("Accept-Encoding: gzip, zstd\r\n", &policy, write);
    assert!(head.contains("Content-Encoding: zstd\r\n") && head.contains("ETag: \"v7-zstd\"\r\n"));
    assert!(head.contains("Vary: Accept-Encoding\r\n"));
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
    assert_eq!(zstd::decode_all(&*body).unwrap(), text.as_bytes());
    let (head, body) = answered("", &policy, write);
    assert!(head.contains("Vary: Accept-Encoding\r\n") && !head.contains("Content-Encoding"));
    assert_eq!(body, text.as_bytes());
    let (head, _) = answered("Accept-Encoding: br\r\n", &policy, |reply| {
        reply.status(200).body("image/png", text.as_bytes());
    });
    assert!(!head.contains("Vary") && !head.contains("Content-Encoding"));
    let (head, _) = answered("Accept-Encoding: br\r\n", &policy, |reply| {
        reply
            .status(200)
            .body("text/plain", &text.as_bytes()[..1023]);
    });
    assert!(!head.contains("Vary") && !head.contains("Content-Encoding"));
}

#[test]
fn json_of_every_length_is_read_again() {
    let policy = DoorPolicy::default();
    for length in [0, 1, 8, 98, 997, 1020, 1021, 1022, 1023, 1024, 40_000] {
        let value = "x".repeat(length);
        for asks in ["", "Accept-Encoding: gzip;q=0.5, br\r\n"] {
            let (head, body) = answered(asks, &policy, |reply| reply.status(200).json(&value));
            let lines = head.split("\r\n");
            let told = lines
                .filter_map(|line| line.strip_prefix("Content-Length:"))
                .next();
            assert_eq!(told.unwrap().trim().parse(), Ok(body.len()), "{head}");
            let is_coded = head.contains("Content-Encoding: br\r\n");
            assert_eq!(is_coded, !asks.is_empty() && length >= 1022);
            let mut plain = body;
            if is_coded {
                let coded = std::mem::take(&mut plain);
                brotli::BrotliDecompress(&mut &*coded, &mut plain).unwrap();
            }
            assert_eq!(serde_json::from_slice::<String>(&plain).unwrap(), value);
        }
    }
    let described = written(Connection::KeepAlive, Content::Described, |reply| {
        reply.status(200).json(&"x");
    });
    assert!(described.ends_with(" 3\r\n\r\n"), "{described}");
}

#[test]
fn decimals_of_every_length() {
    for number in [0, 9, 10, 99, 100, 12_345, u64::MAX] {
        let mut out = Vec::new();
        write_decimal(number, &mut out);
        assert_eq!(out, number.to_string().into_bytes());
    }
}
