//! Changes of packages by npm's ways: deprecating, starring, owners, unpublishing.

use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};

use crate::people::account;
use crate::shelf::{Door, ask, get, keys, publish, publish_with, to_write, try_publish, unhurried};

fn put(server: &impl Door, who: &str, target: &str, body: &Value) -> u16 {
    ask(server, "PUT", target, who, Some(body)).status
}

/// What `npm deprecate` does: reads, changes, and puts all of it.
fn deprecate(server: &impl Door, who: &str, name: &str, version: &str, reason: &str) -> u16 {
    let mut document = to_write(server, who, name);
    document["versions"][version]["deprecated"] = json!(reason);
    put(server, who, &format!("/{name}"), &document)
}

/// What `npm unpublish name@version` does, in four requests.
fn unpublish(server: &impl Door, who: &str, name: &str, version: &str) {
    let mut document = to_write(server, who, name);
    let tarball = document["versions"][version]["dist"]["tarball"].clone();
    let versions = document["versions"].as_object_mut().unwrap();
    versions.remove(version).unwrap();
    let last = versions.keys().next_back().unwrap().clone();
    let tags = document["dist-tags"].as_object_mut().unwrap();
    tags.retain(|tag, of| tag == "latest" || of != version);
    if tags["latest"] == version {
        tags["latest"] = json!(last);
    }
    let revision = document["_rev"].as_str().unwrap().to_owned();
    let target = format!("/{name}/-rev/{revision}");
    assert_eq!(put(server, who, &target, &document), 201);
    let after = to_write(server, who, name);
    let revision = after["_rev"].as_str().unwrap();
    let path = tarball.as_str().unwrap();
    let path = path.split_once("://").unwrap().1.split_once('/').unwrap().1;
    let target = format!("/{path}/-rev/{revision}");
    assert_eq!(ask(server, "DELETE", &target, who, None).status, 200);
}

#[test]
fn a_publish_without_its_archive_is_told_what_it_lacks() {
    let server = unhurried(&[]);
    let anna = account(&server, "anna");
    publish(&server, &anna, "a", "1.0.0");
    let mut document = to_write(&server, &anna, "a");
    document["versions"]["1.1.0"] = json!({ "name": "a", "version": "1.1.0" });
    let (versions, attachments) = (document["versions"].clone(), json!({}));
    for (name, body) in [
        ("a", document),
        (
            "a",
            json!({ "versions": versions, "_attachments": attachments }),
        ),
        (
            "none",
            json!({ "name": "none", "versions": { "1.0.0": {} } }),
        ),
    ] {
        let reply = ask(&server, "PUT", &format!("/{name}"), &anna, Some(&body));
        assert_eq!(reply.status, 400, "{}", reply.text());
        assert!(reply.text().contains("`_attachments`"), "{}", reply.text());
    }
    assert!(
        to_write(&server, &anna, "a")["_rev"]
            .as_str()
            .unwrap()
            .starts_with("1-")
    );
}

#[test]
fn a_version_is_deprecated_and_that_is_undone() {
    let server = unhurried(&[]);
    let (anna, bert) = (account(&server, "anna"), account(&server, "bert"));
    publish(&server, &anna, "a", "1.0.0");
    publish(&server, &anna, "a", "1.1.0");
    assert_eq!(deprecate(&server, &anna, "a", "1.0.0", "broken"), 201);
    let document = get(&server, "a", &[]).json();
    assert_eq!(document["versions"]["1.0.0"]["deprecated"], json!("broken"));
    assert_eq!(document["versions"]["1.1.0"]["deprecated"], Value::Null);
    assert!(document["_rev"].as_str().unwrap().starts_with("3-"));
    assert_eq!(deprecate(&server, &bert, "a", "1.0.0", "mine"), 403);
    assert_eq!(deprecate(&server, &anna, "a", "1.0.0", ""), 201);
    let document = get(&server, "a", &[]).json();
    assert_eq!(document["versions"]["1.0.0"]["deprecated"], Value::Null);
    // Nothing else of a document that is sent back counts.
    let mut document = to_write(&server, &anna, "a");
    document["versions"]["1.0.0"]["dist"]["integrity"] = json!("sha512-x");
    document["versions"]
        .as_object_mut()
        .unwrap()
        .remove("1.1.0");
    assert_eq!(put(&server, &anna, "/a", &document), 201);
    let after = to_write(&server, &anna, "a");
    assert_eq!(keys(&after["versions"]), ["1.0.0", "1.1.0"]);
    assert_ne!(
        after["versions"]["1.0.0"]["dist"]["integrity"],
        json!("sha512-x")
    );
}

#[test]
fn a_document_of_another_revision_is_409() {
    let server = unhurried(&[]);
    let anna = account(&server, "anna");
    publish(&server, &anna, "a", "1.0.0");
    let old = to_write(&server, &anna, "a");
    publish(&server, &anna, "a", "1.1.0");
    let mut stale = old.clone();
    stale["versions"]["1.0.0"]["deprecated"] = json!("old");
    assert_eq!(put(&server, &anna, "/a", &stale), 409);
    let revision = old["_rev"].as_str().unwrap();
    assert_eq!(
        put(&server, &anna, &format!("/a/-rev/{revision}"), &old),
        409
    );
    for target in [
        format!("/a/-rev/{revision}"),
        format!("/a/-/a-1.0.0.tgz/-rev/{revision}"),
        "/a/-rev/none".to_owned(),
    ] {
        let deleted = ask(&server, "DELETE", &target, &anna, None);
        assert_eq!(deleted.status, 409, "{target}");
        let error = deleted.json()["error"].clone();
        assert_eq!(error, json!("Document update conflict."));
    }
    assert_eq!(
        keys(&to_write(&server, &anna, "a")["versions"]),
        ["1.0.0", "1.1.0"]
    );
}

#[test]
fn a_version_is_unpublished_by_four_requests() {
    let server = unhurried(&[]);
    let (anna, bert) = (account(&server, "anna"), account(&server, "bert"));
    for version in ["1.0.0", "1.1.0", "2.0.0"] {
        publish(&server, &anna, "a", version);
    }
    publish_with(&server, &anna, "a", "2.1.0-rc", "next", json!({}));
    unpublish(&server, &anna, "a", "2.0.0");
    let document = get(&server, "a", &[]).json();
    assert_eq!(keys(&document["versions"]), ["1.0.0", "1.1.0", "2.1.0-rc"]);
    assert_eq!(document["time"]["2.0.0"], Value::Null);
    assert_eq!(
        ask(&server, "GET", "/a/-/a-2.0.0.tgz", "", None).status,
        404
    );
    assert_eq!(
        ask(&server, "GET", "/a/-/a-1.1.0.tgz", "", None).status,
        200
    );
    assert_eq!(ask(&server, "GET", "/a/2.0.0", "", None).status, 404);
    // Its number is not given again.
    let again = try_publish(&server, &anna, "a", "2.0.0", "latest", json!({}));
    assert_eq!(again.status, 409);
    let words = "You cannot publish over the previously published versions: 2.0.0.";
    assert_eq!(again.json()["error"], json!(words));
    let revision = document["_rev"].as_str().unwrap();
    let deleted = ask(
        &server,
        "DELETE",
        &format!("/a/-rev/{revision}"),
        &bert,
        None,
    );
    assert_eq!(deleted.status, 403);
}

#[test]
fn a_tag_of_what_is_unpublished_goes_and_latest_moves() {
    let server = unhurried(&[]);
    let anna = account(&server, "anna");
    publish(&server, &anna, "a", "1.0.0");
    publish_with(&server, &anna, "a", "2.0.0", "next", json!({}));
    publish_with(&server, &anna, "a", "1.9.0", "lts", json!({}));
    // Only the file is deleted, as some clients do.
    for (version, expected) in [
        ("2.0.0", json!({ "latest": "1.0.0", "lts": "1.9.0" })),
        ("1.0.0", json!({ "latest": "1.9.0", "lts": "1.9.0" })),
    ] {
        let document = to_write(&server, &anna, "a");
        let revision = document["_rev"].as_str().unwrap();
        let target = format!("/a/-/a-{version}.tgz/-rev/{revision}");
        assert_eq!(ask(&server, "DELETE", &target, &anna, None).status, 200);
        assert_eq!(get(&server, "a", &[]).json()["dist-tags"], expected);
        // Again: nothing is left to do, whatever the revision.
        assert_eq!(ask(&server, "DELETE", &target, &anna, None).status, 200);
    }
}

#[test]
fn a_package_is_unpublished_whole() {
    let server = unhurried(&[]);
    let anna = account(&server, "anna");
    publish(&server, &anna, "a", "1.0.0");
    publish(&server, &anna, "a", "1.1.0");
    let document = to_write(&server, &anna, "a");
    let revision = document["_rev"].as_str().unwrap();
    let target = format!("/a/-rev/{revision}");
    assert_eq!(ask(&server, "DELETE", &target, &anna, None).status, 200);
    let document = get(&server, "a", &[]).json();
    assert_eq!(document["versions"], json!({}));
    assert_eq!(document["dist-tags"], json!({}));
    let gone = &document["time"]["unpublished"]["versions"];
    assert_eq!(*gone, json!(["1.0.0", "1.1.0"]));
    assert_eq!(ask(&server, "GET", "/a/latest", "", None).status, 404);
    assert_eq!(
        ask(&server, "GET", "/a/-/a-1.0.0.tgz", "", None).status,
        404
    );
    assert_eq!(ask(&server, "DELETE", &target, &anna, None).status, 200);
    let again = try_publish(&server, &anna, "a", "1.0.0", "latest", json!({}));
    assert_eq!(again.status, 409);
    publish(&server, &anna, "a", "1.2.0");
    let document = get(&server, "a", &[]).json();
    assert_eq!(keys(&document["versions"]), ["1.2.0"]);
    assert_eq!(document["time"]["unpublished"], Value::Null);
}

#[test]
fn a_star_is_the_callers_own() {
    let server = unhurried(&[]);
    let (anna, bert) = (account(&server, "anna"), account(&server, "bert"));
    publish(&server, &anna, "a", "1.0.0");
    let revision = to_write(&server, &bert, "a")["_rev"].clone();
    let users = |users: Value| json!({ "_id": "a", "_rev": revision, "users": users });
    let given = users(json!({ "bert": true, "anna": true }));
    assert_eq!(put(&server, &bert, "/a", &given), 201);
    assert_eq!(
        get(&server, "a", &[]).json()["users"],
        json!({ "bert": true })
    );
    assert_eq!(
        put(&server, &anna, "/a", &users(json!({ "anna": true }))),
        201
    );
    let both = json!({ "anna": true, "bert": true });
    assert_eq!(get(&server, "a", &[]).json()["users"], both);
    assert_eq!(put(&server, &bert, "/a", &users(json!({}))), 201);
    assert_eq!(
        get(&server, "a", &[]).json()["users"],
        json!({ "anna": true })
    );
    assert_eq!(put(&server, "", "/a", &given), 401);
    assert_eq!(put(&server, &bert, "/none", &given), 404);
}

#[test]
fn pnpm_stars_by_the_whole_document() {
    let server = unhurried(&[]);
    let (anna, bert) = (account(&server, "anna"), account(&server, "bert"));
    publish(&server, &anna, "a", "1.0.0");
    for (who, name) in [(&anna, "anna"), (&bert, "bert")] {
        for users in [json!({ name: true }), json!({})] {
            let mut document = to_write(&server, who, "a");
            let path = format!("/a/-rev/{}", document["_rev"].as_str().unwrap());
            document["users"] = users.clone();
            assert_eq!(put(&server, who, &path, &document), 201, "{name}");
            let shown = get(&server, "a", &[]).json()["users"].take();
            let shown = if shown.is_null() { json!({}) } else { shown };
            assert_eq!(shown, users);
        }
    }
    // What does not move the caller's star takes the package's owner.
    let mut document = to_write(&server, &bert, "a");
    let path = format!("/a/-rev/{}", document["_rev"].as_str().unwrap());
    document["users"] = json!({ "anna": true });
    document["versions"]["1.0.0"]["deprecated"] = json!("no more");
    assert_eq!(put(&server, &bert, &path, &document), 403);
}

#[test]
fn owners_change_by_name() {
    let server = unhurried(&[]);
    let (anna, bert) = (account(&server, "anna"), account(&server, "bert"));
    publish(&server, &anna, "a", "1.0.0");
    let change = |who: &str, owners: Value| {
        let document = to_write(&server, who, "a");
        let revision = document["_rev"].as_str().unwrap();
        let body = json!({ "_id": "a", "_rev": revision, "maintainers": owners });
        put(&server, who, &format!("/a/-rev/{revision}"), &body)
    };
    let owners = || get(&server, "a", &[]).json()["maintainers"].clone();
    let (one, other) = (
        json!({ "name": "anna", "email": "anna@example.com" }),
        json!({ "name": "bert", "email": "bert@example.com" }),
    );
    assert_eq!(change(&bert, json!([other])), 403);
    assert_eq!(change(&anna, json!([one, { "name": "nobody" }])), 400);
    assert_eq!(change(&anna, json!([])), 400);
    assert_eq!(owners(), json!([one]));
    assert_eq!(change(&anna, json!([one, other])), 201);
    assert_eq!(owners(), json!([one, other]));
    publish(&server, &bert, "a", "1.1.0");
    assert_eq!(change(&bert, json!([other])), 201);
    assert_eq!(owners(), json!([other]));
    let refused = try_publish(&server, &anna, "a", "1.2.0", "latest", json!({}));
    assert_eq!(refused.status, 403);
}

#[test]
fn what_is_no_change_is_told_what_a_publish_holds() {
    let server = unhurried(&[]);
    let anna = account(&server, "anna");
    publish(&server, &anna, "a", "1.0.0");
    let reply = ask(&server, "PUT", "/a", &anna, Some(&json!({ "name": "a" })));
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("_attachments"), "{}", reply.text());
    let body = json!({ "_id": "b", "users": {}, "versions": { "1.0.0": {} } });
    assert_eq!(put(&server, &anna, "/b", &body), 400);
    let body = json!({ "versions": { "1.0.0": { "deprecated": 7 } } });
    assert_eq!(put(&server, &anna, "/a", &body), 400);
}

#[test]
fn changes_of_one_package_at_once_lose_nothing() {
    let mut server = unhurried(&[("THIRTEEN_SHARDS", "2")]);
    let anna = account(&server, "anna");
    publish(&server, &anna, "a", "1.0.0");
    let start = Barrier::new(CLIENTS);
    let (ours, who, gate) = (&server.registry(), &*anna, &start);
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || {
                gate.wait();
                for number in 0..VERSIONS {
                    let version = format!("1.{}.{number}", client + 1);
                    let tag = format!("t{client}");
                    publish_with(ours, who, "a", &version, &tag, json!({}));
                    // As a client would: one that comes too late reads again.
                    while deprecate(ours, who, "a", &version, &version) == 409 {}
                }
            });
        }
    });
    server.kill();
    server.restart();
    let document = get(&server, "a", &[]).json();
    let versions = document["versions"].as_object().unwrap();
    assert_eq!(versions.len(), 1 + CLIENTS * VERSIONS);
    for (version, manifest) in versions.iter().filter(|(version, _)| *version != "1.0.0") {
        assert_eq!(manifest["deprecated"], json!(version));
    }
    for client in 0..CLIENTS {
        let expected = format!("1.{}.{}", client + 1, VERSIONS - 1);
        assert_eq!(document["dist-tags"][format!("t{client}")], json!(expected));
    }
    let revision = document["_rev"].as_str().unwrap();
    let changes = 1 + 2 * CLIENTS * VERSIONS;
    assert!(revision.starts_with(&format!("{changes}-")), "{revision}");
}

#[test]
fn a_version_is_published_once_however_many_try() {
    let server = unhurried(&[("THIRTEEN_SHARDS", "2")]);
    let anna = account(&server, "anna");
    let start = Barrier::new(CLIENTS);
    let (ours, who, gate) = (&server.registry(), &*anna, &start);
    let statuses: Vec<_> = thread::scope(|scope| {
        let clients = (0..CLIENTS).map(|client| {
            scope.spawn(move || {
                gate.wait();
                let fields = json!({ "description": format!("by {client}") });
                try_publish(ours, who, "a", "1.0.0", "latest", fields).status
            })
        });
        let clients: Vec<_> = clients.collect();
        clients.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let made = statuses.iter().filter(|status| **status == 201).count();
    let refused = statuses.iter().filter(|status| **status == 409).count();
    assert_eq!((made, refused), (1, CLIENTS - 1), "{statuses:?}");
}

const CLIENTS: usize = 4;
const VERSIONS: usize = 5;
