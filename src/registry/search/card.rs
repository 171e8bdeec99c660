//! What a search finds of a package, and shows of it.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::documents::Hosted;
use super::super::packages::rows::{Permission, VersionState};
use super::rules::facet;
use crate::json::Time;

/// What a search finds of a package, and shows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// What is shown: npm's `package`, as a JSON object.
    pub shown: String,
    /// How much of what a package should tell it tells, from 0 to 1.
    pub quality: f64,
    /// When the version was published that is shown; Unix milliseconds.
    pub published_at: i64,
    /// Words that count most.
    pub name: String,
    /// Words that count much.
    pub keywords: String,
    /// Words that count least.
    pub description: String,
    /// Names of those who have to do with it.
    pub people: String,
    /// Words that nobody types: each stands for a condition that the package meets.
    pub facets: String,
}

/// What is read of a manifest; what has another type than it should is passed over.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Manifest {
    description: Value,
    keywords: Value,
    author: Value,
    license: Value,
    homepage: Value,
    repository: Value,
    bugs: Value,
}

impl Card {
    /// The card of a package as it is to be; nothing for one of which no version is served.
    pub fn of(package: &Hosted<'_>) -> Option<Card> {
        let tag = package.tags.iter().find(|tag| tag.tag == "latest")?;
        let is_shown = |version: &&super::super::packages::rows::VersionRow| {
            version.state == VersionState::Live && version.version == tag.version
        };
        let version = package.versions.iter().find(is_shown)?;
        let manifest = version.manifest.as_deref().unwrap_or("{}");
        // It was read when it was published; one that cannot be is found by its name.
        let manifest: Manifest = serde_json::from_str(manifest).unwrap_or_default();
        let name = &package.package.name;
        let owners = package.collaborators.iter();
        let owners = owners.filter(|one| one.permission == Permission::Write);
        let owners: Vec<(&str, &str)> = owners.map(|one| (&*one.name, &*one.email)).collect();
        let author = author_of(&manifest.author);
        let keywords = keywords_of(&manifest.keywords);
        let publisher = version.publisher.as_deref();
        let published_at = version.published_at.unwrap_or(version.seen_at);
        let description = cut(manifest.description.as_str().unwrap_or_default());
        let shown = json!({
            "name": name.as_str(),
            "scope": name.scope().map_or("unscoped", |scope| &scope[1..]),
            "version": version.version,
            "description": description,
            "keywords": keywords,
            "date": Time(published_at),
            "license": text_of(&manifest.license),
            "author": author.as_ref().map(|name| json!({ "name": name })),
            "publisher": publisher.map(|name| json!({ "username": name })),
            "maintainers": owners
                .iter()
                .map(|(name, email)| json!({ "username": name, "email": email }))
                .collect::<Vec<_>>(),
            "links": links_of(&manifest),
        });
        let mut facets: Vec<String> = keywords.iter().map(|word| facet('k', word)).collect();
        facets.push(facet(
            's',
            name.scope().map_or("unscoped", |scope| &scope[1..]),
        ));
        facets.extend(author.iter().map(|name| facet('a', name)));
        facets.extend(publisher.map(|name| facet('a', name)));
        for (name, email) in &owners {
            facets.extend([facet('m', name), facet('m', email)]);
        }
        let people = author.iter().map(String::as_str).chain(publisher);
        let people = people.chain(owners.iter().map(|(name, _)| *name));
        Some(Card {
            shown: shown.to_string(),
            quality: quality_of(package, &manifest, &keywords),
            published_at,
            name: name.to_string(),
            keywords: keywords.join(" "),
            description,
            people: people.collect::<Vec<_>>().join(" "),
            facets: facets.join(" "),
        })
    }
}

/// The share of what a package should tell that it tells.
fn quality_of(package: &Hosted<'_>, manifest: &Manifest, keywords: &[String]) -> f64 {
    let fields = package.package.fields.as_deref().unwrap_or_default();
    let told = [
        !text_of(&manifest.description).is_empty(),
        !keywords.is_empty(),
        !text_of(&manifest.license).is_empty(),
        !manifest.repository.is_null(),
        fields.contains("\"readme\":\""),
    ];
    told.iter().filter(|told| **told).count() as f64 / told.len() as f64
}

/// `Name <address> (url)`, or an object with a name.
fn author_of(author: &Value) -> Option<String> {
    let name = match author.as_str() {
        Some(text) => text.split(['<', '(']).next().unwrap_or_default(),
        None => author["name"].as_str().unwrap_or_default(),
    };
    let name = name.trim();
    (!name.is_empty()).then(|| cut(name))
}

fn keywords_of(keywords: &Value) -> Vec<String> {
    let words: Vec<&str> = match keywords {
        Value::String(text) => text.split([',', ' ']).collect(),
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    };
    let words = words
        .into_iter()
        .map(str::trim)
        .filter(|word| !word.is_empty());
    words.take(KEYWORDS_MAX).map(cut).collect()
}

fn links_of(manifest: &Manifest) -> Value {
    let url = |value: &Value| {
        let url = value.as_str().or_else(|| value["url"].as_str());
        url.map(|url| cut(url).trim_start_matches("git+").to_owned())
    };
    let links = [
        ("homepage", url(&manifest.homepage)),
        ("repository", url(&manifest.repository)),
        ("bugs", url(&manifest.bugs)),
    ];
    let links = links
        .into_iter()
        .filter_map(|(name, url)| Some((name.to_owned(), url?.into())));
    Value::Object(links.collect::<Map<String, Value>>())
}

fn text_of(value: &Value) -> String {
    let text = value.as_str().or_else(|| value["type"].as_str());
    cut(text.unwrap_or_default())
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_CHARACTERS_MAX).collect()
}

const KEYWORDS_MAX: usize = 50;
const TEXT_CHARACTERS_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_read_whatever_they_hold() {
        let author = |value: Value| author_of(&value);
        assert_eq!(
            author(json!("Ann <a@b.c> (http://x)")).as_deref(),
            Some("Ann")
        );
        assert_eq!(author(json!({ "name": "Ann" })).as_deref(), Some("Ann"));
        for none in [
            json!(null),
            json!(""),
            json!(7),
            json!([]),
            json!({ "name": 7 }),
        ] {
            assert_eq!(author(none), None);
        }
        assert_eq!(keywords_of(&json!("a, b")), ["a", "b"]);
        assert_eq!(keywords_of(&json!(["a", 7, " "])), ["a"]);
        assert_eq!(keywords_of(&json!(vec!["x"; 99])).len(), 50);
        let manifest: Manifest = serde_json::from_value(json!({
            "repository": { "type": "git", "url": "git+https://x/y.git" },
            "bugs": "https://x/bugs",
            "license": { "type": "MIT" },
            "homepage": 7,
        }))
        .unwrap();
        let links = links_of(&manifest);
        assert_eq!(
            links,
            json!({ "repository": "https://x/y.git", "bugs": "https://x/bugs" })
        );
        assert_eq!(text_of(&manifest.license), "MIT");
    }
}
