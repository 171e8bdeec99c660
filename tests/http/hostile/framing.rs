//! Where a body ends: lengths, transfer codings, expectations and upgrades.

use super::{Attack, chunked, closed, cut, get, kept, post};

pub(super) fn attacks() -> Vec<Attack> {
    [lengths(), codings(), expectations(), upgrades(), endings()]
        .into_iter()
        .flatten()
        .collect()
}

fn lengths() -> Vec<Attack> {
    let length = |value: &str| post(&format!("Content-Length: {value}\r\n"), "hello");
    let both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
    let both_reversed = "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n";
    let twice = |second: &str| {
        let lines = format!("Content-Length: 5\r\nContent-Length: {second}\r\n");
        post(&lines, "hello")
    };
    vec![
        closed("length, then coding", 400, post(both, "0\r\n\r\n")),
        closed("coding, then length", 400, post(both_reversed, "0\r\n\r\n")),
        closed("length twice, equal", 400, twice("5")),
        closed("length twice, different", 400, twice("6")),
        closed("length listed twice, equal", 400, length("5, 5")),
        closed("length listed twice, different", 400, length("5,6")),
        closed("length with a plus", 400, length("+5")),
        closed("length with a minus", 400, length("-5")),
        closed("length in hex", 400, length("0x5")),
        closed("length with a fraction", 400, length("5.0")),
        closed("length with an exponent", 400, length("5e0")),
        closed("length with a space inside", 400, length("5 0")),
        closed("length with an underscore", 400, length("1_0")),
        closed("length that is empty", 400, length("")),
        closed("length in Arabic digits", 400, length("\u{665}")),
        closed("length with a vertical tab", 400, length("5\u{b}")),
        closed("length of 2^64", 400, length("18446744073709551616")),
        closed("length of 2^64 - 1", 400, length("18446744073709551615")),
        closed(
            "length past every bound",
            413,
            length("9223372036854775807"),
        ),
        closed("length past the route's bound", 413, length("65537")),
        kept("length with leading zeros", 200, length("0005")),
        kept("length between blanks", 200, length(" \t 5 \t ")),
        kept(
            "length on a route without body",
            200,
            get("Content-Length: 0\r\n"),
        ),
        closed(
            "body on a route without body",
            413,
            get("Content-Length: 5\r\n") + "hello",
        ),
        cut(
            "body cut short",
            Some(400),
            post("Content-Length: 6\r\n", "hello"),
        ),
    ]
}

fn codings() -> Vec<Attack> {
    let coding = |value: &str| post(&format!("Transfer-Encoding: {value}\r\n"), "0\r\n\r\n");
    let twice = |first: &str, second: &str| {
        let lines = format!("Transfer-Encoding: {first}\r\nTransfer-Encoding: {second}\r\n");
        post(&lines, "0\r\n\r\n")
    };
    vec![
        kept("coding in capitals", 200, coding("CHUNKED")),
        kept("coding in mixed case", 200, coding("cHuNkEd")),
        kept("coding between blanks", 200, coding("\t chunked \t")),
        closed("coding listed twice", 501, coding("chunked, chunked")),
        closed("coding after gzip", 501, coding("gzip, chunked")),
        closed("coding before identity", 501, coding("chunked, identity")),
        closed("coding with a comma", 501, coding("chunked,")),
        closed("coding with a parameter", 501, coding("chunked;q=1")),
        closed("coding in quotes", 501, coding("\"chunked\"")),
        closed("coding with a prefix", 501, coding("xchunked")),
        closed("coding that is identity", 501, coding("identity")),
        closed("coding that is empty", 501, coding("")),
        closed("coding with a vertical tab", 400, coding("\u{b}chunked")),
        closed("coding with a NUL", 400, coding("chunked\0")),
        closed("coding header twice", 400, twice("chunked", "chunked")),
        closed("coding, then identity", 400, twice("chunked", "identity")),
        closed("identity, then coding", 501, twice("identity", "chunked")),
        closed(
            "coding in HTTP/1.0",
            400,
            "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        closed(
            "coding with a space before the colon",
            400,
            post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
        ),
        closed(
            "coding folded into another header",
            400,
            post("X: y\r\n Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ),
        closed(
            "coding folded into two lines",
            501,
            post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"),
        ),
        kept(
            "coding with an underscore is another header",
            200,
            get("Transfer_Encoding: chunked\r\n"),
        ),
    ]
}

fn expectations() -> Vec<Attack> {
    vec![
        closed("unknown expectation", 417, get("Expect: 200-ok\r\n")),
        closed(
            "known and unknown expectation",
            417,
            get("Expect: 100-continue, x\r\n"),
        ),
        closed(
            "known expectation, then an unknown one",
            417,
            get("Expect: 100-continue\r\nExpect: x\r\n"),
        ),
        closed(
            "expectation of a body that is refused",
            413,
            post("Content-Length: 65537\r\nExpect: 100-continue\r\n", ""),
        ),
        kept(
            "expectation without a body",
            200,
            get("Expect: 100-continue\r\n"),
        ),
    ]
}

fn upgrades() -> Vec<Attack> {
    let upgrade = |lines: &str| format!("GET /socket HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
    let key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let whole = format!("Connection: Upgrade\r\nUpgrade: websocket\r\n{key}");
    vec![
        kept(
            "upgrade without Connection",
            426,
            upgrade(&format!("Upgrade: websocket\r\n{key}")),
        ),
        kept(
            "Connection: Upgrade without Upgrade",
            426,
            upgrade(&format!("Connection: Upgrade\r\n{key}")),
        ),
        kept(
            "upgrade to something else",
            426,
            upgrade(&format!("Connection: Upgrade\r\nUpgrade: h2c\r\n{key}")),
        ),
        kept(
            "upgrade without a key",
            400,
            upgrade("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"),
        ),
        kept(
            "upgrade where nothing can be upgraded",
            200,
            get("Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
        ),
        closed(
            "upgrade in HTTP/1.0",
            400,
            format!("GET /socket HTTP/1.0\r\nHost: a\r\n{whole}\r\n"),
        ),
        closed(
            "upgrade with a body",
            413,
            upgrade(&format!("{whole}Content-Length: 5\r\n")) + "hello",
        ),
        closed(
            "upgrade with a chunked body",
            413,
            upgrade(&format!("{whole}Transfer-Encoding: chunked\r\n")) + "0\r\n\r\n",
        ),
    ]
}

fn endings() -> Vec<Attack> {
    let close = get("Connection: close\r\n");
    let garbage = "\x01\x02garbage\r\n".repeat(5_000);
    vec![
        closed("request after close", 200, close.clone() + &get("")),
        closed("garbage after close", 200, close + &garbage),
        closed(
            "garbage after a request that is refused",
            400,
            "\x16\x03".to_owned() + &garbage,
        ),
        closed(
            "chunked body after close",
            200,
            chunked("5\r\nhello\r\n0\r\n\r\n").replace("Host: a", "Host: a\r\nConnection: close"),
        ),
        cut("nothing at all", None, ""),
        cut("half a method", None, "GE"),
        cut("half a line", None, "GET /hello HTT"),
        cut("half a head", None, "GET /hello HTTP/1.1\r\nHost: a\r\n"),
    ]
}
