//! `/-/npm/v1/security`, `/-/npm/v1/keys`, `/-/npm/v1/attestations`.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::people::{account, ask, publish, server};
use crate::support::folder::Folder;
use crate::support::http::{Reply, send};
use crate::support::server::Server;
use crate::support::upstream::{Act, Upstream};

const BULK: &str = "/-/npm/v1/security/advisories/bulk";

/// What npm sends: JSON in gzip, and its token.
fn post(server: &Server, target: &str, credential: &str, body: &Value) -> Reply {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body.to_string().as_bytes()).unwrap();
    let mut headers = vec![
        ("Content-Encoding", "gzip"),
        ("Content-Type", "application/json"),
    ];
    if !credential.is_empty() {
        headers.push(("Authorization", credential));
    }
    send(
        server.registry(),
        "POST",
        target,
        &headers,
        &encoder.finish().unwrap(),
    )
}

/// The most memory that a process has had.
fn peak_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<u64>().unwrap() << 10
}

fn advisory() -> Value {
    json!({
        "id": 1179, "url": "https://github.com/advisories/GHSA-vh95-rmgr-6w4m",
        "title": "Prototype Pollution", "severity": "moderate", "vulnerable_versions": "<0.2.1",
        "cwe": ["CWE-1321"], "cvss": { "score": 5.6, "vectorString": "CVSS:3.1/AV:N" },
    })
}

/// What yarn 1 and pnpm send.
fn tree() -> Value {
    json!({
        "name": "app", "version": "1.0.0", "install": [], "remove": [], "metadata": {},
        "requires": { "minimist": "^0.0.8", "@team/own": "*" },
        "dependencies": {
            "@team/own": { "version": "1.0.0", "dependencies": {
                "minimist": { "version": "0.2.0", "dev": true },
            } },
            "minimist": { "version": "0.2.1" },
        },
    })
}

fn with_upstream(upstream: &Upstream) -> Server {
    let setting = json!([upstream.setting()]).to_string();
    server(&[("UPSTREAMS", &*setting)])
}

#[test]
fn a_question_goes_to_the_upstream_without_what_is_ours() {
    let upstream = Upstream::start();
    let setting = json!([upstream.setting()]).to_string();
    // A scope that is named here is the operator's own: to publish in it asks no upstream.
    let scopes = ("THIRTEEN_REGISTRY_OPEN_SCOPES", "@team");
    let server = server(&[("UPSTREAMS", &*setting), scopes]);
    let alice = account(&server, "alice");
    assert_eq!(
        publish(&server, &alice, "@team/own", "1.0.0", json!({})),
        201
    );
    let answer = json!({ "minimist": [advisory()] });
    upstream.script(BULK, [Act::reply(200, answer.to_string())]);
    let question = json!({ "minimist": ["0.2.0"], "@team/own": ["1.0.0"], "No Name": ["1.0.0"] });
    let reply = post(&server, BULK, &alice, &question);
    assert_eq!(
        (reply.status, reply.json()),
        (200, answer.clone()),
        "{}",
        reply.text()
    );
    assert_eq!(reply.header("advisories-source"), Some("upstream"));
    let asked = upstream.asked(BULK);
    assert_eq!(asked.len(), 1);
    let sent: Value = serde_json::from_slice(&asked[0].body).unwrap();
    assert_eq!(sent, json!({ "minimist": ["0.2.0"] }));
    assert!(asked[0].header("authorization").is_none());
    // The same question again, and in the older form: the answer is kept for a short while.
    assert_eq!(post(&server, BULK, "", &question).json(), answer);
    assert_eq!(upstream.asked(BULK).len(), 1);

    for target in [
        "/-/npm/v1/security/audits",
        "/-/npm/v1/security/audits/quick",
    ] {
        let report = post(&server, target, &alice, &tree());
        assert_eq!(report.status, 200, "{}", report.text());
        let report = report.json();
        let told = &report["advisories"]["1179"];
        assert_eq!(
            (&told["module_name"], &told["patched_versions"]),
            (&json!("minimist"), &json!(">=0.2.1"))
        );
        let findings = told["findings"].as_array().unwrap();
        assert_eq!(
            (findings.len(), &findings[0]["paths"]),
            (1, &json!(["@team/own>minimist"]))
        );
        let metadata = &report["metadata"];
        assert_eq!(
            (
                &metadata["vulnerabilities"]["moderate"],
                &metadata["totalDependencies"]
            ),
            (&json!(1), &json!(3))
        );
    }
    let asked = upstream.all_asked();
    let told_of_ours = |body: &[u8]| String::from_utf8_lossy(body).contains("team");
    assert!(
        !asked
            .iter()
            .any(|asked| told_of_ours(&asked.body) || told_of_ours(asked.path.as_bytes()))
    );
}

#[test]
fn names_of_private_scopes_are_asked_of_who_names_the_scope() {
    let (all, stars, own) = (Upstream::start(), Upstream::start(), Upstream::start());
    let upstreams = [&all, &stars, &own];
    let patterns = ["*", "@*/*", "@own/*"];
    let settings: Vec<Value> = upstreams
        .into_iter()
        .zip(patterns)
        .enumerate()
        .map(|(hash, (upstream, pattern))| {
            upstream.script(BULK, [Act::reply(200, "{}")]);
            let mut setting = upstream.setting();
            setting["hash"] = json!(hash);
            setting["patterns"] = json!([pattern]);
            setting
        })
        .collect();
    let settings = json!(settings).to_string();
    let server = server(&[
        ("UPSTREAMS", &*settings),
        ("THIRTEEN_REGISTRY_PRIVATE_SCOPES", "@own,@hidden"),
    ]);
    let question = json!({
        "a": ["1.0.0"], "@b/b": ["1.0.0"], "@own/c": ["1.0.0"], "@hidden/d": ["1.0.0"],
    });
    assert_eq!(post(&server, BULK, "", &question).status, 200);
    let asked = upstreams.map(|upstream| {
        let asked = upstream.asked(BULK);
        let body: Value = serde_json::from_slice(&asked[0].body).unwrap();
        let names = body.as_object().unwrap().keys().cloned();
        names.collect::<Vec<_>>()
    });
    assert_eq!(asked, [["a"], ["@b/b"], ["@own/c"]]);
}

#[test]
fn an_upstream_that_fails_is_told_of() {
    let upstream = Upstream::start();
    let server = with_upstream(&upstream);
    upstream.script(BULK, [Act::reply(500, "")]);
    let question = json!({ "minimist": ["0.2.0"] });
    assert_eq!(post(&server, BULK, "", &question).status, 503);
    upstream.script(BULK, [Act::reply(200, "[]")]);
    assert_eq!(post(&server, BULK, "", &question).status, 502);
    upstream.script(BULK, [Act::reply(410, "{}")]);
    assert_eq!(post(&server, BULK, "", &question).status, 502);
    upstream.script(BULK, [Act::reply(200, "{}")]);
    assert_eq!(post(&server, BULK, "", &question).json(), json!({}));
}

#[test]
fn a_body_that_is_none_is_refused() {
    let server = server(&[]);
    for body in [json!([]), json!({ "a": "1.0.0" }), json!({ "a": [1] })] {
        assert_eq!(post(&server, BULK, "", &body).status, 400, "{body}");
    }
    let headers = [("Content-Encoding", "gzip")];
    assert_eq!(
        send(server.registry(), "POST", BULK, &headers, b"{}").status,
        400
    );
    let headers = [("Content-Encoding", "br")];
    assert_eq!(
        send(server.registry(), "POST", BULK, &headers, b"{}").status,
        415
    );
    // 9 MiB of blanks in 9 KiB.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..9 {
        encoder.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let headers = [("Content-Encoding", "gzip")];
    assert_eq!(
        send(server.registry(), "POST", BULK, &headers, &bomb).status,
        413
    );
}

#[test]
fn a_question_that_no_installation_asks_is_refused_and_takes_no_memory() {
    let server = server(&[]);
    // Two million empty lists that nobody reads, and a tree of as many packages as fit.
    let idle = format!("{{\"x\":[{}[]]}}", "[],".repeat(2 << 20));
    let many: Vec<String> = (0..70_000).map(|one| format!("\"p{one}\":{{}}")).collect();
    let many = format!("{{\"dependencies\":{{{}}}}}", many.join(","));
    let before = peak_bytes(server.pid());
    for target in [
        "/-/npm/v1/security/audits/quick",
        "/-/npm/v1/security/audits",
    ] {
        for (body, status) in [(&idle, 200), (&many, 400)] {
            let reply = send(server.registry(), "POST", target, &[], body.as_bytes());
            assert_eq!(reply.status, status, "{}", reply.text());
        }
    }
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let target = "/-/npm/v1/security/audits";
            let (address, body) = (server.registry(), idle.as_bytes());
            let ask = move || send(address, "POST", target, &[], body).status;
            scope.spawn(move || assert_eq!(ask(), 200));
        }
    });
    // The bodies alone are 50 MiB, and grow by doubling.
    let took = peak_bytes(server.pid()) - before;
    assert!(took < 160 << 20, "{took}");
    let versions = "\"1.0.0\",".repeat(70_000);
    let body = format!("{{\"a\":[{versions}\"1.0.0\"]}}");
    let reply = send(server.registry(), "POST", BULK, &[], body.as_bytes());
    assert_eq!(reply.status, 400, "{}", reply.text());
}

#[test]
fn a_folder_answers_where_nobody_is_asked() {
    let folder = Folder::new();
    let file = json!({
        "id": "GHSA-vh95-rmgr-6w4m", "summary": "Prototype Pollution", "aliases": ["CVE-2020-7598"],
        "affected": [{
            "package": { "ecosystem": "npm", "name": "minimist" },
            "ranges": [{
                "type": "SEMVER",
                "events": [{ "introduced": "0" }, { "fixed": "0.2.1" }],
            }],
        }],
        "severity": [{ "type": "CVSS_V3", "score": VECTOR }],
        "database_specific": { "severity": "MODERATE", "cwe_ids": ["CWE-1321"] },
    });
    std::fs::write(
        folder.path().join("GHSA-vh95-rmgr-6w4m.json"),
        file.to_string(),
    )
    .unwrap();
    std::fs::write(folder.path().join("broken.json"), "{").unwrap();
    let path = folder.path().to_str().unwrap();
    let settings = [
        ("THIRTEEN_REGISTRY_OSV_FOLDER", path),
        ("THIRTEEN_REGISTRY_OFFLINE", "true"),
    ];
    let server = server(&settings);
    server.await_log("advisories were read");
    let reply = post(
        &server,
        BULK,
        "",
        &json!({ "minimist": ["0.2.0", "0.2.1"], "other": ["1.0.0"] }),
    );
    assert_eq!(reply.header("advisories-source"), Some("osv"));
    let body = reply.json();
    assert_eq!(body.as_object().unwrap().len(), 1);
    let told = &body["minimist"][0];
    assert_eq!(told["vulnerable_versions"], "<0.2.1");
    assert_eq!(
        (&told["severity"], told["id"].is_u64()),
        (&json!("moderate"), true)
    );
    assert_eq!(
        told["cvss"],
        json!({ "score": 5.6, "vectorString": VECTOR })
    );
    let safe = post(&server, BULK, "", &json!({ "minimist": ["0.2.1"] }));
    assert_eq!(safe.json(), json!({}));
    let report = post(&server, "/-/npm/v1/security/audits", "", &tree()).json();
    let advisories = report["advisories"].as_object().unwrap();
    let told = advisories.values().next().unwrap();
    assert_eq!(
        (&told["patched_versions"], &told["cves"]),
        (&json!(">=0.2.1"), &json!(["CVE-2020-7598"]))
    );
}

/// That of CVE-2020-7598, as npm's registry tells it.
const VECTOR: &str = "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:L/I:L/A:L";

#[test]
fn nobody_to_ask_is_told_in_a_header() {
    let server = server(&[("THIRTEEN_REGISTRY_OFFLINE", "true")]);
    let reply = post(&server, BULK, "", &json!({ "minimist": ["0.2.0"] }));
    assert_eq!((reply.status, reply.json()), (200, json!({})));
    assert_eq!(reply.header("advisories-source"), Some("none"));
    server.await_log("an audit found nobody to ask");
    assert_eq!(ask(&server, "GET", "/-/npm/v1/keys", "", None).status, 404);
}

#[test]
fn keys_and_attestations_are_the_upstreams() {
    let upstream = Upstream::start();
    let server = with_upstream(&upstream);
    let alice = account(&server, "alice");
    assert_eq!(
        publish(&server, &alice, "@team/own", "1.0.0", json!({})),
        201
    );
    let keys = json!({ "keys": [{ "keyid": "SHA256:x" }] });
    upstream.script("/-/npm/v1/keys", [Act::reply(200, keys.to_string())]);
    assert_eq!(
        ask(&server, "GET", "/-/npm/v1/keys", &alice, None).json(),
        keys
    );
    let attested = json!({ "attestations": [] });
    let path = "/-/npm/v1/attestations/@other%2fa@1.0.0";
    upstream.script(path, [Act::reply(200, attested.to_string())]);
    for target in [path, "/-/npm/v1/attestations/@other/a@1.0.0"] {
        let reply = ask(&server, "GET", target, &alice, None);
        assert_eq!(
            (reply.status, reply.json()),
            (200, attested.clone()),
            "{target}"
        );
    }
    assert!(
        upstream
            .all_asked()
            .iter()
            .all(|asked| asked.header("authorization").is_none())
    );
    let before = upstream.all_asked().len();
    for target in ["@team%2fown@1.0.0", "a", "a@", "a@latest", "@team%2fown"] {
        let target = format!("/-/npm/v1/attestations/{target}");
        assert_eq!(
            ask(&server, "GET", &target, &alice, None).status,
            404,
            "{target}"
        );
    }
    assert_eq!(upstream.all_asked().len(), before);
}
