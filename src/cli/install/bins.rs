//! The commands of packages in `node_modules/.bin` (bin-links, npm-normalize-package-bin).

use std::collections::HashSet;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// Links the commands of the package at `folder`, whose node_modules is `modules`. Of two commands
/// of one name the first stays.
///
/// # Errors
/// What the disk says.
pub(super) fn link(
    modules: &Path,
    folder: &Path,
    mode: u32,
    linked: &mut HashSet<PathBuf>,
) -> io::Result<()> {
    let Some(package) = read_package(folder)? else {
        return Ok(());
    };
    let commands = modules.join(".bin");
    for (name, path) in bins(&package, folder) {
        let target = folder.join(&path);
        let place = commands.join(name);
        // To npm a name is taken also by a command that turns out not to be there.
        if !linked.insert(place.clone()) {
            continue;
        }
        match fs::symlink_metadata(&target) {
            Ok(about) if about.is_file() => {}
            // npm leaves out what is not there.
            Ok(_) => continue,
            Err(fault) if is_absent(&fault) => continue,
            Err(fault) => return Err(fault),
        }
        fs::set_permissions(&target, Permissions::from_mode(mode))?;
        fs::create_dir_all(&commands)?;
        match symlink(relative(&commands, &target), &place) {
            Err(fault) if fault.kind() == ErrorKind::AlreadyExists => {
                fs::remove_file(&place)?;
                symlink(relative(&commands, &target), &place)?;
            }
            other => other?,
        }
        mend_hashbang(&target)?;
    }
    Ok(())
}

fn is_absent(fault: &io::Error) -> bool {
    matches!(fault.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn read_package(folder: &Path) -> io::Result<Option<Map<String, Value>>> {
    let bytes = match fs::read(folder.join("package.json")) {
        Ok(bytes) => bytes,
        Err(fault) if is_absent(&fault) => return Ok(None),
        Err(fault) => return Err(fault),
    };
    // The archive is as it is; one that has no readable package.json has no commands.
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    Ok(serde_json::from_slice(text).ok())
}

/// Names of commands and what they run, from `bin`, else from the folder of `directories.bin`.
fn bins(package: &Map<String, Value>, folder: &Path) -> Vec<(String, PathBuf)> {
    let name = package.get("name").and_then(Value::as_str);
    let named: Vec<(String, String)> = match package.get("bin") {
        Some(Value::String(path)) => {
            let name = name.map(|name| (name.to_owned(), path.clone()));
            name.into_iter().collect()
        }
        Some(Value::Array(paths)) => {
            let paths = paths.iter().filter_map(Value::as_str);
            paths
                .map(|path| (path.to_owned(), path.to_owned()))
                .collect()
        }
        Some(Value::Object(map)) => {
            let texts = map
                .iter()
                .filter_map(|(name, path)| Some((name, path.as_str()?)));
            texts
                .map(|(name, path)| (name.clone(), path.to_owned()))
                .collect()
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_)) | None => {
            let folder_named = package.get("directories").and_then(|all| all.get("bin"));
            match folder_named.and_then(Value::as_str) {
                Some(path) => files_in(folder, path),
                None => Vec::new(),
            }
        }
    };
    let clean = named.into_iter().filter_map(|(name, path)| {
        let name = name.replace(['\\', ':'], "/");
        let name = name.rsplit('/').find(|part| !part.is_empty())?;
        let path = normal(&path.replace('\\', "/"));
        let fits = name != "." && name != ".." && !path.as_os_str().is_empty();
        fits.then(|| (name.to_owned(), path))
    });
    clean.collect()
}

fn files_in(folder: &Path, path: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut left = vec![normal(path)];
    while let Some(inside) = left.pop() {
        let Ok(entries) = fs::read_dir(folder.join(&inside)) else {
            continue;
        };
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let path = inside.join(&name);
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => left.push(path),
                Ok(_) if !name.starts_with('.') => {
                    files.push((name, path.to_string_lossy().into_owned()));
                }
                Ok(_) | Err(_) => {}
            }
        }
    }
    files.sort();
    files
}

/// The path from the package's folder on, which `..` does not leave.
fn normal(path: &str) -> PathBuf {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.iter().collect()
}

/// The way from a folder to a place, both absolute.
pub(super) fn relative(from: &Path, to: &Path) -> PathBuf {
    let mut from = from.components().peekable();
    let mut to = to.components().peekable();
    while let (Some(a), Some(b)) = (from.peek(), to.peek())
        && a == b
    {
        from.next();
        to.next();
    }
    let up = from.map(|_| std::path::Component::ParentDir);
    up.chain(to).collect()
}

/// A first line that ends as on Windows names an interpreter that is nowhere.
fn mend_hashbang(path: &Path) -> io::Result<()> {
    let mut start = Vec::new();
    File::open(path)?.take(2048).read_to_end(&mut start)?;
    let line_bytes = start.iter().position(|byte| *byte == b'\n');
    let Some(line_bytes) = line_bytes.filter(|bytes| *bytes > 3) else {
        return Ok(());
    };
    if !start.starts_with(b"#!") || start[line_bytes - 1] != b'\r' {
        return Ok(());
    }
    let content = fs::read(path)?;
    let mut mended = content[..line_bytes - 1].to_vec();
    mended.extend_from_slice(&content[line_bytes..]);
    fs::write(path, mended)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn commands_stay_in_their_folder() {
        let named = |package: Value| {
            let Value::Object(package) = package else {
                panic!("an object")
            };
            let bins = bins(&package, Path::new("/nowhere"));
            let shown = |(name, path): (String, PathBuf)| (name, path.display().to_string());
            bins.into_iter().map(shown).collect::<Vec<_>>()
        };
        let pair = |name: &str, path: &str| (name.to_owned(), path.to_owned());
        assert_eq!(
            named(json!({ "name": "@s/tool", "bin": "./cli.js" })),
            [pair("tool", "cli.js")]
        );
        assert_eq!(
            named(
                json!({ "bin": { "../../evil": "../../../etc/x", "b": 7, "..": "a", "c": "/" } })
            ),
            [pair("evil", "etc/x")]
        );
        assert_eq!(
            named(json!({ "bin": ["bin/one", "bin/two"] })),
            [pair("one", "bin/one"), pair("two", "bin/two")]
        );
        assert_eq!(named(json!({ "name": "x" })), []);
    }

    #[test]
    fn ways_between_folders() {
        for (from, to, expected) in [
            ("/a/.bin", "/a/tool/cli.js", "../tool/cli.js"),
            ("/a/.bin", "/a/@s/tool/cli.js", "../@s/tool/cli.js"),
            ("/a/b/node_modules", "/a", "../.."),
        ] {
            let way = relative(Path::new(from), Path::new(to));
            assert_eq!(way, Path::new(expected));
        }
    }
}
