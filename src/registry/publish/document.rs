//! What the body of a publish says, its tarball aside.

use serde_json::value::RawValue;

use super::decoder::PROVENANCE;
use super::fault::PublishFault;
use super::members::Members;
use crate::registry::name::PackageName;
use crate::registry::packages::rows::Visibility;
use crate::registry::tags::rules::check_tag;
use crate::registry::version;

/// A document that publishes one version, and agrees with itself.
#[derive(Debug)]
pub struct Document {
    /// The version.
    pub version: String,
    /// Its manifest.
    pub manifest: Box<RawValue>,
    /// The tags that are to point to it.
    pub tags: Vec<String>,
    /// Who may read the package, where it says so.
    pub access: Option<Visibility>,
    /// The README of the document or else of the manifest.
    pub readme: Option<String>,
    /// Its other members.
    pub members: Vec<(String, Box<RawValue>)>,
    /// `dist.integrity` of the manifest.
    pub integrity: Option<String>,
    /// `dist.shasum` of the manifest.
    pub shasum: Option<String>,
    /// `length` of the attachment.
    pub length: Option<u64>,
}

/// What the attachments of a body are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attached {
    /// There are none: the body is a change of the document.
    Nothing,
    /// There is something.
    Something,
}

impl Document {
    /// Whether a body has attachments.
    ///
    /// # Errors
    /// The body is no JSON object.
    pub fn attached(body: &[u8]) -> Result<Attached, PublishFault> {
        let root = Members::parse("", text_of(body)?)?;
        let attachments = root.object("", "_attachments")?;
        match attachments.is_some_and(|attachments| attachments.len() > 0) {
            true => Ok(Attached::Something),
            false => Ok(Attached::Nothing),
        }
    }

    /// Reads a body that publishes a version of `name`; `tarball` is the attachment whose text was
    /// decoded.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(
        body: &[u8],
        name: &PackageName,
        tarball: Option<&str>,
    ) -> Result<Document, PublishFault> {
        let root = Members::parse("", text_of(body)?)?;
        for (place, member) in [("_id", "_id"), ("name", "name")] {
            require(root.text("", member)?, place, name.as_str())?;
        }
        if root.value("name").is_none() {
            return Err(PublishFault::Missing("`name`"));
        }
        let length = length_of(&root, tarball)?;
        let versions = root.object("", "versions")?;
        let versions = versions.ok_or(PublishFault::Missing("version"))?;
        let mut all = versions.iter();
        let (version, manifest) = match (all.next(), all.next()) {
            (None, _) => return Err(PublishFault::Missing("version")),
            (Some(_), Some(_)) => return Err(expected("versions", "an object of one version")),
            (Some(one), None) => one,
        };
        if version::clean(version).as_deref() != Some(version) {
            return Err(expected(
                "versions",
                "by versions as semver writes them, without a build",
            ));
        }
        let place = format!("versions/{version}");
        let described = Members::parse(&place, manifest.get())?;
        require(
            described.text(&place, "name")?,
            &format!("{place}/name"),
            name.as_str(),
        )?;
        require(
            described.text(&place, "version")?,
            &format!("{place}/version"),
            version,
        )?;
        let id = format!("{name}@{version}");
        require(described.text(&place, "_id")?, &format!("{place}/_id"), &id)?;
        if described.value("name").is_none() || described.value("version").is_none() {
            return Err(expected(&place, "a manifest with `name` and `version`"));
        }
        let dist = described.object(&place, "dist")?;
        let of_dist = |member| match &dist {
            None => Ok(None),
            Some(dist) => dist.text(&format!("{place}/dist"), member),
        };
        Ok(Document {
            version: version.to_owned(),
            manifest: manifest.to_owned(),
            tags: tags_of(&root, version)?,
            access: access_of(&root)?,
            // A README that is no text says nothing; npm has sent objects there.
            readme: root.text("", "readme").ok().flatten().or_else(|| {
                let readme = described.text(&place, "readme");
                readme.ok().flatten()
            }),
            members: others(&root),
            integrity: of_dist("integrity")?,
            shasum: of_dist("shasum")?,
            length,
        })
    }
}

fn text_of(body: &[u8]) -> Result<&str, PublishFault> {
    str::from_utf8(body).map_err(|_| PublishFault::Malformed("it is not UTF-8".to_owned()))
}

/// Holds a member, where it is there, to what it has to be.
fn require(found: Option<String>, place: &str, wanted: &str) -> Result<(), PublishFault> {
    match found {
        Some(found) if found != wanted => Err(expected(place, &format!("`{wanted}`"))),
        Some(_) | None => Ok(()),
    }
}

fn expected(place: &str, what: &str) -> PublishFault {
    PublishFault::Member {
        place: place.to_owned(),
        expected: what.to_owned(),
    }
}

/// Checks the attachments: one tarball, whose text was decoded, and beside it a bundle of
/// provenance at most. The bundle is not kept: it says who built the tarball, which counts for
/// nothing unless it is verified against Sigstore's roots, and a registry that shows it would vouch
/// for it.
fn length_of(root: &Members<'_>, tarball: Option<&str>) -> Result<Option<u64>, PublishFault> {
    let attachments = root.object("", "_attachments")?;
    let attachments = attachments.ok_or(PublishFault::Missing("tarball"))?;
    let mut length = None;
    for (name, value) in attachments.iter() {
        let place = format!("_attachments/{name}");
        let attachment = Members::parse(&place, value.get())?;
        let data = attachment.text(&place, "data")?;
        if name.ends_with(PROVENANCE) {
            let bundle = data.unwrap_or_default();
            let read: Result<serde::de::IgnoredAny, _> = serde_json::from_str(&bundle);
            read.map_err(|_| expected(&format!("{place}/data"), "a text of JSON"))?;
            continue;
        }
        if tarball != Some(name) || data.as_deref() != Some("") {
            return Err(PublishFault::Unread(name.to_owned()));
        }
        if let Some(value) = attachment.value("length") {
            let number = serde_json::from_str(value.get());
            length = Some(number.map_err(|_| expected(&format!("{place}/length"), "a number"))?);
        }
    }
    match tarball {
        Some(_) => Ok(length),
        None => Err(PublishFault::Missing("tarball")),
    }
}

/// The tags; `latest` where none is named.
fn tags_of(root: &Members<'_>, version: &str) -> Result<Vec<String>, PublishFault> {
    let Some(tags) = root.object("", "dist-tags")?.filter(|tags| tags.len() > 0) else {
        return Ok(vec!["latest".to_owned()]);
    };
    let mut names = Vec::with_capacity(tags.len());
    for (tag, _) in tags.iter() {
        let place = format!("dist-tags/{tag}");
        let target = tags.text("dist-tags", tag)?;
        if target.as_deref() != Some(version) {
            return Err(expected(&place, &format!("`{version}`")));
        }
        check_tag(tag).map_err(|fault| {
            let cause = fault.as_str().trim_end_matches('.');
            expected(&place, &format!("a tag: {cause}"))
        })?;
        names.push(tag.to_owned());
    }
    Ok(names)
}

fn access_of(root: &Members<'_>) -> Result<Option<Visibility>, PublishFault> {
    let Some(access) = root.text("", "access")? else {
        return Ok(None);
    };
    match Visibility::parse(&access) {
        Some(access) => Ok(Some(access)),
        None => Err(expected("access", "`public`, `restricted` or null")),
    }
}

fn others(root: &Members<'_>) -> Vec<(String, Box<RawValue>)> {
    root.iter()
        .filter(|(name, _)| !OURS.contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// What the registry itself says of a package.
const OURS: [&str; 11] = [
    "_id",
    "_rev",
    "name",
    "versions",
    "dist-tags",
    "time",
    "access",
    "users",
    "maintainers",
    "readme",
    "_attachments",
];
