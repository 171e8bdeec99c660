//! What is kept of upstreams: its bound, and `thirteen cache`.

use serde_json::{Value, json};

use super::scene::{await_tarballs, cache, long_archive, metric, start};
use crate::support::blobs::{files, has_file};
use crate::support::http::{Reply, fetch, send};
use crate::support::upstream::{Upstream, tarball_path};

#[test]
fn the_cache_keeps_within_its_bound_and_lets_go_of_what_was_not_used() {
    let upstream = Upstream::start();
    for name in ["a", "b", "c"] {
        upstream.publish_archive(name, "1.0.0", long_archive(name, "1.0.0", 600_000));
    }
    let server = start(
        &upstream,
        &[("THIRTEEN_REGISTRY_CACHE_BYTES_MAX", "1500000")],
    );
    for name in ["a", "b", "c"] {
        let path = tarball_path(name, "1.0.0");
        assert_eq!(fetch(server.registry(), &path).status, 200);
        let count = if name == "a" { 1 } else { 2 };
        await_tarballs(&server, count);
    }
    let names = |listed: Vec<Value>| -> Vec<String> {
        let names = listed.iter().map(|item| item["package"].as_str().unwrap());
        names.map(str::to_owned).collect()
    };
    assert_eq!(names(await_tarballs(&server, 2)), ["b", "c"]);
    server.await_log("made room");
    assert!(metric(&server, "thirteen_upstream_cache_evictions_total") >= 1.0);
    // What went is fetched again.
    let path = tarball_path("a", "1.0.0");
    assert_eq!(fetch(server.registry(), &path).status, 200);
    assert_eq!(upstream.asked(&path).len(), 2);
}

#[test]
fn the_cache_is_listed_and_cleared_by_hand() {
    let upstream = Upstream::start();
    let tarball = upstream.publish("a", "1.0.0");
    upstream.publish("@s/b", "1.0.0");
    let mut server = start(&upstream, &[]);
    for path in ["/a/-/a-1.0.0.tgz", "/@s/b/-/b-1.0.0.tgz"] {
        assert_eq!(fetch(server.registry(), path).status, 200);
    }
    await_tarballs(&server, 2);
    let data = server.data();
    let cleared = cache(&data, &["clear", "a@1.0.0"]);
    assert_eq!(
        (&cleared["tarballs"], &cleared["documents"]),
        (&json!(1), &json!(0))
    );
    assert!(!has_file(&server.data(), &tarball));
    assert_eq!(fetch(server.registry(), "/a/-/a-1.0.0.tgz").body, tarball);
    assert_eq!(upstream.asked("/a/-/a-1.0.0.tgz").len(), 2);
    let cleared = cache(&data, &["clear", "@s/b"]);
    assert_eq!(
        (&cleared["tarballs"], &cleared["documents"]),
        (&json!(1), &json!(1))
    );
    await_tarballs(&server, 1);
    server.terminate();
    let cleared = cache(&data, &["clear"]);
    assert_eq!(
        (&cleared["tarballs"], &cleared["documents"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(files(&server.data()).0.len(), 0);
    server.restart();
    assert_eq!(fetch(server.registry(), "/a/-/a-1.0.0.tgz").body, tarball);
}

#[test]
fn clearing_is_for_who_is_on_this_machine() {
    let upstream = Upstream::start();
    let server = start(&upstream, &[]);
    let forwarded = [("X-Forwarded-For", "203.0.113.7")];
    let path = "/-/thirteen/cache";
    assert_eq!(
        send(server.registry(), "DELETE", path, &forwarded, b"").status,
        403
    );
    for query in ["?version=1.0.0", "?what=1", "?package=A%20B"] {
        let reply: Reply = send(
            server.registry(),
            "DELETE",
            &format!("{path}{query}"),
            &[],
            b"",
        );
        assert_eq!(reply.status, 400, "{query}");
    }
    assert_eq!(
        send(server.registry(), "DELETE", path, &[], b"").status,
        200
    );
}
