//! `thirteen publish`: packs a folder and publishes it as npm does.

mod files;
mod glob;
mod npmrc;
mod pack;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::client::{Client, Door, ServerFlag};
use super::failure::{Failure, Outcome};
use super::flags::SettingFlags;
use super::install::{headers, is_name, version};
use super::output::{Format, JsonFlag, columns, print, print_json};
use crate::limits::PUBLISH_README_BYTES_MAX;
use crate::settings::TOKEN_VARIABLE;
use files::Package;
use pack::Packed;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of the package
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// The tag of the version [default: that of publishConfig, or latest]
    #[arg(long)]
    tag: Option<String>,
    /// Who may read a scoped package [default: that of publishConfig]
    #[arg(long, value_enum)]
    access: Option<Access>,
    /// The token to publish with [default: THIRTEEN_TOKEN, or that of .npmrc]
    #[arg(long)]
    token: Option<String>,
    /// Pack and tell what would be published
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    server: ServerFlag,
    #[command(flatten)]
    json: JsonFlag,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Access {
    Public,
    Restricted,
}

pub(super) fn run(args: Args, flags: SettingFlags) -> Outcome {
    let folder = fs::canonicalize(&args.folder).map_err(|fault| {
        let folder = args.folder.display();
        Failure::Usage(format!("{folder}: {fault}; name the folder of a package"))
    })?;
    let mut package = files::read_package(&folder).map_err(Failure::Usage)?;
    let (name, version) = identity(&package)?;
    let tag = tag(args.tag.as_deref(), &package, &version)?;
    let access = access(args.access, &package, &name)?;
    let packed = pack::pack(&folder, &package).map_err(Failure::Failed)?;
    let format = args.json.format();
    if args.dry_run {
        return report(&name, &version, &tag, &packed, format);
    }
    let settings = flags.settings()?;
    let client = Client::find(args.server, &settings)?;
    let registry = client.url_of(Door::Registry)?;
    let given = args.token.or_else(|| env::var(TOKEN_VARIABLE).ok());
    let token = given
        .or_else(|| npmrc::token(&folder, registry))
        .ok_or_else(|| {
            Failure::Usage(format!(
                "there is no token for {registry}; give --token or THIRTEEN_TOKEN, or sign in with \
             `npm login --registry {registry}`"
            ))
        })?;
    complete(&mut package, &folder, &version)?;
    let document = document(&package, &name, &version, &tag, access, &packed, registry);
    let (_, mut lines) = headers::for_registry(&client, &settings)?;
    lines.push(("authorization".to_owned(), format!("Bearer {token}")));
    let path = format!("/{}", name.replace('/', "%2f"));
    client.publish(&path, &lines, &document)?;
    report(&name, &version, &tag, &packed, format)
}

fn identity(package: &Package) -> Result<(String, String), Failure> {
    let text = |key: &str| package.get(key).and_then(Value::as_str).map(str::trim);
    if package.get("private") == Some(&Value::Bool(true)) {
        let message =
            "the package is private; take `private` out of its package.json to publish it";
        return Err(Failure::Usage(message.to_owned()));
    }
    let name = text("name").filter(|name| is_name(name));
    let name = name.ok_or_else(|| {
        Failure::Usage("package.json has no valid `name`; give it one like @scope/name".to_owned())
    })?;
    let version = text("version").and_then(version).ok_or_else(|| {
        Failure::Usage("package.json has no valid `version`; give it one like 1.0.0".to_owned())
    })?;
    Ok((name.to_owned(), bare(&version.to_string())))
}

/// A version without its build, which npm leaves out.
fn bare(version: &str) -> String {
    let bare = version.split('+').next().unwrap_or(version);
    bare.to_owned()
}

fn setting<'p>(package: &'p Package, key: &str) -> Option<&'p str> {
    package.get("publishConfig")?.get(key)?.as_str()
}

/// As npm does: a prerelease becomes `latest` only by being told to.
fn tag(given: Option<&str>, package: &Package, number: &str) -> Result<String, Failure> {
    let tag = given.or_else(|| setting(package, "tag"));
    if tag.is_some_and(|tag| version(tag).is_some() || tag.is_empty()) {
        return Err(Failure::Usage(
            "a tag is no version; name it otherwise".to_owned(),
        ));
    }
    match tag {
        Some(tag) => Ok(tag.to_owned()),
        None if number.contains('-') => Err(Failure::Usage(format!(
            "{number} is a prerelease; name its tag, e.g. --tag next"
        ))),
        None => Ok("latest".to_owned()),
    }
}

fn access(
    given: Option<Access>,
    package: &Package,
    name: &str,
) -> Result<Option<&'static str>, Failure> {
    let access = match (given, setting(package, "access")) {
        (Some(access), _) => Some(access),
        (None, Some("public")) => Some(Access::Public),
        (None, Some("restricted")) => Some(Access::Restricted),
        (None, Some(other)) => {
            return Err(Failure::Usage(format!(
                "publishConfig.access is `{other}`; make it public or restricted"
            )));
        }
        (None, None) => None,
    };
    if access == Some(Access::Restricted) && !name.starts_with('@') {
        let message = "only a scoped package can be restricted; give it a name like @scope/name";
        return Err(Failure::Usage(message.to_owned()));
    }
    Ok(access.map(|access| match access {
        Access::Public => "public",
        Access::Restricted => "restricted",
    }))
}

/// What npm adds to the manifest: commands as an object, the text of the readme.
fn complete(package: &mut Package, folder: &Path, version: &str) -> Result<(), Failure> {
    package.insert("version".to_owned(), version.into());
    if let Some(Value::String(path)) = package.get("bin") {
        let name = package
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let command = name.rsplit('/').next().unwrap_or(name).to_owned();
        let bins = json!({ command: path.trim_start_matches("./") });
        package.insert("bin".to_owned(), bins);
    }
    if package.contains_key("readme") {
        return Ok(());
    }
    let entries = fs::read_dir(folder).map_err(|fault| Failure::Failed(fault.to_string()))?;
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let mut readmes: Vec<String> = names
        .filter(|name| {
            let lower = name.to_ascii_lowercase();
            lower == "readme" || lower.starts_with("readme.")
        })
        .collect();
    // The one in Markdown before others.
    readmes.sort_by_key(|name| (!name.to_ascii_lowercase().ends_with(".md"), name.clone()));
    let Some(name) = readmes.into_iter().next() else {
        return Ok(());
    };
    let Ok(mut text) = fs::read_to_string(folder.join(&name)) else {
        return Ok(());
    };
    let mut end = text.len().min(PUBLISH_README_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    package.insert("readme".to_owned(), text.into());
    package.insert("readmeFilename".to_owned(), name.into());
    Ok(())
}

fn document(
    package: &Package,
    name: &str,
    version: &str,
    tag: &str,
    access: Option<&str>,
    packed: &Packed,
    registry: &str,
) -> Value {
    let file = format!("{name}-{version}.tgz");
    let mut manifest = package.clone();
    manifest.insert("_id".to_owned(), format!("{name}@{version}").into());
    let dist = json!({
        "integrity": packed.integrity,
        "shasum": packed.shasum,
        "tarball": format!("{registry}/{name}/-/{file}"),
    });
    manifest.insert("dist".to_owned(), dist);
    let attachment = json!({
        "content_type": "application/octet-stream",
        "data": STANDARD.encode(&packed.archive),
        "length": packed.archive.len(),
    });
    let mut document = Map::new();
    document.insert("_id".to_owned(), name.into());
    document.insert("name".to_owned(), name.into());
    if let Some(description) = package.get("description") {
        document.insert("description".to_owned(), description.clone());
    }
    document.insert("dist-tags".to_owned(), json!({ tag: version }));
    document.insert("versions".to_owned(), json!({ version: manifest }));
    document.insert("access".to_owned(), json!(access));
    document.insert("_attachments".to_owned(), json!({ file: attachment }));
    Value::Object(document)
}

fn report(name: &str, version: &str, tag: &str, packed: &Packed, format: Format) -> Outcome {
    let unpacked: u64 = packed.files.iter().map(|file| file.size).sum();
    if format == Format::Json {
        return print_json(&json!({
            "id": format!("{name}@{version}"),
            "name": name,
            "version": version,
            "tag": tag,
            "size": packed.archive.len(),
            "unpackedSize": unpacked,
            "shasum": packed.shasum,
            "integrity": packed.integrity,
            "files": packed.files,
        }));
    }
    let rows = packed
        .files
        .iter()
        .map(|file| [file.size.to_string(), file.path.clone()]);
    let rows: Vec<[String; 2]> = rows.collect();
    let (size, count) = (packed.archive.len(), packed.files.len());
    print(&format!(
        "{}{count} files, {unpacked} bytes, packed {size}\nintegrity {}\n\
         + {name}@{version} ({tag})\n",
        columns(&rows),
        packed.integrity
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(value: Value) -> Package {
        let Value::Object(package) = value else {
            panic!("{value} is no object")
        };
        package
    }

    #[test]
    fn prereleases_ask_for_a_tag() {
        let plain = package(json!({}));
        let next = package(json!({ "publishConfig": { "tag": "next" } }));
        assert_eq!(tag(None, &plain, "1.0.0").unwrap(), "latest");
        assert_eq!(tag(None, &next, "1.0.0-rc.1").unwrap(), "next");
        assert_eq!(tag(Some("beta"), &next, "1.0.0-rc.1").unwrap(), "beta");
        assert!(tag(None, &plain, "1.0.0-rc.1").is_err());
        assert!(tag(Some("1.2.3"), &plain, "1.0.0").is_err());
    }

    #[test]
    fn what_cannot_be_published_is_said() {
        for value in [
            json!({ "name": "a", "version": "1.0.0", "private": true }),
            json!({ "name": "../a", "version": "1.0.0" }),
            json!({ "name": "a", "version": "1.0" }),
            json!({ "version": "1.0.0" }),
        ] {
            assert!(identity(&package(value)).is_err());
        }
        let good = package(json!({ "name": "a", "version": "v1.0.0+build" }));
        let good = identity(&good).unwrap();
        assert_eq!((&*good.0, &*good.1), ("a", "1.0.0"));
        assert!(access(Some(Access::Restricted), &Package::new(), "a").is_err());
        let scoped = access(Some(Access::Restricted), &Package::new(), "@s/a");
        assert_eq!(scoped.unwrap(), Some("restricted"));
    }
}
