//! A version that was checked and is to be added to its package.

use serde_json::value::RawValue;

use super::claim::Claim;
use crate::audit::Actor;
use crate::id::Id;
use crate::registry::archive::Inspected;
use crate::registry::blobs::Content;
use crate::registry::name::PackageName;
use crate::registry::packages::rows::Visibility;

/// A publish whose body is whole, agrees with itself and with its tarball, and whose publisher may
/// publish. That the version is not there yet is for the change of the package to find out.
pub struct Publication {
    /// The package.
    pub name: PackageName,
    /// The version, as semver writes it.
    pub version: String,
    /// The tags that are to point to it, most often one.
    pub tags: Vec<String>,
    /// The version's manifest as the client sent it; its `dist` is the client's word and is to be
    /// replaced.
    pub manifest: Box<RawValue>,
    /// The document's other members (`description`, `readme`, …) by name, as they were sent. What
    /// the registry says itself (`_id`, `_rev`, `name`, `versions`, `dist-tags`, `time`, `access`,
    /// `users`, `maintainers`, `_attachments`) is not among them.
    pub members: Vec<(String, Box<RawValue>)>,
    /// Who may read the package, where the client says so; it counts where the package is made.
    pub access: Option<Visibility>,
    /// The README: the document's, the manifest's, or that of the archive.
    pub readme: Option<String>,
    /// The tarball; its digests are those of what came. It is to be kept together with the
    /// documents, so that both wait for one commit of the disk.
    pub tarball: Content,
    /// What the archive tells.
    pub inspected: Inspected,
    /// Who publishes.
    pub publisher: Publisher,
}

/// Who publishes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Publisher {
    /// The registry's account; none for the shop's staff.
    pub account: Option<Id>,
    /// What it is called in `_npmUser`.
    pub name: String,
    /// As the audit log names it.
    pub actor: Actor,
    /// By what right a package is made under the name.
    pub claim: Claim,
}
