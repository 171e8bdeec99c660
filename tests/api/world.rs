//! A server with somebody of each role, and how they call it.
#![allow(dead_code, reason = "each resource's tests use their own part of it")]

use std::cell::RefCell;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::document;
use crate::support::http::{Connection, Reply};
use crate::support::server::{Server, run_with_input};

/// A server and its first administrator.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) admin: Caller,
}

/// Somebody who calls the api door on a connection of their own.
pub(crate) struct Caller {
    connection: RefCell<Connection>,
    /// The user's id; empty for nobody in particular.
    pub(crate) id: String,
    /// What they signed in with; nothing for nobody in particular.
    pub(crate) token: Option<String>,
    door: Door,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    Api,
    Other,
}

impl World {
    /// A server with one shard, an empty shop and rates out of the way.
    pub(crate) fn start() -> World {
        World::start_with(&[])
    }

    /// As `start`, with further arguments.
    pub(crate) fn start_with(arguments: &[&str]) -> World {
        World::start_under(arguments, &[])
    }

    /// As `start_with`, with further settings by their variables.
    pub(crate) fn start_under(arguments: &[&str], environment: &[(&str, &str)]) -> World {
        let environment = [UNLIMITED, environment].concat();
        let server = Server::start_with(arguments, &environment);
        let folder = server.data();
        let command = ["admin", "create", ADMIN, "--password-stdin", "--data"];
        let command = [&command[..], &[folder.to_str().unwrap()]].concat();
        let created = run_with_input(&command, PASSWORD);
        assert!(created.status.success(), "{created:?}");
        let admin = sign_in(&server, ADMIN);
        World { server, admin }
    }

    /// Nobody in particular.
    pub(crate) fn anyone(&self) -> Caller {
        Caller::of(&self.server, String::new(), None)
    }

    /// Somebody who has an account, in a session of its own.
    pub(crate) fn signed_in(&self, email: &str) -> Caller {
        sign_in(&self.server, email)
    }

    /// A vendor with an address of their own at example.com.
    pub(crate) fn vendor(&self, name: &str) -> Caller {
        let user = format!("/api/v1/users/{}", self.customer(name).id);
        self.admin
            .put(&user, &json!({ "role": "vendor" }))
            .expect(200);
        sign_in(&self.server, &format!("{name}@example.com"))
    }

    /// A customer with an address of their own at example.com.
    pub(crate) fn customer(&self, name: &str) -> Caller {
        let email = format!("{name}@example.com");
        let body = json!({ "email": email, "password": PASSWORD, "name": name });
        self.anyone()
            .post("/api/v1/auth/register", &body)
            .expect(201);
        sign_in(&self.server, &email)
    }
}

fn sign_in(server: &Server, email: &str) -> Caller {
    let body = json!({ "email": email, "password": PASSWORD });
    let tokens = Caller::of(server, String::new(), None)
        .post("/api/v1/auth/login", &body)
        .expect(200);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let token = Some(text(&tokens["access_token"]));
    Caller::of(server, text(&tokens["user"]["id"]), token)
}

impl Caller {
    fn of(server: &Server, id: String, token: Option<String>) -> Caller {
        Caller {
            connection: RefCell::new(Connection::open(server.api())),
            id,
            token,
            door: Door::Api,
        }
    }

    /// The same at another door.
    pub(crate) fn at(&self, address: SocketAddr) -> Caller {
        Caller {
            connection: RefCell::new(Connection::open(address)),
            id: self.id.clone(),
            token: self.token.clone(),
            door: Door::Other,
        }
    }

    pub(crate) fn get(&self, target: &str) -> Reply {
        self.request("GET", target, &[], None)
    }

    pub(crate) fn post(&self, target: &str, body: &Value) -> Reply {
        self.request("POST", target, &[], Some(body))
    }

    pub(crate) fn put(&self, target: &str, body: &Value) -> Reply {
        self.request("PUT", target, &[], Some(body))
    }

    pub(crate) fn delete(&self, target: &str) -> Reply {
        self.request("DELETE", target, &[], None)
    }

    /// One request with further headers; a connection that the server closes is opened again.
    pub(crate) fn request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Reply {
        let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let mut all = headers.to_vec();
        if let Some(bearer) = &bearer {
            all.push(("Authorization", bearer));
        }
        let bytes = body.map(Value::to_string).unwrap_or_default();
        if body.is_some() {
            all.push(("Content-Type", "application/json"));
        }
        let mut connection = self.connection.borrow_mut();
        let reply = connection
            .request(method, target, &all, bytes.as_bytes())
            .unwrap_or_else(|error| panic!("{method} {target}: {error}"));
        if self.door == Door::Api {
            document::check(method, target, &reply);
        }
        if reply.header("connection") == Some("close") {
            let address = connection.stream().peer_addr().unwrap();
            *connection = Connection::open(address);
        }
        reply
    }
}

impl Reply {
    /// The body, of a reply that has to have this status.
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        if self.body.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    /// The code of the problem, of a reply that has to have this status.
    pub(crate) fn problem(&self, status: u16) -> String {
        let problem = self.expect(status);
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        problem["code"].as_str().unwrap().to_owned()
    }

    /// Places and codes of what is wrong with a request that has to be refused for it.
    pub(crate) fn faults(&self) -> Vec<(String, String)> {
        let problem = self.expect(422);
        let errors = problem["errors"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        errors
            .map(|error| (text(&error["pointer"]), text(&error["code"])))
            .collect()
    }
}

const ADMIN: &str = "admin@example.com";

/// Of everybody.
pub(crate) const PASSWORD: &str = "correct horse battery";

const UNLIMITED: &[(&str, &str)] = &[
    ("THIRTEEN_RATE_API_PER_MINUTE", "0"),
    ("THIRTEEN_RATE_AUTH_PER_15S", "0"),
];
