//! Files that are kept, found again, and removed.

use std::fs;
use std::io::Read as _;
use std::sync::Barrier;
use std::thread;

use super::*;
use crate::store::Folder;

fn spooled(blobs: &Blobs, pieces: &[&[u8]]) -> Hashed {
    let mut spool = blobs.begin().unwrap();
    for piece in pieces {
        spool.write(piece).unwrap();
    }
    spool.finish()
}

fn keep(blobs: &Blobs, text: &str) -> Kept {
    let file = spooled(blobs, &[text.as_bytes()]);
    blobs.keep(vec![file]).unwrap().remove(0)
}

fn read(blobs: &Blobs, digest: &Sha512Digest) -> io::Result<String> {
    io::read_to_string(blobs.open(digest)?)
}

fn spool_is_empty(folder: &Folder) -> bool {
    let spool = folder.path().join(FOLDER).join(SPOOL);
    fs::read_dir(spool).unwrap().next().is_none()
}

#[test]
fn what_is_kept_is_found_by_its_hash() {
    let folder = Folder::new();
    let blobs = Blobs::at(folder.path()).unwrap();
    let file = spooled(&blobs, &[b"he", b"", b"llo"]);
    assert_eq!(file.digests.bytes, 5);
    assert_eq!(
        file.digests.sha1[..4],
        [0xaa, 0xf4, 0xc6, 0x1d],
        "SHA-1 of `hello`"
    );
    let integrity = "sha512-m3HSJL1i83hdltRq0+o9czGb+8KJDKra4t/3JRlnPKcjI8PZm6XBHXx6zG4UuMXaDEZj\
                     R1wuXDre9G9zvN7AQw==";
    assert_eq!(file.digests.sha512.integrity(), integrity);
    assert_eq!(io::read_to_string(file.open().unwrap()).unwrap(), "hello");
    assert!(
        read(&blobs, &file.digests.sha512).is_err(),
        "nothing is there yet"
    );
    let digest = file.digests.sha512;
    // Twice, as when two packages have the same tarball.
    let more = spooled(&blobs, &[b"hello"]);
    let other = spooled(&blobs, &[b"other"]);
    let kept = blobs.keep(vec![file, more, other]).unwrap();
    assert_eq!([kept[0].sha512, kept[1].sha512], [digest; 2]);
    assert_eq!(read(&blobs, &digest).unwrap(), "hello");
    assert_eq!(read(&blobs, &kept[2].sha512).unwrap(), "other");
    assert_eq!(blobs.list(digest.0[0]).unwrap(), [digest]);
    assert!(spool_is_empty(&folder));
}

#[test]
fn a_short_content_has_the_digests_of_a_file() {
    let folder = Folder::new();
    let blobs = Blobs::at(folder.path()).unwrap();
    let text = b"hello".repeat(3000);
    let file = Arrived::Long({
        let mut spool = blobs.begin().unwrap();
        spool.write(&text).unwrap();
        Box::new(spool)
    });
    let (file, short) = (file.finish(), Arrived::Short(text.clone()).finish());
    assert_eq!(file.digests(), short.digests());
    for content in [&file, &short] {
        let mut read = Vec::new();
        content.open().unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, text);
    }
    assert!(matches!(short.parted(), (Some(bytes), None) if bytes == text));
    assert!(matches!(file.parted(), (None, Some(_))));
}

#[test]
fn what_is_not_kept_leaves_nothing() {
    let folder = Folder::new();
    let blobs = Blobs::at(folder.path()).unwrap();
    drop(spooled(&blobs, &[b"half"]));
    drop(blobs.begin().unwrap());
    assert!(spool_is_empty(&folder));
    let left = folder.path().join(FOLDER).join(SPOOL).join("7");
    fs::write(&left, "of a process that was killed").unwrap();
    drop(blobs);
    let blobs = Blobs::at(folder.path()).unwrap();
    assert!(spool_is_empty(&folder));
    assert!(blobs.keep(Vec::new()).unwrap().is_empty());
}

#[test]
fn a_file_that_cannot_be_kept_is_told() {
    let folder = Folder::new();
    let blobs = Blobs::at(folder.path()).unwrap();
    let file = spooled(&blobs, &[b"hello"]);
    let place = folder.path().join(FOLDER).join(ALGORITHM).join("9b");
    fs::remove_dir(&place).unwrap();
    let fine = spooled(&blobs, &[b"fine"]);
    assert!(blobs.keep(vec![fine, file]).is_err());
    assert!(spool_is_empty(&folder));
    fs::create_dir(&place).unwrap();
    keep(&blobs, "hello");
}

#[test]
fn a_pin_keeps_a_file_and_a_claim_keeps_pins_waiting() {
    let folder = Folder::new();
    let blobs = Blobs::at(folder.path()).unwrap();
    let kept = keep(&blobs, "a");
    let (digest, again) = (kept.sha512, blobs.pin(kept.sha512));
    drop(kept);
    assert!(blobs.doom([digest]).digests().is_empty(), "one pin is left");
    drop(again);
    let doomed = blobs.doom([digest]);
    assert_eq!(doomed.digests(), [digest]);
    assert!(blobs.pin(digest).is_none());
    assert!(blobs.doom([digest]).digests().is_empty(), "claimed once");
    // A file of the same content comes meanwhile: it waits, and is there in the end.
    let begun = Barrier::new(2);
    thread::scope(|scope| {
        let keeping = scope.spawn(|| {
            let file = spooled(&blobs, &[b"a"]);
            begun.wait();
            blobs.keep(vec![file]).unwrap().remove(0)
        });
        begun.wait();
        assert_eq!(blobs.remove(&doomed, &[digest]), 1);
        drop(doomed);
        let kept = keeping.join().unwrap();
        assert_eq!(read(&blobs, &kept.sha512).unwrap(), "a");
    });
}

#[test]
fn nothing_is_removed_while_a_backup_is_taken() {
    let folder = Folder::new();
    let blobs = Blobs::at(folder.path()).unwrap();
    let digest = keep(&blobs, "a").sha512;
    let doomed = blobs.doom([digest]);
    let backup = File::open(folder.path().join(FOLDER)).unwrap();
    backup.lock_shared().unwrap();
    assert_eq!(blobs.remove(&doomed, &[digest]), 0);
    drop(backup);
    assert_eq!(blobs.remove(&doomed, &[digest]), 1);
    assert_eq!(blobs.remove(&doomed, &[digest]), 0, "it is gone");
}

#[test]
fn many_that_keep_at_once_are_all_served() {
    let folder = Folder::new();
    let blobs = Blobs::at(folder.path()).unwrap();
    thread::scope(|scope| {
        for writer in 0..8 {
            let blobs = &blobs;
            scope.spawn(move || {
                for number in 0..8 {
                    let text = format!("{writer} {number}");
                    let kept = keep(blobs, &text);
                    assert_eq!(read(blobs, &kept.sha512).unwrap(), text);
                }
            });
        }
    });
    let files: usize = (0..=u8::MAX)
        .map(|first| blobs.list(first).unwrap().len())
        .sum();
    assert_eq!(files, 64);
}
