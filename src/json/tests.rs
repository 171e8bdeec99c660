//! Shapes as handlers use them.

use super::*;

crate::choice! {
    pub(super) enum Colour { Red = "red", Green = "green" }
}

crate::shape! {
    pub(super) struct Inner reads writes {
        pub(super) size: Int<1, 9>,
    }
}

crate::shape! {
    /// A thing.
    pub(super) struct Thing reads writes {
        /// Shown.
        pub(super) name: Text<1, 5>,
        pub(super) slug: Option<Slug>,
        pub(super) at: Option<Time>,
        pub(super) colour: Option<Colour>,
        pub(super) inner: List<Inner, 0, 2>,
        pub(super) more: Option<Document>,
    }
}

crate::shape! {
    pub(super) struct Update reads {
        pub(super) slug: Change<Slug>,
        pub(super) flag: Option<bool>,
    }
}

crate::shape! {
    pub(super) struct Paging reads {
        pub(super) limit: Option<Int<1, 100>>,
    }
}

crate::shape! {
    pub(super) struct Search reads {
        pub(super) colours: Option<List<Colour, 1, 2>>,
        ..pub(super) paging: Paging
    }
}

fn read<T: Read>(text: &str) -> Result<T, BodyFault> {
    read_body(&mut text.as_bytes().to_vec())
}

fn faults<T: Read>(text: &str) -> Vec<(String, &'static str)> {
    match read::<T>(text) {
        Err(BodyFault::Shape(faults)) => faults
            .into_iter()
            .map(|fault| (fault.pointer, fault.code))
            .collect(),
        Err(BodyFault::Malformed(cause)) => panic!("{text} is malformed: {cause}"),
        Ok(_) => Vec::new(),
    }
}

#[test]
fn a_whole_object_reads_and_writes_back() {
    let text = r#"{"name":"ab","slug":"a-1","at":"2026-01-31T13:00:00+01:00","colour":"red",
        "inner":[{"size":1},{"size":9}],"more":{"a":[1,"\u00e9",null],"b":{}}}"#;
    let thing: Thing = read(text).unwrap();
    assert_eq!(thing.at, Some(Time(1_769_860_800_000)));
    assert_eq!(
        serde_json::to_string(&thing).unwrap(),
        concat!(
            r#"{"name":"ab","slug":"a-1","at":"2026-01-31T12:00:00.000Z","colour":"red","#,
            r#""inner":[{"size":1},{"size":9}],"more":{"a":[1,"é",null],"b":{}}}"#
        )
    );
}

#[test]
fn every_fault_is_told_with_its_place() {
    let text = r#"{"slug":"A","at":"soon","colour":7,"inner":[{"size":0},{"sizes":1}],
        "more":[],"x/y":1,"slug":"b"}"#;
    let expected = [
        ("/slug", "format"),
        ("/at", "format"),
        ("/colour", "choice"),
        ("/inner/0/size", "range"),
        ("/inner/1/sizes", "unknown_field"),
        ("/inner/1/size", "required"),
        ("/more", "type"),
        ("/x~1y", "unknown_field"),
        ("/slug", "duplicate"),
        ("/name", "required"),
    ];
    assert_eq!(
        faults::<Thing>(text),
        expected.map(|(pointer, code)| (pointer.to_owned(), code))
    );
}

#[test]
fn texts_keep_their_bounds() {
    let name = |name: &str| {
        let text = serde_json::json!({ "name": name, "inner": [] }).to_string();
        faults::<Thing>(&text)
            .into_iter()
            .map(|(_, code)| code)
            .next()
    };
    assert_eq!(name("ééééé"), None);
    assert_eq!(name("a\nb"), None);
    assert_eq!(name("éééééé"), Some("length"));
    assert_eq!(name(""), Some("length"));
    assert_eq!(name(" a"), Some("space"));
    assert_eq!(name("a\0b"), Some("characters"));
}

#[test]
fn numbers_are_whole() {
    for text in ["1.5", "1e-1", "\"1\"", "null", "true"] {
        let text = format!(r#"{{"size":{text}}}"#);
        assert_eq!(
            faults::<Inner>(&text),
            [("/size".to_owned(), "type")],
            "{text}"
        );
    }
}

#[test]
fn a_number_without_a_fraction_is_whole_however_it_is_written() {
    for text in ["4", "4.0", "4e0", "0.4e1"] {
        let inner: Inner = read(&format!(r#"{{"size":{text}}}"#)).unwrap();
        assert_eq!(inner.size.value(), 4, "{text}");
    }
}

#[test]
fn an_update_keeps_clears_and_sets() {
    let slug = |text: &str| read::<Update>(text).unwrap().slug;
    assert_eq!(slug("{}"), Change::Keep);
    assert_eq!(slug(r#"{"slug":null}"#), Change::Clear);
    assert_eq!(
        slug(r#"{"slug":"a"}"#),
        Change::Set(Slug::parse("a").unwrap())
    );
    assert_eq!(faults::<Update>(r#"{"slug":1,"flag":1}"#).len(), 2);
    assert_eq!(read::<Update>(r#"{"flag":true}"#).unwrap().flag, Some(true));
}

#[test]
fn what_is_no_object_or_no_json_is_refused() {
    for text in [
        "",
        "{",
        "{]",
        "[1,]",
        "nul",
        "{\"size\":1}x",
        "{\"size\":01}",
        "\"\u{1}\"",
    ] {
        assert!(
            matches!(read::<Inner>(text), Err(BodyFault::Malformed(_))),
            "{text}"
        );
    }
    assert!(matches!(
        read_body::<Inner>(&mut [0x22, 0xff, 0x22]),
        Err(BodyFault::Malformed(_))
    ));
    for text in ["1", "null", "[]", "\"a\""] {
        assert_eq!(faults::<Inner>(text), [(String::new(), "type")], "{text}");
    }
    let deep = format!("{{\"more\":{}1{}}}", "[".repeat(1000), "]".repeat(1000));
    assert!(matches!(read::<Thing>(&deep), Err(BodyFault::Malformed(_))));
}

#[test]
fn a_query_reads_like_a_body() {
    let query = |pairs: &[(&str, &str)]| {
        read_query::<Search>(
            pairs
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into())),
        )
    };
    let search = query(&[("limit", "20"), ("colours", "red,green")]).unwrap();
    assert_eq!(search.paging.limit.map(Int::value), Some(20));
    assert_eq!(
        search.colours.unwrap().to_vec(),
        [Colour::Red, Colour::Green]
    );
    let faulty = query(&[
        ("limit", "0"),
        ("limits", "1"),
        ("colours", "blue"),
        ("limit", "1"),
    ]);
    assert_eq!(
        faulty.unwrap_err().pointers(),
        ["/limit", "/limits", "/colours/0", "/limit"]
    );
}

#[test]
fn a_shape_describes_itself() {
    let mut schemas = Schemas::default();
    let reference = Thing::schema(&mut schemas);
    assert_eq!(reference["$ref"], "#/components/schemas/Thing");
    let components = schemas.into_components();
    let thing = &components["Thing"];
    assert_eq!(thing["description"], "A thing.");
    assert_eq!(thing["required"], serde_json::json!(["name", "inner"]));
    assert_eq!(thing["additionalProperties"], false);
    assert_eq!(thing["properties"]["name"]["maxLength"], 5);
    assert_eq!(thing["properties"]["name"]["description"], "Shown.");
    assert_eq!(
        thing["properties"]["slug"]["type"],
        serde_json::json!(["string", "null"])
    );
    assert_eq!(components["Inner"]["properties"]["size"]["maximum"], 9);
}
