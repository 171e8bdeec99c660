//! Environment variables, and the `.env` files that stand in for them in development.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde_json::Value;

use super::fault::Fault;
use super::keys::KEYS;
use super::load::{Assignment, Gathered, Spelled};
use super::nearest::nearest;
use super::origin::Origin;

/// Says whether `.env` files are read: only `development` reads them. A build's profile does not
/// decide it, so that a binary behaves alike wherever it was built.
pub(super) const MODE_VARIABLE: &str = "THIRTEEN_ENV";

/// Names the settings file where `--config` does not.
pub(super) const FILE_VARIABLE: &str = "THIRTEEN_CONFIG";

/// The token of `thirteen publish`, which is no setting: it would be printed with them.
pub const TOKEN_VARIABLE: &str = "THIRTEEN_TOKEN";

/// Variables of ours that are no keys.
const OTHERS: [&str; 3] = [MODE_VARIABLE, FILE_VARIABLE, TOKEN_VARIABLE];

/// The files read in development, the weakest first.
const FILES: [&str; 3] = [".env", ".env.development", ".env.local"];

/// Where the program runs (`THIRTEEN_ENV`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// For others; `.env` files are not read.
    #[default]
    Production,
    /// For its author; `.env` files are read.
    Development,
}

impl Mode {
    /// The word of `THIRTEEN_ENV`.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Production => "production",
            Mode::Development => "development",
        }
    }
}

/// The mode that the process's own variables choose; `.env` files have no say in it.
pub(super) fn mode(variables: &[(String, String)]) -> Result<Mode, Fault> {
    match value_of(variables, MODE_VARIABLE) {
        None | Some("production") => Ok(Mode::Production),
        Some("development") => Ok(Mode::Development),
        Some(other) => Err(Fault {
            origin: Origin::Environment {
                variable: MODE_VARIABLE.to_owned(),
            },
            name: MODE_VARIABLE.to_owned(),
            message: format!("`{other}` is not a mode"),
            remedy: "give production (the default) or development (reads .env files)".to_owned(),
        }),
    }
}

/// The value of one variable.
pub(super) fn value_of<'v>(variables: &'v [(String, String)], name: &str) -> Option<&'v str> {
    variables
        .iter()
        .find(|(variable, _)| variable == name)
        .map(|(_, value)| value.as_str())
}

/// The assignments of the process's variables.
pub(super) fn gather(variables: &[(String, String)]) -> Gathered {
    let origin = |variable: &str| Origin::Environment {
        variable: variable.to_owned(),
    };
    variables
        .iter()
        .filter_map(|(name, value)| assign(name, value, origin(name)))
        .collect()
}

/// The assignments of the `.env` files in `folder`, file by file, the weakest first.
pub(super) fn gather_files(folder: &Path) -> Vec<Gathered> {
    FILES
        .iter()
        .map(|name| gather_file(&folder.join(name)))
        .collect()
}

fn gather_file(path: &Path) -> Gathered {
    let at = |line: usize| Origin::EnvironmentFile {
        path: path.to_owned(),
        line,
    };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(fault) if fault.kind() == ErrorKind::NotFound => return Gathered::default(),
        Err(fault) => {
            return Gathered::fault(Fault {
                origin: Origin::File {
                    path: path.to_owned(),
                    line: None,
                },
                name: String::new(),
                message: format!("cannot be read: {fault}"),
                remedy: "make it readable, or remove it".to_owned(),
            });
        }
    };
    let lines = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .filter_map(|(number, line)| match pair(line) {
            Some((name, value)) => assign(name, &value, at(number)),
            None => Some(Err(Fault {
                origin: at(number),
                name: String::new(),
                message: "is not NAME=VALUE".to_owned(),
                remedy: "correct the line, or begin it with #".to_owned(),
            })),
        })
        .collect()
}

/// `None` for a variable that is none of ours.
fn assign(name: &str, value: &str, origin: Origin) -> Option<Result<Assignment, Fault>> {
    if OTHERS.contains(&name) {
        return None;
    }
    if let Some(spelled) = Spelled::find(|key| key.variables(), name) {
        let raw = Value::from(value);
        return Some(Ok(Assignment {
            spelled,
            name: name.to_owned(),
            raw,
            origin,
        }));
    }
    // Others own the prefixes BUN_CONFIG_, PROXY_, UPSTREAM_ and WS_ too; this one is ours alone.
    if !name.starts_with("THIRTEEN_") {
        return None;
    }
    let known: Vec<String> = KEYS
        .iter()
        .flat_map(|key| key.variables().map(|(variable, _)| variable))
        .chain(OTHERS.map(str::to_owned))
        .collect();
    let nearest = nearest(name, known.iter().map(String::as_str)).unwrap_or_default();
    Some(Err(Fault {
        origin,
        name: name.to_owned(),
        message: "is not a known variable".to_owned(),
        remedy: format!("the nearest is {nearest}"),
    }))
}

/// `NAME=VALUE` with an optional `export`, quotes of either kind, and a comment after ` #`
/// outside of quotes. Nothing is expanded.
fn pair(line: &str) -> Option<(&str, String)> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(plain) {
        return None;
    }
    let Some(quote) = value
        .chars()
        .next()
        .filter(|first| matches!(first, '"' | '\''))
    else {
        let bare = value
            .split_once(" #")
            .map_or(value, |(bare, _)| bare.trim_end());
        return Some((name, bare.to_owned()));
    };
    let (inner, rest) = value[1..].split_once(quote)?;
    let rest = rest.trim_start();
    (rest.is_empty() || rest.starts_with('#')).then(|| (name, inner.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_env_files() {
        for (line, expected) in [
            ("A=1", Some(("A", "1"))),
            ("export A=1", Some(("A", "1"))),
            ("A = 1 # one", Some(("A", "1"))),
            ("A=a#b", Some(("A", "a#b"))),
            ("A=\"x # y\" # z", Some(("A", "x # y"))),
            ("A='[{\"host\":\"h\"}]'", Some(("A", "[{\"host\":\"h\"}]"))),
            ("A=", Some(("A", ""))),
            ("A", None),
            ("A B=1", None),
            ("A=\"open", None),
            ("A=\"x\" y", None),
            ("=1", None),
        ] {
            let read = pair(line);
            assert_eq!(
                read.as_ref().map(|(name, value)| (*name, value.as_str())),
                expected
            );
        }
    }
}
