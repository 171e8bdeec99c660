//! Upstreams that fail, are slow, or answer with what is no document.

use serde_json::json;

use super::scene::{clear, metric, start, start_with};
use crate::support::http::{Connection, fetch};
use crate::support::upstream::{Act, Upstream};

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
        clear(&server);
        upstream.script("/a", [Act::reply(200, body)]);
        let document = fetch(server.registry(), "/a?write=true").json();
        assert_eq!(document["dist-tags"]["latest"], "1.0.0", "{body}");
    }
    for (number, body) in ["<html>", "[]", "{\"name\":", &other].iter().enumerate() {
        let path = format!("/new{number}");
        upstream.script(&path, [Act::reply(200, *body)]);
        assert_eq!(fetch(server.registry(), &path).status, 502, "{body}");
    }
    let coded = Act::reply(200, "{}").header("Content-Encoding", "zstd");
    upstream.script("/coded", [coded]);
    assert_eq!(fetch(server.registry(), "/coded").status, 502);
    server.await_log("a document is refused");
}

#[test]
fn a_document_with_versions_without_end_is_refused() {
    let upstream = Upstream::start();
    let versions = |count: usize| -> String {
        let each: Vec<String> = (0..count)
            .map(|one| format!("\"1.0.{one}\":{{}}"))
            .collect();
        format!("{{\"name\":\"many\",\"versions\":{{{}}}}}", each.join(","))
    };
    upstream.script("/many", [Act::reply(200, versions(100_001))]);
    let server = start(&upstream, &[]);
    let reply = fetch(server.registry(), "/many");
    assert_eq!(reply.status, 502, "{}", reply.text());
    server.await_log("more than 100000 versions");
}

#[test]
fn a_document_with_fields_without_end_is_refused() {
    let upstream = Upstream::start();
    let fields = |count: usize| -> String {
        let each: Vec<String> = (0..count).map(|one| format!("\"f{one}\":1")).collect();
        format!("{{{}}}", each.join(","))
    };
    let document = |name: &str, versions: usize, fields: &str| {
        let each: Vec<String> = (0..versions)
            .map(|one| format!("\"1.0.{one}\":{fields}"))
            .collect();
        let versions = each.join(",");
        format!("{{\"name\":\"{name}\",\"versions\":{{{versions}}}}}")
    };
    let many = fields(100_000);
    for (name, versions, fields) in [
        ("some", 2, &many),
        ("all", 11, &many),
        ("one", 1, &fields(200_000)),
    ] {
        let text = document(name, versions, fields);
        upstream.script(&format!("/{name}"), [Act::reply(200, text)]);
    }
    let loose = fields(200_000).replacen('{', "{\"name\":\"loose\",", 1);
    upstream.script("/loose", [Act::reply(200, loose)]);
    let server = start(&upstream, &[("THIRTEEN_REGISTRY_FRESH_MS", "300000")]);
    let status = |path: &str| fetch(server.registry(), path).status;
    assert_eq!(
        ["/some", "/all", "/one", "/loose"].map(status),
        [200, 502, 502, 502]
    );
    server.await_log("it has more than 1000000 fields");
    server.await_log("an object in it has more than 131072 fields");
}
