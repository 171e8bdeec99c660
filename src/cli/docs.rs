//! `thirteen docs`: the embedded manual, listed, shown, and searched with ripgrep's libraries.

use std::collections::HashSet;

use clap::Subcommand;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::Searcher;
use grep_searcher::sinks::UTF8;

use super::failure::{Failure, Outcome};
use super::output::{columns, print};
use crate::settings::nearest;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the paragraphs of the manual that hold a text or match a regular expression
    Search {
        /// Upper case is told from lower case only where the text has upper case
        text: String,
        /// Print commands only, ready to be pasted
        #[arg(long)]
        sh: bool,
    },
    /// Print a page
    Show {
        /// Its name, as `thirteen docs` lists it
        page: String,
    },
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
    match args.action {
        None => print(&list()),
        Some(Action::Show { page }) => print(show(&page)?),
        Some(Action::Search { text, sh }) => {
            let found = if sh {
                search_commands(&text)?
            } else {
                search(&text)?
            };
            if found.is_empty() {
                let message = format!("the manual has no `{text}`; its pages are {}", names());
                return Err(Failure::Failed(message));
            }
            print(&found)
        }
    }
}

/// The pages with their titles.
fn list() -> String {
    let rows = PAGES.iter().map(|(name, page)| {
        let title = page.lines().next().unwrap_or_default();
        [bare(name).to_owned(), heading(title).to_owned()]
    });
    let rows: Vec<[String; 2]> = rows.collect();
    format!(
        "{}\nthirteen docs show PAGE prints one, thirteen docs search TEXT finds what they say\n",
        columns(&rows)
    )
}

fn show(wanted: &str) -> Result<&'static str, Failure> {
    let found = PAGES.iter().find(|(name, _)| bare(name) == bare(wanted));
    found.map(|(_, page)| *page).ok_or_else(|| {
        let nearest = nearest(wanted, PAGES.iter().map(|(name, _)| bare(name)));
        let (nearest, names) = (nearest.unwrap_or_default(), names());
        Failure::Usage(format!(
            "`{wanted}` is no page of the manual; the nearest is {nearest}, of {names}"
        ))
    })
}

fn names() -> String {
    let names = PAGES.iter().map(|(name, _)| bare(name));
    names.collect::<Vec<_>>().join(", ")
}

/// The name of a page as people say it.
fn bare(name: &str) -> &str {
    name.trim_end_matches(".md")
}

/// The text of a line that is a heading.
fn heading(line: &str) -> &str {
    line.trim_start_matches('#').trim()
}

/// What is printed together: a paragraph, an item of a list, a row of a table, a block of code.
struct Paragraph<'p> {
    /// Of its first line, from 1.
    number: usize,
    lines: Vec<&'p str>,
    /// The heading that it stands under.
    section: &'p str,
}

impl Paragraph<'_> {
    fn is_heading(&self) -> bool {
        self.lines[0].starts_with('#')
    }
}

/// The paragraphs that hold the text, each with its page, line and section. Words that stand on two
/// lines are found as if they stood on one; a heading comes with what follows it.
fn search(text: &str) -> Result<String, Failure> {
    let mut finder = Finder::new(text)?;
    let mut found = Vec::new();
    for (name, page) in PAGES {
        let paragraphs = paragraphs(page);
        let mut rest = paragraphs.iter().peekable();
        while let Some(paragraph) = rest.next() {
            let lines = &paragraph.lines;
            if !finder.is_in(&lines.join("\n"))? && !finder.is_in(&joined(lines))? {
                continue;
            }
            let body = if paragraph.is_heading() {
                rest.next_if(|next| !next.is_heading())
            } else {
                Some(paragraph)
            };
            let body = body.map_or(String::new(), |body| body.lines.join("\n") + "\n");
            let (number, section) = (paragraph.number, paragraph.section);
            found.push(format!("{name}:{number}: {section}\n{body}"));
        }
    }
    Ok(found.join("\n"))
}

/// The lines as one.
fn joined(lines: &[&str]) -> String {
    let words = lines.iter().flat_map(|line| line.split_whitespace());
    words.collect::<Vec<_>>().join(" ")
}

fn paragraphs(page: &str) -> Vec<Paragraph<'_>> {
    let mut paragraphs: Vec<Paragraph<'_>> = Vec::new();
    let mut section = "";
    let (mut within_code, mut goes_on) = (false, false);
    for (index, line) in page.lines().enumerate() {
        let is_fence = line.starts_with("```");
        if line.trim().is_empty() && !within_code {
            goes_on = false;
            continue;
        }
        let is_heading = line.starts_with('#') && !within_code;
        if is_heading {
            section = heading(line);
        }
        let begins = is_heading || is_fence || line.starts_with("- ") || line.starts_with("| ");
        match paragraphs.last_mut() {
            Some(last) if within_code || (goes_on && !begins) => last.lines.push(line),
            Some(_) | None => paragraphs.push(Paragraph {
                number: index + 1,
                lines: vec![line],
                section,
            }),
        }
        within_code ^= is_fence;
        goes_on = !is_heading && (within_code || !is_fence);
    }
    paragraphs
}

/// The commands that match, bare, each once.
fn search_commands(text: &str) -> Result<String, Failure> {
    let mut finder = Finder::new(text)?;
    let mut told = HashSet::new();
    let mut found = String::new();
    for (_, page) in PAGES {
        let is_command = commands(page);
        for (line, _) in page.lines().zip(is_command).filter(|(_, is)| *is) {
            let line = line.trim_end();
            if finder.is_in(line)? && told.insert(line) {
                found.push_str(line);
                found.push('\n');
            }
        }
    }
    Ok(found)
}

/// Tells whether texts hold what is sought.
struct Finder {
    matcher: RegexMatcher,
    searcher: Searcher,
}

impl Finder {
    fn new(text: &str) -> Result<Finder, Failure> {
        let matcher = RegexMatcherBuilder::new().case_smart(true).build(text);
        let matcher = matcher.map_err(|fault| {
            let fault = fault.to_string();
            let cause = fault.lines().last().unwrap_or_default();
            let cause = cause.trim_start_matches("error: ");
            let remedy = "put a backslash before what is to be met as it stands";
            Failure::Usage(format!(
                "`{text}` is not a regular expression: {cause}; {remedy}"
            ))
        })?;
        Ok(Finder {
            matcher,
            searcher: Searcher::new(),
        })
    }

    fn is_in(&mut self, text: &str) -> Result<bool, Failure> {
        let mut is_in = false;
        let sink = UTF8(|_, _| {
            is_in = true;
            Ok(false)
        });
        let searched = self
            .searcher
            .search_slice(&self.matcher, text.as_bytes(), sink);
        searched.map_err(|fault| {
            Failure::Failed(format!(
                "the manual could not be searched: {fault}; report it"
            ))
        })?;
        Ok(is_in)
    }
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
    fn a_page_falls_into_paragraphs() {
        let page = "# T\n\na\nb\n- c\n  d\n- e\n\n## S\n| f |\n| g |\n```sh\nh\n\n# i\n```\nj\n";
        let found: Vec<(usize, String, &str)> = paragraphs(page)
            .iter()
            .map(|found| (found.number, found.lines.join("/"), found.section))
            .collect();
        let expected = [
            (1, "# T", "T"),
            (3, "a/b", "T"),
            (5, "- c/  d", "T"),
            (7, "- e", "T"),
            (9, "## S", "S"),
            (10, "| f |", "S"),
            (11, "| g |", "S"),
            (12, "```sh/h//# i/```", "S"),
            (17, "j", "S"),
        ];
        let expected = expected.map(|(number, text, section)| (number, text.to_owned(), section));
        assert_eq!(found, expected);
    }

    #[test]
    fn paragraphs_are_found_with_page_line_and_section() {
        let found = search("thirteen doctor").unwrap();
        let (head, rest) = found.split_once('\n').unwrap();
        let (page, head) = head.split_once(':').unwrap();
        let (number, _section) = head.split_once(": ").unwrap();
        let (_, content) = PAGES.iter().find(|(name, _)| *name == page).unwrap();
        let at = number.parse::<usize>().unwrap() - 1;
        assert_eq!(content.lines().nth(at), rest.lines().next());
    }

    #[test]
    fn words_are_found_over_the_end_of_a_line_and_headings_with_what_follows() {
        // Wherever a line ends, its last word and the next line's first are found together.
        let (_, page) = PAGES[0];
        let prose = paragraphs(page)
            .into_iter()
            .find(|found| found.lines.len() > 1 && !found.lines[0].starts_with("```"));
        let prose = prose.unwrap();
        let last = prose.lines[0].split(' ').next_back().unwrap();
        let first = prose.lines[1].split(' ').next().unwrap();
        let sought = format!("{} {}", escaped(last), escaped(first));
        assert!(
            search(&sought).unwrap().contains(prose.lines[1]),
            "{sought}"
        );
        let found = search("^## registry.offline").unwrap();
        assert!(
            found.contains("Whether upstreams are never asked"),
            "{found}"
        );
    }

    fn escaped(word: &str) -> String {
        let escape = |c: char| format!("\\x{{{:x}}}", u32::from(c));
        word.chars().map(escape).collect()
    }

    #[test]
    fn commands_come_alone() {
        let found = search_commands("thirteen").unwrap();
        assert!(found.lines().count() > 10, "{found}");
        for line in found.lines() {
            assert!(!line.starts_with('`') && !line.contains(".md:"), "{line}");
        }
    }

    #[test]
    fn small_letters_meet_capitals_and_faulty_expressions_are_usage() {
        assert!(search("sigterm").unwrap().contains("SIGTERM"));
        assert!(search("SigTerm").unwrap().is_empty());
        assert!(matches!(search("("), Err(Failure::Usage(_))));
    }

    #[test]
    fn pages_are_listed_and_shown() {
        let listed = list();
        for (name, page) in PAGES {
            assert!(
                listed.contains(&format!("\n{} ", bare(name))) || listed.starts_with(bare(name))
            );
            assert_eq!(show(name).unwrap(), *page);
            assert_eq!(show(bare(name)).unwrap(), *page);
        }
        let Err(Failure::Usage(message)) = show("setings") else {
            panic!("it is no page")
        };
        assert!(message.contains("the nearest is settings"), "{message}");
    }
}
