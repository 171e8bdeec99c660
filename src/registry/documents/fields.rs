//! JSON objects as pieces of their text: names and values where they lie, nothing made into a tree.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::limits::OBJECT_FIELDS_MAX;

/// The fields of an object in the order of its text; a name that comes twice is there twice.
#[derive(Clone, Debug, Default)]
pub struct Fields<'t>(pub Vec<(Cow<'t, str>, &'t RawValue)>);

/// A name, borrowed unless it has escapes.
pub(super) struct Name<'t>(pub(super) Cow<'t, str>);

/// How many fields may be read, of all objects of a document together.
pub(super) struct Allowance {
    max: usize,
    left: Cell<usize>,
    is_exceeded: Cell<bool>,
}

/// An object that is read within an allowance.
pub(super) struct Within<'a>(pub(super) &'a Allowance);

impl Allowance {
    pub(super) fn new(max: usize) -> Allowance {
        Allowance {
            max,
            left: Cell::new(max),
            is_exceeded: Cell::new(false),
        }
    }

    /// Takes one of so many in its object.
    pub(super) fn take<E: Error>(&self, number: usize) -> Result<(), E> {
        let (max, left) = (self.max, self.left.get());
        if left == 0 {
            self.is_exceeded.set(true);
            return Err(E::custom(format!("it has more than {max} fields")));
        }
        if number > OBJECT_FIELDS_MAX {
            self.is_exceeded.set(true);
            let fault = format!("an object in it has more than {OBJECT_FIELDS_MAX} fields");
            return Err(E::custom(fault));
        }
        self.left.set(left - 1);
        Ok(())
    }

    /// Whether there were more.
    pub(super) fn is_exceeded(&self) -> bool {
        self.is_exceeded.get()
    }
}

impl<'t> Fields<'t> {
    /// The fields of an object.
    ///
    /// # Errors
    /// The text is no JSON object, or has more fields than are taken apart.
    pub fn of(text: &'t str) -> Result<Fields<'t>, serde_json::Error> {
        Fields::within(text, &Allowance::new(OBJECT_FIELDS_MAX))
    }

    /// As [`Fields::of`], of a document's allowance.
    pub(super) fn within(
        text: &'t str,
        allowance: &Allowance,
    ) -> Result<Fields<'t>, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let fields = Within(allowance).deserialize(&mut reader)?;
        reader.end()?;
        Ok(fields)
    }

    /// The text of a field; the last of its name, as parsers of objects see it.
    pub fn text(&self, name: &str) -> Option<&'t str> {
        let found = self.0.iter().rev().find(|(field, _)| field == name);
        found.map(|(_, value)| value.get())
    }

    /// A field that is a string.
    pub fn string(&self, name: &str) -> Option<Cow<'t, str>> {
        self.text(name).and_then(string)
    }

    /// A field that is an object.
    pub fn object(&self, name: &str) -> Option<Fields<'t>> {
        Fields::of(self.text(name)?).ok()
    }
}

/// The value of a JSON string.
pub fn string(text: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Name<'_>>(text)
        .ok()
        .map(|name| name.0)
}

/// Appends a JSON string.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a string is written to memory");
}

/// Writes an object field by field.
pub struct ObjectWriter<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> ObjectWriter<'o> {
    /// Opens an object.
    pub fn open(out: &'o mut Vec<u8>) -> ObjectWriter<'o> {
        out.push(b'{');
        ObjectWriter {
            out,
            is_empty: true,
        }
    }

    /// Begins a field; its value has to follow.
    pub fn name(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        write_string(name, self.out);
        self.out.push(b':');
        self.out
    }

    /// Adds a field whose value is the text of some JSON.
    pub fn json(&mut self, name: &str, text: &str) {
        self.name(name).extend_from_slice(text.as_bytes());
    }

    /// Adds a field that is a string.
    pub fn string(&mut self, name: &str, text: &str) {
        write_string(text, self.name(name));
    }

    /// Closes the object.
    pub fn close(self) {
        self.out.push(b'}');
    }
}

impl<'de: 't, 't> Deserialize<'de> for Name<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Owned(text.to_owned())))
    }
}

impl<'de> DeserializeSeed<'de> for Within<'_> {
    type Value = Fields<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Fields<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Within<'_> {
    type Value = Fields<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some((name, value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
            self.0.take(fields.len() + 1)?;
            fields.push((name.0, value));
        }
        Ok(Fields(fields))
    }
}
