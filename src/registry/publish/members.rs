//! A JSON object's members in their order, each value as it was written.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fault::PublishFault;

/// The members of an object; no name twice, none that JavaScript takes for something else.
#[derive(Debug)]
pub(super) struct Members<'d>(Vec<(String, &'d RawValue)>);

impl<'d> Members<'d> {
    /// Reads an object.
    pub(super) fn parse(place: &str, text: &'d str) -> Result<Members<'d>, PublishFault> {
        let read: Result<Members<'d>, _> = serde_json::from_str(text);
        let members = read.map_err(|error| match place.is_empty() {
            true => PublishFault::Malformed(error.to_string()),
            false => PublishFault::Member {
                place: place.to_owned(),
                expected: format!("an object ({error})"),
            },
        })?;
        let mut names: Vec<&str> = members.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(PublishFault::Duplicate(shown(place, pair[0])));
        }
        let odd = names.iter().find(|name| PROTOTYPE.contains(name));
        match odd {
            Some(name) => Err(PublishFault::Prototype(shown(place, name))),
            None => Ok(members),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'d RawValue)> {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }

    pub(super) fn value(&self, name: &str) -> Option<&'d RawValue> {
        let found = self.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value)
    }

    /// A member that is a text, where it is there and not null.
    pub(super) fn text(&self, place: &str, name: &str) -> Result<Option<String>, PublishFault> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        serde_json::from_str(value.get()).map_err(|_| PublishFault::Member {
            place: shown(place, name),
            expected: "a text".to_owned(),
        })
    }

    /// The members of a member, where it is there and not null.
    pub(super) fn object(
        &self,
        place: &str,
        name: &str,
    ) -> Result<Option<Members<'d>>, PublishFault> {
        match self.value(name).map(RawValue::get) {
            None | Some("null") => Ok(None),
            Some(text) => Members::parse(&shown(place, name), text).map(Some),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'de>, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if members.len() == MEMBERS_MAX {
                        return Err(A::Error::custom("it has too many members"));
                    }
                    members.push((name, map.next_value()?));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

fn shown(place: &str, name: &str) -> String {
    match place.is_empty() {
        true => name.to_owned(),
        false => format!("{place}/{name}"),
    }
}

const PROTOTYPE: [&str; 3] = ["__proto__", "constructor", "prototype"];
const MEMBERS_MAX: usize = 100_000;
