//! What a dependency asks for, read as npm reads it (npm-package-arg).

use nodejs_semver::Version;

use crate::ranges::{self, Prereleases, Range};

/// What stands behind a name in `dependencies`, or behind the `@` on the command line.
#[derive(Debug, Clone)]
pub(super) enum Want {
    /// `*` or nothing: any version, a prerelease too, but the one of the tag `latest` before all.
    Any,
    /// A range.
    Range(Range),
    /// One version.
    Version(Version),
    /// A tag.
    Tag(String),
    /// `npm:name@want`: another package under this name.
    Alias { name: String, want: Box<Want> },
    /// What does not come from a registry (git, URLs, folders), and what npm refuses too.
    Unsupported(String),
}

impl Want {
    /// Reads what stands behind the name.
    pub(super) fn read(text: &str) -> Want {
        let text = text.trim();
        if let Some(alias) = strip_alias(text) {
            return read_alias(text, alias);
        }
        if text.is_empty() || text == "*" {
            return Want::Any;
        }
        if is_file(text) || text.contains([':', '/']) {
            return Want::Unsupported(text.to_owned());
        }
        if let Some(version) = version(text) {
            return Want::Version(version);
        }
        if let Some(range) = Range::parse(text, Prereleases::Named) {
            return Want::Range(range);
        }
        if text.chars().all(is_plain) {
            return Want::Tag(text.to_owned());
        }
        Want::Unsupported(text.to_owned())
    }

    /// The package that answers a dependency of this name.
    pub(super) fn package<'n>(&'n self, name: &'n str) -> &'n str {
        match self {
            Want::Alias { name, .. } => name,
            Want::Any | Want::Range(_) | Want::Version(_) | Want::Tag(_) | Want::Unsupported(_) => {
                name
            }
        }
    }

    /// What is asked of that package.
    pub(super) fn of_package(&self) -> &Want {
        match self {
            Want::Alias { want, .. } => want,
            Want::Any | Want::Range(_) | Want::Version(_) | Want::Tag(_) | Want::Unsupported(_) => {
                self
            }
        }
    }

    /// Whether a package of this version will do. That a tag names it is taken for granted of
    /// whatever came from the registry, as npm does.
    pub(super) fn takes(&self, found: Option<&Version>) -> bool {
        match (self, found) {
            (Want::Any, _) => true,
            (Want::Range(range), Some(version)) => range.holds(version, Prereleases::Named),
            (Want::Version(wanted), Some(version)) => wanted == version,
            (Want::Tag(_), found) => found.is_some(),
            (Want::Alias { want, .. }, found) => want.takes(found),
            (Want::Range(_) | Want::Version(_), None) | (Want::Unsupported(_), _) => false,
        }
    }
}

/// `name`, `name@want`, `@scope/name@want`, and `alias@npm:name@want`: the name and the rest.
pub(super) fn split(argument: &str) -> (&str, &str) {
    let from = usize::from(argument.starts_with('@'));
    match argument[from..].find('@') {
        Some(at) => (&argument[..from + at], &argument[from + at + 1..]),
        None => (argument, ""),
    }
}

/// A version as npm's loose reading has it: with `v` or `=` before it.
pub(in crate::cli) fn version(text: &str) -> Option<Version> {
    ranges::exact(text.trim())
}

fn strip_alias(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_at_checked(4)?;
    scheme.eq_ignore_ascii_case("npm:").then_some(rest)
}

fn read_alias(text: &str, alias: &str) -> Want {
    let (name, want) = split(alias);
    let want = Want::read(want);
    // npm refuses an alias of an alias, and one of something that is no package of a registry.
    if name.is_empty() || matches!(want, Want::Alias { .. } | Want::Unsupported(_)) {
        return Want::Unsupported(text.to_owned());
    }
    Want::Alias {
        name: name.to_owned(),
        want: Box::new(want),
    }
}

fn is_file(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    text.starts_with('.')
        || text.starts_with("~/")
        || [".tgz", ".tar.gz", ".tar"]
            .iter()
            .any(|end| lower.ends_with(end))
}

/// What `encodeURIComponent` leaves as it is.
fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-_.!~*'()".contains(character)
}

/// Whether a name can be that of a package, old ones with upper case among them: it becomes the
/// name of a folder.
pub(in crate::cli) fn is_name(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty() && !part.starts_with(['.', '_']) && part.chars().all(is_plain)
    };
    let fits = match name.strip_prefix('@') {
        Some(scoped) => scoped
            .split_once('/')
            // A scope may begin with what a name may not.
            .is_some_and(|(scope, name)| is_scope(scope) && part(name)),
        None => part(name),
    };
    let lower = name.to_ascii_lowercase();
    fits && name.len() <= 214 && lower != "node_modules" && lower != "favicon.ico"
}

fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope != "." && scope != ".." && scope.chars().all(is_plain)
}
