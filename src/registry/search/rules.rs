//! What is searched for: words, and npm's qualifiers.

use super::super::wording::hex;

/// What a search asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wish {
    /// As it was typed.
    pub(super) text: String,
    /// How many at most.
    pub(super) size: usize,
    /// How many are passed over.
    pub(super) from: usize,
    /// What counts beside the words.
    pub(super) weights: Weights,
}

/// How much a package counts for something other than its words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Weights {
    pub(super) quality: f64,
    pub(super) popularity: f64,
    pub(super) maintenance: f64,
}

impl Default for Weights {
    /// npm's.
    fn default() -> Weights {
        Weights {
            quality: 0.65,
            popularity: 0.98,
            maintenance: 0.5,
        }
    }
}

impl Weights {
    /// What a package counts for, from 0 to 1.
    pub(super) fn weigh(&self, quality: f64, popularity: f64, maintenance: f64) -> f64 {
        let all = self.quality + self.popularity + self.maintenance;
        let sum =
            self.quality * quality + self.popularity * popularity + self.maintenance * maintenance;
        if all > 0.0 { sum / all } else { 0.0 }
    }
}

/// Reads what is asked for; what cannot be read counts as if it were not said, as npm has it.
pub(super) fn wish(pairs: impl IntoIterator<Item = (String, String)>) -> Wish {
    let mut wish = Wish {
        size: SIZE_DEFAULT,
        ..Wish::default()
    };
    for (name, value) in pairs {
        let weight = || {
            value
                .parse::<f64>()
                .ok()
                .filter(|weight| (0.0..=1.0).contains(weight))
        };
        match &*name {
            "text" => wish.text = value.chars().take(TEXT_CHARACTERS_MAX).collect(),
            "size" => {
                wish.size = value
                    .parse()
                    .map_or(SIZE_DEFAULT, |size: usize| size.min(SIZE_MAX))
            }
            "from" => wish.from = value.parse().map_or(0, |from: usize| from.min(FROM_MAX)),
            "quality" => wish.weights.quality = weight().unwrap_or(wish.weights.quality),
            "popularity" => wish.weights.popularity = weight().unwrap_or(wish.weights.popularity),
            "maintenance" => {
                wish.weights.maintenance = weight().unwrap_or(wish.weights.maintenance)
            }
            _ => {}
        }
    }
    wish
}

/// The expression of the index for a text; nothing for one that asks for nothing, and finds all.
/// Every word has to be there, as it is or as the beginning of a longer one, and every qualifier
/// has to be met. Words are letters and digits alone and stand in quotes, so nothing that is typed
/// is syntax.
pub(super) fn expression(text: &str) -> Option<String> {
    let (mut words, mut parts) = (Vec::new(), Vec::new());
    for item in text.split_whitespace().take(WORDS_MAX) {
        match qualifier(item) {
            Some(Qualifier::Facets(facets)) => parts.push(format!("{{facets}} : ({facets})")),
            // What is known of nothing that is hosted here.
            Some(Qualifier::Idle) => {}
            None => {
                let pieces = item.split(|character: char| !character.is_alphanumeric());
                let pieces = pieces.filter(|piece| !piece.is_empty());
                words.extend(pieces.take(WORDS_MAX).map(|piece| format!("\"{piece}\"*")));
            }
        }
    }
    if !words.is_empty() {
        let words = words.join(" AND ");
        parts.push(format!("{{name keywords description people}} : ({words})"));
    }
    (!parts.is_empty()).then(|| parts.join(" AND "))
}

/// Whether a text names one of these scopes: no other registry is to learn of them.
pub(super) fn names_scope(text: &str, scopes: &[String]) -> bool {
    let names = |scope: &String| {
        let bare = format!("scope:{}", &scope[1..]);
        text.contains(&**scope) || text.split_whitespace().any(|item| item == bare)
    };
    scopes.iter().any(names)
}

/// The names and the scopes that a text may be about, whatever stands around them.
pub(super) fn named(text: &str) -> (Vec<String>, Vec<String>) {
    let is_of_name = |character: char| character.is_alphanumeric() || "@/-._~".contains(character);
    let (mut names, mut scopes) = (Vec::new(), Vec::new());
    for piece in text.split(|character| !is_of_name(character)) {
        // A version may follow, and some write a scope without its sign.
        let bare = piece.trim_start_matches('@');
        let bare = bare.split('@').next().unwrap_or_default();
        let bare = bare.trim_matches(['/', '.']);
        if bare.is_empty() {
            continue;
        }
        for bare in [bare.to_owned(), bare.to_lowercase()] {
            let scope = bare.split('/').next().unwrap_or_default();
            scopes.push(format!("@{scope}"));
            names.extend([format!("@{bare}"), bare]);
        }
    }
    for list in [&mut names, &mut scopes] {
        list.sort_unstable();
        list.dedup();
    }
    (names, scopes)
}

/// A word that stands for a condition: nobody types it, and nothing in it is syntax.
pub(super) fn facet(kind: char, value: &str) -> String {
    let value = value.to_lowercase();
    let digits = hex(value.as_bytes());
    format!("{kind}x{digits}")
}

enum Qualifier {
    Facets(String),
    Idle,
}

/// `author:`, `maintainer:`, `scope:` and `keywords:`, where `,` stands for or and `+` for and.
fn qualifier(item: &str) -> Option<Qualifier> {
    let (name, value) = item.split_once(':')?;
    if value.is_empty() {
        return None;
    }
    let any = |kind: char, value: &str| {
        let any = value.split(',').filter(|one| !one.is_empty());
        let any: Vec<String> = any
            .map(|one| {
                let all = one.split('+').filter(|one| !one.is_empty());
                let all: Vec<_> = all.map(|one| format!("\"{}\"", facet(kind, one))).collect();
                format!("({})", all.join(" AND "))
            })
            .filter(|group| group != "()")
            .collect();
        any.join(" OR ")
    };
    let facets = match name {
        "author" => any('a', value),
        "maintainer" => any('m', value),
        "keywords" => any('k', value),
        "scope" => any('s', value.trim_start_matches('@')),
        "is" | "not" | "boost-exact" => return Some(Qualifier::Idle),
        _ => return None,
    };
    (!facets.is_empty()).then_some(Qualifier::Facets(facets))
}

/// npm's registry gives 20 where nothing is said, and at most 250.
const SIZE_DEFAULT: usize = 20;
const SIZE_MAX: usize = 250;
const FROM_MAX: usize = 10_000;
const TEXT_CHARACTERS_MAX: usize = 256;
const WORDS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_scopes_are_found_in_a_text() {
        for (text, name, scope) in [
            ("Left-Pad", "left-pad", "@left-pad"),
            ("x @team/own@1.0.0", "@team/own", "@team"),
            ("scope:team", "team", "@team"),
            ("\"team/own\",x", "@team/own", "@team"),
            ("scope:@a,@b", "b", "@b"),
            ("own.", "own", "@own"),
        ] {
            let (names, scopes) = named(text);
            assert!(names.iter().any(|one| one == name), "{text}: {names:?}");
            assert!(scopes.iter().any(|one| one == scope), "{text}: {scopes:?}");
        }
        assert_eq!(named(" @ / ,"), (Vec::new(), Vec::new()));
    }

    #[test]
    fn words_are_quoted_and_qualifiers_are_facets() {
        assert_eq!(expression(" "), None);
        assert_eq!(
            expression("* \" ( NEAR"),
            Some("{name keywords description people} : (\"NEAR\"*)".to_owned())
        );
        let (a, b) = (facet('k', "a"), facet('k', "b"));
        assert_eq!(
            expression("keywords:A,b left-pad"),
            Some(format!(
                "{{facets}} : ((\"{a}\") OR (\"{b}\")) AND \
                 {{name keywords description people}} : (\"left\"* AND \"pad\"*)"
            ))
        );
        assert_eq!(
            expression("keywords:a+b"),
            Some(format!("{{facets}} : ((\"{a}\" AND \"{b}\"))"))
        );
        assert_eq!(expression("scope:@x"), expression("scope:x"));
        assert_eq!(
            (expression("not:deprecated"), expression("keywords:,+")),
            (
                None,
                Some("{name keywords description people} : (\"keywords\"*)".to_owned())
            )
        );
        let hostile = expression("author:\")OR(\"").unwrap();
        assert!(!hostile.contains(")OR("), "{hostile}");
    }

    #[test]
    fn what_cannot_be_read_counts_as_if_it_were_not_said() {
        let wished = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            wish(pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
        };
        let plain = wished(&[
            ("text", "a"),
            ("size", "x"),
            ("from", "-1"),
            ("quality", "NaN"),
        ]);
        assert_eq!(
            (plain.size, plain.from, plain.weights),
            (20, 0, Weights::default())
        );
        let bounded = wished(&[("size", "9999"), ("from", "999999999"), ("quality", "1")]);
        assert_eq!((bounded.size, bounded.from), (250, 10_000));
        assert_eq!(bounded.weights.quality, 1.0);
        let idle = Weights {
            quality: 0.0,
            popularity: 0.0,
            maintenance: 0.0,
        };
        assert_eq!(
            (
                idle.weigh(1.0, 1.0, 1.0),
                Weights::default().weigh(1.0, 1.0, 1.0)
            ),
            (0.0, 1.0)
        );
    }

    #[test]
    fn private_scopes_are_recognised() {
        let scopes = ["@team".to_owned()];
        for text in ["scope:team", "scope:@team", "@team/a", "x @team"] {
            assert!(names_scope(text, &scopes), "{text}");
        }
        for text in ["team", "scope:teams", "a"] {
            assert!(!names_scope(text, &scopes), "{text}");
        }
    }
}
