//! The files of the tree as the checks see them.

use std::fmt;
use std::path::Path;

use super::mask::mask;

/// One file, read once for all checks.
pub(crate) struct Source {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Rust only: the text with comments and literals blanked.
    pub(crate) code: String,
    /// Rust only: the text with everything but comments blanked.
    pub(crate) comments: String,
    /// Rust only: per line, whether it is inside a `#[cfg(test)]` item or a file of tests.
    test_lines: Vec<bool>,
}

/// A rule that is not kept, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) path: String,
    /// From 1.
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Source {
        let masked = mask(text);
        let test_lines = test_lines(path, &masked.code);
        let (code, comments) = (masked.code, masked.comments);
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            comments,
            test_lines,
        }
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the line (from 1) is only compiled for tests.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.test_lines.get(line - 1).copied().unwrap_or(false)
    }

    /// Lines that are not tests.
    pub(crate) fn line_count(&self) -> usize {
        self.test_lines.iter().filter(|is_test| !**is_test).count()
    }

    /// Whether the product is made from this file, as opposed to tests, benches and examples.
    pub(crate) fn is_product(&self) -> bool {
        self.path.starts_with("src/") || self.path.starts_with("kernels/src/")
    }

    pub(crate) fn finding(&self, check: &'static str, line: usize, message: String) -> Finding {
        Finding {
            check,
            path: self.path.clone(),
            line,
            message,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{}: [{}] {}",
            self.path, self.line, self.check, self.message
        )
    }
}

/// Every file of the tree that people write and a check may look at.
pub(crate) fn read(root: &Path) -> Vec<Source> {
    let mut paths = Vec::new();
    collect(root, "", &mut paths);
    paths.sort();
    let mut sources: Vec<Source> = paths
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(root.join(&path))
                .unwrap_or_else(|error| panic!("{path}: {error}"));
            Source::new(&path, &text)
        })
        .collect();
    mark_test_files(&mut sources);
    sources
}

/// Files that are declared as `#[cfg(test)] mod a;`, for the crate or not, and what lies below
/// them, are tests.
fn mark_test_files(sources: &mut [Source]) {
    let mut places = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let folder = source
            .path
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        let own = source.path.trim_end_matches(".rs");
        for (index, line) in source.code.lines().enumerate() {
            let name = line
                .trim()
                .trim_start_matches("pub(crate) ")
                .strip_prefix("mod ")
                .and_then(|rest| rest.strip_suffix(';'));
            if let (Some(name), true) = (name, source.is_test(index + 1)) {
                places.extend([format!("{folder}/{name}"), format!("{own}/{name}")]);
            }
        }
    }
    for source in sources {
        let is_below = |place: &String| {
            let rest = source.path.strip_prefix(place.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        if places.iter().any(is_below) {
            source.test_lines.fill(true);
        }
    }
}

fn collect(root: &Path, folder: &str, paths: &mut Vec<String>) {
    for entry in std::fs::read_dir(root.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = entry
            .file_name()
            .into_string()
            .expect("names in the tree are UTF-8");
        let path = if folder.is_empty() {
            name.clone()
        } else {
            format!("{folder}/{name}")
        };
        let kind = entry.file_type().unwrap();
        if kind.is_dir() && !name.starts_with('.') && !FOLDERS_SKIPPED.contains(&name.as_str()) {
            collect(root, &path, paths);
        } else if kind.is_file() && EXTENSIONS.iter().any(|extension| name.ends_with(extension)) {
            paths.push(path);
        }
    }
}

/// Marks `#[cfg(test)]` items with a body, functions under `#[test]`, and files of tests.
fn test_lines(path: &str, code: &str) -> Vec<bool> {
    let lines: Vec<&str> = code.lines().collect();
    let file_name = path.rsplit('/').next().unwrap_or_default();
    if path.starts_with("tests/") || path.contains("/tests/") || file_name == "tests.rs" {
        return vec![true; lines.len()];
    }
    let mut marks = vec![false; lines.len()];
    for (index, line) in lines.iter().enumerate() {
        let attribute = line.trim_start();
        let is_test = attribute.starts_with("#[cfg(test)]")
            || attribute.starts_with("#[cfg(all(test")
            || attribute.starts_with("#[test]");
        if is_test && let Some(last) = item_end(&lines, index) {
            marks[index..=last].fill(true);
        }
    }
    marks
}

/// The last line of the item that begins at `first`: its closing brace, or the `;` of one that
/// has no body.
fn item_end(lines: &[&str], first: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, line) in lines.iter().enumerate().skip(first) {
        for character in line.chars() {
            match character {
                '{' => depth += 1,
                '}' if depth <= 1 => return Some(index),
                '}' => depth -= 1,
                ';' if depth == 0 => return Some(index),
                _ => {}
            }
        }
    }
    None
}

const EXTENSIONS: [&str; 8] = [".rs", ".md", ".py", ".mjs", ".ts", ".lua", ".sh", ".toml"];

const FOLDERS_SKIPPED: [&str; 4] = ["target", "node_modules", "data", "corpus"];

#[test]
fn lines_of_tests_are_known() {
    let text = "fn a() {\n}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
    let source = Source::new("src/a.rs", text);
    let marks: Vec<bool> = (1..=7).map(|line| source.is_test(line)).collect();
    assert_eq!(marks, [false, false, true, true, true, true, false]);
    assert_eq!(source.line_count(), 3);
    assert_eq!(Source::new("src/ring/tests.rs", text).line_count(), 0);
    assert_eq!(
        Source::new("src/a.rs", "#[cfg(test)]\nmod tests;\nfn c() {}\n").line_count(),
        1
    );
}

#[test]
fn files_declared_for_tests_are_tests() {
    let files = [
        (
            "src/state/mod.rs",
            "mod owner;\n#[cfg(test)]\nmod simulation;\n",
        ),
        ("src/state/simulation.rs", "mod disk;\n"),
        ("src/state/simulation/disk.rs", "fn a() {}\n"),
        ("src/state/owner.rs", "fn a() {}\n"),
    ];
    let mut sources = files.map(|(path, text)| Source::new(path, text));
    mark_test_files(&mut sources);
    let are_tests = sources.map(|source| source.is_test(1));
    assert_eq!(are_tests, [false, true, true, false]);
}
