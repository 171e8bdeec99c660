//! The lines of accounts, tokens, logins, access, search and advisories.

use serde_json::json;

use super::town::{Line, Town, Try, Who};
use crate::people::{PASSWORD, account, user_body};

pub(crate) const LINES: &[Line] = &[
    Line {
        route: "GET /-/ping",
        visit: |_| vec![Try::nobody("/-/ping", 200)],
    },
    Line {
        route: "GET /-/whoami",
        visit: |_| vec![Try::nobody("/-/whoami", 401), Try::alice("/-/whoami", 200)],
    },
    Line {
        route: "GET /-/user/:user",
        visit: |_| {
            let path = "/-/user/org.couchdb.user:alice";
            vec![
                Try::nobody(path, 401),
                Try::alice(path, 200),
                Try::alice("/-/user/org.couchdb.user:none", 404),
            ]
        },
    },
    Line {
        route: "PUT /-/user/:user",
        visit: |_| enter(""),
    },
    Line {
        route: "PUT /-/user/:user/-rev/:rev",
        visit: |_| enter("/-rev/1-x"),
    },
    Line {
        route: "DELETE /-/user/token/:token",
        visit: |town| {
            let leaving = account(&town.registry.server, "leaving");
            let token = leaving.strip_prefix("Bearer ").unwrap();
            let path = format!("/-/user/token/{token}");
            vec![
                Try::alice("/-/user/token/none", 404),
                // Whoever knows the token may end it.
                Try::nobody(path, 200),
            ]
        },
    },
    Line {
        route: "POST /-/v1/login",
        visit: |_| {
            vec![
                Try::nobody("/-/v1/login", 200).json(&json!({})),
                Try::nobody("/-/v1/login", 413).body(vec![b' '; 1 << 20]),
            ]
        },
    },
    Line {
        route: "GET /-/v1/login/style.css",
        visit: |_| vec![Try::nobody("/-/v1/login/style.css", 200)],
    },
    Line {
        route: "GET /-/v1/login/page/:secret",
        visit: |town| {
            vec![
                Try::nobody(login_path(town, "loginUrl"), 200),
                Try::nobody("/-/v1/login/page/x", 404),
            ]
        },
    },
    Line {
        route: "POST /-/v1/login/page/:secret",
        visit: submit,
    },
    Line {
        route: "GET /-/v1/done/:secret",
        visit: |town| {
            vec![
                Try::nobody(login_path(town, "doneUrl"), 202),
                Try::nobody("/-/v1/done/x", 404),
            ]
        },
    },
    Line {
        route: "GET /-/npm/v1/user",
        visit: |_| {
            vec![
                Try::nobody("/-/npm/v1/user", 401),
                Try::alice("/-/npm/v1/user", 200),
            ]
        },
    },
    Line {
        route: "POST /-/npm/v1/user",
        visit: |_| {
            let body = json!({ "email": "other@example.com" });
            vec![
                Try::nobody("/-/npm/v1/user", 401).json(&body),
                Try::alice("/-/npm/v1/user", 200).json(&body),
                Try::alice("/-/npm/v1/user", 400).json(&json!({ "email": "none" })),
            ]
        },
    },
    Line {
        route: "GET /-/npm/v1/tokens",
        visit: |_| {
            let path = "/-/npm/v1/tokens";
            vec![
                Try::nobody(path, 401),
                Try::alice(path, 200),
                Try::alice(format!("{path}?before=x"), 400),
            ]
        },
    },
    Line {
        route: "POST /-/npm/v1/tokens",
        visit: |_| {
            let path = "/-/npm/v1/tokens";
            let body = json!({ "password": PASSWORD, "readonly": true });
            vec![
                Try::nobody(path, 401).json(&body),
                Try::alice(path, 200).json(&body),
                Try::alice(path, 401).json(&json!({ "password": "wrong" })),
                Try::alice(path, 400).json(&json!([])),
            ]
        },
    },
    Line {
        route: "DELETE /-/npm/v1/tokens/token/:token",
        visit: |town| {
            let body = json!({ "password": PASSWORD });
            let made = town.made("POST", "/-/npm/v1/tokens", &body);
            let path = format!("/-/npm/v1/tokens/token/{}", made["key"].as_str().unwrap());
            vec![
                Try::nobody(&*path, 401),
                Try::by(Who::Bob, &*path, 404),
                Try::alice(&*path, 204),
                Try::alice(&*path, 404),
            ]
        },
    },
    Line {
        route: "GET /-/package/:@package/visibility",
        visit: |_| of_package("visibility"),
    },
    Line {
        route: "POST /-/package/:@package/visibility",
        visit: |_| set_access("visibility"),
    },
    Line {
        route: "GET /-/package/:@package/access",
        visit: |_| of_package("access"),
    },
    Line {
        route: "POST /-/package/:@package/access",
        visit: |_| set_access("access"),
    },
    Line {
        route: "GET /-/package/:@package/collaborators",
        visit: |_| of_package("collaborators"),
    },
    Line {
        route: "POST /-/package/:@package/collaborators",
        visit: |_| {
            let path = "/-/package/@s%2fb/collaborators";
            let body = json!({ "user": "bob", "permissions": "read-only" });
            vec![
                Try::nobody(path, 401).json(&body),
                Try::by(Who::Bob, path, 403).json(&body),
                Try::alice(path, 200).json(&body),
                Try::alice(path, 400).json(&json!({ "user": "bob", "permissions": "all" })),
            ]
        },
    },
    Line {
        route: "GET /-/user/:user/package",
        visit: |_| {
            vec![
                Try::alice("/-/user/alice/package", 200),
                Try::alice("/-/user/none/package", 404),
            ]
        },
    },
    Line {
        route: "GET /-/_view/starredByUser",
        visit: |_| {
            let path = "/-/_view/starredByUser?key=%22alice%22";
            vec![Try::nobody(path, 200)]
        },
    },
    Line {
        route: "GET /-/v1/search",
        visit: |_| vec![Try::nobody("/-/v1/search?text=a", 200)],
    },
    Line {
        route: "POST /-/npm/v1/security/advisories/bulk",
        visit: |_| {
            let path = "/-/npm/v1/security/advisories/bulk";
            vec![
                Try::nobody(path, 200).json(&json!({ "theirs": ["1.0.0"] })),
                Try::nobody(path, 400).json(&json!([])),
            ]
        },
    },
    Line {
        route: "POST /-/npm/v1/security/audits",
        visit: |_| audit("/-/npm/v1/security/audits"),
    },
    Line {
        route: "POST /-/npm/v1/security/audits/quick",
        visit: |_| audit("/-/npm/v1/security/audits/quick"),
    },
    Line {
        route: "GET /-/npm/v1/keys",
        visit: |_| vec![Try::nobody("/-/npm/v1/keys", 200)],
    },
    Line {
        route: "GET /-/npm/v1/attestations/:@package",
        visit: |_| {
            vec![
                Try::nobody("/-/npm/v1/attestations/theirs@1.0.0", 200),
                Try::nobody("/-/npm/v1/attestations/a@1.0.0", 404),
                Try::nobody("/-/npm/v1/attestations/theirs", 404),
            ]
        },
    },
    absent("GET /-/all", |_| gone("/-/all")),
    absent("GET /-/org/*rest", |_| gone("/-/org/alice/package")),
    absent("PUT /-/org/*rest", |_| gone("/-/org/alice/user")),
    absent("DELETE /-/org/*rest", |_| gone("/-/org/alice/user")),
    absent("GET /-/team/*rest", |_| gone("/-/team/a/b/user")),
    absent("PUT /-/team/*rest", |_| gone("/-/team/a/b/package")),
    absent("DELETE /-/team/*rest", |_| gone("/-/team/a/b/user")),
    absent("GET /-/stage", |_| gone("/-/stage")),
    absent("GET /-/stage/*rest", |_| gone("/-/stage/a")),
    absent("POST /-/stage/*rest", |_| gone("/-/stage/package/a")),
    absent("PUT /-/stage/*rest", |_| gone("/-/stage/a")),
    absent("DELETE /-/stage/*rest", |_| gone("/-/stage/a")),
    absent("GET /-/package/:@package/trust", |_| {
        gone("/-/package/@s%2fb/trust")
    }),
    absent("POST /-/package/:@package/trust", |_| {
        gone("/-/package/@s%2fb/trust")
    }),
    absent("POST /-/npm/v1/oidc/*rest", |_| {
        gone("/-/npm/v1/oidc/token/exchange/package/a")
    }),
];

/// A route that says that there is no such thing here.
const fn absent(route: &'static str, visit: fn(&Town) -> Vec<Try>) -> Line {
    Line { route, visit }
}

fn gone(path: &str) -> Vec<Try> {
    vec![Try::nobody(path, 404), Try::alice(path, 404)]
}

fn enter(rest: &str) -> Vec<Try> {
    let path = |name: &str| format!("/-/user/org.couchdb.user:{name}{rest}");
    let name = format!("carol{}", rest.len());
    let (own, other) = (
        user_body(&name, PASSWORD, None),
        user_body("alice", PASSWORD, None),
    );
    vec![
        Try::nobody(path(&name), 201).json(&own),
        Try::nobody(path("alice"), 401).json(&user_body("alice", "a wrong password", None)),
        Try::nobody(path("bob"), 400).json(&other),
        Try::nobody(path("bob"), 400).body("{"),
    ]
}

/// The path of a page of a login that was begun.
fn login_path(town: &Town, name: &str) -> String {
    let begun = town.made("POST", "/-/v1/login", &json!({}));
    let base = format!("http://{}", town.registry.server.registry());
    let url = begun[name].as_str().unwrap();
    url.strip_prefix(&base).unwrap().to_owned()
}

fn submit(town: &Town) -> Vec<Try> {
    let path = login_path(town, "loginUrl");
    let page = town.ask("GET", &Try::nobody(&*path, 200));
    let (_, rest) = page.text().split_once("name=\"proof\" value=\"").unwrap();
    let (proof, _) = rest.split_once('"').unwrap();
    let cookie = page.header("set-cookie").unwrap();
    let (cookie, _) = cookie.split_once(';').unwrap();
    let form = |proof: &str, password: &str| {
        let password = password.replace(' ', "+");
        Try::nobody(&*path, 0)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header("Cookie", cookie)
            .body(format!("proof={proof}&name=alice&password={password}"))
    };
    let with = |status, one: Try| one.expecting(status);
    vec![
        with(403, form("other", PASSWORD)),
        with(200, form(proof, PASSWORD)),
        with(404, form(proof, PASSWORD)),
    ]
}

fn of_package(what: &str) -> Vec<Try> {
    vec![
        Try::alice(format!("/-/package/@s%2fb/{what}"), 200),
        Try::alice(format!("/-/package/nothing/{what}"), 404),
    ]
}

fn set_access(what: &str) -> Vec<Try> {
    let path = format!("/-/package/@s%2fb/{what}");
    let body = json!({ "access": "public" });
    vec![
        Try::nobody(&*path, 401).json(&body),
        Try::by(Who::Bob, &*path, 403).json(&body),
        Try::alice(&*path, 200).json(&body),
        Try::alice(&*path, 400).json(&json!({ "access": "none" })),
    ]
}

fn audit(path: &str) -> Vec<Try> {
    let tree = json!({
        "name": "x", "version": "1.0.0", "requires": { "theirs": "1.0.0" },
        "dependencies": { "theirs": { "version": "1.0.0" } },
    });
    vec![
        Try::nobody(path, 200).json(&tree),
        Try::nobody(path, 400).body("{"),
    ]
}
