//! `PUT` of a package that carries a tarball, as npm sends it and as nobody should.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write as _;
use tar::EntryType;

use crate::support::config_client::ConfigClient;
use crate::support::http::{Connection, Reply};
use crate::support::npm::{Archive, PublishBody, noise};
use crate::support::registry::Registry;

#[test]
fn a_version_is_published_once() {
    let registry = Registry::start();
    let tarball = registry.publish("left-pad", "1.3.0");
    let got = registry.anyone("GET", "/left-pad/-/left-pad-1.3.0.tgz", &[]);
    assert_eq!((got.status, got.body), (200, tarball.clone()));
    // The same again, other content, and the same number written differently.
    let other = Archive::of_package("left-pad", "1.3.0")
        .file("x", b"y")
        .gzip();
    for archive in [&tarball, &other] {
        let again = registry.put("left-pad", &PublishBody::of("left-pad", "1.3.0", archive));
        assert_eq!(again.status, 409, "{}", again.text());
        let wording = "You cannot publish over the previously published versions: 1.3.0.";
        assert!(again.text().contains(wording), "{}", again.text());
    }
    let got = registry.anyone("GET", "/left-pad/-/left-pad-1.3.0.tgz", &[]);
    assert_eq!(got.body, tarball);
    registry.publish("left-pad", "1.3.1");
    registry.publish("@scope/left-pad", "1.3.0");
    let scoped = "/@scope/left-pad/-/left-pad-1.3.0.tgz";
    assert_eq!(registry.anyone("GET", scoped, &[]).status, 200);
    let escaped = "/@scope%2Fleft-pad/-/left-pad-1.3.0.tgz";
    assert_eq!(registry.anyone("GET", escaped, &[]).status, 200);
    assert_eq!(registry.files().1, 0, "nothing stays in the spool");
}

#[test]
fn a_publish_needs_a_token_before_its_body() {
    let registry = Registry::start();
    let mut connection = Connection::open(registry.server.registry());
    let head = "PUT /left-pad HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n";
    connection.send(head.as_bytes()).unwrap();
    let reply = connection.reply("PUT").unwrap();
    assert_eq!(reply.status, 401, "{}", reply.text());
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("Bearer") && challenge.contains("Basic"),
        "{challenge}"
    );
    let error = reply.json();
    assert!(
        error["error"].is_string() && error["reason"].is_string(),
        "{error}"
    );
}

#[test]
fn who_follows_the_configuration_is_told() {
    let registry = Registry::start_with(&["--shards", "2"]);
    let mut clients: Vec<_> = (0..4)
        .map(|_| ConfigClient::connect(registry.server.api()))
        .collect();
    registry.publish("left-pad", "1.3.70000000");
    for client in &mut clients {
        let frame = client.next().unwrap();
        assert_eq!(frame[0], 0x03, "{frame:02x?}");
        let hash = u32::from_le_bytes(frame[1..5].try_into().unwrap());
        assert_eq!(hash, crc32_of(b"left-pad"));
        let version = u64::from_le_bytes(frame[5..13].try_into().unwrap());
        assert_eq!(version, 1 << 40 | 3 << 20 | 0xf_ffff);
    }
}

/// CRC-32 (ISO-HDLC), bit by bit.
fn crc32_of(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| match crc & 1 {
            1 => crc >> 1 ^ 0xedb8_8320,
            _ => crc >> 1,
        })
    })
}

#[test]
fn a_bundle_of_provenance_does_not_hinder() {
    let registry = Registry::start();
    let archive = Archive::of_package("signed", "1.0.0").gzip();
    let mut body = PublishBody::of("signed", "1.0.0", &archive);
    let bundle = json!({ "mediaType": "application/vnd.dev.sigstore.bundle+json" }).to_string();
    body["_attachments"]["signed-1.0.0.sigstore"] =
        json!({ "content_type": "x", "length": bundle.len(), "data": bundle });
    assert_eq!(registry.put("signed", &body).status, 201);
}

/// Publishes and expects a refusal that leaves nothing.
fn refused(registry: &Registry, name: &str, body: &[u8]) -> Reply {
    let before = registry.files();
    let target = format!("/{}", name.replace('/', "%2f"));
    let reply = registry.request("PUT", &target, body);
    assert!(
        (400..500).contains(&reply.status),
        "{} {}",
        reply.status,
        reply.text()
    );
    let error = reply.json();
    assert!(
        error["error"].is_string() && error["reason"].is_string(),
        "{error}"
    );
    assert_eq!(registry.files(), before, "nothing is left");
    let tarball = format!("{target}/-/evil-1.0.0.tgz");
    assert_eq!(registry.anyone("GET", &tarball, &[]).status, 404);
    reply
}

fn refused_archive(registry: &Registry, archive: &[u8], status: u16, cause: &str) {
    let body = PublishBody::of("evil", "1.0.0", archive).to_string();
    let reply = refused(registry, "evil", body.as_bytes());
    assert_eq!(reply.status, status, "{}", reply.text());
    assert!(reply.text().contains(cause), "{cause}: {}", reply.text());
}

#[test]
fn hostile_archives_are_refused() {
    let registry = Registry::start();
    let plain = || Archive::of_package("evil", "1.0.0");
    let is = |archive: Archive, status, cause| {
        refused_archive(&registry, &archive.gzip(), status, cause);
    };
    is(
        Archive::of_package("lodash", "1.0.0"),
        400,
        "the name `lodash`",
    );
    is(
        Archive::of_package("evil", "1.0.1"),
        400,
        "the version `1.0.1`",
    );
    is(
        Archive::empty().file("index.js", b"x"),
        400,
        "no package.json",
    );
    is(
        plain().file("package.json", b"{}"),
        400,
        "more than one package.json",
    );
    is(plain().file("../../evil.js", b"x"), 400, "`..`");
    is(
        plain().entry("/etc/cron.d/x", EntryType::Regular, b"x"),
        400,
        "absolute",
    );
    is(
        plain().entry("package/x", EntryType::Symlink, b""),
        415,
        "link",
    );
    is(
        plain().entry("package/x", EntryType::Link, b""),
        415,
        "link",
    );
    is(
        plain().entry("package/x", EntryType::Char, b""),
        415,
        "neither a file",
    );
    refused_archive(&registry, b"PK\x03\x04 a zip", 400, "gzip");
    refused_archive(&registry, b"", 400, "gzip");
    let whole = plain().gzip();
    refused_archive(&registry, &whole[..whole.len() - 9], 400, "gzip");
    let followed = [&whole[..], b"and more"].concat();
    refused_archive(&registry, &followed, 400, "end of its gzip");
    refused_archive(&registry, &bomb(), 413, "times its own size");
}

/// A few KB that unpack to a gigabyte.
fn bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let mut header = tar::Header::new_gnu();
    header.set_path("package/zeros").unwrap();
    header.set_size(1 << 30);
    header.set_cksum();
    encoder.write_all(header.as_bytes()).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..128 {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.finish().unwrap()
}

#[test]
fn documents_that_do_not_agree_are_refused() {
    let registry = Registry::start();
    let archive = Archive::of_package("evil", "1.0.0").gzip();
    let is = |change: &dyn Fn(&mut Value), cause: &str| {
        let mut body = PublishBody::of("evil", "1.0.0", &archive);
        change(&mut body);
        let reply = refused(&registry, "evil", body.to_string().as_bytes());
        assert_eq!(reply.status, 400, "{}", reply.text());
        assert!(reply.text().contains(cause), "{cause}: {}", reply.text());
    };
    let file = "evil-1.0.0.tgz";
    is(&|body| body["name"] = json!("other"), "`name` has to be");
    is(&|body| body["_id"] = json!("other"), "`_id` has to be");
    is(
        &|body| body["versions"]["1.0.0"]["version"] = json!("2.0.0"),
        "versions/1.0.0/version",
    );
    is(&|body| body["versions"] = json!({}), "no version");
    is(
        &|body| body["dist-tags"] = json!({ "^1.0.0": "1.0.0" }),
        "dist-tags/^1.0.0",
    );
    is(
        &|body| body["versions"]["1.0.0"]["dist"]["integrity"] = json!("sha512-AAAA"),
        "integrity",
    );
    is(
        &|body| body["versions"]["1.0.0"]["dist"]["shasum"] = json!("00"),
        "shasum",
    );
    is(
        &|body| body["_attachments"][file]["length"] = json!(1),
        "length",
    );
    is(
        &|body| body["_attachments"][file]["data"] = json!("%%%%"),
        "Base64",
    );
    is(
        &|body| body["_attachments"][file]["data"] = json!(7),
        "has to be a text",
    );
    is(
        &|body| body["_attachments"]["b.tgz"] = body["_attachments"][file].clone(),
        "second tarball",
    );
    is(&|body| body["__proto__"] = json!({}), "__proto__");
    is(
        &|body| body["versions"]["__proto__"] = json!({}),
        "versions",
    );
    is(&|body| body["access"] = json!("secret"), "`access`");
}

#[test]
fn bodies_that_are_no_document_are_refused() {
    let registry = Registry::start();
    let archive = Archive::of_package("evil", "1.0.0").gzip();
    let file = "evil-1.0.0.tgz";
    let text = PublishBody::of("evil", "1.0.0", &archive).to_string();
    let data = STANDARD.encode(&archive);
    let twice = text.replacen(
        "\"_attachments\":{",
        &format!("\"_attachments\":{{\"{file}\":{{\"data\":\"{data}\"}},"),
        1,
    );
    assert_eq!(refused(&registry, "evil", twice.as_bytes()).status, 400);
    for body in [
        "",
        "[]",
        "{",
        "\u{0}",
        &text[..text.len() - 1],
        &text[..text.len() / 2],
    ] {
        assert_eq!(
            refused(&registry, "evil", body.as_bytes()).status,
            400,
            "{body}"
        );
    }
    // Another package's document under this name.
    let other = PublishBody::of("lodash", "1.0.0", &archive).to_string();
    refused(&registry, "evil", other.as_bytes());
}

#[test]
fn names_that_are_none_are_refused() {
    let registry = Registry::start();
    let archive = Archive::of_package("evil", "1.0.0").gzip();
    for name in [
        "Evil",
        ".evil",
        "_evil",
        "__proto__",
        "node_modules",
        "@evil/.x",
        "ev%20il",
    ] {
        let body = PublishBody::of("evil", "1.0.0", &archive).to_string();
        let target = format!("/{}", name.replace('/', "%2f"));
        let reply = registry.request("PUT", &target, body.as_bytes());
        assert!(
            matches!(reply.status, 400 | 404),
            "{name}: {}",
            reply.status
        );
        // Who asks for it is told the same, but of a name that packages once could have.
        if name != "Evil" {
            let asked = registry.request("GET", &target, b"");
            assert_eq!((asked.status, asked.text()), (reply.status, reply.text()));
        }
    }
    assert_eq!(registry.files(), (0, 0));
}

fn head_of(registry: &Registry, body_bytes: u64) -> String {
    let token = &registry.token;
    format!(
        "PUT /evil HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {body_bytes}\r\n\r\n"
    )
}

#[test]
fn a_body_that_is_too_long_is_refused_before_it_comes() {
    let registry = Registry::start();
    let mut connection = Connection::open(registry.server.registry());
    let head = head_of(&registry, 300 << 20);
    connection.send(head.as_bytes()).unwrap();
    let reply = connection.reply("PUT").unwrap();
    assert_eq!(reply.status, 413, "{}", reply.text());
    // A document of 16 MiB is as long as one is taken, however much the tarball may have.
    let mut connection = Connection::open(registry.server.registry());
    connection
        .send(head.replace("314572800", "104857600").as_bytes())
        .unwrap();
    let piece = vec![b' '; 1 << 20];
    let begun = connection.send(b"{\"name\":\"");
    begun.unwrap();
    let mut sent = 0;
    // The server answers and closes while pieces are on their way.
    while sent < 100 && connection.send(&piece).is_ok() {
        sent += 1;
    }
    assert!(sent < 100, "all of it was taken");
}

#[test]
fn a_connection_that_breaks_leaves_nothing() {
    let registry = Registry::start();
    let archive = Archive::of_package("evil", "1.0.0")
        .file("x", &noise(1 << 20, 7))
        .gzip();
    let body = PublishBody::of("evil", "1.0.0", &archive).to_string();
    for part in [1, 2, 3] {
        let mut connection = Connection::open(registry.server.registry());
        let head = head_of(&registry, body.len() as u64);
        connection.send(head.as_bytes()).unwrap();
        connection
            .send(&body.as_bytes()[..body.len() * part / 4])
            .unwrap();
        drop(connection);
    }
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while registry.files() != (0, 0) {
        assert!(
            std::time::Instant::now() < deadline,
            "{:?}",
            registry.files()
        );
        std::thread::yield_now();
    }
    assert_eq!(
        registry.anyone("GET", "/evil/-/evil-1.0.0.tgz", &[]).status,
        404
    );
}
