//! Every Rust file belongs to a crate: nothing lies about that the compiler never sees.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{Finding, Source};

/// Files that no `mod` declaration, walked from the crates' roots, leads to.
pub(crate) fn unreachable_files(sources: &[Source]) -> Vec<Finding> {
    let rust: BTreeMap<&str, &Source> = sources
        .iter()
        .filter(|source| source.is_rust())
        .map(|source| (source.path.as_str(), source))
        .collect();
    let mut waiting = roots(sources);
    let mut reached = BTreeSet::new();
    while let Some(path) = waiting.pop() {
        if let Some(source) = rust.get(path.as_str())
            && reached.insert(path)
        {
            waiting.extend(
                modules_of(source)
                    .into_iter()
                    .filter(|path| rust.contains_key(&**path)),
            );
        }
    }
    rust.values()
        .filter(|source| !reached.contains(&source.path))
        .map(|source| {
            let message = "no `mod` leads to this file: declare it or delete it".to_owned();
            source.finding("unreachable_files", 1, message)
        })
        .collect()
}

/// The roots that cargo finds by itself and those that a manifest names.
fn roots(sources: &[Source]) -> Vec<String> {
    let mut roots = Vec::new();
    for manifest in sources
        .iter()
        .filter(|source| source.path.ends_with("Cargo.toml"))
    {
        let folder = manifest.path.trim_end_matches("Cargo.toml");
        for source in sources.iter().filter(|source| source.is_rust()) {
            let Some(path) = source.path.strip_prefix(folder) else {
                continue;
            };
            let is_found = matches!(path, "src/lib.rs" | "src/main.rs" | "build.rs")
                || TARGET_FOLDERS.iter().any(|target| {
                    let parts: Option<Vec<&str>> = path
                        .strip_prefix(target)
                        .map(|rest| rest.split('/').collect());
                    matches!(parts.as_deref(), Some([_] | [_, "main.rs"]))
                });
            let named = format!("path = \"{path}\"");
            if is_found || manifest.text.contains(&named) {
                roots.push(source.path.clone());
            }
        }
    }
    roots
}

/// Where the files of a source's `mod a;` declarations may lie.
fn modules_of(source: &Source) -> Vec<String> {
    let (folder, file) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    let stem = file.trim_end_matches(".rs");
    let is_root = matches!(stem, "mod" | "lib" | "main");
    let mut paths = Vec::new();
    let mut inside: Vec<&str> = Vec::new();
    for (line, text) in source.code.lines().zip(source.text.lines()) {
        if let Some(explicit) = text.trim().strip_prefix("#[path = \"") {
            let explicit = explicit.trim_end_matches("\"]");
            paths.push(format!("{folder}/{explicit}"));
        }
        let Some(declared) = declaration(line) else {
            continue;
        };
        let Some(name) = declared.strip_suffix(';') else {
            inside = vec![declared.trim_end_matches('{').trim()];
            continue;
        };
        // A module in a file lies beside it; in an inline module, one folder deeper.
        let nested = inside.iter().map(|outer| format!("{outer}/{name}"));
        for name in nested.chain([name.to_owned()]) {
            for base in [folder.to_owned(), format!("{folder}/{stem}")] {
                // Roots of tests and benches take their modules from their own folder.
                if base.ends_with(stem) && is_root {
                    continue;
                }
                paths.push(format!("{base}/{name}.rs"));
                paths.push(format!("{base}/{name}/mod.rs"));
            }
        }
    }
    paths
}

/// `a;` or `a {` of a line that declares the module `a`.
fn declaration(line: &str) -> Option<&str> {
    let line = line.trim();
    let line = line.strip_prefix("pub").map_or(line, |rest| {
        rest.strip_prefix('(')
            .and_then(|rest| rest.split_once(')'))
            .map_or(rest, |(_, rest)| rest)
    });
    line.trim_start().strip_prefix("mod ").map(str::trim)
}

const TARGET_FOLDERS: [&str; 5] = [
    "tests/",
    "benches/",
    "examples/",
    "src/bin/",
    "fuzz_targets/",
];

#[cfg(test)]
fn unreached(files: &[(&str, &str)]) -> Vec<String> {
    let sources: Vec<Source> = files
        .iter()
        .map(|(path, text)| Source::new(path, text))
        .collect();
    unreachable_files(&sources)
        .into_iter()
        .map(|finding| finding.path)
        .collect()
}

#[test]
fn files_without_a_declaration_are_found() {
    let files = [
        ("Cargo.toml", "[[example]]\npath = \"perf/ring.rs\"\n"),
        (
            "src/lib.rs",
            "pub mod http;\npub(crate) mod limits;\n// mod lost;\n",
        ),
        ("src/http/mod.rs", "mod head;\n#[cfg(test)]\nmod tests;\n"),
        ("src/http/head.rs", "mod table;\n"),
        ("src/http/head/table.rs", ""),
        ("src/http/tests.rs", ""),
        ("src/limits.rs", ""),
        ("src/lost.rs", ""),
        ("src/http/forgotten.rs", ""),
        ("perf/ring.rs", ""),
        ("perf/stray.rs", ""),
        ("tests/api.rs", "mod support;\n"),
        ("tests/support/mod.rs", ""),
        ("tests/tidy/main.rs", "mod words;\n"),
        ("tests/tidy/words.rs", ""),
        ("tests/tidy/more.rs", ""),
    ];
    let expected = [
        "perf/stray.rs",
        "src/http/forgotten.rs",
        "src/lost.rs",
        "tests/tidy/more.rs",
    ];
    assert_eq!(unreached(&files), expected);
}

#[test]
fn members_have_roots_of_their_own() {
    let files = [
        ("Cargo.toml", ""),
        ("kernels/Cargo.toml", ""),
        ("kernels/src/lib.rs", "mod level;\n"),
        ("kernels/src/level.rs", ""),
        ("kernels/tests/oracle.rs", ""),
        ("other/src/lib.rs", ""),
    ];
    assert_eq!(unreached(&files), ["other/src/lib.rs"]);
}

#[test]
fn explicit_paths_and_inline_modules_are_followed() {
    let files = [
        ("Cargo.toml", ""),
        (
            "src/lib.rs",
            "#[path = \"odd/name.rs\"]\nmod even;\nmod outer {\n    mod inner;\n}\n",
        ),
        ("src/odd/name.rs", ""),
        ("src/outer/inner.rs", ""),
    ];
    assert_eq!(unreached(&files), Vec::<String>::new());
}
