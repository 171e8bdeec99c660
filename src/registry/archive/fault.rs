//! Why an archive is refused.

use std::fmt;
use std::io;

/// Why an archive is refused.
#[derive(Debug)]
pub enum ArchiveFault {
    /// It is no gzip, or one that is cut off or damaged.
    Gzip,
    /// Something follows the end of the gzip.
    AfterGzip,
    /// It is no tar, or a damaged one.
    Tar(&'static str),
    /// Something follows the end of the tar.
    AfterTar,
    /// It ends inside of an entry.
    Truncated,
    /// A path that would lead elsewhere, or that clients read in different ways.
    Path {
        /// What is wrong.
        cause: &'static str,
        /// The path, with what cannot be shown replaced.
        path: String,
    },
    /// A link, which npm never packs.
    Link {
        /// Its path.
        path: String,
    },
    /// A device or something else that is no file.
    Kind {
        /// Its path.
        path: String,
    },
    /// Too many entries.
    Entries,
    /// It unpacks to too much.
    Unpacked,
    /// It unpacks to too many times its size.
    Ratio,
    /// There is no `package.json` at its top.
    NoManifest,
    /// There are two.
    TwoManifests,
    /// Its `package.json` is no JSON object as it should be.
    Manifest(String),
    /// Its `package.json` has another name or version than the document.
    Other {
        /// `name` or `version`.
        member: &'static str,
        /// What it has.
        found: String,
        /// What the document has.
        expected: String,
    },
    /// The system refused.
    System(io::Error),
}

impl ArchiveFault {
    /// The status of the reply. npm's registry answers 415 to links and devices.
    pub fn status(&self) -> u16 {
        match self {
            ArchiveFault::Link { .. } | ArchiveFault::Kind { .. } => 415,
            ArchiveFault::Entries | ArchiveFault::Unpacked | ArchiveFault::Ratio => 413,
            ArchiveFault::System(_) => 503,
            ArchiveFault::Gzip
            | ArchiveFault::AfterGzip
            | ArchiveFault::Tar(_)
            | ArchiveFault::AfterTar
            | ArchiveFault::Truncated
            | ArchiveFault::Path { .. }
            | ArchiveFault::NoManifest
            | ArchiveFault::TwoManifests
            | ArchiveFault::Manifest(_)
            | ArchiveFault::Other { .. } => 400,
        }
    }
}

impl fmt::Display for ArchiveFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            ArchiveFault::Gzip => "it is not a whole gzip file",
            ArchiveFault::AfterGzip => "something follows the end of its gzip",
            ArchiveFault::Tar(cause) => return write!(out, "it is not a tar file: {cause}"),
            ArchiveFault::AfterTar => "something follows the end of its tar",
            ArchiveFault::Truncated => "it ends inside of an entry",
            ArchiveFault::Path { cause, path } => return write!(out, "`{path}`: {cause}"),
            ArchiveFault::Link { path } => {
                return write!(out, "`{path}` is a link; links are not allowed");
            }
            ArchiveFault::Kind { path } => {
                return write!(out, "`{path}` is neither a file nor a folder");
            }
            ArchiveFault::Entries => "it has too many entries",
            ArchiveFault::Unpacked => "it unpacks to too much",
            ArchiveFault::Ratio => "it unpacks to too many times its own size",
            ArchiveFault::NoManifest => "it has no package.json",
            ArchiveFault::TwoManifests => "it has more than one package.json",
            ArchiveFault::Manifest(cause) => return write!(out, "its package.json: {cause}"),
            ArchiveFault::Other {
                member,
                found,
                expected,
            } => {
                return write!(
                    out,
                    "its package.json has the {member} `{found}`, the document `{expected}`"
                );
            }
            ArchiveFault::System(error) => return write!(out, "it cannot be read: {error}"),
        };
        out.write_str(text)
    }
}

impl std::error::Error for ArchiveFault {}
