//! `/-/v1/login`: the page that npm opens.

use serde_json::{Value, json};

use crate::people::{PASSWORD, account, ask, bearer, server, whoami};
use crate::support::http::{Reply, send};
use crate::support::server::Server;

/// What a client was given.
struct Begun {
    page: String,
    done: String,
}

fn begin(server: &Server, body: &Value) -> Begun {
    let reply = ask(server, "POST", "/-/v1/login", "", Some(body));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let base = format!("http://{}", server.registry());
    let path = |name: &str| {
        let body = reply.json();
        let url = body[name].as_str().unwrap();
        url.strip_prefix(&base)
            .unwrap_or_else(|| panic!("{url}"))
            .to_owned()
    };
    Begun {
        page: path("loginUrl"),
        done: path("doneUrl"),
    }
}

/// A page as a browser has it open: the cookie, and what its form holds.
fn open(server: &Server, path: &str) -> (String, String) {
    let page = send(server.registry(), "GET", path, &[], b"");
    assert_eq!(page.status, 200, "{}", page.text());
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    let html = page.text();
    assert!(!html.contains("<script"), "{html}");
    let (_, rest) = html.split_once("name=\"proof\" value=\"").unwrap();
    let (proof, _) = rest.split_once('"').unwrap();
    let cookie = page.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    let (cookie, _) = cookie.split_once(';').unwrap();
    (cookie.to_owned(), proof.to_owned())
}

fn submit(server: &Server, path: &str, cookie: &str, form: &str) -> Reply {
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Cookie", cookie),
    ];
    send(server.registry(), "POST", path, &headers, form.as_bytes())
}

fn done(server: &Server, begun: &Begun) -> Reply {
    ask(server, "GET", &begun.done, "", None)
}

#[test]
fn a_login_waits_for_the_page_and_gives_one_token() {
    let server = server(&[]);
    account(&server, "alice");
    let begun = begin(&server, &json!({}));
    let waiting = done(&server, &begun);
    assert_eq!((waiting.status, waiting.json()), (202, json!({})));
    assert_eq!(waiting.header("retry-after"), Some("1"));

    let (cookie, proof) = open(&server, &begun.page);
    let form = format!("proof={proof}&name=alice&password=wrong+password");
    let refused = submit(&server, &begun.page, &cookie, &form);
    assert_eq!(refused.status, 403);
    assert!(refused.header("www-authenticate").is_none() && refused.text().contains("alert"));
    assert_eq!(done(&server, &begun).status, 202);

    let form = format!("proof={proof}&name=alice&password=correct+horse%20battery");
    let signed_in = submit(&server, &begun.page, &cookie, &form);
    assert_eq!(signed_in.status, 200, "{}", signed_in.text());
    let finished = done(&server, &begun);
    assert_eq!(finished.status, 200, "{}", finished.text());
    let token = bearer(finished.json()["token"].as_str().unwrap());
    let who = ask(&server, "GET", "/-/whoami", &token, None);
    assert_eq!(who.json()["username"], "alice");
    assert_eq!(done(&server, &begun).status, 404, "once");
    assert_eq!(
        send(server.registry(), "GET", &begun.page, &[], b"").status,
        404
    );
}

#[test]
fn a_form_is_taken_from_the_page_of_the_same_browser_alone() {
    let server = server(&[]);
    account(&server, "alice");
    let (mine, other) = (begin(&server, &json!({})), begin(&server, &json!({})));
    let (cookie, proof) = open(&server, &mine.page);
    let (cookie_of_other, proof_of_other) = open(&server, &other.page);
    let fields = "name=alice&password=correct+horse+battery";
    let twice = format!("{cookie}; {cookie_of_other}");
    for (cookie, proof) in [
        ("a=b", &*proof),
        (&*cookie_of_other, &*proof),
        (&*cookie, &*proof_of_other),
        (&*cookie, ""),
        (&*twice, &*proof),
    ] {
        let form = format!("proof={proof}&{fields}");
        let refused = submit(&server, &mine.page, cookie, &form);
        assert_eq!(refused.status, 403, "{cookie} {proof}");
        assert_eq!(done(&server, &mine).status, 202);
    }
    let form = format!("proof={proof}&{fields}");
    assert_eq!(submit(&server, &mine.page, &cookie, &form).status, 200);
    // Somebody else comes too late, and the one who waits for another login gets nothing.
    assert_eq!(submit(&server, &mine.page, &cookie, &form).status, 404);
    assert_eq!(
        (done(&server, &other).status, done(&server, &mine).status),
        (202, 200)
    );
}

#[test]
fn the_page_makes_accounts() {
    let server = server(&[]);
    let begun = begin(&server, &json!({ "create": true }));
    assert!(begun.page.ends_with("?create"));
    let (cookie, proof) = open(&server, &begun.page);
    let form = |name: &str, password: &str| {
        format!("proof={proof}&name={name}&email=bob%40example.com&password={password}")
    };
    let refused = submit(&server, &begun.page, &cookie, &form("Bob%22%3E", "short"));
    assert_eq!(refused.status, 400);
    assert!(
        refused.text().contains("value=\"Bob&quot;&gt;\""),
        "{}",
        refused.text()
    );
    let made = submit(
        &server,
        &begun.page,
        &cookie,
        &form("bob", &PASSWORD.replace(' ', "+")),
    );
    assert_eq!(made.status, 200, "{}", made.text());
    let token = bearer(done(&server, &begun).json()["token"].as_str().unwrap());
    assert_eq!(whoami(&server, &token), 200);
}

#[test]
fn the_token_of_a_page_ends_where_the_setting_says_so() {
    let server = server(&[("THIRTEEN_REGISTRY_LOGIN_TOKEN_TTL_S", "7200")]);
    account(&server, "alice");
    let begun = begin(&server, &json!({}));
    let (cookie, proof) = open(&server, &begun.page);
    let form = format!("proof={proof}&name=alice&password=correct+horse+battery");
    assert_eq!(submit(&server, &begun.page, &cookie, &form).status, 200);
    let token = bearer(done(&server, &begun).json()["token"].as_str().unwrap());
    let listed = ask(&server, "GET", "/-/npm/v1/tokens", &token, None).json();
    assert_eq!(listed["total"], 2);
    for token in listed["objects"].as_array().unwrap() {
        assert!(token["expires"].is_string(), "{token}");
    }
}

#[test]
fn closed_signup_closes_the_page_too() {
    let server = server(&[("THIRTEEN_REGISTRY_SIGNUP", "closed")]);
    let begun = begin(&server, &json!({ "create": true }));
    let (cookie, proof) = open(&server, &begun.page);
    let form = format!("proof={proof}&name=bob&email=a%40b.c&password=correct+horse+battery");
    assert_eq!(submit(&server, &begun.page, &cookie, &form).status, 403);
    assert_eq!(done(&server, &begun).status, 202);
}

#[test]
fn what_was_never_begun_is_not_found() {
    let server = server(&[]);
    let unknown = "A".repeat(43);
    for path in [
        format!("/-/v1/login/page/{unknown}"),
        "/-/v1/login/page/x".to_owned(),
        format!("/-/v1/done/{unknown}"),
        "/-/v1/done/x".to_owned(),
    ] {
        assert_eq!(
            send(server.registry(), "GET", &path, &[], b"").status,
            404,
            "{path}"
        );
    }
    let style = send(server.registry(), "GET", "/-/v1/login/style.css", &[], b"");
    assert_eq!(
        style.header("content-type"),
        Some("text/css; charset=utf-8")
    );
}
