//! Why a publish is refused.

use std::fmt;

use crate::http::Problem;
use crate::registry::archive::ArchiveFault;

/// Why a publish is refused, before the package itself is asked.
#[derive(Debug)]
pub enum PublishFault {
    /// The body is no JSON object.
    Malformed(String),
    /// The body is nested too deep.
    Deep,
    /// What is not the tarball is too long.
    Long,
    /// A member stands there twice.
    Duplicate(String),
    /// A member has a name that means something else to JavaScript.
    Prototype(String),
    /// There is a second tarball.
    SecondTarball(String),
    /// The tarball's text is no Base64.
    Base64,
    /// The tarball's text was not found where it is to stand.
    Unread(String),
    /// There is neither a version nor a tarball.
    Missing(&'static str),
    /// A member is not what it has to be.
    Member {
        /// Where it stands.
        place: String,
        /// What it has to be.
        expected: String,
    },
    /// The tarball is not what the document says of it.
    Unlike {
        /// What differs.
        member: &'static str,
        /// What the document says.
        said: String,
        /// What it is.
        found: String,
    },
    /// The tarball is refused.
    Archive(ArchiveFault),
}

impl PublishFault {
    /// The status of the reply.
    pub fn status(&self) -> u16 {
        match self {
            PublishFault::Long => 413,
            PublishFault::Archive(fault) => fault.status(),
            PublishFault::Malformed(_)
            | PublishFault::Deep
            | PublishFault::Duplicate(_)
            | PublishFault::Prototype(_)
            | PublishFault::SecondTarball(_)
            | PublishFault::Base64
            | PublishFault::Unread(_)
            | PublishFault::Missing(_)
            | PublishFault::Member { .. }
            | PublishFault::Unlike { .. } => 400,
        }
    }
}

impl fmt::Display for PublishFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PublishFault::Malformed(cause) => write!(out, "The body is no JSON object: {cause}."),
            PublishFault::Deep => write!(out, "The body is nested too deep."),
            PublishFault::Long => write!(out, "The document beside the tarball is too long."),
            PublishFault::Duplicate(name) => write!(out, "`{name}` stands in the body twice."),
            PublishFault::Prototype(name) => write!(out, "`{name}` is no name of a member."),
            PublishFault::SecondTarball(name) => {
                write!(out, "`{name}` is a second tarball; a publish has one.")
            }
            PublishFault::Base64 => write!(out, "The tarball's `data` is not Base64."),
            PublishFault::Unread(name) => {
                write!(out, "`_attachments/{name}/data` has to be a Base64 text.")
            }
            PublishFault::Missing(what) => write!(out, "There is no {what}. {MUST_HOLD}"),
            PublishFault::Member { place, expected } => {
                write!(out, "`{place}` has to be {expected}.")
            }
            PublishFault::Unlike {
                member,
                said,
                found,
            } => write!(
                out,
                "The document says `{member}` `{said}`; the tarball has `{found}`."
            ),
            PublishFault::Archive(fault) => write!(out, "The tarball is refused: {fault}."),
        }
    }
}

impl From<ArchiveFault> for PublishFault {
    fn from(fault: ArchiveFault) -> PublishFault {
        PublishFault::Archive(fault)
    }
}

impl From<PublishFault> for Problem {
    fn from(fault: PublishFault) -> Problem {
        if let PublishFault::Archive(ArchiveFault::System(error)) = &fault {
            tracing::error!(target: "registry", %error, "a tarball cannot be read");
        }
        Problem::new(fault.status(), fault.to_string())
    }
}

const MUST_HOLD: &str = "A publish holds `name`, `versions` with the manifest of one version, \
                         `dist-tags`, and in `_attachments` its tarball as Base64 text.";
