//! What comments and documents say, and what the first line of a file is.

use super::tree::{Finding, Source};

/// The first line of each Rust file says what it is for.
pub(crate) fn first_lines(sources: &[Source]) -> Vec<Finding> {
    let silent = sources
        .iter()
        .filter(|source| source.is_rust())
        .filter(|source| {
            let first = source.text.lines().next().unwrap_or_default();
            first
                .strip_prefix("//! ")
                .is_none_or(|sentence| sentence.len() < SENTENCE_BYTES_MIN)
        });
    silent
        .map(|source| {
            let message = format!(
                "begin with `//!` and one sentence on what the file is for, \
                 of at least {SENTENCE_BYTES_MIN} bytes"
            );
            source.finding("first_lines", 1, message)
        })
        .collect()
}

/// Words that tell of the edit instead of the code, or leave work behind.
pub(crate) fn words(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        // The list itself is not said, it is quoted.
        if source.path == "tests/tidy/comments.rs" {
            continue;
        }
        let said = if source.is_rust() {
            &source.comments
        } else {
            &source.text
        };
        for (index, line) in said.lines().enumerate() {
            for (word, instead) in WORDS {
                if says(line, word) {
                    let message = format!("\"{word}\": {instead}");
                    findings.push(source.finding("words", index + 1, message));
                }
            }
            if let Some(picture) = line.chars().find(|c| is_emoji(*c)) {
                let message = format!("{picture:?}: plain words");
                findings.push(source.finding("words", index + 1, message));
            }
        }
    }
    findings
}

/// Whether the word stands on its own in the line; words in capitals are asked for as they are.
fn says(line: &str, word: &str) -> bool {
    let is_shouted = word.chars().all(|c| c.is_ascii_uppercase());
    let line = if is_shouted {
        line.to_owned()
    } else {
        line.to_ascii_lowercase()
    };
    line.match_indices(word).any(|(position, _)| {
        let before = line[..position].chars().next_back();
        let after = line[position + word.len()..].chars().next();
        let is_edge = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        is_edge(before) && is_edge(after)
    })
}

fn is_emoji(character: char) -> bool {
    matches!(character, '\u{2600}'..='\u{27bf}' | '\u{1f000}'..='\u{1faff}')
}

const WORDS: &[(&str, &str)] = &[
    ("TODO", "do it, or say in the issue that it is open"),
    ("FIXME", "fix it, or say in the issue that it is open"),
    ("XXX", "say what is wrong"),
    ("HACK", "say why it has to be so"),
    ("for now", "say what holds and why"),
    ("temporarily", "say what holds and why"),
    ("placeholder", "write the real thing"),
    ("previously", "git keeps the history"),
    ("used to be", "git keeps the history"),
    ("was changed", "git keeps the history"),
    ("refactored", "git keeps the history"),
    ("phase 1", "git keeps the history, issues the plans"),
    ("phase 2", "git keeps the history, issues the plans"),
    ("next phase", "git keeps the history, issues the plans"),
    ("later phase", "git keeps the history, issues the plans"),
    ("blazing", "give the number"),
    ("blazingly", "give the number"),
    ("world-class", "give the number"),
    ("seamlessly", "say what happens"),
];

/// Shorter than any sentence that says something.
const SENTENCE_BYTES_MIN: usize = 10;

#[test]
fn files_without_a_first_sentence_are_found() {
    let source = |text| [Source::new("src/a.rs", text)];
    assert_eq!(first_lines(&source("//! What this file is for.\n")), []);
    for text in [
        "",
        "use std::fmt;\n",
        "// What it is for.\n",
        "//!\n//! Late sentence.\n",
    ] {
        assert_eq!(first_lines(&source(text)).len(), 1, "{text:?}");
    }
}

#[test]
fn every_banned_word_is_found_in_comments_and_documents() {
    for (word, _) in WORDS {
        let rust = Source::new(
            "src/a.rs",
            &format!("//! a\nfn a() {{}} // it is {word} so\n"),
        );
        let document = Source::new("README.md", &format!("It is {word}, so.\n"));
        let code = Source::new("src/a.rs", &format!("//! a\nconst A: &str = \"{word}\";\n"));
        assert_eq!(words(&[rust]).len(), 1, "{word}");
        assert_eq!(words(&[document]).len(), 1, "{word}");
        assert_eq!(words(&[code]), [], "{word}");
    }
}

#[test]
fn parts_of_other_words_are_not_banned() {
    for text in [
        "// the phase of the mask",
        "// uphold",
        "// for nowhere",
        "// XXXL",
    ] {
        assert_eq!(words(&[Source::new("src/a.rs", text)]), [], "{text}");
    }
}

#[test]
fn emoji_are_found() {
    let source = Source::new("README.md", "Fast \u{1f680}\n");
    assert_eq!(words(&[source]).len(), 1);
}
