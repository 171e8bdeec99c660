//! Both forms, as a reader of JSON sees them.

use serde_json::{Value, json};

use super::*;
use crate::id::Id;
use crate::registry::name::PackageName;
use crate::registry::packages::rows::{
    Collaborator, PackageRow, Permission, TagRow, VersionRow, VersionState, Visibility,
};

const BASE: &str = "http://127.0.0.1:4873";

fn upstream() -> Value {
    json!({
        "_id": "@a/b",
        "_rev": "12-abc",
        "name": "@a/b",
        "dist-tags": { "latest": "2.0.0", "next": "3.0.0-rc.1" },
        "versions": {
            "1.0.0": {
                "name": "@a/b", "version": "1.0.0", "license": "MIT",
                "scripts": { "postinstall": "node x" },
                "dependencies": { "c": "^1" },
                "deprecated": "use 2",
                "dist": {
                    "shasum": "aa",
                    "tarball": "https://up.example/@a/b/-/b-1.0.0.tgz",
                    "signatures": [{ "keyid": "k", "sig": "s" }],
                },
            },
            "2.0.0": {
                "name": "@a/b", "version": "2.0.0", "_hasShrinkwrap": false, "libc": ["musl"],
                "gypfile": true,
                "dist": { "integrity": "sha512-x", "tarball": "https://up.example/d/0f3a" },
            },
            "3.0.0-rc.1": {
                "name": "@a/b", "version": "3.0.0-rc.1", "scripts": { "test": "x" },
                "peerDependenciesMeta": { "d": { "optional": true } },
                "dist": { "tarball": "https://up.example/x/b-1.0.0.tgz" },
            },
            "../4": { "dist": { "tarball": "https://up.example/x/4.tgz" } },
        },
        "time": {
            "created": "2020-01-01T00:00:00.000Z",
            "modified": "2024-05-06T07:08:09.010Z",
            "1.0.0": "2020-01-01T00:00:00.000Z",
            "2.0.0": "2021-01-01T00:00:00.000Z",
            "3.0.0-rc.1": "2022-01-01T00:00:00.000Z",
            "0.9.0": "2019-01-01T00:00:00.000Z",
        },
        "maintainers": [{ "name": "anna", "email": "a@x.example" }],
        "readme": "\"tarball\":\"http://127.0.0.1:4873/@a/b/-/b-1.0.0.tgz\"",
        "_attachments": {},
    })
}

fn built(document: &Value, filter: &dyn Filter) -> Built {
    let name = PackageName::parse("@a/b").unwrap();
    let text = document.to_string();
    let source = Source::of_upstream(&name, text.as_bytes(), filter).unwrap();
    build(&source, BASE)
}

fn parsed(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap()
}

#[test]
fn an_upstreams_document_points_at_us_and_is_else_as_it_was() {
    let made = built(&upstream(), &Everything);
    let mut expected = upstream();
    expected["versions"].as_object_mut().unwrap().remove("../4");
    expected["time"].as_object_mut().unwrap().remove("0.9.0");
    expected.as_object_mut().unwrap().remove("_attachments");
    // A name that is taken, or is none of an archive, is not kept.
    for (version, file) in [
        ("1.0.0", "b-1.0.0.tgz"),
        ("2.0.0", "b-2.0.0.tgz"),
        ("3.0.0-rc.1", "b-3.0.0-rc.1.tgz"),
    ] {
        expected["versions"][version]["dist"]["tarball"] = json!(format!("{BASE}/@a/b/-/{file}"));
    }
    assert_eq!(parsed(&made.full), expected);
    assert_eq!(made.modified_ms, Some(1_714_979_289_010));

    let line = &made.versions[0];
    assert_eq!(line.file, "b-1.0.0.tgz");
    let url = "https://up.example/@a/b/-/b-1.0.0.tgz";
    assert_eq!(line.tarball_url.as_deref(), Some(url));
    assert_eq!(
        (line.shasum.as_deref(), &line.integrity),
        (Some("aa"), &None)
    );
    assert_eq!(line.published_at, Some(1_577_836_800_000));
    assert_eq!(line.deprecated.as_deref(), Some("use 2"));
}

#[test]
fn the_abbreviated_form_has_what_installing_takes() {
    let made = built(&upstream(), &Everything);
    let short = parsed(&made.abbreviated);
    let keys: Vec<_> = short.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["dist-tags", "modified", "name", "time", "versions"]);
    assert_eq!(
        short["versions"]["1.0.0"],
        json!({
            "name": "@a/b", "version": "1.0.0", "hasInstallScript": true,
            "dependencies": { "c": "^1" }, "deprecated": "use 2",
            "dist": {
                "shasum": "aa",
                "tarball": format!("{BASE}/@a/b/-/b-1.0.0.tgz"),
                "signatures": [{ "keyid": "k", "sig": "s" }],
            },
        })
    );
    let second = &short["versions"]["2.0.0"];
    assert_eq!(second["_hasShrinkwrap"], json!(false));
    assert_eq!(second["hasInstallScript"], json!(true));
    assert_eq!(second["libc"], json!(["musl"]));
    let third = &short["versions"]["3.0.0-rc.1"];
    assert_eq!(third["hasInstallScript"], Value::Null);
    assert_eq!(third["peerDependenciesMeta"]["d"]["optional"], json!(true));
}

struct YoungAreHeld;

impl Filter for YoungAreHeld {
    fn judge(&self, candidate: &Candidate<'_>) -> Fate {
        match candidate.version {
            "1.0.0" => Fate::Shown,
            "2.0.0" => Fate::Held,
            _ => Fate::Dropped,
        }
    }
}

#[test]
fn what_a_filter_hides_is_in_no_document() {
    let made = built(&upstream(), &YoungAreHeld);
    for form in [&made.full, &made.abbreviated] {
        let document = parsed(form);
        let versions: Vec<_> = document["versions"].as_object().unwrap().keys().collect();
        assert_eq!(versions, ["1.0.0"]);
        let tags = json!({ "latest": "1.0.0", "next": "1.0.0" });
        assert_eq!(document["dist-tags"], tags);
        assert_eq!(document["time"].as_object().unwrap().len(), 3);
    }
    let lines: Vec<_> = made
        .versions
        .iter()
        .map(|line| (&*line.version, line.is_held))
        .collect();
    assert_eq!(lines, [("1.0.0", false), ("2.0.0", true)]);
}

#[test]
fn versions_that_were_taken_away_can_be_kept() {
    let name = PackageName::parse("@a/b").unwrap();
    let before = built(&upstream(), &Everything).full;
    let mut document = upstream();
    document["versions"]
        .as_object_mut()
        .unwrap()
        .remove("1.0.0");
    document["versions"]
        .as_object_mut()
        .unwrap()
        .remove("2.0.0");
    document["time"].as_object_mut().unwrap().remove("1.0.0");
    let text = document.to_string();
    let mut source = Source::of_upstream(&name, text.as_bytes(), &Everything).unwrap();
    let other = Source::of_upstream(&name, &before, &Everything).unwrap();
    source.adopt(other, |version| version == "1.0.0");
    let full = parsed(&build(&source, BASE).full);
    let versions: Vec<_> = full["versions"].as_object().unwrap().keys().collect();
    assert_eq!(versions, ["1.0.0", "3.0.0-rc.1"]);
    assert_eq!(full["time"]["1.0.0"], json!("2020-01-01T00:00:00.000Z"));
    assert_eq!(full["versions"]["1.0.0"]["dist"]["shasum"], json!("aa"));
}

#[test]
fn every_tarball_has_a_name_of_its_own() {
    let dist = |file: &str| json!({ "dist": { "tarball": format!("https://up.example/{file}") } });
    let document = json!({ "name": "@a/b", "versions": {
        "1.0.0": dist("b-2.0.0.tgz"),
        "2.0.0": dist("b-2.0.0.tgz"),
        "2.0.0-x": dist("b-2.0.0.2.tgz"),
        "3.0.0": dist("b-2.0.0.tgz"),
    }});
    let made = built(&document, &Everything);
    let files: Vec<&str> = made.versions.iter().map(|line| &*line.file).collect();
    let expected = [
        "b-2.0.0.tgz",
        "b-2.0.0.2.tgz",
        "b-2.0.0-x.tgz",
        "b-3.0.0.tgz",
    ];
    assert_eq!(files, expected);
}

#[test]
fn what_is_no_document_is_refused() {
    let name = PackageName::parse("@a/b").unwrap();
    for text in ["", "[]", "{", "{}x", r#"{"name":1}"#, r#"{"versions":[]}"#] {
        let refused = Source::of_upstream(&name, text.as_bytes(), &Everything);
        assert!(matches!(refused, Err(SourceFault::Json(_))), "{text}");
    }
    let other = Source::of_upstream(&name, br#"{"name":"c"}"#, &Everything);
    assert!(matches!(other, Err(SourceFault::OtherName(name)) if name == "c"));
    let invalid = Source::of_upstream(
        &name,
        b"{\"name\":\"@a/b\",\"readme\":\"\xff\"}",
        &Everything,
    );
    assert!(invalid.is_err());
}

fn package() -> PackageRow {
    PackageRow {
        id: Id::of(0, [1; 10]),
        name: PackageName::parse("@a/b").unwrap(),
        upstream: None,
        access: Visibility::Public,
        revision: 3,
        fields: Some(r#"{"readme":"hi","license":"ISC"}"#.to_owned()),
        created_at: 1000,
        modified_at: 2000,
        document: None,
        etag: None,
        last_modified: None,
        checked_at: None,
        rebuild_at: None,
        used_at: None,
    }
}

fn version(number: &str, state: VersionState) -> VersionRow {
    let manifest = json!({
        "name": "@a/b", "version": number, "description": "told", "license": "MIT",
        "readme": "long", "_npmUser": { "name": "mallory" },
        "dist": { "integrity": "sha512-forged", "tarball": "http://evil", "fileCount": 2 },
    });
    VersionRow {
        version: number.to_owned(),
        file: format!("b-{number}.tgz"),
        state,
        manifest: Some(manifest.to_string()),
        integrity: Some("sha512-true".to_owned()),
        shasum: Some("bb".to_owned()),
        upstream_url: None,
        digest: None,
        bytes: None,
        published_at: Some(1500),
        seen_at: 1500,
        used_at: None,
        publisher: Some("anna".to_owned()),
    }
}

#[test]
fn a_hosted_package_is_told_from_its_rows() {
    let package = package();
    let versions = [
        version("1.0.0", VersionState::Live),
        version("1.1.0", VersionState::Removed),
    ];
    let tag = TagRow {
        tag: "latest".to_owned(),
        version: "1.0.0".to_owned(),
    };
    let owner = Collaborator {
        account: Id::fresh(),
        name: "anna".to_owned(),
        email: "a@x.example".to_owned(),
        permission: Permission::Write,
    };
    let reader = Collaborator {
        permission: Permission::Read,
        name: "bert".to_owned(),
        ..owner.clone()
    };
    let rows = Hosted {
        package: &package,
        versions: &versions,
        tags: &[tag],
        collaborators: &[owner, reader],
        stargazers: &["carl".to_owned()],
    };
    let made = build(&Source::hosted(rows).unwrap(), BASE);
    assert_eq!(
        parsed(&made.full),
        json!({
            "_id": "@a/b", "_rev": package.revision_text(), "name": "@a/b",
            "dist-tags": { "latest": "1.0.0" },
            "versions": { "1.0.0": {
                "name": "@a/b", "version": "1.0.0", "description": "told", "license": "MIT",
                "_npmUser": { "name": "anna", "email": "a@x.example" },
                "dist": {
                    "integrity": "sha512-true", "shasum": "bb", "fileCount": 2,
                    "tarball": format!("{BASE}/@a/b/-/b-1.0.0.tgz"),
                },
            } },
            "time": {
                "created": "1970-01-01T00:00:01.000Z",
                "modified": "1970-01-01T00:00:02.000Z",
                "1.0.0": "1970-01-01T00:00:01.500Z",
            },
            "description": "told", "license": "MIT", "readme": "long",
            "maintainers": [{ "name": "anna", "email": "a@x.example" }],
            "users": { "carl": true },
        })
    );
    assert_eq!(made.modified_ms, Some(2000));

    let removed = [version("1.1.0", VersionState::Removed)];
    let rows = Hosted {
        versions: &removed,
        tags: &[],
        collaborators: &[],
        stargazers: &[],
        ..rows
    };
    let short = parsed(&build(&Source::hosted(rows).unwrap(), BASE).abbreviated);
    assert_eq!(short["versions"], json!({}));
    assert_eq!(short["time"]["unpublished"]["versions"], json!(["1.1.0"]));
}

#[test]
fn a_publisher_is_told_with_the_address_of_an_owner() {
    let (package, mut version) = (package(), version("1.0.0", VersionState::Live));
    let one = |name: &str, permission: Permission| Collaborator {
        account: Id::fresh(),
        name: name.to_owned(),
        email: format!("{name}@x.example"),
        permission,
    };
    let collaborators = [
        one("anna", Permission::Write),
        one("bert", Permission::Read),
    ];
    // That of who may only read is not told, and of who has no right any more there is none.
    for (name, email) in [("anna", "anna@x.example"), ("bert", ""), ("carl", "")] {
        version.publisher = Some(name.to_owned());
        let rows = Hosted {
            package: &package,
            versions: std::slice::from_ref(&version),
            tags: &[],
            collaborators: &collaborators,
            stargazers: &[],
        };
        let full = parsed(&build(&Source::hosted(rows).unwrap(), BASE).full);
        let user = json!({ "name": name, "email": email });
        assert_eq!(full["versions"]["1.0.0"]["_npmUser"], user);
    }
}

#[test]
fn the_newest_is_no_pre_release_and_not_above_its_bound() {
    let newest = |versions: &[&'static str], bound| source::newest(versions.iter().copied(), bound);
    assert_eq!(
        newest(&["1.9.0", "1.10.0", "2.0.0-rc"], None),
        Some("1.10.0")
    );
    assert_eq!(newest(&["1.9.0", "3.0.0"], Some("2.0.0")), Some("1.9.0"));
    assert_eq!(newest(&["3.0.0", "4.0.0"], Some("2.0.0")), Some("4.0.0"));
    assert_eq!(newest(&["1.0.0-a", "1.0.0-b"], None), Some("1.0.0-b"));
    assert_eq!(newest(&[], None), None);
}

#[test]
fn a_packed_document_is_read_in_each_encoding() {
    use std::io::Read as _;
    let made = built(&upstream(), &Everything);
    let (full, abbreviated) = (made.full.repeat(9), made.abbreviated.repeat(9));
    let packed = pack::pack(&full, &abbreviated).unwrap();
    assert_eq!(packed.parts.iter().sum::<u64>(), packed.bytes.len() as u64);
    for (form, [plain, gzip, brotli]) in [
        (&full, [Part::Full, Part::FullGzip, Part::FullBrotli]),
        (
            &abbreviated,
            [
                Part::Abbreviated,
                Part::AbbreviatedGzip,
                Part::AbbreviatedBrotli,
            ],
        ),
    ] {
        assert_eq!(packed.part(plain), form);
        let mut read = Vec::new();
        let mut decoder = flate2::read::GzDecoder::new(packed.part(gzip));
        decoder.read_to_end(&mut read).unwrap();
        assert_eq!(&read, form);
        read.clear();
        brotli::BrotliDecompress(&mut packed.part(brotli), &mut read).unwrap();
        assert_eq!(&read, form);
    }
}

#[test]
fn a_form_that_fits_a_packet_has_no_encodings() {
    let (long, short) = (vec![b'a'; 1024], vec![b'a'; 1023]);
    let packed = pack::pack(&long, &short).unwrap();
    let [full, gzip, brotli, abbreviated, none, neither] = packed.parts;
    assert_eq!((full, abbreviated, none, neither), (1024, 1023, 0, 0));
    assert!(gzip > 0 && brotli > 0);
    assert_eq!(packed.part(Part::Abbreviated), short);
}
