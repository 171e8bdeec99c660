//! What an archive tells of a version.

use serde_json::value::RawValue;

/// What was found in the archive of a version, for its manifest and for the package's page.
#[derive(Clone, Debug, Default)]
pub struct Inspected {
    /// Whether something runs when it is installed: a `preinstall`, `install` or `postinstall`
    /// script, or a `binding.gyp` at its top, which npm builds where no script says otherwise.
    pub has_install_script: bool,
    /// Whether it has an `npm-shrinkwrap.json` at its top.
    pub has_shrinkwrap: bool,
    /// `bin` of its `package.json`.
    pub bin: Option<Box<RawValue>>,
    /// Files in it (`dist.fileCount`).
    pub files: u64,
    /// Their bytes (`dist.unpackedSize`).
    pub unpacked_bytes: u64,
    /// The README at its top: the file's name and the beginning of its text.
    pub readme: Option<Readme>,
}

/// A README.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readme {
    /// The file's name.
    pub file: String,
    /// Its text, cut where it is too long.
    pub text: String,
}
