//! Whether a document and its tarball belong together.

use std::io::Read;

use super::document::Document;
use super::fault::PublishFault;
use crate::registry::archive::{ArchiveFault, Inspected, Inspection, Step};
use crate::registry::blobs::{Content, Digests, Sha512Digest};
use crate::registry::name::PackageName;

/// A tarball that is looked at.
pub struct Tarball {
    content: Content,
    inspection: Inspection<Box<dyn Read + Send>>,
}

/// How far a look has come.
pub enum Checked {
    /// There is more to look at.
    More(Box<Tarball>),
    /// The tarball is the version's.
    Done(Content, Box<Inspected>),
}

impl Tarball {
    /// Holds what came against what the document says of it, and begins to look at it. Blocks.
    ///
    /// # Errors
    /// What differs.
    pub fn begin(
        content: Content,
        name: &PackageName,
        document: &Document,
    ) -> Result<Box<Tarball>, PublishFault> {
        compare(content.digests(), document)?;
        let opened = content.open();
        let reader = opened.map_err(ArchiveFault::System)?;
        let inspection = Inspection::begin(reader, name.clone(), document.version.clone());
        Ok(Box::new(Tarball {
            content,
            inspection,
        }))
    }

    /// Looks on for a moment. Blocks.
    ///
    /// # Errors
    /// Why the tarball is refused.
    pub fn step(mut self: Box<Tarball>) -> Result<Checked, PublishFault> {
        match self.inspection.step()? {
            Step::More => Ok(Checked::More(self)),
            Step::Done(found) => Ok(Checked::Done(self.content, found)),
        }
    }
}

fn compare(found: &Digests, document: &Document) -> Result<(), PublishFault> {
    let unlike = |member, said: String, found: String| PublishFault::Unlike {
        member,
        said,
        found,
    };
    if let Some(length) = document.length.filter(|length| *length != found.bytes) {
        let found = found.bytes.to_string();
        return Err(unlike("length", length.to_string(), found));
    }
    let sha1 = found.shasum();
    if let Some(said) = document.shasum.as_ref()
        && !said.eq_ignore_ascii_case(&sha1)
    {
        return Err(unlike("dist.shasum", said.clone(), sha1));
    }
    let Some(said) = &document.integrity else {
        return Ok(());
    };
    match Sha512Digest::of_integrity(said) {
        Some(digest) if digest == found.sha512 => Ok(()),
        // One of SHA-1 alone is what old clients send; `shasum` says the same.
        None if said
            .split_ascii_whitespace()
            .all(|hash| hash.starts_with("sha1-"))
            && *said == found.sha1_integrity() =>
        {
            Ok(())
        }
        Some(_) | None => Err(unlike(
            "dist.integrity",
            said.clone(),
            found.sha512.integrity(),
        )),
    }
}
