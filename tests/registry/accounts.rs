//! `/-/user`, `/-/whoami`, `/-/npm/v1/user`.

use serde_json::{Value, json};

use crate::people::{PASSWORD, account, ask, basic, bearer, put_user, server, user_body, whoami};
use crate::support::http::send;
use crate::support::server::Server;

#[test]
fn an_account_is_made_and_logs_in_and_out() {
    let server = server(&[]);
    let made = put_user(&server, "alice", PASSWORD, Some("alice@example.com"));
    assert_eq!(made.status, 201, "{}", made.text());
    let body = made.json();
    assert_eq!(body["id"], "org.couchdb.user:alice");
    let first = bearer(body["token"].as_str().unwrap());
    let who = ask(&server, "GET", "/-/whoami", &first, None);
    assert_eq!(
        (who.status, who.json()),
        (200, json!({ "username": "alice" }))
    );
    assert_eq!(who.header("cache-control"), Some("private, no-cache"));

    // `npm login` tells no address. `npm adduser` does, and makes an account or fails; who shows
    // the password as a credential, or names the revision, logs in with an address as well.
    let again = put_user(&server, "alice", PASSWORD, None);
    let second = bearer(again.json()["token"].as_str().unwrap());
    assert_eq!((again.status, first == second), (201, false));
    let target = "/-/user/org.couchdb.user:alice";
    let revision = format!("{target}/-rev/1-a");
    let body = user_body("alice", PASSWORD, Some("other@example.com"));
    let shown = basic("alice", PASSWORD);
    for (target, credential, status) in [
        (target, "", 409),
        // The token of the client is over: it logs in for that reason.
        (target, "Bearer gone", 409),
        (target, &shown, 201),
        (&revision, "Bearer gone", 201),
    ] {
        let reply = ask(&server, "PUT", target, credential, Some(&body));
        assert_eq!(reply.status, status, "{target} {credential}");
    }
    let wrong = user_body("alice", "wrong password", Some("other@example.com"));
    assert_eq!(
        ask(&server, "PUT", target, &shown, Some(&wrong)).status,
        401
    );

    let token = second.strip_prefix("Bearer ").unwrap();
    let left = ask(
        &server,
        "DELETE",
        &format!("/-/user/token/{token}"),
        &second,
        None,
    );
    assert_eq!(left.status, 200, "{}", left.text());
    assert_eq!(whoami(&server, &second), 401);
    assert_eq!(whoami(&server, &first), 200);
}

#[test]
fn an_account_needs_no_address() {
    let server = server(&[]);
    let made = put_user(&server, "alice", PASSWORD, None);
    assert_eq!(made.status, 201, "{}", made.text());
    let token = bearer(made.json()["token"].as_str().unwrap());
    let shown = ask(
        &server,
        "GET",
        "/-/user/org.couchdb.user:alice",
        &token,
        None,
    );
    assert_eq!(shown.json()["email"], "");
    let profile = ask(&server, "GET", "/-/npm/v1/user", &token, None);
    assert_eq!(profile.json()["email"], "");
    let body = json!({ "email": "alice@example.com" });
    let changed = ask(&server, "POST", "/-/npm/v1/user", &token, Some(&body));
    assert_eq!(changed.json()["email"], "alice@example.com");
    // An empty address is none.
    assert_eq!(put_user(&server, "bob", PASSWORD, Some(" ")).status, 201);
    for (name, password) in [("Carol", PASSWORD), ("carol", "short")] {
        assert_eq!(
            put_user(&server, name, password, None).status,
            400,
            "{name}"
        );
    }
}

#[test]
fn what_is_wrong_is_refused() {
    let server = server(&[]);
    account(&server, "alice");
    let wrong = put_user(&server, "alice", "wrong password", None);
    assert_eq!(wrong.status, 401);
    assert_eq!(wrong.header("www-authenticate"), Some(PASSWORD_ASKED));
    let email = Some("a@example.com");
    let table = [
        ("alice", "wrong password", email, 409),
        ("Bob", PASSWORD, email, 400),
        ("bob", "short", email, 400),
        ("bob", "password", email, 400),
        ("bob", PASSWORD, Some("no address"), 400),
        ("bob", "", email, 400),
    ];
    for (name, password, email, status) in table {
        let reply = put_user(&server, name, password, email);
        assert_eq!(
            reply.status,
            status,
            "{name} {password} {email:?}: {}",
            reply.text()
        );
        assert!(reply.json()["error"].is_string());
    }
    let other = user_body("carol", PASSWORD, email);
    let reply = ask(
        &server,
        "PUT",
        "/-/user/org.couchdb.user:bob",
        "",
        Some(&other),
    );
    assert_eq!(reply.status, 400);
    assert_eq!(
        ask(&server, "PUT", "/-/user/bob", "", Some(&other)).status,
        404
    );
}

#[test]
fn nobody_makes_an_account_where_signup_is_closed() {
    let server = server(&[("THIRTEEN_REGISTRY_SIGNUP", "closed")]);
    for email in [Some("alice@example.com"), None] {
        let reply = put_user(&server, "alice", PASSWORD, email);
        assert_eq!(reply.status, 401, "{}", reply.text());
    }
}

#[test]
fn a_name_and_a_password_are_credentials() {
    let mut server = server(&[]);
    account(&server, "alice");
    let good = basic("alice", PASSWORD);
    assert_eq!(whoami(&server, &good), 200);
    assert_eq!(whoami(&server, good.trim_end_matches('=')), 200);
    let table = [
        (basic("alice", "wrong password"), PASSWORD_ASKED),
        (basic("bob", PASSWORD), PASSWORD_ASKED),
        (basic("alice", ""), ASKED),
        ("Basic !".to_owned(), ASKED),
        ("Basic".to_owned(), ASKED),
        ("Digest x".to_owned(), ASKED),
        (bearer("npm_000000000000000000000000000000000000"), ASKED),
        (bearer("a.b.c"), ASKED),
        (String::new(), ASKED),
    ];
    for (bad, asked) in table {
        let reply = ask(&server, "GET", "/-/whoami", &bad, None);
        assert_eq!(reply.status, 401, "{bad}");
        assert_eq!(reply.header("www-authenticate"), Some(asked), "{bad}");
    }
    server.kill();
    server.restart();
    assert_eq!(whoami(&server, &good), 200, "accounts outlive a crash");
}

/// The statuses of so many requests on connections of their own at the same time.
fn together(server: &Server, count: usize, credential: &str) -> Vec<u16> {
    let address = server.registry();
    let headers = [("Authorization", credential)];
    let one = || send(address, "GET", "/-/whoami", &headers, b"").status;
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..count).map(|_| scope.spawn(one)).collect();
        let statuses = asking.into_iter().map(|asked| asked.join().unwrap());
        statuses.collect()
    })
}

#[test]
fn tokens_are_not_tries_and_passwords_are() {
    // Two shards, and a budget of one: every request beside the first is over it.
    let settings = [
        ("THIRTEEN_RATE_AUTH_PER_15S", "1"),
        ("THIRTEEN_SHARDS", "2"),
    ];
    let server = Server::start_with(&[], &settings);
    // The account's name and its address are counted apart: making it is a try of both.
    let made = put_user(&server, "alice", PASSWORD, Some("alice@example.com"));
    assert_eq!(made.status, 201, "{}", made.text());
    let statuses = |credential: &str| together(&server, 12, credential);
    let token = bearer(made.json()["token"].as_str().unwrap());
    assert_eq!(statuses(&token), [200; 12], "tokens are not tried");
    let password = statuses(&basic("alice", PASSWORD));
    assert_eq!(password, [429; 12], "the budget is spent");
}

#[test]
fn a_password_is_checked_once_for_all_who_show_it_together() {
    let settings = [
        ("THIRTEEN_RATE_AUTH_PER_15S", "3"),
        ("THIRTEEN_SHARDS", "2"),
    ];
    let server = Server::start_with(&[], &settings);
    let made = put_user(&server, "alice", PASSWORD, Some("alice@example.com"));
    assert_eq!(made.status, 201, "{}", made.text());
    let credential = basic("alice", PASSWORD);
    let statuses = together(&server, 24, &credential);
    assert_eq!(statuses, [200; 24]);
}

#[test]
fn an_account_is_shown_to_accounts() {
    let server = server(&[]);
    let alice = account(&server, "alice");
    let target = "/-/user/org.couchdb.user:alice";
    assert_eq!(ask(&server, "GET", target, "", None).status, 401);
    let shown = ask(
        &server,
        "GET",
        &format!("{target}?write=true"),
        &alice,
        None,
    );
    assert_eq!(shown.json()["email"], "alice@example.com");
    assert!(shown.json()["_rev"].is_string() && shown.json()["password"].is_null());
    let missing = ask(&server, "GET", "/-/user/org.couchdb.user:bob", &alice, None);
    assert_eq!(missing.status, 404);
    let ping = ask(&server, "GET", "/-/ping?write=true", "", None);
    assert_eq!((ping.status, ping.json()), (200, json!({})));
}

#[test]
fn a_changed_password_ends_every_other_token() {
    let server = server(&[]);
    let alice = account(&server, "alice");
    let other = put_user(&server, "alice", PASSWORD, None);
    let other = bearer(other.json()["token"].as_str().unwrap());
    let shown_before = basic("alice", PASSWORD);
    assert_eq!(
        (whoami(&server, &other), whoami(&server, &shown_before)),
        (200, 200)
    );
    let change = |old: &str, new: &str| -> (u16, Value) {
        let body = json!({
            "email": "alice@example.com",
            "fullname": null,
            "password": { "old": old, "new": new },
        });
        let reply = ask(&server, "POST", "/-/npm/v1/user", &alice, Some(&body));
        (reply.status, reply.json())
    };
    assert_eq!(change("wrong password", "another password 9").0, 401);
    assert_eq!(change(PASSWORD, "short").0, 400);
    assert_eq!(
        (whoami(&server, &other), whoami(&server, &shown_before)),
        (200, 200)
    );
    let (status, profile) = change(PASSWORD, "another password 9");
    assert_eq!((status, &profile["name"]), (200, &json!("alice")));
    assert_eq!(whoami(&server, &alice), 200, "the one that was shown stays");
    assert_eq!(
        (whoami(&server, &other), whoami(&server, &shown_before)),
        (401, 401)
    );
    assert_eq!(whoami(&server, &basic("alice", "another password 9")), 200);
}

#[test]
fn a_profile_is_what_is_kept_of_an_account() {
    let server = server(&[]);
    let alice = account(&server, "alice");
    let profile = ask(&server, "GET", "/-/npm/v1/user", &alice, None).json();
    assert_eq!(
        (&profile["email"], &profile["tfa"]),
        (&json!("alice@example.com"), &Value::Null)
    );
    let body = json!({ "email": "new@example.com", "fullname": null });
    let changed = ask(&server, "POST", "/-/npm/v1/user", &alice, Some(&body));
    assert_eq!(changed.json()["email"], "new@example.com");
    for body in [
        json!({ "fullname": "Alice" }),
        json!({ "tfa": { "mode": "auth-only", "password": PASSWORD } }),
        json!({ "email": "no address" }),
        json!([]),
    ] {
        let reply = ask(&server, "POST", "/-/npm/v1/user", &alice, Some(&body));
        assert_eq!(reply.status, 400, "{body}");
    }
    assert_eq!(ask(&server, "GET", "/-/npm/v1/user", "", None).status, 401);
}

/// The schemes, in the order and letters by which npm tells of a token.
const ASKED: &str = "Bearer, Basic";
/// The same schemes, by which it tells of a password.
const PASSWORD_ASKED: &str = "Basic, bearer";
