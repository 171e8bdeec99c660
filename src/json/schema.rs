//! Schemas of shapes (JSON Schema, draft 2020-12, the dialect of OpenAPI 3.1).

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A type that has a schema.
pub trait Describe {
    /// Whether an object is whole without a field of this type.
    const IS_OPTIONAL: bool = false;

    /// The schema, or a reference to it.
    fn schema(schemas: &mut Schemas) -> Value;
}

/// The schemas with a name, collected for `#/components/schemas`.
#[derive(Debug, Default)]
pub struct Schemas {
    named: BTreeMap<&'static str, Value>,
}

impl Schemas {
    /// A reference to the schema of this name, which is made where it is not there.
    pub fn reference(
        &mut self,
        name: &'static str,
        make: impl FnOnce(&mut Schemas) -> Value,
    ) -> Value {
        if !self.named.contains_key(name) {
            // Takes the place first, so that a shape which holds itself ends.
            self.named.insert(name, Value::Null);
            let schema = make(self);
            self.named.insert(name, schema);
        }
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    /// All of them.
    pub fn into_components(self) -> Value {
        self.named
            .into_iter()
            .map(|(name, schema)| (name.to_owned(), schema))
            .collect()
    }
}

/// Adds members to a schema.
pub fn merge(schema: &mut Value, extra: Value) {
    if let (Value::Object(schema), Value::Object(extra)) = (schema, extra) {
        schema.extend(extra);
    }
}

impl<T: Describe> Describe for Option<T> {
    const IS_OPTIONAL: bool = true;

    fn schema(schemas: &mut Schemas) -> Value {
        nullable(T::schema(schemas))
    }
}

/// The schema of a value or null.
pub(super) fn nullable(schema: Value) -> Value {
    match schema.get("type") {
        Some(Value::String(kind)) if schema.get("enum").is_none() => {
            let mut schema = schema.clone();
            schema["type"] = json!([kind, "null"]);
            schema
        }
        _ => json!({ "anyOf": [schema, { "type": "null" }] }),
    }
}

impl<T: Describe> Describe for Vec<T> {
    fn schema(schemas: &mut Schemas) -> Value {
        json!({ "type": "array", "items": T::schema(schemas) })
    }
}

impl<T: Describe> Describe for Box<T> {
    const IS_OPTIONAL: bool = T::IS_OPTIONAL;

    fn schema(schemas: &mut Schemas) -> Value {
        T::schema(schemas)
    }
}

impl Describe for String {
    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "string" })
    }
}

impl Describe for &'static str {
    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "string" })
    }
}

impl Describe for bool {
    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "boolean" })
    }
}

impl Describe for i64 {
    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "integer", "format": "int64" })
    }
}

impl Describe for u64 {
    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "integer", "format": "int64", "minimum": 0 })
    }
}

impl Describe for f64 {
    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "number" })
    }
}
