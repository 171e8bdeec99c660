//! When an upstream is asked for a document, and what is served meanwhile.

use std::fs;

use serde_json::json;

use super::scene::{await_tarballs, fresh, metric, start};
use crate::support::blobs::{files, has_file};
use crate::support::http::fetch;
use crate::support::server::Server;
use crate::support::upstream::{Act, Upstream, tarball_path};

#[test]
fn a_package_is_fetched_once_and_asked_about_by_its_etag() {
    let upstream = Upstream::start();
    let tarball = upstream.publish("a", "1.0.0");
    let server = start(&upstream, &[]);
    let reply = fetch(server.registry(), "/a");
    assert_eq!(reply.status, 200);
    let document = reply.json();
    let url = document["versions"]["1.0.0"]["dist"]["tarball"]
        .as_str()
        .unwrap();
    assert_eq!(url, format!("http://{}/a/-/a-1.0.0.tgz", server.registry()));
    assert_eq!(reply.header("age"), Some("0"));

    let document = fresh(&server, &upstream, "/a");
    assert_eq!(document["dist-tags"]["latest"], "1.0.0");
    let asked = upstream.asked("/a");
    assert_eq!(asked[0].header("if-none-match"), None);
    assert!(asked[1].header("if-none-match").is_some());
    assert!(asked[0].header("via").unwrap().starts_with("1.1 thirteen-"));
    assert!(
        metric(
            &server,
            "thirteen_upstream_requests_total{upstream=\"127.0.0.1"
        ) >= 1.0
    );

    for _ in 0..3 {
        let reply = fetch(server.registry(), "/a/-/a-1.0.0.tgz");
        assert_eq!((reply.status, &reply.body), (200, &tarball));
    }
    assert_eq!(upstream.asked(&tarball_path("a", "1.0.0")).len(), 1);
    await_tarballs(&server, 1);
    assert!(has_file(&server.data(), &tarball));
    assert_eq!(files(&server.data()).1, 0);

    // What is published later is there once the upstream was asked.
    upstream.publish("a", "1.1.0");
    let document = fresh(&server, &upstream, "/a");
    assert_eq!(document["dist-tags"]["latest"], "1.1.0");
}

#[test]
fn a_fresh_document_asks_nobody() {
    let upstream = Upstream::start();
    upstream.publish("@scope/a", "1.0.0");
    let server = start(&upstream, &[("THIRTEEN_REGISTRY_FRESH_MS", "300000")]);
    for path in ["/@scope%2fa", "/@scope%2Fa", "/@scope/a"] {
        let reply = fetch(server.registry(), path);
        assert_eq!(reply.json()["name"], "@scope/a");
    }
    assert_eq!(upstream.asked("/@scope%2fa").len(), 1);
    assert!(metric(&server, "thirteen_upstream_document_hits_total") >= 2.0);
}

#[test]
fn many_who_ask_at_once_cost_the_upstream_one_request() {
    let upstream = Upstream::start();
    upstream.publish("a", "1.0.0");
    let body = fetch(upstream.address(), "/a").body;
    upstream.script("/a", [Act::reply(200, body).held_after(10)]);
    let server = Server::start_with(
        &["--shards", "2"],
        &[("UPSTREAMS", &json!([upstream.setting()]).to_string())],
    );
    let door = server.registry();
    let asking: Vec<_> = (0..8)
        .map(|_| std::thread::spawn(move || fetch(door, "/a").status))
        .collect();
    upstream.await_held(1);
    upstream.release(1);
    for one in asking {
        assert_eq!(one.join().unwrap(), 200);
    }
    // One of them was the test's own, to see the document.
    assert_eq!(upstream.asked("/a").len(), 2);
}

#[test]
fn offline_asks_nobody_and_serves_what_is_here() {
    let upstream = Upstream::start();
    let tarball = upstream.publish("a", "1.0.0");
    upstream.publish("a", "2.0.0");
    let mut server = start(&upstream, &[]);
    assert_eq!(fetch(server.registry(), "/a/-/a-1.0.0.tgz").status, 200);
    await_tarballs(&server, 1);
    server.terminate();
    let asked = upstream.all_asked().len();
    let file = server.data().parent().unwrap().join("offline.toml");
    fs::write(&file, "[registry]\noffline = true\n").unwrap();
    server.restart_with(&["--config", file.to_str().unwrap()]);
    assert_eq!(fetch(server.registry(), "/a").status, 200);
    assert_eq!(fetch(server.registry(), "/a/-/a-1.0.0.tgz").body, tarball);
    for path in ["/b", "/a/-/a-2.0.0.tgz"] {
        let reply = fetch(server.registry(), path);
        assert_eq!(
            (reply.status, &reply.json()["reason"]),
            (404, &json!("offline"))
        );
    }
    assert_eq!(upstream.all_asked().len(), asked);
}
