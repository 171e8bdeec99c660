//! Ids of everything that is stored: UUIDs of version 7 (RFC 9562), which sort by their time.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::json::{At, Describe, Faults, Raw, Read, Schemas};
use crate::store::{self, FromValue, ToValue};

/// The id of one stored thing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(Uuid);

/// A text that is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnId;

impl Id {
    /// A fresh id of this moment.
    pub fn fresh() -> Id {
        Id(Uuid::now_v7())
    }

    /// The id of a moment with these random bits: for data that is made to repeat.
    pub fn of(unix_ms: u64, random: [u8; 10]) -> Id {
        Id(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
    }

    /// The bytes, in the order of the text.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The text, in 36 lower-case characters.
    pub fn text(&self) -> IdText {
        let mut text = [0; TEXT_BYTES];
        self.0.hyphenated().encode_lower(&mut text);
        IdText(text)
    }
}

/// An id as text, on the stack.
#[derive(Clone, Copy)]
pub struct IdText([u8; TEXT_BYTES]);

impl std::ops::Deref for IdText {
    type Target = str;

    fn deref(&self) -> &str {
        str::from_utf8(&self.0).expect("hex digits and hyphens are ASCII")
    }
}

impl FromStr for Id {
    type Err = NotAnId;

    /// Takes the hyphenated form of 36 characters alone, in either case.
    fn from_str(text: &str) -> Result<Id, NotAnId> {
        if text.len() != TEXT_BYTES {
            return Err(NotAnId);
        }
        Uuid::try_parse(text).map(Id).map_err(|_| NotAnId)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text())
    }
}

impl fmt::Display for NotAnId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("must be a UUID of 36 characters")
    }
}

impl std::error::Error for NotAnId {}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl Read for Id {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<Id> {
        let id = raw.text().and_then(|text| text.parse().ok());
        if id.is_none() {
            faults.add(at, "format", NotAnId.to_string());
        }
        id
    }
}

impl ToValue for IdText {
    fn to_value(&self) -> store::Value<'_> {
        store::Value::Text(self)
    }
}

impl Describe for Id {
    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "string", "format": "uuid" })
    }
}

impl ToValue for Id {
    fn to_value(&self) -> store::Value<'_> {
        store::Value::Made(self.text().0)
    }
}

impl FromValue for Id {
    fn from_value(value: store::Value<'_>) -> Option<Id> {
        value.as_text()?.parse().ok()
    }
}

/// Characters of an id.
const TEXT_BYTES: usize = 36;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_their_time_and_read_back() {
        let earlier = Id::of(1_700_000_000_000, [0xff; 10]);
        let later = Id::of(1_700_000_000_001, [0; 10]);
        assert!(earlier < later && *earlier.text() < *later.text());
        let text = later.to_string();
        assert_eq!(text.parse(), Ok(later));
        assert_eq!(text.to_uppercase().parse(), Ok(later));
        assert_eq!(text.as_bytes()[14], b'7', "the version");
    }

    #[test]
    fn ids_are_stored_as_their_text() {
        let id = Id::fresh();
        assert_eq!(id.to_value(), store::Value::Made(id.text().0));
        let text = id.to_string();
        assert_eq!(Id::from_value(text.to_value()), Some(id));
        assert_eq!(Id::from_value("7".to_value()), None);
    }

    #[test]
    fn other_forms_of_uuids_are_refused() {
        let id = Id::fresh().to_string();
        for text in [
            "",
            "7",
            &id[1..],
            &id.replace('-', ""),
            &format!("{{{id}}}"),
        ] {
            assert_eq!(text.parse::<Id>(), Err(NotAnId), "{text}");
        }
    }
}
