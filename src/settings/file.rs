//! The settings file: TOML, or JSON in the documented shape, to assignments.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::fault::Fault;
use super::keys::KEYS;
use super::load::{Assignment, Gathered, Spelled};
use super::nearest::nearest;
use super::origin::Origin;

/// Reads the file. Without a `.toml` or `.json` ending its first character decides: `{` is JSON.
pub(super) fn read(path: &Path) -> Gathered {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(fault) => {
            let remedy = "name a readable file with --config, or leave the flag out";
            return Gathered::fault(whole_file(path, format!("cannot be read: {fault}"), remedy));
        }
    };
    parse(path, &text)
}

/// Parses the text of the file called `path`.
pub(super) fn parse(path: &Path, text: &str) -> Gathered {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let json = match ending {
        Some("json") => true,
        Some("toml") => false,
        Some(_) | None => text.trim_start().starts_with('{'),
    };
    let leaves = if json {
        json_leaves(path, text)
    } else {
        toml_leaves(path, text)
    };
    match leaves {
        Ok(leaves) => leaves.into_iter().map(|leaf| assign(path, leaf)).collect(),
        Err(fault) => Gathered::fault(fault),
    }
}

/// A value of the file with its dotted name.
struct Leaf {
    path: String,
    line: Option<usize>,
    value: Value,
}

fn assign(file: &Path, leaf: Leaf) -> Result<Assignment, Fault> {
    let origin = Origin::File {
        path: file.to_owned(),
        line: leaf.line,
    };
    match Spelled::find(|key| key.paths(), &leaf.path) {
        Some(spelled) => Ok(Assignment {
            spelled,
            name: leaf.path,
            raw: leaf.value,
            origin,
        }),
        None => Err(unknown(leaf.path, origin)),
    }
}

fn unknown(path: String, origin: Origin) -> Fault {
    if is_section(&path) {
        return Fault {
            origin,
            message: "is a section, not a value".to_owned(),
            remedy: format!("give its keys, e.g. {}", keys_under(&path).join(", ")),
            name: path,
        };
    }
    let known = KEYS.iter().map(|key| key.name);
    let nearest = nearest(&path, known).unwrap_or_default();
    Fault {
        origin,
        message: "is not a known key".to_owned(),
        remedy: format!("the nearest is `{nearest}`"),
        name: path,
    }
}

fn is_section(path: &str) -> bool {
    !keys_under(path).is_empty()
}

fn keys_under(section: &str) -> Vec<&'static str> {
    let within = |name: &&str| {
        name.strip_prefix(section)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    KEYS.iter().map(|key| key.name).filter(within).collect()
}

/// Whether a table at `path` is a value of its own or holds keys.
fn is_value(path: &str) -> bool {
    Spelled::find(|key| key.paths(), path).is_some()
}

fn join(section: &str, name: &str) -> String {
    if section.is_empty() {
        name.to_owned()
    } else {
        format!("{section}.{name}")
    }
}

fn json_leaves(path: &Path, text: &str) -> Result<Vec<Leaf>, Fault> {
    let fault = |message: String| whole_file(path, message, "correct the JSON");
    let value: Value =
        serde_json::from_str(text).map_err(|error| fault(format!("is not JSON: {error}")))?;
    let object = value
        .as_object()
        .ok_or_else(|| fault("is not a JSON object".to_owned()))?;
    let mut leaves = Vec::new();
    walk_json("", object, &mut leaves);
    Ok(leaves)
}

fn walk_json(section: &str, object: &Map<String, Value>, leaves: &mut Vec<Leaf>) {
    for (name, value) in object {
        let path = join(section, name);
        match value.as_object().filter(|_| !is_value(&path)) {
            Some(inner) if !inner.is_empty() || is_section(&path) => {
                walk_json(&path, inner, leaves);
            }
            Some(_) | None => leaves.push(Leaf {
                path,
                line: None,
                value: value.clone(),
            }),
        }
    }
}

fn toml_leaves(path: &Path, text: &str) -> Result<Vec<Leaf>, Fault> {
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map(|span| line_of(text, span.start));
        Fault {
            origin: Origin::File {
                path: path.to_owned(),
                line,
            },
            name: String::new(),
            message: format!("is not TOML: {}", error.message().replace('\n', " ")),
            remedy: "correct the line".to_owned(),
        }
    })?;
    let mut leaves = Vec::new();
    walk_toml(text, "", table.get_ref(), &mut leaves);
    leaves.sort_by_key(|leaf| leaf.line);
    Ok(leaves)
}

fn walk_toml(text: &str, section: &str, table: &DeTable<'_>, leaves: &mut Vec<Leaf>) {
    for (name, value) in table {
        let path = join(section, name.get_ref());
        match value.get_ref().as_table().filter(|_| !is_value(&path)) {
            Some(inner) if !inner.is_empty() || is_section(&path) => {
                walk_toml(text, &path, inner, leaves);
            }
            Some(_) | None => {
                let line = Some(line_of(text, name.span().start));
                leaves.push(Leaf {
                    path,
                    line,
                    value: json_of(value),
                });
            }
        }
    }
}

/// The JSON value of a TOML value; what JSON lacks becomes its text.
fn json_of(value: &Spanned<DeValue<'_>>) -> Value {
    match value.get_ref() {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) => Value::from(number),
            Err(_) => Value::from(integer.to_string()),
        },
        DeValue::Float(float) => Value::from(float.as_str()),
        DeValue::Boolean(truth) => Value::from(*truth),
        DeValue::Datetime(time) => Value::from(time.to_string()),
        DeValue::Array(items) => items.iter().map(json_of).collect(),
        DeValue::Table(table) => {
            let entry = |(name, value): (&Spanned<DeString<'_>>, &_)| {
                (name.get_ref().clone().into_owned(), json_of(value))
            };
            Value::Object(table.iter().map(entry).collect())
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}

fn whole_file(path: &Path, message: String, remedy: &str) -> Fault {
    Fault {
        origin: Origin::File {
            path: path.to_owned(),
            line: None,
        },
        name: String::new(),
        message,
        remedy: remedy.to_owned(),
    }
}
