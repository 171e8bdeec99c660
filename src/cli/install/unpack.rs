//! Unpacks the archive of a package into a folder of its own, as npm does, and refuses whatever
//! would reach out of it.

use std::fs::{self, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tar::{Archive, Entry, EntryType};

use crate::limits::{INSTALL_ENTRIES_MAX, INSTALL_UNPACKED_BYTES_MAX};

/// Why an archive is not unpacked, or not wholly.
#[derive(Debug)]
pub(super) enum UnpackFault {
    /// It is no archive, or a broken one.
    Broken(io::Error),
    /// It holds something that a package may not hold.
    Refused(String),
    /// The disk.
    Disk(io::Error),
}

impl std::fmt::Display for UnpackFault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            UnpackFault::Broken(fault) => write!(out, "its archive is broken: {fault}"),
            UnpackFault::Refused(what) => write!(out, "its archive is refused: {what}"),
            UnpackFault::Disk(fault) => write!(out, "it cannot be written: {fault}"),
        }
    }
}

/// Unpacks into `folder`, which is made.
///
/// # Errors
/// What is wrong; the folder then holds a part, and the caller removes it.
pub(super) fn unpack(archive: impl Read, folder: &Path) -> Result<(), UnpackFault> {
    make_folder(folder)?;
    let mut input = BufReader::with_capacity(64 << 10, archive);
    let is_gzip = {
        let start = io::BufRead::fill_buf(&mut input).map_err(UnpackFault::Broken)?;
        start.starts_with(&[0x1f, 0x8b])
    };
    let input: Box<dyn Read + '_> = if is_gzip {
        Box::new(MultiGzDecoder::new(input))
    } else {
        Box::new(input)
    };
    let bounded = Bounded {
        input,
        left: INSTALL_UNPACKED_BYTES_MAX,
    };
    let mut archive = Archive::new(bounded);
    let mut npmignored = Vec::new();
    for (index, entry) in archive.entries().map_err(broken)?.enumerate() {
        if index >= INSTALL_ENTRIES_MAX {
            let message = format!("it has more than {INSTALL_ENTRIES_MAX} entries");
            return Err(UnpackFault::Refused(message));
        }
        unpack_entry(entry.map_err(broken)?, folder, &mut npmignored)?;
    }
    Ok(())
}

fn unpack_entry(
    mut entry: Entry<'_, impl Read>,
    folder: &Path,
    npmignored: &mut Vec<PathBuf>,
) -> Result<(), UnpackFault> {
    let shown = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    let kind = entry.header().entry_type();
    if kind == EntryType::XGlobalHeader {
        return Ok(());
    }
    if !(kind.is_file() || kind.is_contiguous() || kind.is_dir()) {
        let message = format!("`{shown}` is no file or folder but {kind:?}");
        return Err(UnpackFault::Refused(message));
    }
    let Some(inside) = inside(&entry.path_bytes())
        .map_err(|why| UnpackFault::Refused(format!("`{shown}` {why}")))?
    else {
        return Ok(());
    };
    let mut target = folder.join(&inside);
    if kind == EntryType::Directory {
        return make_folder(&target);
    }
    // npm packs .gitignore as it is, and it must not be one again.
    if target.ends_with(".npmignore") {
        npmignored.push(target.clone());
    } else if target.ends_with(".gitignore") {
        target.set_file_name(".npmignore");
        if npmignored.contains(&target) {
            return Ok(());
        }
    }
    let mode = entry.header().mode().map_err(broken)?;
    if let Some(parent) = target.parent() {
        make_folder(parent)?;
    }
    match fs::remove_file(&target) {
        Err(fault) if fault.kind() != ErrorKind::NotFound => return Err(UnpackFault::Disk(fault)),
        Ok(()) | Err(_) => {}
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode((mode & 0o777) | 0o666)
        .open(&target);
    copy(&mut entry, file.map_err(UnpackFault::Disk)?)
}

/// Copies, and tells a broken archive from a full disk.
fn copy(input: &mut impl Read, mut file: fs::File) -> Result<(), UnpackFault> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let bytes = input.read(&mut buffer).map_err(broken)?;
        if bytes == 0 {
            return Ok(());
        }
        io::Write::write_all(&mut file, &buffer[..bytes]).map_err(UnpackFault::Disk)?;
    }
}

fn make_folder(path: &Path) -> Result<(), UnpackFault> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o777);
    builder.create(path).map_err(UnpackFault::Disk)
}

/// The place in the folder: without the first part of the path, whatever that is called. Nothing
/// for that part itself.
fn inside(path: &[u8]) -> Result<Option<PathBuf>, &'static str> {
    let path = std::str::from_utf8(path).map_err(|_| "is no UTF-8")?;
    if path.starts_with('/') {
        return Err("is an absolute path");
    }
    if path.contains(['\0', '\\']) {
        return Err("has a character that no path may have");
    }
    if path.split('/').any(|part| part == "..") {
        return Err("climbs out of its folder");
    }
    let parts = path.split('/').skip(1);
    let parts = parts.filter(|part| !part.is_empty() && *part != ".");
    let inside: PathBuf = parts.collect();
    Ok(Some(inside).filter(|inside| !inside.as_os_str().is_empty()))
}

/// Ends with an error where a bound is passed, and not as if the archive ended there.
struct Bounded<R> {
    input: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.input.read(buffer)?;
        let taken = u64::try_from(bytes).expect("a length fits");
        self.left = self.left.checked_sub(taken).ok_or_else(|| {
            io::Error::new(
                ErrorKind::FileTooLarge,
                "it unpacks to more than is allowed",
            )
        })?;
        Ok(bytes)
    }
}

fn broken(fault: io::Error) -> UnpackFault {
    if fault.kind() == ErrorKind::FileTooLarge {
        return UnpackFault::Refused(fault.to_string());
    }
    UnpackFault::Broken(fault)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    /// A folder that is gone at the end of the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let name = format!("thirteen-unpack-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    /// An entry with the path exactly as it is given.
    fn append(tar: &mut Vec<u8>, path: &str, kind: EntryType, mode: u32, content: &[u8]) {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        tar.extend_from_slice(header.as_bytes());
        tar.extend_from_slice(content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }

    fn gzip(tar: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        io::Write::write_all(&mut encoder, tar).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_package_is_unpacked_as_npm_does() {
        let folder = Folder::new("good");
        let mut tar = Vec::new();
        append(
            &mut tar,
            "package/package.json",
            EntryType::Regular,
            0o600,
            b"{}",
        );
        append(
            &mut tar,
            "package/bin/run",
            EntryType::Regular,
            0o755,
            b"#!/bin/sh\n",
        );
        append(
            &mut tar,
            "package/.gitignore",
            EntryType::Regular,
            0o644,
            b"x",
        );
        append(
            &mut tar,
            "other/./lib//a.js",
            EntryType::Regular,
            0o644,
            b"old",
        );
        append(
            &mut tar,
            "other/lib/a.js",
            EntryType::Regular,
            0o4755,
            b"new",
        );
        append(&mut tar, "package/empty", EntryType::Directory, 0o755, b"");
        append(&mut tar, "package", EntryType::Directory, 0o755, b"");
        tar.resize(tar.len() + 1024, 0);
        for (index, bytes) in [tar.clone(), gzip(&tar)].iter().enumerate() {
            let place = folder.0.join(index.to_string());
            unpack(bytes.as_slice(), &place).unwrap();
            let read = |path: &str| fs::read_to_string(place.join(path)).unwrap();
            let mode = |path: &str| {
                let about = fs::metadata(place.join(path)).unwrap();
                about.permissions().mode() & 0o7777
            };
            assert_eq!(read("package.json"), "{}");
            assert_eq!(mode("package.json") & 0o600, 0o600);
            assert_eq!(mode("bin/run") & 0o700, 0o700);
            assert_eq!(read("lib/a.js"), "new");
            assert_eq!(mode("lib/a.js") & 0o7000, 0, "no setuid");
            assert_eq!(read(".npmignore"), "x");
            assert!(!place.join(".gitignore").exists());
            assert!(place.join("empty").is_dir());
        }
    }

    #[test]
    fn what_reaches_out_is_refused() {
        let folder = Folder::new("hostile");
        for (path, kind) in [
            ("package/../../out", EntryType::Regular),
            ("..", EntryType::Directory),
            ("../out", EntryType::Regular),
            ("/out", EntryType::Regular),
            ("package/a/../../../out", EntryType::Regular),
            ("package\\..\\..\\out", EntryType::Regular),
            ("package/link", EntryType::Symlink),
            ("package/link", EntryType::Link),
            ("package/device", EntryType::Char),
            ("package/device", EntryType::Block),
            ("package/pipe", EntryType::Fifo),
            ("package/sparse", EntryType::GNUSparse),
        ] {
            let mut tar = Vec::new();
            append(&mut tar, path, kind, 0o644, b"");
            tar.resize(tar.len() + 1024, 0);
            let fault = unpack(tar.as_slice(), &folder.0.join("p")).unwrap_err();
            let is_refused = matches!(fault, UnpackFault::Refused(_) | UnpackFault::Broken(_));
            assert!(is_refused, "{path} {kind:?}: {fault}");
            assert!(!folder.0.join("out").exists(), "{path}");
            let held = fs::read_dir(folder.0.join("p")).unwrap().count();
            assert_eq!(held, 0, "{path} {kind:?}");
        }
    }

    #[test]
    fn a_bomb_is_refused_before_the_disk_is_full() {
        let folder = Folder::new("bomb");
        let mut header = tar::Header::new_ustar();
        header.set_path("package/zeros").unwrap();
        header.set_size(INSTALL_UNPACKED_BYTES_MAX);
        header.set_mode(0o644);
        header.set_cksum();
        // A reader of zeros stands for gzip's thousandfold of them.
        let input = header.as_bytes().chain(io::repeat(0));
        let mut bounded = Bounded {
            input,
            left: 1 << 20,
        };
        let fault = io::copy(&mut bounded, &mut io::sink()).unwrap_err();
        assert!(matches!(broken(fault), UnpackFault::Refused(_)));
        let mut tar = Vec::new();
        for _ in 0..=INSTALL_ENTRIES_MAX {
            append(&mut tar, "package/a", EntryType::Directory, 0o755, b"");
        }
        let fault = unpack(tar.as_slice(), &folder.0.join("p")).unwrap_err();
        assert!(matches!(fault, UnpackFault::Refused(_)), "{fault}");
    }

    #[test]
    fn what_is_cut_off_is_broken() {
        let folder = Folder::new("cut");
        let mut tar = Vec::new();
        append(&mut tar, "package/a", EntryType::Regular, 0o644, &[7; 5000]);
        let whole = gzip(&tar);
        for bytes in [
            &tar[..3000],
            &whole[..whole.len() - 9],
            b"<html>",
            &[0x1f, 0x8b],
        ] {
            let fault = unpack(bytes, &folder.0.join("p")).err();
            assert!(
                matches!(fault, Some(UnpackFault::Broken(_))),
                "{} bytes: {fault:?}",
                bytes.len()
            );
        }
    }
}
