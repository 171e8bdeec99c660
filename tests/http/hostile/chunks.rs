//! Chunked bodies: sizes, extensions, the ends of chunks, trailers.

use super::{Attack, chunked, closed, cut, kept};

pub(super) fn attacks() -> Vec<Attack> {
    [sizes(), ends(), trailers(), bounds()]
        .into_iter()
        .flatten()
        .collect()
}

fn sizes() -> Vec<Attack> {
    let size = |size: &str| chunked(&format!("{size}\r\nhello\r\n0\r\n\r\n"));
    vec![
        closed("chunk size that is no hex", 400, size("g")),
        closed("chunk size that is empty", 400, size("")),
        closed("chunk size with a minus", 400, size("-5")),
        closed("chunk size with a plus", 400, size("+5")),
        closed("chunk size with 0x", 400, size("0x5")),
        closed("chunk size after a space", 400, size(" 5")),
        closed("chunk size before a space", 400, size("5 ")),
        closed("chunk size with an underscore", 400, size("0_5")),
        closed("chunk size of 17 digits", 400, size("10000000000000000")),
        closed("chunk size of many zeros", 400, size("00000000000000005")),
        closed("chunk size before a NUL", 400, size("5\0")),
        cut(
            "chunk size of 2^64 - 1",
            Some(400),
            chunked("ffffffffffffffff\r\nhello"),
        ),
        kept(
            "chunk size in capitals",
            200,
            chunked("A\r\n0123456789\r\n0\r\n\r\n"),
        ),
        kept("chunk size with zeros", 200, size("005")),
        kept("last chunk of several zeros", 200, chunked("000\r\n\r\n")),
        kept("chunk extension", 200, size("5;name=\"value\"")),
        closed("chunk extension with a control", 400, size("5;a\u{1}b")),
        closed(
            "chunk extension that is long",
            400,
            size(&format!("5;{}", "x".repeat(300))),
        ),
    ]
}

fn ends() -> Vec<Attack> {
    vec![
        closed(
            "chunk size ended by LF",
            400,
            chunked("5\nhello\r\n0\r\n\r\n"),
        ),
        closed(
            "chunk size ended by CR",
            400,
            chunked("5\rhello\r\n0\r\n\r\n"),
        ),
        closed(
            "chunk longer than its size",
            400,
            chunked("4\r\nhello\r\n0\r\n\r\n"),
        ),
        closed(
            "chunk shorter than its size",
            400,
            chunked("6\r\nhello\r\n0\r\n\r\n"),
        ),
        closed("chunk ended by LF", 400, chunked("5\r\nhello\n0\r\n\r\n")),
        closed("chunk ended by CR", 400, chunked("5\r\nhello\r0\r\n\r\n")),
        closed("chunk without an end", 400, chunked("5\r\nhello0\r\n\r\n")),
        closed("last chunk ended by LF", 400, chunked("0\n\r\n")),
        closed("chunked body ended by LF", 400, chunked("0\r\n\n")),
        closed("chunked body ended by CR", 400, chunked("0\r\n\rX")),
        cut(
            "chunked body without its last chunk",
            Some(400),
            chunked("5\r\nhello\r\n"),
        ),
        cut(
            "chunked body without its last line",
            Some(400),
            chunked("5\r\nhello\r\n0\r\n"),
        ),
        cut("chunk cut short", Some(400), chunked("5\r\nhel")),
    ]
}

fn trailers() -> Vec<Attack> {
    let trailer = |lines: &str| chunked(&format!("0\r\n{lines}\r\n"));
    vec![
        kept("trailers", 200, trailer("Expires: 0\r\nX-Sum: 1\r\n")),
        kept(
            "trailers that would frame a body",
            200,
            trailer("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        ),
        closed("trailer without a colon", 400, trailer("Expires\r\n")),
        closed("trailer without a name", 400, trailer(": 0\r\n")),
        closed("trailer that is folded", 400, trailer("X: a\r\n b\r\n")),
        closed(
            "trailer with a space before the colon",
            400,
            trailer("X : a\r\n"),
        ),
        closed("trailer ended by LF", 400, trailer("X: a\n")),
        closed("trailer with a NUL", 400, trailer("X: a\0\r\n")),
        closed(
            "trailers that are long",
            431,
            trailer(&"X: abcdefgh\r\n".repeat(1000)),
        ),
    ]
}

fn bounds() -> Vec<Attack> {
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    vec![
        closed(
            "chunked body past the route's bound",
            413,
            chunked(&(chunk.repeat(17) + "0\r\n\r\n")),
        ),
        kept(
            "chunked body of the route's bound",
            200,
            chunked(&(chunk.repeat(16) + "0\r\n\r\n")),
        ),
    ]
}
