//! `thirteen proxy`.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::scene::Scene;
use crate::support::folder::Folder;
use crate::support::http::fetch;
use crate::support::server::{binary, run};

#[test]
fn the_command_line_walks_the_decisions() {
    let scene = Scene::new();
    let data = scene.server.data();
    let data = data.to_str().unwrap();
    let upstreams = json!([
        {"host": "private.example", "port": scene.port(), "hash": 1, "tls": false,
            "allowPrivate": true},
        {"host": "public.example", "port": scene.port(), "hash": 2, "tls": false},
    ])
    .to_string();
    let environment = [
        ("UPSTREAMS", &*upstreams),
        (
            "THIRTEEN_OUTGOING_HOSTS",
            "private.example=127.0.0.1,public.example=127.0.0.1",
        ),
    ];
    let test = |arguments: &[&str]| {
        let mut all = vec!["proxy", "test", "--json", "--data", data];
        all.extend_from_slice(arguments);
        let output = run(&all, &environment);
        let told: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        let status = told["status"].as_u64().unwrap();
        assert_eq!(output.status.code(), Some(i32::from(status != 200)));
        (status, told["steps"].as_array().unwrap().len())
    };
    let url = format!("http://private.example:{}/x", scene.port());
    let good = scene.token(&["--hash", "1"]);
    assert_eq!(test(&["--hash", "1", "--token", &good, &url]), (200, 6));
    assert_eq!(test(&["--hash", "1", "--version", "2", &url]), (503, 1));
    assert_eq!(test(&["--hash", "2", "--token", &good, &url]), (401, 2));
    assert_eq!(test(&["--hash", "7", &url]), (502, 3));
    assert_eq!(test(&["--hash", "1", "https://other.example/"]), (403, 4));
    let rebound = format!("public.example:{}", scene.port());
    assert_eq!(test(&["--hash", "2", &rebound]), (403, 5));
    for wrong in [
        &["proxy", "token", "--ttl", "3601"][..],
        &["proxy", "token", "--subject", ""],
        &["proxy", "token", "--hash", "0x1ffffffff"],
        &["proxy", "test", "nonsense"],
    ] {
        assert_eq!(run(wrong, &[]).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn the_proxy_can_run_alone() {
    let folder = Folder::new();
    // Whoever has the addresses of doors that it does not open is not in its way.
    let others = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [api, ops] = others
        .each_ref()
        .map(|other| other.local_addr().unwrap().to_string());
    let mut child = Command::new(binary())
        .args([
            "proxy",
            "start",
            "--registry",
            "127.0.0.1:0",
            "--shards",
            "1",
        ])
        .args(["--api", &api, "--ops", &ops])
        .current_dir(folder.path())
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines: Vec<String> = lines
        .map(Result::unwrap)
        .take_while(|line| line != "ready")
        .collect();
    let told = lines.join("\n");
    for part in [
        "\nhash      0xa1b2c3d4\n",
        "\nterminal  native, 24 rows, 80 columns\n",
        "\nupstreams 0x00000000  https://registry.npmjs.org:443",
    ] {
        assert!(told.contains(part), "{told}");
    }
    assert_eq!(
        told.matches("http://").count(),
        1,
        "one door is open: {told}"
    );
    let address = lines[0].rsplit("http://").next().unwrap().parse().unwrap();
    assert_eq!(fetch(address, "/livez").status, 200);
    let data = folder.path().join("data");
    let doors = std::fs::read(data.join("doors.json")).unwrap();
    let doors: Value = serde_json::from_slice(&doors).unwrap();
    let expected = json!({ "pid": child.id(), "registry": format!("http://{address}") });
    assert_eq!(doors, expected, "a door that is closed is nowhere");
    let status = run(&["--data", data.to_str().unwrap(), "status"], &[]);
    let told = String::from_utf8_lossy(&status.stderr);
    assert_eq!(status.status.code(), Some(1), "{status:?}");
    assert!(told.contains("has its api door closed"), "{told}");
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&child),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    assert!(child.wait().unwrap().success());
}
