//! Which files of a folder are published (npm-packlist and ignore-walk, whose rules these are).

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::glob::{Extent, Rule};

/// A package.json.
pub(super) type Package = Map<String, Value>;

/// The paths below a package's folder that are packed, in the order in which npm packs them.
///
/// # Errors
/// One line.
pub(super) fn list(folder: &Path, package: &Package) -> Result<Vec<String>, String> {
    let mut found = BTreeSet::new();
    let mut seen = HashSet::new();
    seen.insert(folder.to_owned());
    walk_package(folder, package, Owner::Project, &mut found)?;
    let dependencies = names(package, "dependencies").chain(names(package, "optionalDependencies"));
    let dependencies: HashSet<String> = dependencies.collect();
    let bundled = bundle(package, &dependencies);
    let bundled = bundled.filter(|name| dependencies.contains(name));
    for name in bundled.collect::<Vec<_>>() {
        add_bundled(folder, folder, &name, &mut seen, &mut found)?;
    }
    let mut found: Vec<String> = found.into_iter().collect();
    found.sort_by_cached_key(|path| {
        let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
        let extension = name
            .rfind('.')
            .filter(|at| *at > 0)
            .map(|at| name[at..].to_owned());
        (extension.unwrap_or_default(), name, path.clone())
    });
    Ok(found)
}

fn names(package: &Package, key: &str) -> impl Iterator<Item = String> {
    let names = package.get(key).and_then(Value::as_object);
    names.into_iter().flatten().map(|(name, _)| name.clone())
}

fn bundle<'p>(
    package: &'p Package,
    dependencies: &'p HashSet<String>,
) -> impl Iterator<Item = String> + 'p {
    let value = package
        .get("bundleDependencies")
        .or_else(|| package.get("bundledDependencies"));
    let all = matches!(value, Some(Value::Bool(true)));
    let listed = value.and_then(Value::as_array).into_iter().flatten();
    let listed = listed.filter_map(Value::as_str).map(str::to_owned);
    listed.chain(dependencies.iter().filter(move |_| all).cloned())
}

/// Adds a package of node_modules and what it needs.
fn add_bundled(
    root: &Path,
    from: &Path,
    name: &str,
    seen: &mut HashSet<PathBuf>,
    found: &mut BTreeSet<String>,
) -> Result<(), String> {
    let above = from.ancestors().take_while(|path| path.starts_with(root));
    let mut places = above.map(|path| path.join("node_modules").join(name));
    // One that is not installed cannot be packed; npm passes over it.
    let Some(place) = places.find(|place| place.join("package.json").is_file()) else {
        return Ok(());
    };
    if !seen.insert(place.clone()) {
        return Ok(());
    }
    let package = read_package(&place)?;
    let owner = if place.is_symlink() {
        Owner::Project
    } else {
        Owner::Bundle
    };
    let mut inner = BTreeSet::new();
    walk_package(&place, &package, owner, &mut inner)?;
    let prefix = place.strip_prefix(root).unwrap_or(&place);
    let prefix = prefix.to_string_lossy();
    found.extend(inner.into_iter().map(|path| format!("{prefix}/{path}")));
    let needed = names(&package, "dependencies").chain(names(&package, "optionalDependencies"));
    for name in needed {
        add_bundled(root, &place, &name, seen, found)?;
    }
    Ok(())
}

/// The package.json of a folder.
///
/// # Errors
/// One line.
pub(super) fn read_package(folder: &Path) -> Result<Package, String> {
    let path = folder.join("package.json");
    let bytes = fs::read(&path).map_err(|fault| at(&path, &fault))?;
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    serde_json::from_slice(text).map_err(|fault| format!("{}: {fault}", path.display()))
}

fn at(path: &Path, fault: &io::Error) -> String {
    format!("{}: {fault}", path.display())
}

/// Whose folder is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// The package that is published, or one that is linked into it.
    Project,
    /// A package in its node_modules, whose own lists of files do not count.
    Bundle,
}

/// A folder with its rules.
struct Walker<'w> {
    parent: Option<&'w Walker<'w>>,
    path: PathBuf,
    name: String,
    /// Whether the folder itself was let in, or only something in it.
    exact: bool,
    /// In the order in which they are applied.
    rules: Vec<Rule>,
    /// Files that must be packed, from this folder on.
    required: Vec<String>,
}

fn walk_package(
    folder: &Path,
    package: &Package,
    owner: Owner,
    found: &mut BTreeSet<String>,
) -> Result<(), String> {
    let (listed, strict, required) = rules_of(folder, package);
    let mut lines: Vec<String> = Vec::new();
    let has_list = listed.is_some();
    if owner == Owner::Project {
        lines.extend(DEFAULTS.iter().map(|line| (*line).to_owned()));
    }
    lines.extend(listed.unwrap_or_default());
    // A list in package.json stands for the files.
    if owner == Owner::Project && !has_list {
        lines.extend(ignore_file(folder)?);
    }
    lines.extend(strict);
    let walker = Walker {
        parent: None,
        path: folder.to_owned(),
        name: String::new(),
        exact: false,
        rules: rules(&lines)?,
        required,
    };
    walker.walk("", found)
}

/// The rules of `files`, those that cannot be overridden, and files that must be there.
fn rules_of(folder: &Path, package: &Package) -> (Option<Vec<String>>, Vec<String>, Vec<String>) {
    let mut strict: Vec<String> = STRICT.iter().map(|line| (*line).to_owned()).collect();
    let mut required = Vec::new();
    let listed = package.get("files").and_then(Value::as_array).map(|files| {
        let mut lines = vec!["*".to_owned()];
        for file in files.iter().filter_map(Value::as_str) {
            let mut file = file
                .strip_prefix('.')
                .filter(|rest| rest.starts_with('/'))
                .unwrap_or(file)
                .to_owned();
            if file.ends_with("/*") {
                file.push('*');
            }
            let inverse = format!("!{file}");
            let bare = file.trim_start_matches('!').trim_start_matches('/');
            match fs::symlink_metadata(folder.join(bare)) {
                Ok(about) if about.is_file() => {
                    strict.insert(0, inverse);
                    required.push(file.trim_start_matches('/').to_owned());
                }
                Ok(about) if about.is_dir() => {
                    lines.push(inverse.clone());
                    lines.push(format!("{inverse}/**"));
                }
                Ok(_) => {}
                Err(_) => lines.push(inverse),
            }
        }
        lines
    });
    for key in ["browser", "main"] {
        if let Some(path) = package
            .get(key)
            .and_then(Value::as_str)
            .filter(|path| !path.is_empty())
        {
            strict.push(format!("!/{path}"));
        }
    }
    strict.extend(bins(package).iter().map(|path| format!("!/{path}")));
    (listed, strict, required)
}

/// The files behind a package's commands.
pub(super) fn bins(package: &Package) -> Vec<String> {
    let paths: Vec<&str> = match package.get("bin") {
        Some(Value::String(path)) => vec![path],
        Some(Value::Object(bins)) => bins.values().filter_map(Value::as_str).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) | None => {
            Vec::new()
        }
    };
    let clean = paths.into_iter().map(|path| {
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
        parts.join("/")
    });
    clean.filter(|path| !path.is_empty()).collect()
}

/// The lines of .npmignore, or for want of it of .gitignore.
fn ignore_file(folder: &Path) -> Result<Vec<String>, String> {
    for name in [".npmignore", ".gitignore"] {
        let path = folder.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => return Ok(text.lines().map(str::to_owned).collect()),
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => {}
            Err(fault) => return Err(at(&path, &fault)),
        }
    }
    Ok(Vec::new())
}

fn rules(lines: &[String]) -> Result<Vec<Rule>, String> {
    let lines = lines.iter().map(|line| line.trim());
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(Rule::parse).collect()
}

impl Walker<'_> {
    fn walk(&self, prefix: &str, found: &mut BTreeSet<String>) -> Result<(), String> {
        let entries = fs::read_dir(&self.path).map_err(|fault| at(&self.path, &fault))?;
        for entry in entries {
            let entry = entry.map_err(|fault| at(&self.path, &fault))?;
            let Ok(name) = entry.file_name().into_string() else {
                return Err(format!("{} is no UTF-8", entry.path().display()));
            };
            let (file, folder) = (
                self.lets_in(&name, Extent::Whole, None),
                self.lets_in(&name, Extent::Partial, None),
            );
            // npm packs no name that Windows could not have.
            if !(file || folder) || name.contains('*') {
                continue;
            }
            let kind = entry
                .file_type()
                .map_err(|fault| at(&entry.path(), &fault))?;
            if kind.is_dir() && folder {
                let exact = file || self.lets_in(&format!("{name}/"), Extent::Whole, None);
                let inner = format!("{prefix}{name}/");
                self.below(&name, exact)?.walk(&inner, found)?;
            } else if kind.is_file() && file {
                found.insert(format!("{prefix}{name}"));
            }
        }
        Ok(())
    }

    fn below(&self, name: &str, exact: bool) -> Result<Walker<'_>, String> {
        let path = self.path.join(name);
        let within = |file: &String| {
            let (folder, rest) = file.rsplit_once('/')?;
            (folder == name).then(|| rest.to_owned())
        };
        let required: Vec<String> = self.required.iter().filter_map(within).collect();
        let mut lines: Vec<String> = DEFAULTS.iter().map(|line| (*line).to_owned()).collect();
        lines.extend(ignore_file(&path)?);
        lines.push("/.git".to_owned());
        lines.extend(required.iter().map(|file| format!("!{file}")));
        Ok(Walker {
            parent: Some(self),
            path,
            name: name.to_owned(),
            exact,
            rules: rules(&lines)?,
            required,
        })
    }

    /// Whether the rules from the top down to this folder let a path in. A folder that may hold
    /// something is asked about by `Partial`.
    fn lets_in(&self, entry: &str, extent: Extent, base: Option<&str>) -> bool {
        let mut included = true;
        if let Some(parent) = self.parent {
            let seen = format!("{}/{entry}", self.name);
            included = parent.lets_in(&seen, extent, Some(base.unwrap_or(entry)));
            if !included && !self.exact {
                return false;
            }
        }
        for rule in &self.rules {
            if rule.negates != included && is_met(rule, entry, extent, base) {
                included = rule.negates;
            }
        }
        included
    }
}

fn is_met(rule: &Rule, entry: &str, extent: Extent, base: Option<&str>) -> bool {
    let whole = |path: &str| rule.matches(path, Extent::Whole);
    let partly = |path: &str| rule.negates && rule.matches(path, Extent::Partial);
    let rooted = format!("/{entry}");
    if whole(&rooted) || whole(entry) {
        return true;
    }
    if extent == Extent::Whole {
        return false;
    }
    let as_folder = |path: &str| whole(&format!("/{path}/")) || whole(&format!("{path}/"));
    let begins = |path: &str| partly(&format!("/{path}")) || partly(path);
    let of_name = base.filter(|_| rule.is_about_names());
    as_folder(entry) || begins(entry) || of_name.is_some_and(|base| as_folder(base) || begins(base))
}

/// What is never wanted, in any folder.
const DEFAULTS: [&str; 22] = [
    ".npmignore",
    ".gitignore",
    "**/.git",
    "**/.svn",
    "**/.hg",
    "**/CVS",
    "**/.git/**",
    "**/.svn/**",
    "**/.hg/**",
    "**/CVS/**",
    "/.lock-wscript",
    "/.wafpickle-*",
    "/build/config.gypi",
    "npm-debug.log",
    "**/.npmrc",
    ".*.swp",
    ".DS_Store",
    "**/.DS_Store/**",
    "._*",
    "**/._*/**",
    "*.orig",
    "/archived-packages/**",
];

/// What no list changes.
const STRICT: [&str; 13] = [
    "/.git",
    "!/package.json",
    "!/readme{,.*[^~$]}",
    "!/copying{,.*[^~$]}",
    "!/license{,.*[^~$]}",
    "!/licence{,.*[^~$]}",
    "/.git",
    "/node_modules",
    ".npmrc",
    "/package-lock.json",
    "/yarn.lock",
    "/pnpm-lock.yaml",
    "/bun.lockb",
];
