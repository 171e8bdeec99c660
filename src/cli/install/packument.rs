//! Packuments and manifests as the registry gives them, and which version npm would take.

use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use nodejs_semver::Version;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::want::{self, Want};
use crate::ranges::{Prereleases, Range};

/// What the registry knows of a package. Its manifests are read when they are wanted.
#[derive(Debug)]
pub(super) struct Packument {
    name: String,
    tags: HashMap<String, String>,
    versions: HashMap<String, (Version, Box<RawValue>)>,
    /// The manifests that were picked.
    read: Mutex<HashMap<String, Arc<Manifest>>>,
}

/// What is asked of a version to be installed.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    pub name: String,
    /// As it is written; `None` of a package that could not be had.
    pub version: Option<Version>,
    pub dependencies: Pairs,
    pub optional: Pairs,
    pub peers: Pairs,
    /// Names of peers that need not be there.
    pub peers_optional: Vec<String>,
    /// What would do besides the range, by name.
    pub accepts: Pairs,
    pub bundled: Vec<String>,
    pub platform: Platform,
    pub scripts: Scripts,
    pub shrinkwrap: bool,
    pub dist: Dist,
}

/// Where a package runs.
#[derive(Debug, Default)]
pub(super) struct Platform {
    pub os: Option<Vec<String>>,
    pub cpu: Option<Vec<String>>,
    pub libc: Option<Vec<String>>,
    pub node: Option<String>,
}

/// Whether a package wants to run something when it is installed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Scripts {
    #[default]
    None,
    OnInstall,
}

/// Where the archive is and what it holds.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Dist {
    #[serde(default)]
    pub tarball: String,
    #[serde(default)]
    pub integrity: Option<String>,
    #[serde(default)]
    pub shasum: Option<String>,
}

/// Names and texts in the order in which they are written, which npm keeps.
#[derive(Debug, Default)]
pub(super) struct Pairs(pub Vec<(String, String)>);

/// Why no version was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NoVersion {
    pub package: String,
    pub known: usize,
}

impl Packument {
    /// Reads a packument, in either form.
    pub(super) fn read(name: &str, body: &[u8]) -> Result<Packument, serde_json::Error> {
        let form: Form = serde_json::from_slice(body)?;
        let versions = form.versions.into_iter().filter_map(|(text, raw)| {
            let version = want::version(&text)?;
            Some((text, (version, raw)))
        });
        Ok(Packument {
            name: name.to_owned(),
            tags: form.tags,
            versions: versions.collect(),
            read: Mutex::default(),
        })
    }

    /// The manifest that npm would take for this want, on this Node.
    pub(super) fn pick(
        &self,
        want: &Want,
        node: Option<&Version>,
    ) -> Result<Arc<Manifest>, NoVersion> {
        let none = NoVersion {
            package: self.name.clone(),
            known: self.versions.len(),
        };
        let found = match want.of_package() {
            Want::Tag(tag) => self.tags.get(tag).cloned(),
            Want::Version(version) => self.exactly(version),
            Want::Any => self.best(None, node),
            Want::Range(range) => self.best(Some(range), node),
            Want::Alias { .. } | Want::Unsupported(_) => None,
        };
        let found = found.ok_or_else(|| none.clone())?;
        self.manifest(&found).ok_or(none)
    }

    fn exactly(&self, wanted: &Version) -> Option<String> {
        let mut found = self.versions.iter();
        let (text, _) = found.find(|(_, (version, _))| version == wanted)?;
        Some(text.clone())
    }

    /// `latest` if it will do and is fit; else the fittest of those in the range.
    fn best(&self, range: Option<&Range>, node: Option<&Version>) -> Option<String> {
        let in_range =
            |version: &Version| range.is_none_or(|range| range.holds(version, Prereleases::Named));
        let latest = self.tags.get("latest");
        let fit = latest.and_then(|latest| Some((latest, self.versions.get(latest)?)));
        if let Some((latest, (version, raw))) = fit
            && in_range(version)
            && Fitness::of(raw, node) == Fitness::BEST
        {
            return Some(latest.clone());
        }
        // `*` is not met by prereleases, other than by the tag.
        let candidates = self
            .versions
            .iter()
            .filter(|(_, (version, _))| match range {
                Some(range) => range.holds(version, Prereleases::Named),
                None => version.pre_release().is_empty(),
            });
        let ranked = candidates.map(|(text, (version, raw))| {
            let fitness = Fitness::of(raw, node);
            (fitness.rank(), version, Reverse(text))
        });
        ranked
            .max_by(|a, b| {
                let by_version: Ordering = a.1.cmp(b.1);
                a.0.cmp(&b.0).then(by_version).then_with(|| a.2.cmp(&b.2))
            })
            .map(|(_, _, Reverse(text))| text.clone())
    }

    fn manifest(&self, version: &str) -> Option<Arc<Manifest>> {
        let (_, raw) = self.versions.get(version)?;
        let mut read = self.read.lock().expect("no reader panics");
        if let Some(manifest) = read.get(version) {
            return Some(Arc::clone(manifest));
        }
        let manifest = Arc::new(Manifest::read(raw.get().as_bytes()).ok()?);
        read.insert(version.to_owned(), Arc::clone(&manifest));
        Some(manifest)
    }
}

/// What npm looks at before the version's number.
#[derive(Debug, PartialEq, Eq)]
struct Fitness {
    node: bool,
    kept: bool,
}

impl Fitness {
    const BEST: Fitness = Fitness {
        node: true,
        kept: true,
    };

    fn of(raw: &RawValue, node: Option<&Version>) -> Fitness {
        let brief: Brief = serde_json::from_str(raw.get()).unwrap_or_default();
        Fitness {
            node: runs_on(brief.engines.node.as_deref(), node),
            kept: !is_truthy(&brief.deprecated),
        }
    }

    fn rank(&self) -> (bool, bool, bool) {
        (self.node && self.kept, self.node, self.kept)
    }
}

/// Whether a package that asks for this range of Node runs on that one. Where none is known every
/// package does.
pub(super) fn runs_on(range: Option<&str>, node: Option<&Version>) -> bool {
    let (Some(range), Some(node)) = (range, node) else {
        return true;
    };
    // npm takes a range that cannot be read for one that nothing satisfies; empty is any.
    let range = Range::parse(range, Prereleases::All);
    range.is_some_and(|range| range.holds(node, Prereleases::All))
}

impl Manifest {
    /// Reads a manifest of a packument or a package.json, as npm normalises it.
    pub(super) fn read(json: &[u8]) -> Result<Manifest, serde_json::Error> {
        let form: ManifestForm = serde_json::from_slice(json)?;
        let optional = form.optional;
        let mut dependencies = form.dependencies;
        // What is in both is optional.
        dependencies
            .0
            .retain(|(name, _)| optional.find(name).is_none());
        let mut bundled = names(&form.bundle_dependencies, &dependencies, &optional);
        bundled.extend(names(&form.bundled_dependencies, &dependencies, &optional));
        let peers_optional = form.peers_meta.as_object().into_iter().flatten();
        let peers_optional = peers_optional
            .filter(|(_, meta)| meta.get("optional").is_some_and(is_truthy))
            .map(|(name, _)| name.clone());
        let on_install = is_truthy(&form.has_install_script)
            || ["preinstall", "install", "postinstall"]
                .iter()
                .any(|script| form.scripts.get(script).is_some_and(is_truthy));
        Ok(Manifest {
            name: form.name,
            version: want::version(&form.version),
            dependencies,
            optional,
            peers: form.peers,
            peers_optional: peers_optional.collect(),
            accepts: form.accepts,
            bundled,
            platform: Platform {
                os: list(&form.os),
                cpu: list(&form.cpu),
                libc: list(&form.libc),
                node: form.engines.node,
            },
            scripts: if on_install {
                Scripts::OnInstall
            } else {
                Scripts::None
            },
            shrinkwrap: is_truthy(&form.shrinkwrap),
            dist: form.dist,
        })
    }

    /// `name@version`.
    pub(super) fn id(&self) -> String {
        match &self.version {
            Some(version) => format!("{}@{version}", self.name),
            None => self.name.clone(),
        }
    }
}

impl Pairs {
    /// The text of a name.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, text)| &**text)
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Pairs, D::Error> {
        input.deserialize_any(PairsVisitor)
    }
}

/// Takes an object's texts; whatever else stands in a manifest is no dependency.
struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if let Value::String(text) = value {
                pairs.push((name, text));
            }
        }
        Ok(Pairs(pairs))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Pairs, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Pairs::default())
    }

    fn visit_unit<E>(self) -> Result<Pairs, E> {
        Ok(Pairs::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Pairs, E> {
        Ok(Pairs::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Pairs, E> {
        Ok(Pairs::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Pairs, E> {
        Ok(Pairs::default())
    }
}

#[derive(Deserialize)]
struct Form {
    #[serde(rename = "dist-tags", default)]
    tags: HashMap<String, String>,
    #[serde(default)]
    versions: HashMap<String, Box<RawValue>>,
}

#[derive(Deserialize, Default)]
struct Brief {
    #[serde(default)]
    deprecated: Value,
    #[serde(default, deserialize_with = "lenient")]
    engines: Engines,
}

#[derive(Deserialize)]
struct ManifestForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    dependencies: Pairs,
    #[serde(rename = "optionalDependencies", default)]
    optional: Pairs,
    #[serde(rename = "peerDependencies", default)]
    peers: Pairs,
    #[serde(rename = "peerDependenciesMeta", default)]
    peers_meta: Value,
    #[serde(rename = "acceptDependencies", default)]
    accepts: Pairs,
    #[serde(rename = "bundleDependencies", default)]
    bundle_dependencies: Value,
    #[serde(rename = "bundledDependencies", default)]
    bundled_dependencies: Value,
    #[serde(default)]
    os: Value,
    #[serde(default)]
    cpu: Value,
    #[serde(default)]
    libc: Value,
    #[serde(default, deserialize_with = "lenient")]
    engines: Engines,
    #[serde(default)]
    scripts: Value,
    #[serde(rename = "hasInstallScript", default)]
    has_install_script: Value,
    #[serde(rename = "_hasShrinkwrap", default)]
    shrinkwrap: Value,
    #[serde(default, deserialize_with = "lenient")]
    dist: Dist,
}

#[derive(Deserialize, Default)]
struct Engines {
    #[serde(default)]
    node: Option<String>,
}

/// What is not of the shape (old packages have lists of engines) counts as not there.
fn lenient<'de, D, T>(input: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + for<'a> Deserialize<'a>,
{
    let value = Value::deserialize(input)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// What JavaScript takes for true.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(value) => value.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

fn list(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) => {
            let texts = items.iter().filter_map(Value::as_str);
            Some(texts.map(str::to_owned).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

/// The names of a bundle: a list, or `true` for every dependency.
fn names(value: &Value, dependencies: &Pairs, optional: &Pairs) -> Vec<String> {
    match value {
        Value::Bool(true) => {
            let all = dependencies.0.iter().chain(&optional.0);
            all.map(|(name, _)| name.clone()).collect()
        }
        Value::Object(names) => names.keys().cloned().collect(),
        Value::Array(_) => list(value).unwrap_or_default(),
        Value::Null | Value::Bool(false) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}
