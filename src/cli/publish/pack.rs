//! Packs a folder as npm does: the same files, modes and times, so the same archive each time.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use sha2::{Digest, Sha512};
use tar::{Builder, Header};

use super::files::{self, Package};

/// An archive and what is in it.
pub(super) struct Packed {
    pub archive: Vec<u8>,
    pub files: Vec<PackedFile>,
    pub integrity: String,
    pub shasum: String,
}

/// A file of an archive.
#[derive(Debug, Serialize)]
pub(super) struct PackedFile {
    pub path: String,
    pub size: u64,
    pub mode: u32,
}

/// Packs the package in a folder.
///
/// # Errors
/// One line.
pub(super) fn pack(folder: &Path, package: &Package) -> Result<Packed, String> {
    let paths = files::list(folder, package)?;
    let bins = files::bins(package);
    let encoder = GzEncoder::new(Vec::new(), Compression::best());
    let mut builder = Builder::new(encoder);
    let mut packed = Vec::new();
    for path in paths {
        let place = folder.join(&path);
        let about = |fault: io::Error| format!("{}: {fault}", place.display());
        let file = add(&mut builder, &place, &path, &bins).map_err(about)?;
        packed.push(file);
    }
    let archive = builder.into_inner().and_then(GzEncoder::finish);
    let archive = archive.map_err(|fault| format!("the archive cannot be made: {fault}"))?;
    let sha512 = STANDARD.encode(Sha512::digest(&archive));
    Ok(Packed {
        integrity: format!("sha512-{sha512}"),
        shasum: sha1_smol::Sha1::from(&archive).digest().to_string(),
        files: packed,
        archive,
    })
}

fn add(
    builder: &mut Builder<GzEncoder<Vec<u8>>>,
    place: &Path,
    path: &str,
    bins: &[String],
) -> io::Result<PackedFile> {
    let about = fs::metadata(place)?;
    let is_bin = bins.iter().any(|bin| bin == path);
    let run = if is_bin { 0o111 } else { 0 };
    // Nobody but the owner writes, and the owner can.
    let mode = (about.permissions().mode() & 0o777 | run | 0o600) & !0o022;
    let mut header = Header::new_ustar();
    header.set_size(about.len());
    header.set_mode(mode);
    header.set_mtime(MTIME_SECONDS);
    builder.append_data(&mut header, format!("package/{path}"), File::open(place)?)?;
    Ok(PackedFile {
        path: path.to_owned(),
        size: about.len(),
        mode,
    })
}

/// 1985-10-26T08:15:00Z, which npm gives every file.
const MTIME_SECONDS: u64 = 499_162_500;
