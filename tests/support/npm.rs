//! Packages as clients make them: archives, and the documents that publish them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha1_smol::Sha1;
use sha2::{Digest, Sha512};

/// The archive of a version: a tar of `package/`, not yet compressed.
pub(crate) struct Archive {
    builder: tar::Builder<Vec<u8>>,
}

impl Archive {
    /// One with nothing in it.
    pub(crate) fn empty() -> Archive {
        let builder = tar::Builder::new(Vec::new());
        Archive { builder }
    }

    /// One whose `package.json` has a name and a version.
    pub(crate) fn of_package(name: &str, version: &str) -> Archive {
        Archive::of_manifest(&json!({ "name": name, "version": version }))
    }

    /// One whose `package.json` is this.
    pub(crate) fn of_manifest(manifest: &Value) -> Archive {
        Archive::empty().file("package.json", manifest.to_string().as_bytes())
    }

    /// Adds a file below `package/`.
    pub(crate) fn file(self, path: &str, content: &[u8]) -> Archive {
        self.entry(&format!("package/{path}"), tar::EntryType::Regular, content)
    }

    /// Adds an entry under exactly this path, which may be a hostile one.
    pub(crate) fn entry(mut self, path: &str, kind: tar::EntryType, content: &[u8]) -> Archive {
        let mut header = tar::Header::new_gnu();
        let name = &mut header.as_gnu_mut().unwrap().name;
        name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.builder.append(&header, content).unwrap();
        self
    }

    /// The bytes of the `.tgz`.
    pub(crate) fn gzip(self) -> Vec<u8> {
        let tar = self.builder.into_inner().unwrap();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        std::io::Write::write_all(&mut encoder, &tar).unwrap();
        encoder.finish().unwrap()
    }
}

/// Bytes that no compression makes shorter.
pub(crate) fn noise(bytes: usize, mut seed: u64) -> Vec<u8> {
    let next = || {
        seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (seed >> 56) as u8
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

/// The document that `npm publish` puts.
pub(crate) struct PublishBody;

impl PublishBody {
    /// That of one version with the tag `latest`.
    pub(crate) fn of(name: &str, version: &str, archive: &[u8]) -> Value {
        PublishBody::tagged(name, version, archive, "latest", json!({}))
    }

    /// That of one version with another tag and further fields of its manifest.
    pub(crate) fn tagged(
        name: &str,
        version: &str,
        archive: &[u8],
        tag: &str,
        fields: Value,
    ) -> Value {
        let file = format!("{name}-{version}.tgz");
        let mut manifest = json!({
            "_id": format!("{name}@{version}"),
            "name": name,
            "version": version,
            "dist": {
                "integrity": integrity_of(archive),
                "shasum": shasum_of(archive),
                "tarball": format!("http://localhost:4873/{name}/-/{file}"),
            },
        });
        let more = fields.as_object().unwrap().clone();
        manifest.as_object_mut().unwrap().extend(more);
        json!({
            "_id": name,
            "name": name,
            "dist-tags": { tag: version },
            "versions": { version: manifest },
            "access": null,
            "_attachments": {
                file: {
                    "content_type": "application/octet-stream",
                    "data": STANDARD.encode(archive),
                    "length": archive.len(),
                },
            },
        })
    }
}

/// `sha512-…` of bytes (Subresource Integrity).
pub(crate) fn integrity_of(bytes: &[u8]) -> String {
    format!("sha512-{}", STANDARD.encode(Sha512::digest(bytes)))
}

/// The SHA-1 of bytes in hexadecimal digits.
pub(crate) fn shasum_of(bytes: &[u8]) -> String {
    Sha1::from(bytes).digest().to_string()
}
