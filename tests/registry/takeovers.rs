//! Publishing under names that an upstream has.

use std::fs;

use serde_json::json;

use crate::people::{account, ask, server};
use crate::support::http::{Connection, Reply};
use crate::support::npm::{Archive, PublishBody};
use crate::support::server::Server;
use crate::support::upstream::{Act, Upstream};

fn start(upstream: &Upstream, more: &[(&str, &str)]) -> Server {
    let upstreams = json!([upstream.setting()]).to_string();
    let mut environment = vec![("UPSTREAMS", &*upstreams)];
    environment.extend_from_slice(more);
    server(&environment)
}

fn publish(server: &Server, credential: &str, name: &str) -> Reply {
    let archive = Archive::of_package(name, "99.0.0").gzip();
    let body = PublishBody::of(name, "99.0.0", &archive);
    let target = format!("/{}", name.replace('/', "%2f"));
    ask(server, "PUT", &target, credential, Some(&body))
}

fn versions(server: &Server, name: &str) -> Vec<String> {
    let document = ask(server, "GET", &format!("/{name}"), "", None).json();
    let versions = document["versions"].as_object().unwrap();
    versions.keys().cloned().collect()
}

#[test]
fn an_account_takes_no_name_from_an_upstream() {
    let upstream = Upstream::start();
    upstream.publish("react", "1.0.0");
    upstream.publish("known", "1.0.0");
    let server = start(&upstream, &[]);
    let alice = account(&server, "alice");
    assert_eq!(versions(&server, "known"), ["1.0.0"]);
    let asked = upstream.asked("/known").len();
    for name in ["react", "known", "react"] {
        let reply = publish(&server, &alice, name);
        assert_eq!(reply.status, 403, "{}", reply.text());
        assert_eq!(reply.json()["reason"], "name_is_upstream");
        assert_eq!(versions(&server, name), ["1.0.0"]);
    }
    assert_eq!(upstream.asked("/known").len(), asked);
    // What nobody has is free, and its owner goes on publishing it.
    let reply = publish(&server, &alice, "mine");
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(upstream.asked("/mine").len(), 1);
    upstream.publish("mine", "1.0.0");
    assert_eq!(versions(&server, "mine"), ["99.0.0"]);
    assert_eq!(publish(&server, &alice, "mine").status, 409);
    assert_eq!(upstream.asked("/mine").len(), 1);
}

#[test]
fn an_upstream_that_cannot_be_asked_frees_no_name() {
    let upstream = Upstream::start();
    upstream.script("/a", [Act::reply(503, "no")]);
    let server = start(&upstream, &[]);
    let alice = account(&server, "alice");
    let reply = publish(&server, &alice, "a");
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert!(reply.header("retry-after").is_some());
    assert_eq!(ask(&server, "GET", "/a", "", None).status, 503);
    upstream.unscript("/a");
    assert_eq!(publish(&server, &alice, "a").status, 201);
}

#[test]
fn a_name_that_an_upstream_gets_during_the_publish_is_not_taken() {
    let upstream = Upstream::start();
    upstream.script("/a", [Act::reply(404, "{}")]);
    let server = start(&upstream, &[]);
    let alice = account(&server, "alice");
    let archive = Archive::of_package("a", "99.0.0").gzip();
    let body = PublishBody::of("a", "99.0.0", &archive).to_string();
    let (first, rest) = body.split_at(body.len() - 20);
    let mut connection = Connection::open(server.registry());
    let head = format!(
        "PUT /a HTTP/1.1\r\nHost: localhost\r\nAuthorization: {alice}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{first}",
        body.len()
    );
    connection.send(head.as_bytes()).unwrap();
    upstream.await_asked("/a", 1);
    upstream.unscript("/a");
    upstream.publish("a", "1.0.0");
    // What is not there is believed for a while, which clearing ends.
    while ask(&server, "GET", "/a", "", None).status != 200 {
        let cleared = ask(&server, "DELETE", "/-/thirteen/cache", "", None);
        assert_eq!(cleared.status, 200);
    }
    connection.send(rest.as_bytes()).unwrap();
    let reply = connection.reply("PUT").unwrap();
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert_eq!(versions(&server, "a"), ["1.0.0"]);
}

#[test]
fn the_operator_s_own_scopes_ask_no_upstream() {
    let upstream = Upstream::start();
    for name in ["@own/a", "@team/a", "@other/a", "plain"] {
        upstream.publish(name, "1.0.0");
    }
    let settings = [
        (
            "THIRTEEN_REGISTRY_OPEN_SCOPES",
            "@own,@other2,unscoped,@team",
        ),
        ("THIRTEEN_REGISTRY_PRIVATE_SCOPES", "@team"),
    ];
    let server = start(&upstream, &settings);
    let alice = account(&server, "alice");
    assert_eq!(publish(&server, &alice, "@own/a").status, 201);
    assert_eq!(publish(&server, &alice, "@team/a").status, 201);
    assert_eq!(upstream.all_asked().len(), 0);
    assert_eq!(publish(&server, &alice, "plain").status, 403);
    assert_eq!(publish(&server, &alice, "@other/a").status, 403);
}

#[test]
fn offline_what_is_not_known_is_free() {
    let upstream = Upstream::start();
    upstream.publish("known", "1.0.0");
    upstream.publish("unknown", "1.0.0");
    let mut server = start(&upstream, &[]);
    let alice = account(&server, "alice");
    assert_eq!(versions(&server, "known"), ["1.0.0"]);
    server.terminate();
    let file = server.data().parent().unwrap().join("offline.toml");
    fs::write(&file, "[registry]\noffline = true\n").unwrap();
    server.restart_with(&["--config", file.to_str().unwrap()]);
    assert_eq!(publish(&server, &alice, "known").status, 403);
    let reply = publish(&server, &alice, "unknown");
    assert_eq!(reply.status, 201, "{}", reply.text());
}
