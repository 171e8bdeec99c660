//! `/-/npm/v1/tokens`.

use serde_json::{Value, json};

use crate::people::{PASSWORD, account, ask, basic, bearer, server, whoami};
use crate::support::http::Reply;
use crate::support::server::Server;

fn create(server: &Server, credential: &str, fields: Value) -> Reply {
    let mut body = json!({ "password": PASSWORD });
    body.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    ask(server, "POST", "/-/npm/v1/tokens", credential, Some(&body))
}

fn token_of(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.text());
    bearer(reply.json()["token"].as_str().unwrap())
}

fn list(server: &Server, credential: &str) -> Vec<Value> {
    let (mut next, mut all) = (Some("/-/npm/v1/tokens".to_owned()), Vec::new());
    while let Some(target) = next {
        let page = ask(server, "GET", &target, credential, None);
        assert_eq!(page.status, 200, "{}", page.text());
        let page = page.json();
        all.extend(page["objects"].as_array().unwrap().clone());
        next = page["urls"]["next"].as_str().map(str::to_owned);
    }
    all
}

#[test]
fn a_token_is_made_listed_and_revoked() {
    let server = server(&[]);
    let alice = account(&server, "alice");
    let made = create(&server, &alice, json!({ "name": "ci", "expires": 30 }));
    let (body, token) = (made.json(), token_of(&made));
    assert_eq!(
        (&body["name"], &body["readonly"]),
        (&json!("ci"), &json!(false))
    );
    assert!(body["expires"].is_string() && body["cidr_whitelist"].is_null());
    assert_eq!(whoami(&server, &token), 200);

    let listed = list(&server, &alice);
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["key"], body["key"], "the youngest first");
    // npm tells a token by how it begins, and nobody else can use what a list shows.
    let shown = listed[0]["token"].as_str().unwrap();
    assert!(body["token"].as_str().unwrap().starts_with(shown) && shown.len() == 10);

    let key = body["key"].as_str().unwrap();
    let target = format!("/-/npm/v1/tokens/token/{key}");
    let bob = account(&server, "bob");
    assert_eq!(ask(&server, "DELETE", &target, &bob, None).status, 404);
    assert_eq!(whoami(&server, &token), 200);
    assert_eq!(ask(&server, "DELETE", &target, &alice, None).status, 204);
    assert_eq!(whoami(&server, &token), 401);
    assert_eq!(ask(&server, "DELETE", &target, &alice, None).status, 404);
    let itself = alice.strip_prefix("Bearer ").unwrap();
    let target = format!("/-/npm/v1/tokens/token/{itself}");
    assert_eq!(ask(&server, "DELETE", &target, &alice, None).status, 204);
    assert_eq!(whoami(&server, &alice), 401);
}

#[test]
fn no_line_of_the_log_holds_a_secret() {
    let server = server(&[("THIRTEEN_LOG_ACCESS", "full")]);
    let alice = account(&server, "alice");
    let shown = alice.strip_prefix("Bearer ").unwrap();
    let logins = ask(&server, "POST", "/-/v1/login", "", Some(&json!({}))).json();
    let secret_of = |name: &str| {
        let url = logins[name].as_str().unwrap();
        url.rsplit('/').next().unwrap().to_owned()
    };
    let (page, done) = (secret_of("loginUrl"), secret_of("doneUrl"));
    for (method, target, status) in [
        ("GET", format!("/-/v1/login/page/{page}"), 200),
        ("GET", format!("/-/v1/done/{done}"), 202),
        ("GET", format!("/-/v1/done/{done}/more"), 404),
        ("POST", format!("/-/v1/done/{done}"), 405),
        ("DELETE", format!("/-/npm/v1/tokens/token/{shown}/"), 404),
        ("DELETE", format!("/-/npm/v1/tokens/token/{shown}"), 204),
        ("DELETE", format!("/-/user/token/{shown}"), 200),
        ("GET", "/-/ping?last".to_owned(), 200),
    ] {
        let reply = ask(&server, method, &target, &alice, None);
        assert_eq!(reply.status, status, "{method} {target} {}", reply.text());
    }
    server.await_log("/-/ping");
    let log = server.log();
    for secret in [shown, &page, &done] {
        assert!(!log.contains(secret), "{log}");
    }
    assert_eq!(log.matches("[hidden]").count(), 7, "{log}");
}

#[test]
fn a_token_takes_the_password_and_bounds_that_are_ones() {
    let server = server(&[]);
    let alice = account(&server, "alice");
    assert_eq!(
        create(&server, &alice, json!({ "password": "wrong password" })).status,
        401
    );
    assert_eq!(
        create(&server, &alice, json!({ "password": null })).status,
        401
    );
    for refused in [
        json!({ "expires": 0 }),
        json!({ "expires": 3651 }),
        json!({ "cidr_whitelist": ["10.0.0.0/33"] }),
        json!({ "packages": ["left-pad"] }),
        json!({ "scopes": ["@a"] }),
        json!({ "packages_and_scopes_permission": "no-access" }),
        json!({ "name": "x".repeat(201) }),
    ] {
        assert_eq!(
            create(&server, &alice, refused.clone()).status,
            400,
            "{refused}"
        );
    }
    assert_eq!(create(&server, "", json!({})).status, 401);
    assert_eq!(list(&server, &alice).len(), 1);
}

#[test]
fn a_read_only_token_changes_nothing() {
    let server = server(&[]);
    let alice = account(&server, "alice");
    for wish in [
        json!({ "readonly": true }),
        json!({ "packages_all": true, "packages_and_scopes_permission": "read-only" }),
    ] {
        let reader = token_of(&create(&server, &alice, wish));
        assert_eq!(whoami(&server, &reader), 200);
        let refused = create(&server, &reader, json!({}));
        assert_eq!(
            (refused.status, &refused.json()["reason"]),
            (403, &json!("read_only_token"))
        );
        let body = json!({ "email": "thief@example.com" });
        let refused = ask(&server, "POST", "/-/npm/v1/user", &reader, Some(&body));
        assert_eq!(refused.status, 403);
    }
}

#[test]
fn a_token_is_good_where_it_may_come_from() {
    let server = server(&[]);
    let alice = account(&server, "alice");
    let near = create(
        &server,
        &alice,
        json!({ "cidr_whitelist": ["127.0.0.0/8"] }),
    );
    assert_eq!(near.json()["cidr_whitelist"], json!(["127.0.0.0/8"]));
    assert_eq!(whoami(&server, &token_of(&near)), 200);
    let far = create(
        &server,
        &alice,
        json!({ "cidr_whitelist": ["10.0.0.0/8", "192.168.0.1"] }),
    );
    let refused = ask(&server, "GET", "/-/whoami", &token_of(&far), None);
    assert_eq!(refused.status, 401);
    let challenge = refused.header("www-authenticate");
    assert!(challenge.unwrap().contains("ipaddress"), "npm says so then");
}

#[test]
fn the_token_of_a_login_ends_where_the_setting_says_so() {
    let server = server(&[("THIRTEEN_REGISTRY_LOGIN_TOKEN_TTL_S", "1")]);
    let alice = account(&server, "alice");
    // A token that was asked for has its own time, here none.
    let asked = create(&server, &basic("alice", PASSWORD), json!({ "name": "ci" }));
    assert!(asked.json()["expires"].is_null());
    let over = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while whoami(&server, &alice) != 401 {
        assert!(std::time::Instant::now() < over, "it does not end");
        std::thread::yield_now();
    }
    assert_eq!(whoami(&server, &token_of(&asked)), 200);
    // The next login makes room.
    account_again(&server);
    let names: Vec<_> = list(&server, &token_of(&asked))
        .iter()
        .map(|token| token["name"].clone())
        .collect();
    assert_eq!(names, [json!("login from 127.0.0.1"), json!("ci")]);
}

#[test]
fn the_token_of_a_login_lasts_as_long_as_is_set() {
    for (days, setting) in [(None, "0"), (Some(1), "86400")] {
        let server = server(&[("THIRTEEN_REGISTRY_LOGIN_TOKEN_TTL_S", setting)]);
        let alice = account(&server, "alice");
        let listed = &list(&server, &alice)[0];
        let created = listed["created"].as_str().unwrap();
        // The same moment of another day.
        let moment = |text: &str| text.split_once('T').unwrap().1.to_owned();
        let expires = listed["expires"].as_str();
        assert_eq!(
            expires.map(moment),
            days.map(|_: u32| moment(created)),
            "{listed}"
        );
        assert!(expires.is_none_or(|expires| expires > created), "{listed}");
    }
}

fn account_again(server: &Server) {
    let body = crate::people::user_body("alice", PASSWORD, None);
    let target = "/-/user/org.couchdb.user:alice";
    assert_eq!(ask(server, "PUT", target, "", Some(&body)).status, 201);
}

#[test]
fn a_list_goes_on_over_its_pages() {
    let server = server(&[("THIRTEEN_RATE_PUBLISHES_PER_MINUTE", "0")]);
    account(&server, "alice");
    let alice = basic("alice", PASSWORD);
    let target = "/-/user/org.couchdb.user:alice";
    let body = crate::people::user_body("alice", PASSWORD, None);
    for _ in 0..119 {
        assert_eq!(ask(&server, "PUT", target, "", Some(&body)).status, 201);
    }
    let listed = list(&server, &alice);
    let mut keys: Vec<&str> = listed
        .iter()
        .map(|token| token["key"].as_str().unwrap())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!((listed.len(), keys.len()), (120, 120));
    let first = ask(&server, "GET", "/-/npm/v1/tokens", &alice, None).json();
    assert_eq!(
        (
            first["total"].clone(),
            first["objects"].as_array().unwrap().len()
        ),
        (json!(120), 100)
    );
    assert_eq!(
        ask(&server, "GET", "/-/npm/v1/tokens?before=x", &alice, None).status,
        400
    );
}

#[test]
fn a_token_outlives_a_crash_and_a_revoked_one_does_not_come_back() {
    let mut server = server(&[]);
    let alice = account(&server, "alice");
    let made = create(&server, &alice, json!({}));
    let token = token_of(&made);
    let target = format!(
        "/-/npm/v1/tokens/token/{}",
        made.json()["key"].as_str().unwrap()
    );
    assert_eq!(ask(&server, "DELETE", &target, &alice, None).status, 204);
    server.kill();
    server.restart();
    assert_eq!(
        (whoami(&server, &alice), whoami(&server, &token)),
        (200, 401)
    );
}
