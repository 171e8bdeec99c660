//! Tarballs of upstreams: what comes whole and right is kept, anything else is cut off.

use serde_json::json;

use super::scene::{
    ask, await_tarballs, await_that, fetch_cut, fresh, long_archive, metric, start,
};
use crate::support::blobs::files;
use crate::support::http::{Connection, fetch};
use crate::support::npm::{Archive, integrity_of, shasum_of};
use crate::support::server::Server;
use crate::support::upstream::{Act, Upstream, tarball_path};

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
