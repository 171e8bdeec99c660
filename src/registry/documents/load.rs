//! Documents on their way from their files into memory.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::base::Base;
use super::cache::Loaded;
use super::index::Index;
use super::pack::Part;
use crate::context::Context;
use crate::http::{Effort, Problem, compress};
use crate::limits::DOCUMENT_PACKED_WELL_BYTES_MAX;
use crate::registry::blobs::{Blobs, Sha512Digest};
use crate::registry::name::PackageName;
use crate::registry::packages::rows::{DocumentRow, PackageRow};
use crate::registry::packages::sql;
use crate::registry::topics;
use crate::registry::wording::busy;
use crate::shard;

/// The documents of a package as they are at this moment, where they are in memory.
pub fn in_memory(context: &Context, name: &PackageName, base: Base<'_>) -> Option<Rc<Loaded>> {
    let generation = context.house.registry.generation(topics::package(name));
    let is_base = |other: &str| base.is(other, context);
    context.documents.find(name.as_str(), generation, is_base)
}

/// The documents of a package as they are at this moment; `None` where there are none here.
pub fn find(
    context: &Context,
    name: &PackageName,
    base: Base<'_>,
) -> Result<Option<Rc<Loaded>>, Problem> {
    let store = &context.house.registry;
    // Before the row: what is changed after it moves the generation on.
    let generation = store.generation(topics::package(name));
    let is_base = |other: &str| base.is(other, context);
    let documents = &context.documents;
    if let Some(loaded) = documents.find(name.as_str(), generation, is_base) {
        return Ok(Some(loaded));
    }
    let found = store.read(|view| {
        let Some((row, document)) = sql::read(view, name)?.and_then(with_document) else {
            return Ok(None);
        };
        let content = match row.upstream {
            None => sql::document(view, row.id, &document.digest)?,
            Some(_) => None,
        };
        Ok(Some((row, document, content.map(Bytes::from))))
    });
    let Some((row, document, content)) = found? else {
        return Ok(None);
    };
    let base = (base.text(context), documents.since_s());
    let loaded = Rc::new(Loaded::new(generation, row, document, content, base));
    if documents.has_room(&loaded, context.house.steady_ms()) {
        documents.insert(loaded.clone());
    }
    Ok(Some(loaded))
}

/// The bytes of a part, or of the same form without a coding where there have been too many for
/// other bases; `None` where the documents have been replaced meanwhile.
pub async fn part(
    context: &Context,
    loaded: &Loaded,
    part: Part,
) -> Result<Option<(Part, Bytes)>, Problem> {
    let part = loaded.offered(part);
    if let Some(bytes) = loaded.part(part) {
        return Ok(Some((part, bytes)));
    }
    let _filling = loaded.fill().await;
    let is_kept = loaded.part(part).is_some()
        || context
            .documents
            .may_make(loaded, part, context.house.steady_ms());
    let part = if is_kept { part } else { part.plain() };
    if let Some(bytes) = loaded.part(part) {
        return Ok(Some((part, bytes)));
    }
    let stored = Stored {
        blobs: context.house.blobs.clone(),
        document: loaded.document.clone(),
        content: loaded.content.clone(),
    };
    let base = loaded.base.clone();
    let name = loaded.row.name.clone();
    match shard::offload(move || stored.part(&base, &name, part)).await {
        Ok(Ok(bytes)) => {
            let bytes = Bytes::from(bytes);
            if is_kept {
                context.documents.keep(loaded, part, &bytes);
            }
            Ok(Some((part, bytes)))
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Ok(Err(error)) => {
            let name = &loaded.row.name;
            tracing::error!(target: "registry", %name, %error, "documents cannot be read");
            let detail = format!("the documents of {name} cannot be read: {error}");
            Err(Problem::new(500, detail))
        }
        Err(fault) => Err(busy(fault)),
    }
}

/// The versions in a full document.
pub async fn index(loaded: &Loaded, document: &Bytes) -> Result<Rc<Index>, Problem> {
    if let Some(index) = loaded.index.get() {
        return Ok(index.clone());
    }
    let text = document.clone();
    let read = shard::offload(move || Index::of(&text)).await;
    match read {
        Ok(Ok(index)) => Ok(loaded.index.get_or_init(|| Rc::new(index)).clone()),
        Ok(Err(error)) => {
            let detail = format!("the document of {} is damaged: {error}", loaded.row.name);
            Err(Problem::new(500, detail))
        }
        Err(fault) => Err(busy(fault)),
    }
}

fn with_document(mut row: PackageRow) -> Option<(PackageRow, DocumentRow)> {
    let document = row.document.take()?;
    // An upstream's has there the rules that it was made by.
    row.fields = row.fields.filter(|_| row.upstream.is_some());
    Some((row, document))
}

/// The documents of a package as they are stored: in their row where they are short, in their file
/// where they are not.
struct Stored {
    blobs: Arc<Blobs>,
    document: DocumentRow,
    content: Option<Bytes>,
}

impl Stored {
    /// A part for a base. Blocks.
    fn part(&self, base: &str, name: &PackageName, part: Part) -> io::Result<Vec<u8>> {
        if self.document.base == base {
            return self.read(part);
        }
        let text = rebased(&self.read(part.plain())?, name, &self.document.base, base);
        let Some(coding) = part.coding() else {
            return Ok(text);
        };
        let effort = if text.len() <= DOCUMENT_PACKED_WELL_BYTES_MAX {
            Effort::Kept
        } else {
            Effort::Usual
        };
        let mut coded = Vec::new();
        compress(coding, effort, &text, &mut coded)?;
        Ok(coded)
    }

    fn read(&self, part: Part) -> io::Result<Vec<u8>> {
        if let Some(content) = &self.content {
            let bytes = part.of(&self.document.parts, content);
            let short = || io::Error::new(io::ErrorKind::InvalidData, "their row is damaged");
            return bytes.map(<[u8]>::to_vec).ok_or_else(short);
        }
        let file = self.blobs.open(&Sha512Digest(self.document.digest))?;
        let (start, length) = part.place(&self.document.parts);
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, start)?;
        Ok(bytes)
    }
}

/// A document whose tarballs are at another base. A quote that is not escaped begins or ends a
/// string, so what is found is a field `tarball` of some object, and no part of a text.
pub fn rebased(document: &[u8], name: &PackageName, from: &str, to: &str) -> Vec<u8> {
    let field = b"\"tarball\":\"";
    let old = [
        field.as_slice(),
        from.as_bytes(),
        b"/",
        name.as_str().as_bytes(),
        b"/-/",
    ]
    .concat();
    let mut out = Vec::with_capacity(document.len());
    let mut rest = document;
    for at in memchr::memmem::find_iter(document, &old) {
        if at > 0 && document[at - 1] == b'\\' {
            continue;
        }
        let start = document.len() - rest.len();
        out.extend_from_slice(&document[start..at]);
        out.extend_from_slice(field);
        out.extend_from_slice(to.as_bytes());
        rest = &document[at + field.len() + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Folder;

    #[test]
    fn documents_of_a_damaged_row_are_an_error() {
        let folder = Folder::new();
        let name = PackageName::parse("a").unwrap();
        let stored = |parts: [u64; 6]| Stored {
            blobs: Arc::new(Blobs::at(folder.path()).unwrap()),
            document: DocumentRow {
                digest: [1; 64],
                base: "http://a".to_owned(),
                parts,
            },
            content: Some(Bytes::from_static(b"fullshort")),
        };
        let read = |parts, base, part| stored(parts).part(base, &name, part);
        let whole = [4, 0, 0, 5, 0, 0];
        assert_eq!(
            read(whole, "http://a", Part::Abbreviated).unwrap(),
            b"short"
        );
        for parts in [
            [4, 0, 0, 6, 0, 0],
            [10, 0, 0, 1, 0, 0],
            [u64::MAX, u64::MAX, 0, 1, 0, 0],
        ] {
            for base in ["http://a", "http://other"] {
                let refused = read(parts, base, Part::Abbreviated).unwrap_err();
                assert_eq!(refused.kind(), io::ErrorKind::InvalidData, "{parts:?}");
            }
        }
    }

    #[test]
    fn only_tarballs_move() {
        let name = PackageName::parse("a").unwrap();
        let document = br#"{"r":"\"tarball\":\"http://x/a/-/a-1.tgz","versions":{"1":
            {"dist":{"tarball":"http://x/a/-/a-1.tgz"}},"2":{"dist":{"tarball":"http://x/a/-/2.tgz"
            }},"3":{"e\"tarball":"http://x/a/-/","tarball":"http://x/b/-/"}}}"#;
        let moved = rebased(document, &name, "http://x", "https://longer.example");
        let expected = str::from_utf8(document).unwrap().replace(
            r#"{"tarball":"http://x/a/-/"#,
            r#"{"tarball":"https://longer.example/a/-/"#,
        );
        assert_eq!(str::from_utf8(&moved), Ok(&*expected));
        assert_eq!(
            rebased(&moved, &name, "https://longer.example", "http://x"),
            document
        );
    }
}
