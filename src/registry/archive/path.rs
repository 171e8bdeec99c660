//! Where an entry of an archive would come to lie.

use super::fault::ArchiveFault;

/// A path of an entry, split where clients split it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct EntryPath<'p> {
    /// The folder that clients take away.
    pub(super) top: &'p str,
    /// What is left; empty for that folder itself.
    pub(super) below: &'p str,
}

impl<'p> EntryPath<'p> {
    /// Reads a path; a folder's may end with a slash.
    pub(super) fn parse(raw: &'p [u8]) -> Result<EntryPath<'p>, ArchiveFault> {
        let fault = |cause| ArchiveFault::Path {
            cause,
            path: shown(raw),
        };
        let text = str::from_utf8(raw).map_err(|_| fault("it is not UTF-8"))?;
        if text.len() > PATH_BYTES_MAX {
            return Err(fault("it is too long"));
        }
        if text.chars().any(char::is_control) {
            return Err(fault("it holds control characters"));
        }
        if text.contains('\\') {
            return Err(fault(
                "it holds a backslash, which separates folders on Windows",
            ));
        }
        if text.starts_with('/') {
            return Err(fault("it is absolute"));
        }
        let path = text.strip_suffix('/').unwrap_or(text);
        let (top, below) = path.split_once('/').unwrap_or((path, ""));
        // `tar czf x.tgz .` makes `.` the top folder, and clients take that away like any other.
        let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
        if top != "." && !is_plain(top) || !below.is_empty() && !below.split('/').all(is_plain) {
            return Err(fault("it has empty parts, `.` or `..`"));
        }
        if path.split('/').any(|part| part.contains(':')) {
            return Err(fault(
                "it holds a colon, which names a drive or a stream on Windows",
            ));
        }
        Ok(EntryPath { top, below })
    }
}

/// A path as an error tells it.
pub(super) fn shown(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(&raw[..raw.len().min(SHOWN_BYTES_MAX)]);
    text.chars()
        .map(|character| match character.is_control() {
            true => '\u{fffd}',
            false => character,
        })
        .collect()
}

/// Linux's bound.
const PATH_BYTES_MAX: usize = 4096;
const SHOWN_BYTES_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_folder_is_told_from_the_rest() {
        for (raw, top, below) in [
            ("package/package.json", "package", "package.json"),
            ("package/lib/a b.js", "package", "lib/a b.js"),
            ("./package.json", ".", "package.json"),
            ("package/", "package", ""),
            ("package", "package", ""),
            ("package/lib/", "package", "lib"),
            ("./", ".", ""),
            ("é/ü", "é", "ü"),
        ] {
            let path = EntryPath::parse(raw.as_bytes()).unwrap();
            assert_eq!(path, EntryPath { top, below }, "{raw}");
        }
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        let long = format!("package/{}", "a".repeat(4096));
        for raw in [
            "",
            "/etc/passwd",
            "..",
            "../x",
            "package/../x",
            "package/..",
            "package/./x",
            "package//x",
            "package/x//",
            "//",
            "package\\x",
            "package/..\\x",
            "C:/x",
            "package/a:stream",
            "package/a\0b",
            "package/a\nb",
            "package/a\u{7f}",
            &long,
        ] {
            assert!(EntryPath::parse(raw.as_bytes()).is_err(), "{raw:?}");
        }
        assert!(EntryPath::parse(b"package/\xff").is_err());
    }
}
