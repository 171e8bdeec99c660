//! Free-form JSON objects: kept as they are, with bounds.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use simd_json::prelude::*;

use crate::limits::DOCUMENT_BYTES_MAX;

use super::fault::{At, Faults};
use super::schema::{Describe, Schemas};
use super::shape::{Raw, Read};

/// A JSON object whose members nobody prescribes, as compact text of at most
/// [`DOCUMENT_BYTES_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document(String);

impl Document {
    /// What a store kept of one.
    pub fn from_stored(text: String) -> Document {
        Document(text)
    }

    /// The compact text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Document {
    fn default() -> Document {
        Document("{}".to_owned())
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl Read for Document {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<Document> {
        let value = match raw {
            Raw::Json(value) if value.is_object() => value,
            Raw::Json(_) | Raw::Text(_) => {
                faults.add(at, "type", "must be an object");
                return None;
            }
        };
        let text = value.encode();
        if text.len() > DOCUMENT_BYTES_MAX {
            let detail = format!("must be at most {DOCUMENT_BYTES_MAX} bytes of compact JSON");
            faults.add(at, "length", detail);
            return None;
        }
        Some(Document(text))
    }
}

impl Describe for Document {
    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "object" })
    }
}
