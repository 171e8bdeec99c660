//! `GET` and `HEAD` of a tarball: whole, in parts, known already, and not there.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::npm::{Archive, PublishBody};
use crate::support::registry::Registry;
use crate::support::server::run;

const SHORT: &str = "/short/-/short-1.0.0.tgz";
const LONG: &str = "/long/-/long-1.0.0.tgz";

/// One that a shard keeps in memory, and one that it does not.
fn stocked() -> (Registry, Vec<u8>, Vec<u8>) {
    let registry = Registry::start();
    let short = registry.publish("short", "1.0.0");
    let mut seed = 7_u64;
    let noise = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (seed >> 56) as u8
    });
    let noise: Vec<u8> = noise.take(1_000_000).collect();
    let long = Archive::of_package("long", "1.0.0")
        .file("noise", &noise)
        .gzip();
    let reply = registry.put("long", &PublishBody::of("long", "1.0.0", &long));
    assert_eq!(reply.status, 201, "{}", reply.text());
    (registry, short, long)
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
    let tarball = registry.publish("kept", "1.0.0");
    let before = registry.files();
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
fn a_file_that_is_gone_is_told_by_the_doctor() {
    let mut registry = Registry::start();
    registry.publish("lost", "1.0.0");
    registry.server.terminate();
    let data = registry.server.data();
    let doctor = || {
        let report = run(&["doctor", "--data", data.to_str().unwrap()], &[]);
        (
            report.status.success(),
            String::from_utf8(report.stdout).unwrap(),
        )
    };
    let (is_well, text) = doctor();
    assert!(
        is_well && text.contains("2 files of the registry are there"),
        "{text}"
    );
    for folder in std::fs::read_dir(data.join("blobs/sha512")).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            std::fs::write(file.unwrap().path(), b"").unwrap();
        }
    }
    let (is_well, text) = doctor();
    assert!(!is_well && text.contains("1 of 2 are not"), "{text}");
}
