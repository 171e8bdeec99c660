//! Tests of the room as a whole: sources in, settings or faults out.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::settings::{AccessLog, LogLevel, WritePolicy};

fn pairs(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

fn environment(variables: &[(&str, &str)]) -> Sources {
    Sources {
        environment: pairs(variables),
        ..Sources::default()
    }
}

/// A folder of its own that ends with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = env::temp_dir().join(format!("thirteen-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

fn load_text(name: &str, text: &str) -> Result<Settings, Faults> {
    let folder = Folder::new(&format!("{name}-{:?}", std::thread::current().id()));
    let file = Some(folder.file(name, text));
    Settings::load(Sources {
        file,
        ..Sources::default()
    })
}

fn lines(result: Result<Settings, Faults>) -> Vec<String> {
    let faults = result.expect_err("faulty sources");
    faults.to_string().lines().map(str::to_owned).collect()
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let settings = Settings::default();
    assert_eq!(settings.data, PathBuf::from("./data"));
    assert_eq!(settings.api.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(settings.ops.listen.to_string(), "127.0.0.1:3008");
    assert_eq!(settings.registry.listen.to_string(), "127.0.0.1:4873");
    assert_eq!(settings.config.registry_hash, 0xa1b2_c3d4);
    assert_eq!(settings.config.feature_flags, 7);
    assert_eq!((settings.config.rows, settings.config.cols), (24, 80));
    assert_eq!(
        settings.websocket.heartbeat_interval,
        Duration::from_millis(100)
    );
    assert_eq!(settings.websocket.client_timeout, Duration::from_secs(30));
    assert_eq!(settings.http.head_timeout, Duration::from_secs(10));
    assert_eq!(settings.http.idle_timeout, Duration::from_secs(75));
    assert_eq!(settings.state.write, WritePolicy::Loopback);
    assert_eq!(settings.log.level, LogLevel::Info);
    assert_eq!(settings.log.access, AccessLog::Off);
    assert!(settings.shards >= 1);
    assert!(
        settings
            .entries()
            .all(|entry| *entry.origin == Origin::Default)
    );
    assert_eq!(settings.entries().count(), KEYS.len());
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let folder = Folder::new("precedence");
    let file = folder.file(
        "t.toml",
        "shards = 2\nconnections_max = 64\n[log]\nlevel='warn'\n",
    );
    let settings = Settings::load(Sources {
        flags: vec![("shards", "4".to_owned())],
        environment: pairs(&[("THIRTEEN_SHARDS", "3"), ("THIRTEEN_CONNECTIONS_MAX", "32")]),
        file: Some(file.clone()),
        folder: PathBuf::new(),
    })
    .unwrap();
    assert_eq!(settings.shards, 4);
    assert_eq!(settings.connections_max, 32);
    assert_eq!(settings.log.level, LogLevel::Warn);
    let origin = |name| settings.entry(name).unwrap().origin.to_string();
    assert_eq!(origin("shards"), "flag --shards");
    assert_eq!(
        origin("connections_max"),
        "environment THIRTEEN_CONNECTIONS_MAX"
    );
    assert_eq!(origin("log.level"), format!("{}:4", file.display()));
    assert_eq!(origin("log.access"), "default");
}

#[test]
fn every_documented_variable_sets_its_value() {
    let settings = Settings::load(environment(&[
        ("BUN_CONFIG_VERSION", "2"),
        ("BUN_CONFIG_REGISTRY_HASH", "0x12345678"),
        ("BUN_CONFIG_FEATURE_FLAGS", "1024"),
        ("BUN_CONFIG_TERMINAL_MODE", "3"),
        ("BUN_CONFIG_TERMINAL_ROWS", "40"),
        ("BUN_CONFIG_TERMINAL_COLS", "120"),
        ("PROXY_PORT", "0"),
        ("PROXY_HOST", "0.0.0.0"),
        ("PROXY_TIMEOUT", "5000"),
        ("UPSTREAM_PRIMARY", "registry.mycompany.com:443"),
        ("UPSTREAM_FALLBACK", "mirror.example:80"),
        (
            "UPSTREAMS",
            r#"[{"host":"a.example","port":443,"hash":"0x0000002a","tls":true}]"#,
        ),
        ("WS_PORT", "3100"),
        ("WS_HOST", "::1"),
        ("WS_HEARTBEAT_INTERVAL", "250"),
        ("WS_TIMEOUT", "10000"),
        ("BUN_CONFIG_REGISTRY", "a variable of Bun, none of ours"),
    ]))
    .unwrap();
    let config = &settings.config;
    assert_eq!((config.version, config.registry_hash), (2, 0x1234_5678));
    assert_eq!((config.feature_flags, config.terminal_mode), (1024, 3));
    assert_eq!((config.rows, config.cols), (40, 120));
    assert_eq!(settings.registry.listen.to_string(), "0.0.0.0:0");
    assert_eq!(settings.proxy.timeout, Duration::from_secs(5));
    assert_eq!(settings.api.listen.to_string(), "[::1]:3100");
    assert_eq!(
        settings.websocket.heartbeat_interval,
        Duration::from_millis(250)
    );
    assert_eq!(settings.websocket.client_timeout, Duration::from_secs(10));
    let upstreams: Vec<(u32, String)> = settings
        .upstreams()
        .iter()
        .map(|upstream| (upstream.hash, upstream.address.to_string()))
        .collect();
    assert_eq!(
        upstreams,
        [
            (42, "a.example:443".to_owned()),
            (0x1234_5678, "registry.mycompany.com:443".to_owned()),
            (0, "mirror.example:80".to_owned()),
        ]
    );
}

/// Every key through its variable: a value that is not the default, then one out of bounds.
#[test]
fn every_key_has_a_variable_and_bounds() {
    for key in KEYS {
        let (good, bad) = sample(key.name);
        let variable = key.variable();
        let settings = Settings::load(environment(&[(&variable, good)]))
            .unwrap_or_else(|faults| panic!("{variable}={good}: {faults}"));
        let entry = settings.entry(key.name).unwrap();
        assert_eq!(
            *entry.origin,
            Origin::Environment {
                variable: variable.clone()
            }
        );
        if let Some(bad) = bad {
            let lines = lines(Settings::load(environment(&[(&variable, bad)])));
            let start = format!("environment {variable}: ");
            assert_eq!(lines.len(), 1, "{variable}={bad}");
            assert!(lines[0].starts_with(&start), "{}", lines[0]);
            assert!(
                lines[0].ends_with(&format!("; give {}", key.accepts())),
                "{}",
                lines[0]
            );
        }
    }
}

/// An accepted value of a key and a refused one, where anything is refused.
fn sample(name: &str) -> (&'static str, Option<&'static str>) {
    match name {
        "data" => ("/srv/thirteen", Some("")),
        "shards" => ("2", Some("0")),
        "connections_max" => ("100", Some("15")),
        "api.listen" | "ops.listen" | "registry.listen" => ("127.0.0.1:0", Some("127.0.0.1")),
        "api.base" => ("http://10.0.0.1:3000", Some("https://10.0.0.1")),
        "config.version" | "config.rows" | "config.cols" => ("7", Some("256")),
        "config.registry_hash" => ("1", Some("0x100000000")),
        "config.feature_flags" => ("0x7ff", Some("0x800")),
        "config.terminal_mode" => ("0", Some("4")),
        "config.reserved" => ("0", Some("1")),
        "state.write" => ("open", Some("Open")),
        "state.origins" | "api.cors_origins" => {
            ("https://a.example, http://b:1", Some("https://*"))
        }
        "proxy.upstreams" => ("[]", Some("[{}]")),
        "proxy.upstream_primary" | "proxy.upstream_fallback" => ("[::1]:4873", Some("h:0")),
        "log.level" => ("trace", Some("verbose")),
        "log.access" => ("full", Some("on")),
        "ring.spin_us" => ("50", Some("10001")),
        "drain_timeout_ms" => ("0", Some("-1")),
        "rate.writes_per_minute" => ("1", Some("0")),
        "rate.auth_per_15s" | "rate.api_per_minute" | "rate.proxied_per_minute" => {
            ("0", Some("1000001"))
        }
        "registry.offline" | "registry.keep_removed" => ("true", Some("yes")),
        "registry.blocked" => ("left-pad, @a/b@<2", Some("a b")),
        "registry.cache_bytes_max" => ("0", Some("10 GiB")),
        "registry.fresh_ms" | "registry.minimum_release_age_ms" | "registry.quarantine_ms" => {
            ("0", Some("31536000001"))
        }
        "mail.smtp_url" => ("smtps://user@mail.example", Some("mail.example")),
        "mail.smtp_password_file" => ("/run/credentials/smtp", Some("a\0b")),
        "outgoing.ca_file" => ("/etc/ours.pem", Some("a\0b")),
        "outgoing.hosts" => ("a.example=10.0.0.1", Some("a.example")),
        "mail.from" => ("Ours <a@b.example>", Some("nobody")),
        "stock.reservation_ttl_s" => ("1800", Some("0")),
        "mail.link_base" => ("https://shop.example", Some("shop.example")),
        "cache.reply_bytes" => ("0", Some("64 MiB")),
        "registry.anonymous" => ("none", Some("write")),
        "registry.private_scopes" => ("@a,@b", Some("a")),
        "registry.open_scopes" => ("unscoped, @a", Some("*,@a")),
        "registry.scoped_access" => ("restricted", Some("private")),
        "registry.signup" => ("closed", Some("yes")),
        "registry.login_token_ttl_s" => ("7200", Some("315360001")),
        "registry.names" => ("old", Some("all")),
        "registry.public_url" => ("https://npm.example", Some("npm.example")),
        "registry.trusted_proxies" => ("10.0.0.0/8, ::1", Some("10.0.0.0/33")),
        "cache.document_bytes" => ("0", Some("64 MiB")),
        "registry.osv_folder" => ("/srv/osv", Some("a\0b")),
        _ => ("5000", Some("99999999")),
    }
}

#[test]
fn canonical_texts_are_read_again() {
    let rich = environment(&[
        (
            "UPSTREAMS",
            r#"[{"host":"a.example","port":80,"hash":7,"allowPrivate":true},
                {"url":"https://b.example/npm","patterns":["@b/*"],"tokenFile":"/t"}]"#,
        ),
        ("THIRTEEN_REGISTRY_BLOCKED", "a,@b/c@<1 || 3"),
        ("THIRTEEN_STATE_ORIGINS", "https://A.example,http://b:1"),
        ("THIRTEEN_API_BASE", "http://10.0.0.1:3000/"),
    ]);
    for settings in [Settings::default(), Settings::load(rich).unwrap()] {
        let texts: Vec<(String, String)> = settings
            .entries()
            .map(|entry| (entry.key.variable(), entry.value.to_owned()))
            .collect();
        let again = Settings::load(Sources {
            environment: texts,
            ..Sources::default()
        })
        .unwrap();
        for (left, right) in settings.entries().zip(again.entries()) {
            assert_eq!(left.value, right.value, "{}", left.key.name);
        }
        assert_eq!(settings.proxy.upstreams, again.proxy.upstreams);
    }
}

#[test]
fn the_documented_json_is_accepted_as_it_is() {
    let settings = load_text("config.production.json", DOCUMENTED_JSON).unwrap();
    assert_eq!(settings.config.registry_hash, 0xa1b2_c3d4);
    assert_eq!(settings.registry.listen.to_string(), "0.0.0.0:4873");
    assert_eq!(settings.api.listen.to_string(), "0.0.0.0:3000");
    assert_eq!(settings.proxy.timeout, Duration::from_secs(30));
    assert_eq!(settings.proxy.upstreams[0].hash, 2_712_847_316);
    assert_eq!(
        settings.proxy.upstreams[0].address.to_string(),
        "registry.mycompany.com:443"
    );
    assert_eq!(
        settings.websocket.heartbeat_interval,
        Duration::from_millis(100)
    );
    let mut defaults = settings
        .entries()
        .filter(|entry| *entry.origin == Origin::Default);
    assert!(defaults.all(|entry| entry.key.name != "config.rows"));
}

const DOCUMENTED_JSON: &str = r#"
{ "config": { "version": 1, "registryHash": "0xa1b2c3d4", "featureFlags": 7, "terminalMode": 2,
    "rows": 24, "cols": 80, "reserved": 0 },
  "proxy": { "listenPort": 4873, "listenHost": "0.0.0.0", "timeout": 30000,
    "upstreams": [
      { "host": "registry.mycompany.com", "port": 443, "hash": 2712847316, "tls": true } ] },
  "websocket": { "port": 3000, "hostname": "0.0.0.0", "heartbeatInterval": 100,
    "clientTimeout": 30000 } }
"#;

#[test]
fn toml_takes_sections_dotted_keys_and_hexadecimal() {
    let text = "api.listen = '[::1]:0'\nconfig.registry_hash = 0xA1\n\
            [state]\norigins = ['https://a.example']\nwrite = 'token'\n\
            [[proxy.upstreams]]\nhost = 'h'\nport = 80\nhash = 0x0a\n";
    let settings = load_text("t.toml", text).unwrap();
    assert_eq!(settings.api.listen.to_string(), "[::1]:0");
    assert_eq!(settings.config.registry_hash, 0xa1);
    assert_eq!(settings.state.write, WritePolicy::Token);
    assert_eq!(settings.state.origins, ["https://a.example"]);
    assert_eq!(settings.proxy.upstreams[0].hash, 10);
}

#[test]
fn a_file_is_told_all_its_faults_with_lines_and_the_nearest_keys() {
    let text = "shard = 2\nshards = 0\n[websockets]\nclient_timeout = 1\n\
            [log]\nlevel = 3\n[extra]\n";
    let found = lines(load_text("faulty.toml", text));
    let expected = [
        ":1: shard: is not a known key; the nearest is `shards`",
        ":2: shards: 0 is out of range; give auto (one per core) or a number from 1 to 1024",
        ":4: websockets.client_timeout: is not a known key; the nearest is \
                `websocket.client_timeout_ms`",
        ":6: log.level: `3` is not text; give error, warn, info, debug, trace",
        ":7: extra: is not a known key; the nearest is `data`",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (line, expected) in found.iter().zip(expected) {
        assert!(line.contains(expected), "{expected}\n{found:#?}");
    }
}

#[test]
fn faults_of_every_source_are_reported_together() {
    let folder = Folder::new("together");
    let found = lines(Settings::load(Sources {
        flags: vec![("api.listen", "nowhere".to_owned())],
        environment: pairs(&[("THIRTEEN_SHARD", "1"), ("WS_PORT", "65536")]),
        file: Some(folder.file("t.json", r#"{"log": 1, "connections_max": 1.5}"#)),
        folder: PathBuf::new(),
    }));
    let starts = [
        "t.json: connections_max: `1.5` is not a whole number",
        "t.json: log: is a section, not a value; give its keys, e.g. log.level, log.access",
        "environment THIRTEEN_SHARD: is not a known variable; the nearest is THIRTEEN_SHARDS",
        "environment WS_PORT: port 65536 is out of range; give a port",
        "flag --api: `nowhere` has no port; give IP:PORT",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for start in starts {
        assert!(
            found.iter().any(|found| found.contains(start)),
            "{start}\n{found:#?}"
        );
    }
}

#[test]
fn one_thing_set_twice_in_one_source_is_a_fault() {
    let text = r#"{"api": {"listen": "127.0.0.1:1"}, "websocket": {"port": 2}}"#;
    let found = lines(load_text("twice.json", text));
    assert!(
        found[0].contains("websocket.port: sets what `api.listen` sets too"),
        "{found:?}"
    );
    let parts = r#"{"websocket": {"hostname": "0.0.0.0", "port": 2}}"#;
    assert_eq!(
        load_text("p.json", parts).unwrap().api.listen.to_string(),
        "0.0.0.0:2"
    );
}

#[test]
fn unreadable_files_are_one_fault() {
    for (name, text, part) in [
        ("a.toml", "shards = = 1", "a.toml:1: is not TOML"),
        ("a.json", "{", "a.json: is not JSON"),
        ("a.conf", "shards =", "a.conf:1: is not TOML"),
        ("b.conf", " {", "b.conf: is not JSON"),
        ("b.json", "[1]", "b.json: is not a JSON object"),
    ] {
        let found = lines(load_text(name, text));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains(part),
            "{part}
{found:?}"
        );
    }
    let file = Some(PathBuf::from("/nowhere/t.toml"));
    let found = lines(Settings::load(Sources {
        file,
        ..Sources::default()
    }));
    assert!(
        found[0].starts_with("/nowhere/t.toml: cannot be read"),
        "{found:?}"
    );
    let found = lines(Settings::load(environment(&[(
        "THIRTEEN_CONFIG",
        "/nowhere",
    )])));
    assert!(
        found[0].starts_with("/nowhere: cannot be read"),
        "{found:?}"
    );
}

#[test]
fn env_files_are_read_in_development_alone() {
    let folder = Folder::new("dotenv");
    folder.file(
        ".env",
        "THIRTEEN_SHARDS=2\n# note\nTHIRTEEN_LOG_LEVEL=debug\n",
    );
    folder.file(".env.local", "THIRTEEN_SHARDS=3\nOTHER=1\n");
    let sources = |variables: &[(&str, &str)]| Sources {
        folder: folder.0.clone(),
        ..environment(variables)
    };
    let production = Settings::load(sources(&[])).unwrap();
    assert_eq!(*production.entry("shards").unwrap().origin, Origin::Default);
    let development = Settings::load(sources(&[("THIRTEEN_ENV", "development")])).unwrap();
    assert_eq!(
        (development.shards, development.log.level),
        (3, LogLevel::Debug)
    );
    let origin = development.entry("log.level").unwrap().origin.to_string();
    assert!(origin.ends_with(".env:3"), "{origin}");
    assert_eq!(
        (production.mode, development.mode),
        (Mode::Production, Mode::Development)
    );
    let variables = [("THIRTEEN_ENV", "development"), ("THIRTEEN_SHARDS", "5")];
    assert_eq!(Settings::load(sources(&variables)).unwrap().shards, 5);
    let found = lines(Settings::load(sources(&[("THIRTEEN_ENV", "dev")])));
    assert!(found[0].contains("`dev` is not a mode"), "{found:?}");
}

#[test]
fn settings_that_do_not_fit_each_other() {
    let same = [("THIRTEEN_OPS_LISTEN", "0.0.0.0:3000")];
    let found = lines(Settings::load(environment(&same)));
    assert!(found[0].contains("collides with `api.listen`"), "{found:?}");
    let free = [("THIRTEEN_OPS_LISTEN", "127.0.0.1:0"), ("WS_PORT", "0")];
    Settings::load(environment(&free)).unwrap();
    let timeouts = [("WS_TIMEOUT", "100")];
    let found = lines(Settings::load(environment(&timeouts)));
    assert!(
        found[0].contains("time out between two heartbeats"),
        "{found:?}"
    );
}

#[test]
fn the_stronger_source_of_an_upstream_wins() {
    let listed = r#"[{"host":"listed","port":80,"hash":0}]"#;
    let first = |variables: &[(&str, &str)]| {
        let settings = Settings::load(environment(variables)).unwrap();
        settings.upstreams()[0].address.host.clone()
    };
    assert_eq!(first(&[("UPSTREAMS", listed)]), "listed");
    assert_eq!(
        first(&[("UPSTREAMS", listed), ("UPSTREAM_FALLBACK", "named:80")]),
        "named"
    );
    assert_eq!(first(&[]), "registry.npmjs.org");
}

#[test]
fn a_reload_applies_what_is_live_and_keeps_what_needs_a_restart() {
    let folder = Folder::new("reload");
    let file = folder.file("t.toml", "shards = 2\nlog.level = 'info'\n");
    let running = Settings::load(Sources {
        file: Some(file),
        ..Sources::default()
    })
    .unwrap();
    assert_eq!(running.reload().unwrap().1, []);

    folder.file("t.toml", "shards = 3\nlog.level = 'debug'\n");
    let (settings, changed) = running.reload().unwrap();
    assert_eq!((settings.shards, settings.log.level), (2, LogLevel::Debug));
    assert_eq!(settings.entry("shards").unwrap().value, "2");
    let found: Vec<_> = changed
        .iter()
        .map(|key| (key.name, &*key.from, &*key.to, key.effect))
        .collect();
    assert_eq!(
        found,
        [
            ("shards", "2", "3", Effect::NeedsRestart),
            ("log.level", "info", "debug", Effect::Applied),
        ]
    );
    assert_eq!(
        settings.reload().unwrap().1.len(),
        1,
        "what needs a restart stays pending"
    );

    folder.file("t.toml", "log.level = 'loud'\n");
    assert_eq!(running.reload().unwrap_err().list.len(), 1);
}
