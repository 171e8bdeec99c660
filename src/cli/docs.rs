//! `thirteen docs search`: the embedded manual, searched with ripgrep's libraries.

use std::collections::HashSet;

use clap::Subcommand;
use grep_regex::RegexMatcherBuilder;
use grep_searcher::sinks::UTF8;
use grep_searcher::{Searcher, SearcherBuilder};

use super::failure::{Failure, Outcome};
use super::output::print;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the lines of the manual that hold a text or match a regular expression
    Search {
        /// Upper case is told from lower case only where the text has upper case
        text: String,
        /// Print commands only, ready to be pasted
        #[arg(long)]
        sh: bool,
    },
}

/// What is printed of the lines that match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lines {
    /// Every line, with its page and number.
    All,
    /// The lines of shell blocks, bare.
    Commands,
}

/// The pages, by name.
const PAGES: &[(&str, &str)] = &[
    ("serve.md", include_str!("manual/serve.md")),
    ("config.md", include_str!("manual/config.md")),
    ("api.md", include_str!("manual/api.md")),
    ("http.md", include_str!("manual/http.md")),
    ("identity.md", include_str!("manual/identity.md")),
    ("catalog.md", include_str!("manual/catalog.md")),
    ("registry.md", include_str!("manual/registry.md")),
    (
        "registry-access.md",
        include_str!("manual/registry-access.md"),
    ),
    ("settings.md", include_str!("manual/settings.md")),
    ("stock.md", include_str!("manual/stock.md")),
    ("packages.md", include_str!("manual/packages.md")),
    ("protocol.md", include_str!("manual/protocol.md")),
    ("proxy.md", include_str!("manual/proxy.md")),
    ("metrics.md", include_str!("manual/metrics.md")),
    ("upstreams.md", include_str!("manual/upstreams.md")),
    ("operations.md", include_str!("manual/operations.md")),
];

pub(super) fn run(args: Args) -> Outcome {
    let Action::Search { text, sh } = args.action;
    let found = search(&text, if sh { Lines::Commands } else { Lines::All })?;
    if found.is_empty() {
        let names = PAGES.iter().map(|(name, _)| name.trim_end_matches(".md"));
        let pages = names.collect::<Vec<_>>().join(", ");
        let message = format!("the manual has no `{text}`; its pages are {pages}");
        return Err(Failure::Failed(message));
    }
    print(&found)
}

fn search(text: &str, lines: Lines) -> Result<String, Failure> {
    let matcher = RegexMatcherBuilder::new()
        .case_smart(true)
        .build(text)
        .map_err(|fault| {
            let fault = fault.to_string();
            let cause = fault
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ");
            let remedy = "put a backslash before what is to be met as it stands";
            Failure::Usage(format!(
                "`{text}` is not a regular expression: {cause}; {remedy}"
            ))
        })?;
    let mut searcher: Searcher = SearcherBuilder::new().line_number(true).build();
    let mut found: Vec<String> = Vec::new();
    for (name, page) in PAGES {
        let is_command = commands(page);
        let sink = UTF8(|number, line| {
            let index = usize::try_from(number).expect("a page is shorter than memory") - 1;
            let line = line.trim_end();
            match lines {
                Lines::All => found.push(format!("{name}:{number}: {line}\n")),
                Lines::Commands if is_command[index] => found.push(format!("{line}\n")),
                Lines::Commands => {}
            }
            Ok(true)
        });
        searcher
            .search_slice(&matcher, page.as_bytes(), sink)
            .map_err(|fault| {
                Failure::Failed(format!("{name} could not be searched: {fault}; report it"))
            })?;
    }
    let mut told = HashSet::new();
    found.retain(|line| told.insert(line.clone()));
    Ok(found.concat())
}

/// For each line whether it is a command: within a block marked `sh`.
fn commands(page: &str) -> Vec<bool> {
    let mut within = false;
    let line_is_command = |line: &str| {
        if line.starts_with("```") {
            within = line == "```sh";
            return false;
        }
        within && !line.trim().is_empty() && !line.starts_with('#')
    };
    page.lines().map(line_is_command).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_with_page_and_number() {
        let found = search("thirteen doctor", Lines::All).unwrap();
        let line = found.lines().next().unwrap();
        let (page, rest) = line.split_once(':').unwrap();
        let (number, text) = rest.split_once(": ").unwrap();
        let (_, content) = PAGES.iter().find(|(name, _)| *name == page).unwrap();
        let at = number.parse::<usize>().unwrap() - 1;
        assert_eq!(content.lines().nth(at).unwrap().trim_end(), text);
    }

    #[test]
    fn commands_come_alone() {
        let found = search("thirteen", Lines::Commands).unwrap();
        assert!(found.lines().count() > 10, "{found}");
        for line in found.lines() {
            assert!(!line.starts_with('`') && !line.contains(".md:"), "{line}");
        }
    }

    #[test]
    fn small_letters_meet_capitals_and_faulty_expressions_are_usage() {
        assert!(search("sigterm", Lines::All).unwrap().contains("SIGTERM"));
        assert!(search("SigTerm", Lines::All).unwrap().is_empty());
        assert!(matches!(search("(", Lines::All), Err(Failure::Usage(_))));
    }
}
