//! A folder of OSV files (ossf.github.io/osv-schema, one JSON file each, as osv.dev gives them for
//! npm): what answers where no upstream does. It is read once, by a thread of its own.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;

use nodejs_semver::Version;
use serde::Deserialize;
use serde_json::{Value, json};

use super::rules::{Answer, Question};
use crate::limits::OSV_FILE_BYTES_MAX;

/// The advisories of a folder, once they are read.
#[derive(Clone, Default)]
pub struct Osv {
    read: Option<Arc<OnceLock<ByName>>>,
}

/// What a folder holds at a moment.
pub(super) enum Folder<'o> {
    /// There is none.
    None,
    /// It is being read.
    Reading,
    /// It was read.
    Read(&'o ByName),
}

/// Advisories by the name of the package.
#[derive(Default)]
pub(super) struct ByName(HashMap<String, Vec<Advisory>>);

struct Advisory {
    spans: Vec<Span>,
    versions: Vec<String>,
    /// In npm's form, without the range.
    told: Value,
}

/// Versions from one on, up to an end.
struct Span {
    from: Version,
    to: End,
}

enum End {
    Open,
    Before(Version),
    With(Version),
}

#[derive(Deserialize)]
struct File {
    id: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    summary: String,
    withdrawn: Option<String>,
    #[serde(default)]
    affected: Vec<Affected>,
    #[serde(default)]
    severity: Vec<Rating>,
    #[serde(default)]
    database_specific: Value,
}

#[derive(Deserialize)]
struct Affected {
    package: Option<Package>,
    #[serde(default)]
    ranges: Vec<Ranges>,
    #[serde(default)]
    versions: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct Ranges {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    events: Vec<Event>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Event {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
}

#[derive(Deserialize)]
struct Rating {
    #[serde(rename = "type")]
    kind: String,
    score: String,
}

impl Osv {
    /// Begins to read a folder; an empty path stands for none.
    ///
    /// # Errors
    /// That there is no thread to be had.
    pub fn start(folder: &str) -> std::io::Result<Osv> {
        if folder.is_empty() {
            return Ok(Osv::default());
        }
        let read = Arc::new(OnceLock::new());
        let (place, folder) = (read.clone(), PathBuf::from(folder));
        thread::Builder::new()
            .name("osv-reader".to_owned())
            .spawn(move || {
                place.get_or_init(|| ByName::of_folder(&folder));
            })?;
        Ok(Osv { read: Some(read) })
    }

    /// What the folder holds at this moment.
    pub(super) fn folder(&self) -> Folder<'_> {
        match &self.read {
            None => Folder::None,
            Some(read) => read.get().map_or(Folder::Reading, Folder::Read),
        }
    }
}

impl ByName {
    /// Reads a folder and those in it. What cannot be read is told and passed over.
    fn of_folder(folder: &Path) -> ByName {
        let (mut all, mut files, mut faults) = (ByName::default(), 0_u64, 0_u64);
        let mut waiting = vec![folder.to_owned()];
        while let Some(folder) = waiting.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) => {
                    let path = folder.display();
                    tracing::error!(target: "registry", %path, %error, "no advisories are read");
                    continue;
                }
            };
            for path in entries.flatten().map(|entry| entry.path()) {
                if path.is_dir() {
                    waiting.push(path);
                } else if path.extension().is_some_and(|kind| kind == "json") {
                    files += 1;
                    faults += u64::from(all.add_file(&path).is_none());
                }
            }
        }
        tracing::info!(target: "registry", files, faults, "advisories were read");
        all
    }

    fn add_file(&mut self, path: &Path) -> Option<()> {
        let mut text = Vec::new();
        let file = fs::File::open(path).ok()?;
        file.take(OSV_FILE_BYTES_MAX).read_to_end(&mut text).ok()?;
        self.add(&text)
    }

    /// Adds an advisory; nothing where it is none.
    fn add(&mut self, text: &[u8]) -> Option<()> {
        let file: File = serde_json::from_slice(text).ok()?;
        if file.withdrawn.is_some() {
            return Some(());
        }
        let told = told(&file);
        for affected in file.affected {
            let package = affected
                .package
                .filter(|package| package.ecosystem == "npm");
            let Some(package) = package else { continue };
            let ranges = affected
                .ranges
                .iter()
                .filter(|ranges| ranges.kind == "SEMVER");
            let advisory = Advisory {
                spans: ranges.flat_map(|ranges| spans(&ranges.events)).collect(),
                versions: affected.versions,
                told: told.clone(),
            };
            self.0.entry(package.name).or_default().push(advisory);
        }
        Some(())
    }

    /// What is known of what is asked, in npm's form.
    pub(super) fn answer(&self, question: &Question) -> Answer {
        let mut answer = Answer::new();
        for (name, versions) in question {
            let known = self.0.get(name.as_str()).into_iter().flatten();
            let found: Vec<Value> = known
                .filter(|advisory| versions.iter().any(|version| advisory.affects(version)))
                .map(Advisory::shown)
                .collect();
            if !found.is_empty() {
                answer.insert(name.to_string(), found.into());
            }
        }
        answer
    }
}

impl Advisory {
    fn affects(&self, version: &str) -> bool {
        if self.versions.iter().any(|one| one == version) {
            return true;
        }
        let Ok(version) = Version::parse(version) else {
            return false;
        };
        self.spans.iter().any(|span| span.holds(&version))
    }

    fn shown(&self) -> Value {
        let mut ranges: Vec<String> = self.spans.iter().map(Span::text).collect();
        if ranges.is_empty() {
            ranges.clone_from(&self.versions);
        }
        let mut told = self.told.clone();
        told["vulnerable_versions"] = ranges.join(" || ").into();
        told
    }
}

impl Span {
    fn holds(&self, version: &Version) -> bool {
        *version >= self.from
            && match &self.to {
                End::Open => true,
                End::Before(end) => version < end,
                End::With(end) => version <= end,
            }
    }

    fn text(&self) -> String {
        let from = self.from.to_string();
        let from = match &*from {
            "0.0.0" => String::new(),
            from => format!(">={from}"),
        };
        let to = match &self.to {
            End::Open if from.is_empty() => "*".to_owned(),
            End::Open => String::new(),
            End::Before(end) => format!("<{end}"),
            End::With(end) => format!("<={end}"),
        };
        format!("{from} {to}").trim().to_owned()
    }
}

/// The spans of events, which stand in the order of their versions.
fn spans(events: &[Event]) -> Vec<Span> {
    let (mut spans, mut from) = (Vec::new(), None);
    let version = |text: &str| Version::parse(if text == "0" { "0.0.0" } else { text }).ok();
    for event in events {
        if let Some(introduced) = event.introduced.as_deref().and_then(version) {
            from = Some(introduced);
        }
        let fixed = event.fixed.as_deref().and_then(version).map(End::Before);
        let last = event
            .last_affected
            .as_deref()
            .and_then(version)
            .map(End::With);
        if let (Some(to), Some(start)) = (fixed.or(last), from.clone()) {
            spans.push(Span { from: start, to });
            from = None;
        }
    }
    spans.extend(from.map(|from| Span {
        from,
        to: End::Open,
    }));
    spans
}

/// An advisory in npm's form, without the range.
fn told(file: &File) -> Value {
    let url = match file.id.starts_with("GHSA-") {
        true => format!("https://github.com/advisories/{}", file.id),
        false => format!("https://osv.dev/vulnerability/{}", file.id),
    };
    let is_malware = file.id.starts_with("MAL-");
    let severity = file.database_specific["severity"].as_str();
    let severity = severity.map(str::to_lowercase);
    let known = severity.filter(|word| ["low", "moderate", "high", "critical"].contains(&&**word));
    // What is not rated is told as npm tells it.
    let severity = known.unwrap_or_else(|| if is_malware { "critical" } else { "high" }.to_owned());
    let vector = file
        .severity
        .iter()
        .find(|rating| rating.kind.starts_with("CVSS_V3"));
    let cves: Vec<&String> = file
        .aliases
        .iter()
        .filter(|id| id.starts_with("CVE-"))
        .collect();
    let title = match &*file.summary {
        "" => &*file.id,
        summary => summary,
    };
    json!({
        "id": number_of(&file.id),
        "url": url,
        "title": title,
        "severity": severity,
        "cwe": file.database_specific["cwe_ids"].as_array().cloned().unwrap_or_default(),
        "cvss": { "score": 0, "vectorString": vector.map(|rating| &rating.score) },
        "cves": cves,
    })
}

/// npm's clients want a number: FNV-1a of the id, which stays the same.
fn number_of(id: &str) -> u32 {
    id.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::name::PackageName;

    fn ask(all: &ByName, version: &str) -> Answer {
        let name = PackageName::parse("a").unwrap();
        all.answer(&Question::from([(name, [version.to_owned()].into())]))
    }

    fn advisory(events: Value) -> Vec<u8> {
        json!({
            "id": "GHSA-x", "summary": "bad", "aliases": ["CVE-1"],
            "affected": [{
                "package": { "ecosystem": "npm", "name": "a" },
                "ranges": [{ "type": "SEMVER", "events": events }],
            }],
            "database_specific": { "severity": "MODERATE", "cwe_ids": ["CWE-1"] },
        })
        .to_string()
        .into_bytes()
    }

    #[test]
    fn versions_are_held_against_the_events() {
        let table = [
            (
                json!([{ "introduced": "0" }, { "fixed": "1.2.0" }]),
                "<1.2.0",
            ),
            (
                json!([{ "introduced": "1.0.0" }, { "last_affected": "1.1.9" }]),
                ">=1.0.0 <=1.1.9",
            ),
            (json!([{ "introduced": "0" }]), "*"),
            (
                json!([{ "introduced": "0" }, { "fixed": "0.5.0" }, { "introduced": "1.1.0" }]),
                "<0.5.0 || >=1.1.0",
            ),
        ];
        for (events, range) in table {
            let mut all = ByName::default();
            all.add(&advisory(events)).unwrap();
            let answer = ask(&all, "1.1.0");
            assert_eq!(answer["a"][0]["vulnerable_versions"], range);
            assert_eq!(answer["a"][0]["severity"], "moderate");
        }
        let mut all = ByName::default();
        all.add(&advisory(
            json!([{ "introduced": "1.0.0" }, { "fixed": "1.2.0" }]),
        ))
        .unwrap();
        for (version, is_affected) in [
            ("0.9.0", false),
            ("1.0.0", true),
            ("1.2.0-rc.1", true),
            ("1.2.0", false),
            ("x", false),
        ] {
            assert_eq!(!ask(&all, version).is_empty(), is_affected, "{version}");
        }
    }

    #[test]
    fn what_is_withdrawn_or_of_others_is_passed_over_and_what_is_none_is_told() {
        let mut all = ByName::default();
        let withdrawn = json!({ "id": "x", "withdrawn": "2026-01-01T00:00:00Z", "affected": [] });
        assert!(all.add(withdrawn.to_string().as_bytes()).is_some());
        let other = json!({ "id": "x", "affected": [
            { "package": { "ecosystem": "PyPI", "name": "a" }, "versions": ["1.0.0"] },
            { "package": { "ecosystem": "npm", "name": "b" }, "versions": ["1.0.0"] },
        ] });
        assert!(all.add(other.to_string().as_bytes()).is_some());
        assert!(ask(&all, "1.0.0").is_empty());
        assert_eq!(all.0.len(), 1);
        assert!(all.add(b"{}").is_none() && all.add(b"").is_none());
    }
}
