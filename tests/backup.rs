//! Backups by the command line: of a server that runs, and back into a folder that none has.

#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod support;

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use support::blobs::has_file;
use support::folder::Folder;
use support::http::{fetch, post_json};
use support::npm::{Archive, PublishBody, noise};
use support::registry::Registry;
use support::server::{Server, run};

#[test]
fn the_doctor_knows_the_doors_of_the_running_server() {
    let server = Server::start();
    let doors = [server.api(), server.ops(), server.registry()].map(|door| door.to_string());
    let [api, ops, registry] = doors.each_ref().map(String::as_str);
    let look = ["doctor", "--api", api, "--ops", ops, "--registry", registry];
    let looked = thirteen(&look, &server);
    let text = String::from_utf8_lossy(&looked.stdout);
    assert!(looked.status.success(), "{looked:?}");
    for door in &doors {
        let served = format!("{door} is served by this server, pid {}", server.pid());
        assert!(text.contains(&served), "{text}");
    }
    // To the doctor of another folder they are taken.
    let elsewhere = Folder::new();
    let look = [&look[..], &["--data", path(elsewhere.path())]].concat();
    let looked = run(&look, &[]);
    let text = String::from_utf8_lossy(&looked.stdout);
    assert_eq!(looked.status.code(), Some(78), "{looked:?}");
    for flag in ["--api", "--ops", "--registry"] {
        let remedy = format!("or name another address with {flag}");
        assert!(text.contains(&remedy), "{text}");
    }
}

#[test]
fn a_running_server_is_backed_up_and_restored() {
    let mut server = Server::start();
    let elsewhere = Folder::new();
    let backup = elsewhere.path().join("backup.tar");
    set_rows(&server, 41);
    let taken = thirteen(&["backup", path(&backup), "--json"], &server);
    assert!(taken.status.success(), "{taken:?}");
    let said: Value = serde_json::from_slice(&taken.stdout).unwrap();
    assert!(
        said["files"].as_u64() >= Some(2),
        "the state and a store: {said}"
    );
    set_rows(&server, 42);

    let refused = thirteen(&["restore", path(&backup)], &server);
    assert_eq!(refused.status.code(), Some(1));
    let why = String::from_utf8(refused.stderr).unwrap();
    assert!(
        why.contains("is locked by process") && why.contains("stop that server"),
        "{why}"
    );

    assert!(server.terminate().status.success());
    let restored = thirteen(&["restore", path(&backup), "--json"], &server);
    assert!(restored.status.success(), "{restored:?}");
    let said: Value = serde_json::from_slice(&restored.stdout).unwrap();
    let aside = Path::new(said["aside"].as_str().unwrap());
    assert!(aside.join("commerce.db").exists(), "{said}");
    let doctor = thirteen(&["doctor", "--json"], &server);
    let checks: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let store = checks
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["check"] == "store");
    assert_eq!(store.unwrap()["verdict"], "ok", "{checks}");
    server.restart();
    assert_eq!(rows(&server), 41);
}

#[test]
fn a_registry_comes_back_with_what_lies_in_rows_and_in_files() {
    let mut registry = Registry::start();
    let elsewhere = Folder::new();
    let backup = elsewhere.path().join("backup.tar");
    let short = registry.publish("short", "1.0.0");
    let long = Archive::of_package("long", "1.0.0").file("noise", &noise(100_000, 5));
    let long = long.gzip();
    let put = registry.put("long", &PublishBody::of("long", "1.0.0", &long));
    assert_eq!(put.status, 201, "{}", put.text());
    let data = registry.server.data();
    assert!(has_file(&data, &long) && !has_file(&data, &short));
    let documents = documents(&registry);
    let taken = thirteen(&["backup", path(&backup)], &registry.server);
    assert!(taken.status.success(), "{taken:?}");
    registry.publish("late", "1.0.0");
    assert!(registry.server.terminate().status.success());

    let restored = thirteen(&["restore", path(&backup)], &registry.server);
    assert!(restored.status.success(), "{restored:?}");
    let (is_well, text) = support::server::doctor(&data);
    assert!(is_well, "{text}");
    registry.restart();
    assert!(has_file(&data, &long) && !has_file(&data, &short));
    assert_eq!(self::documents(&registry), documents);
    for (name, tarball) in [("short", &short), ("long", &long)] {
        let path = format!("/{name}/-/{name}-1.0.0.tgz");
        let reply = registry.anyone("GET", &path, &[]);
        assert!(reply.status == 200 && reply.body == *tarball, "{name}");
    }
    assert_eq!(registry.anyone("GET", "/late", &[]).status, 404);
    registry.publish("short", "1.1.0");
}

/// The documents of both packages, whatever the address.
fn documents(registry: &Registry) -> [String; 2] {
    let address = registry.server.registry().to_string();
    ["/short", "/long"].map(|path| {
        let reply = registry.anyone("GET", path, &[]);
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.text().replace(&address, "here")
    })
}

#[test]
fn what_is_wrong_is_told() {
    let server = Server::start();
    let elsewhere = Folder::new();
    let backup = elsewhere.path().join("backup.tar");
    std::fs::write(&backup, "kept").unwrap();
    for (arguments, cause) in [
        (["backup", path(&backup)], "is there already"),
        (
            ["backup", path(&server.data().join("inside.tar"))],
            "is in the data folder",
        ),
        (
            ["backup", "/nowhere/backup.tar"],
            "cannot write to /nowhere",
        ),
    ] {
        let refused = thirteen(&arguments, &server);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let why = String::from_utf8(refused.stderr).unwrap();
        assert!(why.contains(cause), "{why}");
    }
    assert_eq!(std::fs::read(&backup).unwrap(), b"kept");
    let fresh = Folder::new();
    let data = ["--data", path(fresh.path())];
    let nothing = run(
        &[
            &["backup", path(&elsewhere.path().join("a.tar"))],
            &data[..],
        ]
        .concat(),
        &[],
    );
    assert!(
        String::from_utf8(nothing.stderr)
            .unwrap()
            .contains("holds nothing")
    );
    let broken = run(&[&["restore", path(&backup)], &data[..]].concat(), &[]);
    assert!(
        String::from_utf8(broken.stderr)
            .unwrap()
            .contains("no whole backup")
    );
    let absent = fresh.path().join("absent");
    let restore = ["restore", path(&backup), "--data", path(&absent)];
    assert_eq!(run(&restore, &[]).status.code(), Some(1));
    assert!(!absent.exists(), "a restore that is refused leaves nothing");
}

fn thirteen(arguments: &[&str], server: &Server) -> Output {
    let data = server.data();
    run(&[arguments, &["--data", path(&data)]].concat(), &[])
}

fn set_rows(server: &Server, rows: u8) {
    let reply = post_json(server.api(), "/api/config", &json!({ "rows": rows }));
    assert_eq!(reply.status, 200, "{}", reply.text());
}

fn rows(server: &Server) -> u64 {
    fetch(server.api(), "/api/config").json()["rows"]
        .as_u64()
        .unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
