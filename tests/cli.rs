//! The command line as a user meets it: the binary, its output and its exit codes. Commands that
//! talk to a server meet one whose replies are written here.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// A folder of its own that ends with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        if path.exists() {
            std::fs::remove_dir_all(&path).unwrap();
        }
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// What a run of the program said.
#[derive(Debug)]
struct Said {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|fault| panic!("{fault}: {self:?}"))
    }
}

/// Runs the program in `folder` with nothing but the given variables in its environment.
fn run_in(folder: &Folder, variables: &[(&str, &str)], args: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_thirteen"))
        .args(args)
        .current_dir(&folder.0)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    Said {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A server that answers `(method, path)` from a table and keeps the bodies that it was sent.
struct Server {
    url: String,
    bodies: Arc<Mutex<Vec<String>>>,
    asked: Arc<AtomicUsize>,
}

/// The ETag of every page of [`Server`].
const ETAG: &str = "\"01a1b2c3d40000000702185000-4\"";

type Replies = HashMap<(&'static str, &'static str), (u16, String)>;

impl Server {
    fn start(replies: Replies) -> Server {
        Server::start_stale(replies, 0)
    }

    /// The first so many changes that expect a state find another one.
    fn start_stale(replies: Replies, stale: usize) -> Server {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bodies);
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                count.fetch_add(1, Ordering::Relaxed);
                answer(stream.unwrap(), &replies, stale, &kept);
            }
        });
        Server { url, bodies, asked }
    }

    /// Connections that came.
    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn bodies(&self) -> Vec<Value> {
        let bodies = self.bodies.lock().unwrap();
        bodies
            .iter()
            .map(|body| serde_json::from_str(body).unwrap())
            .collect()
    }
}

/// Answers one request and closes.
fn answer(stream: TcpStream, replies: &Replies, stale: usize, bodies: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut words = line.split(' ');
    let (method, path) = (
        words.next().unwrap().to_owned(),
        words.next().unwrap().to_owned(),
    );
    let mut body_bytes = 0;
    let mut expects = false;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let header = header.trim_end().to_ascii_lowercase();
        if let Some(length) = header.strip_prefix("content-length:") {
            body_bytes = length.trim().parse().unwrap();
        }
        if let Some(etag) = header.strip_prefix("if-match:") {
            assert_eq!(etag.trim(), ETAG);
            expects = true;
        }
        if header.is_empty() {
            break;
        }
    }
    let mut body = vec![0; body_bytes];
    reader.read_exact(&mut body).unwrap();
    if method == "POST" {
        bodies
            .lock()
            .unwrap()
            .push(String::from_utf8(body).unwrap());
    }
    let is_stale = expects && bodies.lock().unwrap().len() <= stale;
    let found = replies
        .iter()
        .find(|((m, p), _)| *m == method && *p == path);
    let (status, reply) = found.map_or((404, "no such page"), |(_, (s, r))| (*s, r.as_str()));
    let (status, reply) = if is_stale {
        (412, "{}")
    } else {
        (status, reply)
    };
    let length = reply.len();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n");
    let head = format!("{head}etag: {ETAG}\r\n");
    write!(reader.get_mut(), "{head}\r\n{reply}").unwrap();
}

fn config_server(sequence_after: u64) -> Server {
    stale_config_server(sequence_after, 0)
}

fn stale_config_server(sequence_after: u64, stale: usize) -> Server {
    let state = json!({
        "version": 1, "registryHash": 2_712_847_316_u64, "featureFlags": 7, "terminalMode": 2,
        "rows": 24, "cols": 80, "reserved": 0,
        "dump": "0x01a1b2c3d40000000702185000", "sequence": 4,
    });
    let changed = json!({ "success": true, "sequence": sequence_after });
    let replies = HashMap::from([
        (("GET", "/api/config"), (200, state.to_string())),
        (("POST", "/api/config"), (200, changed.to_string())),
        (
            ("GET", "/health"),
            (200, json!({"status": "healthy"}).to_string()),
        ),
        (
            ("GET", "/api/v1/status"),
            (
                200,
                json!({"version": "0.1.0", "doors": [{"name": "api"}]}).to_string(),
            ),
        ),
        (("GET", "/metrics"), (200, "a_total 1\nb 2\n".to_owned())),
    ]);
    Server::start_stale(replies, stale)
}

#[test]
fn wrong_usage_is_2_and_names_the_remedy() {
    let folder = Folder::new("usage");
    for (args, part) in [
        (&["frob"][..], "unrecognized subcommand"),
        (
            &["--shards", "0"],
            "flag --shards: 0 is out of range; give auto",
        ),
        (
            &["settings", "show", "--api", "nowhere"],
            "flag --api: `nowhere` has no port; give IP",
        ),
        (
            &["config", "row"],
            "`row` is not a field; the nearest is rows",
        ),
        (&["config", "rows", "256"], "rows must be 1 to 255"),
        (
            &["config", "feature", "enable", "BETA"],
            "the nearest is BETA_API",
        ),
        (
            &["config", "--server", "https://a"],
            "does not begin with http://",
        ),
        (
            &["validate", "headers", "X-Bun-Config-Version"],
            "has no value",
        ),
        (
            &["docs", "search", "("],
            "not a regular expression: unclosed group",
        ),
        (
            &["env", "export", "--format", "yaml"],
            "invalid value 'yaml'",
        ),
    ] {
        let said = run_in(&folder, &[], args);
        assert_eq!(said.code, 2, "{args:?} {said:?}");
        assert!(said.stderr.contains(part), "{part}\n{said:?}");
        assert_eq!(said.stdout, "", "{args:?}");
    }
}

#[test]
fn faulty_settings_are_78_and_told_all_at_once() {
    let folder = Folder::new("faulty");
    let file = folder.file("t.toml", "shard = 1\nlog.level = 'loud'\n");
    let said = run_in(&folder, &[("THIRTEEN_DATTA", "x")], &["--config", &file]);
    assert_eq!(said.code, 78, "{said:?}");
    let lines: Vec<&str> = said.stderr.lines().collect();
    assert_eq!(lines.len(), 3, "{said:?}");
    assert!(lines[0].ends_with("t.toml:1: shard: is not a known key; the nearest is `shards`"));
    assert!(lines[1].contains("t.toml:2: log.level: `loud` is not one of the words; give error,"));
    assert!(
        lines[2].contains("THIRTEEN_DATTA: is not a known variable; the nearest is THIRTEEN_DATA")
    );
}

#[test]
fn settings_are_shown_with_their_origin() {
    let folder = Folder::new("show");
    let file = folder.file("t.json", r#"{"websocket": {"port": 3100}, "shards": 3}"#);
    let variables = [("THIRTEEN_CONFIG", file.as_str()), ("THIRTEEN_SHARDS", "2")];
    // A flag is accepted on either side of the command.
    for args in [
        ["--data", "/x", "settings", "show"],
        ["settings", "show", "--data", "/x"],
    ] {
        let said = run_in(&folder, &variables, &[&args[..], &["--json"]].concat());
        let shown = said.json();
        assert_eq!(
            shown["shards"],
            json!({"value": "2", "origin": "environment THIRTEEN_SHARDS"})
        );
        assert_eq!(
            shown["api.listen"],
            json!({"value": "127.0.0.1:3100", "origin": file})
        );
        assert_eq!(
            shown["data"],
            json!({"value": "/x", "origin": "flag --data"})
        );
        assert_eq!(shown["ops.listen"]["origin"], "default");
    }
    let said = run_in(&folder, &[], &["settings", "show", "--origin"]);
    let line = said
        .stdout
        .lines()
        .find(|line| line.starts_with("log.level "))
        .unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words, ["log.level", "info", "default"]);
}

#[test]
fn a_file_is_checked_by_itself() {
    let folder = Folder::new("check");
    let good = folder.file("good.toml", "shards = 2\n[log]\naccess = 'full'\n");
    let said = run_in(
        &folder,
        &[("THIRTEEN_SHARDS", "faulty")],
        &["settings", "check", &good],
    );
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
    assert!(
        said.stdout.ends_with("good.toml: 2 settings, no faults\n"),
        "{said:?}"
    );
    let one = folder.file("one.toml", "shards = 2\n");
    let said = run_in(&folder, &[], &["settings", "check", &one]);
    assert!(
        said.stdout.ends_with("one.toml: 1 setting, no faults\n"),
        "{said:?}"
    );
    let bad = folder.file("bad.toml", "a = 1\nb = 2\n");
    let said = run_in(&folder, &[], &["settings", "check", &bad]);
    assert_eq!((said.code, said.stderr.lines().count()), (1, 2), "{said:?}");
}

#[test]
fn env_files_are_read_in_development_alone() {
    let folder = Folder::new("dotenv");
    folder.file(".env", "THIRTEEN_SHARDS=5\n");
    let shards = |variables: &[(&str, &str)]| {
        let said = run_in(&folder, variables, &["settings", "show", "--json"]);
        said.json()["shards"].clone()
    };
    assert_eq!(shards(&[])["value"], "auto");
    let development = shards(&[("THIRTEEN_ENV", "development")]);
    assert_eq!(development, json!({"value": "5", "origin": ".env:1"}));
}

#[test]
fn doctor_lists_every_check_and_finds_a_taken_port() {
    let folder = Folder::new("doctor");
    let free = [
        "--api",
        "127.0.0.1:0",
        "--ops",
        "127.0.0.1:0",
        "--registry",
        "127.0.0.1:0",
    ];
    let said = run_in(&folder, &[], &[&["doctor", "--json"], &free[..]].concat());
    let findings = said.json();
    let checks: Vec<&str> = findings
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["check"].as_str().unwrap())
        .collect();
    assert_eq!(
        checks,
        [
            "kernel",
            "io_uring",
            "open files",
            "locked memory",
            "data folder",
            "free disk",
            "api door",
            "ops door",
            "registry door",
            "store",
            "store",
        ]
    );
    let missing = findings
        .as_array()
        .unwrap()
        .iter()
        .any(|f| f["verdict"] == "missing");
    assert_eq!(said.code, if missing { 78 } else { 0 }, "{said:?}");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = run_in(&folder, &[], &["doctor", "--api", &address]);
    assert_eq!(said.code, 78, "{said:?}");
    let line = said
        .stdout
        .lines()
        .find(|line| line.contains("api door"))
        .unwrap();
    assert!(
        line.starts_with("missing") && line.contains("is in use"),
        "{line}"
    );
    assert!(line.contains("-> find who has it: ss -ltnp"), "{line}");
    assert!(
        !folder.0.join("data").exists(),
        "doctor makes no data folder"
    );
}

#[test]
fn headers_are_validated_without_a_server() {
    let folder = Folder::new("headers");
    let good = [
        "validate",
        "headers",
        "x-bun-config-dump",
        "0x01a1b2c3d40000000702185000",
    ];
    let said = run_in(&folder, &[], &good);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.stdout, "valid\ndump  0x01a1b2c3d40000000702185000\n");
    let bad = [
        "validate",
        "headers",
        "--json",
        "X-Bun-Terminal-Rows",
        "0",
        "X-Bun-Nothing",
        "1",
    ];
    let said = run_in(&folder, &[], &bad);
    assert_eq!(said.code, 1, "{said:?}");
    let body = said.json();
    assert_eq!(body["error"], "Invalid proxy headers");
    let codes: Vec<&Value> = body["validationErrors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["code"])
        .collect();
    assert!(codes.contains(&&json!("OUT_OF_RANGE")), "{body}");
    assert!(codes.contains(&&json!("UNKNOWN_HEADER")), "{body}");
    let said = run_in(
        &folder,
        &[],
        &[
            "validate",
            "headers",
            "--proxy",
            "X-Bun-Config-Version",
            "1",
        ],
    );
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(said.stdout.matches("MISSING_HEADER").count(), 3, "{said:?}");
}

#[test]
fn the_manual_is_searched() {
    let folder = Folder::new("docs");
    let said = run_in(
        &folder,
        &[],
        &["docs", "search", "websocket.client_timeout_ms"],
    );
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.stdout
            .lines()
            .any(|line| line.starts_with("settings.md:")),
        "{said:?}"
    );
    let said = run_in(&folder, &[], &["docs", "search", "--sh", "feature"]);
    let expected =
        "thirteen config feature enable BETA_API\nthirteen config feature disable DEBUG\n";
    assert_eq!(said.stdout, expected);
    let said = run_in(&folder, &[], &["docs"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("\nupstreams "), "{said:?}");
    let said = run_in(&folder, &[], &["docs", "search", "reserved address"]);
    assert!(said.stdout.contains("allowPrivate"), "{said:?}");
    let said = run_in(&folder, &[], &["docs", "show", "upstreams"]);
    assert!(
        said.stdout.starts_with("# Upstream registries\n"),
        "{said:?}"
    );
    let said = run_in(&folder, &[], &["docs", "show", "upstream"]);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{said:?}");
    let said = run_in(&folder, &[], &["docs", "search", "no such words"]);
    assert_eq!((said.code, said.stdout.as_str()), (1, ""), "{said:?}");
}

/// Every command that the manual shows is one that the program knows.
#[test]
fn commands_of_the_manual_are_known() {
    let folder = Folder::new("manual");
    let said = run_in(&folder, &[], &["docs", "search", "--sh", r"thirteen [a-z]"]);
    let mut commands: Vec<&str> = said
        .stdout
        .lines()
        .filter_map(|line| line.split("thirteen ").nth(1))
        .filter_map(|rest| rest.split([' ', ')']).next())
        .filter(|word| !word.starts_with('-'))
        .collect();
    commands.sort_unstable();
    commands.dedup();
    assert!(commands.len() >= 9, "{commands:?}");
    for command in commands {
        let said = run_in(&folder, &[], &[command, "--help"]);
        assert_eq!(said.code, 0, "{command}: {said:?}");
    }
}

#[test]
fn a_server_that_is_not_there_is_named_with_the_remedy() {
    let folder = Folder::new("absent");
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{free}");
    for args in [
        &["status"][..],
        &["config"],
        &["config", "rows", "40"],
        &["metrics"],
        &["env", "export"],
    ] {
        let said = run_in(&folder, &[], &[args, &["--server", &url]].concat());
        assert_eq!(
            (said.code, said.stdout.as_str()),
            (1, ""),
            "{args:?} {said:?}"
        );
        assert!(
            said.stderr.contains(&format!("no server answers at {url}")),
            "{said:?}"
        );
        assert!(
            said.stderr.contains("start it with `thirteen serve`"),
            "{said:?}"
        );
    }
}

#[test]
fn config_is_read_and_changed() {
    let folder = Folder::new("config");
    let server = config_server(5);
    let run = |args: &[&str]| run_in(&folder, &[], &[args, &["--server", &server.url]].concat());
    let table = run(&["config"]);
    assert_eq!(table.code, 0, "{table:?}");
    assert!(
        table.stdout.contains("\n1-4    registryHash  0xa1b2c3d4  "),
        "{table:?}"
    );
    assert!(
        table
            .stdout
            .ends_with("dump      0x01a1b2c3d40000000702185000\nsequence  4\n")
    );
    assert_eq!(run(&["config", "show"]).stdout, table.stdout);
    // Flags stand anywhere between the words.
    assert_eq!(run(&["config", "--data", "x", "show"]).stdout, table.stdout);
    assert_eq!(run(&["config", "--json"]).json()["sequence"], 4);
    assert_eq!(run(&["config", "registry-hash"]).stdout, "0xa1b2c3d4\n");
    assert_eq!(
        run(&["config", "rows", "--json"]).json(),
        json!({"rows": 24})
    );
    let said = run(&["config", "registryHash", "0xdeadbeef"]);
    assert_eq!(
        said.stdout, "registryHash = 0xdeadbeef (the upstream of this hash), sequence 5\n",
        "{said:?}"
    );
    run(&["config", "terminalMode", "pipe"]);
    let said = run(&["config", "feature", "enable", "beta-api", "--json"]);
    assert_eq!(said.json(), json!({"featureFlags": 15, "sequence": 5}));
    assert_eq!(said.stderr, "");
    run(&["config", "feature", "disable", "DEBUG"]);
    let said = run(&["config", "feature", "enable", "DEBUG"]);
    assert!(
        said.stdout.ends_with(", sequence 4\n"),
        "already on: nothing is sent: {said:?}"
    );
    let sent = [
        json!({"registryHash": 0xdead_beef_u32}),
        json!({"terminalMode": 3}),
        json!({"featureFlags": 15}),
        json!({"featureFlags": 3}),
    ];
    assert_eq!(server.bodies(), sent);
}

#[test]
fn a_switch_starts_again_after_a_change_in_between() {
    let folder = Folder::new("between");
    let enable = |server: &Server| {
        let words = ["config", "feature", "enable", "BETA_API"];
        run_in(
            &folder,
            &[],
            &[&words[..], &["--server", &server.url]].concat(),
        )
    };
    let server = stale_config_server(7, 2);
    let said = enable(&server);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
    assert!(said.stdout.ends_with(", sequence 7\n"), "{said:?}");
    assert_eq!(server.bodies().len(), 3);
    let server = stale_config_server(7, usize::MAX);
    let said = enable(&server);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.stderr.contains("BETA_API was not switched"),
        "{said:?}"
    );
    assert_eq!(server.bodies().len(), 32, "it gives up");
}

#[test]
fn the_server_is_found_by_the_file_that_it_wrote() {
    let folder = Folder::new("found");
    let server = config_server(5);
    let doors = json!({"pid": 1, "api": server.url, "ops": server.url, "registry": server.url});
    folder.file("doors.json", &doors.to_string());
    let said = run_in(&folder, &[], &["--data", ".", "status"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.stdout.contains("(from ./doors.json of pid 1)"),
        "{said:?}"
    );
    assert!(
        said.stdout.contains("\nstatus          healthy\n"),
        "{said:?}"
    );
    assert!(said.stdout.contains("\ndoors.api.name  api\n"), "{said:?}");
    let base = [("THIRTEEN_API_BASE", "http://127.0.0.1:9")];
    assert_eq!(run_in(&folder, &base, &["--data", ".", "status"]).code, 1);
    let local = [("THIRTEEN_API_BASE", "http://127.0.0.1:9"), ("LOCAL", "1")];
    assert_eq!(run_in(&folder, &local, &["--data", ".", "status"]).code, 0);
    let said = run_in(&folder, &[], &["--data", ".", "metrics", "b"]);
    assert_eq!(said.stdout, "b 2\n", "{said:?}");
}

/// Whoever listens where a closed door would be is somebody else: it is neither asked nor changed
/// nor given a token.
#[test]
fn a_door_that_the_server_has_closed_is_sought_nowhere_else() {
    let folder = Folder::new("closed");
    let stranger = config_server(5);
    let address = stranger.url.trim_start_matches("http://");
    folder.file("package.json", r#"{"name": "a", "version": "1.0.0"}"#);
    let pid = std::process::id();
    for (door, commands) in [
        (
            "api",
            &[&["status"][..], &["config"], &["config", "rows", "40"]][..],
        ),
        ("ops", &[&["metrics"]]),
        (
            "registry",
            &[&["install", "a"], &["publish", "--token", "secret"]],
        ),
    ] {
        let mut doors = json!({"pid": pid, "api": "http://127.0.0.1:9",
            "ops": "http://127.0.0.1:9", "registry": "http://127.0.0.1:9"});
        doors.as_object_mut().unwrap().remove(door);
        folder.file("doors.json", &doors.to_string());
        let flag = format!("--{door}");
        for command in commands {
            let args = [command, &["--data", ".", &flag, address][..]].concat();
            let said = run_in(&folder, &[], &args);
            let expected = format!("the server of pid {pid} has its {door} door closed");
            assert_eq!(said.code, 1, "{said:?}");
            assert!(said.stderr.contains(&expected), "{said:?}");
        }
    }
    assert_eq!(stranger.asked(), 0);
}

/// Whoever names a data folder means its server, not whichever has the usual address.
#[test]
fn a_named_folder_without_a_server_is_an_error() {
    let folder = Folder::new("serverless");
    let stranger = config_server(5);
    let address = stranger.url.trim_start_matches("http://");
    folder.file("package.json", r#"{"name": "a", "version": "1.0.0"}"#);
    let commands = [
        ("--api", &["status"][..]),
        ("--api", &["config", "rows", "40"]),
        ("--ops", &["metrics"]),
        ("--api", &["env", "export"]),
        ("--registry", &["install", "a"]),
        ("--registry", &["publish", "--token", "secret"]),
    ];
    let ask = |data: &str| {
        for (door, command) in commands {
            let args = [command, &["--data", data, door, address]].concat();
            let said = run_in(&folder, &[], &args);
            let expected = format!("no server runs on the data folder {data}: ");
            assert_eq!(said.code, 1, "{said:?}");
            assert!(said.stderr.contains(&expected), "{said:?}");
        }
    };
    ask("typo");
    ask(".");
    // The id is larger than that of any process.
    let left = json!({"pid": i32::MAX, "api": stranger.url, "ops": stranger.url});
    folder.file("doors.json", &left.to_string());
    ask(".");
    let named = [("THIRTEEN_DATA", "typo"), ("THIRTEEN_API_LISTEN", address)];
    assert_eq!(run_in(&folder, &named, &["status"]).code, 1);
    assert_eq!(stranger.asked(), 0);
    let said = run_in(&folder, &[], &["config", "rows", "--api", address]);
    assert_eq!((said.code, &*said.stdout), (0, "24\n"), "{said:?}");
}

#[test]
fn a_folder_that_is_named_and_not_there_is_not_made() {
    let folder = Folder::new("typo");
    for command in [
        &["keys", "rotate"][..],
        &["admin", "create", "ada@example.com"],
        &["proxy", "token"],
    ] {
        let said = run_in(&folder, &[], &[command, &["--data", "typo"]].concat());
        assert_eq!((said.code, &*said.stdout), (78, ""), "{said:?}");
        assert!(
            said.stderr.contains("there is no folder typo; "),
            "{said:?}"
        );
        assert!(!folder.0.join("typo").exists());
    }
}

#[test]
fn the_environment_is_exported_in_three_formats() {
    let folder = Folder::new("export");
    let server = config_server(5);
    let export = |format: &str| {
        let args = ["env", "export", "--format", format, "--server", &server.url];
        run_in(&folder, &[], &args)
    };
    let shell = export("shell").stdout;
    assert!(
        shell.contains("export BUN_CONFIG_REGISTRY_HASH=0xa1b2c3d4\n"),
        "{shell}"
    );
    assert_eq!(shell.replace("export ", ""), export("dotenv").stdout);
    assert_eq!(export("json").json()["BUN_CONFIG_TERMINAL_COLS"], "80");
    folder.file(".env", &export("dotenv").stdout);
    let development = [("THIRTEEN_ENV", "development")];
    let said = run_in(&folder, &development, &["settings", "show", "--json"]);
    assert_eq!(
        said.json()["config.cols"],
        json!({"value": "80", "origin": ".env:6"})
    );
}

#[test]
fn refusals_of_the_server_are_told_line_by_line() {
    let folder = Folder::new("refusals");
    let problem = json!({
        "title": "Forbidden", "detail": "state.write is token", "status": 403,
        "errors": [{"pointer": "/rows", "detail": "not yours"}],
    });
    let refused = (403, problem.to_string());
    let server = Server::start(HashMap::from([
        (("POST", "/api/config"), refused),
        (("GET", "/api/config"), (200, "<html>".to_owned())),
    ]));
    let run = |args: &[&str]| run_in(&folder, &[], &[args, &["--server", &server.url]].concat());
    let said = run(&["config", "rows", "40"]);
    assert_eq!(said.code, 1, "{said:?}");
    let url = &server.url;
    assert_eq!(
        said.stderr,
        format!(
            "thirteen: {url}/api/config answered 403 Forbidden: state.write is token\n\
             thirteen: /rows: not yours\n"
        )
    );
    let said = run(&["config"]);
    assert!(said.stderr.contains("did not answer in JSON"), "{said:?}");
    let said = run(&["status"]);
    assert!(
        said.stderr.contains("/health answered 404 no such page"),
        "{said:?}"
    );
}
