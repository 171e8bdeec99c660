//! The two forms of a package's document: the full one, and the one that installing takes
//! (npm's `package-metadata`).

use std::borrow::Cow;
use std::collections::HashSet;

use super::fields;
use super::fields::{Fields, ObjectWriter, write_string};
use super::source::{Source, Version, unix_ms};
use crate::registry::name::PackageName;

/// The documents of a package, not yet compressed, and what they say of it.
#[derive(Debug)]
pub struct Built {
    /// The full form.
    pub full: Vec<u8>,
    /// The form that installing takes.
    pub abbreviated: Vec<u8>,
    /// Every version, those that are held back among them.
    pub versions: Vec<VersionLine>,
    /// The tags: name and version.
    pub tags: Vec<(String, String)>,
    /// What the document says of its last change; Unix milliseconds.
    pub modified_ms: Option<i64>,
}

/// What the store keeps of a version that is in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionLine {
    /// Its number.
    pub version: String,
    /// The last segment of its tarball's URL, which no other version of the package has.
    pub file: String,
    /// Where the source has the tarball.
    pub tarball_url: Option<String>,
    /// `dist.integrity`.
    pub integrity: Option<String>,
    /// `dist.shasum`.
    pub shasum: Option<String>,
    /// Unix milliseconds.
    pub published_at: Option<i64>,
    /// Why it should not be used, if it should not.
    pub deprecated: Option<String>,
    /// Whether it is held back: listed here, in no document.
    pub is_held: bool,
}

/// Makes both forms. The URLs of tarballs are `<base>/<name>/-/<file>`.
pub fn build(source: &Source<'_>, base: &str) -> Built {
    let sizes = source.versions.iter().map(|one| size_of(&one.manifest));
    let bytes: usize = sizes.sum();
    let mut writer = Writer {
        name: source.name,
        base,
        files: HashSet::with_capacity(source.versions.len()),
        lines: Vec::with_capacity(source.versions.len() + source.held.len()),
        full: Vec::with_capacity(bytes + source.versions.len() * 64 + 4096),
        abbreviated: Vec::with_capacity(bytes / 2),
    };
    writer.write(source);
    for version in &source.held {
        let dist = version.manifest.object("dist").unwrap_or_default();
        let file = writer.file_of(version, &dist);
        let line = writer.line(version, &dist, file, true);
        writer.lines.push(line);
    }
    let modified = source.times.iter().find(|(name, _)| name == "modified");
    let modified = modified.and_then(|(_, text)| fields::string(text));
    Built {
        full: writer.full,
        abbreviated: writer.abbreviated,
        versions: writer.lines,
        tags: source
            .tags
            .iter()
            .map(|(tag, version)| (tag.to_string(), version.to_string()))
            .collect(),
        modified_ms: modified.and_then(|text| unix_ms(&text)),
    }
}

struct Writer<'w> {
    name: &'w PackageName,
    base: &'w str,
    files: HashSet<String>,
    lines: Vec<VersionLine>,
    full: Vec<u8>,
    abbreviated: Vec<u8>,
}

impl Writer<'_> {
    fn write(&mut self, source: &Source<'_>) {
        let mut full = std::mem::take(&mut self.full);
        let mut abbreviated = std::mem::take(&mut self.abbreviated);
        let mut long = ObjectWriter::open(&mut full);
        let mut short = ObjectWriter::open(&mut abbreviated);
        long.string("_id", self.name.as_str());
        if let Some(revision) = &source.revision {
            long.string("_rev", revision);
        }
        let mut tags = Vec::new();
        write_pairs(&source.tags, &mut tags);
        for form in [&mut long, &mut short] {
            form.string("name", self.name.as_str());
            form.name("dist-tags").extend_from_slice(&tags);
        }
        self.versions(source, &mut long, &mut short);
        if !source.times.is_empty() {
            let mut times = Vec::new();
            let mut writer = ObjectWriter::open(&mut times);
            for (name, text) in &source.times {
                writer.json(name, text);
            }
            writer.close();
            for form in [&mut long, &mut short] {
                form.name("time").extend_from_slice(&times);
            }
        }
        let modified = source.times.iter().find(|(name, _)| name == "modified");
        let modified = modified.map(|(_, text)| text);
        // An upstream that keeps no times may still say this.
        let said = source.rest.iter().find(|(name, _)| name == "modified");
        if let Some(text) = modified.or(said.map(|(_, text)| text)) {
            short.json("modified", text);
        }
        for (name, text) in &source.rest {
            long.json(name, text);
        }
        long.close();
        short.close();
        (self.full, self.abbreviated) = (full, abbreviated);
    }

    fn versions(
        &mut self,
        source: &Source<'_>,
        long: &mut ObjectWriter<'_>,
        short: &mut ObjectWriter<'_>,
    ) {
        let mut long = ObjectWriter::open(long.name("versions"));
        let mut short = ObjectWriter::open(short.name("versions"));
        let mut dist_text = Vec::new();
        for version in &source.versions {
            let dist = version.manifest.object("dist").unwrap_or_default();
            let file = self.file_of(version, &dist);
            dist_text.clear();
            self.dist(version, &dist, &file, &mut dist_text);
            write_full(version, &dist_text, long.name(&version.version));
            write_abbreviated(version, &dist_text, short.name(&version.version));
            let line = self.line(version, &dist, file, false);
            self.lines.push(line);
        }
        long.close();
        short.close();
    }

    /// What the tarball is called here: as the source calls it, where that is a name of its own;
    /// otherwise as it is usual, where no other version goes by that.
    fn file_of(&mut self, version: &Version<'_>, dist: &Fields<'_>) -> String {
        let own = match version.row {
            Some(row) => Some(row.file.clone()),
            None => dist
                .string("tarball")
                .and_then(|url| file_of_url(&url).map(str::to_owned)),
        };
        let usual = || self.name.tarball(&version.version);
        let stem = format!("{}-{}", self.name.base(), version.version);
        // Another version may go by the usual name of this one.
        let others = (2..).map(|number| format!("{stem}.{number}.tgz"));
        let mut names = own
            .into_iter()
            .chain(std::iter::once_with(usual))
            .chain(others);
        let file = names.find(|file| !self.files.contains(file));
        let file = file.expect("there are more names than versions");
        self.files.insert(file.clone());
        file
    }

    fn dist(&self, version: &Version<'_>, dist: &Fields<'_>, file: &str, out: &mut Vec<u8>) {
        let mut writer = ObjectWriter::open(out);
        let row = version.row;
        if let Some(row) = row {
            let digests = [("integrity", &row.integrity), ("shasum", &row.shasum)];
            for (name, text) in digests {
                if let Some(text) = text {
                    writer.string(name, text);
                }
            }
        }
        for (name, value) in &dist.0 {
            let is_known = row.is_some() && matches!(&**name, "integrity" | "shasum");
            if name != "tarball" && !is_known {
                writer.json(name, value.get());
            }
        }
        let url = format!("{}/{}/-/{file}", self.base, self.name);
        writer.string("tarball", &url);
        writer.close();
    }

    fn line(
        &self,
        version: &Version<'_>,
        dist: &Fields<'_>,
        file: String,
        is_held: bool,
    ) -> VersionLine {
        let owned = |text: Cow<'_, str>| text.into_owned();
        let (integrity, shasum) = match version.row {
            Some(row) => (row.integrity.clone(), row.shasum.clone()),
            None => (
                dist.string("integrity").map(owned),
                dist.string("shasum").map(owned),
            ),
        };
        let deprecated = version.manifest.string("deprecated").map(owned);
        VersionLine {
            version: version.version.to_string(),
            file,
            tarball_url: dist.string("tarball").map(owned),
            integrity,
            shasum,
            published_at: version.published_at,
            deprecated: deprecated.filter(|text| !text.is_empty()),
            is_held,
        }
    }
}

fn write_full(version: &Version<'_>, dist: &[u8], out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out);
    let is_hosted = version.row.is_some();
    for (name, value) in &version.manifest.0 {
        let is_ours = is_hosted && OURS.contains(&&**name);
        if name != "dist" && !is_ours {
            writer.json(name, value.get());
        }
    }
    if let Some(publisher) = version.row.and_then(|row| row.publisher.as_deref()) {
        let mut user = ObjectWriter::open(writer.name("_npmUser"));
        user.string("name", publisher);
        // npm shows `<undefined>` where there is none, and nothing where it is empty.
        user.string("email", version.publisher_email);
        user.close();
    }
    writer.name("dist").extend_from_slice(dist);
    writer.close();
}

fn write_abbreviated(version: &Version<'_>, dist: &[u8], out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out);
    for (name, value) in &version.manifest.0 {
        if ABBREVIATED.contains(&&**name) {
            writer.json(name, value.get());
        }
    }
    if has_install_script(&version.manifest) {
        writer.json("hasInstallScript", "true");
    }
    writer.name("dist").extend_from_slice(dist);
    writer.close();
}

/// Whether installing the version runs something of it: npm's registry says so in the abbreviated
/// form only, from the scripts, or from the `binding.gyp` that npm notes as `gypfile`.
fn has_install_script(manifest: &Fields<'_>) -> bool {
    let is_said = |name| manifest.text(name) == Some("true");
    if is_said("hasInstallScript") || is_said("gypfile") {
        return true;
    }
    let scripts = manifest.object("scripts").unwrap_or_default();
    INSTALL_SCRIPTS
        .iter()
        .any(|name| scripts.string(name).is_some_and(|text| !text.is_empty()))
}

/// The last segment of a tarball's URL, if it can be that of ours as well.
fn file_of_url(url: &str) -> Option<&str> {
    let path = url.split(['?', '#']).next()?;
    let file = path.rsplit('/').next()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+~".contains(&byte);
    let is_file = file.ends_with(".tgz")
        && file.len() <= FILE_CHARACTERS_MAX
        && !file.starts_with('.')
        && file.bytes().all(is_plain);
    is_file.then_some(file)
}

fn write_pairs(pairs: &[(Cow<'_, str>, Cow<'_, str>)], out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out);
    for (name, text) in pairs {
        write_string(text, writer.name(name));
    }
    writer.close();
}

fn size_of(fields: &Fields<'_>) -> usize {
    let sizes = fields.0.iter();
    sizes
        .map(|(name, value)| name.len() + value.get().len() + 4)
        .sum()
}

/// The fields of a version that installing takes (npm's `package-metadata`, and what the registry
/// has added since).
const ABBREVIATED: &[&str] = &[
    "name",
    "version",
    "deprecated",
    "dependencies",
    "optionalDependencies",
    "devDependencies",
    "bundleDependencies",
    "bundledDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "acceptDependencies",
    "bin",
    "directories",
    "engines",
    "_hasShrinkwrap",
    "cpu",
    "os",
    "libc",
    "funding",
];

/// What the registry says of a hosted version, whatever its manifest says; its readme is told once,
/// with the package.
const OURS: [&str; 3] = ["_npmUser", "readme", "readmeFilename"];

const INSTALL_SCRIPTS: [&str; 3] = ["preinstall", "install", "postinstall"];

/// The longest name and version, and what is between and behind them.
const FILE_CHARACTERS_MAX: usize = 512;
