//! Packages of upstreams when what they come from, or the rules for them, are others than before.

use std::fs;

use serde_json::{Value, json};

use super::support::blobs::{files, has_file};
use super::support::folder::Folder;
use super::support::http::{Connection, fetch};
use super::support::npm::{Archive, integrity_of};
use super::support::server::Server;
use super::support::upstream::{Act, Upstream, tarball_path};
use super::upstreams::scene::{ask, await_tarballs, await_that, clear, fresh, start};

/// A server whose settings are in a file, and the file.
struct Configured {
    server: Server,
    folder: Folder,
}

impl Configured {
    fn start(settings: &Value) -> Configured {
        let folder = Folder::new();
        let file = folder.path().join("settings.json");
        fs::write(&file, settings.to_string()).unwrap();
        let arguments = ["--config", file.to_str().unwrap()];
        let server = Server::start_with(&arguments, &[("UPSTREAM_FALLBACK", "")]);
        Configured { server, folder }
    }

    fn restart(&mut self, settings: &Value) {
        self.server.terminate();
        let file = self.folder.path().join("settings.json");
        fs::write(&file, settings.to_string()).unwrap();
        self.server.restart();
    }

    fn status(&self, path: &str) -> u16 {
        fetch(self.server.registry(), path).status
    }
}

fn versions(document: &Value) -> Vec<&String> {
    document["versions"].as_object().unwrap().keys().collect()
}

#[test]
fn a_tarball_is_judged_by_the_rules_in_force() {
    let upstream = Upstream::start();
    for version in ["1.0.0", "2.0.0", "3.0.0"] {
        upstream.publish("a", version);
    }
    let archive = Archive::of_package("a", "4.0.0").gzip();
    let dist = json!({ "integrity": integrity_of(&archive) });
    let future = "2999-01-01T00:00:00.000Z";
    upstream.publish_at("a", "4.0.0", archive, dist, future);
    let settings = |rules: Value| {
        let mut registry = json!({ "fresh_ms": 300_000 });
        registry
            .as_object_mut()
            .unwrap()
            .extend(rules.as_object().unwrap().clone());
        json!({ "proxy": { "upstreams": [upstream.setting()] }, "registry": registry })
    };
    let mut configured = Configured::start(&settings(json!({})));
    let paths = ["1.0.0", "2.0.0", "3.0.0", "4.0.0"].map(|version| tarball_path("a", version));
    for path in [&paths[0], &paths[1], &paths[3]] {
        assert_eq!(configured.status(path), 200);
    }
    await_tarballs(&configured.server, 3);
    configured.restart(&settings(json!({ "blocked": ["a@>1.0.0 <4"] })));
    let found = paths.clone().map(|path| configured.status(&path));
    assert_eq!(found, [200, 404, 404, 200]);
    assert_eq!(upstream.asked(&paths[2]).len(), 0);
    configured.restart(&settings(json!({ "minimum_release_age_ms": 86_400_000 })));
    let found = paths.clone().map(|path| configured.status(&path));
    assert_eq!(found, [200, 200, 200, 404]);
    configured.restart(&settings(json!({ "quarantine_ms": 86_400_000 })));
    assert_eq!(configured.status(&paths[3]), 404);
    configured.restart(&settings(json!({})));
    assert_eq!(configured.status(&paths[3]), 200);
}

#[test]
fn a_name_that_comes_from_nowhere_has_nothing_here() {
    let upstream = Upstream::start();
    upstream.publish("a", "1.0.0");
    let settings = |patterns: Value| {
        let mut setting = upstream.setting();
        setting["patterns"] = patterns;
        json!({ "proxy": { "upstreams": [setting] } })
    };
    let mut configured = Configured::start(&settings(json!(["a"])));
    let paths = [
        "/a/-/a-1.0.0.tgz",
        "/-/package/a/access",
        "/-/package/a/visibility",
        "/a",
    ];
    for path in paths {
        assert_eq!(configured.status(path), 200, "{path}");
    }
    await_tarballs(&configured.server, 1);
    configured.restart(&settings(json!(["b"])));
    for path in paths {
        assert_eq!(configured.status(path), 404, "{path}");
    }
}

#[test]
fn nothing_of_a_former_upstream_is_kept_under_another() {
    let (former, latter) = (Upstream::start(), Upstream::start());
    let tarball = former.publish("a", "1.0.0");
    former.publish("a", "2.0.0");
    former.tag("a", "old", "1.0.0");
    latter.publish("a", "3.0.0");
    let settings = |upstream: &Upstream, hash: u32| {
        let mut setting = upstream.setting();
        setting["hash"] = json!(hash);
        setting["patterns"] = json!(["*"]);
        let registry = json!({ "keep_removed": true, "fresh_ms": 300_000 });
        json!({ "proxy": { "upstreams": [setting] }, "registry": registry })
    };
    let mut configured = Configured::start(&settings(&former, 1));
    assert_eq!(configured.status("/a/-/a-1.0.0.tgz"), 200);
    await_tarballs(&configured.server, 1);
    configured.restart(&settings(&latter, 2));
    assert_eq!(configured.status("/a/-/a-1.0.0.tgz"), 404);
    let document = fetch(configured.server.registry(), "/a").json();
    assert_eq!(versions(&document), ["3.0.0"]);
    assert_eq!(document["dist-tags"], json!({ "latest": "3.0.0" }));
    for (path, status) in [
        ("/a/-/a-1.0.0.tgz", 404),
        ("/a/-/a-2.0.0.tgz", 404),
        ("/a/-/a-3.0.0.tgz", 200),
    ] {
        assert_eq!(configured.status(path), status, "{path}");
    }
    await_that(|| (!has_file(&configured.server.data(), &tarball)).then_some(()));
}

/// The document of `a` whose versions have tarballs of these names, and the tarballs.
fn named(upstream: &Upstream, named: &[(&str, &str)]) -> String {
    let mut versions = serde_json::Map::new();
    for (version, file) in named {
        let archive = Archive::of_package("a", version).gzip();
        let url = format!("{}/of-{version}/{file}", upstream.url());
        let dist = json!({ "tarball": url, "integrity": integrity_of(&archive) });
        upstream.script(&format!("/of-{version}/{file}"), [Act::reply(200, archive)]);
        let manifest = json!({ "name": "a", "version": version, "dist": dist });
        versions.insert((*version).to_owned(), manifest);
    }
    json!({ "name": "a", "dist-tags": {}, "versions": versions }).to_string()
}

#[test]
fn tarballs_may_share_swap_and_inherit_names() {
    for keeps in ["false", "true"] {
        let upstream = Upstream::start();
        let server = start(&upstream, &[("THIRTEEN_REGISTRY_KEEP_REMOVED", keeps)]);
        for files in [
            &[
                ("1.0.0", "x.tgz"),
                ("2.0.0", "x.tgz"),
                ("3.0.0", "a-2.0.0.tgz"),
            ][..],
            &[
                ("1.0.0", "a-2.0.0.tgz"),
                ("2.0.0", "a-2.0.0.tgz"),
                ("3.0.0", "x.tgz"),
            ],
            &[("1.0.0", "x.tgz"), ("2.0.0", "y.tgz"), ("3.0.0", "z.tgz")],
            &[("1.0.0", "y.tgz"), ("2.0.0", "x.tgz"), ("3.0.0", "z.tgz")],
            // The name of one that went.
            &[("2.0.0", "y.tgz"), ("4.0.0", "x.tgz"), ("5.0.0", "z.tgz")],
        ] {
            let document = named(&upstream, files);
            upstream.script("/a", [Act::reply(200, document)]);
            let reply = fetch(server.registry(), "/a?write=true");
            assert_eq!(reply.status, 200, "{}", reply.text());
            let document = reply.json();
            let count = if keeps == "true" { 5 } else { 3 };
            let is_last = files[0].0 == "2.0.0";
            assert_eq!(versions(&document).len(), if is_last { count } else { 3 });
            for (version, manifest) in document["versions"].as_object().unwrap() {
                let url = manifest["dist"]["tarball"].as_str().unwrap();
                let path = &url[url.find("/a/-/").unwrap()..];
                let reply = fetch(server.registry(), path);
                let archive = Archive::of_package("a", version).gzip();
                assert_eq!((reply.status, reply.body == archive), (200, true), "{path}");
            }
        }
    }
}

#[test]
fn a_document_that_cannot_be_used_is_fetched_once_for_a_while() {
    let upstream = Upstream::start();
    upstream.publish("a", "1.0.0");
    upstream.publish("kept", "1.0.0");
    let server = start(&upstream, &[]);
    assert_eq!(fetch(server.registry(), "/kept").status, 200);
    for (path, act, status) in [
        ("/a", Act::reply(200, "<html>"), 502),
        ("/denied", Act::reply(403, "{}"), 503),
    ] {
        upstream.script(path, [act]);
        for _ in 0..3 {
            assert_eq!(fetch(server.registry(), path).status, status);
        }
        assert_eq!(upstream.asked(path).len(), 1);
    }
    // Clearing lets it be looked at again.
    upstream.unscript("/a");
    clear(&server);
    assert_eq!(fetch(server.registry(), "/a").status, 200);
    // What is here is served, and what failed in the background is not tried at once again.
    upstream.script("/kept", [Act::reply(500, "no")]);
    assert_eq!(fetch(server.registry(), "/kept").status, 200);
    upstream.await_asked("/kept", 2);
    // Who waits joins that one, or asks again after its end.
    assert_eq!(fetch(server.registry(), "/kept?write=true").status, 200);
    let asked = upstream.asked("/kept").len();
    for _ in 0..5 {
        assert_eq!(fetch(server.registry(), "/kept").status, 200);
    }
    assert_eq!(fetch(server.registry(), "/kept?write=true").status, 200);
    assert_eq!(upstream.asked("/kept").len(), asked + 1);
}

#[test]
fn a_tarball_of_a_version_that_went_meanwhile_is_not_kept() {
    let upstream = Upstream::start();
    upstream.publish("a", "1.0.0");
    let tarball = upstream.publish("a", "2.0.0");
    let path = tarball_path("a", "2.0.0");
    upstream.script(&path, [Act::reply(200, tarball.clone()).held_after(10)]);
    let server = start(&upstream, &[]);
    assert_eq!(fetch(server.registry(), "/a").status, 200);
    let mut client = Connection::open(server.registry());
    ask(&mut client, &path);
    upstream.await_held(1);
    upstream.unpublish("a", "2.0.0");
    let document = fresh(&server, &upstream, "/a");
    assert_eq!(versions(&document), ["1.0.0"]);
    upstream.release(1);
    await_that(|| (files(&server.data()).1 == 0).then_some(()));
    await_that(|| (!has_file(&server.data(), &tarball)).then_some(()));
    assert!(await_tarballs(&server, 0).is_empty());
    assert_eq!(fetch(server.registry(), &path).status, 404);
}
