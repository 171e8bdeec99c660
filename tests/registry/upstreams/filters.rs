//! Versions that are left out: removed, too young, blocked, in quarantine.

use std::fs;

use serde_json::json;

use super::scene::{await_tarballs, await_that, fresh, start};
use crate::support::blobs::has_file;
use crate::support::http::{fetch, send};
use crate::support::npm::{Archive, integrity_of};
use crate::support::upstream::{Act, Upstream};

#[test]
fn a_version_that_its_upstream_removed_is_not_served() {
    for keeps in ["false", "true"] {
        let upstream = Upstream::start();
        upstream.publish("a", "1.0.0");
        let tarball = upstream.publish("a", "2.0.0");
        let server = start(&upstream, &[("THIRTEEN_REGISTRY_KEEP_REMOVED", keeps)]);
        assert_eq!(fetch(server.registry(), "/a/-/a-2.0.0.tgz").body, tarball);
        await_tarballs(&server, 1);
        upstream.unpublish("a", "2.0.0");
        let document = fresh(&server, &upstream, "/a");
        let is_there = document["versions"]["2.0.0"].is_object();
        let status = fetch(server.registry(), "/a/-/a-2.0.0.tgz").status;
        if keeps == "true" {
            assert!(is_there);
            assert_eq!(status, 200);
        } else {
            assert!(!is_there);
            assert_eq!(document["dist-tags"]["latest"], "1.0.0");
            assert_eq!(status, 404);
            server.await_log("package.versions_removed_upstream");
            await_that(|| (!has_file(&server.data(), &tarball)).then_some(()));
        }
        // A package that is gone altogether.
        upstream.unpublish("a", "1.0.0");
        upstream.script("/a", [Act::reply(404, "{}")]);
        let status = || fetch(server.registry(), "/a?write=true").status;
        assert_eq!(status(), if keeps == "true" { 200 } else { 404 }, "{keeps}");
    }
}

#[test]
fn versions_that_are_too_young_or_blocked_are_not_shown() {
    let upstream = Upstream::start();
    let archive = Archive::of_package("a", "1.0.0").gzip();
    let dist = json!({ "integrity": integrity_of(&archive) });
    let publish = |version: &str, at: &str| {
        upstream.publish_at("a", version, archive.clone(), dist.clone(), at);
    };
    publish("1.0.0", "2020-01-01T00:00:00.000Z");
    publish("1.1.0", "2021-01-01T00:00:00.000Z");
    publish("2.0.0", "2999-01-01T00:00:00.000Z");
    upstream.tag("a", "next", "2.0.0");
    upstream.publish("evil", "1.0.0");
    let server = start(
        &upstream,
        &[
            ("THIRTEEN_REGISTRY_MINIMUM_RELEASE_AGE_MS", "86400000"),
            ("THIRTEEN_REGISTRY_BLOCKED", "evil,a@1.1.0"),
        ],
    );
    let document = fetch(server.registry(), "/a").json();
    let versions: Vec<&String> = document["versions"].as_object().unwrap().keys().collect();
    assert_eq!(versions, ["1.0.0"]);
    assert_eq!(
        document["dist-tags"],
        json!({ "latest": "1.0.0", "next": "1.0.0" })
    );
    for path in ["/a/-/a-2.0.0.tgz", "/a/-/a-1.1.0.tgz"] {
        assert_eq!(fetch(server.registry(), path).status, 404, "{path}");
    }
    let reply = fetch(server.registry(), "/evil");
    assert_eq!(
        (reply.status, &reply.json()["reason"]),
        (403, &json!("blocked"))
    );
    assert_eq!(
        fetch(server.registry(), "/evil/-/evil-1.0.0.tgz").status,
        403
    );
    assert_eq!(upstream.asked("/evil").len(), 0);
}

#[test]
fn a_version_that_appears_is_in_quarantine() {
    let upstream = Upstream::start();
    upstream.publish("a", "1.0.0");
    let server = start(&upstream, &[("THIRTEEN_REGISTRY_QUARANTINE_MS", "3600000")]);
    let document = fetch(server.registry(), "/a").json();
    assert_eq!(
        document["dist-tags"]["latest"], "1.0.0",
        "it was there before"
    );
    upstream.publish("a", "1.0.1");
    let document = fresh(&server, &upstream, "/a");
    assert_eq!(document["dist-tags"]["latest"], "1.0.0");
    assert!(document["versions"]["1.0.1"].is_null());
    assert_eq!(fetch(server.registry(), "/a/-/a-1.0.1.tgz").status, 404);
}

#[test]
fn other_rules_after_a_restart_hold_for_what_is_here() {
    let upstream = Upstream::start();
    let archive = Archive::of_package("a", "1.0.0").gzip();
    for (version, at) in [
        ("1.0.0", "2020-01-01T00:00:00.000Z"),
        ("2.0.0", "2021-01-01T00:00:00.000Z"),
    ] {
        let dist = json!({ "integrity": integrity_of(&archive) });
        upstream.publish_at("a", version, archive.clone(), dist, at);
    }
    let mut server = start(&upstream, &[("THIRTEEN_REGISTRY_FRESH_MS", "300000")]);
    assert_eq!(
        fetch(server.registry(), "/a").json()["dist-tags"]["latest"],
        "2.0.0"
    );
    server.terminate();
    let file = server.data().parent().unwrap().join("rules.toml");
    fs::write(&file, "[registry]\nblocked = [\"a@2.0.0\"]\n").unwrap();
    server.restart_with(&["--config", file.to_str().unwrap()]);
    let document = fetch(server.registry(), "/a?write=true").json();
    assert_eq!(document["dist-tags"]["latest"], "1.0.0");
    // The upstream's document is as old as it was; ours is another.
    let since = [("If-Modified-Since", "Sat, 02 Jan 2021 00:00:00 GMT")];
    let reply = send(server.registry(), "GET", "/a", &since, b"");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json(), document);
}
