//! A server whose registry somebody may publish to: its first administrator.

use serde_json::{Value, json};

use super::http::{Connection, Reply, post_json};
use super::npm::{Archive, PublishBody};
use super::server::{Server, run_with_input};

/// A server and its administrator's access token.
pub(crate) struct Registry {
    pub(crate) server: Server,
    pub(crate) token: String,
}

impl Registry {
    /// A server with one shard and rates out of the way.
    pub(crate) fn start() -> Registry {
        Registry::start_with(&[])
    }

    /// As `start`, with further arguments.
    pub(crate) fn start_with(arguments: &[&str]) -> Registry {
        let server = Server::start_with(arguments, UNLIMITED);
        let folder = server.data();
        let command = ["admin", "create", EMAIL, "--password-stdin", "--data"];
        let command = [&command[..], &[folder.to_str().unwrap()]].concat();
        let created = run_with_input(&command, PASSWORD);
        assert!(created.status.success(), "{created:?}");
        let token = sign_in(&server);
        Registry { server, token }
    }

    /// Starts again after a kill.
    pub(crate) fn restart(&mut self) {
        self.server.restart();
        self.token = sign_in(&self.server);
    }

    /// A request with the administrator's token.
    pub(crate) fn request(&self, method: &str, target: &str, body: &[u8]) -> Reply {
        self.request_with(method, target, &[], body)
    }

    /// As `request`, with further headers.
    pub(crate) fn request_with(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![
            ("Authorization", &*bearer),
            ("Content-Type", "application/json"),
        ];
        all.extend_from_slice(headers);
        let mut connection = Connection::open(self.server.registry());
        connection.request(method, target, &all, body).unwrap()
    }

    /// A request of somebody who shows nothing.
    pub(crate) fn anyone(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Reply {
        let mut connection = Connection::open(self.server.registry());
        connection.request(method, target, headers, b"").unwrap()
    }

    /// Puts the document of a publish.
    pub(crate) fn put(&self, name: &str, body: &Value) -> Reply {
        let target = format!("/{}", name.replace('/', "%2f"));
        self.request("PUT", &target, body.to_string().as_bytes())
    }

    /// Publishes a version with one file beside its `package.json`; its tarball.
    pub(crate) fn publish(&self, name: &str, version: &str) -> Vec<u8> {
        let content = format!("module.exports = '{name} {version}'");
        let archive = Archive::of_package(name, version).file("index.js", content.as_bytes());
        let tarball = archive.gzip();
        let reply = self.put(name, &PublishBody::of(name, version, &tarball));
        assert_eq!(reply.status, 201, "{}", reply.text());
        tarball
    }

    /// The files that are kept, and those that are on their way.
    pub(crate) fn files(&self) -> (usize, usize) {
        let blobs = self.server.data().join("blobs");
        let count = |folder| std::fs::read_dir(folder).unwrap().count();
        let folders = std::fs::read_dir(blobs.join("sha512")).unwrap();
        let kept = folders.map(|folder| count(folder.unwrap().path())).sum();
        (kept, count(blobs.join("spool")))
    }
}

fn sign_in(server: &Server) -> String {
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    let reply = post_json(server.api(), "/api/v1/auth/login", &body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["access_token"].as_str().unwrap().to_owned()
}

const EMAIL: &str = "publisher@example.com";
const PASSWORD: &str = "a password for packages";

/// Without an upstream, so that what is not here is nowhere.
const UNLIMITED: &[(&str, &str)] = &[
    ("UPSTREAM_FALLBACK", ""),
    ("THIRTEEN_RATE_AUTH_PER_15S", "0"),
    ("THIRTEEN_RATE_PUBLISHES_PER_MINUTE", "0"),
    ("THIRTEEN_RATE_REGISTRY_READS_PER_MINUTE", "0"),
];
