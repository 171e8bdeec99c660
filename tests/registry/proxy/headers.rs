//! Proxy tokens and the other headers of the configuration.

use serde_json::Value;

use super::scene::{PRIVATE, Scene, head, refusal, token_of, tunnel_reply};
use crate::support::http::Connection;
use crate::support::server::{Server, run};

#[test]
fn tokens_are_held_against_their_claims() {
    let mut scene = Scene::new();
    let target = format!("private.example:{}", scene.port());
    let refused_token = |scene: &Scene, token: &str| {
        let refusal = refusal(scene, &target, &scene.headers(PRIVATE, token));
        assert_eq!(refusal, (401, "INVALID_TOKEN".to_owned()));
    };
    let other = Server::start();
    refused_token(&scene, &token_of(&other, &["--hash", "1"]));
    refused_token(&scene, &scene.token(&["--hash", "2"]));
    let good = scene.token(&["--hash", "1"]);
    let (head, rest) = good.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let other_end: String = signature.chars().rev().collect();
    refused_token(&scene, &format!("{head}.{claims}.{other_end}"));
    let swapped = scene.token(&["--hash", "1", "--subject", "other"]);
    let swapped = swapped.split('.').nth(1).unwrap().to_owned();
    refused_token(&scene, &format!("{head}.{swapped}.{signature}"));
    // One that is good stays good, and is refused once both keys that could have made it are gone.
    for _ in 0..2 {
        let mut connection = Connection::open(scene.server.registry());
        let headers = scene.headers(PRIVATE, &good);
        connection
            .send(&self::head("CONNECT", &target, &headers))
            .unwrap();
        assert!(tunnel_reply(connection.stream()).starts_with("HTTP/1.1 200 "));
    }
    let data = scene.server.data();
    let data = data.to_str().unwrap();
    for _ in 0..2 {
        assert!(
            run(&["keys", "rotate", "--data", data], &[])
                .status
                .success()
        );
    }
    scene.server.await_log("the keys were rotated");
    refused_token(&scene, &good);
    let fresh = scene.token(&["--hash", "1"]);
    let mut connection = Connection::open(scene.server.registry());
    let headers = scene.headers(PRIVATE, &fresh);
    connection
        .send(&self::head("CONNECT", &target, &headers))
        .unwrap();
    assert!(tunnel_reply(connection.stream()).starts_with("HTTP/1.1 200 "));
    assert!(scene.server.terminate().status.success());
}

#[test]
fn faults_of_headers_are_told_one_by_one_and_all_at_once() {
    let scene = Scene::new();
    let target = format!("private.example:{}", scene.port());
    let token = scene.token(&["--hash", "1"]);
    let faults_of = |headers: &[(&'static str, String)]| -> Vec<(String, String)> {
        let mut connection = Connection::open(scene.server.registry());
        connection.send(&head("CONNECT", &target, headers)).unwrap();
        let reply = connection.reply("CONNECT").unwrap();
        assert_eq!(reply.status, 400, "{reply:?}");
        let body = reply.json();
        assert_eq!(body["error"], "Invalid proxy headers");
        let faults = body["validationErrors"].as_array().unwrap().clone();
        assert_eq!(faults[0]["code"], reply.header("X-Bun-Error").unwrap());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let pair = |fault: &Value| (text(&fault["header"]), text(&fault["code"]));
        faults.iter().map(pair).collect()
    };
    let good = scene.headers(PRIVATE, &token);
    for (place, value, code) in [
        (0, "256", "OUT_OF_RANGE"),
        (1, "1", "INVALID_FORMAT"),
        (2, "0x00000800", "RESERVED_BITS_SET"),
        (3, "not a token", "INVALID_TOKEN"),
    ] {
        let mut headers = good.clone();
        headers[place].1 = value.to_owned();
        let name = headers[place].0.to_owned();
        assert_eq!(faults_of(&headers), [(name, code.to_owned())]);
        headers.remove(place);
        let name = good[place].0.to_owned();
        assert_eq!(faults_of(&headers), [(name, "MISSING_HEADER".to_owned())]);
    }
    let mut headers = good;
    headers[0].1 = "x".to_owned();
    headers[1].1 = "y".to_owned();
    headers.remove(3);
    headers.push(("X-Bun-Nothing", "1".to_owned()));
    let codes: Vec<String> = faults_of(&headers)
        .into_iter()
        .map(|(_, code)| code)
        .collect();
    assert_eq!(
        codes,
        [
            "UNKNOWN_HEADER",
            "MISSING_HEADER",
            "INVALID_FORMAT",
            "INVALID_FORMAT"
        ]
    );
}

#[test]
fn headers_of_any_request_to_the_door_are_checked() {
    let scene = Scene::new();
    let get = |headers: &[(&str, &str)]| {
        let mut connection = Connection::open(scene.server.registry());
        connection.request("GET", "/livez", headers, b"").unwrap()
    };
    let plain = get(&[]);
    assert_eq!(
        (plain.status, plain.header("X-Bun-Request-ID")),
        (200, None)
    );
    let good = get(&[
        ("x-bun-request-id", "00000000deadBEEF"),
        ("X-Bun-Terminal-Rows", "24"),
    ]);
    assert_eq!(
        (good.status, good.header("X-Bun-Request-ID")),
        (200, Some("00000000deadBEEF"))
    );
    let faulty = get(&[("X-Bun-Terminal-Rows", "0"), ("X-Bun-Else", "1")]);
    assert_eq!(faulty.status, 400);
    let codes: Vec<&str> = faulty.json()["validationErrors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["code"].as_str().unwrap().to_owned().leak() as &str)
        .collect();
    assert_eq!(codes, ["UNKNOWN_HEADER", "OUT_OF_RANGE"]);
}
