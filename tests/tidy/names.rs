//! How things are called.

use super::tree::{Finding, Source};

/// A getter is called after what it returns.
pub(crate) fn getters(sources: &[Source]) -> Vec<Finding> {
    let is_getter = |name: &str| name.starts_with("get_");
    declared(sources, &["fn"], is_getter, "getters", |name| {
        format!(
            "`{name}`: a getter is called after what it returns, `{}`",
            &name[4..]
        )
    })
}

/// Words that would fit anything name nothing.
pub(crate) fn empty_words(sources: &[Source]) -> Vec<Finding> {
    let keywords = ["struct", "enum", "trait", "union", "type", "mod"];
    let is_empty = |name: &str| words_of(name).any(|word| EMPTY_WORDS.contains(&word.as_str()));
    declared(sources, &keywords, is_empty, "empty_words", |name| {
        format!(
            "`{name}`: Manager, Helper, Util, Common, Data and Info name nothing; say what it is"
        )
    })
}

/// No abbreviation beyond id, url, http, json and sql (and clap's `Args`).
pub(crate) fn abbreviations(sources: &[Source]) -> Vec<Finding> {
    let keywords = [
        "fn", "struct", "enum", "trait", "mod", "const", "static", "let", "mut",
    ];
    let is_short = |name: &str| {
        // `let Err(error)` declares `error`.
        name != "Err"
            && words_of(name).any(|word| ABBREVIATIONS.iter().any(|(short, _)| *short == word))
    };
    declared(sources, &keywords, is_short, "abbreviations", |name| {
        let long: Vec<&str> = words_of(name)
            .filter_map(|word| ABBREVIATIONS.iter().find(|(short, _)| *short == word))
            .map(|(_, long)| *long)
            .collect();
        format!("`{name}`: write {} out", long.join(", "))
    })
}

/// A caller cannot tell what `true` means: an enum of two can be read.
pub(crate) fn boolean_parameters(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.is_product()) {
        for (position, _) in source.code.match_indices("pub fn ") {
            let line = line_at(&source.code, position);
            let parameters = parenthesised(&source.code[position..]);
            let takes_bool = parameters
                .split(',')
                .filter_map(|parameter| parameter.split_once(':'))
                .any(|(_, kind)| kind.trim() == "bool");
            if takes_bool && !source.is_test(line) {
                let message = "a boolean in a public signature: make it an enum of two".to_owned();
                findings.push(source.finding("boolean_parameters", line, message));
            }
        }
    }
    findings
}

/// Findings for the names after these keywords that the rule is against.
fn declared(
    sources: &[Source],
    keywords: &[&str],
    is_against: impl Fn(&str) -> bool,
    check: &'static str,
    message: impl Fn(&str) -> String,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        for (index, line) in source.code.lines().enumerate() {
            let tokens: Vec<&str> = tokens(line).collect();
            for pair in tokens.windows(2) {
                let [keyword, name] = pair else { continue };
                if keywords.contains(keyword) && is_against(name) {
                    findings.push(source.finding(check, index + 1, message(name)));
                }
            }
        }
    }
    findings
}

fn tokens(line: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.split(move |c: char| !is_part(c))
        .filter(|token| !token.is_empty())
}

/// The words of a name in any case: `body_bytes` and `BodyBytes` are both two.
fn words_of(name: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for character in name.chars() {
        if character == '_' || (character.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = character.is_lowercase();
        if character != '_' {
            words
                .last_mut()
                .expect("there is one")
                .extend(character.to_lowercase());
        }
    }
    words.into_iter().filter(|word| !word.is_empty())
}

/// What stands in the first parentheses.
fn parenthesised(text: &str) -> &str {
    let Some(open) = text.find('(') else {
        return "";
    };
    let mut depth = 0_usize;
    for (position, character) in text[open..].char_indices() {
        match character {
            '(' => depth += 1,
            ')' if depth == 1 => return &text[open + 1..open + position],
            ')' => depth -= 1,
            _ => {}
        }
    }
    ""
}

fn line_at(text: &str, position: usize) -> usize {
    text[..position]
        .bytes()
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}

const EMPTY_WORDS: [&str; 9] = [
    "manager", "helper", "helpers", "util", "utils", "common", "data", "info", "misc",
];

const ABBREVIATIONS: &[(&str, &str)] = &[
    ("addr", "address"),
    ("addrs", "addresses"),
    ("buf", "buffer"),
    ("bufs", "buffers"),
    ("cfg", "configuration"),
    ("cnt", "count"),
    ("conn", "connection"),
    ("conns", "connections"),
    ("ctx", "context"),
    ("ctor", "constructor"),
    ("desc", "description"),
    ("dst", "destination"),
    ("elem", "element"),
    ("err", "error"),
    ("errs", "errors"),
    ("hdr", "header"),
    ("hdrs", "headers"),
    ("idx", "index"),
    ("msg", "message"),
    ("msgs", "messages"),
    ("num", "number or count"),
    ("param", "parameter"),
    ("params", "parameters"),
    ("pos", "position"),
    ("ptr", "pointer"),
    ("req", "request"),
    ("res", "result or response"),
    ("resp", "response"),
    ("ret", "what is returned"),
    ("srv", "server"),
    ("sz", "size"),
    ("tmp", "what it holds"),
    ("val", "value"),
    ("vals", "values"),
];

#[cfg(test)]
fn lines(check: fn(&[Source]) -> Vec<Finding>, text: &str) -> Vec<usize> {
    check(&[Source::new("src/a.rs", text)])
        .iter()
        .map(|finding| finding.line)
        .collect()
}

#[test]
fn getters_are_found() {
    assert_eq!(
        lines(
            getters,
            "fn status() {}\npub fn get_status() {}\nfn forget_it() {}\n"
        ),
        [2]
    );
}

#[test]
fn empty_words_are_found() {
    let text = "struct Listener;\nstruct ConnectionManager;\nmod utils;\nenum HttpInfo {}\n\
                struct Database;\ntype CommonState = u8;\nlet data = 1;\n";
    assert_eq!(lines(empty_words, text), [2, 3, 4, 6]);
}

#[test]
fn abbreviations_are_found() {
    let text = "let address = 1;\nlet mut peer_addr = 1;\nfn parse_req() {}\nstruct HdrTable;\n\
                let response = 1;\nself.msg.len()\nconst BUF_BYTES: u8 = 1;\n";
    assert_eq!(lines(abbreviations, text), [2, 3, 4, 7]);
}

#[test]
fn boolean_parameters_are_found() {
    let text = "pub fn a(b: u8) -> bool {}\npub fn a(&self, b: u8,\n    c: bool) {}\n\
                fn a(b: bool) {}\npub fn a(b: impl Fn(u8) -> bool) {}\n";
    assert_eq!(lines(boolean_parameters, text), [2]);
}

#[test]
fn names_part_into_words() {
    let words: Vec<String> = words_of("HttpDataTable")
        .chain(words_of("BODY_BYTES_max"))
        .collect();
    assert_eq!(words, ["http", "data", "table", "body", "bytes", "max"]);
}
