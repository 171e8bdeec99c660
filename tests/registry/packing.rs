//! What tests publish: archives and the documents that carry them.

use crate::support::npm::{Archive, PublishBody};

#[test]
fn an_archive_is_read_back_by_tar() {
    let bytes = Archive::of_package("left-pad", "1.3.0")
        .file("index.js", b"module.exports = 1")
        .gzip();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&*bytes));
    let names: Vec<_> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert_eq!(names, ["package/package.json", "package/index.js"]);
}

#[test]
fn a_publish_body_names_its_archive() {
    let archive = Archive::of_package("@a/b", "1.0.0").gzip();
    let body = PublishBody::of("@a/b", "1.0.0", &archive);
    let text = body.to_string();
    assert!(text.contains("\"@a/b-1.0.0.tgz\""), "{text}");
    assert!(text.contains("sha512-"), "{text}");
}
