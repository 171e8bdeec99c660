//! Archives as npm packs them, as others do, and as nobody should.

use std::io::{Cursor, Write};

use ::tar::{Builder, EntryType, Header};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::registry::name::PackageName;

struct Archive(Builder<Vec<u8>>);

impl Archive {
    fn empty() -> Archive {
        Archive(Builder::new(Vec::new()))
    }

    fn of(manifest: &str) -> Archive {
        Archive::empty().file("package/package.json", manifest)
    }

    fn usual() -> Archive {
        Archive::of(MANIFEST)
    }

    fn file(self, path: &str, content: &str) -> Archive {
        self.entry(path, EntryType::Regular, content.as_bytes())
    }

    fn entry(mut self, path: &str, kind: EntryType, content: &[u8]) -> Archive {
        let header = header_of(path, kind, content.len() as u64);
        self.0.append(&header, content).unwrap();
        self
    }

    fn tar(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }

    fn gzip(self) -> Vec<u8> {
        gzip(&self.tar())
    }
}

fn header_of(path: &str, kind: EntryType, bytes: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(bytes);
    header.set_cksum();
    header
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn look(bytes: &[u8]) -> Result<Inspected, ArchiveFault> {
    let name = PackageName::parse("left-pad").unwrap();
    inspect(Cursor::new(bytes), &name, "1.3.0")
}

fn refusal(archive: Archive) -> String {
    refusal_of(&archive.gzip())
}

fn refusal_of(bytes: &[u8]) -> String {
    let fault = look(bytes).map(|_| ()).expect_err("it is refused");
    format!("{} {fault}", fault.status())
}

const MANIFEST: &str = r#"{"name":"left-pad","version":"1.3.0"}"#;

#[test]
fn an_archive_tells_what_documents_need() {
    let manifest = r#"{"name":"left-pad","version":" v1.3.0+b","bin":{"pad":"cli.js"},
        "scripts":{"postinstall":"node x","test":"y"}}"#;
    let archive = Archive::of(manifest)
        .entry("package/lib/", EntryType::Directory, b"")
        .file("package/README", "plain")
        .file("package/Readme.md", "# Pad")
        .file("package/readme.txt", "other")
        .file("package/lib/README.md", "not this")
        .file("package/npm-shrinkwrap.json", "{}");
    let found = look(&archive.gzip()).unwrap();
    assert!(found.has_install_script && found.has_shrinkwrap);
    assert_eq!(found.bin.unwrap().get(), r#"{"pad":"cli.js"}"#);
    assert_eq!(found.files, 6);
    let lengths = ["plain", "# Pad", "other", "not this", "{}", manifest].map(str::len);
    assert_eq!(found.unpacked_bytes, lengths.iter().sum::<usize>() as u64);
    let readme = found.readme.unwrap();
    assert_eq!((&*readme.file, &*readme.text), ("Readme.md", "# Pad"));
}

#[test]
fn install_scripts_are_npms() {
    let has = |members: &str, gyp: bool| {
        let manifest = format!(r#"{{"name":"left-pad","version":"1.3.0"{members}}}"#);
        let archive = Archive::of(&manifest);
        let archive = match gyp {
            true => archive.file("package/binding.gyp", "{}"),
            false => archive,
        };
        look(&archive.gzip()).unwrap().has_install_script
    };
    assert!(!has("", false));
    assert!(!has(r#","scripts":{"test":"x","install":""}"#, false));
    assert!(!has(r#","scripts":"none""#, false));
    assert!(has(r#","scripts":{"preinstall":"x"}"#, false));
    assert!(has(r#","scripts":{"install":"x"}"#, false));
    assert!(has("", true));
    assert!(!has(r#","gypfile":false"#, true));
}

#[test]
fn other_ways_to_pack_are_taken() {
    let plain = Archive::empty().file("./package.json", MANIFEST);
    look(&plain.gzip()).unwrap();
    let repository = Archive::empty()
        .entry(
            "pax_global_header",
            EntryType::XGlobalHeader,
            b"52 comment=0123456789012345678901234567890123456789\n",
        )
        .file("pad-main/package.json", &format!("\u{feff}{MANIFEST}"));
    look(&repository.gzip()).unwrap();
    // Without the blocks of zeros, and with more of them than a record has.
    let mut tar = Archive::usual().tar();
    tar.truncate(1024);
    look(&gzip(&tar)).unwrap();
    tar.resize(100 << 10, 0);
    look(&gzip(&tar)).unwrap();
    let mut padded = gzip(&tar);
    padded.resize(padded.len() + 512, 0);
    look(&padded).unwrap();
    // Paths that do not fit a header, in GNU's way and in that of pax.
    let long = format!("package/{}/{}", "d".repeat(90), "f".repeat(90));
    let mut gnu = Archive::usual();
    let mut header = header_of("", EntryType::Regular, 1);
    gnu.0.append_data(&mut header, &long, &b"x"[..]).unwrap();
    assert_eq!(look(&gnu.gzip()).unwrap().files, 2);
    let record = format!("{} path={long}\n", long.len() + 10);
    let pax = Archive::usual()
        .entry("PaxHeader/x", EntryType::XHeader, record.as_bytes())
        .file("package/short", "x");
    assert_eq!(look(&pax.gzip()).unwrap().files, 2);
}

#[test]
fn another_name_or_version_is_refused() {
    for (manifest, cause) in [
        (
            r#"{"name":"right-pad","version":"1.3.0"}"#,
            "the name `right-pad`",
        ),
        (
            r#"{"name":"left-pad","version":"1.3.1"}"#,
            "the version `1.3.1`",
        ),
        (r#"{"name":"left-pad"}"#, "the version ``"),
        (r#"{"version":"1.3.0"}"#, "the name ``"),
        (r#"{"name":1,"version":"1.3.0"}"#, "package.json:"),
        (
            r#"{"name":"x","name":"left-pad","version":"1.3.0"}"#,
            "duplicate field",
        ),
        ("[]", "package.json:"),
        ("", "package.json:"),
        (r#"{"name":"left-pad","version":"1.3.0"}}"#, "package.json:"),
    ] {
        let refused = refusal(Archive::of(manifest));
        assert!(
            refused.starts_with("400") && refused.contains(cause),
            "{manifest}: {refused}"
        );
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    refusal(Archive::of(&deep));
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    for path in [
        "/etc/passwd",
        "../evil",
        "package/../../evil",
        "package/a\\b",
        "package//x",
        "C:/x",
        "other/x",
        "package/package.json/",
        "package/PACKAGE.json",
        "single",
    ] {
        let archive = Archive::usual().file(path, "x");
        let refused = refusal(archive);
        assert!(refused.starts_with("400"), "{path}: {refused}");
    }
    let record = "27 path=package/../../evil\n";
    let pax = Archive::usual()
        .entry("x", EntryType::XHeader, record.as_bytes())
        .file("package/fine", "x");
    assert!(refusal(pax).contains("`..`"));
}

#[test]
fn links_and_devices_are_refused() {
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::GNULongLink,
        EntryType::GNUSparse,
    ] {
        let refused = refusal(Archive::usual().entry("package/x", kind, b""));
        assert!(refused.starts_with("415"), "{kind:?}: {refused}");
    }
}

#[test]
fn what_readers_differ_about_is_refused() {
    assert!(refusal(Archive::usual().file("package/package.json", MANIFEST)).contains("more than"));
    assert!(refusal(Archive::empty().file("package/x", "")).contains("no package.json"));
    assert!(refusal(Archive::empty()).contains("no package.json"));
    let mut hidden = Archive::usual().tar();
    hidden.extend_from_slice(&Archive::usual().tar());
    assert!(refusal_of(&gzip(&hidden)).contains("end of its tar"));
    let mut members = Archive::usual().gzip();
    members.extend_from_slice(&Archive::usual().gzip());
    assert!(refusal_of(&members).contains("end of its gzip"));
    for records in [
        "11 size=99\n",
        "25 GNU.sparse.major=1\n",
        "x",
        "99 path=a\n",
        "4 a=\n",
    ] {
        let pax = Archive::usual()
            .entry("x", EntryType::XHeader, records.as_bytes())
            .file("package/fine", "x");
        let outcome = look(&pax.gzip());
        assert!(outcome.is_err(), "{records:?}");
    }
    let global = Archive::usual().entry("x", EntryType::XGlobalHeader, b"15 path=other/\n");
    assert!(refusal(global).contains("all entries"));
    let two = Archive::usual()
        .entry("x", EntryType::XHeader, b"18 path=package/a\n")
        .entry("x", EntryType::GNULongName, b"package/b\0")
        .file("package/c", "x");
    assert!(refusal(two).contains("two paths"));
    let dangling = Archive::usual().entry("x", EntryType::XHeader, b"18 path=package/a\n");
    assert!(refusal(dangling).contains("ends inside"));
}

#[test]
fn bombs_end_early() {
    let zeros = vec![0; 8 << 20];
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&Archive::usual().tar()[..1024]).unwrap();
    let header = header_of("package/zeros", EntryType::Regular, 1 << 30);
    encoder.write_all(header.as_bytes()).unwrap();
    for _ in 0..16 {
        encoder.write_all(&zeros).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(refusal_of(&bomb).contains("times its own size"));
    let mut huge = Archive::usual().tar();
    huge.truncate(1024);
    huge.extend_from_slice(header_of("package/x", EntryType::Regular, 1 << 40).as_bytes());
    assert!(refusal_of(&gzip(&huge)).contains("too much"));
    let mut name = Archive::usual().tar();
    name.truncate(1024);
    name.extend_from_slice(header_of("x", EntryType::GNULongName, 1 << 30).as_bytes());
    assert!(refusal_of(&gzip(&name)).contains("too long"));
}

#[test]
fn an_archive_that_is_cut_anywhere_is_refused() {
    let tar = Archive::usual().file("package/x", "xyz").tar();
    let whole = gzip(&tar);
    for end in 0..whole.len() {
        assert!(look(&whole[..end]).is_err(), "cut at {end}");
    }
    // A tar that is cut inside of a gzip that is whole: but where an entry ends.
    for end in (0..2048).filter(|end| end % 512 != 0) {
        assert!(look(&gzip(&tar[..end])).is_err(), "cut at {end}");
    }
}

#[test]
fn damage_is_refused_and_never_panics() {
    let tar = Archive::usual().file("package/lib/x.js", "xyz").tar();
    let whole = gzip(&tar);
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x41;
        // Some bytes of gzip's header mean nothing: its time and its system.
        let is_ignored = (4..10).contains(&at);
        assert!(look(&damaged).is_err() || is_ignored, "byte {at}");
    }
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..2000 {
        let mut damaged = tar.clone();
        for _ in 0..4 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let at = (seed as usize) % damaged.len();
            damaged[at] = (seed >> 32) as u8;
        }
        // Either way, as long as it comes to an end.
        let _refused_or_not = look(&gzip(&damaged));
    }
}

#[test]
fn a_look_goes_on_where_it_stopped() {
    let mut archive = Archive::empty();
    let noise: Vec<u8> = (0..4_u64 << 20)
        .map(|index| (index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8)
        .collect();
    for number in 0..10 {
        archive = archive.entry(&format!("package/{number}"), EntryType::Regular, &noise);
    }
    let bytes = archive.file("package/package.json", MANIFEST).gzip();
    let name = PackageName::parse("left-pad").unwrap();
    let mut inspection = Inspection::begin(&*bytes, name, "1.3.0".to_owned());
    let mut steps = 1;
    while let Step::More = inspection.step().unwrap() {
        steps += 1;
    }
    assert_eq!(steps, 3);
}
