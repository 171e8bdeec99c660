//! Whether a document and its tarball belong together.

use super::document::Document;
use super::fault::PublishFault;
use crate::registry::archive::{ArchiveFault, Inspected, Inspection, Step};
use crate::registry::blobs::{Hashed, Sha512Digest};
use crate::registry::name::PackageName;

/// A tarball in the spool that is looked at.
pub struct Tarball {
    file: Hashed,
    inspection: Inspection<std::fs::File>,
}

/// How far a look has come.
pub enum Checked {
    /// There is more to look at.
    More(Box<Tarball>),
    /// The tarball is the version's.
    Done(Hashed, Box<Inspected>),
}

impl Tarball {
    /// Holds what came against what the document says of it, and begins to look at it. Blocks.
    ///
    /// # Errors
    /// What differs.
    pub fn begin(
        file: Hashed,
        name: &PackageName,
        document: &Document,
    ) -> Result<Tarball, PublishFault> {
        compare(&file, document)?;
        let opened = file.open();
        let reader = opened.map_err(ArchiveFault::System)?;
        let inspection = Inspection::begin(reader, name.clone(), document.version.clone());
        Ok(Tarball { file, inspection })
    }

    /// Looks on for a moment. Blocks.
    ///
    /// # Errors
    /// Why the tarball is refused.
    pub fn step(mut self: Box<Tarball>) -> Result<Checked, PublishFault> {
        match self.inspection.step()? {
            Step::More => Ok(Checked::More(self)),
            Step::Done(found) => Ok(Checked::Done(self.file, found)),
        }
    }
}

fn compare(file: &Hashed, document: &Document) -> Result<(), PublishFault> {
    let unlike = |member, said: String, found: String| PublishFault::Unlike {
        member,
        said,
        found,
    };
    if let Some(length) = document.length.filter(|length| *length != file.bytes) {
        let found = file.bytes.to_string();
        return Err(unlike("length", length.to_string(), found));
    }
    let sha1 = file.shasum();
    if let Some(said) = document.shasum.as_ref()
        && !said.eq_ignore_ascii_case(&sha1)
    {
        return Err(unlike("dist.shasum", said.clone(), sha1));
    }
    let Some(said) = &document.integrity else {
        return Ok(());
    };
    match Sha512Digest::of_integrity(said) {
        Some(digest) if digest == file.sha512 => Ok(()),
        // One of SHA-1 alone is what old clients send; `shasum` says the same.
        None if said
            .split_ascii_whitespace()
            .all(|hash| hash.starts_with("sha1-"))
            && *said == file.sha1_integrity() =>
        {
            Ok(())
        }
        Some(_) | None => Err(unlike(
            "dist.integrity",
            said.clone(),
            file.sha512.integrity(),
        )),
    }
}
