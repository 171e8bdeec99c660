//! Tags over HTTP.

use serde_json::{Value, json};

use crate::people::account;
use crate::shelf::{ask, get, publish, publish_with, unhurried};
use crate::support::npm::{Archive, PublishBody};

const TAGS: &str = "/-/package/@a%2fb/dist-tags";

#[test]
fn tags_are_listed_set_and_deleted() {
    let server = unhurried(&[]);
    let anna = account(&server, "anna");
    publish(&server, &anna, "@a/b", "1.0.0");
    publish_with(&server, &anna, "@a/b", "2.0.0-rc.1", "next", json!({}));
    let tags = || ask(&server, "GET", TAGS, "", None).json();
    assert_eq!(tags(), json!({ "latest": "1.0.0", "next": "2.0.0-rc.1" }));
    let of_document = get(&server, "@a/b", &[]).json()["dist-tags"].clone();
    assert_eq!(of_document, tags());

    for method in ["PUT", "POST"] {
        let target = format!("{TAGS}/{}", method.to_lowercase());
        let put = ask(&server, method, &target, &anna, Some(&json!("1.0.0")));
        assert_eq!(put.status, 201, "{}", put.text());
    }
    assert_eq!(tags()["put"], json!("1.0.0"));
    let deleted = ask(&server, "DELETE", &format!("{TAGS}/post"), &anna, None);
    assert_eq!(deleted.status, 200);
    assert_eq!(tags()["post"], Value::Null);
    let moved = ask(
        &server,
        "PUT",
        &format!("{TAGS}/latest"),
        &anna,
        Some(&json!("2.0.0-rc.1")),
    );
    assert_eq!(moved.status, 201);
    let document = get(&server, "@a/b", &[]).json();
    assert_eq!(document["dist-tags"]["latest"], json!("2.0.0-rc.1"));
}

#[test]
fn what_is_no_tag_is_refused() {
    let server = unhurried(&[]);
    let (anna, bert) = (account(&server, "anna"), account(&server, "bert"));
    publish(&server, &anna, "@a/b", "1.0.0");
    let put = |who: &str, tag: &str, body: Value| {
        ask(&server, "PUT", &format!("{TAGS}/{tag}"), who, Some(&body)).status
    };
    assert_eq!(put(&anna, "1.x", json!("1.0.0")), 400);
    assert_eq!(put(&anna, "v1", json!("1.0.0")), 400);
    assert_eq!(put(&anna, "a%2fb", json!("1.0.0")), 400);
    assert_eq!(put(&anna, "beta", json!("9.9.9")), 404);
    assert_eq!(put(&anna, "beta", json!({ "a": 1 })), 400);
    assert_eq!(put(&bert, "beta", json!("1.0.0")), 403);
    assert_eq!(put("", "beta", json!("1.0.0")), 401);
    let delete =
        |who: &str, tag: &str| ask(&server, "DELETE", &format!("{TAGS}/{tag}"), who, None).status;
    assert_eq!(delete(&anna, "latest"), 403);
    assert_eq!(delete(&anna, "beta"), 404);
    assert_eq!(delete(&bert, "latest"), 403);
    let nothing = ask(&server, "GET", "/-/package/none/dist-tags", "", None);
    assert_eq!(nothing.status, 404);
    let target = "/-/package/none/dist-tags/beta";
    let nothing = ask(&server, "PUT", target, &anna, Some(&json!("1.0.0")));
    assert_eq!(nothing.status, 404);
}

#[test]
fn a_publish_takes_the_tags_that_can_be_set_and_no_others() {
    let server = unhurried(&[]);
    let anna = account(&server, "anna");
    let long = "t".repeat(256);
    for (tag, is_one) in [
        ("beta", true),
        ("a!b", true),
        (&long[1..], true),
        (&long, false),
        ("a=b", false),
        ("a@b", false),
        ("1.x", false),
    ] {
        let archive = Archive::of_package("a", "1.0.0").gzip();
        let body = PublishBody::tagged("a", "1.0.0", &archive, tag, json!({}));
        let reply = ask(&server, "PUT", "/a", &anna, Some(&body));
        assert_eq!(reply.status == 400, !is_one, "{tag}: {}", reply.text());
        let target = format!("/-/package/a/dist-tags/{}", tag.replace('@', "%40"));
        let set = ask(&server, "PUT", &target, &anna, Some(&json!("1.0.0")));
        assert_eq!(set.status == 400, !is_one, "{tag}: {}", set.text());
    }
}
