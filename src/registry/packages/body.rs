//! Documents that clients send back, changed: what of them is a change.
//!
//! npm has no other way to deprecate, to star, to change owners and to unpublish: it reads a
//! document, changes it, and puts it whole or in part. What is not a field of one of these changes
//! is ignored, and so is what the client could not see.

use std::borrow::Cow;
use std::collections::HashMap;

use super::draft::Draft;
use super::rows::VersionRow;
use crate::registry::documents::fields::{Fields, ObjectWriter, string};

/// What a document says, as far as it can change something.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// `_rev`.
    pub revision: Option<String>,
    /// The versions, and what each says of its deprecation.
    pub versions: Option<HashMap<String, Deprecation>>,
    /// The tags.
    pub tags: Option<Vec<(String, String)>>,
    /// The names of the owners.
    pub owners: Option<Vec<String>>,
    /// The names of those who star it.
    pub stargazers: Option<Vec<String>>,
}

/// What a version says of its deprecation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deprecation {
    /// Nothing.
    Unsaid,
    /// That it is not deprecated.
    Undone,
    /// Why it should not be used.
    Because(String),
}

/// Why a document cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

/// Reads a document. It takes milliseconds where it is long.
///
/// # Errors
/// What is wrong with it.
pub fn read(body: &[u8]) -> Result<Sent, Unreadable> {
    let text = str::from_utf8(body).map_err(|error| Unreadable(error.to_string()))?;
    let fields = Fields::of(text).map_err(|error| Unreadable(error.to_string()))?;
    let object = |name: &str| match fields.text(name) {
        None | Some("null") => Ok(None),
        Some(text) => match Fields::of(text) {
            Ok(object) => Ok(Some(object)),
            Err(_) => Err(Unreadable(format!("`{name}` is an object"))),
        },
    };
    Ok(Sent {
        revision: fields.string("_rev").map(Cow::into_owned),
        versions: object("versions")?.map(versions).transpose()?,
        tags: object("dist-tags")?.map(tags).transpose()?,
        owners: fields.text("maintainers").map(owners).transpose()?,
        stargazers: object("users")?.map(stargazers),
    })
}

fn versions(fields: Fields<'_>) -> Result<HashMap<String, Deprecation>, Unreadable> {
    let mut versions = HashMap::with_capacity(fields.0.len());
    for (version, manifest) in fields.0 {
        let manifest = Fields::of(manifest.get())
            .map_err(|_| Unreadable(format!("the version {version} is an object")))?;
        let deprecation = match manifest.text("deprecated") {
            None => Deprecation::Unsaid,
            Some("false" | "null" | "\"\"") => Deprecation::Undone,
            Some(text) => match string(text) {
                Some(reason) => Deprecation::Because(reason.into_owned()),
                None => return Err(Unreadable("`deprecated` is text".to_owned())),
            },
        };
        versions.insert(version.into_owned(), deprecation);
    }
    Ok(versions)
}

fn tags(fields: Fields<'_>) -> Result<Vec<(String, String)>, Unreadable> {
    let tags = fields.0.into_iter().map(|(tag, version)| {
        let version = string(version.get());
        let version = version.ok_or_else(|| Unreadable(format!("the tag {tag} is text")))?;
        Ok((tag.into_owned(), version.into_owned()))
    });
    tags.collect()
}

/// Owners are objects with a name; old clients send `name <address>`.
fn owners(text: &str) -> Result<Vec<String>, Unreadable> {
    let unreadable = || Unreadable("`maintainers` is a list of objects with names".to_owned());
    let list: Vec<&serde_json::value::RawValue> =
        serde_json::from_str(text).map_err(|_| unreadable())?;
    let name = |owner: &&serde_json::value::RawValue| {
        if let Some(text) = string(owner.get()) {
            let name = text.split('<').next().unwrap_or_default();
            return Some(name.trim().to_owned());
        }
        let fields = Fields::of(owner.get()).ok()?;
        fields.string("name").map(Cow::into_owned)
    };
    list.iter()
        .map(|owner| name(owner).ok_or_else(unreadable))
        .collect()
}

fn stargazers(fields: Fields<'_>) -> Vec<String> {
    let given = fields.0.into_iter();
    let given = given.filter(|(_, value)| !matches!(value.get(), "false" | "null"));
    given.map(|(name, _)| name.into_owned()).collect()
}

impl Sent {
    /// A version that the package does not have.
    pub fn unknown(&self, draft: &Draft) -> Option<&str> {
        let versions = self.versions.iter().flatten();
        let mut names: Vec<_> = versions.map(|(version, _)| &**version).collect();
        names.retain(|name| draft.live().all(|row| row.version != *name));
        names.into_iter().min()
    }

    /// Deprecates versions and takes that back; which of them.
    pub fn deprecate(&self, draft: &mut Draft) -> Vec<String> {
        let mut changed = Vec::new();
        for (version, deprecation) in self.versions.iter().flatten() {
            let row = draft.live().find(|row| row.version == *version);
            let Some(row) = row.and_then(|row| deprecated(row, deprecation)) else {
                continue;
            };
            draft.put_version(row);
            changed.push(version.clone());
        }
        changed.sort();
        changed
    }

    /// Takes away the versions that the document leaves out, and lets the tags follow; which.
    pub fn unpublish(&self, draft: &mut Draft) -> Vec<String> {
        let Some(versions) = &self.versions else {
            return Vec::new();
        };
        let missing = draft.live().map(|row| row.version.clone());
        let missing: Vec<_> = missing
            .filter(|version| !versions.contains_key(version))
            .collect();
        for version in &missing {
            draft.remove_version(version);
        }
        if let Some(tags) = &self.tags {
            for (tag, version) in tags {
                if draft.live().any(|row| row.version == *version) {
                    draft.put_tag(tag, version);
                }
            }
            let gone = draft.tags.iter().map(|tag| tag.tag.clone());
            let gone: Vec<_> = gone
                .filter(|tag| tags.iter().all(|(other, _)| other != tag))
                .collect();
            for tag in gone {
                draft.remove_tag(&tag);
            }
        }
        draft.settle();
        missing
    }
}

/// The row of a version after that; `None` where it stays as it is.
fn deprecated(row: &VersionRow, deprecation: &Deprecation) -> Option<VersionRow> {
    let manifest = Fields::of(row.manifest.as_deref()?).ok()?;
    let before = manifest.string("deprecated");
    let reason = match deprecation {
        Deprecation::Unsaid => return None,
        Deprecation::Undone if before.is_none() => return None,
        Deprecation::Because(reason) if before.as_deref() == Some(reason) => return None,
        Deprecation::Undone => None,
        Deprecation::Because(reason) => Some(reason),
    };
    let mut out = Vec::new();
    let mut writer = ObjectWriter::open(&mut out);
    for (name, value) in &manifest.0 {
        if name != "deprecated" {
            writer.json(name, value.get());
        }
    }
    if let Some(reason) = reason {
        writer.string("deprecated", reason);
    }
    writer.close();
    Some(VersionRow {
        manifest: String::from_utf8(out).ok(),
        ..row.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_for_what_it_can_change() {
        let body = br#"{"_id":"a","_rev":"3-x","versions":{"1.0.0":{"deprecated":"old"},
            "2.0.0":{},"3.0.0":{"deprecated":""}},"dist-tags":{"latest":"2.0.0"},
            "maintainers":[{"name":"anna","email":"a@x"},"bert <b@x>"],
            "users":{"anna":true,"carl":false},"readme":1}"#;
        let sent = read(body).unwrap();
        assert_eq!(sent.revision.as_deref(), Some("3-x"));
        let versions = sent.versions.unwrap();
        assert_eq!(versions["1.0.0"], Deprecation::Because("old".to_owned()));
        assert_eq!(versions["2.0.0"], Deprecation::Unsaid);
        assert_eq!(versions["3.0.0"], Deprecation::Undone);
        let tags = [("latest".to_owned(), "2.0.0".to_owned())];
        assert_eq!(sent.tags.as_deref(), Some(tags.as_slice()));
        assert_eq!(sent.owners.unwrap(), ["anna", "bert"]);
        assert_eq!(sent.stargazers.unwrap(), ["anna"]);
        assert_eq!(read(b"{}"), Ok(Sent::default()));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for body in [
            "",
            "[]",
            r#"{"versions":[]}"#,
            r#"{"versions":{"1.0.0":1}}"#,
            r#"{"versions":{"1.0.0":{"deprecated":{}}}}"#,
            r#"{"dist-tags":{"latest":1}}"#,
            r#"{"maintainers":{}}"#,
            r#"{"maintainers":[1]}"#,
            r#"{"users":"anna"}"#,
        ] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
    }
}
