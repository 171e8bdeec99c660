//! `GET` and `HEAD` of a tarball: whole, in parts, known already, and not there.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::npm::{Archive, PublishBody, noise};
use crate::support::registry::Registry;
use crate::support::server::doctor;

const SHORT: &str = "/short/-/short-1.0.0.tgz";
const LONG: &str = "/long/-/long-1.0.0.tgz";

/// One that a shard keeps in memory, and one that it does not.
fn stocked() -> (Registry, Vec<u8>, Vec<u8>) {
    let registry = Registry::start();
    let short = registry.publish("short", "1.0.0");
    let long = publish_noise(&registry, "long", 1_000_000);
    (registry, short, long)
}

/// Publishes a version with a file that stays as long as it is.
fn publish_noise(registry: &Registry, name: &str, bytes: usize) -> Vec<u8> {
    let archive = Archive::of_package(name, "1.0.0").file("noise", &noise(bytes, 7));
    let tarball = archive.gzip();
    let reply = registry.put(name, &PublishBody::of(name, "1.0.0", &tarball));
    assert_eq!(reply.status, 201, "{}", reply.text());
    tarball
}

#[test]
fn a_tarball_is_served_as_it_came() {
    let (registry, short, long) = stocked();
    for (target, bytes) in [(SHORT, &short), (LONG, &long)] {
        // From the disk, and again.
        for _ in 0..2 {
            let headers = [("Accept-Encoding", "gzip, br, zstd")];
            let reply = registry.anyone("GET", target, &headers);
            assert_eq!(reply.status, 200);
            assert!(reply.body == *bytes, "{target}");
            assert_eq!(
                reply.header("content-type"),
                Some("application/octet-stream")
            );
            assert_eq!(reply.header("content-encoding"), None);
            assert_eq!(reply.header("accept-ranges"), Some("bytes"));
            let caching = "public, immutable, max-age=31536000";
            assert_eq!(reply.header("cache-control"), Some(caching));
            let etag = reply.header("etag").unwrap();
            assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
            let length = bytes.len().to_string();
            assert_eq!(reply.header("content-length"), Some(&*length));
            let head = registry.anyone("HEAD", target, &[]);
            assert_eq!((head.status, head.body.len()), (200, 0));
            assert_eq!(head.header("content-length"), Some(&*length));
            assert_eq!(head.header("etag"), Some(etag));
            for known in [etag, "*", &format!("W/{etag}"), &format!("\"x\", {etag}")] {
                let known = registry.anyone("GET", target, &[("If-None-Match", known)]);
                assert_eq!((known.status, known.body.len()), (304, 0));
                assert_eq!(known.header("cache-control"), Some(caching));
            }
            let other = registry.anyone("GET", target, &[("If-None-Match", "\"x\"")]);
            assert_eq!(other.status, 200);
        }
    }
}

#[test]
fn one_range_is_served() {
    let (registry, short, long) = stocked();
    for (target, bytes) in [(SHORT, &short), (LONG, &long)] {
        let length = bytes.len();
        let of = |first: usize, end: usize| (206, bytes[first..end].to_vec());
        for (range, (status, content)) in [
            ("bytes=0-0", of(0, 1)),
            ("bytes=1-99", of(1, 100)),
            ("bytes=50-", of(50, length)),
            ("bytes=-7", of(length - 7, length)),
            ("bytes=-99999999", of(0, length)),
            ("bytes=0-1,3-4", (200, bytes.clone())),
            ("bytes=9-1", (200, bytes.clone())),
            ("lines=1-2", (200, bytes.clone())),
            ("bytes=99999999-", (416, Vec::new())),
            ("bytes=-0", (416, Vec::new())),
        ] {
            let reply = registry.anyone("GET", target, &[("Range", range)]);
            assert_eq!(reply.status, status, "{target} {range}");
            match status {
                416 => {
                    let all = format!("bytes */{length}");
                    assert_eq!(reply.header("content-range"), Some(&*all));
                }
                _ => assert!(reply.body == content, "{target} {range}"),
            }
        }
        let part = registry.anyone("GET", target, &[("Range", "bytes=2-3")]);
        let range = format!("bytes 2-3/{length}");
        assert_eq!(part.header("content-range"), Some(&*range));
        let head = registry.anyone("HEAD", target, &[("Range", "bytes=2-3")]);
        assert_eq!(head.status, 200, "a range is for GET");
        let etag = part.header("etag").unwrap();
        for (condition, status) in [
            (etag, 206),
            (&*format!("W/{etag}"), 200),
            ("\"other\"", 200),
            ("Fri, 20 Nov 2026 10:00:00 GMT", 200),
        ] {
            let headers = [("Range", "bytes=2-3"), ("If-Range", condition)];
            let reply = registry.anyone("GET", target, &headers);
            assert_eq!(reply.status, status, "{condition}");
        }
    }
}

#[test]
fn what_is_not_there_is_404() {
    let (registry, _, _) = stocked();
    for target in [
        "/short/-/short-1.0.1.tgz",
        "/short/-/long-1.0.0.tgz",
        "/none/-/none-1.0.0.tgz",
        "/@a/short/-/short-1.0.0.tgz",
        "/Short/-/short-1.0.0.tgz",
        "/short/-/..%2f..%2fshort-1.0.0.tgz",
        "/short/-/short-1.0.0.tgz%00",
    ] {
        let reply = registry.anyone("GET", target, &[]);
        assert!(
            matches!(reply.status, 400 | 404),
            "{target}: {}",
            reply.status
        );
        assert!(reply.json()["error"].is_string());
    }
}

#[test]
fn a_restricted_package_is_for_those_who_may_read_it() {
    let registry = Registry::start();
    let tarball = Archive::of_package("@a/secret", "1.0.0").gzip();
    let mut body = PublishBody::of("@a/secret", "1.0.0", &tarball);
    body["access"] = json!("restricted");
    assert_eq!(registry.put("@a/secret", &body).status, 201);
    let target = "/@a%2fsecret/-/secret-1.0.0.tgz";
    let nobody = registry.anyone("GET", target, &[]);
    assert!(matches!(nobody.status, 401 | 404), "{}", nobody.status);
    let staff = registry.request("GET", target, b"");
    assert_eq!((staff.status, &staff.body), (200, &tarball));
    let caching = staff.header("cache-control").unwrap();
    assert!(caching.starts_with("private"), "{caching}");
}

#[test]
fn a_start_removes_the_files_that_nothing_names() {
    let mut registry = Registry::start();
    let tarball = publish_noise(&registry, "kept", 100_000);
    let before = registry.files();
    assert_eq!(before, (1, 0), "its document is short");
    registry.server.terminate();
    let blobs = registry.server.data().join("blobs");
    let orphan = "0".repeat(128);
    std::fs::write(
        blobs.join("sha512/00").join(orphan),
        b"of a publish that ended",
    )
    .unwrap();
    std::fs::write(blobs.join("spool/7"), b"half of one").unwrap();
    registry.restart();
    assert_eq!(
        registry.files().1,
        0,
        "the spool is emptied before the doors open"
    );
    let deadline = Instant::now() + Duration::from_secs(10);
    while registry.files() != before {
        assert!(
            Instant::now() < deadline,
            "{:?}, not {before:?}",
            registry.files()
        );
        std::thread::yield_now();
    }
    let reply = registry.anyone("GET", "/kept/-/kept-1.0.0.tgz", &[]);
    assert!(reply.status == 200 && reply.body == tarball);
}

#[test]
fn a_short_tarball_lies_in_the_store_and_a_long_one_in_a_file() {
    let mut registry = Registry::start();
    let short = registry.publish("short", "1.0.0");
    assert_eq!(registry.files(), (0, 0), "neither is its document a file");
    // The archive has 2 KB beside the noise.
    let longer = publish_noise(&registry, "longer", 32 << 10);
    assert_eq!(registry.files(), (1, 0));
    let fits = publish_noise(&registry, "fits", 31 << 10);
    assert!(fits.len() <= 32 << 10 && longer.len() > 32 << 10);
    assert_eq!(registry.files(), (1, 0));
    // A document that grows beyond it becomes a file, its tarballs stay where they are.
    let mut body = PublishBody::of("short", "1.0.1", &short_again());
    body["readme"] = json!("word ".repeat(8000));
    assert_eq!(registry.put("short", &body).status, 201);
    assert_eq!(registry.files(), (2, 0));
    registry.server.kill();
    registry.restart();
    let fits_target = "/fits/-/fits-1.0.0.tgz";
    let longer_target = "/longer/-/longer-1.0.0.tgz";
    let again = short_again();
    for (target, bytes) in [
        (SHORT, &short),
        ("/short/-/short-1.0.1.tgz", &again),
        (fits_target, &fits),
        (longer_target, &longer),
    ] {
        let part = registry.anyone("GET", target, &[("Range", "bytes=5-9")]);
        assert_eq!((part.status, &part.body[..]), (206, &bytes[5..10]));
        let whole = registry.anyone("GET", target, &[]);
        assert!(whole.status == 200 && whole.body == *bytes, "{target}");
    }
    let document = registry.anyone("GET", "/short", &[]).json();
    assert_eq!(document["versions"].as_object().unwrap().len(), 2);
    // What changes its document leaves a tarball, what unpublishes it takes it.
    let mut document = registry.request("GET", "/fits?write=true", b"").json();
    document["versions"]["1.0.0"]["deprecated"] = json!("it is old");
    assert_eq!(registry.put("fits", &document).status, 201);
    let whole = registry.anyone("GET", fits_target, &[]);
    assert!(whole.status == 200 && whole.body == fits);
    let revision = document["_rev"].as_str().unwrap().replace("1-", "2-");
    let gone = registry.request("DELETE", &format!("/fits/-rev/{revision}"), b"");
    assert_eq!(gone.status, 200, "{}", gone.text());
    assert_eq!(registry.anyone("GET", fits_target, &[]).status, 404);
}

fn short_again() -> Vec<u8> {
    Archive::of_package("short", "1.0.1").gzip()
}

#[test]
fn a_file_that_is_gone_is_told_by_the_doctor() {
    let mut registry = Registry::start();
    publish_noise(&registry, "lost", 100_000);
    registry.server.terminate();
    let data = registry.server.data();
    let (is_well, text) = doctor(&data);
    assert!(
        is_well && text.contains("1 files of the registry are there, 1 in its store"),
        "{text}"
    );
    for folder in std::fs::read_dir(data.join("blobs/sha512")).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            std::fs::write(file.unwrap().path(), b"").unwrap();
        }
    }
    let (is_well, text) = doctor(&data);
    assert!(!is_well && text.contains("1 of 1 are not"), "{text}");
}

#[test]
fn a_short_tarball_that_is_damaged_is_told_by_the_doctor() {
    let mut registry = Registry::start();
    let tarball = registry.publish("short", "1.0.0");
    registry.server.terminate();
    let data = registry.server.data();
    let (is_well, text) = doctor(&data);
    assert!(
        is_well && text.contains("0 files of the registry are there, 2 in its store"),
        "{text}"
    );
    let store = data.join("registry.db");
    let mut bytes = std::fs::read(&store).unwrap();
    let place = bytes
        .windows(tarball.len())
        .position(|part| part == tarball);
    bytes[place.expect("the log was copied into the store at the end")] ^= 1;
    std::fs::write(&store, bytes).unwrap();
    let (is_well, text) = doctor(&data);
    assert!(
        !is_well && text.contains("1 of 2 in the store are damaged"),
        "{text}"
    );
}

#[test]
fn a_store_of_an_older_schema_is_said_not_to_be_looked_through() {
    let mut registry = Registry::start();
    registry.publish("short", "1.0.0");
    registry.server.terminate();
    let data = registry.server.data();
    let store = data.join("registry.db");
    let mut bytes = std::fs::read(&store).unwrap();
    // SQLite's header has the schema's number (user_version) here, big-endian.
    bytes[60..64].copy_from_slice(&1_u32.to_be_bytes());
    std::fs::write(&store, bytes).unwrap();
    let (is_well, text) = doctor(&data);
    let lines = text
        .lines()
        .filter(|line| line.contains("not looked at: registry.db has schema 1"));
    let lines: Vec<&str> = lines.collect();
    assert!(is_well, "a start would migrate it: {text}");
    assert_eq!(lines.len(), 2, "the audit log and the files: {text}");
    for line in lines {
        assert!(line.contains("the next start migrates it"), "{line}");
    }
}
