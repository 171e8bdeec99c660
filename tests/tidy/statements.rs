//! Every SQL statement is in a list whose plans are tested.

use crate::tree::{Finding, Source};

/// A constant that is a statement stands in its file's `STATEMENTS`, and each of those lists in
/// the `schema.rs` of a store. What begins otherwise is a piece of one that is put together.
pub(crate) fn unlisted_statements(sources: &[Source]) -> Vec<Finding> {
    let schemas: Vec<&str> = sources
        .iter()
        .filter(|source| SCHEMAS.contains(&&*source.path))
        .map(|source| &*source.text)
        .collect();
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.is_product()) {
        let Some((before, list)) = source.text.split_once("pub const STATEMENTS:") else {
            continue;
        };
        if SCHEMAS.contains(&&*source.path) {
            continue;
        }
        let list = list.split(';').next().unwrap_or_default();
        for (line, name) in statements_of(&source.text) {
            let is_listed = list
                .split(|character: char| !character.is_alphanumeric() && character != '_')
                .any(|word| word == name);
            if !is_listed && !source.is_test(line) {
                let message = format!("`{name}` is not in STATEMENTS");
                findings.push(source.finding("unlisted_statements", line, message));
            }
        }
        let list = list_of(&source.path);
        if !schemas.iter().any(|schema| schema.contains(&list)) {
            let line = before.lines().count() + 1;
            let message = format!("its STATEMENTS are in none of {SCHEMAS:?}");
            findings.push(source.finding("unlisted_statements", line, message));
        }
    }
    findings
}

/// `addresses::sql::STATEMENTS` of `src/commerce/accounts/addresses/sql.rs`.
fn list_of(path: &str) -> String {
    let module = path.trim_end_matches(".rs").trim_end_matches("/mod");
    let mut parts: Vec<&str> = module.rsplit('/').take(2).collect();
    parts.reverse();
    let name = if ["src", "commerce", "registry"].contains(&parts[0]) {
        parts[1].to_owned()
    } else {
        parts.join("::")
    };
    format!("{name}::STATEMENTS")
}

/// The lines and names of constants whose text begins as a statement does.
fn statements_of(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let declared = line.trim_start().trim_start_matches("pub ");
        let Some(rest) = declared.strip_prefix("const ") else {
            continue;
        };
        let Some((name, value)) = rest.split_once(": &str =") else {
            continue;
        };
        let value = if value.trim().is_empty() || value.trim() == "\"\\" {
            lines.get(index + 1).copied().unwrap_or_default()
        } else {
            value
        };
        let value = value
            .trim()
            .trim_start_matches("concat!(")
            .trim_start_matches('"');
        if VERBS.iter().any(|verb| value.starts_with(verb)) && text_is_whole(&lines[index..]) {
            found.push((index + 1, name));
        }
    }
    found
}

/// Whether a statement is written out: one that ends in a space waits for its next piece.
fn text_is_whole(lines: &[&str]) -> bool {
    let end = lines.iter().find(|line| line.trim_end().ends_with(';'));
    end.is_some_and(|line| !line.contains(" \";") && !line.contains(" \");"))
}

const SCHEMAS: [&str; 2] = ["src/commerce/schema.rs", "src/registry/schema.rs"];
const VERBS: [&str; 5] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];

#[cfg(test)]
fn found(path: &str, text: &str) -> Vec<usize> {
    let schema = Source::new(
        SCHEMAS[0],
        "pub const STATEMENTS: &[a] = &[shelves::sql::STATEMENTS];\n",
    );
    unlisted_statements(&[schema, Source::new(path, text)])
        .iter()
        .map(|finding| finding.line)
        .collect()
}

#[test]
fn statements_that_nobody_tests_are_found() {
    let listed = "const A: &str = \"SELECT 1\";\nconst B: &str =\n    \"DELETE FROM t\";\n\
         const PIECE: &str = \"SELECT a FROM \";\n\
         pub const STATEMENTS: &[(&str, &str)] = &[(\"A\", A), (\"B\", B)];\n";
    assert_eq!(found("src/commerce/shelves/sql.rs", listed), []);
    let unlisted = listed.replace("(\"B\", B)", "");
    assert_eq!(found("src/commerce/shelves/sql.rs", &unlisted), [2]);
}

#[test]
fn lists_that_nobody_tests_are_found() {
    let text = "pub const STATEMENTS: &[(&str, &str)] = &[];\n";
    assert_eq!(found("src/commerce/boxes/sql.rs", text), [1]);
}
