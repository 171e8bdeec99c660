//! Packages of upstreams, of one that answers as it is told: what the client saw, what was kept,
//! and what was logged.

use std::fs;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use super::support::blobs::{files, has_file};
use super::support::folder::Folder;
use super::support::http::{Connection, Reply, fetch, send};
use super::support::npm::{Archive, integrity_of, shasum_of};
use super::support::registry::Registry;
use super::support::server::{Server, run};
use super::support::upstream::{Act, Upstream, tarball_path};

/// A server with one upstream of all names, which is asked each time.
fn start(upstream: &Upstream, more: &[(&str, &str)]) -> Server {
    start_with(&[upstream.setting()], more)
}

fn start_with(upstreams: &[Value], more: &[(&str, &str)]) -> Server {
    let upstreams = json!(upstreams).to_string();
    let mut environment = vec![
        ("UPSTREAMS", &*upstreams),
        ("UPSTREAM_FALLBACK", ""),
        ("THIRTEEN_REGISTRY_FRESH_MS", "0"),
    ];
    environment.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    environment.extend_from_slice(more);
    Server::start_with(&[], &environment)
}

/// The document of a package as it is once its upstream was asked again.
fn fresh(server: &Server, upstream: &Upstream, path: &str) -> Value {
    let asked = upstream.asked(path).len();
    assert_eq!(fetch(server.registry(), path).status, 200);
    upstream.await_asked(path, asked + 1);
    // Who waits for a document waits for the answer that is on its way.
    let reply = fetch(server.registry(), &format!("{path}?write=true"));
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// What `thirteen cache` says.
fn cache(data: &Path, arguments: &[&str]) -> Value {
    let data = data.to_str().unwrap();
    let mut all = vec!["--data", data, "cache"];
    all.extend_from_slice(arguments);
    all.push("--json");
    let output = run(&all, &[]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The kept tarballs, once there are so many.
fn await_tarballs(server: &Server, count: usize) -> Vec<Value> {
    await_that(|| {
        let listed = cache(&server.data(), &["list"]);
        let listed = listed.as_array().unwrap().iter();
        let tarballs: Vec<Value> = listed
            .filter(|item| !item["version"].is_null())
            .cloned()
            .collect();
        (tarballs.len() == count).then_some(tarballs)
    })
}

/// Looks until there is something; each look takes a process or a request.
fn await_that<T>(look: impl Fn() -> Option<T>) -> T {
    for _ in 0..500 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::yield_now();
    }
    panic!("it never came");
}

fn metric(server: &Server, name: &str) -> f64 {
    let page = fetch(server.ops(), "/metrics");
    let line = page.text().lines().find(|line| line.starts_with(name));
    let line = line.unwrap_or_else(|| panic!("no {name}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Asks for something that is cut off; what came of it.
fn fetch_cut(address: SocketAddr, path: &str) -> Vec<u8> {
    let mut connection = Connection::open(address);
    ask(&mut connection, path);
    let mut came = Vec::new();
    // Closed or reset: what counts is what came before.
    let _ended = connection.stream().read_to_end(&mut came);
    came
}

/// Sends a request whose reply is not read yet.
fn ask(connection: &mut Connection, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    connection.send(request.as_bytes()).unwrap();
}

fn long_archive(name: &str, version: &str, bytes: usize) -> Vec<u8> {
    // Digits that gzip cannot make much shorter.
    let mut noise = Vec::with_capacity(bytes);
    let mut state = 1_u64;
    while noise.len() < bytes {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        noise.extend_from_slice(&state.to_be_bytes());
    }
    Archive::of_package(name, version)
        .file("package/noise", &noise)
        .gzip()
}

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
fn what_is_not_there_is_remembered_and_what_fails_is_not() {
    let upstream = Upstream::start();
    let server = start(&upstream, &[]);
    for _ in 0..3 {
        let reply = fetch(server.registry(), "/nothing");
        assert_eq!(reply.status, 404);
        assert!(reply.json()["error"].as_str().unwrap().contains("nothing"));
    }
    assert_eq!(upstream.asked("/nothing").len(), 1);
    upstream.script("/b", [Act::reply(503, "no")]);
    for _ in 0..2 {
        let reply = fetch(server.registry(), "/b");
        assert_eq!(reply.status, 503);
        assert!(reply.header("retry-after").is_some());
    }
    assert_eq!(upstream.asked("/b").len(), 2);
    upstream.unscript("/b");
    upstream.publish("b", "1.0.0");
    assert_eq!(fetch(server.registry(), "/b").status, 200);
    server.await_log("an upstream refused");
}

#[test]
fn a_slow_upstream_is_503_and_never_404_and_what_is_here_is_served() {
    let upstream = Upstream::start();
    upstream.publish("kept", "1.0.0");
    let mut setting = upstream.setting();
    setting["timeoutMs"] = json!(300);
    let server = start_with(&[setting], &[]);
    assert_eq!(fetch(server.registry(), "/kept").status, 200);
    let slow = || Act::reply(200, "{}").held_after(0);
    upstream.script("/new", [slow()]);
    upstream.script("/kept", [slow()]);
    let reply = fetch(server.registry(), "/new");
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert!(reply.header("retry-after").is_some());
    for _ in 0..2 {
        let reply = fetch(server.registry(), "/kept?write=true");
        assert_eq!(reply.json()["dist-tags"]["latest"], "1.0.0");
        assert!(reply.header("age").is_some());
    }
    server.await_log("did not come in time");
    assert!(metric(&server, "thirteen_upstream_document_stale_total") >= 1.0);
}

#[test]
fn a_failing_upstream_is_left_alone_and_what_is_here_is_served() {
    let upstream = Upstream::start();
    upstream.publish("kept", "1.0.0");
    let server = start(&upstream, &[]);
    assert_eq!(fetch(server.registry(), "/kept").status, 200);
    upstream.script("/kept", [Act::reply(500, "no")]);
    for number in 0..12 {
        let path = format!("/x{number}");
        upstream.script(&path, [Act::reply(502, "no")]);
        assert_eq!(fetch(server.registry(), &path).status, 503);
    }
    server.await_log("an upstream fails and is left alone");
    let asked = upstream.all_asked().len();
    let reply = fetch(server.registry(), "/another");
    assert_eq!(reply.status, 503);
    let seconds: u32 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=5).contains(&seconds));
    assert_eq!(upstream.all_asked().len(), asked);
    assert_eq!(fetch(server.registry(), "/kept").status, 200);
    let held = "thirteen_upstream_held_back{";
    assert!(metric(&server, held) >= 1.0);
}

#[test]
fn a_tarball_with_a_wrong_digest_is_cut_off_and_not_kept() {
    let upstream = Upstream::start();
    let other = integrity_of(b"other");
    let tarball = long_archive("a", "1.0.0", 1 << 20);
    let dist = json!({ "integrity": other, "shasum": shasum_of(&tarball) });
    upstream.publish_with("a", "1.0.0", tarball.clone(), dist);
    let server = start(&upstream, &[]);
    assert_eq!(fetch(server.registry(), "/a").status, 200);
    let kept = files(&server.data()).0.len();
    let came = fetch_cut(server.registry(), "/a/-/a-1.0.0.tgz");
    assert!(came.len() < tarball.len(), "{} came", came.len());
    server.await_log("a tarball is not kept");
    assert_eq!(files(&server.data()).0.len(), kept);
    await_that(|| (files(&server.data()).1 == 0).then_some(()));
    let unsound = "outcome=\"unsound\"} 1";
    assert!(fetch(server.ops(), "/metrics").text().contains(unsound));
    // The next one fetches again, and gets what the upstream has by then.
    let dist = json!({ "integrity": integrity_of(&tarball) });
    upstream.publish_with("a", "1.0.0", tarball.clone(), dist);
    fresh(&server, &upstream, "/a");
    let reply = fetch(server.registry(), "/a/-/a-1.0.0.tgz");
    assert_eq!((reply.status, reply.body == tarball), (200, true));
}

#[test]
fn a_short_tarball_with_a_wrong_digest_is_an_error() {
    let upstream = Upstream::start();
    let dist = json!({ "shasum": shasum_of(b"other") });
    upstream.publish_with("a", "1.0.0", b"short".to_vec(), dist);
    let server = start(&upstream, &[]);
    assert_eq!(fetch(server.registry(), "/a").status, 200);
    let reply = fetch(server.registry(), "/a/-/a-1.0.0.tgz");
    assert_eq!(reply.status, 502);
    assert!(
        reply
            .text()
            .contains("not the tarball that its document promises")
    );
    await_tarballs(&server, 0);
}

#[test]
fn a_document_without_a_strong_digest_is_taken_by_its_sha1() {
    let upstream = Upstream::start();
    let tarball = Archive::of_package("a", "1.0.0").gzip();
    let dist = json!({ "shasum": shasum_of(&tarball) });
    upstream.publish_with("a", "1.0.0", tarball.clone(), dist);
    upstream.publish_with("b", "1.0.0", tarball.clone(), json!({}));
    let server = start(&upstream, &[]);
    let reply = fetch(server.registry(), "/a/-/a-1.0.0.tgz");
    assert_eq!((reply.status, &reply.body), (200, &tarball));
    await_tarballs(&server, 1);
    let reply = fetch(server.registry(), "/b/-/b-1.0.0.tgz");
    assert_eq!(reply.status, 502, "no digest at all");
}

#[test]
fn a_tarball_that_ends_early_is_cut_off_and_not_kept() {
    let upstream = Upstream::start();
    let tarball = long_archive("a", "1.0.0", 1 << 20);
    upstream.publish_archive("a", "1.0.0", tarball.clone());
    let server = start(&upstream, &[]);
    assert_eq!(fetch(server.registry(), "/a").status, 200);
    let kept = files(&server.data()).0.len();
    let path = tarball_path("a", "1.0.0");
    let whole = || Act::reply(200, tarball.clone());
    for act in [
        whole().closed_after(600_000),
        whole().reset_after(600_000),
        whole().chunked().closed_after(600_000),
    ] {
        upstream.script(&path, [act]);
        let came = fetch_cut(server.registry(), &path);
        assert!(came.len() < tarball.len(), "{} came", came.len());
        assert!(!came.ends_with(b"0\r\n\r\n"));
        await_that(|| (files(&server.data()) == (files(&server.data()).0, 0)).then_some(()));
        assert_eq!(files(&server.data()).0.len(), kept);
    }
    server.await_log("a tarball is not kept");
    upstream.script(&path, [whole().chunked()]);
    let reply = fetch(server.registry(), &path);
    assert_eq!((reply.status, reply.body == tarball), (200, true));
    await_tarballs(&server, 1);
}

#[test]
fn the_rest_of_a_tarball_that_was_cut_off_is_asked_for() {
    let upstream = Upstream::start();
    let tarball = long_archive("a", "1.0.0", 1 << 20);
    upstream.publish_archive("a", "1.0.0", tarball.clone());
    let server = start(&upstream, &[]);
    assert_eq!(fetch(server.registry(), "/a").status, 200);
    let path = tarball_path("a", "1.0.0");
    let cut = Act::reply(200, tarball.clone()).header("ETag", "\"x\"");
    let all = tarball.len();
    let range = format!("bytes 600000-{}/{all}", all - 1);
    let rest = |body: &[u8]| Act::reply(206, body).header("Content-Range", &range);
    // The rest of another tarball is found out, too.
    let other = vec![0; all - 600_000];
    upstream.script(&path, [cut.clone().closed_after(600_000), rest(&other)]);
    assert!(fetch_cut(server.registry(), &path).len() < all);
    upstream.script(
        &path,
        [cut.closed_after(600_000), rest(&tarball[600_000..])],
    );
    let reply = fetch(server.registry(), &path);
    assert_eq!((reply.status, reply.body == tarball), (200, true));
    await_tarballs(&server, 1);
    let asked = upstream.asked(&path);
    assert_eq!(asked.len(), 4);
    assert_eq!(asked[3].header("range"), Some("bytes=600000-"));
    assert_eq!(asked[3].header("if-range"), Some("\"x\""));
}

#[test]
fn a_fetch_that_nobody_waits_for_is_given_up_before_its_half() {
    let upstream = Upstream::start();
    let tarball = long_archive("a", "1.0.0", 8 << 20);
    upstream.publish_archive("a", "1.0.0", tarball.clone());
    let server = start(&upstream, &[]);
    assert_eq!(fetch(server.registry(), "/a").status, 200);
    let path = tarball_path("a", "1.0.0");
    upstream.script(
        &path,
        [Act::reply(200, tarball.clone()).held_after(1 << 20)],
    );
    let mut client = Connection::open(server.registry());
    ask(&mut client, &path);
    upstream.await_held(1);
    drop(client);
    upstream.release(1);
    server.await_log("nobody waits for it any more");
    await_that(|| (files(&server.data()).1 == 0).then_some(()));
    await_tarballs(&server, 0);
}

#[test]
fn those_who_want_one_tarball_share_one_fetch() {
    let upstream = Upstream::start();
    let tarball = long_archive("a", "1.0.0", 2 << 20);
    upstream.publish_archive("a", "1.0.0", tarball.clone());
    let path = tarball_path("a", "1.0.0");
    upstream.script(
        &path,
        [Act::reply(200, tarball.clone()).held_after(1 << 20)],
    );
    let upstreams = json!([upstream.setting()]).to_string();
    let server = Server::start_with(&["--shards", "2"], &[("UPSTREAMS", &upstreams)]);
    let door = server.registry();
    assert_eq!(fetch(door, "/a").status, 200);
    let mut first = Connection::open(door);
    ask(&mut first, &path);
    upstream.await_held(1);
    // A client that goes away does not end what others follow.
    drop(first);
    let following: Vec<_> = (0..4)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || fetch(door, &path))
        })
        .collect();
    await_that(|| (metric(&server, "thirteen_upstream_tarball_misses_total") >= 5.0).then_some(()));
    upstream.release(1);
    for one in following {
        let reply = one.join().unwrap();
        assert_eq!((reply.status, reply.body == tarball), (200, true));
        let length = tarball.len().to_string();
        assert_eq!(reply.header("content-length"), Some(&*length));
    }
    assert_eq!(upstream.asked(&path).len(), 1);
    await_tarballs(&server, 1);
}

#[test]
fn a_lockfile_s_tarball_comes_without_its_document() {
    let upstream = Upstream::start();
    let tarball = upstream.publish("@s/a", "1.0.0");
    let server = start(&upstream, &[]);
    let reply = fetch(server.registry(), "/@s/a/-/a-1.0.0.tgz");
    assert_eq!((reply.status, &reply.body), (200, &tarball));
    let reply = fetch(server.registry(), "/@s/a/-/a-9.0.0.tgz");
    assert_eq!(reply.status, 404);
    let mut head = Connection::open(server.registry());
    let reply = head
        .request("HEAD", "/@s/a/-/a-1.0.0.tgz", &[], b"")
        .unwrap();
    let length = tarball.len().to_string();
    assert_eq!(reply.header("content-length"), Some(&*length));
}

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
fn a_document_of_40_mib_is_taken_and_one_of_70_is_not() {
    let upstream = Upstream::start();
    upstream.publish("a", "1.0.0");
    let mut document = fetch(upstream.address(), "/a").json();
    document["readme"] = json!("x".repeat(40 << 20));
    upstream.script("/a", [Act::reply(200, document.to_string())]);
    let long = format!("{{\"name\":\"b\",\"readme\":\"{}\"}}", "x".repeat(70 << 20));
    upstream.script("/b", [Act::reply(200, long)]);
    let server = start(&upstream, &[("THIRTEEN_REGISTRY_FRESH_MS", "300000")]);
    let mut connection = Connection::open(server.registry());
    let accept = [("Accept", "application/vnd.npm.install-v1+json")];
    let reply = connection.request("GET", "/a", &accept, b"").unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.body.len() < 10_000);
    assert_eq!(fetch(server.registry(), "/a").body.len() >> 20, 40);
    let reply = fetch(server.registry(), "/b");
    assert_eq!(reply.status, 502, "{}", reply.text());
    server.await_log("too long");
}

#[test]
fn what_is_no_document_is_refused_and_the_one_before_is_served() {
    let upstream = Upstream::start();
    upstream.publish("a", "1.0.0");
    let server = start(&upstream, &[]);
    assert_eq!(fetch(server.registry(), "/a").status, 200);
    let other = json!({ "name": "b", "versions": {} }).to_string();
    for body in ["<html>", "[]", "{\"name\":", &other] {
        upstream.script("/a", [Act::reply(200, body)]);
        let document = fetch(server.registry(), "/a?write=true").json();
        assert_eq!(document["dist-tags"]["latest"], "1.0.0", "{body}");
        upstream.script("/new", [Act::reply(200, body)]);
        assert_eq!(fetch(server.registry(), "/new").status, 502, "{body}");
    }
    let coded = Act::reply(200, "{}").header("Content-Encoding", "zstd");
    upstream.script("/new", [coded]);
    assert_eq!(fetch(server.registry(), "/new").status, 502);
    server.await_log("a document is refused");
}

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
    assert_eq!(fetch(server.registry(), "/a").status, 503);
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
