//! Holds the tree to the house style: sizes, import directions, reachability, words and calls.
//!
//! Each check has a test that proves that it fires. `EXCEPTIONS` is what the tree owes: an entry
//! that is not needed fails the test too, so the list may only shrink.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod comments;
mod mask;
mod names;
mod reachable;
mod rooms;
mod sizes;
mod statements;
mod tree;
mod words;

use std::path::Path;

use tree::{Finding, Source};

/// Where a check is not kept yet: the check, the file, and why.
const EXCEPTIONS: &[Exception] = &[];

struct Exception {
    check: &'static str,
    path: &'static str,
    reason: &'static str,
}

type Check = fn(&[Source]) -> Vec<Finding>;

const CHECKS: &[Check] = &[
    comments::first_lines,
    comments::words,
    names::abbreviations,
    names::boolean_parameters,
    names::empty_words,
    names::getters,
    reachable::unreachable_files,
    rooms::directions,
    rooms::owned_crates,
    rooms::resource_parts,
    rooms::unsafe_code,
    sizes::columns,
    sizes::files,
    sizes::functions,
    statements::unlisted_statements,
    words::calls,
];

#[test]
fn the_tree_is_tidy() {
    // Cargo runs tests in the package's folder.
    let sources = tree::read(Path::new("."));
    assert!(
        sources.iter().any(|source| source.path == "src/lib.rs"),
        "this is not the tree"
    );
    let findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(&sources)).collect();
    let (complaints, unneeded) = settle(&findings, EXCEPTIONS);
    let mut report: Vec<String> = complaints
        .iter()
        .map(|finding| finding.to_string())
        .collect();
    report.extend(unneeded.iter().map(|exception| {
        format!(
            "{}: [{}] is kept, remove its exception",
            exception.path, exception.check
        )
    }));
    assert!(
        report.is_empty(),
        "{} findings:\n{}",
        report.len(),
        report.join("\n")
    );
}

/// Findings without an exception, and exceptions without a finding.
fn settle<'a>(
    findings: &'a [Finding],
    exceptions: &'a [Exception],
) -> (Vec<&'a Finding>, Vec<&'a Exception>) {
    let covers = |exception: &Exception, finding: &Finding| {
        exception.check == finding.check && exception.path == finding.path
    };
    let complaints = findings
        .iter()
        .filter(|finding| {
            !exceptions
                .iter()
                .any(|exception| covers(exception, finding))
        })
        .collect();
    let unneeded = exceptions
        .iter()
        .filter(|exception| !findings.iter().any(|finding| covers(exception, finding)))
        .collect();
    (complaints, unneeded)
}

#[test]
fn exceptions_have_reasons() {
    for exception in EXCEPTIONS {
        assert!(
            exception.reason.len() >= 20,
            "say why: {} {}",
            exception.check,
            exception.path
        );
    }
}

#[test]
fn an_exception_covers_its_finding_and_fails_without_one() {
    let finding = Finding {
        check: "columns",
        path: "src/a.rs".to_owned(),
        line: 1,
        message: "wide".to_owned(),
    };
    let exception = |path| Exception {
        check: "columns",
        path,
        reason: "a table that is wide",
    };
    let findings = [finding];

    let needed = [exception("src/a.rs")];
    let (complaints, unneeded) = settle(&findings, &needed);
    assert_eq!((complaints.len(), unneeded.len()), (0, 0));

    let misplaced = [exception("src/b.rs")];
    let (complaints, unneeded) = settle(&findings, &misplaced);
    assert_eq!((complaints.len(), unneeded.len()), (1, 1));
}
