//! Folders that are taken and put back, and backups that must not be.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::state::lock_folder;
use crate::store::{Definition, Options, open};

const NOTES: &str = "CREATE TABLE notes (text TEXT NOT NULL) STRICT";

const BANK: Definition = Definition {
    name: "bank",
    migrations: &[NOTES],
};

#[test]
fn what_was_taken_is_put_back_and_what_was_there_is_kept() {
    let scene = Scene::new();
    scene.note("before");
    scene.write("state.bin", b"state");
    scene.write("mail/new/1.eml", b"mail");
    scene.write("uploads/a/b/picture", &vec![7; 300_000]);
    scene.write("doors.json", b"of the server that runs");
    let backup = scene.outside("backup.tar");
    let taken = take(&[BANK], &scene.folder(), &backup).unwrap();
    assert_eq!(taken.files, 4);

    scene.note("after");
    scene.write("state.bin", b"later");
    scene.write("later", b"later");
    let restored = restore(&[BANK], &scene.folder(), &backup).unwrap();
    assert_eq!(restored.files, 4);
    assert_eq!(scene.notes(), ["before"]);
    let paths: Vec<_> = scene.files().into_keys().collect();
    let expected = [
        "bank.db",
        "mail/new/1.eml",
        "state.bin",
        "uploads/a/b/picture",
    ];
    assert_eq!(paths, expected);
    assert_eq!(scene.files()["state.bin"], b"state");
    assert_eq!(
        fs::read(restored.aside.join("state.bin")).unwrap(),
        b"later"
    );
    assert!(restored.aside.join("bank.db").exists());
    // And what was kept aside is no part of the next one.
    let again = scene.outside("again.tar");
    assert_eq!(take(&[BANK], &scene.folder(), &again).unwrap().files, 4);
}

#[test]
fn the_registrys_files_are_taken_but_for_those_on_their_way() {
    let scene = Scene::new();
    scene.note("before");
    scene.write("blobs/sha512/ab/abcd", b"tarball");
    scene.write("blobs/spool/7", b"half a tarball");
    let backup = scene.outside("backup.tar");
    take(&[BANK], &scene.folder(), &backup).unwrap();
    restore(&[BANK], &scene.folder(), &backup).unwrap();
    let paths: Vec<_> = scene.files().into_keys().collect();
    assert_eq!(paths, ["bank.db", "blobs/sha512/ab/abcd"]);
}

#[test]
fn a_backup_is_taken_while_the_store_is_written_to() {
    let scene = Scene::new();
    let store = open(&BANK, &scene.folder(), Options { shards: 0 }).unwrap();
    let sql = "INSERT INTO notes VALUES (?1)";
    store
        .write_blocking(|tx| tx.run(sql, &[&"in the log"]))
        .unwrap()
        .unwrap();
    let backup = scene.outside("backup.tar");
    take(&[BANK], &scene.folder(), &backup).unwrap();
    store
        .write_blocking(|tx| tx.run(sql, &[&"later"]))
        .unwrap()
        .unwrap();
    store.close();
    let other = Scene::new();
    restore(&[BANK], &other.folder(), &backup).unwrap();
    assert_eq!(other.notes(), ["in the log"]);
    assert_eq!(scene.notes(), ["in the log", "later"]);
}

#[test]
fn any_altered_byte_is_found_and_nothing_is_touched() {
    let scene = Scene::new();
    scene.note("kept");
    scene.write("state.bin", b"state");
    let backup = scene.outside("backup.tar");
    take(&[BANK], &scene.folder(), &backup).unwrap();
    let whole = fs::read(&backup).unwrap();
    let before = scene.files();
    let refused = |bytes: &[u8], what: &str| {
        fs::write(&backup, bytes).unwrap();
        let fault = restore(&[BANK], &scene.folder(), &backup);
        assert!(
            matches!(fault, Err(BackupFault::Broken { .. })),
            "{what}: {fault:?}"
        );
        assert_eq!(scene.files(), before, "{what}");
    };
    refused(b"", "empty");
    refused(b"a text of some length that is no archive", "no archive");
    for length in [100, 512, 5000, whole.len() / 2, whole.len() - 1500] {
        refused(&whole[..length], "cut off");
    }
    // One bit in each stretch of the contents; the padding of tar is nobody's content.
    let contents = whole.len() - 1024;
    for position in (600..contents).step_by(whole.len() / 40) {
        let mut altered = whole.clone();
        if altered[position] == 0 && position > contents - 4096 {
            continue;
        }
        altered[position] ^= 0x10;
        refused(&altered, &format!("bit at {position}"));
    }
    fs::write(&backup, &whole).unwrap();
    restore(&[BANK], &scene.folder(), &backup).unwrap();
}

#[test]
fn members_that_lead_elsewhere_are_refused() {
    let scene = Scene::new();
    let backup = scene.outside("backup.tar");
    for (name, kind) in [
        ("../elsewhere", tar::EntryType::Regular),
        ("/elsewhere", tar::EntryType::Regular),
        ("lock", tar::EntryType::Regular),
        ("restore.ready/old/a", tar::EntryType::Regular),
        ("a", tar::EntryType::Symlink),
    ] {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o600);
        header.set_size(0);
        header.set_cksum();
        let mut builder = tar::Builder::new(Vec::new());
        builder.append(&header, &b""[..]).unwrap();
        fs::write(&backup, builder.into_inner().unwrap()).unwrap();
        let fault = restore(&[BANK], &scene.folder(), &backup);
        assert!(
            matches!(fault, Err(BackupFault::Broken { .. })),
            "{name}: {fault:?}"
        );
    }
    assert_eq!(scene.files().len(), 0);
}

#[test]
fn a_store_that_this_binary_cannot_open_is_refused() {
    let newer = Definition {
        migrations: &[NOTES, "CREATE TABLE later (a TEXT) STRICT"],
        ..BANK
    };
    let scene = Scene::new();
    open(&newer, &scene.folder(), Options { shards: 0 })
        .unwrap()
        .close();
    let backup = scene.outside("backup.tar");
    take(&[newer], &scene.folder(), &backup).unwrap();
    let other = Scene::new();
    let fault = restore(&[BANK], &other.folder(), &backup).unwrap_err();
    assert!(matches!(fault, BackupFault::Damaged { .. }), "{fault}");
    assert!(fault.to_string().contains("schema 2"), "{fault}");
    assert_eq!(other.files().len(), 0);
}

#[test]
fn what_is_in_the_way_is_named() {
    let scene = Scene::new();
    let backup = scene.outside("backup.tar");
    let nothing = take(&[BANK], &scene.folder(), &backup);
    assert!(matches!(nothing, Err(BackupFault::Nothing { .. })));
    assert!(!backup.exists());
    scene.note("a");
    let inside = take(&[BANK], &scene.folder(), &scene.folder().join("backup.tar"));
    assert!(matches!(inside, Err(BackupFault::Inside { .. })));
    take(&[BANK], &scene.folder(), &backup).unwrap();
    let again = take(&[BANK], &scene.folder(), &backup);
    assert!(matches!(again, Err(BackupFault::Exists { .. })));
    let locked = lock_folder(&scene.folder()).unwrap();
    let in_use = restore(&[BANK], &scene.folder(), &backup);
    assert!(matches!(in_use, Err(BackupFault::Folder(_))), "{in_use:?}");
    drop(locked);
    assert_eq!(scene.notes(), ["a"]);
    let left: Vec<_> = fs::read_dir(scene.0.join("outside")).unwrap().collect();
    assert_eq!(left.len(), 1, "no draft stays: {left:?}");
}

/// Cuts a restore short after every rename, and finishes it.
#[test]
fn a_restore_that_was_cut_short_is_finished() {
    for step in 0..6 {
        let scene = Scene::new();
        let ready = scene.folder().join("restore.ready");
        let moving = scene.folder().join("restore.moving");
        fs::create_dir_all(ready.join("fresh/mail")).unwrap();
        fs::write(ready.join("fresh/a"), "fresh").unwrap();
        fs::write(ready.join("fresh/mail/1"), "fresh").unwrap();
        scene.write("a", b"old");
        scene.write("b", b"old");
        scene.write("lock", b"");
        let steps: [&dyn Fn(); 5] = [
            &|| fs::create_dir(ready.join("old")).unwrap(),
            &|| fs::rename(scene.folder().join("a"), ready.join("old/a")).unwrap(),
            &|| {
                fs::rename(scene.folder().join("b"), ready.join("old/b")).unwrap();
                fs::rename(&ready, &moving).unwrap();
            },
            &|| fs::rename(moving.join("fresh/a"), scene.folder().join("a")).unwrap(),
            &|| {
                fs::rename(moving.join("fresh/mail"), scene.folder().join("mail")).unwrap();
                fs::remove_dir(moving.join("fresh")).unwrap();
            },
        ];
        for done in &steps[..step.min(5)] {
            done();
        }
        let aside = finish(&scene.folder()).unwrap().unwrap();
        assert_eq!(finish(&scene.folder()).unwrap(), None);
        let files = scene.files();
        assert_eq!(files["a"], b"fresh", "step {step}");
        assert_eq!(files["mail/1"], b"fresh");
        assert_eq!(files.len(), 2, "{files:?}");
        assert_eq!(fs::read(aside.join("a")).unwrap(), b"old");
        assert_eq!(fs::read(aside.join("b")).unwrap(), b"old");
    }
}

/// A data folder and a place outside of it.
struct Scene(PathBuf);

impl Scene {
    fn new() -> Scene {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("thirteen-backup-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        if path.exists() {
            fs::remove_dir_all(&path).unwrap();
        }
        fs::create_dir_all(path.join("folder")).unwrap();
        fs::create_dir_all(path.join("outside")).unwrap();
        Scene(path)
    }

    fn folder(&self) -> PathBuf {
        self.0.join("folder")
    }

    fn outside(&self, name: &str) -> PathBuf {
        self.0.join("outside").join(name)
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let place = self.folder().join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, bytes).unwrap();
    }

    fn note(&self, text: &'static str) {
        let store = open(&BANK, &self.folder(), Options { shards: 0 }).unwrap();
        let sql = "INSERT INTO notes VALUES (?1)";
        store
            .write_blocking(move |tx| tx.run(sql, &[&text]))
            .unwrap()
            .unwrap();
        store.close();
    }

    fn notes(&self) -> Vec<String> {
        let store = open(&BANK, &self.folder(), Options { shards: 0 }).unwrap();
        let notes = store.read(|view| {
            let sql = "SELECT text FROM notes ORDER BY rowid";
            view.all(sql, &[], |row| row.get::<String>(0))
        });
        store.close();
        notes.unwrap()
    }

    /// What is in the folder, but for the lock and what restores put aside.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.folder(), Path::new(""), &mut files);
        files.retain(|path, _| path != "lock" && !path.starts_with("replaced-"));
        files
    }
}

fn collect(folder: &Path, below: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder.join(below)).unwrap() {
        let path = below.join(entry.unwrap().file_name());
        let place = folder.join(&path);
        if place.is_dir() {
            collect(folder, &path, files);
        } else {
            let name = path.to_str().unwrap().to_owned();
            files.insert(name, fs::read(place).unwrap());
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}
