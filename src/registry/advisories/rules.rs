//! What clients ask of advisories, in npm's two forms, and the report of the older one.

use std::collections::{BTreeMap, BTreeSet};

use nodejs_semver::Version;
use serde_json::{Map, Value, json};

use super::super::name::PackageName;
use super::asked::{self, Node};
use crate::limits::ADVISORY_PATH_BYTES_MAX;
use crate::ranges::{Prereleases, Range};

/// Names of packages, and the versions of each that are installed.
pub(super) type Question = BTreeMap<PackageName, BTreeSet<String>>;
/// Advisories by the name of the package, as npm's newer form has them.
pub(super) type Answer = Map<String, Value>;

/// What the older form asks: a tree of what is installed.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// Where each version is, and what it is there for.
    places: BTreeMap<PackageName, BTreeMap<String, Place>>,
    dependencies: u64,
    development: u64,
    optional: u64,
}

#[derive(Debug, Default)]
struct Place {
    nodes: Vec<u32>,
    is_development: bool,
    is_optional: bool,
}

/// Reads the older form.
pub(super) fn tree(body: &[u8]) -> Result<Tree, String> {
    let mut tree = Tree {
        nodes: asked::nodes(body)?,
        ..Tree::default()
    };
    for (number, node) in (0..).zip(&mut tree.nodes) {
        let Some(version) = node.version.take() else {
            continue;
        };
        let Ok(name) = PackageName::parse_old(&node.name) else {
            continue;
        };
        tree.dependencies += 1;
        tree.development += u64::from(node.is_development);
        tree.optional += u64::from(node.is_optional);
        let versions = tree.places.entry(name).or_default();
        let place = versions.entry(version).or_default();
        if place.nodes.len() < PATHS_TOLD_MAX {
            place.nodes.push(number);
        }
        place.is_development = node.is_development;
        place.is_optional = node.is_optional;
    }
    Ok(tree)
}

/// About what a question takes in memory.
pub(super) fn weight_of(question: &Question) -> usize {
    let one = |(name, versions): (&PackageName, &BTreeSet<String>)| {
        let versions = versions.iter().map(|version| version.len() + PIECE_WEIGHT);
        name.as_str().len() + PIECE_WEIGHT + versions.sum::<usize>()
    };
    question.iter().map(one).sum()
}

impl Tree {
    /// What of it is asked for.
    pub(super) fn question(&self) -> Question {
        let named = self.places.iter();
        named
            .map(|(name, versions)| (name.clone(), versions.keys().cloned().collect()))
            .collect()
    }

    /// About what it takes in memory, without its question.
    pub(super) fn weight(&self) -> usize {
        let nodes = self.nodes.iter();
        let nodes = nodes.map(|node| node.name.len() + 3 * PIECE_WEIGHT);
        nodes.sum::<usize>() + weight_of(&self.question())
    }

    /// The names from the root to a package; nothing where they are longer than what is left.
    fn path(&self, node: u32, bytes_left: &mut usize) -> Option<String> {
        let above = |node: &&Node| node.parent.map(|parent| &self.nodes[parent as usize]);
        let names: Vec<&str> = std::iter::successors(Some(&self.nodes[node as usize]), above)
            .map(|node| &*node.name)
            .collect();
        let bytes: usize = names.iter().map(|name| name.len() + 1).sum();
        *bytes_left = bytes_left.checked_sub(bytes)?;
        Some(names.into_iter().rev().collect::<Vec<_>>().join(">"))
    }

    /// The report of the older form, made of an answer in the newer one.
    pub(super) fn report(&self, answer: &Answer) -> Value {
        let mut counts: BTreeMap<&str, u64> = SEVERITIES.iter().map(|name| (*name, 0)).collect();
        let mut advisories = Map::new();
        let mut bytes_left = ADVISORY_PATH_BYTES_MAX;
        for (name, found) in answer {
            let Ok(package) = PackageName::parse_old(name) else {
                continue;
            };
            for advisory in found.as_array().into_iter().flatten() {
                let findings = self.findings(&package, advisory, &mut bytes_left);
                if findings.is_empty() {
                    continue;
                }
                let severity = advisory["severity"].as_str().unwrap_or("high");
                if let Some(count) = counts.get_mut(severity) {
                    let paths = findings.iter().filter_map(|one| one["paths"].as_array());
                    *count += paths.map(|paths| paths.len() as u64).sum::<u64>();
                }
                advisories.insert(key_of(advisory), told(name, advisory, findings));
            }
        }
        json!({
            "actions": [],
            "advisories": advisories,
            "muted": [],
            "metadata": {
                "vulnerabilities": counts,
                "dependencies": self.dependencies - self.development,
                "devDependencies": self.development,
                "optionalDependencies": self.optional,
                "totalDependencies": self.dependencies,
            },
        })
    }

    fn findings(
        &self,
        package: &PackageName,
        advisory: &Value,
        bytes_left: &mut usize,
    ) -> Vec<Value> {
        let range = advisory["vulnerable_versions"].as_str().unwrap_or("*");
        let versions = self.places.get(package).into_iter().flatten();
        let affected = versions.filter(|(version, _)| is_in(range, version));
        affected
            .map(|(version, place)| {
                let nodes = place.nodes.iter();
                let paths = nodes.filter_map(|node| self.path(*node, bytes_left));
                json!({
                    "version": version,
                    "paths": paths.collect::<Vec<_>>(),
                    "dev": place.is_development,
                    "optional": place.is_optional,
                    "bundled": false,
                })
            })
            .collect()
    }
}

/// An advisory in the form of the report.
fn told(name: &str, advisory: &Value, findings: Vec<Value>) -> Value {
    let range = advisory["vulnerable_versions"].as_str().unwrap_or("*");
    let patched = patched_versions(range);
    let recommendation = match &*patched {
        NEVER => "None".to_owned(),
        patched => format!("Upgrade to version {patched}"),
    };
    json!({
        "findings": findings,
        "id": advisory["id"],
        "module_name": name,
        "title": advisory["title"],
        "severity": advisory["severity"],
        "url": advisory["url"],
        "vulnerable_versions": range,
        "patched_versions": patched,
        "recommendation": recommendation,
        "cwe": advisory["cwe"],
        "cvss": advisory["cvss"],
        "cves": advisory["cves"].as_array().cloned().unwrap_or_default(),
        "github_advisory_id": ghsa_of(advisory),
        "overview": advisory["title"],
        "references": advisory["url"],
        "access": "public",
    })
}

/// Whether a version is in a range, one before a release as the release is: a release that is
/// vulnerable had the fault before it came out.
pub(super) fn is_in(range: &str, version: &str) -> bool {
    let range = Range::parse(range, Prereleases::Named);
    let (Some(range), Ok(version)) = (range, Version::parse(version)) else {
        return false;
    };
    if range.holds(&version, Prereleases::Named) {
        return true;
    }
    let release = format!(
        "{}.{}.{}",
        version.major(),
        version.minor(),
        version.patch()
    );
    let release = Version::parse(release)
        .ok()
        .filter(|_| !version.pre_release().is_empty());
    release.is_some_and(|release| range.holds(&release, Prereleases::Named))
}

/// What comes after the last range that is vulnerable; [`NEVER`] where that has no end.
fn patched_versions(range: &str) -> String {
    let last = range.rsplit("||").next().unwrap_or_default();
    let mut parts = last.split_whitespace().peekable();
    while let Some(part) = parts.next() {
        let (sign, rest) = match part {
            "<" | "<=" => (part, parts.peek().copied().unwrap_or_default()),
            part => match part.strip_prefix("<=") {
                Some(rest) => ("<=", rest),
                None => ("<", part.strip_prefix('<').unwrap_or_default()),
            },
        };
        match (sign, rest) {
            (_, "") => {}
            ("<=", rest) => return format!(">{rest}"),
            (_, rest) => return format!(">={rest}"),
        }
    }
    NEVER.to_owned()
}

fn key_of(advisory: &Value) -> String {
    let id = &advisory["id"];
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

fn ghsa_of(advisory: &Value) -> Option<&str> {
    let url = advisory["url"].as_str()?;
    let id = url.rsplit('/').next()?;
    id.starts_with("GHSA-").then_some(id)
}

const SEVERITIES: [&str; 5] = ["info", "low", "moderate", "high", "critical"];
/// npm's way to say that no version is good.
const NEVER: &str = "<0.0.0";
/// Paths told of one version.
const PATHS_TOLD_MAX: usize = 100;
/// What a piece of text takes in memory beside its bytes, in the maps that hold it.
const PIECE_WEIGHT: usize = 96;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_a_range() {
        for (range, patched) in [
            ("<1.2.3", ">=1.2.3"),
            (">=1.0.0 <1.2.3", ">=1.2.3"),
            (">= 1.0.0, < 1.2.3", ">=1.2.3"),
            ("<1.0.0 || >=2.0.0 <=2.1.0", ">2.1.0"),
            ("*", NEVER),
            (">=1.0.0", NEVER),
            ("", NEVER),
        ] {
            assert_eq!(patched_versions(range), patched, "{range}");
        }
    }

    #[test]
    fn a_version_before_a_release_counts_as_the_release() {
        assert!(is_in("<1.2.3", "1.2.2") && !is_in("<1.2.3", "1.2.3"));
        assert!(is_in("<=1.2.3", "1.2.3-rc.1") && is_in("*", "1.0.0-a"));
        assert!(is_in("1.0.0 - 2.0.0", "1.5.0") && !is_in("1.0.0 - 2.0.0", "2.0.1"));
        assert!(!is_in("*", "one") && !is_in("", "one"));
    }

    #[test]
    fn a_tree_is_a_question_and_its_report() {
        let body = json!({
            "dependencies": {
                ".": { "version": "0.0.0", "dependencies": {
                    "a": { "version": "1.0.0", "dependencies": {
                        "b": { "version": "2.0.0", "dev": true },
                    } },
                } },
                "b": { "version": "3.0.0" },
            },
        });
        let tree = tree(body.to_string().as_bytes()).unwrap();
        let asked: Vec<String> = tree.question().keys().map(ToString::to_string).collect();
        assert_eq!(asked, ["a", "b"]);
        let advisory = json!({
            "id": 7, "title": "bad", "severity": "high", "vulnerable_versions": "<3.0.0",
            "url": "https://github.com/advisories/GHSA-x",
        });
        let mut answer = Answer::new();
        answer.insert("b".to_owned(), json!([advisory]));
        let report = tree.report(&answer);
        let told = &report["advisories"]["7"];
        assert_eq!(told["findings"][0]["paths"], json!([".>a>b"]));
        assert_eq!(told["findings"].as_array().unwrap().len(), 1);
        assert_eq!(
            (&told["patched_versions"], &told["github_advisory_id"]),
            (&json!(">=3.0.0"), &json!("GHSA-x"))
        );
        assert_eq!(report["metadata"]["vulnerabilities"]["high"], 1);
        assert_eq!(report["metadata"]["totalDependencies"], 3);
    }

    #[test]
    fn paths_of_long_names_are_not_multiplied() {
        let long = "x".repeat(1 << 20);
        let children: Map<String, Value> = (0..1000)
            .map(|one| (format!("p{one}"), json!({ "version": "1.0.0" })))
            .collect();
        let body = json!({ "dependencies": { long: { "dependencies": children } } });
        let tree = tree(body.to_string().as_bytes()).unwrap();
        let advisory = json!({ "id": 1, "vulnerable_versions": "*" });
        let mut answer = Answer::new();
        for one in 0..1000 {
            answer.insert(format!("p{one}"), json!([advisory]));
        }
        let report = tree.report(&answer).to_string();
        assert!(
            report.len() < 2 * ADVISORY_PATH_BYTES_MAX,
            "{}",
            report.len()
        );
    }
}
