//! Where each version stands in a document, for those who ask for one.

use std::collections::HashMap;
use std::ops::Range;

use nodejs_semver::Version;

use super::fields::Fields;
use super::source::newest;
use crate::ranges::{Prereleases, Range as Versions};

/// The versions and tags of a document.
pub struct Index {
    /// Where the manifest of each version stands in the full form.
    versions: HashMap<Box<str>, Range<usize>>,
    tags: HashMap<Box<str>, Box<str>>,
}

impl Index {
    /// Reads a document in the full form.
    ///
    /// # Errors
    /// It is none.
    pub fn of(document: &[u8]) -> Result<Index, serde_json::Error> {
        let text: &str = str::from_utf8(document).map_err(serde::de::Error::custom)?;
        let fields = Fields::of(text)?;
        let versions = Fields::of(fields.text("versions").unwrap_or("{}"))?;
        let place = |value: &str| {
            let start = value.as_ptr() as usize - text.as_ptr() as usize;
            start..start + value.len()
        };
        let tags = fields.object("dist-tags").unwrap_or_default();
        let tag = |name: &str| Some((name.into(), tags.string(name)?.into()));
        Ok(Index {
            versions: versions
                .0
                .iter()
                .map(|(version, manifest)| (version.as_ref().into(), place(manifest.get())))
                .collect(),
            tags: tags.0.iter().filter_map(|(name, _)| tag(name)).collect(),
        })
    }

    /// Where the manifest stands that a version, a tag or a range names: of a range the version of
    /// `latest`, where it is in it, else the highest, as npm's clients choose.
    pub fn find(&self, spec: &str) -> Option<Range<usize>> {
        let exact = self.versions.get(spec);
        let tagged = || self.versions.get(self.tags.get(spec)?);
        let found = exact.or_else(tagged).cloned();
        found.or_else(|| self.versions.get(self.best(spec)?).cloned())
    }

    fn best(&self, spec: &str) -> Option<&str> {
        let range = Versions::parse(spec, Prereleases::Named)?;
        let is_in = |text: &str| {
            Version::parse(text).is_ok_and(|version| range.holds(&version, Prereleases::Named))
        };
        let latest = self.tags.get("latest").map(|version| &**version);
        if let Some(latest) = latest.filter(|latest| is_in(latest)) {
            return Some(latest);
        }
        let versions = self.versions.keys().map(|version| &**version);
        newest(versions.filter(|version| is_in(version)), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_a_tag_and_a_range_find_their_manifest() {
        let document = br#"{"name":"a","dist-tags":{"latest":"1.1.0","next":"2.0.0-rc.1"},
            "versions":{"1.0.0":{"v":1},"1.1.0":{"v":2},"1.2.0":{"v":3},"0.9.0":{"v":4},
            "2.0.0-rc.1":{"v":5}}}"#;
        let index = Index::of(document).unwrap();
        for (spec, expected) in [
            ("1.0.0", Some(r#"{"v":1}"#)),
            ("latest", Some(r#"{"v":2}"#)),
            ("next", Some(r#"{"v":5}"#)),
            ("^1.0.0", Some(r#"{"v":2}"#)),
            (">1.1.0", Some(r#"{"v":3}"#)),
            ("0.x", Some(r#"{"v":4}"#)),
            ("0.8.0 - 1.0.0", Some(r#"{"v":1}"#)),
            ("^0.9.0 || ", Some(r#"{"v":2}"#)),
            ("^2.0.0-rc.0", Some(r#"{"v":5}"#)),
            ("^3", None),
            ("nothing", None),
            ("9.9.9", None),
        ] {
            let found = index.find(spec).map(|place| &document[place]);
            assert_eq!(found, expected.map(str::as_bytes), "{spec}");
        }
        assert!(Index::of(b"[]").is_err());
    }
}
