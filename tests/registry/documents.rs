//! Documents of packages: forms, encodings, validators, bases.

use std::io::Read as _;

use serde_json::{Value, json};

use crate::people::account;
use crate::shelf::{CORGI, ask, get, keys, publish, publish_with, to_write, unhurried};
use crate::support::http::{Connection, Reply, send};
use crate::support::server::Server;

#[test]
fn both_forms_are_what_npm_reads() {
    let server = unhurried(&[]);
    let anna = account(&server, "anna");
    let fields = json!({
        "description": "told", "license": "MIT",
        "scripts": { "postinstall": "node ." },
        "dependencies": { "x": "^1" }, "os": ["linux"],
    });
    publish_with(&server, &anna, "@a/b", "1.0.0", "latest", fields);
    let full = get(&server, "@a/b", &[]);
    assert_eq!(full.header("content-type"), Some("application/json"));
    assert_eq!(full.header("vary"), Some("Accept, Accept-Encoding"));
    assert_eq!(full.header("cache-control"), Some("public, no-cache"));
    let full = full.json();
    let base = format!("http://{}", server.registry());
    assert_eq!(full["_id"], json!("@a/b"));
    assert!(full["_rev"].as_str().unwrap().starts_with("1-"));
    assert_eq!(full["description"], json!("told"));
    assert_eq!(full["maintainers"][0]["name"], json!("anna"));
    let version = &full["versions"]["1.0.0"];
    assert_eq!(version["scripts"]["postinstall"], json!("node ."));
    assert_eq!(
        version["_npmUser"],
        json!({ "name": "anna", "email": "anna@example.com" })
    );
    let tarball = version["dist"]["tarball"].as_str().unwrap();
    assert_eq!(tarball, format!("{base}/@a/b/-/b-1.0.0.tgz"));
    assert_eq!(version["dist"]["fileCount"], json!(1));

    let short = get(&server, "@a/b", &[("Accept", CORGI)]);
    let content_type = "application/vnd.npm.install-v1+json";
    assert_eq!(short.header("content-type"), Some(content_type));
    let short = short.json();
    let expected = ["dist-tags", "modified", "name", "time", "versions"];
    assert_eq!(keys(&short), expected);
    let version = &short["versions"]["1.0.0"];
    assert_eq!(version["hasInstallScript"], json!(true));
    assert_eq!(version["os"], json!(["linux"]));
    assert_eq!(version["scripts"], Value::Null);
    assert_eq!(version["dist"], full["versions"]["1.0.0"]["dist"]);
    assert_eq!(short["time"], full["time"]);
}

#[test]
fn every_encoding_holds_the_same_and_has_its_own_tag() {
    let server = unhurried(&[]);
    let anna = account(&server, "anna");
    publish_long(&server, &anna, "a");
    let mut tags = Vec::new();
    for accept in ["application/json", CORGI] {
        let plain = get(&server, "a", &[("Accept", accept)]);
        assert_eq!(plain.header("content-encoding"), None);
        tags.push(plain.header("etag").unwrap().to_owned());
        for coding in ["gzip", "br"] {
            let headers = [("Accept", accept), ("Accept-Encoding", coding)];
            let coded = get(&server, "a", &headers);
            assert_eq!(coded.header("content-encoding"), Some(coding));
            assert_eq!(decoded(coding, &coded), plain.body, "{coding}");
            tags.push(coded.header("etag").unwrap().to_owned());
            // The second is from memory, and the same.
            assert_eq!(get(&server, "a", &headers).body, coded.body);
        }
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 6, "{tags:?}");
    assert!(tags.iter().all(|tag| tag.starts_with('"')), "{tags:?}");
    let liked = [("Accept-Encoding", "br;q=0.1, gzip;q=0.9")];
    let coded = get(&server, "a", &liked);
    assert_eq!(coded.header("content-encoding"), Some("gzip"));
}

/// Publishes a version with so many dependencies that both forms are worth an encoding.
fn publish_long(server: &Server, who: &str, name: &str) {
    let needs = (0..40).map(|number| (format!("needed-{number}"), json!("^1.0.0")));
    let needs: serde_json::Map<_, _> = needs.collect();
    let fields = json!({ "dependencies": needs });
    publish_with(server, who, name, "1.0.0", "latest", fields);
}

#[test]
fn a_form_that_fits_a_packet_has_no_encoding() {
    let server = unhurried(&[]);
    let anna = account(&server, "anna");
    publish(&server, &anna, "a", "1.0.0");
    let plain = get(&server, "a", &[("Accept", CORGI)]);
    assert!(plain.body.len() < 1024, "{}", plain.body.len());
    let headers = [("Accept", CORGI), ("Accept-Encoding", "br, gzip")];
    // The second is from memory.
    for _ in 0..2 {
        let asked = get(&server, "a", &headers);
        assert_eq!(asked.header("content-encoding"), None);
        assert_eq!(asked.header("vary"), Some("Accept, Accept-Encoding"));
        assert_eq!(
            (&asked.body, asked.header("etag")),
            (&plain.body, plain.header("etag"))
        );
    }
    let known = [
        headers[0],
        headers[1],
        ("If-None-Match", plain.header("etag").unwrap()),
    ];
    assert_eq!(get(&server, "a", &known).status, 304);
}

fn decoded(coding: &str, reply: &Reply) -> Vec<u8> {
    let mut plain = Vec::new();
    match coding {
        "gzip" => {
            let mut decoder = flate2::read::GzDecoder::new(&*reply.body);
            decoder.read_to_end(&mut plain).unwrap();
        }
        _ => {
            brotli::BrotliDecompress(&mut &*reply.body, &mut plain).unwrap();
        }
    }
    plain
}

#[test]
fn only_a_validator_that_holds_is_304() {
    let server = unhurried(&[]);
    let anna = account(&server, "anna");
    publish(&server, &anna, "a", "1.0.0");
    let plain = get(&server, "a", &[]);
    let etag = plain.header("etag").unwrap().to_owned();
    let status = |headers: &[(&str, &str)]| get(&server, "a", headers).status;
    let weak = format!("W/{etag}, \"x\"");
    let later = "Fri, 31 Dec 2100 23:59:59 GMT";
    assert_eq!(status(&[("If-None-Match", &etag)]), 304);
    assert_eq!(status(&[("If-None-Match", &weak)]), 304);
    assert_eq!(status(&[("If-None-Match", "*")]), 304);
    assert_eq!(status(&[("If-None-Match", "\"x\"")]), 200);
    assert_eq!(status(&[]), 200);
    // The tag of another form is another's. What the client has in another encoding is still good,
    // and is what the answer names.
    assert_eq!(status(&[("If-None-Match", &etag), ("Accept", CORGI)]), 200);
    let coded = get(
        &server,
        "a",
        &[("If-None-Match", &*etag), ("Accept-Encoding", "br")],
    );
    assert_eq!((coded.status, coded.header("etag")), (304, Some(&*etag)));
    // A tag that does not hold is not made up for by a date.
    let both = [("If-None-Match", "\"x\""), ("If-Modified-Since", later)];
    assert_eq!(status(&both), 200);
    let reply = get(&server, "a", &[("If-None-Match", &etag)]);
    assert_eq!(reply.body, b"");
    assert_eq!(reply.header("etag"), Some(&*etag));
    assert_eq!(reply.header("vary"), Some("Accept, Accept-Encoding"));

    publish(&server, &anna, "a", "1.0.1");
    assert_eq!(status(&[("If-None-Match", &etag)]), 200);
}

#[test]
fn a_date_is_a_validator_once_its_second_is_over() {
    let server = unhurried(&[]);
    let anna = account(&server, "anna");
    publish(&server, &anna, "a", "1.0.0");
    let dated = loop {
        let reply = get(&server, "a", &[]);
        if reply.header("last-modified").is_some() {
            break reply;
        }
    };
    let date = dated.header("last-modified").unwrap();
    let same = get(&server, "a", &[("If-Modified-Since", date)]);
    assert_eq!((same.status, &*same.body), (304, b"".as_slice()));
    let earlier = "Thu, 01 Jan 2015 00:00:00 GMT";
    let status = get(&server, "a", &[("If-Modified-Since", earlier)]).status;
    assert_eq!(status, 200);
    let status = get(&server, "a", &[("If-Modified-Since", "soon")]).status;
    assert_eq!(status, 200);
}

fn tarball_for(server: &Server, headers: &[(&str, &str)]) -> String {
    let host = headers.iter().find(|(name, _)| *name == "Host");
    let mut connection = Connection::open(server.registry());
    let address = server.registry().to_string();
    let host = host.map_or(&*address, |(_, host)| host);
    let mut text = format!("GET /a HTTP/1.1\r\nHost: {host}\r\n");
    for (name, value) in headers.iter().filter(|(name, _)| *name != "Host") {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    connection.send(text.as_bytes()).unwrap();
    let reply = connection.reply("GET").unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let document = reply.json();
    let url = &document["versions"]["1.0.0"]["dist"]["tarball"];
    url.as_str().unwrap().to_owned()
}

#[test]
fn tarballs_are_where_the_client_asks() {
    let server = unhurried(&[("THIRTEEN_REGISTRY_TRUSTED_PROXIES", "10.0.0.0/8")]);
    let anna = account(&server, "anna");
    publish_long(&server, &anna, "a");
    let address = server.registry();
    let own = format!("http://{address}/a/-/a-1.0.0.tgz");
    assert_eq!(tarball_for(&server, &[]), own);
    let other = tarball_for(&server, &[("Host", "NPM.example:81")]);
    assert_eq!(other, "http://npm.example:81/a/-/a-1.0.0.tgz");
    // The variant is another representation.
    let tag = |host| {
        let mut connection = Connection::open(address);
        let text = format!("GET /a HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: gzip\r\n\r\n");
        connection.send(text.as_bytes()).unwrap();
        let reply = connection.reply("GET").unwrap();
        (
            reply.header("etag").unwrap().to_owned(),
            decoded("gzip", &reply),
        )
    };
    let (one, other) = (tag("one.example"), tag("two.example"));
    assert_ne!(one.0, other.0);
    let moved = String::from_utf8(one.1).unwrap();
    assert_eq!(
        moved.replace("one.example", "two.example").into_bytes(),
        other.1
    );
    // Nobody but a proxy that is trusted is believed.
    let forwarded = [
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.example"),
    ];
    assert_eq!(tarball_for(&server, &forwarded), own);
}

#[test]
fn documents_for_many_hosts_are_right_and_not_all_compressed() {
    let server = unhurried(&[]);
    let anna = account(&server, "anna");
    for version in ["1.0.0", "1.1.0", "1.2.0", "1.3.0"] {
        publish(&server, &anna, "a", version);
    }
    let get_as = |number: usize, more: &str| {
        let mut connection = Connection::open(server.registry());
        let lines = format!("Host: h{number}.example\r\nAccept-Encoding: gzip\r\n{more}");
        let text = format!("GET /a HTTP/1.1\r\n{lines}\r\n");
        connection.send(text.as_bytes()).unwrap();
        connection.reply("GET").unwrap()
    };
    let own = get(&server, "a", &[]);
    // Each of them asks again, so none is idle.
    for number in (0..8).chain(0..8) {
        let reply = get_as(number, "");
        assert_eq!(reply.header("content-encoding"), Some("gzip"), "{number}");
    }
    let reply = get_as(8, "");
    assert_eq!(
        (reply.status, reply.header("content-encoding")),
        (200, None)
    );
    assert_eq!(reply.header("vary"), Some("Accept, Accept-Encoding"));
    let text = own
        .text()
        .replace(&server.registry().to_string(), "h8.example");
    assert_eq!(reply.text(), text);
    let condition = format!("If-None-Match: {}\r\n", reply.header("etag").unwrap());
    assert_eq!(get_as(8, &condition).status, 304);
    // Nobody asked for the others meanwhile, so one of them made way.
    let again = get_as(8, "");
    assert_eq!(again.header("content-encoding"), Some("gzip"));
    let own = get(&server, "a", &[("Accept-Encoding", "gzip")]);
    assert_eq!(own.header("content-encoding"), Some("gzip"));
}

#[test]
fn a_door_for_others_without_a_url_is_warned_of() {
    let told = "URLs in documents are of each Host";
    let anywhere = ["--registry", "0.0.0.0:0"];
    let server = Server::start_with(&anywhere, &[]);
    assert!(server.log().contains(told), "{}", server.log());
    let url = [("THIRTEEN_REGISTRY_PUBLIC_URL", "https://npm.example")];
    let server = Server::start_with(&anywhere, &url);
    assert!(!server.log().contains(told), "{}", server.log());
    let server = Server::start_with(&[], &[]);
    assert!(!server.log().contains(told), "{}", server.log());
}

#[test]
fn a_trusted_proxy_and_a_public_url_are_believed() {
    let server = unhurried(&[("THIRTEEN_REGISTRY_TRUSTED_PROXIES", "127.0.0.0/8")]);
    let anna = account(&server, "anna");
    publish(&server, &anna, "a", "1.0.0");
    let forwarded = [
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "npm.example, inner"),
    ];
    let url = tarball_for(&server, &forwarded);
    assert_eq!(url, "https://npm.example/a/-/a-1.0.0.tgz");

    let public = [("THIRTEEN_REGISTRY_PUBLIC_URL", "https://pub.example/npm")];
    let server = unhurried(&public);
    let anna = account(&server, "anna");
    publish(&server, &anna, "a", "1.0.0");
    for headers in [vec![], vec![("Host", "other.example")]] {
        let url = tarball_for(&server, &headers);
        assert_eq!(url, "https://pub.example/npm/a/-/a-1.0.0.tgz");
    }
}

#[test]
fn a_version_a_tag_and_a_range_are_manifests() {
    let server = unhurried(&[]);
    let anna = account(&server, "anna");
    for version in ["1.0.0", "1.1.0", "2.0.0"] {
        publish(&server, &anna, "@a/b", version);
    }
    for (spec, expected) in [
        ("1.0.0", "1.0.0"),
        ("latest", "2.0.0"),
        ("%5E1.0.0", "1.1.0"),
        ("1.x", "1.1.0"),
    ] {
        for name in ["@a/b", "@a%2fb", "@a%2Fb"] {
            let reply = ask(&server, "GET", &format!("/{name}/{spec}"), "", None);
            assert_eq!(reply.json()["version"], json!(expected), "{name} {spec}");
        }
    }
    let reply = ask(&server, "GET", "/@a%2fb/2.0.0", "", None);
    let etag = reply.header("etag").unwrap();
    let headers = [("If-None-Match", etag)];
    let same = send(server.registry(), "GET", "/@a%2fb/2.0.0", &headers, b"");
    assert_eq!(same.status, 304);
    let missing = ask(&server, "GET", "/@a%2fb/3.0.0", "", None);
    assert_eq!(missing.status, 404);
    assert_eq!(missing.json()["error"], json!("version not found: 3.0.0"));
}

#[test]
fn head_describes_and_what_is_not_there_is_404() {
    let server = unhurried(&[]);
    let anna = account(&server, "anna");
    publish(&server, &anna, "a", "1.0.0");
    let plain = get(&server, "a", &[]);
    for _ in 0..2 {
        let described = send(server.registry(), "HEAD", "/a", &[], b"");
        assert_eq!(described.status, 200);
        assert_eq!(described.header("etag"), plain.header("etag"));
        let length = plain.body.len().to_string();
        assert_eq!(described.header("content-length"), Some(&*length));
    }
    for (name, status) in [
        ("b", 404),
        ("@a/a", 404),
        ("favicon.ico", 404),
        ("_a", 400),
        ("@a", 400),
        ("a%40b", 400),
    ] {
        let missing = get(&server, name, &[]);
        assert_eq!(missing.status, status, "{name}");
        assert!(missing.json()["error"].is_string());
    }
}

#[test]
fn packages_may_be_called_as_probes_are() {
    let server = unhurried(&[]);
    let anna = account(&server, "anna");
    for name in ["health", "livez", "readyz"] {
        publish(&server, &anna, name, "1.0.0");
        let probe = get(&server, name, &[("Accept", "application/json")]);
        assert_eq!(probe.status, 200);
        assert_eq!(probe.json()["dist-tags"], Value::Null, "{name}");
        for _ in 0..2 {
            let document = get(&server, name, &[("Accept", CORGI)]).json();
            assert_eq!(document["name"], json!(name));
        }
    }
}

#[test]
fn a_caller_who_is_known_gets_a_reply_of_their_own() {
    let server = unhurried(&[]);
    let anna = account(&server, "anna");
    publish(&server, &anna, "a", "1.0.0");
    for _ in 0..2 {
        let own = ask(&server, "GET", "/a", &anna, None);
        assert_eq!(own.header("cache-control"), Some("private, no-cache"));
    }
    let wrong = ask(&server, "GET", "/a", "Bearer npm_x", None);
    assert_eq!(wrong.status, 401);
}

#[test]
fn a_restricted_package_is_there_for_its_owner_alone() {
    let server = unhurried(&[]);
    let (anna, bert) = (account(&server, "anna"), account(&server, "bert"));
    let archive = crate::support::npm::Archive::of_package("@a/b", "1.0.0").gzip();
    let mut body = crate::support::npm::PublishBody::of("@a/b", "1.0.0", &archive);
    body["access"] = json!("restricted");
    let published = ask(&server, "PUT", "/@a%2fb", &anna, Some(&body));
    assert_eq!(published.status, 201, "{}", published.text());
    for target in ["/@a%2fb", "/@a%2fb/latest", "/-/package/@a%2fb/dist-tags"] {
        for _ in 0..2 {
            let status = |who: &str| ask(&server, "GET", target, who, None).status;
            assert_eq!(status(&anna), 200, "{target}");
            assert_eq!(status(&bert), 404, "{target}");
            assert_eq!(status(""), 404, "{target}");
        }
    }
}

#[test]
fn documents_outlive_the_process_and_what_is_not_kept_is_read_again() {
    for memory in ["134217728", "0", "3000"] {
        let mut server = unhurried(&[("THIRTEEN_CACHE_DOCUMENT_BYTES", memory)]);
        let anna = account(&server, "anna");
        publish(&server, &anna, "a", "1.0.0");
        publish(&server, &anna, "b", "1.0.0");
        let before = to_write(&server, &anna, "a");
        for _ in 0..3 {
            for name in ["a", "b"] {
                let document = get(&server, name, &[("Accept-Encoding", "br")]);
                assert_eq!(document.status, 200, "{memory}");
            }
        }
        server.kill();
        server.restart();
        let mut after = to_write(&server, &anna, "a");
        // The port is another one.
        after["versions"]["1.0.0"]["dist"]["tarball"] =
            before["versions"]["1.0.0"]["dist"]["tarball"].clone();
        assert_eq!(after, before, "{memory}");
    }
}
