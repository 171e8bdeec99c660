//! Packages that tests publish and look at.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::people::server;
use crate::support::http::{Reply, send};
use crate::support::npm::{Archive, PublishBody};
use crate::support::server::Server;

/// Where a registry is: a server, or its address alone, which threads may share.
pub(crate) trait Door {
    fn address(&self) -> SocketAddr;
}

impl Door for Server {
    fn address(&self) -> SocketAddr {
        self.registry()
    }
}

impl Door for SocketAddr {
    fn address(&self) -> SocketAddr {
        *self
    }
}

/// One request with a credential; an empty one is not sent.
pub(crate) fn ask(
    door: &impl Door,
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
    send(door.address(), method, target, &headers, body.as_bytes())
}

/// A server without rates and without upstreams, with further settings as environment variables.
pub(crate) fn unhurried(environment: &[(&str, &str)]) -> Server {
    let mut all = vec![
        ("THIRTEEN_RATE_PUBLISHES_PER_MINUTE", "0"),
        ("THIRTEEN_RATE_REGISTRY_READS_PER_MINUTE", "0"),
        ("UPSTREAM_FALLBACK", ""),
    ];
    all.extend(environment);
    server(&all)
}

/// Publishes a version with the tag `latest`; 201.
pub(crate) fn publish(server: &impl Door, credential: &str, name: &str, version: &str) -> Reply {
    publish_with(server, credential, name, version, "latest", json!({}))
}

/// Publishes a version with further fields of its manifest; 201.
pub(crate) fn publish_with(
    server: &impl Door,
    credential: &str,
    name: &str,
    version: &str,
    tag: &str,
    fields: Value,
) -> Reply {
    let reply = try_publish(server, credential, name, version, tag, fields);
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply
}

/// As [`publish_with`], whatever the answer.
pub(crate) fn try_publish(
    server: &impl Door,
    credential: &str,
    name: &str,
    version: &str,
    tag: &str,
    fields: Value,
) -> Reply {
    let mut manifest = json!({ "name": name, "version": version });
    let more = fields.as_object().unwrap().clone();
    manifest.as_object_mut().unwrap().extend(more);
    let archive = Archive::of_manifest(&manifest).gzip();
    let body = PublishBody::tagged(name, version, &archive, tag, fields);
    let target = format!("/{}", name.replace('/', "%2f"));
    ask(server, "PUT", &target, credential, Some(&body))
}

/// What `npm` reads before it changes something.
pub(crate) fn to_write(server: &impl Door, credential: &str, name: &str) -> Value {
    let target = format!("/{}?write=true", name.replace('/', "%2f"));
    let reply = ask(server, "GET", &target, credential, None);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// A document, with these headers.
pub(crate) fn get(server: &impl Door, name: &str, headers: &[(&str, &str)]) -> Reply {
    let target = format!("/{}", name.replace('/', "%2f"));
    send(server.address(), "GET", &target, headers, b"")
}

/// The keys of an object.
pub(crate) fn keys(value: &Value) -> Vec<&str> {
    let keys = value.as_object().unwrap().keys();
    keys.map(String::as_str).collect()
}

/// `Accept` of npm's client.
pub(crate) const CORGI: &str =
    "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";
