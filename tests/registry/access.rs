//! `/-/package/:package/{visibility,access,collaborators}`, and what the settings let be read and
//! made.

use serde_json::{Value, json};

use crate::people::{self, PASSWORD, account, ask, basic, bearer, server, user_body};
use crate::support::http::send;
use crate::support::server::Server;

fn publish(server: &Server, credential: &str, name: &str, version: &str) -> u16 {
    people::publish(server, credential, name, version, json!({}))
}

fn status(server: &Server, target: &str, credential: &str) -> u16 {
    ask(server, "GET", target, credential, None).status
}

fn post(server: &Server, target: &str, credential: &str, body: &Value) -> u16 {
    ask(server, "POST", target, credential, Some(body)).status
}

const ACCESS: &str = "/-/package/@a%2fb/access";
const COLLABORATORS: &str = "/-/package/@a%2fb/collaborators";

#[test]
fn a_restricted_package_is_its_collaborators_alone() {
    let server = server(&[]);
    let (alice, bob) = (account(&server, "alice"), account(&server, "bob"));
    assert_eq!(publish(&server, &alice, "@a/b", "1.0.0"), 201);
    let visibility = "/-/package/@a%2fb/visibility";
    let shown = ask(&server, "GET", visibility, "", None);
    assert_eq!(shown.json(), json!({ "public": true }));
    let restricted = json!({ "access": "restricted" });
    assert_eq!(post(&server, ACCESS, "", &restricted), 401);
    assert_eq!(post(&server, ACCESS, &bob, &restricted), 403);
    assert_eq!(
        post(&server, ACCESS, &alice, &json!({ "access": "secret" })),
        400
    );
    assert_eq!(
        post(
            &server,
            ACCESS,
            &alice,
            &json!({ "publish_requires_tfa": true })
        ),
        400
    );
    assert_eq!(post(&server, ACCESS, &alice, &restricted), 200);

    let all = [
        "/@a%2fb",
        "/@a/b/1.0.0",
        "/@a/b/-/b-1.0.0.tgz",
        visibility,
        COLLABORATORS,
    ];
    for target in all {
        let found = ["", &bob, &alice].map(|credential| status(&server, target, credential));
        assert_eq!(found, [404, 404, 200], "{target}");
    }
    // What a stranger is told is what is told of a package that is not there.
    let told = |name: &str| {
        ask(&server, "GET", &format!("/{name}"), &bob, None)
            .text()
            .to_owned()
    };
    assert_eq!(
        told("@a%2fb").replace("@a/b", "_"),
        told("@a%2fc").replace("@a/c", "_")
    );

    assert_eq!(
        post(&server, ACCESS, &alice, &json!({ "access": "public" })),
        200
    );
    assert_eq!(status(&server, "/@a%2fb", ""), 200);
}

#[test]
fn collaborators_read_and_owners_publish() {
    let server = server(&[]);
    let (alice, bob) = (account(&server, "alice"), account(&server, "bob"));
    assert_eq!(publish(&server, &alice, "@a/b", "1.0.0"), 201);
    let restricted = json!({ "access": "private" });
    assert_eq!(post(&server, ACCESS, &alice, &restricted), 200);
    let grant = |user: &str, permissions: Value| {
        let body = json!({ "user": user, "permissions": permissions });
        post(&server, COLLABORATORS, &alice, &body)
    };
    assert_eq!(grant("bob", json!("read-only")), 200);
    let listed = ask(&server, "GET", COLLABORATORS, &bob, None).json();
    assert_eq!(listed, json!({ "alice": "write", "bob": "read" }));
    assert_eq!(status(&server, "/@a%2fb", &bob), 200);
    assert_eq!(publish(&server, &bob, "@a/b", "1.0.1"), 403);
    assert_eq!(grant("bob", json!("read-write")), 200);
    assert_eq!(publish(&server, &bob, "@a/b", "1.0.1"), 201);
    assert_eq!(grant("bob", json!("none")), 200);
    assert_eq!(
        (
            status(&server, "/@a%2fb", &bob),
            publish(&server, &bob, "@a/b", "1.0.2")
        ),
        (404, 403)
    );
    assert_eq!(grant("alice", json!("read-only")), 409, "somebody owns it");
    assert_eq!(
        (
            grant("nobody", json!("read-only")),
            grant("bob", json!("all"))
        ),
        (404, 400)
    );
}

#[test]
fn collaborators_are_an_object_and_to_pnpm_a_list() {
    let server = server(&[]);
    let [alice, bob, carol, dave] =
        ["alice", "bob", "carol", "dave"].map(|name| account(&server, name));
    assert_eq!(publish(&server, &alice, "@a/b", "1.0.0"), 201);
    let body = json!({ "user": "bob", "permissions": "read-only" });
    assert_eq!(post(&server, COLLABORATORS, &alice, &body), 200);
    let asked = |credential: &str, client: &str, query: &str| {
        let mut headers = vec![("User-Agent", client)];
        if !credential.is_empty() {
            headers.push(("Authorization", credential));
        }
        let target = format!("{COLLABORATORS}{query}");
        let reply = send(server.registry(), "GET", &target, &headers, b"");
        assert_eq!(reply.header("vary"), Some("User-Agent"));
        reply.json()
    };
    let object = json!({ "alice": "write", "bob": "read" });
    // npm 8 and older ask in the same form as pnpm, and read an object.
    for (client, query) in [
        ("npm/11.6.0 node/v20", ""),
        ("npm/8.19.4 node/v16", "?format=cli"),
        ("pnpm/12.21.0 npm/?", ""),
    ] {
        assert_eq!(asked(&alice, client, query), object, "{client} {query}");
    }
    let owner = json!({
        "user": "alice", "email": "alice@example.com", "permissions": "read-write",
    });
    let reader = json!({ "user": "bob", "email": "bob@example.com", "permissions": "read-only" });
    let pnpm = "pnpm/12.21.0 npm/? node/v20";
    assert_eq!(asked(&alice, pnpm, "?format=cli"), json!([owner, reader]));
    assert_eq!(asked(&alice, pnpm, "?format=cli&user=bob"), json!([reader]));
    assert_eq!(asked(&alice, pnpm, "?format=cli&user=erin"), json!([]));
    assert_eq!(
        asked(&alice, "npm/11.6.0", "?user=bob"),
        json!({ "bob": "read" })
    );
    assert_eq!(asked(&bob, pnpm, "?format=cli"), json!([owner, reader]));
    // The document tells everybody the addresses of owners; others see their own, and nobody's.
    let hidden = json!({ "user": "bob", "email": "", "permissions": "read-only" });
    for credential in ["", &*carol, &*dave] {
        assert_eq!(
            asked(credential, pnpm, "?format=cli"),
            json!([owner, hidden])
        );
    }
    let body = json!({ "user": "carol", "permissions": "read-only" });
    assert_eq!(post(&server, COLLABORATORS, &alice, &body), 200);
    let own = json!({ "user": "carol", "email": "carol@example.com", "permissions": "read-only" });
    assert_eq!(
        asked(&carol, pnpm, "?format=cli"),
        json!([owner, hidden, own])
    );
}

#[test]
fn private_scopes_take_a_credential_and_tell_nothing() {
    let server = server(&[("THIRTEEN_REGISTRY_PRIVATE_SCOPES", "@a")]);
    let (alice, bob) = (account(&server, "alice"), account(&server, "bob"));
    assert_eq!(publish(&server, &alice, "@a/b", "1.0.0"), 201);
    assert_eq!(publish(&server, &alice, "c", "1.0.0"), 201);
    for target in ["/@a%2fb", "/@a%2fmissing", "/@a/b/-/b-1.0.0.tgz"] {
        assert_eq!(status(&server, target, ""), 401, "{target}");
    }
    let good = [&bob, &basic("bob", PASSWORD)].map(|shown| status(&server, "/@a%2fb", shown));
    assert_eq!(good, [200, 200]);
    assert_eq!(status(&server, "/c", ""), 200);
    // A credential that is over is told so, even where none is needed.
    let over = bearer("npm_000000000000000000000000000000000000");
    assert_eq!(status(&server, "/c", &over), 401);
}

#[test]
fn nobody_reads_without_a_credential_where_that_is_so() {
    let server = server(&[("THIRTEEN_REGISTRY_ANONYMOUS", "none")]);
    let alice = account(&server, "alice");
    assert_eq!(publish(&server, &alice, "c", "1.0.0"), 201);
    for target in [
        "/c",
        "/missing",
        "/c/1.0.0",
        "/c/-/c-1.0.0.tgz",
        "/-/package/c/dist-tags",
        "/-/package/c/owners",
        // Nor is it told who has an account.
        "/-/user/alice/package",
        "/-/user/nobody/package",
        "/-/user/alice/stars",
        "/-/user/nobody/stars",
        "/-/_view/starredByUser?key=%22alice%22",
    ] {
        assert_eq!(status(&server, target, ""), 401, "{target}");
    }
    assert_eq!(status(&server, "/c", &alice), 200);
    assert_eq!(
        (
            status(&server, "/-/ping", ""),
            status(&server, "/health", "")
        ),
        (200, 200)
    );
}

#[test]
fn a_new_scoped_package_is_public_unless_the_setting_says_restricted() {
    let restricting = [("THIRTEEN_REGISTRY_SCOPED_ACCESS", "restricted")];
    for (environment, expected) in [(&[][..], 200), (&restricting, 404)] {
        let server = server(environment);
        let alice = account(&server, "alice");
        for name in ["@a/b", "plain"] {
            assert_eq!(publish(&server, &alice, name, "1.0.0"), 201);
        }
        assert_eq!(status(&server, "/@a%2fb", ""), expected);
        assert_eq!(status(&server, "/@a%2fb", &alice), 200);
        assert_eq!(status(&server, "/plain", ""), 200);
        // What the package is by now does not change with a publish.
        let private = json!({ "public": true });
        let target = "/-/package/@a%2fb/access";
        assert!(post(&server, target, &alice, &private) < 300);
        assert_eq!(publish(&server, &alice, "@a/b", "1.0.1"), 201);
        assert_eq!(status(&server, "/@a%2fb", ""), 200);
    }
}

#[test]
fn packages_are_made_in_open_scopes() {
    let server = server(&[("THIRTEEN_REGISTRY_OPEN_SCOPES", "@open,unscoped")]);
    let alice = account(&server, "alice");
    assert_eq!(publish(&server, &alice, "@open/a", "1.0.0"), 201);
    assert_eq!(publish(&server, &alice, "a", "1.0.0"), 201);
    assert_eq!(publish(&server, &alice, "@closed/a", "1.0.0"), 403);
    assert_eq!(publish(&server, "", "@open/b", "1.0.0"), 401);
    let body = json!({ "password": PASSWORD, "readonly": true });
    let made = ask(&server, "POST", "/-/npm/v1/tokens", &alice, Some(&body));
    let reader = bearer(made.json()["token"].as_str().unwrap());
    assert_eq!(publish(&server, &reader, "@open/b", "1.0.0"), 403);
}

#[test]
fn packages_and_stars_of_an_account_are_those_that_the_caller_may_read() {
    let server = server(&[]);
    let (alice, bob) = (account(&server, "alice"), account(&server, "bob"));
    for name in ["@a/b", "c"] {
        assert_eq!(publish(&server, &alice, name, "1.0.0"), 201);
    }
    for name in ["@a%2fb", "c"] {
        let star = json!({ "_id": name.replace("%2f", "/"), "users": { "alice": true } });
        let starred = ask(&server, "PUT", &format!("/{name}"), &alice, Some(&star));
        assert_eq!(starred.status, 201, "{}", starred.text());
    }
    assert_eq!(
        post(&server, ACCESS, &alice, &json!({ "access": "private" })),
        200
    );
    let target = "/-/user/alice/package";
    let listed = ask(&server, "GET", target, &alice, None).json();
    assert_eq!(listed, json!({ "@a/b": "write", "c": "write" }));
    assert_eq!(
        ask(&server, "GET", target, &bob, None).json(),
        json!({ "c": "write" })
    );
    assert_eq!(status(&server, "/-/user/nobody/package", &bob), 404);
    let stars = |credential: &str| -> Vec<Value> {
        let target = "/-/_view/starredByUser?key=%22alice%22";
        let reply = ask(&server, "GET", target, credential, None).json();
        let rows = reply["rows"].as_array().unwrap().iter();
        rows.map(|row| row["value"].clone()).collect()
    };
    assert_eq!(stars(&alice), [json!("@a/b"), json!("c")]);
    assert_eq!(stars(""), [json!("c")]);
}

#[test]
fn what_is_not_here_is_a_clear_404() {
    let server = server(&[]);
    let alice = account(&server, "alice");
    for (method, target) in [
        ("GET", "/-/all"),
        ("GET", "/-/org/alice/package"),
        ("PUT", "/-/org/alice/user"),
        ("PUT", "/-/team/alice/developers/package"),
        ("DELETE", "/-/team/alice/developers/user"),
        ("GET", "/-/stage"),
        ("POST", "/-/stage/package/a"),
        ("GET", "/-/package/@a%2fb/trust"),
        ("POST", "/-/npm/v1/oidc/token/exchange/package/a"),
    ] {
        let reply = ask(&server, method, target, &alice, None);
        assert_eq!(reply.status, 404, "{method} {target}");
        let body = reply.json();
        assert_eq!(body["reason"], "not_supported", "{method} {target}");
    }
}

#[test]
fn a_trusted_proxy_tells_where_its_clients_are() {
    let server = server(&[
        ("THIRTEEN_REGISTRY_TRUSTED_PROXIES", "127.0.0.0/8"),
        ("THIRTEEN_RATE_AUTH_PER_15S", "4"),
    ]);
    let from = |client: &str, method: &str, target: &str, credential: &str, body: &str| {
        let mut headers = vec![
            ("X-Forwarded-For", client),
            ("Content-Type", "application/json"),
        ];
        if !credential.is_empty() {
            headers.push(("Authorization", credential));
        }
        send(server.registry(), method, target, &headers, body.as_bytes())
    };
    let alice = account(&server, "alice");
    let wanted = json!({ "password": PASSWORD, "cidr_whitelist": ["192.0.2.0/24"] });
    let made = ask(&server, "POST", "/-/npm/v1/tokens", &alice, Some(&wanted)).json();
    let token = bearer(made["token"].as_str().unwrap());
    for (client, status) in [
        ("192.0.2.7", 200),
        ("198.51.100.1, 192.0.2.7", 200),
        ("192.0.2.7, 198.51.100.1", 401),
        ("192.0.2.7, unknown", 401),
    ] {
        let reply = from(client, "GET", "/-/whoami", &token, "");
        assert_eq!(reply.status, status, "{client}");
    }
    let login = from("192.0.2.8", "POST", "/-/v1/login", "", "{}");
    assert_eq!(login.status, 200, "{}", login.text());
    let url = login.json()["loginUrl"].as_str().unwrap().to_owned();
    let (_, secret) = url.rsplit_once('/').unwrap();
    let page = from(
        "192.0.2.8",
        "GET",
        &format!("/-/v1/login/page/{secret}"),
        "",
        "",
    );
    assert!(page.text().contains("192.0.2.8"), "{}", page.text());
    // Tries of one client are not those of another behind the same proxy.
    let try_from = |client: &str, number: u32| {
        let name = format!("nobody-{client}-{number}").replace('.', "-");
        let body = user_body(&name, "a wrong password", None).to_string();
        let target = format!("/-/user/org.couchdb.user:{name}");
        from(client, "PUT", &target, "", &body).status
    };
    let first: Vec<bool> = (0..5)
        .map(|number| try_from("192.0.2.9", number) == 429)
        .collect();
    assert_eq!(first, [false, false, false, false, true]);
    assert_ne!(try_from("192.0.2.10", 0), 429);
}
