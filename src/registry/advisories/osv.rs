//! A folder of OSV files (ossf.github.io/osv-schema, one JSON file each, as osv.dev gives them for
//! npm): what answers where no upstream does. It is read once, by a thread of its own.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;

use cvss::Cvss;
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
    let (score, vector) = cvss(&file.severity);
    let is_malware = file.id.starts_with("MAL-");
    let severity = file.database_specific["severity"].as_str();
    let severity = severity.map(str::to_lowercase);
    let known = severity.filter(|word| ["low", "moderate", "high", "critical"].contains(&&**word));
    let rated = known.as_deref().or_else(|| word_of(score));
    // What is not rated is told as npm tells it.
    let severity = rated.unwrap_or(if is_malware { "critical" } else { "high" });
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
        "cvss": { "score": score, "vectorString": vector },
        "cves": cves,
    })
}

/// The score and the vector of what npm's registry would name: version 3 before 4. Of what is no
/// vector there is no score.
fn cvss(ratings: &[Rating]) -> (f64, Option<&str>) {
    let of_kind = |kind| ratings.iter().find(|rating| rating.kind == kind);
    let Some(rating) = of_kind("CVSS_V3").or_else(|| of_kind("CVSS_V4")) else {
        return (0.0, None);
    };
    let vector = rating.score.trim();
    let read = vector.parse::<Cvss>().ok();
    let score = read.filter(is_whole).map_or(0.0, |read| read.score());
    (score, Some(vector))
}

/// Whether a vector has all that a base score is made of; the parser asks it of version 4 alone.
fn is_whole(vector: &Cvss) -> bool {
    let (Cvss::CvssV30(v) | Cvss::CvssV31(v)) = vector else {
        return true;
    };
    let reach = v.av.is_some() && v.ac.is_some() && v.pr.is_some() && v.ui.is_some();
    reach && v.s.is_some() && v.c.is_some() && v.i.is_some() && v.a.is_some()
}

/// The word for a score (CVSS 3.1, section 5), as npm has it; none for what is not rated.
fn word_of(score: f64) -> Option<&'static str> {
    Some(match score {
        9.0.. => "critical",
        7.0.. => "high",
        4.0.. => "moderate",
        0.1.. => "low",
        _ => return None,
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

    fn rated(kind: &str, vector: &str) -> Value {
        let mut all = ByName::default();
        let file = json!({
            "id": "GHSA-x", "severity": [{ "type": kind, "score": vector }],
            "affected": [{ "package": { "ecosystem": "npm", "name": "a" }, "versions": ["1.0.0"] }],
        });
        all.add(file.to_string().as_bytes()).unwrap();
        ask(&all, "1.0.0")["a"][0].clone()
    }

    /// Of FIRST's own examples (CVSS 3.0 and 3.1, "Examples"; CVSS 4.0, "Examples").
    #[test]
    fn vectors_have_the_scores_of_the_specifications() {
        for (vector, score, severity) in [
            // CVE-2013-1937, CVE-2013-0375, CVE-2014-3566, CVE-2012-1516, CVE-2009-0783.
            ("3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1, "moderate"),
            ("3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4, "moderate"),
            ("3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1, "low"),
            ("3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H", 9.9, "critical"),
            ("3.1/AV:L/AC:L/PR:H/UI:N/S:U/C:L/I:L/A:L", 4.2, "moderate"),
            // CVE-2012-0384, CVE-2014-0160, CVE-2014-6271, CVE-2008-1447, CVE-2014-2005.
            ("3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 8.8, "high"),
            ("3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5, "high"),
            ("3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8, "critical"),
            ("3.0/AV:N/AC:H/PR:N/UI:N/S:C/C:N/I:H/A:N", 6.8, "moderate"),
            ("3.0/AV:P/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 6.8, "moderate"),
            // Nothing is lost; and what is not of the base does not count.
            ("3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0, "high"),
            (
                "3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N/E:U/RL:O",
                7.5,
                "high",
            ),
        ] {
            let told = rated("CVSS_V3", &format!("CVSS:{vector}"));
            assert_eq!(told["cvss"]["score"], score, "{vector}");
            assert_eq!(told["cvss"]["vectorString"], format!("CVSS:{vector}"));
            assert_eq!(told["severity"], severity, "{vector}");
        }
        // CVE-2022-41741, CVE-2021-44228.
        for (vector, score) in [
            (
                "AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
                7.3,
            ),
            (
                "AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H",
                10.0,
            ),
        ] {
            let told = rated("CVSS_V4", &format!("CVSS:4.0/{vector}"));
            assert_eq!(told["cvss"]["score"], score, "{vector}");
        }
    }

    #[test]
    fn what_is_no_vector_has_no_score() {
        for vector in [
            "",
            "CVSS:3.1",
            "CVSS:3.1/AV:X",
            "CVSS:9.9/AV:N",
            "7.5",
            "CVSS:3.1/AV:N/C:H",
        ] {
            let told = rated("CVSS_V3", vector);
            assert_eq!(told["cvss"]["score"], 0.0, "{vector}");
            assert_eq!(told["severity"], "high");
        }
        assert_eq!(rated("Ubuntu", "low")["cvss"]["vectorString"], Value::Null);
        let both = [("CVSS_V4", "CVSS:4.0/x"), ("CVSS_V3", "CVSS:3.1/y")];
        let both = both.map(|(kind, score)| Rating {
            kind: kind.to_owned(),
            score: score.to_owned(),
        });
        assert_eq!(cvss(&both).1, Some("CVSS:3.1/y"), "what npm's clients know");
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
