//! Who is asked for a name, and where a request may lead.

use std::fs;

use serde_json::json;

use super::scene::{start, start_with};
use crate::support::folder::Folder;
use crate::support::http::{Connection, fetch};
use crate::support::registry::Registry;
use crate::support::upstream::{Act, Upstream, tarball_path};

#[test]
fn redirects_are_followed_but_not_into_the_house() {
    let upstream = Upstream::start();
    let tarball = upstream.publish("a", "1.0.0");
    let elsewhere = Upstream::start();
    elsewhere.publish("secret", "1.0.0");
    let path = tarball_path("a", "1.0.0");
    let moved = Act::reply(302, "").header("Location", "/cdn/a.tgz");
    upstream.script(&path, [moved]);
    upstream.script("/cdn/a.tgz", [Act::reply(200, tarball.clone())]);
    let target = format!("{}/secret", elsewhere.url());
    upstream.script("/b", [Act::reply(307, "").header("Location", &target)]);
    let server = start(&upstream, &[]);
    let reply = fetch(server.registry(), &path);
    assert_eq!((reply.status, &reply.body), (200, &tarball));
    // Another host is a public one, and loopback is none.
    assert_eq!(fetch(server.registry(), "/b").status, 503);
    assert_eq!(elsewhere.all_asked().len(), 0);
    server.await_log("a loopback address");
}

#[test]
fn an_upstream_is_asked_by_its_authority_s_word() {
    let folder = Folder::new();
    let authority = folder.path().join("ca.pem");
    let upstream = Upstream::start_tls(&authority);
    let tarball = upstream.publish("a", "1.0.0");
    let stranger = start(&upstream, &[]);
    let reply = fetch(stranger.registry(), "/a");
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert_eq!(upstream.all_asked().len(), 0);
    stranger.await_log("TLS failed");
    let mut setting = upstream.setting();
    setting["caFile"] = json!(authority);
    let server = start_with(&[setting], &[]);
    let reply = fetch(server.registry(), "/a/-/a-1.0.0.tgz");
    assert_eq!((reply.status, &reply.body), (200, &tarball));
}

#[test]
fn a_public_upstream_does_not_lead_into_the_house() {
    let upstream = Upstream::start();
    upstream.publish("a", "1.0.0");
    let mut setting = upstream.setting();
    setting["allowPrivate"] = json!(false);
    let server = start_with(&[setting], &[]);
    let reply = fetch(server.registry(), "/a");
    assert_eq!(reply.status, 503);
    let remedy = "set allowPrivate = true for the upstream of that host";
    assert!(reply.text().contains(remedy), "{}", reply.text());
    assert_eq!(upstream.all_asked().len(), 0);
    server.await_log("a loopback address");
}

#[test]
fn a_private_name_is_asked_of_its_own_upstream_alone() {
    let (public, private) = (Upstream::start(), Upstream::start());
    public.publish("a", "9.9.9");
    public.publish("@acme/a", "9.9.9");
    private.publish("@acme/a", "1.0.0");
    let folder = Folder::new();
    let token = folder.path().join("token");
    fs::write(&token, "s3cret\n").unwrap();
    let mut setting = private.setting();
    setting["hash"] = json!(7);
    setting["patterns"] = json!(["@acme/*"]);
    setting["tokenFile"] = json!(token);
    let server = start_with(&[public.setting(), setting], &[]);
    let document = fetch(server.registry(), "/@acme%2fa").json();
    assert_eq!(document["dist-tags"]["latest"], "1.0.0");
    assert_eq!(fetch(server.registry(), "/@acme%2fmissing").status, 404);
    assert_eq!(fetch(server.registry(), "/a").status, 200);
    let public_paths: Vec<String> = public.all_asked().into_iter().map(|one| one.path).collect();
    assert_eq!(public_paths, ["/a"]);
    let asked = private.all_asked();
    assert_eq!(asked[0].header("authorization"), Some("Bearer s3cret"));
    assert_eq!(public.all_asked()[0].header("authorization"), None);
    assert!(!server.log().contains("s3cret"));
}

#[test]
fn a_hosted_name_is_never_asked_of_an_upstream() {
    let upstream = Upstream::start();
    upstream.publish("ours", "9.9.9");
    upstream.publish("theirs", "1.0.0");
    let folder = Folder::new();
    let file = folder.path().join("settings.json");
    let settings = json!({
        "proxy": { "upstreams": [upstream.setting()] },
        "registry": { "fresh_ms": 0 },
    });
    fs::write(&file, settings.to_string()).unwrap();
    let registry = Registry::start_with(&["--config", file.to_str().unwrap()]);
    let tarball = registry.publish("ours", "1.0.0");
    for path in [
        "/ours",
        "/ours?write=true",
        "/ours/latest",
        "/-/package/ours/dist-tags",
    ] {
        assert_eq!(registry.anyone("GET", path, &[]).status, 200, "{path}");
    }
    let document = registry.anyone("GET", "/ours", &[]).json();
    assert_eq!(document["dist-tags"]["latest"], "1.0.0");
    let reply = registry.anyone("GET", "/ours/-/ours-1.0.0.tgz", &[]);
    assert_eq!(reply.body, tarball);
    for path in ["/ours/9.9.9", "/ours/-/ours-9.9.9.tgz"] {
        assert_eq!(registry.anyone("GET", path, &[]).status, 404, "{path}");
    }
    assert_eq!(upstream.all_asked().len(), 0);
    // What was an upstream's is ours once we publish it.
    assert_eq!(registry.anyone("GET", "/theirs", &[]).status, 200);
    registry.publish("theirs", "5.0.0");
    let asked = upstream.all_asked().len();
    let document = registry.anyone("GET", "/theirs?write=true", &[]).json();
    let versions: Vec<&String> = document["versions"].as_object().unwrap().keys().collect();
    assert_eq!(versions, ["5.0.0"]);
    assert_eq!(
        registry
            .anyone("GET", "/theirs/-/theirs-1.0.0.tgz", &[])
            .status,
        404
    );
    assert_eq!(upstream.all_asked().len(), asked);
}

#[test]
fn an_old_name_with_capitals_can_be_read() {
    let upstream = Upstream::start();
    let tarball = upstream.publish("JSONStream", "1.0.0");
    let server = start(&upstream, &[]);
    let document = fetch(server.registry(), "/JSONStream").json();
    assert_eq!(document["name"], "JSONStream");
    let reply = fetch(server.registry(), "/JSONStream/-/JSONStream-1.0.0.tgz");
    assert_eq!((reply.status, &reply.body), (200, &tarball));
}

#[test]
fn a_request_that_comes_back_is_a_loop() {
    let upstream = Upstream::start();
    upstream.publish("a", "1.0.0");
    let server = start(&upstream, &[]);
    assert_eq!(fetch(server.registry(), "/a").status, 200);
    let via = upstream.asked("/a")[0].header("via").unwrap().to_owned();
    let asked = upstream.all_asked().len();
    let mut connection = Connection::open(server.registry());
    let headers = [("Via", &*format!("1.1 other, {via}"))];
    for path in ["/b", "/b/-/b-1.0.0.tgz", "/a/-/a-1.0.0.tgz"] {
        let reply = connection.request("GET", path, &headers, b"").unwrap();
        assert_eq!(reply.status, 508, "{path}");
    }
    assert_eq!(upstream.all_asked().len(), asked);
    // An upstream that finds a loop tells us so.
    upstream.script("/c", [Act::reply(508, "{}")]);
    assert_eq!(fetch(server.registry(), "/c").status, 508);
}
