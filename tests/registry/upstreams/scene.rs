//! Servers with an upstream that answers as it is told, and what is seen of both.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::http::{Connection, fetch, send};
use crate::support::npm::Archive;
use crate::support::server::{Server, run};
use crate::support::upstream::Upstream;

/// A server with one upstream of all names, which is asked each time.
pub(crate) fn start(upstream: &Upstream, more: &[(&str, &str)]) -> Server {
    start_with(&[upstream.setting()], more)
}

pub(crate) fn start_with(upstreams: &[Value], more: &[(&str, &str)]) -> Server {
    let upstreams = json!(upstreams).to_string();
    let mut environment = vec![
        ("UPSTREAMS", &*upstreams),
        ("UPSTREAM_FALLBACK", ""),
        ("THIRTEEN_REGISTRY_FRESH_MS", "0"),
    ];
    environment.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    environment.extend_from_slice(more);
    Server::start_with(&[], &environment)
}

/// The document of a package as it is once its upstream was asked again.
pub(crate) fn fresh(server: &Server, upstream: &Upstream, path: &str) -> Value {
    let asked = upstream.asked(path).len();
    assert_eq!(fetch(server.registry(), path).status, 200);
    upstream.await_asked(path, asked + 1);
    // Who waits for a document waits for the answer that is on its way.
    let reply = fetch(server.registry(), &format!("{path}?write=true"));
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// What `thirteen cache` says.
pub(crate) fn cache(data: &Path, arguments: &[&str]) -> Value {
    let data = data.to_str().unwrap();
    let mut all = vec!["--data", data, "cache"];
    all.extend_from_slice(arguments);
    all.push("--json");
    let output = run(&all, &[]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The kept tarballs, once there are so many.
pub(crate) fn await_tarballs(server: &Server, count: usize) -> Vec<Value> {
    await_that(|| {
        let listed = cache(&server.data(), &["list"]);
        let listed = listed.as_array().unwrap().iter();
        let tarballs: Vec<Value> = listed
            .filter(|item| !item["version"].is_null())
            .cloned()
            .collect();
        (tarballs.len() == count).then_some(tarballs)
    })
}

/// Looks until there is something; each look takes a process or a request.
pub(crate) fn await_that<T>(look: impl Fn() -> Option<T>) -> T {
    for _ in 0..500 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::yield_now();
    }
    panic!("it never came");
}

pub(crate) fn metric(server: &Server, name: &str) -> f64 {
    let page = fetch(server.ops(), "/metrics");
    let line = page.text().lines().find(|line| line.starts_with(name));
    let line = line.unwrap_or_else(|| panic!("no {name}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Lets go of why `a` was not to be had, and of nothing else.
pub(crate) fn clear(server: &Server) {
    let path = "/-/thirteen/cache?package=a&version=0.0.0";
    let reply = send(server.registry(), "DELETE", path, &[], b"");
    assert_eq!(reply.status, 200);
}

/// Asks for something that is cut off; what came of it.
pub(crate) fn fetch_cut(address: SocketAddr, path: &str) -> Vec<u8> {
    let mut connection = Connection::open(address);
    ask(&mut connection, path);
    let mut came = Vec::new();
    // Closed or reset: what counts is what came before.
    let _ended = connection.stream().read_to_end(&mut came);
    came
}

/// Sends a request whose reply is not read yet.
pub(crate) fn ask(connection: &mut Connection, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    connection.send(request.as_bytes()).unwrap();
}

pub(crate) fn long_archive(name: &str, version: &str, bytes: usize) -> Vec<u8> {
    // Digits that gzip cannot make much shorter.
    let mut noise = Vec::with_capacity(bytes);
    let mut state = 1_u64;
    while noise.len() < bytes {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        noise.extend_from_slice(&state.to_be_bytes());
    }
    Archive::of_package(name, version)
        .file("package/noise", &noise)
        .gzip()
}
