//! Bodies as clients send them, split everywhere, and as nobody should.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::document::Attached;
use super::*;
use crate::registry::name::PackageName;
use crate::registry::packages::rows::Visibility;

type Read = (Vec<u8>, Vec<u8>, Option<String>);

fn decode(body: &[u8], piece_bytes: usize) -> Result<Read, PublishFault> {
    let mut decoder = Decoder::default();
    let mut out = Vec::new();
    for piece in body.chunks(piece_bytes) {
        decoder.push(piece, &mut out)?;
    }
    let (document, tarball) = decoder.finish();
    Ok((document, out, tarball))
}

fn publish() -> Value {
    json!({
        "_id": "@a/b",
        "name": "@a/b",
        "description": "\"data\": \\ [{",
        "dist-tags": { "latest": "1.0.0" },
        "versions": { "1.0.0": {
            "_id": "@a/b@1.0.0", "name": "@a/b", "version": "1.0.0",
            "_attachments": { "x": { "data": "not this" } },
            "dist": { "integrity": "sha512-x", "shasum": "abc" },
        } },
        "access": "restricted",
        "keywords": ["_attachments", { "x.tgz": { "data": "nor this" } }],
        "_attachments": { "@a/b-1.0.0.tgz": {
            "content_type": "application/octet-stream",
            "data": STANDARD.encode(TARBALL),
            "length": TARBALL.len(),
        } },
    })
}

fn parse(body: &Value) -> Result<Document, PublishFault> {
    parse_text(&body.to_string())
}

fn parse_text(body: &str) -> Result<Document, PublishFault> {
    let (document, _, tarball) = decode(body.as_bytes(), 4096)?;
    let name = PackageName::parse("@a/b").unwrap();
    Document::parse(&document, &name, tarball.as_deref())
}

fn refusal(change: impl FnOnce(&mut Value)) -> String {
    let mut body = publish();
    change(&mut body);
    parse(&body)
        .map(|_| ())
        .expect_err("it is refused")
        .to_string()
}

const TARBALL: &[u8] = b"\x1f\x8b and so on, \xff\xfe\xfd to the end";

#[test]
fn the_tarball_is_told_from_the_rest_wherever_pieces_end() {
    let text = publish().to_string();
    let whole = decode(text.as_bytes(), text.len()).unwrap();
    assert_eq!(whole.1, TARBALL);
    assert_eq!(whole.2.as_deref(), Some("@a/b-1.0.0.tgz"));
    let mut expected = publish();
    expected["_attachments"]["@a/b-1.0.0.tgz"]["data"] = json!("");
    let document: Value = serde_json::from_slice(&whole.0).unwrap();
    assert_eq!(document, expected);
    for piece_bytes in 1..40 {
        assert_eq!(
            decode(text.as_bytes(), piece_bytes).unwrap(),
            whole,
            "{piece_bytes}"
        );
    }
    let pretty = serde_json::to_string_pretty(&publish()).unwrap();
    assert_eq!(decode(pretty.as_bytes(), 3).unwrap().1, TARBALL);
}

#[test]
fn members_may_come_in_any_order_and_escaped() {
    let data = STANDARD.encode(TARBALL);
    let escaped = data
        .replace('/', "\\/")
        .replace('+', "\\u002B")
        .replace('H', "\\u0048");
    assert_ne!(data, escaped);
    let body = format!(
        r#"{{"_attachments":{{"b.tgz":{{"data":"{escaped}","length":{}}}}},"name":"@a/b",
        "versions":{{"1.0.0":{{"version":"1.0.0","name":"@a/b"}}}}}}"#,
        TARBALL.len()
    );
    for piece_bytes in 1..20 {
        assert_eq!(decode(body.as_bytes(), piece_bytes).unwrap().1, TARBALL);
    }
    let document = parse_text(&body).unwrap();
    assert_eq!(document.tags, ["latest"]);
    assert_eq!(document.length, Some(TARBALL.len() as u64));
}

#[test]
fn a_document_is_read() {
    let mut body = publish();
    body["readme"] = json!("# b");
    let document = parse(&body).unwrap();
    assert_eq!(document.version, "1.0.0");
    assert_eq!(document.access, Some(Visibility::Restricted));
    assert_eq!(document.integrity.as_deref(), Some("sha512-x"));
    assert_eq!(document.shasum.as_deref(), Some("abc"));
    assert_eq!(document.readme.as_deref(), Some("# b"));
    let names: Vec<_> = document.members.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["description", "keywords"]);
    assert_eq!(document.members[0].1.get(), r#""\"data\": \\ [{""#);
    assert!(document.manifest.get().contains("not this"));
}

#[test]
fn a_bundle_of_provenance_is_taken_and_left() {
    let mut body = publish();
    let bundle = json!({ "mediaType": "x", "nested": "\"" }).to_string();
    body["_attachments"]["@a/b-1.0.0.sigstore"] = json!({
        "content_type": "application/vnd.dev.sigstore.bundle+json;version=0.2",
        "data": bundle,
        "length": bundle.len(),
    });
    assert_eq!(parse(&body).unwrap().length, Some(TARBALL.len() as u64));
    body["_attachments"]["@a/b-1.0.0.sigstore"]["data"] = json!("{");
    assert!(parse(&body).is_err());
    let attachments = body["_attachments"].as_object_mut().unwrap();
    attachments.remove("@a/b-1.0.0.tgz");
    attachments["@a/b-1.0.0.sigstore"]["data"] = json!("{}");
    assert!(parse(&body).unwrap_err().to_string().contains("no tarball"));
}

#[test]
fn a_body_that_does_not_agree_with_itself_is_refused() {
    let of = |place: &str| format!("`{place}` has to be");
    assert!(refusal(|body| body["_id"] = json!("other")).starts_with(&of("_id")));
    assert!(refusal(|body| body["name"] = json!("@a/c")).starts_with(&of("name")));
    assert!(refusal(|body| body["name"] = json!(1)).starts_with(&of("name")));
    let manifest = "versions/1.0.0";
    for (member, value) in [
        ("name", "@a/c"),
        ("version", "1.0.1"),
        ("_id", "@a/b@1.0.1"),
    ] {
        let refused = refusal(|body| body["versions"]["1.0.0"][member] = json!(value));
        assert!(
            refused.starts_with(&of(&format!("{manifest}/{member}"))),
            "{refused}"
        );
    }
    let second = |body: &mut Value| body["versions"]["1.0.1"] = body["versions"]["1.0.0"].clone();
    assert!(refusal(second).starts_with(&of("versions")));
    for version in ["v1.0.0", "1.0.0+build", "1.0", "latest", ""] {
        let refused = refusal(|body| {
            let manifest = body["versions"]["1.0.0"].clone();
            body["versions"] = json!({ version: manifest });
        });
        assert!(refused.starts_with(&of("versions")), "{version}: {refused}");
    }
    for tags in [
        json!({ "latest": "2.0.0" }),
        json!({ "1.x": "1.0.0" }),
        json!({ "": "1.0.0" }),
        json!({ "a=b": "1.0.0" }),
        json!({ "é": "1.0.0" }),
        json!({ "a".repeat(256): "1.0.0" }),
    ] {
        let refused = refusal(|body| body["dist-tags"] = tags.clone());
        assert!(refused.starts_with("`dist-tags/"), "{tags}: {refused}");
    }
    assert!(refusal(|body| body["access"] = json!("secret")).starts_with(&of("access")));
}

#[test]
fn what_is_missing_is_told() {
    let without = |name: &'static str| {
        refusal(|body| {
            body.as_object_mut().unwrap().remove(name);
        })
    };
    for (name, missing) in [
        ("name", "no `name`"),
        ("versions", "no version"),
        ("_attachments", "no tarball"),
    ] {
        let refused = without(name);
        assert!(
            refused.contains(missing) && refused.contains("A publish holds"),
            "{refused}"
        );
    }
    assert!(refusal(|body| body["_attachments"] = json!({})).contains("no tarball"));
    let no_data = |body: &mut Value| body["_attachments"] = json!({ "b.tgz": { "length": 1 } });
    assert!(refusal(no_data).contains("b.tgz/data"));
    let number = |body: &mut Value| body["_attachments"] = json!({ "b.tgz": { "data": 1 } });
    assert!(refusal(number).contains("_attachments/b.tgz/data"));
    for (text, attached) in [
        (r#"{"name":"x"}"#, Attached::Nothing),
        (r#"{"_attachments":{}}"#, Attached::Nothing),
        (r#"{"_attachments":null}"#, Attached::Nothing),
        (r#"{"_attachments":{"a":{}}}"#, Attached::Something),
    ] {
        assert_eq!(Document::attached(text.as_bytes()).unwrap(), attached);
    }
}

#[test]
fn twice_and_prototypes_are_refused() {
    let twice = publish().to_string().replacen('{', r#"{"name":"@a/b","#, 1);
    assert!(
        parse_text(&twice)
            .unwrap_err()
            .to_string()
            .contains("`name` stands")
    );
    let data = STANDARD.encode(TARBALL);
    for attachments in [
        format!(r#"{{"a.tgz":{{"data":"{data}"}},"b.tgz":{{"data":"{data}"}}}}"#),
        format!(r#"{{"a.tgz":{{"data":"{data}"}},"a.tgz":{{"data":"{data}"}}}}"#),
        format!(r#"{{"a.tgz":{{"data":"{data}","data":"{data}"}}}}"#),
    ] {
        let body = format!(r#"{{"name":"@a/b","_attachments":{attachments}}}"#);
        let fault = parse_text(&body).unwrap_err();
        assert!(matches!(fault, PublishFault::SecondTarball(_)), "{fault}");
    }
    for place in ["", "versions", "_attachments", "dist-tags"] {
        for name in ["__proto__", "constructor", "prototype"] {
            let mut body = publish();
            let object = match place {
                "" => &mut body,
                _ => &mut body[place],
            };
            object[name] = json!({});
            let fault = parse(&body).unwrap_err();
            let is_refused = matches!(
                fault,
                PublishFault::Prototype(_) | PublishFault::Member { .. }
            );
            assert!(is_refused, "{place}/{name}: {fault}");
        }
    }
    // Two roots, and names that only a reader of escapes knows.
    let hidden = format!(
        r#"{{"name":"@a/b","versions":{{"1.0.0":{{"name":"@a/b","version":"1.0.0"}}}},
        "_attachm\u0065nts":{{"a.tgz":{{"data":"{data}"}}}}}}"#
    );
    let fault = parse_text(&hidden).unwrap_err();
    assert!(matches!(fault, PublishFault::Unread(_)), "{fault}");
}

#[test]
fn bad_texts_are_refused() {
    for data in [
        "AAA", "A===", "AA=A", "AAAA=", "AA==AAAA", "A A=", "AA-_", "\\n", "\\u00e9", "é",
    ] {
        for piece_bytes in [1, 2, 1000] {
            let body = format!(r#"{{"_attachments":{{"a.tgz":{{"data":"{data}"}}}}}}"#);
            let fault = decode(body.as_bytes(), piece_bytes)
                .map(|_| ())
                .unwrap_err();
            assert!(matches!(fault, PublishFault::Base64), "{data}: {fault}");
        }
    }
}

#[test]
fn what_is_no_json_is_refused_however_it_is_cut() {
    for body in [
        "",
        "null",
        "[]",
        "\"\"",
        "{",
        "{}}",
        "{]",
        "}{",
        "{\"a\"",
        "{\"a\":\"",
        "\u{1}",
    ] {
        let fault = parse_text(body).unwrap_err();
        assert!(
            matches!(fault, PublishFault::Malformed(_)),
            "{body}: {fault}"
        );
    }
    let whole = publish().to_string();
    for end in 0..whole.len() {
        if whole.is_char_boundary(end) {
            assert!(parse_text(&whole[..end]).is_err(), "cut at {end}");
        }
    }
    assert!(matches!(
        parse_text(&"[".repeat(1000)),
        Err(PublishFault::Deep)
    ));
    let long = format!("{{\"a\":\"{}\"", "x".repeat(17 << 20));
    assert!(matches!(parse_text(&long), Err(PublishFault::Long)));
}
