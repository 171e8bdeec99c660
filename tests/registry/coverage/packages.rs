//! The lines of packages: reading, publishing, changing, tags, owners, stars.

use serde_json::{Value, json};

use super::town::{Line, Town, Try, Who};
use crate::support::npm::{Archive, PublishBody};

pub(crate) const LINES: &[Line] = &[
    Line {
        route: "GET /:@package",
        visit: |_| {
            vec![
                Try::nobody("/a", 200),
                Try::nobody("/@s%2fb", 200),
                Try::nobody("/@s/b", 200),
                Try::nobody("/theirs", 200),
                Try::nobody("/nothing", 404),
                Try::nobody("/.a", 400),
                Try::nobody("/a", 401).header("Authorization", "Bearer npm_nobody"),
            ]
        },
    },
    Line {
        route: "GET /:@package/:version",
        visit: |_| {
            vec![
                Try::nobody("/a/1.0.0", 200),
                Try::nobody("/a/latest", 200),
                Try::nobody("/a/9.9.9", 404),
                Try::nobody("/.a/1.0.0", 400),
            ]
        },
    },
    Line {
        route: "GET /:@package/-/:file",
        visit: |_| {
            let past = Try::nobody("/a/-/a-1.0.0.tgz", 416).header("Range", "bytes=9999999-");
            vec![
                Try::nobody("/a/-/a-1.0.0.tgz", 200),
                Try::nobody("/a/-/a-1.0.0.tgz", 206).header("Range", "bytes=0-9"),
                past,
                Try::nobody("/a/-/a-9.9.9.tgz", 404),
            ]
        },
    },
    Line {
        route: "PUT /:@package",
        visit: publish,
    },
    Line {
        route: "PUT /:@package/-rev/:rev",
        visit: replace,
    },
    Line {
        route: "DELETE /:@package/-/:file/-rev/:rev",
        visit: delete_file,
    },
    Line {
        route: "DELETE /:@package/-rev/:rev",
        visit: delete,
    },
    Line {
        route: "GET /-/package/:@package/dist-tags",
        visit: |_| {
            vec![
                Try::nobody("/-/package/@s%2fb/dist-tags", 200),
                Try::nobody("/-/package/nothing/dist-tags", 404),
            ]
        },
    },
    Line {
        route: "PUT /-/package/:@package/dist-tags/:tag",
        visit: |_| set_tag(),
    },
    Line {
        route: "POST /-/package/:@package/dist-tags/:tag",
        visit: |_| set_tag(),
    },
    Line {
        route: "DELETE /-/package/:@package/dist-tags/:tag",
        visit: |_| {
            let path = "/-/package/a/dist-tags/beta";
            vec![
                Try::nobody(path, 401),
                Try::by(Who::Bob, path, 403),
                Try::alice(path, 200),
                Try::alice(path, 404),
            ]
        },
    },
    Line {
        route: "GET /-/package/:@package/owners",
        visit: |_| {
            vec![
                Try::nobody("/-/package/a/owners", 200),
                Try::nobody("/-/package/nothing/owners", 404),
            ]
        },
    },
    Line {
        route: "PUT /-/package/:@package/owners",
        visit: |_| {
            let path = "/-/package/a/owners";
            let body = json!({ "user": "bob" });
            vec![
                Try::nobody(path, 401).json(&body),
                Try::by(Who::Bob, path, 403).json(&body),
                Try::alice(path, 201).json(&body),
                Try::alice(path, 400).json(&json!({ "user": "none" })),
                Try::alice(path, 400).body("{"),
            ]
        },
    },
    Line {
        route: "DELETE /-/package/:@package/owners/:user",
        visit: |_| {
            let path = "/-/package/a/owners/bob";
            vec![
                Try::nobody(path, 401),
                Try::alice(path, 200),
                Try::alice(path, 404),
                Try::by(Who::Bob, path, 403),
                Try::alice("/-/package/a/owners/alice", 409),
            ]
        },
    },
    Line {
        route: "GET /-/user/v1/star",
        visit: |_| {
            vec![
                Try::nobody("/-/user/v1/star", 401),
                Try::alice("/-/user/v1/star", 200),
            ]
        },
    },
    Line {
        route: "PUT /-/user/v1/star",
        visit: |_| star(),
    },
    Line {
        route: "DELETE /-/user/v1/star",
        visit: |_| star(),
    },
    Line {
        route: "GET /-/user/:user/stars",
        visit: |_| {
            vec![
                Try::nobody("/-/user/alice/stars", 200),
                Try::alice("/-/user/none/stars", 200),
                Try::alice("/-/user/%ff/stars", 400),
            ]
        },
    },
];

fn star() -> Vec<Try> {
    let path = "/-/user/v1/star";
    let body = json!({ "name": "a", "package": "a" });
    vec![
        Try::nobody(path, 401).json(&body),
        Try::by(Who::Bob, path, 200).json(&body),
        Try::alice(path, 404).json(&json!({ "name": "nothing", "package": "nothing" })),
        Try::alice(path, 400).body("{"),
    ]
}

fn publish(_: &Town) -> Vec<Try> {
    let body = |version: &str| {
        let archive = Archive::of_package("put", version).gzip();
        PublishBody::of("put", version, &archive)
    };
    let mut without = body("1.0.1");
    without["_attachments"] = json!({ "put-1.0.1.tgz": { "length": 1 } });
    vec![
        Try::nobody("/put", 401).json(&body("1.0.0")),
        Try::alice("/put", 201).json(&body("1.0.0")),
        Try::alice("/put", 409).json(&body("1.0.0")),
        Try::by(Who::Bob, "/put", 403).json(&body("1.0.1")),
        Try::alice("/put", 400).json(&without),
        Try::alice("/put", 400).body("{"),
        Try::alice("/other", 400).json(&body("1.0.2")),
        Try::alice("/theirs", 403).json(&body("1.0.2")),
    ]
}

/// The path of a package at the revision that its document has.
fn at_revision(town: &Town, name: &str) -> (Value, String) {
    let document = town.document(name);
    let revision = document["_rev"].as_str().unwrap().to_owned();
    (document, revision)
}

fn replace(town: &Town) -> Vec<Try> {
    town.publish("replaced", "1.0.0");
    town.publish("replaced", "1.1.0");
    let (mut document, revision) = at_revision(town, "replaced");
    document["versions"]
        .as_object_mut()
        .unwrap()
        .remove("1.1.0");
    document["dist-tags"] = json!({ "latest": "1.0.0" });
    let path = format!("/replaced/-rev/{revision}");
    vec![
        Try::nobody(&*path, 401).json(&document),
        Try::by(Who::Bob, &*path, 403).json(&document),
        Try::alice(&*path, 400).body("{"),
        Try::alice(&*path, 201).json(&document),
        Try::alice(&*path, 409).json(&document),
    ]
}

fn delete_file(town: &Town) -> Vec<Try> {
    let (_, revision) = at_revision(town, "replaced");
    let path = format!("/replaced/-/replaced-1.1.0.tgz/-rev/{revision}");
    vec![
        Try::nobody(&*path, 401),
        Try::by(Who::Bob, &*path, 403),
        Try::alice(&*path, 200),
        // npm asks for this once more after what came before has done it.
        Try::alice("/replaced/-/replaced-1.1.0.tgz/-rev/1-x", 200),
        Try::alice("/replaced/-/replaced-1.0.0.tgz/-rev/1-x", 409),
    ]
}

fn delete(town: &Town) -> Vec<Try> {
    town.publish("deleted", "1.0.0");
    let (_, revision) = at_revision(town, "deleted");
    let path = format!("/deleted/-rev/{revision}");
    vec![
        Try::nobody(&*path, 401),
        Try::by(Who::Bob, &*path, 403),
        Try::alice("/deleted/-rev/9-x", 409),
        Try::alice(&*path, 200),
    ]
}

fn set_tag() -> Vec<Try> {
    let path = "/-/package/a/dist-tags/beta";
    let version = json!("1.0.0");
    vec![
        Try::nobody(path, 401).json(&version),
        Try::by(Who::Bob, path, 403).json(&version),
        Try::alice(path, 201).json(&version),
        Try::alice(path, 404).json(&json!("9.9.9")),
        Try::alice(path, 400).json(&json!({})),
        Try::alice("/-/package/a/dist-tags/1.x", 400).json(&version),
    ]
}
