//! Shapes: structs that are read from JSON or a query, written as JSON, and described, all from
//! one declaration.

use serde_json::{Map, Value as Schema, json};
use simd_json::prelude::*;
use simd_json::tape::Value;

use super::fault::{At, Faults};
use super::schema::{Describe, Schemas};

/// A type of field that can be read.
pub trait Read: Sized {
    /// Reads one value. Every fault is noted; nothing comes back where there was one.
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<Self>;

    /// What a field that is not there stands for; nothing where it is required.
    fn absent() -> Option<Self> {
        None
    }
}

/// A value as it came.
#[derive(Clone, Copy, Debug)]
pub enum Raw<'t, 'i> {
    /// From a body.
    Json(Value<'t, 'i>),
    /// From a query, percent-decoded.
    Text(&'t str),
}

impl<'t, 'i> Raw<'t, 'i> {
    /// The text, where it is one.
    pub fn text(self) -> Option<&'t str>
    where
        'i: 't,
    {
        match self {
            Raw::Json(value) => value.into_string(),
            Raw::Text(text) => Some(text),
        }
    }

    /// The whole number, where it is one: a JSON number whose fraction is zero (`1.0` is one in
    /// JSON Schema, draft 2020-12, section 6.1.1), or decimal digits.
    pub fn integer(self) -> Option<i64> {
        match self {
            Raw::Json(value) => value.as_i64().or_else(|| whole(value.as_f64()?)),
            Raw::Text(text) => text.parse().ok(),
        }
    }

    /// The boolean, where it is one.
    pub fn boolean(self) -> Option<bool> {
        match self {
            Raw::Json(value) => value.as_bool(),
            Raw::Text("true" | "1") => Some(true),
            Raw::Text("false" | "0") => Some(false),
            Raw::Text(_) => None,
        }
    }

    /// Whether it is JSON's `null`.
    pub fn is_null(self) -> bool {
        matches!(self, Raw::Json(value) if value.is_null())
    }
}

/// The integer that a float is exactly.
fn whole(number: f64) -> Option<i64> {
    let is_whole = number.fract() == 0.0 && number.abs() <= EXACT_MAX;
    is_whole.then_some(number as i64)
}

/// Up to here each integer is a float of its own: 2 to the 53.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// A struct made by [`shape!`](crate::shape) that can be read.
pub trait Object: Sized {
    /// Its fields while they are read.
    type Partial: Fields<Whole = Self>;
    /// The name, type's schema and necessity of each field, flattened ones included.
    fn properties(schemas: &mut Schemas, into: &mut Vec<Property>);
}

/// One field as a schema describes it.
#[derive(Debug)]
pub struct Property {
    /// The name.
    pub name: &'static str,
    /// The schema.
    pub schema: Schema,
    /// Whether it must be there.
    pub is_required: bool,
}

/// The fields of an object while they are read.
pub trait Fields: Default {
    /// What they become.
    type Whole;
    /// Takes a member if it is one of the fields; says whether it was.
    fn offer(&mut self, name: &str, raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> bool;
    /// The object, unless a field was at fault or is missing, which is noted.
    fn finish(self, parent: &At<'_>, faults: &mut Faults) -> Option<Self::Whole>;
}

/// One field while its object is read.
#[derive(Debug, Default)]
pub enum Slot<T> {
    /// It was not seen.
    #[default]
    Absent,
    /// It was seen and is at fault, which is noted.
    Faulty,
    /// It was read.
    Read(T),
}

impl<T: Read> Slot<T> {
    /// Reads the field; a second one of the same name is a fault.
    pub fn fill(&mut self, raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) {
        if !matches!(self, Slot::Absent) {
            faults.add(at, "duplicate", "is there twice");
            *self = Slot::Faulty;
            return;
        }
        *self = match T::read(raw, at, faults) {
            Some(value) => Slot::Read(value),
            None => Slot::Faulty,
        };
    }

    /// The field's value; one that is missing is noted.
    pub fn take(self, at: &At<'_>, faults: &mut Faults) -> Option<T> {
        match self {
            Slot::Read(value) => Some(value),
            Slot::Faulty => None,
            Slot::Absent => {
                let value = T::absent();
                if value.is_none() {
                    faults.add(at, "required", "is required");
                }
                value
            }
        }
    }
}

/// Reads an object's members into its fields; members of other names are faults.
pub fn read_object<T: Object>(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<T> {
    let Raw::Json(value) = raw else {
        faults.add(at, "type", "cannot be given in a query");
        return None;
    };
    let Some(object) = value.as_object() else {
        faults.add(at, "type", "must be an object");
        return None;
    };
    let mut fields = T::Partial::default();
    let mut is_known = true;
    for (name, member) in &object {
        let place = At::Key(at, name);
        if !fields.offer(name, Raw::Json(member), &place, faults) {
            faults.add(&place, "unknown_field", "is not a field of this object");
            is_known = false;
        }
    }
    fields.finish(at, faults).filter(|_| is_known)
}

/// The schema of an object from those of its fields.
pub fn object_schema(properties: Vec<Property>, doc: &[&str]) -> Schema {
    let required: Vec<_> = properties
        .iter()
        .filter(|property| property.is_required)
        .map(|property| property.name)
        .collect();
    let members: Map<String, Schema> = properties
        .into_iter()
        .map(|property| (property.name.to_owned(), property.schema))
        .collect();
    let mut schema = json!({ "type": "object", "properties": members });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if !doc.is_empty() {
        schema["description"] = json!(joined(doc));
    }
    schema
}

/// The property of one field.
pub fn property<T: Describe>(name: &'static str, doc: &[&str], schemas: &mut Schemas) -> Property {
    let mut schema = T::schema(schemas);
    if !doc.is_empty() {
        schema["description"] = json!(joined(doc));
    }
    Property {
        name,
        schema,
        is_required: !T::IS_OPTIONAL,
    }
}

/// The lines of a doc comment as one text.
fn joined(doc: &[&str]) -> String {
    let lines: Vec<_> = doc.iter().map(|line| line.trim()).collect();
    lines.join(" ")
}

/// Declares a struct whose fields are read, written or both, with a schema.
///
/// `reads` makes it a request's body or query: every fault is told at once, each with its place.
/// `writes` makes it a reply's body. `..pub name: Type` at the end takes in another shape's fields.
///
/// ```
/// thirteen::shape! {
///     /// What `POST /shelves` takes.
///     pub struct CreateShelf reads {
///         /// Shown to customers.
///         pub name: thirteen::json::Text<1, 80>,
///         pub height_mm: Option<thirteen::json::Int<1, 4000>>,
///     }
/// }
/// let mut body = br#"{"height_mm": 0, "nmae": ""}"#.to_vec();
/// let faults = thirteen::json::read_body::<CreateShelf>(&mut body).err().unwrap();
/// assert_eq!(faults.pointers(), ["/height_mm", "/nmae", "/name"]);
/// ```
#[macro_export]
macro_rules! shape {
    ($(#[doc = $doc:literal])* $vis:vis struct $name:ident reads writes $fields:tt) => {
        $crate::shape!(@struct [#[derive(Clone, Debug, ::serde::Serialize)]]
            [$($doc)*] $vis $name $fields);
        $crate::shape!(@reads [$($doc)*] $vis $name $fields { "additionalProperties": false });
    };
    ($(#[doc = $doc:literal])* $vis:vis struct $name:ident reads $fields:tt) => {
        $crate::shape!(@struct [#[derive(Clone, Debug)]] [$($doc)*] $vis $name $fields);
        $crate::shape!(@reads [$($doc)*] $vis $name $fields { "additionalProperties": false });
    };
    ($(#[doc = $doc:literal])* $vis:vis struct $name:ident writes $fields:tt) => {
        $crate::shape!(@struct [#[derive(Clone, Debug, ::serde::Serialize)]]
            [$($doc)*] $vis $name $fields);
        $crate::shape!(@describes [$($doc)*] $name $fields {});
    };
    (@struct [$(#[$derive:meta])*] [$($doc:literal)*] $vis:vis $name:ident {
        $($(#[doc = $field_doc:literal])* $field_vis:vis $field:ident: $type:ty,)*
        $(..$flat_vis:vis $flat:ident: $flat_type:ty $(,)?)?
    }) => {
        $(#[doc = $doc])*
        $(#[$derive])*
        #[allow(missing_docs, reason = "a field's name and type say what it is")]
        $vis struct $name {
            $($(#[doc = $field_doc])* $field_vis $field: $type,)*
            $($flat_vis $flat: $flat_type,)?
        }
    };
    (@describes [$($doc:literal)*] $name:ident {
        $($(#[doc = $field_doc:literal])* $field_vis:vis $field:ident: $type:ty,)*
        $(..$flat_vis:vis $flat:ident: $flat_type:ty $(,)?)?
    } { $($extra:tt)* }) => {
        impl $crate::json::Describe for $name {
            fn schema(schemas: &mut $crate::json::Schemas) -> ::serde_json::Value {
                schemas.reference(stringify!($name), |schemas| {
                    let properties = vec![$($crate::json::property::<$type>(
                        stringify!($field), &[$($field_doc),*], schemas,
                    ),)*];
                    $(let properties = {
                        let mut properties = properties;
                        <$flat_type as $crate::json::Object>::properties(schemas, &mut properties);
                        properties
                    };)?
                    let mut schema = $crate::json::object_schema(properties, &[$($doc),*]);
                    let extra = ::serde_json::json!({ $($extra)* });
                    $crate::json::merge(&mut schema, extra);
                    schema
                })
            }
        }
    };
    (@reads [$($doc:literal)*] $vis:vis $name:ident {
        $($(#[doc = $field_doc:literal])* $field_vis:vis $field:ident: $type:ty,)*
        $(..$flat_vis:vis $flat:ident: $flat_type:ty $(,)?)?
    } { $($extra:tt)* }) => {
        $crate::shape!(@describes [$($doc)*] $name {
            $($(#[doc = $field_doc])* $field_vis $field: $type,)*
            $(..$flat_vis $flat: $flat_type)?
        } { $($extra)* });
        impl $crate::json::Read for $name {
            fn read(
                raw: $crate::json::Raw<'_, '_>,
                at: &$crate::json::At<'_>,
                faults: &mut $crate::json::Faults,
            ) -> Option<Self> {
                $crate::json::read_object(raw, at, faults)
            }
        }
        const _: () = {
            #[derive(Default)]
            #[allow(missing_docs, unreachable_pub, reason = "it cannot be named from outside")]
            $vis struct Partial {
                $($field: $crate::json::Slot<$type>,)*
                $($flat: <$flat_type as $crate::json::Object>::Partial,)?
            }
            impl $crate::json::Fields for Partial {
                type Whole = $name;
                fn offer(
                    &mut self,
                    name: &str,
                    raw: $crate::json::Raw<'_, '_>,
                    at: &$crate::json::At<'_>,
                    faults: &mut $crate::json::Faults,
                ) -> bool {
                    $(if name == stringify!($field) {
                        self.$field.fill(raw, at, faults);
                        return true;
                    })*
                    $(if $crate::json::Fields::offer(&mut self.$flat, name, raw, at, faults) {
                        return true;
                    })?
                    false
                }
                fn finish(
                    self,
                    parent: &$crate::json::At<'_>,
                    faults: &mut $crate::json::Faults,
                ) -> Option<$name> {
                    $(let $field = self.$field.take(
                        &$crate::json::At::Key(parent, stringify!($field)), faults,
                    );)*
                    $(let $flat = $crate::json::Fields::finish(self.$flat, parent, faults);)?
                    Some($name { $($field: $field?,)* $($flat: $flat?,)? })
                }
            }
            impl $crate::json::Object for $name {
                type Partial = Partial;
                fn properties(
                    schemas: &mut $crate::json::Schemas,
                    into: &mut Vec<$crate::json::Property>,
                ) {
                    $(into.push($crate::json::property::<$type>(
                        stringify!($field), &[$($field_doc),*], schemas,
                    ));)*
                    $(<$flat_type as $crate::json::Object>::properties(schemas, into);)?
                }
            }
        };
    };
}
