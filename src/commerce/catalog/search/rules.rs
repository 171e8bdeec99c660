//! What is found by which words, and what a search asks the index for.

use std::fmt::Write;

use crate::commerce::catalog::products::rules::{Family, Filter, Status};
use crate::commerce::catalog::products::sql::Product;
use crate::id::Id;

/// The words that a product is found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// What counts most.
    pub name: String,
    /// What counts almost as much.
    pub sku: String,
    /// What counts least.
    pub description: String,
    /// Words that nobody types: each stands for a condition that the product meets.
    pub facets: String,
}

/// The words of a product that has these values of attributes.
pub fn words_of(product: &Product, values: &[Id]) -> Words {
    let mut facets = match product.status {
        // Most products are active: a word that all of them have would be a walk over all of them.
        Status::Active => String::new(),
        Status::Inactive | Status::Archived => format!("s{}", product.status.as_str()),
    };
    let placed = product.category_id.map(|id| ('c', id));
    let owned = product.vendor_id.map(|id| ('v', id));
    for (kind, id) in placed.into_iter().chain(owned) {
        write_facet(&mut facets, kind, id);
    }
    for value in values {
        write_facet(&mut facets, 'a', *value);
    }
    Words {
        name: product.name.clone(),
        sku: product.sku.clone(),
        description: product.description.clone(),
        facets,
    }
}

/// What a search asks the index for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    /// For the words anywhere.
    pub anywhere: String,
    /// For all of the words in the name.
    pub in_name: String,
}

/// Why a text cannot be searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryFault {
    /// It has no letter and no digit.
    NoWords,
    /// It has more than [`WORDS_MAX`] words.
    TooManyWords,
}

/// The expression for a text, with the conditions of the filter that facets hold. Every word has
/// to be there, as it is or as the beginning of a longer one. Words are letters and digits alone
/// and stand in quotes, so nothing that is typed is syntax.
pub fn expression(text: &str, filter: &Filter) -> Result<Expression, QueryFault> {
    let is_between = |character: char| !character.is_alphanumeric();
    let words: Vec<&str> = text
        .split(is_between)
        .filter(|word| !word.is_empty())
        .collect();
    match words.len() {
        0 => return Err(QueryFault::NoWords),
        1..=WORDS_MAX => {}
        _ => return Err(QueryFault::TooManyWords),
    }
    let prefixes: Vec<String> = words.iter().map(|word| format!("\"{word}\"*")).collect();
    let prefixes = prefixes.join(" AND ");
    let facets = facets(filter);
    Ok(Expression {
        anywhere: format!("{{name sku description}} : ({prefixes}){facets}"),
        in_name: format!("{{name}} : ({prefixes}){facets}"),
    })
}

fn facets(filter: &Filter) -> String {
    let mut groups = Vec::new();
    if let [status @ (Status::Inactive | Status::Archived)] = filter.statuses[..] {
        groups.push(any_of([format!("s{}", status.as_str())]));
    }
    if let Some(family) = filter.category.as_ref().filter(|family| is_held(family)) {
        groups.push(any_of(family.ids.iter().map(|id| facet('c', *id))));
    }
    groups.extend(filter.vendor.map(|id| any_of([facet('v', id)])));
    groups.extend(filter.values.iter().map(|id| any_of([facet('a', *id)])));
    let groups = groups
        .iter()
        .map(|group| format!(" AND {{facets}} : {group}"));
    groups.collect()
}

/// Whether facets hold a family: one that is too large would make the expression too long.
pub fn is_held(family: &Family) -> bool {
    family.ids.len() <= FACET_CATEGORIES_MAX
}

fn any_of(facets: impl IntoIterator<Item = String>) -> String {
    let quoted: Vec<String> = facets
        .into_iter()
        .map(|facet| format!("\"{facet}\""))
        .collect();
    format!("({})", quoted.join(" OR "))
}

fn facet(kind: char, id: Id) -> String {
    let mut text = String::new();
    write_facet(&mut text, kind, id);
    text.trim_start().to_owned()
}

/// An id without its hyphens is one word to the index.
fn write_facet(out: &mut String, kind: char, id: Id) {
    write!(out, " {kind}").expect("a string takes everything");
    out.extend(id.text().chars().filter(|character| *character != '-'));
}

/// More words than anybody looks for; each is a walk of its own through the index.
pub const WORDS_MAX: usize = 12;
/// Categories that the index is asked for by facet; products of more are checked one by one.
const FACET_CATEGORIES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_never_syntax() {
        let filter = Filter::of_shop();
        for text in [
            "\"",
            "a\" OR b",
            "NEAR(a b)",
            "name:x",
            "a*",
            "-a",
            "^a",
            "a AND",
            "{a}:b",
        ] {
            match expression(text, &filter) {
                Ok(expression) => {
                    let outside: Vec<&str> = expression.anywhere.split('"').step_by(2).collect();
                    let outside = outside.concat();
                    let known = "{namesku description}:()*ANDfacets";
                    assert!(
                        outside.chars().all(|character| known.contains(character)),
                        "{outside}"
                    );
                }
                Err(fault) => assert_eq!((fault, text), (QueryFault::NoWords, "\"")),
            }
        }
    }

    #[test]
    fn every_word_is_a_prefix() {
        let found = expression("Blue  shirt-XL", &Filter::of_shop()).unwrap();
        assert_eq!(
            found.in_name,
            r#"{name} : ("Blue"* AND "shirt"* AND "XL"*)"#
        );
    }

    #[test]
    fn too_few_and_too_many_words_are_refused() {
        let filter = Filter::of_shop();
        assert_eq!(expression(" - ", &filter), Err(QueryFault::NoWords));
        let many = "a ".repeat(WORDS_MAX + 1);
        assert_eq!(expression(&many, &filter), Err(QueryFault::TooManyWords));
    }
}
