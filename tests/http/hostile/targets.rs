//! Request targets: the four forms, bytes that do not belong, percent-encoding.

use super::{Attack, closed, kept};

pub(super) fn attacks() -> Vec<Attack> {
    [forms(), bytes(), escapes()]
        .into_iter()
        .flatten()
        .collect()
}

fn with(method: &str, target: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn forms() -> Vec<Attack> {
    vec![
        kept("absolute form", 200, with("GET", "http://b.example/hello")),
        kept(
            "absolute form in capitals",
            200,
            with("GET", "HTTP://B.EXAMPLE/hello"),
        ),
        kept(
            "absolute form without a path",
            404,
            with("GET", "http://b.example"),
        ),
        closed(
            "absolute form without a host",
            400,
            with("GET", "http:///hello"),
        ),
        closed(
            "absolute form with one slash",
            400,
            with("GET", "http:/hello"),
        ),
        closed(
            "absolute form of another scheme",
            400,
            with("GET", "ftp://a/hello"),
        ),
        closed(
            "absolute form with a user",
            400,
            with("GET", "http://user:word@a/hello"),
        ),
        closed(
            "absolute form with a bad port",
            400,
            with("GET", "http://a:65536/hello"),
        ),
        closed(
            "absolute form with a bad address",
            400,
            with("GET", "http://[::1/hello"),
        ),
        closed(
            "absolute form without Host",
            400,
            "GET http://a/hello HTTP/1.1\r\n\r\n",
        ),
        closed("authority form", 405, with("CONNECT", "a.example:443")),
        closed(
            "authority form without a port",
            400,
            with("CONNECT", "a.example"),
        ),
        closed(
            "authority form without a host",
            400,
            with("CONNECT", ":443"),
        ),
        closed("origin form to CONNECT", 400, with("CONNECT", "/hello")),
        closed("authority form to GET", 400, with("GET", "a.example:443")),
        closed("asterisk form to GET", 400, with("GET", "*")),
        kept("asterisk form", 204, with("OPTIONS", "*")),
        closed("asterisk form with more", 400, with("OPTIONS", "*a")),
        closed("path without a slash", 400, with("GET", "hello")),
        kept("path of two slashes", 404, with("GET", "//hello")),
        kept("path with dots", 404, with("GET", "/x/../hello")),
        kept("path of many segments", 404, with("GET", &"/x".repeat(500))),
    ]
}

fn bytes() -> Vec<Attack> {
    vec![
        closed("target that is empty", 400, with("GET", "")),
        closed("target with a space", 400, with("GET", "/hel lo")),
        closed("target with a tab", 400, with("GET", "/hel\tlo")),
        closed("target with a NUL", 400, with("GET", "/hel\0lo")),
        closed("target with a control", 400, with("GET", "/hel\u{1}lo")),
        closed("target with a DEL", 400, with("GET", "/hel\u{7f}lo")),
        closed("target with a fragment", 400, with("GET", "/hello#top")),
        closed("target with a CR", 400, with("GET", "/hel\rlo")),
        closed("target with a LF", 400, with("GET", "/hel\nlo")),
    ]
}

fn escapes() -> Vec<Attack> {
    vec![
        kept("escape of a plain letter", 200, with("GET", "/hell%6f")),
        kept("escape in a parameter", 200, with("GET", "/items/%C3%A9")),
        kept("escape without digits", 400, with("GET", "/items/%")),
        kept("escape with one digit", 400, with("GET", "/items/%4")),
        kept("escape that is no hex", 400, with("GET", "/items/%zz")),
        kept("escape of a NUL", 400, with("GET", "/items/a%00b")),
        kept("escape that is no UTF-8", 400, with("GET", "/items/%ff")),
        kept(
            "escape of an overlong slash",
            400,
            with("GET", "/items/%c0%af"),
        ),
        kept(
            "escape in a query that is no hex",
            400,
            with("GET", "/query?a=%g1"),
        ),
        kept(
            "escape in a query that is no UTF-8",
            400,
            with("GET", "/query?%ff=1"),
        ),
    ]
}
