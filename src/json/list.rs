//! Lists with bounds.

use std::ops::Deref;

use serde::Serialize;
use serde_json::{Value, json};

use super::fault::{At, Faults};
use super::schema::{Describe, Schemas};
use super::shape::{Raw, Read};

/// `MIN` to `MAX` elements; in a query they stand in one parameter with commas between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct List<T, const MIN: usize, const MAX: usize>(Vec<T>);

impl<T, const MIN: usize, const MAX: usize> List<T, MIN, MAX> {
    /// The elements on their own.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MIN: usize, const MAX: usize> Deref for List<T, MIN, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Read, const MIN: usize, const MAX: usize> Read for List<T, MIN, MAX> {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<Self> {
        let values: Vec<Raw<'_, '_>> = match raw {
            Raw::Text(text) => text.split(',').map(Raw::Text).collect(),
            Raw::Json(value) => {
                let Some(array) = value.as_array() else {
                    faults.add(at, "type", "must be an array");
                    return None;
                };
                array.iter().map(Raw::Json).collect()
            }
        };
        if !(MIN..=MAX).contains(&values.len()) {
            faults.add(at, "length", format!("must have {MIN} to {MAX} elements"));
            return None;
        }
        let read: Vec<Option<T>> = values
            .into_iter()
            .enumerate()
            .map(|(index, value)| T::read(value, &At::Index(at, index), faults))
            .collect();
        read.into_iter().collect::<Option<Vec<T>>>().map(List)
    }
}

impl<T: Describe, const MIN: usize, const MAX: usize> Describe for List<T, MIN, MAX> {
    fn schema(schemas: &mut Schemas) -> Value {
        let items = T::schema(schemas);
        json!({ "type": "array", "items": items, "minItems": MIN, "maxItems": MAX })
    }
}
