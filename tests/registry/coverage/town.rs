//! Who asks in the walk, and requests as data.

use serde_json::{Value, json};

use crate::people::account;
use crate::shelf::publish;
use crate::support::folder::Folder;
use crate::support::http::{Connection, Reply};
use crate::support::registry::Registry;
use crate::support::server::run;
use crate::support::upstream::{Act, Upstream};

/// A server with an upstream of all names, its staff, and two accounts of the registry.
pub(crate) struct Town {
    pub(crate) registry: Registry,
    pub(crate) upstream: Upstream,
    pub(crate) alice: String,
    pub(crate) bob: String,
    _folder: Folder,
}

/// The lines of a route: the path as the table has it, and its requests, made when it is their
/// turn.
pub(crate) struct Line {
    pub(crate) route: &'static str,
    pub(crate) visit: fn(&Town) -> Vec<Try>,
}

/// A request, and the status that it is answered with.
pub(crate) struct Try {
    who: Who,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    status: u16,
}

/// In whose name it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Nobody,
    Alice,
    Bob,
    Staff,
}

impl Town {
    pub(crate) fn build() -> Town {
        let upstream = Upstream::start();
        upstream.publish("theirs", "1.0.0");
        let keys = json!({ "keys": [] }).to_string();
        upstream.script("/-/npm/v1/keys", [Act::reply(200, keys)]);
        let path = "/-/npm/v1/security/advisories/bulk";
        upstream.script(path, [Act::reply(200, "{}")]);
        let path = "/-/npm/v1/attestations/theirs@1.0.0";
        upstream.script(
            path,
            [Act::reply(200, json!({ "attestations": [] }).to_string())],
        );
        let folder = Folder::new();
        let file = folder.path().join("settings.json");
        let settings = json!({ "proxy": { "upstreams": [upstream.setting()] } });
        std::fs::write(&file, settings.to_string()).unwrap();
        let registry = Registry::start_with(&["--config", file.to_str().unwrap()]);
        let (alice, bob) = (
            account(&registry.server, "alice"),
            account(&registry.server, "bob"),
        );
        publish(&registry.server, &alice, "a", "1.0.0");
        publish(&registry.server, &alice, "@s/b", "1.0.0");
        Town {
            registry,
            upstream,
            alice,
            bob,
            _folder: folder,
        }
    }

    /// Publishes a version of Alice's.
    pub(crate) fn publish(&self, name: &str, version: &str) {
        publish(&self.registry.server, &self.alice, name, version);
    }

    /// A document as npm reads it before it changes something.
    pub(crate) fn document(&self, name: &str) -> Value {
        let target = format!("/{name}?write=true");
        self.ask("GET", &Try::by(Who::Alice, target, 200)).json()
    }

    /// Asks as Alice for something that has to be there, for others to build on.
    pub(crate) fn made(&self, method: &str, target: &str, body: &Value) -> Value {
        let reply = self.ask(method, &Try::by(Who::Alice, target, 200).json(body));
        assert_eq!(reply.status, 200, "{method} {target}: {}", reply.text());
        reply.json()
    }

    /// The headers of the proxy for the upstream of the hash 0.
    pub(crate) fn proxy_headers(&self) -> Vec<(&'static str, String)> {
        let data = self.registry.server.data();
        let command = [
            "proxy",
            "token",
            "--hash",
            "0",
            "--data",
            data.to_str().unwrap(),
        ];
        let made = run(&command, &[]);
        assert!(made.status.success(), "{made:?}");
        let token = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        vec![
            ("X-Bun-Config-Version", "1".to_owned()),
            ("X-Bun-Registry-Hash", "0x00000000".to_owned()),
            ("X-Bun-Feature-Flags", "0x00000007".to_owned()),
            ("X-Bun-Proxy-Token", token),
        ]
    }

    /// Sends a request on a connection of its own.
    pub(crate) fn ask(&self, method: &str, request: &Try) -> Reply {
        let door = self.registry.server.registry();
        let host = match request.target.split_once("://") {
            Some((_, rest)) => rest.split('/').next().unwrap().to_owned(),
            None if method == "CONNECT" => request.target.clone(),
            None => door.to_string(),
        };
        let mut head = format!("{method} {} HTTP/1.1\r\nHost: {host}\r\n", request.target);
        let credential = match request.who {
            Who::Nobody => None,
            Who::Alice => Some(self.alice.clone()),
            Who::Bob => Some(self.bob.clone()),
            Who::Staff => Some(format!("Bearer {}", self.registry.token)),
        };
        if let Some(credential) = credential {
            head.push_str(&format!("Authorization: {credential}\r\n"));
        }
        for (name, value) in &request.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !request.body.is_empty() {
            head.push_str(&format!("Content-Length: {}\r\n", request.body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&request.body);
        let mut connection = Connection::open(door);
        connection.send(&bytes).unwrap();
        // A tunnel that is open has no body, whatever its head does not say.
        let is_open = method == "CONNECT" && request.status == 200;
        let reply = connection.reply(if is_open { "HEAD" } else { method });
        reply.unwrap_or_else(|error| panic!("{method} {}: {error}", request.target))
    }
}

impl Try {
    pub(crate) fn by(who: Who, target: impl Into<String>, status: u16) -> Try {
        Try {
            who,
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
            status,
        }
    }

    /// Of somebody who shows nothing.
    pub(crate) fn nobody(target: impl Into<String>, status: u16) -> Try {
        Try::by(Who::Nobody, target, status)
    }

    /// Of Alice, whose packages they are.
    pub(crate) fn alice(target: impl Into<String>, status: u16) -> Try {
        Try::by(Who::Alice, target, status)
    }

    pub(crate) fn json(self, body: &Value) -> Try {
        self.header("Content-Type", "application/json")
            .body(body.to_string())
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Try {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn headers(mut self, headers: &[(&'static str, String)]) -> Try {
        self.headers.extend_from_slice(headers);
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Try {
        self.body = body.into();
        self
    }

    pub(crate) fn expecting(mut self, status: u16) -> Try {
        self.status = status;
        self
    }

    pub(crate) fn who(&self) -> Who {
        self.who
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }
}
