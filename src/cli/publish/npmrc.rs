//! The token for a registry: what was given, else what npm's own settings files have.

use std::env;
use std::fs;
use std::path::Path;

/// The token that .npmrc of the folder, or of the home folder, has for a registry.
pub(super) fn token(folder: &Path, registry: &str) -> Option<String> {
    let home = env::var_os("HOME").map(|home| Path::new(&home).join(".npmrc"));
    let files = [Some(folder.join(".npmrc")), home];
    let mut texts = files
        .into_iter()
        .flatten()
        .filter_map(|path| fs::read_to_string(path).ok());
    texts.find_map(|text| find(&text, registry, |name| env::var(name).ok()))
}

/// `//host:port/path/:_authToken=…` of the longest path that the registry's URL begins with.
fn find(text: &str, registry: &str, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let place = registry.split_once(':')?.1.trim_end_matches('/');
    let entries = text.lines().filter_map(|line| {
        let line = line.trim();
        let (key, value) = line.split_once('=')?;
        let at = key
            .trim()
            .strip_suffix(":_authToken")?
            .trim_end_matches('/');
        let rest = place.strip_prefix(at)?;
        let is_above = rest.is_empty() || rest.starts_with('/');
        is_above.then(|| (at.len(), value.trim().trim_matches('"')))
    });
    let (_, value) = entries.max_by_key(|(length, _)| *length)?;
    Some(expand(value, variable)).filter(|token| !token.is_empty())
}

/// Puts variables in for `${NAME}`; one that is not set stays as it is, as npm has it.
fn expand(value: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    let mut text = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        text.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            text.push_str("${");
            rest = after;
            continue;
        };
        match variable(name) {
            Some(value) => text.push_str(&value),
            None => text.push_str(&format!("${{{name}}}")),
        }
        rest = behind;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_entry_is_taken() {
        let text = "registry=http://h:1/\n\
                    //h:1/:_authToken=far\n\
                    //h:1/deep/:_authToken = \"near${X}\"\n\
                    //h:10/:_authToken=other\n; //h:2/:_authToken=x";
        let variable = |name: &str| (name == "X").then(|| "er".to_owned());
        let token = |url: &str| find(text, url, variable);
        assert_eq!(token("http://h:1").as_deref(), Some("far"));
        assert_eq!(token("http://h:1/deep/").as_deref(), Some("nearer"));
        assert_eq!(token("https://h:10").as_deref(), Some("other"));
        assert_eq!(token("http://h:2"), None);
        assert_eq!(expand("a${NO}b", |_| None), "a${NO}b");
    }
}
