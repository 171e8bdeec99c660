//! Patterns of files as npm has them (minimatch with `matchBase`, `dot` and `nocase`), which are
//! not those of git: `lib` in a list of files is not `lib/`.

/// A line of a list of files.
#[derive(Debug)]
pub(super) struct Rule {
    /// Whether it lets in what others keep out.
    pub negates: bool,
    /// Alternatives, each in parts between slashes.
    alternatives: Vec<Vec<Part>>,
}

#[derive(Debug)]
enum Part {
    /// `**`
    Any,
    /// In lower case.
    Pattern(Vec<char>),
}

/// Whether a path that may go on counts as met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    Partial,
}

impl Rule {
    /// Reads a line.
    ///
    /// # Errors
    /// When it has what is not understood here.
    pub(super) fn parse(line: &str) -> Result<Rule, String> {
        let bare = line.trim_start_matches('!');
        let negates = (line.len() - bare.len()) % 2 == 1;
        let extended = ["?(", "*(", "+(", "@(", "!("];
        if extended.iter().any(|start| bare.contains(start)) {
            return Err(format!(
                "the pattern `{line}` has an extended glob, which is not known here"
            ));
        }
        let alternatives = braces(bare).iter().map(|text| parts(text)).collect();
        Ok(Rule {
            negates,
            alternatives,
        })
    }

    /// Whether one of its alternatives has but one part, and so is about names anywhere.
    pub(super) fn is_about_names(&self) -> bool {
        self.alternatives.iter().any(|parts| {
            let ends_in_slash =
                matches!(parts.last(), Some(Part::Pattern(last)) if last.is_empty());
            parts.len() <= if ends_in_slash { 2 } else { 1 }
        })
    }

    /// Whether a path is met.
    pub(super) fn matches(&self, path: &str, extent: Extent) -> bool {
        if path == "/" && extent == Extent::Partial {
            return true;
        }
        let lower = path.to_lowercase();
        let mut file: Vec<&str> = Vec::new();
        for part in lower.split('/') {
            // Slashes in a row are one.
            if !part.is_empty() || file.is_empty() || lower.ends_with('/') {
                file.push(part);
            }
        }
        let name = file.iter().rev().find(|part| !part.is_empty());
        let name: Vec<&str> = name.copied().into_iter().collect();
        self.alternatives.iter().any(|parts| {
            let file = if parts.len() == 1 { &name } else { &file };
            matches(file, parts, extent)
        })
    }
}

fn matches(file: &[&str], pattern: &[Part], extent: Extent) -> bool {
    match (file, pattern) {
        ([], []) => true,
        ([], _) => extent == Extent::Partial,
        // `a/` is met by `a`.
        (rest, []) => *rest == [""],
        (file, [Part::Any, rest @ ..]) => {
            if rest.is_empty() {
                return file.iter().all(|part| *part != "." && *part != "..");
            }
            (0..file.len()).any(|skipped| matches(&file[skipped..], rest, extent))
                || extent == Extent::Partial
        }
        ([name, file @ ..], [Part::Pattern(pattern), rest @ ..]) => {
            let name: Vec<char> = name.chars().collect();
            matches_name(&name, pattern) && matches(file, rest, extent)
        }
    }
}

/// One part. `*` and the like need something to meet, and do not meet `.` and `..`.
fn matches_name(name: &[char], pattern: &[char]) -> bool {
    let is_magic = pattern.iter().any(|character| "*?[".contains(*character));
    if is_magic && matches!(name, [] | ['.'] | ['.', '.']) {
        return false;
    }
    matches_rest(name, pattern)
}

fn matches_rest(name: &[char], pattern: &[char]) -> bool {
    match (name, pattern) {
        ([], []) => true,
        (name, ['*', rest @ ..]) => {
            (0..=name.len()).any(|skipped| matches_rest(&name[skipped..], rest))
        }
        ([_, name @ ..], ['?', rest @ ..]) => matches_rest(name, rest),
        ([first, name @ ..], ['[', rest @ ..]) => match class(*first, rest) {
            Some((is_in, rest)) => is_in && matches_rest(name, rest),
            // A bracket that is not closed is one.
            None => *first == '[' && matches_rest(name, rest),
        },
        ([first, name @ ..], ['\\', literal, rest @ ..] | [literal, rest @ ..]) => {
            first == literal && matches_rest(name, rest)
        }
        ([], _) | (_, []) => false,
    }
}

/// `a-z]` or `^a]` after its bracket: whether the character is in it, and what follows.
fn class(character: char, pattern: &[char]) -> Option<(bool, &[char])> {
    let (negated, body) = match pattern {
        ['!' | '^', body @ ..] => (true, body),
        body => (false, body),
    };
    let end = body
        .iter()
        .skip(1)
        .position(|character| *character == ']')?
        + 1;
    let mut is_in = false;
    let mut rest = &body[..end];
    while let Some((first, after)) = rest.split_first() {
        match after {
            ['-', last, after @ ..] => {
                is_in |= (*first..=*last).contains(&character);
                rest = after;
            }
            after => {
                is_in |= *first == character;
                rest = after;
            }
        }
    }
    Some((is_in != negated, &body[end + 1..]))
}

fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let text = text.to_lowercase();
    for (index, part) in text.split('/').enumerate() {
        if part.is_empty() && index > 0 && !text.ends_with('/') {
            continue;
        }
        if part != "**" {
            parts.push(Part::Pattern(part.chars().collect()));
        } else if !matches!(parts.last(), Some(Part::Any)) {
            parts.push(Part::Any);
        }
    }
    parts
}

/// `a{b,c}` as `ab` and `ac`.
fn braces(text: &str) -> Vec<String> {
    let Some(open) = text.find('{') else {
        return vec![text.to_owned()];
    };
    let mut depth = 0_usize;
    let mut cuts = vec![open];
    for (position, character) in text.char_indices().skip_while(|(at, _)| *at < open) {
        match character {
            '{' => depth += 1,
            ',' if depth == 1 => cuts.push(position),
            '}' if depth == 1 => {
                cuts.push(position);
                break;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    let closed = cuts.last().is_some_and(|at| text[*at..].starts_with('}'));
    // One that is not closed, or has no comma, is a brace.
    if !closed || cuts.len() < 3 {
        let (head, tail) = text.split_at(open + 1);
        let tails = braces(tail).into_iter();
        return tails.map(|tail| format!("{head}{tail}")).collect();
    }
    let end = cuts[cuts.len() - 1];
    let mut all = Vec::new();
    for pair in cuts.windows(2) {
        let inner = &text[pair[0] + 1..pair[1]];
        let whole = format!("{}{inner}{}", &text[..open], &text[end + 1..]);
        all.extend(braces(&whole));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By minimatch 10 with npm's options.
    #[test]
    fn patterns_meet_what_they_meet_for_npm() {
        for (pattern, path, whole, partial) in [
            ("*.orig", "a.orig", true, true),
            ("*.orig", "dir/a.ORIG", true, true),
            (".*.swp", ".a.swp", true, true),
            ("/build/x", "/build/x", true, true),
            ("/build/x", "/build", false, true),
            ("/build/x", "/other/build/x", false, false),
            ("**/.git/**", "a/.git/config", true, true),
            ("**/.git/**", ".git", false, true),
            ("/readme{,.*[^~$]}", "/README", true, true),
            ("/readme{,.*[^~$]}", "/readme.md", true, true),
            ("/readme{,.*[^~$]}", "/readme.md~", false, false),
            ("lib/**", "lib/a/b.js", true, true),
            ("lib/**", "lib/", true, true),
            ("lib", "lib", true, true),
            ("lib/", "lib/", true, true),
            ("lib/", "lib", false, true),
            ("a?c", "abc", true, true),
            ("[a-c]x", "bx", true, true),
            ("[!a-c]x", "bx", false, false),
            ("{a,b{1,2}}.js", "b2.js", true, true),
            ("a\\*b", "a*b", true, true),
            ("a\\*b", "axb", false, false),
            ("*", ".hidden", true, true),
            ("/*", "/a", true, true),
            ("/*", "/a/b", false, false),
        ] {
            let rule = Rule::parse(pattern).unwrap();
            let met = (
                rule.matches(path, Extent::Whole),
                rule.matches(path, Extent::Partial),
            );
            assert_eq!(met, (whole, partial), "{pattern} {path}");
        }
        assert!(Rule::parse("!x").unwrap().negates);
        assert!(!Rule::parse("!!x").unwrap().negates);
        assert!(Rule::parse("+(a|b)").is_err());
    }
}
