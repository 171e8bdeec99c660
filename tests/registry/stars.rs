//! `/-/user/v1/star` and `/-/user/:user/stars`: pnpm's way to star a package.

use serde_json::{Value, json};

use crate::people::account;
use crate::shelf::{ask, get, publish, unhurried};
use crate::support::http::{Reply, send};
use crate::support::server::Server;
use crate::support::upstream::{Act, Upstream};
use crate::upstreams::scene::start;

const STAR: &str = "/-/user/v1/star";

/// What pnpm sends.
fn star(server: &Server, method: &str, who: &str, name: &str) -> Reply {
    let body = json!({ "name": name, "package": name });
    ask(server, method, STAR, who, Some(&body))
}

fn json_of(server: &Server, target: &str, who: &str) -> Value {
    let reply = ask(server, "GET", target, who, None);
    assert_eq!(reply.status, 200, "{target} {}", reply.text());
    reply.json()
}

#[test]
fn a_star_is_given_shown_and_taken() {
    let mut server = unhurried(&[]);
    let (anna, bert) = (account(&server, "anna"), account(&server, "bert"));
    for name in ["@a/b", "c"] {
        publish(&server, &anna, name, "1.0.0");
    }
    for name in ["@a/b", "c"] {
        let given = star(&server, "PUT", &bert, name);
        assert_eq!(given.status, 200, "{}", given.text());
        // Given twice it is one.
        let again = star(&server, "PUT", &bert, name).json();
        assert_eq!(again["rev"], given.json()["rev"]);
    }
    let own = json!({ "@a/b": true, "c": true });
    assert_eq!(json_of(&server, STAR, &bert), own);
    assert_eq!(json_of(&server, STAR, &anna), json!({}));
    assert_eq!(
        get(&server, "c", &[]).json()["users"],
        json!({ "bert": true })
    );

    server.kill();
    server.restart();
    assert_eq!(json_of(&server, "/-/user/bert/stars", ""), own);
    assert_eq!(star(&server, "DELETE", &bert, "c").status, 200);
    assert_eq!(
        star(&server, "DELETE", &bert, "c").status,
        200,
        "taken is taken"
    );
    assert_eq!(
        json_of(&server, "/-/user/bert/stars", &anna),
        json!({ "@a/b": true })
    );
    // Who is not here is told from who starred nothing by none of the ways to ask.
    for who in ["", &*anna] {
        assert_eq!(json_of(&server, "/-/user/nobody/stars", who), json!({}));
        assert_eq!(json_of(&server, "/-/user/anna/stars", who), json!({}));
    }
}

#[test]
fn stars_are_those_of_packages_that_the_caller_may_read() {
    let server = unhurried(&[]);
    let (anna, bert) = (account(&server, "anna"), account(&server, "bert"));
    publish(&server, &anna, "@a/b", "1.0.0");
    assert_eq!(star(&server, "PUT", &bert, "@a/b").status, 200);
    let private = json!({ "access": "restricted" });
    let target = "/-/package/@a%2fb/access";
    assert_eq!(
        ask(&server, "POST", target, &anna, Some(&private)).status,
        200
    );
    assert_eq!(json_of(&server, STAR, &bert), json!({}));
    assert_eq!(
        json_of(&server, "/-/user/bert/stars", &anna),
        json!({ "@a/b": true })
    );
    // What is hidden is as what is not there, for a star as for everything.
    for method in ["PUT", "DELETE"] {
        let [hidden, missing] = ["@a/b", "@a/c"].map(|name| star(&server, method, &bert, name));
        assert_eq!((hidden.status, missing.status), (404, 404), "{method}");
        let told = |reply: &Reply| reply.text().replace("@a/b", "_").replace("@a/c", "_");
        assert_eq!(told(&hidden), told(&missing), "{method}");
    }
}

#[test]
fn who_may_not_star_and_what_is_no_star() {
    let server = unhurried(&[]);
    let anna = account(&server, "anna");
    publish(&server, &anna, "a", "1.0.0");
    assert_eq!(ask(&server, "GET", STAR, "", None).status, 401);
    for method in ["PUT", "DELETE"] {
        assert_eq!(star(&server, method, "", "a").status, 401, "{method}");
    }
    let wanted = json!({ "password": crate::people::PASSWORD, "readonly": true });
    let made = ask(&server, "POST", "/-/npm/v1/tokens", &anna, Some(&wanted)).json();
    let reader = crate::people::bearer(made["token"].as_str().unwrap());
    assert_eq!(star(&server, "PUT", &reader, "a").status, 403);
    assert_eq!(json_of(&server, STAR, &reader), json!({}));
    for (body, status) in [
        (json!({}), 400),
        (json!([]), 400),
        (json!({ "package": 1 }), 400),
        (json!({ "package": ".a" }), 400),
        (json!({ "package": "../a" }), 400),
        (json!({ "name": "a" }), 200),
    ] {
        let reply = ask(&server, "PUT", STAR, &anna, Some(&body));
        assert_eq!(reply.status, status, "{body} {}", reply.text());
    }
    let long = vec![b' '; 128 * 1024];
    let headers = [
        ("Authorization", &*anna),
        ("Content-Type", "application/json"),
    ];
    let reply = send(server.registry(), "DELETE", STAR, &headers, &long);
    assert_eq!(reply.status, 413);
}

#[test]
fn a_star_is_taken_whatever_became_of_the_upstream() {
    let upstream = Upstream::start();
    for name in ["gone", "deaf"] {
        upstream.publish(name, "1.0.0");
    }
    let server = start(&upstream, &[("THIRTEEN_RATE_AUTH_PER_15S", "0")]);
    let anna = account(&server, "anna");
    for name in ["gone", "deaf"] {
        let given = star(&server, "PUT", &anna, name);
        assert_eq!(given.status, 200, "{}", given.text());
    }
    // One has the package no longer, of the other's nothing is here.
    let clear = "/-/thirteen/cache?package=deaf";
    assert_eq!(ask(&server, "DELETE", clear, "", None).status, 200);
    for (name, status) in [("gone", 404), ("deaf", 503)] {
        upstream.script(&format!("/{name}"), [Act::reply(status, "no")]);
        let looked = ask(&server, "GET", &format!("/{name}?write=true"), "", None);
        assert_eq!(looked.status, status, "{}", looked.text());
        assert_eq!(star(&server, "PUT", &anna, name).status, status);
        let taken = star(&server, "DELETE", &anna, name);
        assert_eq!(taken.status, 200, "{name} {}", taken.text());
    }
    assert_eq!(json_of(&server, STAR, &anna), json!({}));
}
