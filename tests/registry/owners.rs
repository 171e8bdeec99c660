//! `/-/package/:package/owners`, and the list of owners that yarn 1 puts.

use serde_json::{Value, json};

use crate::people::account;
use crate::shelf::{ask, get, publish, try_publish, unhurried};
use crate::support::http::Reply;
use crate::support::server::Server;

const OWNERS: &str = "/-/package/@a%2fb/owners";

/// What `pnpm owner add` sends.
fn add(server: &Server, who: &str, user: &str) -> Reply {
    ask(server, "PUT", OWNERS, who, Some(&json!({ "user": user })))
}

/// What `pnpm owner rm` sends.
fn remove(server: &Server, who: &str, user: &str) -> Reply {
    ask(server, "DELETE", &format!("{OWNERS}/{user}"), who, None)
}

fn names(server: &Server) -> Vec<String> {
    let listed = ask(server, "GET", OWNERS, "", None);
    assert_eq!(listed.status, 200, "{}", listed.text());
    let listed = listed.json();
    let names = listed.as_array().unwrap().iter();
    let names: Vec<_> = names
        .map(|one| one["username"].as_str().unwrap().to_owned())
        .collect();
    let shown = get(server, "@a%2fb", &[]).json();
    let shown = shown["maintainers"].as_array().unwrap().iter();
    let shown: Vec<_> = shown.map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, shown, "the document says the same");
    names
}

#[test]
fn owners_come_and_go_one_by_one() {
    let mut server = unhurried(&[]);
    let (anna, bert) = (account(&server, "anna"), account(&server, "bert"));
    publish(&server, &anna, "@a/b", "1.0.0");
    assert_eq!(add(&server, &bert, "bert").status, 403);
    assert_eq!(add(&server, "", "bert").status, 401);
    assert_eq!(remove(&server, &bert, "anna").status, 403);
    let added = add(&server, &anna, "bert");
    assert_eq!(
        (added.status, &added.json()["success"]),
        (201, &json!(true))
    );
    assert_eq!(
        add(&server, &anna, "bert").json()["rev"],
        added.json()["rev"]
    );
    server.kill();
    server.restart();
    assert_eq!(names(&server), ["anna", "bert"]);
    let listed = ask(&server, "GET", OWNERS, "", None).json();
    let first = json!({ "name": "anna", "username": "anna", "email": "anna@example.com" });
    assert_eq!(listed[0], first);
    assert_eq!(
        try_publish(&server, &bert, "@a/b", "1.0.1", "latest", json!({})).status,
        201
    );

    assert_eq!(remove(&server, &bert, "anna").status, 200);
    assert_eq!(names(&server), ["bert"]);
    assert_eq!(remove(&server, &anna, "bert").status, 403);
    assert_eq!(remove(&server, &bert, "anna").status, 404);
    let last = remove(&server, &bert, "bert");
    assert_eq!(last.status, 409, "somebody owns it: {}", last.text());
    assert_eq!(names(&server), ["bert"]);
}

#[test]
fn who_may_only_read_is_no_owner_until_added() {
    let server = unhurried(&[]);
    let (anna, bert) = (account(&server, "anna"), account(&server, "bert"));
    publish(&server, &anna, "@a/b", "1.0.0");
    let target = "/-/package/@a%2fb/collaborators";
    let reader = json!({ "user": "bert", "permissions": "read-only" });
    assert_eq!(
        ask(&server, "POST", target, &anna, Some(&reader)).status,
        200
    );
    assert_eq!(names(&server), ["anna"]);
    assert_eq!(remove(&server, &anna, "bert").status, 404);
    assert_eq!(add(&server, &anna, "bert").status, 201);
    assert_eq!(names(&server), ["anna", "bert"]);
    assert_eq!(remove(&server, &bert, "bert").status, 200);
}

#[test]
fn what_is_no_owner_is_refused() {
    let server = unhurried(&[]);
    let anna = account(&server, "anna");
    assert_eq!(add(&server, &anna, "anna").status, 404);
    assert_eq!(ask(&server, "GET", OWNERS, "", None).status, 404);
    publish(&server, &anna, "@a/b", "1.0.0");
    for body in [
        json!({}),
        json!([]),
        json!({ "user": 1 }),
        json!({ "user": "nobody" }),
    ] {
        let reply = ask(&server, "PUT", OWNERS, &anna, Some(&body));
        assert_eq!(reply.status, 400, "{body}");
    }
    let owner = |number| json!({ "name": format!("one{number}") });
    let many: Vec<Value> = (0..101).map(owner).collect();
    for list in [json!([]), json!(many)] {
        let body = json!({ "maintainers": list });
        let refused = ask(&server, "PUT", "/@a%2fb/-rev/1-0", &anna, Some(&body));
        assert_eq!(refused.status, 400);
        assert_eq!(
            refused.json()["error"],
            "A package has from 1 to 100 owners."
        );
    }
    assert_eq!(remove(&server, &anna, "nobody").status, 404);
    let private = json!({ "access": "restricted" });
    let target = "/-/package/@a%2fb/access";
    assert_eq!(
        ask(&server, "POST", target, &anna, Some(&private)).status,
        200
    );
    let bert = account(&server, "bert");
    for reply in [
        ask(&server, "GET", OWNERS, &bert, None),
        add(&server, &bert, "bert"),
        remove(&server, &bert, "anna"),
    ] {
        assert_eq!(reply.status, 404, "what is hidden is not there");
    }
}

/// What yarn 1 puts, which knows neither a revision nor who owns the package.
fn yarn_puts(server: &Server, who: &str, maintainers: Value) -> Reply {
    let body = json!({ "maintainers": maintainers });
    ask(server, "PUT", "/@a%2fb/-rev/undefined", who, Some(&body))
}

#[test]
fn a_list_that_was_made_unread_adds_and_takes_nobody_away() {
    let server = unhurried(&[]);
    let (anna, bert) = (account(&server, "anna"), account(&server, "bert"));
    publish(&server, &anna, "@a/b", "1.0.0");
    let who = json!([{ "name": "bert", "email": "bert@example.com" }]);
    assert_eq!(yarn_puts(&server, &bert, who.clone()).status, 403);
    let added = yarn_puts(&server, &anna, who);
    // It takes nothing else for a yes.
    assert_eq!(
        (added.status, &added.json()["success"]),
        (201, &json!(true))
    );
    assert_eq!(names(&server), ["anna", "bert"]);
    let emptied = yarn_puts(&server, &anna, json!([]));
    assert_eq!(emptied.status, 400);
    assert!(
        emptied.json()["error"]
            .as_str()
            .unwrap()
            .contains("npm owner rm")
    );
    let unknown = yarn_puts(&server, &anna, json!([{ "name": "nobody" }]));
    assert_eq!(unknown.status, 400);
    assert_eq!(names(&server), ["anna", "bert"]);
    // A document that was read has its revision, and a wrong one is a conflict as ever.
    let body = json!({ "maintainers": [{ "name": "bert" }] });
    let stale = ask(&server, "PUT", "/@a%2fb/-rev/1-0", &anna, Some(&body));
    assert_eq!(stale.status, 409);
    // Versions are never taken away unread.
    let body = json!({ "versions": {} });
    let unread = ask(&server, "PUT", "/@a%2fb/-rev/undefined", &anna, Some(&body));
    assert_eq!(unread.status, 409);
}
