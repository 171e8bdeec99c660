//! Reading what clients ask, in npm's two forms. Anybody may send one, so nothing of a body is
//! held but names, versions and two flags, and no more of those than an installation has.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::super::name::PackageName;
use super::rules::Question;
use crate::limits::ADVISORY_NAMES_MAX;

/// One package of a tree, after the one that it is below.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// The place of the one that it is below.
    pub(super) parent: Option<u32>,
    /// What the tree calls it.
    pub(super) name: String,
    /// Its version, where the tree tells it.
    pub(super) version: Option<String>,
    /// Whether it is there for development alone.
    pub(super) is_development: bool,
    /// Whether it may be left out.
    pub(super) is_optional: bool,
}

/// Reads the newer form: `{"name": ["version", …]}`. What is no name is known to nobody.
pub(super) fn question(body: &[u8]) -> Result<Question, String> {
    let mut told = Told {
        question: Question::new(),
        left: ADVISORY_NAMES_MAX,
    };
    read(body, Names(&mut told))?;
    Ok(told.question)
}

/// Reads the older form: a tree. How deep it may be is serde_json's to say: 128 brackets.
pub(super) fn nodes(body: &[u8]) -> Result<Vec<Node>, String> {
    let mut nodes = Vec::new();
    read(
        body,
        Package {
            nodes: &mut nodes,
            place: None,
        },
    )?;
    Ok(nodes)
}

fn read<'b>(body: &'b [u8], seed: impl DeserializeSeed<'b, Value = ()>) -> Result<(), String> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let done = seed.deserialize(&mut reader).and_then(|()| reader.end());
    done.map_err(|fault| fault.to_string())
}

struct Told {
    question: Question,
    left: usize,
}

impl Told {
    fn count<E: Error>(&mut self) -> Result<(), E> {
        self.left = self.left.checked_sub(1).ok_or_else(too_many)?;
        Ok(())
    }
}

struct Names<'t>(&'t mut Told);

impl<'de> DeserializeSeed<'de> for Names<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Names<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object of names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            self.0.count()?;
            let mut versions = BTreeSet::new();
            map.next_value_seed(Versions(self.0, &mut versions))?;
            if let Ok(name) = PackageName::parse_old(&name) {
                self.0.question.insert(name, versions);
            }
        }
        Ok(())
    }
}

struct Versions<'t>(&'t mut Told, &'t mut BTreeSet<String>);

impl<'de> DeserializeSeed<'de> for Versions<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Versions<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of versions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(version) = list.next_element()? {
            self.0.count()?;
            self.1.insert(version);
        }
        Ok(())
    }
}

/// What is of use in a package of a tree.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Field {
    Dependencies,
    Version,
    Dev,
    Optional,
    #[serde(other)]
    Other,
}

struct Package<'n> {
    nodes: &'n mut Vec<Node>,
    /// Nowhere: it is the whole.
    place: Option<u32>,
}

impl Package<'_> {
    fn node(&mut self) -> Option<&mut Node> {
        self.nodes.get_mut(self.place? as usize)
    }
}

impl<'de> DeserializeSeed<'de> for Package<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Package<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object that tells of a package")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(field) = map.next_key()? {
            match (field, self.place) {
                (Field::Dependencies, parent) => map.next_value_seed(Dependencies {
                    nodes: self.nodes,
                    parent,
                })?,
                (Field::Other, _) | (_, None) => drop(map.next_value::<IgnoredAny>()?),
                (Field::Version, Some(_)) => {
                    let version = map.next_value()?;
                    self.node().expect("it has a place").version = version;
                }
                (Field::Dev, Some(_)) => {
                    let told: Option<bool> = map.next_value()?;
                    self.node().expect("it has a place").is_development = told == Some(true);
                }
                (Field::Optional, Some(_)) => {
                    let told: Option<bool> = map.next_value()?;
                    self.node().expect("it has a place").is_optional = told == Some(true);
                }
            }
        }
        Ok(())
    }
}

struct Dependencies<'n> {
    nodes: &'n mut Vec<Node>,
    parent: Option<u32>,
}

impl<'de> DeserializeSeed<'de> for Dependencies<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Dependencies<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object of packages")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key()? {
            if self.nodes.len() >= ADVISORY_NAMES_MAX {
                return Err(too_many());
            }
            let place = u32::try_from(self.nodes.len()).expect("they are few");
            self.nodes.push(Node {
                parent: self.parent,
                name,
                version: None,
                is_development: false,
                is_optional: false,
            });
            map.next_value_seed(Package {
                nodes: self.nodes,
                place: Some(place),
            })?;
        }
        Ok(())
    }
}

fn too_many<E: Error>() -> E {
    E::custom(format_args!(
        "it tells of more than {ADVISORY_NAMES_MAX} packages and versions"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_read_in_any_order_and_without_the_rest() {
        let body = br#"{"version":1,"dependencies":{"a":{"dependencies":{"b":{"dev":true,
            "version":"2.0.0","requires":{"x":[{}]}}},"version":"1.0.0","optional":null},
            "c":{"dependencies":null}}}"#;
        let nodes = nodes(body).unwrap();
        let told: Vec<_> = nodes
            .iter()
            .map(|node| (&*node.name, node.parent, node.version.as_deref()))
            .collect();
        let expected = [
            ("a", None, Some("1.0.0")),
            ("b", Some(0), Some("2.0.0")),
            ("c", None, None),
        ];
        assert_eq!(told, expected);
        assert!(nodes[1].is_development && !nodes[0].is_optional);
    }

    #[test]
    fn what_is_too_much_or_too_deep_is_refused() {
        let list = |count: usize| {
            let names: Vec<_> = (0..count).map(|one| format!("\"p{one}\":{{}}")).collect();
            format!("{{\"dependencies\":{{{}}}}}", names.join(","))
        };
        assert_eq!(nodes(list(9).as_bytes()).unwrap().len(), 9);
        let fault = nodes(list(ADVISORY_NAMES_MAX + 1).as_bytes()).unwrap_err();
        assert!(fault.contains("more than"), "{fault}");
        let versions = "\"1\",".repeat(ADVISORY_NAMES_MAX);
        let fault = question(format!("{{\"a\":[{versions}\"2\"]}}").as_bytes()).unwrap_err();
        assert!(fault.contains("more than"), "{fault}");
        let deep = |levels: usize| {
            let open = "{\"dependencies\":{\"a\":".repeat(levels);
            format!("{open}{{}}{}", "}}".repeat(levels))
        };
        assert_eq!(nodes(deep(50).as_bytes()).unwrap().len(), 50);
        assert!(nodes(deep(5000).as_bytes()).is_err());
        // What nobody reads may be as deep as it likes.
        let idle = format!("{{\"x\":{}{}}}", "[".repeat(99_999), "]".repeat(99_999));
        assert!(nodes(idle.as_bytes()).unwrap().is_empty());
        for wrong in [
            "[]",
            "{} x",
            "{\"dependencies\":[]}",
            "",
            "{\"dependencies\":{\"a\":1}}",
        ] {
            assert!(nodes(wrong.as_bytes()).is_err(), "{wrong}");
        }
        for wrong in ["[]", "{\"a\":\"1\"}", "{\"a\":[1]}", "{} x", "{\"a\":null}"] {
            assert!(question(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
