//! Held against npm's own answers: `npm_ranges.json` is made with its semver, `npm_trees.json` with
//! its Arborist, of packages written for it and of random ones.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use nodejs_semver::Version;
use serde::Deserialize;
use serde_json::{Value, json};

use super::build::{Manifests, TreeFault, build};
use super::packument::{Manifest, Packument};
use super::platform::Machine;
use super::want::{self, Want};

#[derive(Deserialize)]
struct Ranges {
    versions: Vec<String>,
    /// A range, and for each version whether it is in it; nothing of what is none.
    ranges: Vec<(String, Option<String>)>,
}

#[test]
fn ranges_hold_what_they_hold_for_npm() {
    let table: Ranges = serde_json::from_str(include_str!("npm_ranges.json")).unwrap();
    let versions: Vec<Version> = table
        .versions
        .iter()
        .map(|text| want::version(text).unwrap())
        .collect();
    for (text, expected) in table.ranges {
        let want = Want::read(&text);
        let held = match &want {
            Want::Tag(_) | Want::Unsupported(_) | Want::Alias { .. } => None,
            // npm takes the tag before it looks at the range; see the trees.
            Want::Any => Some(bits(&versions, |version| version.pre_release().is_empty())),
            Want::Range(_) | Want::Version(_) => {
                Some(bits(&versions, |version| want.takes(Some(version))))
            }
        };
        assert_eq!(held, expected, "{text:?}");
    }
}

fn bits(versions: &[Version], is_in: impl Fn(&Version) -> bool) -> String {
    let bit = |version| if is_in(version) { '1' } else { '0' };
    versions.iter().map(bit).collect()
}

#[test]
fn arguments_and_aliases_are_told_apart() {
    for (text, name, rest) in [
        ("a", "a", ""),
        ("a@^1", "a", "^1"),
        ("@s/a", "@s/a", ""),
        ("@s/a@next", "@s/a", "next"),
        ("b@npm:@s/a@1", "b", "npm:@s/a@1"),
    ] {
        assert_eq!(want::split(text), (name, rest));
    }
    let alias = Want::read("npm:@s/a@^1");
    assert_eq!(alias.package("b"), "@s/a");
    assert!(matches!(alias.of_package(), Want::Range(_)));
    for text in [
        "github:a/b",
        "a/b",
        "file:../x",
        "./x",
        "~/x",
        "https://h/x.tgz",
        "x.tgz",
        "workspace:*",
        "npm:a@npm:b",
        "npm:",
        "a b|c",
    ] {
        assert!(matches!(Want::read(text), Want::Unsupported(_)), "{text}");
    }
    for (name, fits) in [
        ("a", true),
        ("@s/a", true),
        ("JSONStream", true),
        ("..", false),
        ("../a", false),
        ("@../a", false),
        ("@s/..", false),
        ("@s/a/b", false),
        ("a/b", false),
        (".bin", false),
        ("node_modules", false),
        ("a\\b", false),
        ("", false),
    ] {
        assert_eq!(want::is_name(name), fits, "{name}");
    }
}

#[derive(Deserialize)]
struct Scene {
    about: String,
    roots: Vec<String>,
    packages: Vec<Value>,
    /// What npm put where, as `name@version`, or `link`.
    tree: BTreeMap<String, String>,
}

/// A registry in memory.
struct Shelf(HashMap<String, Packument>);

impl Shelf {
    fn of(packages: &[Value]) -> Shelf {
        let mut packuments: HashMap<String, Value> = HashMap::new();
        for package in packages {
            let text = |key: &str| package[key].as_str().map(str::to_owned);
            let (name, version) = (text("name").unwrap(), text("version").unwrap());
            let mut manifest = package.clone();
            let url = format!("http://shelf/{name}/-/{version}.tgz");
            manifest["dist"] = json!({ "tarball": url, "integrity": url });
            let packument = packuments.entry(name).or_insert_with(|| json!({}));
            let tag = text("tag").unwrap_or_else(|| "latest".to_owned());
            packument["dist-tags"][tag] = json!(version);
            packument["versions"][&version] = manifest;
        }
        let read = |(name, packument): (String, Value)| {
            let body = serde_json::to_vec(&packument).unwrap();
            let packument = Packument::read(&name, &body).unwrap();
            (name, packument)
        };
        Shelf(packuments.into_iter().map(read).collect())
    }
}

impl Manifests for Shelf {
    fn find(&self, name: &str, text: &str) -> Result<Arc<Manifest>, String> {
        let want = Want::read(text);
        let packument = self.0.get(want.package(name)).ok_or("no such package")?;
        let found = packument.pick(&want, machine().node.as_ref());
        found.map_err(|_| "no such version".to_owned())
    }

    fn expect(&self, _: &str, _: &str) {}
}

/// The one that the trees were made for.
fn machine() -> Machine {
    Machine {
        os: "linux".to_owned(),
        cpu: "x64".to_owned(),
        libc: Some("glibc".to_owned()),
        node: Version::parse("20.20.2").ok(),
    }
}

fn asked(roots: &[&str]) -> Vec<(String, String)> {
    let split = |root: &&str| {
        let (name, rest) = want::split(root);
        (name.to_owned(), rest.to_owned())
    };
    roots.iter().map(split).collect()
}

#[test]
fn packages_stand_where_npm_puts_them() {
    let scenes: Vec<Scene> = serde_json::from_str(include_str!("npm_trees.json")).unwrap();
    assert!(scenes.len() > 20);
    for scene in scenes {
        let roots: Vec<&str> = scene.roots.iter().map(String::as_str).collect();
        let tree = build(&asked(&roots), &Shelf::of(&scene.packages), &machine());
        let tree = tree.unwrap_or_else(|fault| panic!("{}: {fault:?}", scene.about));
        let graph = &tree.graph;
        let all = graph.all(tree.root).into_iter().skip(1);
        let wanted = all.filter(|id| !graph.ancestry(*id).any(|id| graph.node(id).inert));
        let placed: BTreeMap<String, String> = wanted
            .map(|id| {
                let node = graph.node(id);
                let what = node
                    .link
                    .map_or_else(|| node.manifest.id(), |_| "link".to_owned());
                (graph.location(id), what)
            })
            .collect();
        assert_eq!(placed, scene.tree, "{}", scene.about);
    }
}

#[test]
fn what_cannot_be_installed_is_said() {
    let shelf = Shelf::of(&[
        json!({ "name": "mac", "version": "1.0.0", "os": ["darwin"] }),
        json!({ "name": "a", "version": "1.0.0", "dependencies": { "gone": "1" } }),
        json!({ "name": "p1", "version": "1.0.0", "peerDependencies": { "h": "1" } }),
        json!({ "name": "h", "version": "1.0.0", "tag": "old" }),
        json!({ "name": "h", "version": "2.0.0" }),
    ]);
    let fault = |roots: &[&str]| build(&asked(roots), &shelf, &machine()).unwrap_err();
    assert_eq!(
        fault(&["mac"]),
        TreeFault::Platform("mac@1.0.0 does not run on linux x64".to_owned())
    );
    assert_eq!(
        fault(&["a"]),
        TreeFault::Missing("gone@1 of a@1.0.0: no such package".to_owned())
    );
    assert_eq!(
        fault(&["nowhere@2"]),
        TreeFault::Missing("nowhere@2 of what was asked for: no such package".to_owned())
    );
    assert!(matches!(fault(&["p1", "h@2"]), TreeFault::Peers(_)));
}
