//! Accounts that tests make, and requests in their names.

use serde_json::{Value, json};

use crate::support::http::{Reply, send};
use crate::support::npm::{Archive, PublishBody};
use crate::support::server::Server;

/// A server that counts no tries and has no upstream, with further settings as environment
/// variables.
pub(crate) fn server(environment: &[(&str, &str)]) -> Server {
    let mut all = vec![
        ("THIRTEEN_RATE_AUTH_PER_15S", "0"),
        ("UPSTREAM_FALLBACK", ""),
    ];
    all.extend(environment);
    Server::start_with(&[], &all)
}

/// One request to the registry door; an empty credential is not sent.
pub(crate) fn ask(
    server: &Server,
    method: &str,
    target: &str,
    credential: &str,
    body: Option<&Value>,
) -> Reply {
    let mut headers = vec![("Content-Type", "application/json")];
    if !credential.is_empty() {
        headers.push(("Authorization", credential));
    }
    let body = body.map_or_else(String::new, Value::to_string);
    send(server.registry(), method, target, &headers, body.as_bytes())
}

/// What `npm adduser` sends.
pub(crate) fn user_body(name: &str, password: &str, email: Option<&str>) -> Value {
    let mut body = json!({
        "_id": format!("org.couchdb.user:{name}"),
        "name": name,
        "password": password,
        "type": "user",
        "roles": [],
        "date": "2026-01-01T00:00:00.000Z",
    });
    if let Some(email) = email {
        body["email"] = email.into();
    }
    body
}

/// Puts a user as npm does.
pub(crate) fn put_user(server: &Server, name: &str, password: &str, email: Option<&str>) -> Reply {
    let target = format!("/-/user/org.couchdb.user:{name}");
    ask(
        server,
        "PUT",
        &target,
        "",
        Some(&user_body(name, password, email)),
    )
}

/// Makes an account with [`PASSWORD`]; gives its credential.
pub(crate) fn account(server: &Server, name: &str) -> String {
    let email = format!("{name}@example.com");
    let reply = put_user(server, name, PASSWORD, Some(&email));
    assert_eq!(reply.status, 201, "{}", reply.text());
    bearer(reply.json()["token"].as_str().unwrap())
}

/// Publishes a version whose manifest has further fields; gives the status.
pub(crate) fn publish(
    server: &Server,
    credential: &str,
    name: &str,
    version: &str,
    fields: Value,
) -> u16 {
    let archive = Archive::of_package(name, version).gzip();
    let body = PublishBody::tagged(name, version, &archive, "latest", fields);
    let target = format!("/{}", name.replace('/', "%2f"));
    ask(server, "PUT", &target, credential, Some(&body)).status
}

/// The header of a token.
pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// The header of a name and a password.
pub(crate) fn basic(name: &str, password: &str) -> String {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
    format!("Basic {pair}")
}

/// The status of `GET /-/whoami`.
pub(crate) fn whoami(server: &Server, credential: &str) -> u16 {
    ask(server, "GET", "/-/whoami", credential, None).status
}

pub(crate) const PASSWORD: &str = "correct horse battery";
