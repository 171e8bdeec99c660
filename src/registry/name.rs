//! What a package may be called (npm's rules for names: validate-npm-package-name).

use std::fmt;

/// The name of a package: `lodash` or `@scope/name`. At most 214 characters, and safe as a segment
/// of a URL and as the name of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageName {
    text: Box<str>,
    /// Where the part after the scope's slash begins; 0 without a scope.
    base_start: u8,
}

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameFault {
    /// It is empty, or a part of it is.
    Empty,
    /// It has more than 214 characters.
    Long,
    /// It, or the part after the scope, begins with `.`, `_` or `-`.
    Start,
    /// It holds what is not a lower-case letter, a digit, `-`, `_`, `.` or `~`.
    Character,
    /// It means something else where packages are used, such as `node_modules` or `__proto__`.
    Reserved,
}

impl NameFault {
    /// What is wrong, to follow the name.
    pub fn as_str(self) -> &'static str {
        match self {
            NameFault::Empty => "a name and each part of it has at least one character",
            NameFault::Long => "a name has at most 214 characters",
            NameFault::Start => "a name does not begin with `.`, `_` or `-`",
            NameFault::Character => {
                "a name has lower-case letters, digits, `-`, `_`, `.` and `~` only"
            }
            NameFault::Reserved => "the name is reserved",
        }
    }
}

impl fmt::Display for NameFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl PackageName {
    /// Reads a name that a package may be given.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str) -> Result<PackageName, NameFault> {
        let name = PackageName::parse_old(text)?;
        match name.strictness() {
            None => Ok(name),
            Some(fault) => Err(fault),
        }
    }

    /// Why no package may be given this name, where others have such names from before.
    pub fn strictness(&self) -> Option<NameFault> {
        let is_upper = |byte: u8| byte.is_ascii_uppercase();
        if self.base().starts_with(['-', '_']) {
            Some(NameFault::Start)
        } else if self.text.bytes().any(is_upper) {
            Some(NameFault::Character)
        } else {
            None
        }
    }

    /// Reads the name of a package that is there already: packages that others still depend on have
    /// names with capitals, or that begin with `-`, or with `_` after a scope.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse_old(text: &str) -> Result<PackageName, NameFault> {
        if text.len() > CHARACTERS_MAX {
            return Err(NameFault::Long);
        }
        let (scope, base) = match text.strip_prefix('@') {
            None => (None, text),
            Some(scoped) => {
                let (scope, base) = scoped.split_once('/').ok_or(NameFault::Empty)?;
                (Some(scope), base)
            }
        };
        if let Some(scope) = scope {
            check_part(scope, b"._-")?;
        }
        check_part(base, if scope.is_some() { b"." } else { b"._" })?;
        if RESERVED.contains(&text) {
            return Err(NameFault::Reserved);
        }
        let base_start = text.len() - base.len();
        Ok(PackageName {
            text: text.into(),
            base_start: u8::try_from(base_start).expect("a name has fewer than 256 characters"),
        })
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scope with its `@`, without the slash.
    pub fn scope(&self) -> Option<&str> {
        let end = usize::from(self.base_start).checked_sub(1)?;
        Some(&self.text[..end])
    }

    /// The name without its scope, which tarballs are called by.
    pub fn base(&self) -> &str {
        &self.text[usize::from(self.base_start)..]
    }

    /// What the tarball of a version is called: the last segment of its URL.
    pub fn tarball(&self, version: &str) -> String {
        format!("{}-{version}.tgz", self.base())
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

fn check_part(part: &str, not_first: &[u8]) -> Result<(), NameFault> {
    let first = part.bytes().next().ok_or(NameFault::Empty)?;
    if not_first.contains(&first) {
        return Err(NameFault::Start);
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    if !part.bytes().all(is_plain) {
        return Err(NameFault::Character);
    }
    Ok(())
}

/// npm's bound.
const CHARACTERS_MAX: usize = 214;
/// Names that a folder of packages, or an object by name, has for itself.
const RESERVED: [&str; 5] = [
    "node_modules",
    "favicon.ico",
    "constructor",
    "hasownproperty",
    "prototype",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_knows_its_parts() {
        let plain = PackageName::parse("lodash.merge").unwrap();
        assert_eq!((plain.scope(), plain.base()), (None, "lodash.merge"));
        assert_eq!(plain.tarball("1.0.0"), "lodash.merge-1.0.0.tgz");
        let scoped = PackageName::parse("@types/node").unwrap();
        assert_eq!((scoped.scope(), scoped.base()), (Some("@types"), "node"));
        assert_eq!(scoped.tarball("2.0.0-rc.1"), "node-2.0.0-rc.1.tgz");
        assert_eq!(scoped.to_string(), "@types/node");
    }

    #[test]
    fn what_is_no_name_is_refused_with_its_reason() {
        let long = "a".repeat(215);
        let cases = [
            ("", NameFault::Empty),
            ("@scope", NameFault::Empty),
            ("@/name", NameFault::Empty),
            ("@scope/", NameFault::Empty),
            (&*long, NameFault::Long),
            (".hidden", NameFault::Start),
            ("_private", NameFault::Start),
            ("-flag", NameFault::Start),
            ("__proto__", NameFault::Start),
            ("@scope/.x", NameFault::Start),
            ("@-scope/x", NameFault::Start),
            ("Upper", NameFault::Character),
            ("a b", NameFault::Character),
            ("a/b", NameFault::Character),
            ("@a/b/c", NameFault::Character),
            ("a\\b", NameFault::Character),
            ("é", NameFault::Character),
            ("a%2fb", NameFault::Character),
            ("a\0", NameFault::Character),
            ("node_modules", NameFault::Reserved),
            ("constructor", NameFault::Reserved),
        ];
        for (text, fault) in cases {
            assert_eq!(PackageName::parse(text), Err(fault), "{text:?}");
        }
        assert_eq!(
            PackageName::parse_old("JSONStream").unwrap().as_str(),
            "JSONStream"
        );
        for old in ["-", "-x", "@a/-x", "@a/_x", "JSON_x"] {
            assert_eq!(PackageName::parse_old(old).unwrap().as_str(), old);
            assert!(PackageName::parse(old).is_err(), "{old}");
        }
        for text in ["../x", "_x", "@_a/x", "__proto__", "@a/.x"] {
            assert_eq!(PackageName::parse_old(text), Err(NameFault::Start));
        }
        let longest = "a".repeat(214);
        for text in ["a", "0", "a.b", "a_b", "~a", "@1/2", &longest] {
            assert_eq!(PackageName::parse(text).unwrap().as_str(), text);
        }
    }
}
