//! The configuration as JSON: what `/api/config` reads and writes.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use thirteen_kernels::config::{ConfigState, DUMP_BYTES, Field, parse_dump, write_dump};

use super::change::{Change, Form, Patch};

/// Why a body asks for no change.
#[derive(Debug)]
pub enum BodyFault {
    /// It is not one JSON object.
    Malformed(serde_json::Error),
    /// Some of its fields are at fault; none is changed.
    Fields(Vec<FieldFault>),
}

/// What is wrong with a field of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// The field as the body names it, cut to [`NAME_BYTES_MAX`]; empty where the fault is in
    /// the body as a whole.
    pub field: String,
    /// What a program tells the fault by.
    pub code: &'static str,
    /// What it should be.
    pub message: Cow<'static, str>,
}

/// The body of `GET /api/config`.
pub fn config_body(state: &ConfigState, sequence: u64) -> String {
    let dump = write_dump(state);
    format!(
        "{{\"version\":{},\"registryHash\":{},\"featureFlags\":{},\"terminalMode\":{},\
         \"rows\":{},\"cols\":{},\"reserved\":{},\"dump\":\"{}\",\"sequence\":{sequence}}}",
        state.version(),
        state.registry_hash(),
        state.feature_flags(),
        state.value(Field::TerminalMode),
        state.rows(),
        state.cols(),
        state.reserved(),
        text_of_dump(&dump),
    )
}

/// A strong ETag for that body: the dump's digits and the sequence, which together are the body.
pub fn config_etag(state: &ConfigState, sequence: u64) -> String {
    let dump = write_dump(state);
    format!("\"{}-{sequence:x}\"", &text_of_dump(&dump)[2..])
}

/// The configuration and the sequence that an ETag stands for; `None` for one that is none of ours.
pub fn state_of_etag(etag: &[u8]) -> Option<(ConfigState, u64)> {
    let text = str::from_utf8(etag).ok()?;
    let (digits, sequence) = text.strip_prefix('"')?.strip_suffix('"')?.split_once('-')?;
    let state = parse_dump(format!("0x{digits}").as_bytes()).ok()?;
    let sequence = u64::from_str_radix(sequence, 16).ok()?;
    // The same numbers can be written in other ways, and a tag is compared byte by byte.
    (config_etag(&state, sequence) == text).then_some((state, sequence))
}

/// The body that acknowledges a change.
pub fn changed_body(sequence: u64) -> String {
    format!("{{\"success\":true,\"sequence\":{sequence}}}")
}

/// Reads the body of `POST /api/config`: an object with any of the seven fields.
///
/// Values are whole numbers; registryHash and featureFlags may also be text, `0x` and 1 to 8 hex
/// digits, as the settings file and the headers write them. A field that is unknown or comes
/// twice is a fault, and so is an object without any. The caller bounds the body's length.
pub fn change_of_body(body: &[u8]) -> Result<Change, BodyFault> {
    let Fields { patch, mut faults } =
        serde_json::from_slice(body).map_err(BodyFault::Malformed)?;
    if faults.is_empty() && patch.fields().is_empty() {
        faults.push(FieldFault {
            field: String::new(),
            code: "required",
            message: "no field is given".into(),
        });
    }
    if faults.is_empty() {
        Ok(Change::Set {
            form: Form::Bulk,
            patch,
        })
    } else {
        Err(BodyFault::Fields(faults))
    }
}

impl fmt::Display for BodyFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodyFault::Malformed(error) => write!(out, "not a JSON object: {error}"),
            BodyFault::Fields(faults) => {
                for (index, fault) in faults.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "; " };
                    write!(out, "{separator}{}: {}", fault.field, fault.message)?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for BodyFault {}

/// A body on its way to a change.
struct Fields {
    patch: Patch,
    faults: Vec<FieldFault>,
}

impl Fields {
    fn take(&mut self, field: Field, value: Value) {
        let set = match value {
            Value::Whole(value) => self.patch.with(field, value),
            Value::Hex(value) if takes_hex(field) => self.patch.with(field, value.into()),
            Value::Hex(_) | Value::Other => {
                return self.fault(field.name(), "range", field.range_text());
            }
        };
        match set {
            Ok(patch) => self.patch = patch,
            Err(_) => self.fault(field.name(), "range", field.range_text()),
        }
    }

    fn fault(&mut self, field: &str, code: &'static str, message: impl Into<Cow<'static, str>>) {
        // The bound keeps a body of many unknown names from being answered by a longer one.
        if self.faults.len() < FAULTS_MAX {
            let end = field.floor_char_boundary(NAME_BYTES_MAX);
            let field = field[..end].to_owned();
            self.faults.push(FieldFault {
                field,
                code,
                message: message.into(),
            });
        }
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object with fields of the configuration")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields {
                    patch: Patch::EMPTY,
                    faults: Vec::new(),
                };
                let mut seen = super::FieldSet::EMPTY;
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    let Some(field) = Field::from_name(&name) else {
                        map.next_value::<IgnoredAny>()?;
                        fields.fault(
                            &name,
                            "unknown_field",
                            "is not a field of the configuration",
                        );
                        continue;
                    };
                    let value = map.next_value::<Value>()?;
                    if seen.contains(field) {
                        fields.fault(&name, "duplicate", "is given twice");
                    } else {
                        seen = seen.with(field);
                        fields.take(field, value);
                    }
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// A value as far as a field could take it.
enum Value {
    Whole(u64),
    Hex(u32),
    Other,
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        struct ValueVisitor;

        impl<'de> Visitor<'de> for ValueVisitor {
            type Value = Value;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a value")
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
                Ok(Value::Whole(value))
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
                Ok(u32_of_hex(text).map_or(Value::Other, Value::Hex))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }
        }

        deserializer.deserialize_any(ValueVisitor)
    }
}

/// Whether a field may also be given as text: `0x` and digits.
pub fn takes_hex(field: Field) -> bool {
    match field {
        Field::RegistryHash | Field::FeatureFlags => true,
        Field::Version | Field::TerminalMode | Field::Rows | Field::Cols | Field::Reserved => false,
    }
}

/// The number of `0x` and 1 to 8 hexadecimal digits.
pub fn u32_of_hex(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0x")?;
    // `from_str_radix` would take a sign.
    let is_hex = matches!(digits.len(), 1..=8) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex
        .then(|| u32::from_str_radix(digits, 16).ok())
        .flatten()
}

fn text_of_dump(dump: &[u8; DUMP_BYTES]) -> &str {
    str::from_utf8(dump).expect("a dump is ASCII")
}

/// Faults that are told of one body.
const FAULTS_MAX: usize = 16;

/// The longest name that is told of.
pub const NAME_BYTES_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn state_of(body: &str) -> ConfigState {
        change_of_body(body.as_bytes())
            .unwrap()
            .apply(ConfigState::DEFAULT)
    }

    fn faults_of(body: &str) -> Vec<(String, String)> {
        match change_of_body(body.as_bytes()) {
            Err(BodyFault::Fields(faults)) => faults
                .into_iter()
                .map(|fault| (fault.field, fault.message.into_owned()))
                .collect(),
            Err(BodyFault::Malformed(error)) => panic!("{body}: {error}"),
            Ok(change) => panic!("{body} was taken: {change:?}"),
        }
    }

    #[test]
    fn the_defaults_read_as_documented() {
        let body = config_body(&ConfigState::DEFAULT, 12);
        assert_eq!(
            body,
            "{\"version\":1,\"registryHash\":2712847316,\"featureFlags\":7,\"terminalMode\":2,\
             \"rows\":24,\"cols\":80,\"reserved\":0,\
             \"dump\":\"0x01a1b2c3d40000000702185000\",\"sequence\":12}"
        );
        assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok());
        let etag = config_etag(&ConfigState::DEFAULT, 26);
        assert_eq!(etag, "\"01a1b2c3d40000000702185000-1a\"");
        assert_eq!(
            state_of_etag(etag.as_bytes()),
            Some((ConfigState::DEFAULT, 26))
        );
        assert_eq!(changed_body(7), "{\"success\":true,\"sequence\":7}");
    }

    #[test]
    fn only_our_etags_stand_for_a_state() {
        for etag in [
            "",
            "\"",
            "\"\"",
            "*",
            "\"other\"",
            "01a1b2c3d40000000702185000-1a",
            "W/\"01a1b2c3d40000000702185000-1a\"",
            "\"01A1B2C3D40000000702185000-1a\"",
            "\"01a1b2c3d40000000702185000-1A\"",
            "\"01a1b2c3d40000000702185000-01a\"",
            "\"01a1b2c3d40000000702185000-+1a\"",
            "\"01a1b2c3d40000000702185000-\"",
            "\"01a1b2c3d40000000702005000-1a\"",
            "\"0101a1b2c3d40000000702185000-1a\"",
            "\"01a1b2c3d40000000702185000-10000000000000000\"",
        ] {
            assert_eq!(state_of_etag(etag.as_bytes()), None, "{etag}");
        }
    }

    #[test]
    fn a_partial_object_sets_its_fields() {
        let state = state_of("{\"rows\": 50, \"terminalMode\": 3, \"reserved\": 0}");
        assert_eq!(
            (state.rows(), state.value(Field::TerminalMode), state.cols()),
            (50, 3, 80)
        );
        let change = change_of_body(b"{\"rows\":50}").unwrap();
        assert_eq!(change.fields(), super::super::FieldSet::of(Field::Rows));
        let full = "{\"version\":255,\"registryHash\":4294967295,\"featureFlags\":2047,\
                    \"terminalMode\":0,\"rows\":1,\"cols\":255,\"reserved\":0}";
        assert_eq!(
            state_of(full).to_bytes(),
            [255, 255, 255, 255, 255, 0, 0, 7, 255, 0, 1, 255, 0]
        );
        // A name may be written with escapes.
        assert_eq!(state_of("{\"r\\u006fws\":9}").rows(), 9);
    }

    #[test]
    fn hashes_and_flags_may_be_hexadecimal_text() {
        let state = state_of("{\"registryHash\":\"0xDEADbeef\",\"featureFlags\":\"0x7ff\"}");
        assert_eq!(
            (state.registry_hash(), state.feature_flags()),
            (0xdead_beef, 0x7ff)
        );
        for text in [
            "deadbeef",
            "0x",
            "0x123456789",
            "0x+1",
            "0X1",
            "0xg",
            "12",
            "",
        ] {
            let faults = faults_of(&format!("{{\"registryHash\":\"{text}\"}}"));
            assert_eq!(faults.len(), 1, "{text}");
        }
        assert_eq!(faults_of("{\"rows\":\"0x10\"}").len(), 1);
    }

    #[test]
    fn every_fault_is_told_and_nothing_is_taken() {
        let body = "{\"rows\":0,\"cols\":256,\"version\":1,\"colour\":{\"deep\":[1,{}]},\
                    \"featureFlags\":2048,\"version\":1,\"reserved\":1}";
        let expected = [
            ("rows", "rows must be 1 to 255"),
            ("cols", "cols must be 1 to 255"),
            ("colour", "is not a field of the configuration"),
            ("featureFlags", "featureFlags must have bits 11 to 31 clear"),
            ("version", "is given twice"),
            ("reserved", "reserved must be 0"),
        ];
        let expected: Vec<_> = expected
            .map(|(field, message)| (field.to_owned(), message.to_owned()))
            .into();
        assert_eq!(faults_of(body), expected);
    }

    #[test]
    fn values_that_are_no_whole_numbers_are_faults() {
        for value in [
            "-1",
            "1.0",
            "1e1",
            "null",
            "true",
            "\"24\"",
            "[]",
            "[1,[2]]",
            "{}",
            "{\"a\":{}}",
            "18446744073709551615",
            "18446744073709551616",
        ] {
            let faults = faults_of(&format!("{{\"rows\":{value},\"cols\":9}}"));
            assert_eq!(
                faults,
                [("rows".to_owned(), "rows must be 1 to 255".to_owned())]
            );
        }
    }

    #[test]
    fn depth_costs_nothing_and_is_a_fault() {
        for name in ["rows", "colour"] {
            let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
            let faults = faults_of(&format!("{{\"{name}\":{open}{close}}}"));
            assert_eq!((faults.len(), faults[0].0.as_str()), (1, name));
        }
    }

    #[test]
    fn an_object_without_fields_is_a_fault() {
        assert_eq!(
            faults_of("{}"),
            [(String::new(), "no field is given".to_owned())]
        );
    }

    #[test]
    fn what_is_told_is_bounded() {
        let names: Vec<_> = (0..100)
            .map(|n| format!("\"{n}{}\":0", "é".repeat(300)))
            .collect();
        let faults = faults_of(&format!("{{{}}}", names.join(",")));
        assert_eq!(faults.len(), FAULTS_MAX);
        assert!(
            faults
                .iter()
                .all(|(field, _)| field.len() <= NAME_BYTES_MAX)
        );
    }

    #[test]
    fn what_is_no_object_is_malformed() {
        let bodies = [
            "",
            "{",
            "[]",
            "null",
            "7",
            "\"rows\"",
            "{\"rows\":24",
            "{\"rows\":24}x",
            "{rows:24}",
            "{\"rows\":24,}",
            "{\"rows\" 24}",
            "{1:2}",
            "\u{feff}{}",
            "{\"rows\":024}",
        ];
        for body in bodies {
            let result = change_of_body(body.as_bytes());
            assert!(
                matches!(result, Err(BodyFault::Malformed(_))),
                "{body}: {result:?}"
            );
        }
        assert!(matches!(
            change_of_body(b"{\"\xff\":1}"),
            Err(BodyFault::Malformed(_))
        ));
    }
}
