//! SIGHUP: settings that can change do so at once; a faulty file changes nothing.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::config_client::{ConfigClient, frame};
use crate::support::folder::Folder;
use crate::support::http::{fetch, post_json, send};
use crate::support::server::Server;
use crate::wire::{connect, eventually, read_to_end};

struct Reloaded {
    server: Server,
    file: PathBuf,
    _folder: Folder,
}

fn start(settings: &str) -> Reloaded {
    let folder = Folder::new();
    let file = folder.path().join("thirteen.toml");
    fs::write(&file, settings).unwrap();
    let server = Server::start_with(&["--config", file.to_str().unwrap()], &[]);
    Reloaded {
        server,
        file,
        _folder: folder,
    }
}

impl Reloaded {
    fn reload(&self, settings: &str, told: &str) {
        fs::write(&self.file, settings).unwrap();
        self.server.signal(Signal::HUP);
        self.server.await_log(told);
    }
}

/// How long a connection without a request is kept.
fn idle_span(address: SocketAddr) -> Duration {
    let began = Instant::now();
    assert_eq!(read_to_end(&mut connect(address)), b"");
    began.elapsed()
}

#[test]
fn deadlines_change_at_once() {
    let reloaded = start("[http]\nidle_timeout_ms = 25000\n");
    let api = reloaded.server.api();
    let mut before = connect(api);
    before
        .write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    reloaded.reload("[http]\nidle_timeout_ms = 300\n", "settings reloaded");
    let span = idle_span(api);
    assert!(span >= Duration::from_millis(280), "{span:?}");
    assert!(span < Duration::from_secs(10), "{span:?}");
}

#[test]
fn a_faulty_file_changes_nothing() {
    let reloaded = start("[http]\nidle_timeout_ms = 300\n[log]\nlevel = \"info\"\n");
    let api = reloaded.server.api();
    for faulty in [
        "[http]\nidle_timeout_ms = \"never\"\n",
        "[http]\nidle_timeout_ms = 60000\nnonsense = 1\n",
        "[http\n",
    ] {
        reloaded.reload(faulty, "the settings were not reloaded");
        assert!(idle_span(api) < Duration::from_secs(10));
        assert_eq!(fetch(api, "/health").status, 200);
    }
    fs::remove_file(&reloaded.file).unwrap();
    reloaded.server.signal(Signal::HUP);
    eventually("a fourth refusal", || {
        let log = reloaded.server.log();
        log.matches("the settings were not reloaded").count() == 4
    });
    assert!(!reloaded.server.log().contains("settings reloaded"));
    assert!(idle_span(api) < Duration::from_secs(10));
}

#[test]
fn the_log_level_changes_at_once() {
    let mut reloaded = start("[log]\nlevel = \"info\"\n");
    reloaded.reload("[log]\nlevel = \"error\"\n", "settings reloaded");
    let exit = reloaded.server.terminate();
    assert_eq!(exit.status.code(), Some(0));
    assert!(!exit.stderr.contains("draining"), "{}", exit.stderr);
}

#[test]
fn who_may_write_changes_at_once() {
    let reloaded = start("[state]\nwrite = \"loopback\"\n");
    let api = reloaded.server.api();
    let change = serde_json::json!({"rows": 30});
    assert_eq!(post_json(api, "/api/config", &change).status, 200);
    reloaded.reload("[state]\nwrite = \"token\"\n", "settings reloaded");
    // The shard adopts what the signal's thread has told of.
    eventually("refused writes", || {
        post_json(api, "/api/config", &change).status == 403
    });
}

#[test]
fn rates_change_at_once() {
    let reloaded = start("");
    let api = reloaded.server.api();
    reloaded.reload("[rate]\nwrites_per_minute = 3\n", "settings reloaded");
    let change = serde_json::json!({"rows": 30});
    eventually("a rate that is held", || {
        let reply = post_json(api, "/api/config", &change);
        assert!(reply.status == 200 || reply.header("retry-after").is_some());
        reply.status == 429
    });
}

#[test]
fn what_needs_a_restart_is_told() {
    let reloaded = start("[config]\nrows = 30\n");
    reloaded.reload("[config]\nrows = 31\n", "a setting waits for a restart");
    assert_eq!(
        fetch(reloaded.server.api(), "/api/config").json()["rows"],
        30
    );
}

#[test]
fn an_open_websocket_is_held_to_the_policy_in_force() {
    let reloaded = start("[state]\nwrite = \"loopback\"\n");
    let mut client = ConfigClient::connect(reloaded.server.api());
    let mut answer = |rows| {
        client.send(&frame(0x01, ROWS, rows)).unwrap();
        let answer = client.next().unwrap();
        (answer[0], answer[1])
    };
    assert_eq!(answer(30), (0x06, 0), "an ACK");
    reloaded.reload("[state]\nwrite = \"token\"\n", "settings reloaded");
    eventually("an ERROR, Not allowed", || answer(31) == (0x07, 6));
}

/// The offset of rows.
const ROWS: u32 = 14;

#[test]
fn pages_of_other_origins_are_let_in_at_once() {
    let reloaded = start("");
    let allowed = || {
        let origin = [("Origin", "https://shop.example")];
        let reply = send(reloaded.server.api(), "GET", "/livez", &origin, b"");
        reply
            .header("access-control-allow-origin")
            .map(str::to_owned)
    };
    assert_eq!(allowed(), None);
    let list = "[api]\ncors_origins = ['https://shop.example']\n";
    reloaded.reload(list, "settings reloaded");
    assert_eq!(allowed().as_deref(), Some("https://shop.example"));
}
