//! `/_dashboard/api/`, and what `thirteen install` makes of it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::people::{account, ask, publish, server};
use crate::support::folder::Folder;
use crate::support::http::{Reply, fetch, send};
use crate::support::registry::Registry;
use crate::support::server::{Server, run};
use crate::support::upstream::{Act, Upstream};

const CONFIG: &str = "/_dashboard/api/config";
const PACKAGES: &str = "/_dashboard/api/packages";

fn config(server: &Server, headers: &[(&str, &str)]) -> Reply {
    send(server.registry(), "GET", CONFIG, headers, b"")
}

fn change(registry: &Registry, body: &Value) -> Reply {
    registry.request("POST", CONFIG, body.to_string().as_bytes())
}

#[test]
fn the_configuration_comes_with_its_headers_and_without_a_token() {
    let server = server(&[]);
    let reply = config(&server, &[]);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let mut body = reply.json();
    let (features, uptime) = (body["features"].take(), body["uptime"].take());
    assert_eq!(
        body,
        json!({
            "configVersion": 1, "registryHash": 0xa1b2_c3d4_u32, "featureFlags": 7,
            "terminalMode": 2, "rows": 24, "cols": 80, "packages": 0,
            "features": null, "uptime": null,
        })
    );
    assert_eq!(
        (
            &features["PRIVATE_REGISTRY"],
            features.as_object().unwrap().len()
        ),
        (&json!(true), 11)
    );
    assert!(uptime.as_u64().unwrap() < 600, "{uptime}");
    for (name, value) in [
        ("Config-Version", "1"),
        ("Registry-Hash", "0xa1b2c3d4"),
        ("Feature-Flags", "0x00000007"),
        ("Terminal-Mode", "2"),
        ("Terminal-Rows", "24"),
        ("Terminal-Cols", "80"),
        ("Config-Dump", "0x01a1b2c3d40000000702185000"),
    ] {
        assert_eq!(
            reply.header(&format!("X-Bun-{name}")),
            Some(value),
            "{name}"
        );
    }
    assert_eq!(reply.header("X-Bun-Proxy-Token"), None);
    assert_eq!(reply.header("X-Bun-Request-ID").unwrap().len(), 16);
    let own = config(&server, &[("X-Bun-Request-ID", "00000000000000ab")]);
    assert_eq!(own.header("X-Bun-Request-ID"), Some("00000000000000ab"));
    assert_eq!(own.header("X-Bun-Config-Version"), Some("1"));
    assert_eq!(config(&server, &[("X-Bun-Terminal-Rows", "0")]).status, 400);
}

#[test]
fn a_tag_holds_until_something_changes() {
    let registry = Registry::start();
    let server = &registry.server;
    let tag = config(server, &[]).header("ETag").unwrap().to_owned();
    assert!(
        tag.starts_with("\"01a1b2c3d40000000702185000-0-0-"),
        "{tag}"
    );
    let known = || config(server, &[("If-None-Match", &tag)]);
    let same = known();
    assert_eq!((same.status, same.header("ETag")), (304, Some(&*tag)));
    assert_eq!(same.header("X-Bun-Terminal-Rows"), Some("24"));
    assert!(same.body.is_empty());
    assert_eq!(
        config(server, &[("If-None-Match", "\"other\"")]).status,
        200
    );
    registry.publish("left-pad", "1.0.0");
    let published = known();
    assert_eq!(
        (published.status, &published.json()["packages"]),
        (200, &json!(1))
    );
    let tag = published.header("ETag").unwrap();
    assert_eq!(
        change(&registry, &json!({ "field": "rows", "value": 30 })).status,
        200
    );
    let changed = config(server, &[("If-None-Match", tag)]);
    assert_eq!((changed.status, &changed.json()["rows"]), (200, &json!(30)));
}

#[test]
fn staff_changes_fields_and_finds_them_after_a_kill() {
    let mut registry = Registry::start();
    let sequence = |reply: &Reply| {
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["sequence"].as_u64().unwrap()
    };
    let first = change(&registry, &json!({ "field": "rows", "value": 50 }));
    let number = sequence(&first);
    assert_eq!(
        first.json(),
        json!({ "updated": "rows", "value": 50, "sequence": number })
    );
    assert_eq!(first.header("X-Bun-Terminal-Rows"), Some("50"));
    let flags = change(
        &registry,
        &json!({ "field": "featureFlags", "value": "0x7ff" }),
    );
    assert_eq!(
        (sequence(&flags), &flags.json()["value"]),
        (number + 1, &json!(0x7ff))
    );
    let version = change(&registry, &json!({ "field": "configVersion", "value": 9 }));
    assert_eq!(version.json()["updated"], "version");
    registry.server.kill();
    registry.restart();
    let kept = config(&registry.server, &[]).json();
    assert_eq!(
        (&kept["rows"], &kept["featureFlags"], &kept["configVersion"]),
        (&json!(50), &json!(0x7ff), &json!(9))
    );
    let api = fetch(registry.server.api(), "/api/config").json();
    assert_eq!(
        (&api["rows"], &api["sequence"]),
        (&json!(50), &json!(number + 2))
    );
}

#[test]
fn a_change_can_expect_the_configuration_that_was_read() {
    let registry = Registry::start();
    let change_if = |tag: &str, rows: u8| {
        let body = json!({ "field": "rows", "value": rows }).to_string();
        registry.request_with("POST", CONFIG, &[("If-Match", tag)], body.as_bytes())
    };
    let tag = || {
        let reply = config(&registry.server, &[]);
        reply.header("ETag").unwrap().to_owned()
    };
    let first = tag();
    assert_eq!(change_if(&first, 30).status, 200);
    let stale = change_if(&first, 31);
    assert_eq!(stale.status, 412, "{}", stale.text());
    assert_eq!(config(&registry.server, &[]).json()["rows"], 30);
    // Back to what it was it is another change all the same.
    assert_eq!(change_if(&tag(), 24).status, 200);
    assert_eq!(change_if(&first, 40).status, 412);
    // What the tag tells beside the configuration is no concern of a change.
    let kept = tag();
    registry.publish("left-pad", "1.0.0");
    assert_ne!(kept, tag());
    let either = format!("{first}, {kept}");
    assert_eq!(change_if(&either, 41).status, 200);
    assert_eq!(change_if("*", 42).status, 200);
    for none in [&*format!("W/{}", tag()), "\"x\"", "x", ""] {
        assert_eq!(change_if(none, 50).status, 412, "{none}");
    }
    assert_eq!(config(&registry.server, &[]).json()["rows"], 42);
    assert_eq!(
        change(&registry, &json!({ "field": "rows", "value": 43 })).status,
        200
    );
}

#[test]
fn whoever_is_no_staff_changes_nothing() {
    let server = server(&[]);
    let alice = account(&server, "alice");
    let body = json!({ "field": "rows", "value": 50 });
    for (credential, status) in [("", 401), ("Bearer nobody", 401), (&*alice, 403)] {
        let reply = ask(&server, "POST", CONFIG, credential, Some(&body));
        assert_eq!(reply.status, status, "{credential}: {}", reply.text());
    }
    assert_eq!(config(&server, &[]).json()["rows"], 24);
}

#[test]
fn every_fault_of_a_change_is_told() {
    let registry = Registry::start();
    let told = |body: Value| {
        let reply = change(&registry, &body);
        assert_eq!(reply.status, 422, "{body}: {}", reply.text());
        let faults = reply.json()["errors"].clone();
        let faults = faults.as_array().unwrap().iter();
        let pointers: Vec<String> = faults
            .map(|fault| fault["pointer"].as_str().unwrap().to_owned())
            .collect();
        pointers
    };
    assert_eq!(told(json!({})), ["/field", "/value"]);
    let all = json!({ "field": "colour", "value": [], "more": 1 });
    assert_eq!(told(all), ["/field", "/more", "/value"]);
    for value in [
        json!(0),
        json!(256),
        json!(-1),
        json!("0x10"),
        json!(1.5),
        json!(null),
    ] {
        assert_eq!(
            told(json!({ "field": "rows", "value": value })),
            ["/value"],
            "{value}"
        );
    }
    for (field, value) in [("featureFlags", 2048), ("terminalMode", 4), ("reserved", 1)] {
        assert_eq!(
            told(json!({ "field": field, "value": value })),
            ["/value"],
            "{field}"
        );
    }
    assert_eq!(registry.request("POST", CONFIG, b"{\"field\"").status, 400);
    assert_eq!(config(&registry.server, &[]).json()["rows"], 24);
}

#[test]
fn variables_are_written_as_the_command_line_writes_them() {
    let server = server(&[]);
    let data = server.data();
    for format in ["json", "shell", "dotenv"] {
        let target = format!("/_dashboard/api/env?format={format}");
        let reply = fetch(server.registry(), &target);
        assert_eq!(reply.status, 200);
        let command = [
            "--data",
            data.to_str().unwrap(),
            "env",
            "export",
            "--format",
            format,
        ];
        let printed = run(&command, &[]);
        assert_eq!(printed.stdout, reply.body, "{format}: {printed:?}");
        let line = "BUN_CONFIG_TERMINAL_ROWS";
        assert!(reply.text().contains(line), "{format}");
    }
    let json = fetch(server.registry(), "/_dashboard/api/env");
    assert_eq!(json.header("Content-Type"), Some("application/json"));
    assert_eq!(json.json()["BUN_CONFIG_REGISTRY_HASH"], "0xa1b2c3d4");
    assert_eq!(
        fetch(server.registry(), "/_dashboard/api/env?format=xml").status,
        422
    );
}

fn names(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let items = reply.json()["items"].clone();
    let items = items.as_array().unwrap().iter();
    items
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn packages_are_listed_searched_and_paged() {
    let upstream = Upstream::start();
    upstream.publish("is-odd", "3.0.1");
    upstream.publish("is-odd", "3.0.0");
    upstream.tag("is-odd", "latest", "3.0.1");
    let setting = json!([upstream.setting()]).to_string();
    let server = server(&[("UPSTREAMS", &setting)]);
    let alice = account(&server, "alice");
    for (name, version) in [
        ("left-pad", "1.0.0"),
        ("left-pad", "1.1.0"),
        ("@a/pad", "2.0.0"),
        ("odd", "1.0.0"),
    ] {
        assert_eq!(
            publish(&server, &alice, name, version, json!({})),
            201,
            "{name}"
        );
    }
    assert_eq!(fetch(server.registry(), "/is-odd").status, 200);
    let list = |query: &str| ask(&server, "GET", &format!("{PACKAGES}?{query}"), "", None);
    let all = list("include_total=true");
    assert_eq!(names(&all), ["@a/pad", "is-odd", "left-pad", "odd"]);
    let all = all.json();
    assert_eq!((&all["total"], &all["next"]), (&json!(4), &Value::Null));
    let line = &all["items"][1];
    let hash = upstream.setting()["hash"].clone();
    let hash = hash.as_u64().map(|hash| format!("0x{hash:08x}"));
    let origin = line["origin"].as_str().unwrap();
    assert!(
        hash.is_none_or(|hash| hash == origin) && origin.starts_with("0x"),
        "{line}"
    );
    assert_eq!(
        (&line["latest"], &line["versions"]),
        (&json!("3.0.1"), &json!(2))
    );
    let hosted = &all["items"][2];
    assert_eq!(
        (&hosted["origin"], &hosted["latest"]),
        (&json!("hosted"), &json!("1.1.0"))
    );
    assert!(
        hosted["modified"].as_str().unwrap().ends_with('Z'),
        "{hosted}"
    );
    assert_eq!(names(&list("q=PAD")), ["@a/pad", "left-pad"]);
    assert_eq!(names(&list("q=%25")), [""; 0]);
    let (mut found, mut query) = (Vec::new(), "limit=1".to_owned());
    loop {
        let page = list(&query);
        found.extend(names(&page));
        let body = page.json();
        let Some(next) = body["next"].as_str() else {
            break;
        };
        assert!(page.header("Link").unwrap().contains(next));
        query = format!("limit=1&cursor={next}");
    }
    assert_eq!(found, ["@a/pad", "is-odd", "left-pad", "odd"]);
    assert_eq!(names(&list("limit=3&page=2")), ["odd"]);
    assert_eq!(list("limit=0").status, 422);
    assert_eq!(list("order=name").status, 422);
    assert_eq!(config(&server, &[]).json()["packages"], 4);
}

#[test]
fn what_may_not_be_read_is_neither_listed_nor_counted() {
    let server = server(&[("THIRTEEN_REGISTRY_PRIVATE_SCOPES", "@team")]);
    let (alice, bob) = (account(&server, "alice"), account(&server, "bob"));
    for name in ["open", "own", "@team/x"] {
        assert_eq!(
            publish(&server, &alice, name, "1.0.0", json!({})),
            201,
            "{name}"
        );
    }
    let restricted = json!({ "access": "restricted" });
    let reply = ask(
        &server,
        "POST",
        "/-/package/own/access",
        &alice,
        Some(&restricted),
    );
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = |credential: &str| {
        let target = format!("{PACKAGES}?include_total=true");
        let reply = ask(&server, "GET", &target, credential, None);
        let names = names(&reply);
        assert_eq!(reply.json()["total"], names.len());
        names
    };
    assert_eq!(seen(""), ["open"]);
    assert_eq!(seen(&bob), ["@team/x", "open"]);
    assert_eq!(seen(&alice), ["@team/x", "open", "own"]);
}

#[test]
fn a_package_that_is_gone_is_listed_no_more() {
    let server = server(&[]);
    let alice = account(&server, "alice");
    for name in ["one", "two"] {
        assert_eq!(
            publish(&server, &alice, name, "1.0.0", json!({})),
            201,
            "{name}"
        );
    }
    assert_eq!(config(&server, &[]).json()["packages"], 2);
    let document = ask(&server, "GET", "/one?write=true", &alice, None).json();
    let target = format!("/one/-rev/{}", document["_rev"].as_str().unwrap());
    assert_eq!(ask(&server, "DELETE", &target, &alice, None).status, 200);
    assert_eq!(names(&fetch(server.registry(), PACKAGES)), ["two"]);
    assert_eq!(config(&server, &[]).json()["packages"], 1);
}

#[test]
fn a_closed_registry_tells_strangers_its_configuration_alone() {
    let server = server(&[("THIRTEEN_REGISTRY_ANONYMOUS", "none")]);
    let alice = account(&server, "alice");
    for target in [PACKAGES, "/_dashboard/api/metrics"] {
        assert_eq!(
            ask(&server, "GET", target, "", None).status,
            401,
            "{target}"
        );
        assert_eq!(
            ask(&server, "GET", target, &alice, None).status,
            200,
            "{target}"
        );
    }
    assert_eq!(config(&server, &[]).status, 200);
}

#[test]
fn metrics_are_those_of_the_ops_door_and_tell_of_names() {
    let upstream = Upstream::start();
    upstream.publish("is-odd", "3.0.1");
    let mut setting = upstream.setting();
    setting["url"] = json!(format!(
        "http://registry.test:{}",
        upstream.address().port()
    ));
    let setting = json!([setting]).to_string();
    let hosts = format!("registry.test={}", upstream.address().ip());
    let server = server(&[("UPSTREAMS", &setting), ("THIRTEEN_OUTGOING_HOSTS", &hosts)]);
    let page = |accept: &str| {
        let headers = [("Accept", accept)];
        send(
            server.registry(),
            "GET",
            "/_dashboard/api/metrics",
            &headers,
            b"",
        )
    };
    let value = |name: &str| {
        let page = page("text/plain");
        assert_eq!(page.status, 200, "{}", page.text());
        let line = page
            .text()
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")));
        let value = line
            .unwrap_or_else(|| panic!("no {name}"))
            .rsplit(' ')
            .next();
        value.unwrap().parse::<f64>().unwrap()
    };
    let (questions, misses) = (
        "thirteen_dns_questions_total",
        "thirteen_dns_cache_misses_total",
    );
    assert_eq!((value(questions), value(misses)), (0.0, 0.0));
    assert_eq!(fetch(server.registry(), "/is-odd").status, 200);
    assert!(value(questions) >= 1.0 && value(misses) >= 1.0);
    assert_eq!(value("thirteen_dns_cache_names"), 1.0);
    assert_eq!(value("thirteen_dns_errors_total"), 0.0);
    assert_eq!(
        value("thirteen_outgoing_connections_kept{shard=\"0\"}"),
        1.0
    );
    let open = page("application/openmetrics-text");
    assert!(
        open.header("Content-Type")
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    assert!(open.text().ends_with("# EOF\n"));
    let heads = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with("# TYPE"));
        lines.map(str::to_owned).collect()
    };
    let ops = fetch(server.ops(), "/metrics");
    assert_eq!(heads(ops.text()), heads(page("text/plain").text()));
}

/// `thirteen install is-odd`, from a registry that answers as it is told.
fn install(upstream: &Upstream, data: &Folder) -> (String, String) {
    install_with(upstream, &["--data", data.path().to_str().unwrap()])
}

fn install_with(upstream: &Upstream, more: &[&str]) -> (String, String) {
    let place = Folder::new();
    let command = ["install", "is-odd", "--server", &upstream.url(), "--to"];
    let to = place.path().to_str().unwrap();
    let done = run(&[&command[..], &[to], more].concat(), &[]);
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{told}");
    assert!(
        place
            .path()
            .join("node_modules/is-odd/package.json")
            .exists()
    );
    (String::from_utf8_lossy(&done.stdout).into_owned(), told)
}

fn sent_token(upstream: &Upstream) -> Option<String> {
    let asked = upstream.asked("/is-odd");
    asked
        .last()
        .unwrap()
        .header("x-bun-proxy-token")
        .map(str::to_owned)
}

#[test]
fn install_sends_a_token_of_the_folders_keys_for_the_hash_that_it_was_told() {
    let upstream = Upstream::start();
    upstream.publish("is-odd", "3.0.1");
    let data = Folder::new();
    let (stdout, told) = install(&upstream, &data);
    assert!(told.contains("tells no X-Bun-Config-Dump"), "{told}");
    assert!(!stdout.contains("X-Bun-Proxy-Token"), "{stdout}");
    assert_eq!(sent_token(&upstream), None);

    let dump = "0x01deadbeef0000000702185000";
    upstream.script(
        CONFIG,
        [Act::reply(200, "{}").header("X-Bun-Config-Dump", dump)],
    );
    let (stdout, told) = install(&upstream, &data);
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(
        told.starts_with("note: no X-Bun-Proxy-Token is sent: ")
            && told.ends_with(" has no keys; name the data folder of the registry's server\n"),
        "{told}"
    );
    let (_, told) = install_with(&upstream, &[]);
    assert_eq!(told, "", "who named no folder is not told of keys");
    assert!(
        stdout.contains("  X-Bun-Registry-Hash: 0xdeadbeef\n"),
        "{stdout}"
    );
    assert_eq!(sent_token(&upstream), None);
    assert!(
        !data.path().join("keys").exists(),
        "keys are not made by a client"
    );

    let made = run(
        &["proxy", "token", "--data", data.path().to_str().unwrap()],
        &[],
    );
    assert!(made.status.success(), "{made:?}");
    let (stdout, told) = install(&upstream, &data);
    assert_eq!(told, "");
    let token = sent_token(&upstream).unwrap();
    let shown = format!("  X-Bun-Proxy-Token: {}…\n", &token[..20]);
    assert!(
        stdout.contains(&shown) && !stdout.contains(&token),
        "{stdout}"
    );
    let claims = token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(
        (&claims["hash"], &claims["aud"]),
        (&json!(0xdead_beef_u32), &json!("proxy"))
    );
}

#[test]
fn install_takes_the_configuration_of_our_server() {
    let registry = Registry::start();
    registry.publish("left-pad", "1.0.0");
    assert_eq!(
        change(&registry, &json!({ "field": "cols", "value": 132 })).status,
        200
    );
    let (place, data) = (Folder::new(), registry.server.data());
    let to = place.path().to_str().unwrap();
    let command = [
        "install",
        "left-pad",
        "--to",
        to,
        "--data",
        data.to_str().unwrap(),
    ];
    let done = run(&command, &[]);
    let stdout = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
    assert!(stdout.contains("  X-Bun-Terminal-Cols: 132\n"), "{stdout}");
    assert!(stdout.contains("  X-Bun-Proxy-Token: "), "{stdout}");
}

#[test]
fn publish_sends_the_token_too() {
    let upstream = Upstream::start();
    let dump = "0x01a1b2c3d40000000702185000";
    let told = Act::reply(200, "{}").header("X-Bun-Config-Dump", dump);
    upstream.script(CONFIG, [told]);
    upstream.script("/thing", [Act::reply(201, "{}")]);
    let (package, data) = (Folder::new(), Folder::new());
    let manifest = json!({ "name": "thing", "version": "1.0.0" }).to_string();
    std::fs::write(package.path().join("package.json"), manifest).unwrap();
    let data = data.path().to_str().unwrap();
    assert!(
        run(&["proxy", "token", "--data", data], &[])
            .status
            .success()
    );
    let place = package.path().to_str().unwrap();
    let url = upstream.url();
    let command = [
        "publish", place, "--token", "npm_x", "--server", &url, "--data", data,
    ];
    let done = run(&command, &[]);
    assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
    let asked = upstream.asked("/thing");
    let header = |name| asked[0].header(name).unwrap_or_default().to_owned();
    assert_eq!(header("x-bun-proxy-token").split('.').count(), 3);
    assert_eq!(header("x-bun-config-dump"), dump);
    assert_eq!(header("authorization"), "Bearer npm_x");
}
