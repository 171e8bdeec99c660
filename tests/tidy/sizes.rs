//! How long a file, a function and a line may be.

use super::tree::{Finding, Source};

/// Files end at 800 lines, their tests not counted.
pub(crate) fn files(sources: &[Source]) -> Vec<Finding> {
    let too_long = sources
        .iter()
        .filter(|source| source.line_count() > FILE_LINES_MAX);
    too_long
        .filter(|source| source.is_rust())
        .map(|source| {
            let message = format!(
                "{} lines without tests, at most {FILE_LINES_MAX}: split it by subject",
                source.line_count()
            );
            source.finding("files", FILE_LINES_MAX, message)
        })
        .collect()
}

/// Functions end at 70 lines, from `fn` to the closing brace.
pub(crate) fn functions(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        for function in functions_of(&source.code) {
            let lines = function.last - function.first + 1;
            if lines > FUNCTION_LINES_MAX {
                let message = format!(
                    "`{}` has {lines} lines, at most {FUNCTION_LINES_MAX}: name its parts",
                    function.name
                );
                findings.push(source.finding("functions", function.first, message));
            }
        }
    }
    findings
}

/// Lines end at column 100.
pub(crate) fn columns(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources
        .iter()
        .filter(|source| !source.path.ends_with(".md"))
    {
        // Dependencies are one line each, however many features they name.
        if source.path.ends_with("Cargo.toml") {
            continue;
        }
        for (index, line) in source.text.lines().enumerate() {
            let columns = line.chars().count();
            // A URL in a comment cannot be broken.
            if columns > COLUMNS_MAX && !line.contains("://") {
                let message = format!("{columns} columns, at most {COLUMNS_MAX}");
                findings.push(source.finding("columns", index + 1, message));
            }
        }
    }
    findings
}

struct Function {
    name: String,
    first: usize,
    last: usize,
}

/// Every function that has a body.
fn functions_of(code: &str) -> Vec<Function> {
    let mut functions = Vec::new();
    for (position, _) in code.match_indices("fn ") {
        let before = code[..position].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[position + 3..];
        let name_end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(0);
        // `fn` without a name is a function pointer's type.
        if let (1.., Some(end)) = (name_end, body_end(rest)) {
            let first = line_at(code, position);
            let last = line_at(code, position + 3 + end);
            functions.push(Function {
                name: rest[..name_end].to_owned(),
                first,
                last,
            });
        }
    }
    functions
}

/// Where the body ends; nothing for a declaration, which ends in `;`.
fn body_end(text: &str) -> Option<usize> {
    let mut braces = 0_usize;
    let mut brackets = 0_usize;
    for (position, character) in text.char_indices() {
        match character {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            ';' if braces == 0 && brackets == 0 => return None,
            '{' => braces += 1,
            '}' if braces <= 1 => return Some(position),
            '}' => braces -= 1,
            _ => {}
        }
    }
    None
}

fn line_at(text: &str, position: usize) -> usize {
    text[..position]
        .bytes()
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}

const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

#[test]
fn long_files_are_found() {
    let at_the_end = "fn a() {}\n".repeat(FILE_LINES_MAX);
    assert_eq!(files(&[Source::new("src/a.rs", &at_the_end)]), []);
    let past = format!("{at_the_end}fn b() {{}}\n");
    assert_eq!(files(&[Source::new("src/a.rs", &past)]).len(), 1);
    let tests = format!("{at_the_end}#[cfg(test)]\nmod tests {{\n    fn b() {{}}\n}}\n");
    assert_eq!(files(&[Source::new("src/a.rs", &tests)]), []);
}

#[test]
fn long_functions_are_found() {
    let function = |lines: usize| {
        let body = "    a();\n".repeat(lines - 2);
        Source::new(
            "src/a.rs",
            &format!("\nimpl A {{\nfn b(c: [u8; 4]) {{\n{body}}}\n}}\n"),
        )
    };
    assert_eq!(functions(&[function(FUNCTION_LINES_MAX)]), []);
    let findings = functions(&[function(FUNCTION_LINES_MAX + 1)]);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].line, 3);
    assert!(
        findings[0].message.contains("`b` has 71 lines"),
        "{}",
        findings[0].message
    );
}

#[test]
fn declarations_have_no_length() {
    let text = format!(
        "trait A {{\n    fn a();\n{}}}\n",
        "    const B: u8;\n".repeat(80)
    );
    assert_eq!(functions(&[Source::new("src/a.rs", &text)]), []);
}

#[test]
fn wide_lines_are_found() {
    let line =
        |columns: usize| Source::new("src/a.rs", &format!("//! ok\n{}\n", "é".repeat(columns)));
    assert_eq!(columns(&[line(COLUMNS_MAX)]), []);
    assert_eq!(columns(&[line(COLUMNS_MAX + 1)])[0].line, 2);
}
