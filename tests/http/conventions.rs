//! What holds for every route: security headers, ids, CORS, problems, codings.

use std::io::Read as _;
use std::process::Command;

use thirteen::http::method_name;
use thirteen::routes::{API, tables};

use crate::in_process::shared;
use crate::support::http::{Connection, Reply, send};
use crate::support::server::Server;

const SHOP: &str = "https://shop.example";

fn with_shop() -> Server {
    Server::start_with(&[], &[("THIRTEEN_API_CORS_ORIGINS", SHOP)])
}

/// A target for each path of the api door.
fn paths() -> Vec<String> {
    let mut paths: Vec<String> = tables()[API]
        .iter()
        .map(|route| {
            let segments = route.path.split('/');
            let filled = segments.map(|segment| match segment.strip_prefix(':') {
                Some(_) => "0193e5c2-7b00-7000-8000-000000000000",
                None => segment,
            });
            filled.collect::<Vec<_>>().join("/")
        })
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

fn is_secured(reply: &Reply) {
    let policy = reply.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(reply.header("x-frame-options"), Some("DENY"));
    assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
}

#[test]
fn every_reply_of_every_door_is_secured() {
    let server = Server::start();
    for address in [server.api(), server.ops(), server.registry()] {
        for (method, target) in [
            ("GET", "/health"),
            ("HEAD", "/health"),
            ("GET", "/livez"),
            ("GET", "/readyz"),
            ("GET", "/nowhere"),
            ("BREW", "/health"),
            ("OPTIONS", "/health"),
        ] {
            is_secured(&send(address, method, target, &[], b""));
        }
        let mut connection = Connection::open(address);
        connection.send(b"no request\r\n\r\n").unwrap();
        is_secured(&connection.reply("GET").unwrap());
    }
}

#[test]
fn ids_are_echoed_or_made() {
    let server = Server::start();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let sent = [("traceparent", parent), ("X-Quantum-Id", "job:7")];
    for target in ["/health", "/api/config", "/api/v1/status", "/nowhere"] {
        let reply = send(server.api(), "GET", target, &sent, b"");
        assert_eq!(reply.header("traceparent"), Some(parent), "{target}");
        assert_eq!(reply.header("x-quantum-id"), Some("job:7"), "{target}");
    }
    let made = |target| {
        let reply = send(server.api(), "GET", target, &[], b"");
        let parent = reply.header("traceparent").unwrap().to_owned();
        assert_eq!((parent.len(), &parent[..3]), (55, "00-"), "{target}");
        assert_eq!(reply.header("x-quantum-id").unwrap().len(), 16, "{target}");
        (parent, reply)
    };
    let (first, problem) = made("/nowhere");
    assert_eq!(problem.json()["trace_id"], first[3..35]);
    assert_eq!(problem.json()["instance"], "/nowhere");
    assert_ne!(made("/api/v1/status").0, first);
    let reply = send(server.api(), "GET", "/health", &[], b"");
    assert_eq!(reply.header("traceparent"), None, "made for no one");
    let hostile = [("traceparent", "00-x"), ("X-Quantum-Id", "a b")];
    let reply = send(server.api(), "GET", "/api/config", &hostile, b"");
    assert_eq!(reply.header("x-quantum-id").unwrap().len(), 16);
}

#[test]
fn a_known_origin_is_answered_a_preflight_on_every_route() {
    let server = with_shop();
    let asks = [
        ("Origin", SHOP),
        ("Access-Control-Request-Method", "POST"),
        (
            "Access-Control-Request-Headers",
            "content-type, x-bun-domain",
        ),
    ];
    for path in paths() {
        let reply = send(server.api(), "OPTIONS", &path, &asks, b"");
        assert_eq!(reply.status, 204, "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), Some(SHOP));
        assert_eq!(
            reply.header("access-control-allow-credentials"),
            Some("true")
        );
        assert_eq!(reply.header("vary"), Some("Origin"));
        assert!(reply.header("access-control-max-age").is_some());
        let methods = reply.header("access-control-allow-methods").unwrap();
        assert_eq!(reply.header("allow"), Some(methods));
        let offered: Vec<&str> = methods.split(", ").collect();
        for route in tables()[API].iter().filter(|route| route.path == path) {
            assert!(
                offered.contains(&method_name(route.method)),
                "{path}: {methods}"
            );
        }
        let headers = reply.header("access-control-allow-headers").unwrap();
        for name in [
            "Authorization",
            "Idempotency-Key",
            "If-Match",
            "X-Bun-Domain",
        ] {
            assert!(
                headers.split(", ").any(|allowed| allowed == name),
                "{headers}"
            );
        }
    }
}

#[test]
fn replies_can_be_read_by_pages_of_known_origins_alone() {
    let server = with_shop();
    for target in ["/health", "/api/config", "/api/v1/status", "/nowhere"] {
        let reply = send(server.api(), "GET", target, &[("Origin", SHOP)], b"");
        assert_eq!(
            reply.header("access-control-allow-origin"),
            Some(SHOP),
            "{target}"
        );
        let exposed = reply.header("access-control-expose-headers").unwrap();
        assert!(exposed.split(", ").any(|name| name == "ETag"));
        for origin in ["https://evil.example", "null", "https://shop.example:443"] {
            let asks = [("Origin", origin), ("Access-Control-Request-Method", "GET")];
            for method in ["GET", "OPTIONS"] {
                let reply = send(server.api(), method, target, &asks, b"");
                let told = reply
                    .headers
                    .iter()
                    .map(|(name, _)| name.to_ascii_lowercase());
                assert!(
                    !told
                        .into_iter()
                        .any(|name| name.starts_with("access-control"))
                );
                assert!(
                    reply.header("vary").unwrap().starts_with("Origin"),
                    "{target}"
                );
            }
        }
    }
    let reply = send(server.ops(), "GET", "/health", &[("Origin", SHOP)], b"");
    assert_eq!(reply.header("access-control-allow-origin"), None);
    assert_eq!(reply.header("vary"), None);
}

#[test]
fn a_long_text_is_sent_in_the_coding_that_is_asked_for() {
    let address = shared().address();
    let plain = send(address, "GET", "/text?bytes=20000", &[], b"");
    assert_eq!(plain.header("vary"), Some("Accept-Encoding"));
    assert_eq!(plain.header("content-encoding"), None);
    for target in ["/text?bytes=20000", "/stored-text?bytes=20000"] {
        for (asks, coding) in [
            ("br", "br"),
            ("gzip, deflate, br, zstd", "zstd"),
            ("gzip, deflate, br", "br"),
            ("zstd;q=0.9, gzip;q=0.8", "zstd"),
            ("gzip", "gzip"),
        ] {
            let reply = send(address, "GET", target, &[("Accept-Encoding", asks)], b"");
            assert_eq!(reply.header("content-encoding"), Some(coding), "{target}");
            assert_eq!(reply.header("vary"), Some("Accept-Encoding"));
            let etag = format!("\"v7-{coding}\"");
            assert_eq!(reply.header("etag"), Some(&*etag), "{target}");
            assert_eq!(decoded(coding, &reply.body), plain.body);
            let head = send(address, "HEAD", target, &[("Accept-Encoding", asks)], b"");
            let length = reply.body.len().to_string();
            assert_eq!(head.header("content-length"), Some(&*length));
        }
        for asks in ["identity", "gzip;q=0", "deflate", "identity;q=0"] {
            let reply = send(address, "GET", target, &[("Accept-Encoding", asks)], b"");
            assert_eq!(reply.header("content-encoding"), None, "{asks}");
            assert_eq!(reply.body, plain.body);
        }
    }
}

#[test]
fn a_text_too_long_for_the_shard_is_compressed_elsewhere() {
    let address = shared().address();
    let target = "/stored-text?bytes=3000000";
    let reply = send(address, "GET", target, &[("Accept-Encoding", "gzip")], b"");
    assert_eq!(reply.header("content-encoding"), Some("gzip"));
    assert_eq!(decoded("gzip", &reply.body).len(), 3_000_000);
    let short = send(
        address,
        "GET",
        "/text?bytes=1023",
        &[("Accept-Encoding", "br")],
        b"",
    );
    assert_eq!(
        (short.header("vary"), short.header("content-encoding")),
        (None, None)
    );
}

fn decoded(coding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match coding {
        "br" => brotli::BrotliDecompress(&mut &*bytes, &mut plain).unwrap(),
        "zstd" => plain = zstd::decode_all(bytes).unwrap(),
        _ => {
            flate2::read::GzDecoder::new(bytes)
                .read_to_end(&mut plain)
                .unwrap();
        }
    }
    plain
}

/// curl decides by itself what it takes and decodes it: another implementation of all of this.
#[test]
fn curl_reads_what_it_asks_for() {
    let server = Server::start();
    for (url, key) in [
        (
            format!("http://{}/api/profile/metrics", server.ops()),
            "operations",
        ),
        (
            format!("http://{}/api/v1/openapi.json", server.api()),
            "openapi",
        ),
    ] {
        let run = Command::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--compressed",
                "--dump-header",
                "-",
                &url,
            ])
            .output()
            .expect("curl is there");
        assert!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stderr)
        );
        let text = String::from_utf8(run.stdout).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.to_ascii_lowercase().contains("\r\ncontent-encoding: "),
            "{head}"
        );
        let json: serde_json::Value = serde_json::from_str(body).unwrap();
        assert!(json.get(key).is_some(), "{url}");
    }
}
