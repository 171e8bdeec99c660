//! Who may import whom: the rooms of the house, and the crates and words that have one owner.

use super::tree::{Finding, Source};

/// Imports between rooms point one way.
pub(crate) fn directions(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let Some(room) = room_of(&source.path) else {
            continue;
        };
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == room) else {
            let message = format!("the room `{room}` is not in the table of tests/tidy/rooms.rs");
            findings.push(source.finding("directions", 1, message));
            continue;
        };
        let Allowed::Only(allowed) = allowed else {
            continue;
        };
        // Handlers work with the whole context, so a room's api.rs stands at the top with it.
        if source.path.ends_with("/api.rs") {
            continue;
        }
        for (line, imported) in rooms_named(source) {
            // Tests may stand a whole server up.
            if imported != room && !allowed.contains(&&*imported) && !source.is_test(line) {
                let message = format!("`{room}` may not import `{imported}`, only {allowed:?}");
                findings.push(source.finding("directions", line, message));
            }
        }
    }
    findings
}

/// Crates and paths that only their owners name.
pub(crate) fn owned_crates(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        for (name, owners, instead) in OWNED {
            if owners.iter().any(|owner| source.path.starts_with(owner)) {
                continue;
            }
            for line in lines_naming(&source.code, name) {
                let message = format!("only {owners:?} name `{name}`: {instead}");
                findings.push(source.finding("owned_crates", line, message));
            }
        }
    }
    for source in sources
        .iter()
        .filter(|source| source.path.starts_with("kernels/src/"))
    {
        for name in NOT_IN_KERNELS {
            for line in lines_naming(&source.code, name) {
                if !source.is_test(line) {
                    let message = format!("kernels are pure and do not allocate: no `{name}`");
                    findings.push(source.finding("owned_crates", line, message));
                }
            }
        }
    }
    findings
}

/// Inside a resource, api imports rules and sql, sql imports rules, and nothing points back.
pub(crate) fn resource_parts(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources
        .iter()
        .filter(|source| source.path.starts_with("src/"))
    {
        let file = source.path.rsplit('/').next().unwrap_or_default();
        let Some((_, barred)) = PARTS.iter().find(|(part, _)| *part == file) else {
            continue;
        };
        for name in *barred {
            for line in lines_naming(&source.code, name) {
                if !source.is_test(line) {
                    let message = format!("{file} does not know of `{name}`");
                    findings.push(source.finding("resource_parts", line, message));
                }
            }
        }
    }
    findings
}

/// `unsafe` is where it is argued: the kernels, the ring, and what measures them.
pub(crate) fn unsafe_code(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        if UNSAFE_ALLOWED
            .iter()
            .any(|path| source.path.starts_with(path))
        {
            continue;
        }
        for line in lines_naming(&source.code, "unsafe") {
            let message = format!("`unsafe` only in {UNSAFE_ALLOWED:?}");
            findings.push(source.finding("unsafe_code", line, message));
        }
    }
    findings
}

/// `http` of `src/http/head.rs`, `limits` of `src/limits.rs`.
fn room_of(path: &str) -> Option<&str> {
    let path = path.strip_prefix("src/")?;
    let room = path.split('/').next()?;
    Some(room.trim_end_matches(".rs"))
}

/// The rooms that a source names, with the line: `crate::a` and each of `crate::{a, b::c}`, and
/// in the binary, which sees the library from outside, `thirteen::a` as well.
fn rooms_named(source: &Source) -> Vec<(usize, String)> {
    let code = &source.code;
    let mut named = Vec::new();
    for prefix in ["crate::", "thirteen::"] {
        for (position, _) in code.match_indices(prefix) {
            let before = code[..position].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let line = line_at(code, position);
            let rest = &code[position + prefix.len()..];
            if is_macro(rest) {
                continue;
            }
            named.extend(first_names(rest).into_iter().map(|name| (line, name)));
        }
    }
    named
}

/// Whether the name is that of a macro, which stands at the root wherever it is written.
fn is_macro(text: &str) -> bool {
    let name = |c: char| c.is_alphanumeric() || c == '_';
    text.trim_start_matches(name).starts_with('!')
}

/// `a` of `a::b`, or `a` and `c` of `{a::{b, x}, c}`.
fn first_names(text: &str) -> Vec<String> {
    let name_of = |text: &str| -> String {
        text.trim_start()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let Some(group) = text.strip_prefix('{') else {
        return vec![name_of(text)];
    };
    let mut names = vec![name_of(group)];
    let mut depth = 0_usize;
    for (position, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name_of(&group[position + 1..])),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// The lines in which this name or path stands on its own.
fn lines_naming(code: &str, name: &str) -> Vec<usize> {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    code.match_indices(name)
        .filter(|(position, _)| {
            let before = code[..*position].chars().next_back();
            let after = code[position + name.len()..].chars().next();
            !is_part(before) && (name.ends_with(':') || !is_part(after))
        })
        .map(|(position, _)| line_at(code, position))
        .collect()
}

fn line_at(text: &str, position: usize) -> usize {
    text[..position]
        .bytes()
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}

enum Allowed {
    Only(&'static [&'static str]),
    /// The top of the house, where everything is put together.
    Everything,
}

/// Lower rooms first. What is not named may not be imported.
const MAY_IMPORT: &[(&str, Allowed)] = &[
    ("lib", Allowed::Everything),
    ("main", Allowed::Everything),
    ("cli", Allowed::Everything),
    ("routes", Allowed::Everything),
    ("context", Allowed::Everything),
    ("serve", Allowed::Everything),
    ("startup", Allowed::Only(&["doors", "limits", "settings"])),
    ("doors", Allowed::Only(&["limits", "settings"])),
    ("limits", Allowed::Only(&[])),
    ("ranges", Allowed::Only(&[])),
    ("ring", Allowed::Only(&["limits"])),
    ("shard", Allowed::Only(&["limits", "ring"])),
    ("json", Allowed::Only(&["limits", "telemetry"])),
    ("id", Allowed::Only(&["json", "store"])),
    (
        "openapi",
        Allowed::Only(&["context", "http", "json", "routes"]),
    ),
    ("settings", Allowed::Only(&["limits", "ranges"])),
    ("telemetry", Allowed::Only(&["limits", "shard"])),
    ("tls", Allowed::Only(&["limits", "ring"])),
    (
        "outgoing",
        Allowed::Only(&["limits", "ring", "settings", "shard", "tls"]),
    ),
    ("store", Allowed::Only(&["limits", "shard", "telemetry"])),
    (
        "http",
        Allowed::Only(&[
            "id",
            "json",
            "limits",
            "ring",
            "shard",
            "store",
            "telemetry",
        ]),
    ),
    (
        "auth",
        // The guards of handlers work with the whole context.
        Allowed::Only(&[
            "context",
            "http",
            "id",
            "limits",
            "settings",
            "shard",
            "store",
            "telemetry",
        ]),
    ),
    ("audit", Allowed::Only(&["id", "store"])),
    (
        "mail",
        Allowed::Only(&["context", "id", "settings", "shard", "store", "telemetry"]),
    ),
    (
        "commerce",
        Allowed::Only(&[
            "audit",
            "auth",
            "context",
            "http",
            "id",
            "json",
            "limits",
            "mail",
            "settings",
            "shard",
            "store",
            "telemetry",
            "vault",
        ]),
    ),
    (
        "vault",
        Allowed::Only(&[
            "auth",
            "http",
            "id",
            "json",
            "limits",
            "settings",
            "shard",
            "store",
            "telemetry",
        ]),
    ),
    (
        "registry",
        Allowed::Only(&[
            "audit",
            "auth",
            "context",
            "http",
            "id",
            "json",
            "limits",
            "outgoing",
            "ranges",
            "routes",
            "settings",
            "shard",
            "state",
            "store",
            "telemetry",
            "tls",
        ]),
    ),
    (
        "dashboard",
        Allowed::Only(&["http", "json", "limits", "registry", "state"]),
    ),
    (
        "proxy",
        // A tunnel is a handler on ring streams, with the whole context.
        Allowed::Only(&[
            "auth",
            "context",
            "http",
            "limits",
            "outgoing",
            "registry",
            "ring",
            "settings",
            "shard",
            "state",
            "telemetry",
        ]),
    ),
    (
        "backup",
        Allowed::Only(&[
            "commerce",
            "limits",
            "registry",
            "state",
            "store",
            "telemetry",
        ]),
    ),
    (
        "state",
        // The session of a client is a handler on a ring stream.
        Allowed::Only(&[
            "auth",
            "context",
            "http",
            "limits",
            "ring",
            "settings",
            "shard",
            "telemetry",
        ]),
    ),
];

/// Name, who may name it, and what others use.
const OWNED: &[(&str, &[&str], &str)] = &[
    (
        "glommio",
        &["src/shard/", "tests/tidy/"],
        "shard has what it is wanted for",
    ),
    (
        "io_uring",
        // The start-up check makes a ring to see whether the machine lets it.
        &[
            "src/ring/",
            "src/startup.rs",
            "perf/bare_ring.rs",
            "tests/tidy/",
        ],
        "ring::TcpStream",
    ),
    (
        "rusqlite",
        &["src/store/", "tests/tidy/"],
        "store::View and store::Tx",
    ),
    (
        "rustls",
        &["src/tls/", "tests/", "perf/"],
        "tls has the streams",
    ),
    (
        "futures_rustls",
        &["src/tls/", "tests/tidy/"],
        "tls has the streams",
    ),
    (
        "libc::",
        &[
            "src/ring/",
            "src/shard/",
            "kernels/",
            "perf/bare_ring.rs",
            "tests/tidy/",
        ],
        "std, or rustix in tests and examples",
    ),
];

const NOT_IN_KERNELS: [&str; 12] = [
    "std::net",
    "std::fs",
    "std::io",
    "std::thread",
    "std::time",
    "std::sync::Mutex",
    "std::env",
    "alloc::",
    "String",
    "Vec",
    "Box",
    "format!",
];

/// The parts of a resource and what each may not name.
const PARTS: &[(&str, &[&str])] = &[
    (
        "rules.rs",
        &["super::api", "super::sql", "crate::http", "crate::store"],
    ),
    ("sql.rs", &["super::api", "crate::http"]),
];

const UNSAFE_ALLOWED: [&str; 4] = ["kernels/", "src/ring/", "perf/bare_ring.rs", "tests/tidy/"];

#[cfg(test)]
fn lines(check: fn(&[Source]) -> Vec<Finding>, path: &str, text: &str) -> Vec<usize> {
    check(&[Source::new(path, text)])
        .iter()
        .map(|finding| finding.line)
        .collect()
}

#[test]
fn endpoints_stand_at_the_top_of_their_room() {
    let text = "use crate::context::A;\n";
    assert_eq!(lines(directions, "src/telemetry/api.rs", text), []);
    assert_eq!(lines(directions, "src/telemetry/local.rs", text), [1]);
}

#[test]
fn imports_against_the_direction_are_found() {
    assert_eq!(
        lines(
            directions,
            "src/ring/a.rs",
            "use crate::limits;\nuse crate::http::A;\n"
        ),
        [2]
    );
    let group = "use crate::{\n    limits::A,\n    state::{B, cli},\n};\n";
    assert_eq!(lines(directions, "src/http/a.rs", group), [1]);
    assert_eq!(
        lines(
            directions,
            "src/state/a.rs",
            "fn a(b: &crate::routes::C) {}\n"
        ),
        [1]
    );
    assert_eq!(
        lines(directions, "src/cli/a.rs", "use crate::{http, state};\n"),
        []
    );
    assert_eq!(
        lines(directions, "src/limits.rs", "use crate::ring::A;\n"),
        [1]
    );
    let text = "crate::shape! {\n    pub struct A reads {}\n}\n";
    assert_eq!(lines(directions, "src/http/a.rs", text), []);
    let tests = "#[cfg(test)]\nmod tests {\n    use crate::http;\n}\n";
    assert_eq!(lines(directions, "src/ring/a.rs", tests), []);
}

#[test]
fn a_room_that_is_not_in_the_table_is_found() {
    assert_eq!(lines(directions, "src/attic/mod.rs", "//! a\n"), [1]);
}

#[test]
fn crates_outside_their_room_are_found() {
    for (name, owners, _) in OWNED {
        let text = format!("//! a\nuse {name}::A;\n");
        assert_eq!(lines(owned_crates, "src/http/a.rs", &text), [2], "{name}");
        for owner in *owners {
            assert_eq!(
                lines(owned_crates, &format!("{owner}a.rs"), &text),
                [],
                "{name} {owner}"
            );
        }
    }
}

#[test]
fn runtimes_and_allocation_in_kernels_are_found() {
    for name in NOT_IN_KERNELS {
        let text = format!("//! a\nfn a() {{ {name}; }}\n");
        assert_eq!(
            lines(owned_crates, "kernels/src/a.rs", &text),
            [2],
            "{name}"
        );
        assert_eq!(
            lines(owned_crates, "kernels/tests/a.rs", &text),
            [],
            "{name}"
        );
    }
    assert_eq!(
        lines(owned_crates, "kernels/src/a.rs", "fn a() -> BitVec {}\n"),
        []
    );
}

#[test]
fn parts_of_a_resource_that_point_back_are_found() {
    assert_eq!(
        lines(
            resource_parts,
            "src/commerce/carts/rules.rs",
            "use super::sql;\n"
        ),
        [1]
    );
    assert_eq!(
        lines(
            resource_parts,
            "src/commerce/carts/sql.rs",
            "use crate::http::A;\n"
        ),
        [1]
    );
    assert_eq!(
        lines(
            resource_parts,
            "src/commerce/carts/api.rs",
            "use super::sql;\n"
        ),
        []
    );
}

#[test]
fn unsafe_outside_its_places_is_found() {
    let text = "//! unsafe is said here\n#![deny(unsafe_code)]\nfn a() { unsafe { b() } }\n";
    assert_eq!(lines(unsafe_code, "src/http/a.rs", text), [3]);
    assert_eq!(lines(unsafe_code, "src/ring/a.rs", text), []);
    assert_eq!(lines(unsafe_code, "kernels/src/a.rs", text), []);
}
