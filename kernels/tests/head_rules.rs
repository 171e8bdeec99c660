//! What the head parser accepts and what it refuses, each case whole and cut at every byte, at
//! every level.

mod support;

use support::parsed::{Parsed, parse_at_every_level, parse_every_prefix};
use thirteen_kernels::http::{
    BodyLength, Connection, Escapes, Expectation, HEAD_BYTES_MAX, HEADERS_MAX, HeadFault,
    METHOD_BYTES_MAX, Method, TARGET_BYTES_MAX, TargetForm, Version,
};

/// Heads with one fault each; `refused_heads` appends nothing, so the fault is in the bytes shown.
const REFUSED: &[(&[u8], HeadFault)] = &[
    // Lines.
    (b"\nGET / HTTP/1.1\r\n", HeadFault::BareLf),
    (b"\r\n\nGET / HTTP/1.1\r\n", HeadFault::BareLf),
    (b"\rGET / HTTP/1.1\r\n", HeadFault::BareCr),
    (b"\r\n\r\n\r\nGET / HTTP/1.1\r\n", HeadFault::BadMethod),
    (b"GET / HTTP/1.1\nHost: a\r\n\r\n", HeadFault::BareLf),
    (b"GET / HTTP/1.1\rHost: a\r\n\r\n", HeadFault::BareCr),
    (b"GET / HTTP/1.1\r\nHost: a\n\r\n", HeadFault::BareLf),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\n", HeadFault::BareLf),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\rX", HeadFault::BareCr),
    (
        b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
        HeadFault::BareCr,
    ),
    (b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", HeadFault::BareCr),
    (b"GET / HTTP/1.1\r\nHost\nX: b\r\n\r\n", HeadFault::BareLf),
    (
        b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        HeadFault::ObsoleteFolding,
    ),
    (
        b"GET / HTTP/1.1\r\nHost: a\r\n\tfolded\r\n\r\n",
        HeadFault::ObsoleteFolding,
    ),
    (
        b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        HeadFault::ObsoleteFolding,
    ),
    (
        b"GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n",
        HeadFault::ObsoleteFolding,
    ),
    // Methods.
    (b" / HTTP/1.1\r\n", HeadFault::BadMethod),
    (b"GE(T / HTTP/1.1\r\n", HeadFault::BadMethod),
    (b"GET\t/ HTTP/1.1\r\n", HeadFault::BadMethod),
    (b"G\xc3\x89T / HTTP/1.1\r\n", HeadFault::BadMethod),
    (b"GET\r\n", HeadFault::BadMethod),
    (b"GET\n", HeadFault::BareLf),
    (b"G\0T / HTTP/1.1\r\n", HeadFault::NulByte),
    (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        HeadFault::BadMethod,
    ),
    (
        b"AN-UNLIKELY-METHOD-OF-MORE-THAN-32-BYTES / HTTP/1.1\r\n",
        HeadFault::MethodTooLong,
    ),
    // Targets.
    (b"GET  / HTTP/1.1\r\n", HeadFault::BadTarget),
    (b"GET /\t HTTP/1.1\r\n", HeadFault::BadTarget),
    (b"GET /a\x7f HTTP/1.1\r\n", HeadFault::BadTarget),
    (b"GET /caf\xc3\xa9 HTTP/1.1\r\n", HeadFault::BadTarget),
    (b"GET /a#b HTTP/1.1\r\n", HeadFault::BadTarget),
    (b"GET /<script> HTTP/1.1\r\n", HeadFault::BadTarget),
    (b"GET /\"a\" HTTP/1.1\r\n", HeadFault::BadTarget),
    (b"GET /\0 HTTP/1.1\r\n", HeadFault::NulByte),
    (b"GET /\r\n", HeadFault::BadTarget),
    (b"GET /\n", HeadFault::BareLf),
    (b"GET a/b HTTP/1.1\r\n", HeadFault::BadTarget),
    (b"GET * HTTP/1.1\r\n", HeadFault::BadTarget),
    (b"OPTIONS ** HTTP/1.1\r\n", HeadFault::BadTarget),
    (b"GET ?a HTTP/1.1\r\n", HeadFault::BadTarget),
    (b"GET example.com:80 HTTP/1.1\r\n", HeadFault::BadTarget),
    (b"GET ftp://example.com/ HTTP/1.1\r\n", HeadFault::BadTarget),
    (b"GET http:///a HTTP/1.1\r\n", HeadFault::BadTarget),
    (b"GET http:// HTTP/1.1\r\n", HeadFault::BadTarget),
    (b"GET http://?q HTTP/1.1\r\n", HeadFault::BadTarget),
    (b"GET http:/a HTTP/1.1\r\n", HeadFault::BadTarget),
    (
        b"GET http://user@example.com/ HTTP/1.1\r\n",
        HeadFault::BadTarget,
    ),
    (
        b"GET http://example.com:8o/ HTTP/1.1\r\n",
        HeadFault::BadTarget,
    ),
    (b"GET http://[::1/ HTTP/1.1\r\n", HeadFault::BadTarget),
    (b"CONNECT / HTTP/1.1\r\n", HeadFault::BadTarget),
    (b"CONNECT example.com HTTP/1.1\r\n", HeadFault::BadTarget),
    (b"CONNECT example.com: HTTP/1.1\r\n", HeadFault::BadTarget),
    (b"CONNECT :443 HTTP/1.1\r\n", HeadFault::BadTarget),
    (
        b"CONNECT example.com:443/ HTTP/1.1\r\n",
        HeadFault::BadTarget,
    ),
    (
        b"CONNECT example.com:123456 HTTP/1.1\r\n",
        HeadFault::BadTarget,
    ),
    (
        b"CONNECT http://example.com:443 HTTP/1.1\r\n",
        HeadFault::BadTarget,
    ),
    // Versions.
    (b"GET / http/1.1\r\n", HeadFault::BadVersion),
    (b"GET / HTTP/1.1 \r\n", HeadFault::BadVersion),
    (b"GET /  HTTP/1.1\r\n", HeadFault::BadVersion),
    (b"GET / a HTTP/1.1\r\n", HeadFault::BadVersion),
    (b"GET / HTTP/11\r\n", HeadFault::BadVersion),
    (b"GET / HTTP/1.10\r\n", HeadFault::BadVersion),
    (b"GET / HTTP/x.1\r\n", HeadFault::BadVersion),
    (b"GET / \r\n\r\n", HeadFault::BadVersion),
    (b"GET / HTTP/1.1\0\r\n", HeadFault::NulByte),
    (b"GET / HTTP/0.9\r\n", HeadFault::UnsupportedVersion),
    (b"GET / HTTP/1.2\r\n", HeadFault::UnsupportedVersion),
    (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        HeadFault::UnsupportedVersion,
    ),
    // Header names.
    (
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        HeadFault::SpaceBeforeColon,
    ),
    (
        b"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n",
        HeadFault::SpaceBeforeColon,
    ),
    (
        b"GET / HTTP/1.1\r\nX Y: a\r\n\r\n",
        HeadFault::SpaceBeforeColon,
    ),
    (b"GET / HTTP/1.1\r\n: a\r\n\r\n", HeadFault::BadHeaderName),
    (b"GET / HTTP/1.1\r\nHost\r\n\r\n", HeadFault::BadHeaderName),
    (
        b"GET / HTTP/1.1\r\nX(Y): a\r\n\r\n",
        HeadFault::BadHeaderName,
    ),
    (
        b"GET / HTTP/1.1\r\nCaf\xc3\xa9: a\r\n\r\n",
        HeadFault::BadHeaderName,
    ),
    (
        b"GET / HTTP/1.1\r\nTransfer-Encoding\x0b: chunked\r\n\r\n",
        HeadFault::BadHeaderName,
    ),
    (b"GET / HTTP/1.1\r\nX\0Y: a\r\n\r\n", HeadFault::NulByte),
    (b"GET / HTTP/1.1\r\n\0: a\r\n\r\n", HeadFault::NulByte),
    // Header values.
    (b"GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", HeadFault::NulByte),
    (
        b"GET / HTTP/1.1\r\nX: a\x01b\r\n\r\n",
        HeadFault::BadHeaderValue,
    ),
    (
        b"GET / HTTP/1.1\r\nX: a\x7fb\r\n\r\n",
        HeadFault::BadHeaderValue,
    ),
    (
        b"GET / HTTP/1.1\r\nX:\x0ba\r\n\r\n",
        HeadFault::BadHeaderValue,
    ),
    (
        b"GET / HTTP/1.1\r\nTransfer-Encoding: \x0bchunked\r\n\r\n",
        HeadFault::BadHeaderValue,
    ),
    // Hosts.
    (b"GET / HTTP/1.1\r\n\r\n", HeadFault::MissingHost),
    (
        b"GET http://example.com/ HTTP/1.1\r\n\r\n",
        HeadFault::MissingHost,
    ),
    (
        b"GET / HTTP/1.1\r\nHosts: a\r\n\r\n",
        HeadFault::MissingHost,
    ),
    (
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n",
        HeadFault::RepeatedHost,
    ),
    (
        b"GET / HTTP/1.0\r\nHost: a\r\nhOST: b\r\n",
        HeadFault::RepeatedHost,
    ),
    (b"GET / HTTP/1.1\r\nHost: a b\r\n", HeadFault::BadHost),
    (b"GET / HTTP/1.1\r\nHost: a, b\r\n", HeadFault::BadHost),
    (b"GET / HTTP/1.1\r\nHost: a/b\r\n", HeadFault::BadHost),
    (b"GET / HTTP/1.1\r\nHost: user@a\r\n", HeadFault::BadHost),
    (b"GET / HTTP/1.1\r\nHost: a:x\r\n", HeadFault::BadHost),
    (b"GET / HTTP/1.1\r\nHost: a:80:80\r\n", HeadFault::BadHost),
    (b"GET / HTTP/1.1\r\nHost: a:123456\r\n", HeadFault::BadHost),
    (b"GET / HTTP/1.1\r\nHost: [::1\r\n", HeadFault::BadHost),
    (b"GET / HTTP/1.1\r\nHost: [g::1]\r\n", HeadFault::BadHost),
    (b"GET / HTTP/1.1\r\nHost: [::1]x\r\n", HeadFault::BadHost),
    (
        b"GET / HTTP/1.1\r\nHost: caf\xc3\xa9\r\n",
        HeadFault::BadHost,
    ),
    // Lengths and transfer codings.
    (
        b"POST / HTTP/1.1\r\nContent-Length:\r\n",
        HeadFault::BadLength,
    ),
    (
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n",
        HeadFault::BadLength,
    ),
    (
        b"POST / HTTP/1.1\r\nContent-Length: +1\r\n",
        HeadFault::BadLength,
    ),
    (
        b"POST / HTTP/1.1\r\nContent-Length: 1 2\r\n",
        HeadFault::BadLength,
    ),
    (
        b"POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n",
        HeadFault::BadLength,
    ),
    (
        b"POST / HTTP/1.1\r\nContent-Length: 0x1\r\n",
        HeadFault::BadLength,
    ),
    (
        b"POST / HTTP/1.1\r\nContent-Length: 1e3\r\n",
        HeadFault::BadLength,
    ),
    (
        b"POST / HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n",
        HeadFault::BadLength,
    ),
    (
        b"POST / HTTP/1.1\r\nContent-Length: 00000000000000000001\r\n",
        HeadFault::BadLength,
    ),
    (
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n",
        HeadFault::RepeatedLength,
    ),
    (
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\ncontent-length: 2\r\n",
        HeadFault::RepeatedLength,
    ),
    (
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        HeadFault::LengthAndChunked,
    ),
    (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n",
        HeadFault::LengthAndChunked,
    ),
    (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        HeadFault::RepeatedTransferCoding,
    ),
    (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n",
        HeadFault::UnknownTransferCoding,
    ),
    (
        b"POST / HTTP/1.1\r\nTransfer-Encoding:\r\n",
        HeadFault::UnknownTransferCoding,
    ),
    (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n",
        HeadFault::UnknownTransferCoding,
    ),
    (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n",
        HeadFault::UnknownTransferCoding,
    ),
    (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked,\r\n",
        HeadFault::UnknownTransferCoding,
    ),
    (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n",
        HeadFault::UnknownTransferCoding,
    ),
    (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n",
        HeadFault::UnknownTransferCoding,
    ),
    (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: \"chunked\"\r\n",
        HeadFault::UnknownTransferCoding,
    ),
    (
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n",
        HeadFault::TransferCodingInHttp10,
    ),
];

#[test]
fn refused_heads() {
    assert!(REFUSED.len() >= 40);
    for (bytes, fault) in REFUSED {
        assert_eq!(
            parse_every_prefix(bytes),
            Err(*fault),
            "{}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn every_fault_has_a_case() {
    let by_size = [
        HeadFault::TargetTooLong,
        HeadFault::TooLarge,
        HeadFault::TooManyHeaders,
    ];
    for fault in HeadFault::ALL {
        let has_case = REFUSED.iter().any(|(_, refused)| *refused == fault);
        assert!(has_case || by_size.contains(&fault), "{fault:?}");
    }
}

#[test]
fn a_fault_shows_whatever_follows_it() {
    for (bytes, fault) in REFUSED {
        for follower in [&b"\r\n\r\n"[..], b"Host: a\r\n\r\n", &[0; 200]] {
            let long = [bytes, follower].concat();
            assert_eq!(
                parse_at_every_level(&long),
                Err(*fault),
                "{}",
                long.escape_ascii()
            );
        }
    }
}

fn accepted(head: &str) -> Parsed {
    let bytes = head.as_bytes();
    let parsed = parse_every_prefix(bytes);
    let parsed = parsed.unwrap_or_else(|fault| panic!("{fault:?}: {}", bytes.escape_ascii()));
    let parsed = parsed.unwrap_or_else(|| panic!("partial: {}", bytes.escape_ascii()));
    assert_eq!(parsed.head_bytes, bytes.len());
    parsed
}

#[test]
fn methods() {
    for (name, method) in [
        ("GET", Method::Get),
        ("HEAD", Method::Head),
        ("POST", Method::Post),
        ("PUT", Method::Put),
        ("PATCH", Method::Patch),
        ("DELETE", Method::Delete),
        ("OPTIONS", Method::Options),
        ("TRACE", Method::Trace),
        ("get", Method::Other),
        ("G", Method::Other),
        ("GETS", Method::Other),
        ("PROPFIND", Method::Other),
        ("UPDATEREDIRECTREF", Method::Other),
    ] {
        let parsed = accepted(&format!("{name} / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(
            (parsed.method, parsed.method_bytes.as_slice()),
            (method, name.as_bytes())
        );
    }
    let connect = accepted("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n");
    assert_eq!(connect.method, Method::Connect);
    let longest = "M".repeat(METHOD_BYTES_MAX);
    assert_eq!(
        accepted(&format!("{longest} / HTTP/1.1\r\nHost: a\r\n\r\n")).method,
        Method::Other
    );
}

/// A target with its query, and what else is read from it: form, path, host.
type TargetCase = (&'static str, TargetForm, &'static str, &'static str);

const TARGETS: [TargetCase; 11] = [
    ("/", TargetForm::Origin, "/", "own"),
    ("/a/b", TargetForm::Origin, "/a/b", "own"),
    ("/a?", TargetForm::Origin, "/a", "own"),
    ("/a?b=c?d", TargetForm::Origin, "/a", "own"),
    ("//a", TargetForm::Origin, "//a", "own"),
    (
        "/:@;,'()*!$&+=[]\\^`{|}~",
        TargetForm::Origin,
        "/:@;,'()*!$&+=[]\\^`{|}~",
        "own",
    ),
    ("http://a.com/a?b", TargetForm::Absolute, "/a", "a.com"),
    ("http://a.com", TargetForm::Absolute, "/", "a.com"),
    ("http://a.com?b/c", TargetForm::Absolute, "/", "a.com"),
    (
        "HTTPS://a.com:8443/",
        TargetForm::Absolute,
        "/",
        "a.com:8443",
    ),
    (
        "http://[::1]:3000/a",
        TargetForm::Absolute,
        "/a",
        "[::1]:3000",
    ),
];

#[test]
fn targets() {
    for (target, form, path, host) in TARGETS {
        let parsed = accepted(&format!("GET {target} HTTP/1.1\r\nHost: own\r\n\r\n"));
        let query = target.split_once('?').map(|(_, query)| query.as_bytes());
        assert_eq!(parsed.target, target.as_bytes());
        assert_eq!(parsed.form, form, "{target}");
        assert_eq!(parsed.path, path.as_bytes(), "{target}");
        assert_eq!(parsed.query.as_deref(), query, "{target}");
        assert_eq!(parsed.host.as_deref(), Some(host.as_bytes()), "{target}");
    }
}

#[test]
fn targets_of_options_and_connect() {
    let options = accepted("OPTIONS * HTTP/1.1\r\nHost: own\r\n\r\n");
    assert_eq!(options.form, TargetForm::Asterisk);
    assert_eq!(
        (options.path, options.host),
        (b"*".to_vec(), Some(b"own".to_vec()))
    );
    for authority in ["example.com:443", "[2001:db8::1]:443"] {
        let connect = accepted(&format!(
            "CONNECT {authority} HTTP/1.1\r\nHost: own\r\n\r\n"
        ));
        assert_eq!(connect.form, TargetForm::Authority);
        assert_eq!((connect.path, connect.query), (Vec::new(), None));
        assert_eq!(connect.host.as_deref(), Some(authority.as_bytes()));
    }
}

#[test]
fn escapes_count_in_the_path_only() {
    for (target, escapes) in [
        ("/plain", Escapes::Absent),
        ("/a%20b", Escapes::Present),
        ("/a?b=%20", Escapes::Absent),
        ("/%?b", Escapes::Present),
        ("http://a%62/c", Escapes::Absent),
        ("http://a/%63", Escapes::Present),
    ] {
        let parsed = accepted(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(parsed.escapes, escapes, "{target}");
    }
}

#[test]
fn a_target_of_any_length_is_divided_at_the_same_places() {
    for padding in 0..200 {
        let path = format!("/{}", "p".repeat(padding));
        let target = format!("{path}%41?x=%42?y");
        let parsed = accepted(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(parsed.path, format!("{path}%41").as_bytes());
        assert_eq!(parsed.query.as_deref(), Some(&b"x=%42?y"[..]));
        assert_eq!(parsed.escapes, Escapes::Present);
    }
}

#[test]
fn headers_keep_their_order_and_lose_the_blanks_around_values() {
    let parsed = accepted(
        "GET / HTTP/1.1\r\nHost:a\r\nX-One:  1 \t\r\nx-two:\t2\r\nEmpty:\r\nBlank:  \t \r\n\
         Inner: a \t b\r\nX-One: again\r\n!#$%&'*+-.^_`|~9: odd name\r\n\r\n",
    );
    let expected: [(&str, &str); 8] = [
        ("Host", "a"),
        ("X-One", "1"),
        ("x-two", "2"),
        ("Empty", ""),
        ("Blank", ""),
        ("Inner", "a \t b"),
        ("X-One", "again"),
        ("!#$%&'*+-.^_`|~9", "odd name"),
    ];
    let found: Vec<(&[u8], &[u8])> = parsed
        .headers
        .iter()
        .map(|(name, value)| (name.as_slice(), value.as_slice()))
        .collect();
    assert_eq!(
        found,
        expected.map(|(name, value)| (name.as_bytes(), value.as_bytes()))
    );
}

#[test]
fn header_finds_the_first_of_a_name_in_any_case() {
    use thirteen_kernels::http::{HeadParser, HeadTable};
    use thirteen_kernels::level::Level;

    let bytes = b"GET / HTTP/1.1\r\nhOsT: a\r\nX-A: 1\r\nx-a: 2\r\nX-Text: caf\xc3\xa9\r\n\r\n";
    let mut table = HeadTable::new();
    HeadParser::new(Level::detect())
        .parse(bytes, &mut table)
        .expect("well-formed");
    let head = table.view(bytes);
    assert_eq!(head.header("host"), Some(&b"a"[..]));
    assert_eq!(head.header("x-a"), Some(&b"1"[..]));
    assert_eq!(head.header("x-text"), Some("caf\u{e9}".as_bytes()));
    assert_eq!(head.header("x-"), None);
}

#[test]
fn hosts() {
    for host in [
        "",
        "a",
        "example.com",
        "example.com:",
        "example.com:80",
        "127.0.0.1:65535",
        "[::1]",
        "[::1]:80",
        "[2001:db8:0:0:0:ffff:192.0.2.1]:1",
        "a_b-c~d%20!$&'()*+,;=",
        "xn--caf-dma.fr",
    ] {
        let parsed = accepted(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(parsed.host.as_deref(), Some(host.as_bytes()));
    }
    for length in 1..300 {
        let host = format!("{}:8080", "h".repeat(length));
        let parsed = accepted(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(parsed.host.as_deref(), Some(host.as_bytes()));
        let spoiled = format!("GET / HTTP/1.1\r\nHost: {host}x\r\n\r\n");
        assert_eq!(
            parse_at_every_level(spoiled.as_bytes()),
            Err(HeadFault::BadHost)
        );
    }
    assert_eq!(accepted("GET / HTTP/1.0\r\n\r\n").host, None);
}

#[test]
fn bodies() {
    for (headers, body) in [
        ("", BodyLength::None),
        ("Content-Length: 0\r\n", BodyLength::Length(0)),
        ("CONTENT-LENGTH: 13\r\n", BodyLength::Length(13)),
        ("content-length:007 \r\n", BodyLength::Length(7)),
        (
            "Content-Length: 9999999999999999999\r\n",
            BodyLength::Length(9_999_999_999_999_999_999),
        ),
        ("Transfer-Encoding: chunked\r\n", BodyLength::Chunked),
        ("transfer-encoding:\tCHUNKED\t\r\n", BodyLength::Chunked),
        (
            "Content-Lengths: 1\r\nTransfer-Encodin: x\r\n",
            BodyLength::None,
        ),
    ] {
        let parsed = accepted(&format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n"));
        assert_eq!(parsed.body, body, "{headers}");
    }
}

#[test]
fn a_field_is_known_by_its_whole_name() {
    let known = [
        "host",
        "cookie",
        "expect",
        "upgrade",
        "connection",
        "content-length",
        "transfer-encoding",
    ];
    for name in known {
        for at in 0..name.len() {
            for other in [b'x', b'_', b'0', b'-', b'~'] {
                let mut almost = name.as_bytes().to_vec();
                if almost[at] == other {
                    continue;
                }
                almost[at] = other;
                let almost = String::from_utf8(almost).expect("ASCII");
                for line in [format!("{almost}: 1 2"), format!("{name}{at}: 1 2")] {
                    let parsed = accepted(&format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n"));
                    assert_eq!(parsed.host.as_deref(), Some(&b"a"[..]), "{line}");
                    assert_eq!(parsed.body, BodyLength::None, "{line}");
                    assert_eq!(parsed.connection, Connection::KeepAlive, "{line}");
                    assert_eq!(parsed.expectation, Expectation::None, "{line}");
                    assert_eq!((parsed.cookie, parsed.upgrade), (None, None), "{line}");
                }
            }
        }
    }
}

#[test]
fn connections() {
    use Connection::{Close, KeepAlive};
    for (version, headers, connection) in [
        ("1.1", "", KeepAlive),
        ("1.1", "Connection: close\r\n", Close),
        ("1.1", "connection: CLOSE\r\n", Close),
        ("1.1", "Connection: keep-alive\r\n", KeepAlive),
        ("1.1", "Connection: keep-alive, close\r\n", Close),
        ("1.1", "Connection: x,, ,\tclose\t\r\n", Close),
        ("1.1", "Connection: closed\r\n", KeepAlive),
        ("1.1", "Connection: x\r\nConnection: close\r\n", Close),
        ("1.0", "", Close),
        ("1.0", "Connection: Keep-Alive\r\n", KeepAlive),
        ("1.0", "Connection: x, keep-alive\r\n", KeepAlive),
        (
            "1.0",
            "Connection: keep-alive\r\nConnection: close\r\n",
            Close,
        ),
    ] {
        let parsed = accepted(&format!("GET / HTTP/{version}\r\nHost: a\r\n{headers}\r\n"));
        assert_eq!(parsed.connection, connection, "{version} {headers}");
    }
}

#[test]
fn upgrades_count_when_the_connection_names_them() {
    for (version, headers, upgrade) in [
        (
            "1.1",
            "Connection: Upgrade\r\nUpgrade: websocket\r\n",
            Some("websocket"),
        ),
        (
            "1.1",
            "Upgrade: a\r\nUpgrade: b\r\nConnection: keep-alive, upgrade\r\n",
            Some("a"),
        ),
        ("1.1", "Upgrade: websocket\r\n", None),
        ("1.1", "Connection: upgrade\r\n", None),
        ("1.0", "Connection: Upgrade\r\nUpgrade: websocket\r\n", None),
    ] {
        let parsed = accepted(&format!("GET / HTTP/{version}\r\nHost: a\r\n{headers}\r\n"));
        assert_eq!(
            parsed.upgrade.as_deref(),
            upgrade.map(str::as_bytes),
            "{headers}"
        );
    }
}

#[test]
fn expectations() {
    for (version, headers, expectation) in [
        ("1.1", "", Expectation::None),
        ("1.1", "Expect: 100-continue\r\n", Expectation::Continue),
        ("1.1", "EXPECT: 100-Continue\r\n", Expectation::Continue),
        ("1.1", "Expect: 200-ok\r\n", Expectation::Unknown),
        (
            "1.1",
            "Expect: 200-ok\r\nExpect: 100-continue\r\n",
            Expectation::Unknown,
        ),
        ("1.1", "Expect:\r\n", Expectation::Unknown),
        ("1.0", "Expect: 100-continue\r\n", Expectation::None),
    ] {
        let parsed = accepted(&format!("GET / HTTP/{version}\r\nHost: a\r\n{headers}\r\n"));
        assert_eq!(parsed.expectation, expectation, "{headers}");
    }
}

#[test]
fn versions_cookies_and_empty_lines_before_the_request() {
    let parsed = accepted("\r\n\r\nGET / HTTP/1.0\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n");
    assert_eq!(parsed.version, Version::Http10);
    assert_eq!(parsed.cookie.as_deref(), Some(&b"a=1"[..]));
}

#[test]
fn a_long_target_is_414_and_one_byte_less_is_not() {
    let target = format!("/{}", "t".repeat(TARGET_BYTES_MAX - 1));
    let fits = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(
        parse_at_every_level(fits.as_bytes())
            .expect("fits")
            .expect("whole")
            .target
            .len(),
        TARGET_BYTES_MAX
    );
    let long = format!("GET {target}t HTTP/1.1\r\nHost: a\r\n\r\n");
    let fault = Err(HeadFault::TargetTooLong);
    assert_eq!(parse_at_every_level(long.as_bytes()), fault);
    // As soon as the target cannot fit, and not before.
    let method_bytes = "GET ".len();
    assert_eq!(
        parse_at_every_level(&long.as_bytes()[..method_bytes + TARGET_BYTES_MAX]),
        Ok(None)
    );
    assert_eq!(
        parse_at_every_level(&long.as_bytes()[..=method_bytes + TARGET_BYTES_MAX]),
        fault
    );
}

#[test]
fn a_large_head_is_431_and_one_byte_less_is_not() {
    let start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    let value = "v".repeat(HEAD_BYTES_MAX - start.len() - "\r\n\r\n".len());
    let fits = format!("{start}{value}\r\n\r\n");
    assert_eq!(fits.len(), HEAD_BYTES_MAX);
    let parsed = parse_at_every_level(fits.as_bytes())
        .expect("fits")
        .expect("whole");
    assert_eq!(parsed.head_bytes, HEAD_BYTES_MAX);
    let long = format!("{start}{value}v\r\n\r\n");
    let fault = Err(HeadFault::TooLarge);
    assert_eq!(parse_at_every_level(long.as_bytes()), fault);
    assert_eq!(
        parse_at_every_level(&long.as_bytes()[..HEAD_BYTES_MAX - 1]),
        Ok(None)
    );
    assert_eq!(
        parse_at_every_level(&long.as_bytes()[..HEAD_BYTES_MAX]),
        fault
    );
    // A fault past the bound is never seen, so that it cannot depend on how the head was cut.
    let late_fault = format!("{start}{value}vvvvvvvv\0\r\n\r\n");
    assert_eq!(parse_at_every_level(late_fault.as_bytes()), fault);
}

#[test]
fn too_many_headers_are_431_and_one_less_is_not() {
    let lines = "X: y\r\n".repeat(HEADERS_MAX - 1);
    let fits = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
    assert_eq!(accepted(&fits).headers.len(), HEADERS_MAX);
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}X: y\r\n\r\n");
    assert_eq!(
        parse_every_prefix(many.as_bytes()),
        Err(HeadFault::TooManyHeaders)
    );
}
