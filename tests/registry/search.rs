//! `/-/v1/search`.

use serde_json::{Value, json};

use crate::people::{account, ask, publish, server};
use crate::support::http::Reply;
use crate::support::server::Server;
use crate::support::upstream::{Act, Upstream};

fn search(server: &Server, query: &str, credential: &str) -> Reply {
    ask(
        server,
        "GET",
        &format!("/-/v1/search?{query}"),
        credential,
        None,
    )
}

fn names(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let body = reply.json();
    let objects = body["objects"].as_array().unwrap().iter();
    objects
        .map(|object| object["package"]["name"].as_str().unwrap().to_owned())
        .collect()
}

fn shop(server: &Server) -> (String, String) {
    let (alice, bob) = (account(server, "alice"), account(server, "bob"));
    let packages = [
        (
            "left-pad",
            json!({
                "description": "Pads a text on its left", "keywords": ["text", "pad"],
                "author": "Ann Author <ann@example.com>", "license": "MIT",
            }),
        ),
        (
            "right-pad",
            json!({ "description": "Pads a text on its right", "keywords": "text" }),
        ),
        (
            "@team/pad",
            json!({ "description": "Our own", "author": { "name": "Ann Author" } }),
        ),
    ];
    for (name, fields) in packages {
        assert_eq!(
            publish(server, &alice, name, "1.0.0", fields),
            201,
            "{name}"
        );
    }
    assert_eq!(publish(server, &bob, "other", "1.0.0", json!({})), 201);
    (alice, bob)
}

#[test]
fn packages_are_found_by_words_and_qualifiers() {
    let server = server(&[]);
    shop(&server);
    let found = |query: &str| {
        let mut names = names(&search(&server, query, ""));
        names.sort_unstable();
        names
    };
    assert_eq!(found("text=left-pad"), ["left-pad"]);
    assert_eq!(found("text=pad"), ["@team/pad", "left-pad", "right-pad"]);
    assert_eq!(found("text=pads+text"), ["left-pad", "right-pad"]);
    assert_eq!(found("text=keywords:text+left"), ["left-pad"]);
    assert_eq!(found("text=keywords:pad,nothing"), ["left-pad"]);
    assert_eq!(found("text=keywords:pad%2Btext"), ["left-pad"]);
    assert_eq!(found("text=keywords:tex"), [""; 0]);
    assert_eq!(found("text=scope:team"), ["@team/pad"]);
    assert_eq!(found("text=author:bob"), ["other"]);
    assert_eq!(
        found("text=maintainer:alice"),
        ["@team/pad", "left-pad", "right-pad"]
    );
    assert_eq!(found("text=").len(), 4);
    for hostile in [
        "text=%22)%20OR%20(%22",
        "text=*",
        "text=name:x",
        "text=%00",
        "text=a%20NEAR%20b",
    ] {
        let status = search(&server, hostile, "").status;
        assert!(matches!(status, 200 | 400), "{hostile}: {status}");
    }
}

#[test]
fn an_answer_has_npms_shape_and_pages() {
    let server = server(&[]);
    let (alice, _) = shop(&server);
    let reply = search(&server, "text=left&size=1", "").json();
    let object = &reply["objects"][0];
    let package = &object["package"];
    assert_eq!(
        (&package["version"], &package["author"]),
        (&json!("1.0.0"), &json!({ "name": "Ann Author" }))
    );
    assert_eq!(package["publisher"], json!({ "username": "alice" }));
    assert_eq!(package["maintainers"][0]["username"], "alice");
    assert!(package["date"].is_string() && object["searchScore"].is_number());
    assert!(object["score"]["detail"]["quality"].is_number() && reply["date"].is_string());
    let (mut all, mut from) = (Vec::new(), 0);
    loop {
        let page = search(&server, &format!("text=pad&size=1&from={from}"), "");
        let found = names(&page);
        assert_eq!(page.json()["total"], 3);
        if found.is_empty() {
            break;
        }
        all.extend(found);
        from += 1;
    }
    assert_eq!(all.len(), 3);
    // A later version takes the place of the earlier one.
    let fields = json!({ "description": "Fills", "keywords": ["filler"] });
    assert_eq!(publish(&server, &alice, "left-pad", "1.1.0", fields), 201);
    assert_eq!(
        names(&search(&server, "text=keywords:filler", "")),
        ["left-pad"]
    );
    assert_eq!(names(&search(&server, "text=keywords:pad", "")), [""; 0]);
    assert_eq!(names(&search(&server, "text=size&size=0", "")), [""; 0]);
}

#[test]
fn what_may_not_be_read_is_not_found() {
    let server = server(&[("THIRTEEN_REGISTRY_PRIVATE_SCOPES", "@team")]);
    let (alice, bob) = shop(&server);
    let restricted = json!({ "access": "restricted" });
    let target = "/-/package/left-pad/access";
    assert_eq!(
        ask(&server, "POST", target, &alice, Some(&restricted)).status,
        200
    );
    let found = |credential: &str| {
        let reply = search(&server, "text=pad", credential);
        let mut found = names(&reply);
        found.sort_unstable();
        assert_eq!(reply.json()["total"], found.len());
        found
    };
    assert_eq!(found(""), ["right-pad"]);
    assert_eq!(found(&bob), ["@team/pad", "right-pad"]);
    assert_eq!(found(&alice), ["@team/pad", "left-pad", "right-pad"]);
}

#[test]
fn a_package_that_is_gone_is_found_no_more() {
    let mut server = server(&[]);
    let (alice, _) = shop(&server);
    let document = ask(&server, "GET", "/left-pad?write=true", &alice, None).json();
    let target = format!("/left-pad/-rev/{}", document["_rev"].as_str().unwrap());
    let gone = ask(&server, "DELETE", &target, &alice, None);
    assert_eq!(gone.status, 200, "{}", gone.text());
    assert_eq!(names(&search(&server, "text=left", "")), [""; 0]);
    server.kill();
    server.restart();
    assert_eq!(names(&search(&server, "text=left", "")), [""; 0]);
    assert_eq!(names(&search(&server, "text=right", "")), ["right-pad"]);
}

#[test]
fn a_closed_registry_is_not_searched_by_strangers() {
    let server = server(&[("THIRTEEN_REGISTRY_ANONYMOUS", "none")]);
    let (alice, _) = shop(&server);
    assert_eq!(search(&server, "text=pad", "").status, 401);
    assert_eq!(names(&search(&server, "text=other", &alice)), ["other"]);
}

fn object(name: &str) -> Value {
    json!({ "package": { "name": name, "version": "9.9.9" }, "searchScore": 1 })
}

#[test]
fn the_upstreams_packages_follow_and_never_under_a_name_of_ours() {
    let upstream = Upstream::start();
    let setting = json!([upstream.setting()]).to_string();
    let settings = [
        ("UPSTREAMS", &*setting),
        ("THIRTEEN_REGISTRY_PRIVATE_SCOPES", "@team"),
    ];
    let server = server(&settings);
    let (alice, _) = shop(&server);
    // Of a scope that no setting names.
    let published = publish(&server, &alice, "@mine/secret", "1.0.0", json!({}));
    assert_eq!(published, 201);
    let weights = "quality=0.65&popularity=0.98&maintenance=0.5";
    let path = format!("/-/v1/search?text=left&size=19&from=0&{weights}");
    let answer = json!({ "objects": [object("left-pad"), object("leftist")], "total": 2 });
    upstream.script(&path, [Act::reply(200, answer.to_string())]);
    let reply = search(&server, "text=left", &alice);
    assert_eq!(names(&reply), ["left-pad", "leftist"]);
    assert_eq!(reply.json()["objects"][0]["package"]["version"], "1.0.0");
    assert_eq!(reply.json()["total"], 3);
    let asked = upstream.asked(&path);
    assert!(asked[0].header("authorization").is_none());

    // What is private is not asked for, and an upstream that fails is passed over.
    let before = upstream.all_asked().len();
    assert_eq!(
        names(&search(&server, "text=scope:team", &alice)),
        ["@team/pad"]
    );
    assert_eq!(upstream.all_asked().len(), before);
    for text in [
        "left-pad",
        "Left-Pad",
        "x+left-pad@1.0.0",
        "%40team%2Fpad",
        "%40team",
        "team",
        "team%2Fx",
        "keywords:other",
        "scope:mine",
        "%40mine%2Fsecret",
        "mine",
    ] {
        assert_eq!(search(&server, &format!("text={text}"), "").status, 200);
        assert_eq!(upstream.all_asked().len(), before, "{text}");
    }
    search(&server, "text=leftist", "");
    assert_eq!(upstream.all_asked().len(), before + 1);
    upstream.script(&path, [Act::reply(500, "")]);
    assert_eq!(names(&search(&server, "text=left", &alice)), ["left-pad"]);
    upstream.script(&path, [Act::reply(200, "no json")]);
    assert_eq!(names(&search(&server, "text=left", &alice)), ["left-pad"]);
}
