//! The request line and the header lines: ends of lines, bytes that do not belong, bounds.

use super::{Attack, closed, get, kept};

pub(super) fn attacks() -> Vec<Attack> {
    [
        ends(),
        headers(),
        hosts(),
        versions(),
        methods(),
        bounds(),
        other_protocols(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn ends() -> Vec<Attack> {
    vec![
        closed(
            "line ended by LF",
            400,
            "GET /hello HTTP/1.1\nHost: a\r\n\r\n",
        ),
        closed(
            "line ended by CR",
            400,
            "GET /hello HTTP/1.1\rHost: a\r\n\r\n",
        ),
        closed(
            "header ended by LF",
            400,
            "GET /hello HTTP/1.1\r\nHost: a\n\r\n",
        ),
        closed("header ended by CR", 400, get("X: a\rY: b\r\n")),
        closed(
            "head ended by LF",
            400,
            "GET /hello HTTP/1.1\r\nHost: a\r\n\n",
        ),
        closed(
            "head ended by CR",
            400,
            "GET /hello HTTP/1.1\r\nHost: a\r\n\rX",
        ),
        closed("CR twice", 400, "GET /hello HTTP/1.1\r\r\nHost: a\r\n\r\n"),
        kept(
            "two empty lines first",
            200,
            "\r\n\r\n".to_owned() + &get(""),
        ),
        closed(
            "three empty lines first",
            400,
            "\r\n\r\n\r\n".to_owned() + &get(""),
        ),
        closed("LF first", 400, "\n".to_owned() + &get("")),
        closed("space first", 400, " ".to_owned() + &get("")),
    ]
}

fn headers() -> Vec<Attack> {
    vec![
        closed("header folded by a space", 400, get("X: a\r\n b\r\n")),
        closed("header folded by a tab", 400, get("X: a\r\n\tb\r\n")),
        closed(
            "first header folded",
            400,
            "GET /hello HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n",
        ),
        closed("space before a colon", 400, get("X : a\r\n")),
        closed("tab before a colon", 400, get("X\t: a\r\n")),
        closed("header without a colon", 400, get("X\r\n")),
        closed("header without a name", 400, get(": a\r\n")),
        closed("header name with a space", 400, get("X Y: a\r\n")),
        closed("header name with a slash", 400, get("X/Y: a\r\n")),
        closed("header name beyond ASCII", 400, get("X\u{e9}: a\r\n")),
        closed("header name with a NUL", 400, get("X\0: a\r\n")),
        closed("header value with a NUL", 400, get("X: a\0b\r\n")),
        closed("header value with a control", 400, get("X: a\u{1}b\r\n")),
        closed("header value with a DEL", 400, get("X: a\u{7f}b\r\n")),
        closed("header value with an escape", 400, get("X: \u{1b}[2J\r\n")),
        kept("header value beyond ASCII", 200, get("X: \u{e9}\r\n")),
        kept("header without a value", 200, get("X:\r\n")),
    ]
}

fn hosts() -> Vec<Attack> {
    let host = |value: &str| format!("GET /hello HTTP/1.1\r\nHost: {value}\r\n\r\n");
    vec![
        closed("host missing", 400, "GET /hello HTTP/1.1\r\nX: a\r\n\r\n"),
        closed(
            "host missing, no header at all",
            400,
            "GET /hello HTTP/1.1\r\n\r\n",
        ),
        closed("host twice, equal", 400, get("Host: a\r\n")),
        closed("host twice, different", 400, get("Host: b\r\n")),
        closed("host with a space", 400, host("a b")),
        closed("host with a path", 400, host("a/b")),
        closed("host with a user", 400, host("user@a")),
        closed("host list", 400, host("a,b@c")),
        closed("host with a port that is no number", 400, host("a:http")),
        closed("host with a port past every bound", 400, host("a:65536")),
        closed("host with two ports", 400, host("a:1:2")),
        closed("host with an open bracket", 400, host("[::1")),
        closed("host in brackets that is no address", 400, host("[a]")),
        closed("host beyond ASCII", 400, host("\u{e9}.example")),
        kept("host that is empty", 200, host("")),
        kept("host that is an IPv6 address", 200, host("[::1]:80")),
    ]
}

fn versions() -> Vec<Attack> {
    let version = |version: &str| format!("GET /hello {version}\r\nHost: a\r\n\r\n");
    vec![
        closed("version 1.2", 505, version("HTTP/1.2")),
        closed("version 2.0", 505, version("HTTP/2.0")),
        closed("version 0.9", 505, version("HTTP/0.9")),
        closed("version 9.9", 505, version("HTTP/9.9")),
        closed("version without a minor", 400, version("HTTP/1")),
        closed("version of two digits", 400, version("HTTP/1.10")),
        closed("version in small letters", 400, version("http/1.1")),
        closed("version with a comma", 400, version("HTTP/1,1")),
        closed("version with a plus", 400, version("HTTP/+1.1")),
        closed("version of another protocol", 400, version("RTSP/1.0")),
        closed("version before a space", 400, version("HTTP/1.1 ")),
        closed("version after two spaces", 400, version(" HTTP/1.1")),
        closed(
            "version after a tab",
            400,
            "GET /hello\tHTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        closed("version missing", 400, "GET /hello\r\nHost: a\r\n\r\n"),
        closed("version 1.0 closes", 200, "GET /hello HTTP/1.0\r\n\r\n"),
    ]
}

fn methods() -> Vec<Attack> {
    let method = |method: &str| format!("{method} /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    vec![
        closed("method that is empty", 400, method("")),
        closed("method with an at", 400, method("G@T")),
        closed("method with a NUL", 400, method("GE\0T")),
        closed("method beyond ASCII", 400, method("G\u{c9}T")),
        closed("method in quotes", 400, method("\"GET\"")),
        closed("method that is long", 501, method(&"M".repeat(33))),
        closed("method that never ends", 501, method(&"M".repeat(5_000))),
        kept("method in small letters", 405, method("get")),
        kept("method that nobody knows", 405, method("BREW")),
        kept("method that nobody may use", 405, method("TRACE")),
    ]
}

fn bounds() -> Vec<Attack> {
    let target = |bytes: usize| {
        let path = "x".repeat(bytes - 1);
        format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n")
    };
    let lines = |count: usize| get(&"X: a\r\n".repeat(count - 1));
    let head = |bytes: usize| {
        let padding = bytes - get("X: \r\n").len();
        get(&format!("X: {}\r\n", "x".repeat(padding)))
    };
    vec![
        kept("target of the bound", 404, target(8192)),
        closed("target past the bound", 414, target(8193)),
        closed("target of 100 KB", 414, target(100_000)),
        kept("head of the bound", 200, head(16_384)),
        closed("head past the bound", 431, head(16_385)),
        closed("head of 100 KB", 431, head(100_000)),
        kept("headers of the bound", 200, lines(100)),
        closed("headers past the bound", 431, lines(101)),
        closed("ten thousand headers", 431, lines(10_000)),
    ]
}

fn other_protocols() -> Vec<Attack> {
    // A ClientHello of TLS 1.2: record, handshake, version, random and what follows.
    let hello = [
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03".as_slice(),
        &[0x5a; 32],
        b"\x00\x00\x20\xcc\xa8\xcc\xa9\xc0\x2f\xc0\x30\x01\x00",
    ];
    vec![
        closed("TLS", 400, hello.concat()),
        closed("HTTP/2 preface", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        closed("SSH", 400, "SSH-2.0-OpenSSH_9.6\r\n"),
        closed("SMTP", 400, "EHLO a.example\r\n"),
        closed("SOCKS 5", 400, b"\x05\x01\x00".as_slice()),
        closed(
            "PROXY protocol",
            400,
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        ),
        closed(
            "a reply",
            400,
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        ),
    ]
}
