//! What the `package.json` of an archive says.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::fault::ArchiveFault;
use crate::registry::name::PackageName;
use crate::registry::version;

/// The members that count here. One that stands there twice is refused, since readers differ in
/// which they take.
#[derive(Deserialize)]
pub(super) struct Manifest {
    name: Option<String>,
    version: Option<String>,
    scripts: Option<Value>,
    gypfile: Option<Value>,
    pub(super) bin: Option<Box<RawValue>>,
}

impl Manifest {
    pub(super) fn parse(text: &[u8]) -> Result<Manifest, ArchiveFault> {
        // npm's reader takes the mark away as well.
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        serde_json::from_slice(text).map_err(|error| ArchiveFault::Manifest(error.to_string()))
    }

    /// Holds it against the name and the version of the document. npm cleans a version before it
    /// writes the document, so ` v1.2.3+build` in the archive is `1.2.3` there.
    pub(super) fn check(&self, name: &PackageName, version: &str) -> Result<(), ArchiveFault> {
        let found = self.name.as_deref().unwrap_or_default();
        if found != name.as_str() {
            return Err(ArchiveFault::Other {
                member: "name",
                found: found.chars().take(SHOWN_CHARACTERS_MAX).collect(),
                expected: name.to_string(),
            });
        }
        let found = self.version.as_deref().unwrap_or_default();
        if version::clean(found).as_deref() != version::clean(version).as_deref() {
            return Err(ArchiveFault::Other {
                member: "version",
                found: found.chars().take(SHOWN_CHARACTERS_MAX).collect(),
                expected: version.to_owned(),
            });
        }
        Ok(())
    }

    /// Whether one of its scripts runs at the install.
    pub(super) fn has_install_script(&self) -> bool {
        let scripts = self.scripts.as_ref();
        let has = |name| {
            let script = scripts.and_then(|scripts| scripts.get(name));
            script
                .and_then(Value::as_str)
                .is_some_and(|text| !text.is_empty())
        };
        INSTALL_SCRIPTS.into_iter().any(has)
    }

    /// Whether a `binding.gyp` is built at the install.
    pub(super) fn builds_gyp(&self) -> bool {
        self.gypfile != Some(Value::Bool(false))
    }
}

const INSTALL_SCRIPTS: [&str; 3] = ["preinstall", "install", "postinstall"];
const SHOWN_CHARACTERS_MAX: usize = 214;
