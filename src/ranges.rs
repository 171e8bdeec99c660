//! Ranges of versions as node-semver reads them in its loose way, which npm uses. The crate that
//! gives us versions reads some ranges otherwise: `1.0.0 - 2.0.0`, `1 || ` and `^x` among them.
//! `npm_ranges.json` of `cli/install` holds npm's own answers.

use nodejs_semver::Version;

/// Alternatives, each of comparators that must all hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Range(Vec<Vec<Comparator>>);

#[derive(Debug, Clone, PartialEq)]
enum Comparator {
    Any,
    Nothing,
    Holds(Operator, Version),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Whether prereleases are like any other version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prereleases {
    /// Only those of the very version that a comparator names.
    Named,
    /// All.
    All,
}

impl Range {
    /// Reads a range; `None` where node-semver has none. What of it cannot be read is passed over
    /// where the rest can.
    pub fn parse(text: &str, prereleases: Prereleases) -> Option<Range> {
        let alternatives = text.split("||").filter_map(|part| {
            let part = part.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            read_alternative(&part, prereleases, Unread::Passed)
        });
        Range::of(alternatives.collect())
    }

    /// Reads a range of which all can be read.
    pub fn parse_whole(text: &str, prereleases: Prereleases) -> Option<Range> {
        let alternatives = text.split("||").map(|part| {
            let part = part.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            read_alternative(&part, prereleases, Unread::Refused)
        });
        Range::of(alternatives.collect::<Option<_>>()?)
    }

    fn of(mut sets: Vec<Vec<Comparator>>) -> Option<Range> {
        if sets.iter().any(|set| *set == [Comparator::Any]) {
            sets = vec![vec![Comparator::Any]];
        }
        (!sets.is_empty()).then_some(Range(sets))
    }

    /// Whether a version is in it.
    pub fn holds(&self, version: &Version, prereleases: Prereleases) -> bool {
        let plain = prereleases == Prereleases::All || version.pre_release().is_empty();
        self.0.iter().any(|set| {
            set.iter().all(|comparator| comparator.holds(version))
                && (plain || set.iter().any(|comparator| comparator.names(version)))
        })
    }
}

impl Comparator {
    fn holds(&self, version: &Version) -> bool {
        match self {
            Comparator::Any => true,
            Comparator::Nothing => false,
            Comparator::Holds(operator, other) => match operator {
                Operator::Equal => version == other,
                Operator::Less => version < other,
                Operator::LessOrEqual => version <= other,
                Operator::Greater => version > other,
                Operator::GreaterOrEqual => version >= other,
            },
        }
    }

    /// Whether it is about a prerelease of the same version.
    fn names(&self, version: &Version) -> bool {
        let numbers = |version: &Version| (version.major(), version.minor(), version.patch());
        match self {
            Comparator::Any | Comparator::Nothing => false,
            Comparator::Holds(_, other) => {
                !other.pre_release().is_empty() && numbers(other) == numbers(version)
            }
        }
    }
}

/// A version of which parts may be missing or `x`: what follows such a part does not count.
struct Partial {
    major: Option<u64>,
    minor: Option<u64>,
    patch: Option<u64>,
    prerelease: Option<String>,
}

/// A version with all its parts, `v` or `=` before it or not.
pub fn exact(text: &str) -> Option<Version> {
    let partial = Partial::parse(text)?;
    let Known::Patch(major, minor, patch) = partial.known() else {
        return None;
    };
    let mut exact = format!("{major}.{minor}.{patch}");
    if let Some(named) = &partial.prerelease {
        exact.push('-');
        exact.push_str(named);
    }
    if let Some((_, build)) = text.split_once('+') {
        exact.push('+');
        exact.push_str(build);
    }
    Version::parse(&exact).ok()
}

/// Numbers as far as they are known.
enum Known {
    None,
    Major(u64),
    Minor(u64, u64),
    Patch(u64, u64, u64),
}

impl Partial {
    /// Reads `1`, `1.x`, `v1.2.3-beta.1+build`, and the like.
    fn parse(text: &str) -> Option<Partial> {
        let text = text.trim_start_matches(['v', '=', ' ']);
        let mut partial = Partial {
            major: None,
            minor: None,
            patch: None,
            prerelease: None,
        };
        let (major, rest) = number(text)?;
        partial.major = major;
        let Some(rest) = rest.strip_prefix('.') else {
            return rest.is_empty().then_some(partial);
        };
        let (minor, rest) = number(rest)?;
        partial.minor = minor;
        let Some(rest) = rest.strip_prefix('.') else {
            return rest.is_empty().then_some(partial);
        };
        let (patch, rest) = number(rest)?;
        partial.patch = patch;
        let (prerelease, build) = match rest.split_once('+') {
            Some((prerelease, build)) => (prerelease, Some(build)),
            None => (rest, None),
        };
        let fits = |text: &str| text.split('.').all(is_identifier);
        if build.is_some_and(|build| !fits(build)) {
            return None;
        }
        if !prerelease.is_empty() {
            let named = prerelease.strip_prefix('-').unwrap_or(prerelease);
            partial.prerelease = Some(named.to_owned()).filter(|text| fits(text));
            partial.prerelease.as_ref()?;
        }
        Some(partial)
    }

    fn known(&self) -> Known {
        match (self.major, self.minor, self.patch) {
            (Some(major), Some(minor), Some(patch)) => Known::Patch(major, minor, patch),
            (Some(major), Some(minor), None) => Known::Minor(major, minor),
            (Some(major), None, _) => Known::Major(major),
            (None, _, _) => Known::None,
        }
    }
}

/// A number or an `x`, and what follows.
fn number(text: &str) -> Option<(Option<u64>, &str)> {
    if let Some(rest) = text.strip_prefix(['x', 'X', '*']) {
        return Some((None, rest));
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    (number <= NUMBER_MAX).then_some((Some(number), &text[digits..]))
}

/// The largest that JavaScript counts to.
const NUMBER_MAX: u64 = (1 << 53) - 1;

fn is_identifier(text: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !text.is_empty() && text.bytes().all(part)
}

/// What becomes of a word that cannot be read.
#[derive(Clone, Copy)]
enum Unread {
    /// It is passed over, unless nothing is left then.
    Passed,
    /// There is no range with it.
    Refused,
}

/// What stands between two `||`.
fn read_alternative(
    text: &str,
    prereleases: Prereleases,
    unread: Unread,
) -> Option<Vec<Comparator>> {
    let hyphen = text.split_once(" - ");
    let ends = hyphen.and_then(|(from, to)| Some((Partial::parse(from)?, Partial::parse(to)?)));
    let mut set = Vec::new();
    if let Some((from, to)) = ends {
        set.extend(from_on(&from, prereleases));
        set.extend(up_to(&to, prereleases));
    } else {
        // Spaces after an operator mean nothing.
        let mut joined = String::new();
        for character in text.chars() {
            if character != ' ' || !joined.ends_with(['<', '>', '=', '~', '^']) {
                joined.push(character);
            }
        }
        for simple in joined.split(' ') {
            match (read_simple(simple, prereleases), unread) {
                (Some(comparators), _) => set.extend(comparators),
                (None, Unread::Passed) => {}
                (None, Unread::Refused) => return None,
            }
        }
    }
    if set.contains(&Comparator::Nothing) {
        return Some(vec![Comparator::Nothing]);
    }
    let is_any = set.contains(&Comparator::Any);
    set.retain(|comparator| *comparator != Comparator::Any);
    if set.is_empty() && is_any {
        set.push(Comparator::Any);
    }
    (!set.is_empty()).then_some(set)
}

/// `^1.2`, `>=1.x`, `1.2.3`.
fn read_simple(text: &str, prereleases: Prereleases) -> Option<Vec<Comparator>> {
    if let Some(rest) = text.strip_prefix('^') {
        return Some(caret(&Partial::parse(rest)?, prereleases));
    }
    if let Some(rest) = text.strip_prefix('~') {
        let rest = rest.strip_prefix('>').unwrap_or(rest);
        return Some(tilde(&Partial::parse(rest)?, prereleases));
    }
    let operators = [
        (">=", Operator::GreaterOrEqual),
        ("<=", Operator::LessOrEqual),
        (">", Operator::Greater),
        ("<", Operator::Less),
        ("", Operator::Equal),
    ];
    let mut found = operators.into_iter();
    let (operator, rest) =
        found.find_map(|(sign, operator)| Some((operator, text.strip_prefix(sign)?)))?;
    if rest.is_empty() {
        // `>` alone is no comparator, nothing at all is any version.
        return text.is_empty().then(|| vec![Comparator::Any]);
    }
    compare(operator, &Partial::parse(rest)?, prereleases)
}

fn compare(
    operator: Operator,
    partial: &Partial,
    prereleases: Prereleases,
) -> Option<Vec<Comparator>> {
    let (low, next) = match partial.known() {
        Known::None => {
            return Some(vec![match operator {
                Operator::Less | Operator::Greater => Comparator::Nothing,
                Operator::Equal | Operator::LessOrEqual | Operator::GreaterOrEqual => {
                    Comparator::Any
                }
            }]);
        }
        Known::Patch(major, minor, patch) => {
            let text = partial.prerelease.as_deref().unwrap_or_default();
            let version = version(major, minor, patch, text);
            return Some(vec![bounded(operator, version, prereleases)]);
        }
        Known::Major(major) => ((major, 0), (major + 1, 0)),
        Known::Minor(major, minor) => ((major, minor), (major, minor + 1)),
    };
    let from = |numbers: (u64, u64)| {
        let floor = if prereleases == Prereleases::All {
            "0"
        } else {
            ""
        };
        let version = version(numbers.0, numbers.1, 0, floor);
        bounded(Operator::GreaterOrEqual, version, prereleases)
    };
    let below = |numbers: (u64, u64)| {
        Comparator::Holds(Operator::Less, version(numbers.0, numbers.1, 0, "0"))
    };
    Some(match operator {
        Operator::Equal => vec![from(low), below(next)],
        Operator::Less => vec![below(low)],
        Operator::LessOrEqual => vec![below(next)],
        Operator::Greater => vec![from(next)],
        Operator::GreaterOrEqual => vec![from(low)],
    })
}

/// `^`: up to the next change of the leftmost number that is not 0.
fn caret(partial: &Partial, prereleases: Prereleases) -> Vec<Comparator> {
    let next = match partial.known() {
        Known::None => return vec![Comparator::Any],
        Known::Major(major) => (major + 1, 0, 0),
        Known::Minor(0, minor) => (0, minor + 1, 0),
        Known::Patch(0, 0, patch) => (0, 0, patch + 1),
        Known::Patch(0, minor, _) => (0, minor + 1, 0),
        Known::Minor(major, _) | Known::Patch(major, _, _) => (major + 1, 0, 0),
    };
    span(partial, next, prereleases)
}

/// `~`: up to the next minor version.
fn tilde(partial: &Partial, prereleases: Prereleases) -> Vec<Comparator> {
    let next = match partial.known() {
        Known::None => return vec![Comparator::Any],
        Known::Major(major) => (major + 1, 0, 0),
        Known::Minor(major, minor) | Known::Patch(major, minor, _) => (major, minor + 1, 0),
    };
    span(partial, next, prereleases)
}

fn span(partial: &Partial, next: (u64, u64, u64), prereleases: Prereleases) -> Vec<Comparator> {
    let mut set = from_on(partial, prereleases);
    let next = version(next.0, next.1, next.2, "0");
    set.push(Comparator::Holds(Operator::Less, next));
    set
}

fn from_on(partial: &Partial, prereleases: Prereleases) -> Vec<Comparator> {
    let (major, minor, patch) = match partial.known() {
        Known::None => return vec![Comparator::Any],
        Known::Major(major) => (major, 0, 0),
        Known::Minor(major, minor) => (major, minor, 0),
        Known::Patch(major, minor, patch) => (major, minor, patch),
    };
    let whole = partial.patch.is_some();
    let named = partial.prerelease.as_deref().filter(|_| whole);
    let floor = if prereleases == Prereleases::All {
        "0"
    } else {
        ""
    };
    let version = version(major, minor, patch, named.unwrap_or(floor));
    vec![bounded(Operator::GreaterOrEqual, version, prereleases)]
}

fn up_to(partial: &Partial, prereleases: Prereleases) -> Vec<Comparator> {
    let below = |major, minor, patch| {
        vec![Comparator::Holds(
            Operator::Less,
            version(major, minor, patch, "0"),
        )]
    };
    match (partial.known(), &partial.prerelease) {
        (Known::None, _) => vec![Comparator::Any],
        (Known::Major(major), _) => below(major + 1, 0, 0),
        (Known::Minor(major, minor), _) => below(major, minor + 1, 0),
        (Known::Patch(major, minor, patch), None) if prereleases == Prereleases::All => {
            below(major, minor, patch + 1)
        }
        (Known::Patch(major, minor, patch), named) => {
            let version = version(major, minor, patch, named.as_deref().unwrap_or_default());
            vec![Comparator::Holds(Operator::LessOrEqual, version)]
        }
    }
}

/// `>=0.0.0` is any version and `<0.0.0-0` none.
fn bounded(operator: Operator, version: Version, prereleases: Prereleases) -> Comparator {
    let zero = version.major() == 0 && version.minor() == 0 && version.patch() == 0;
    let lowest = match (prereleases, version.pre_release()) {
        (Prereleases::Named, []) => true,
        (Prereleases::All, [only]) => only.to_string() == "0",
        (Prereleases::Named | Prereleases::All, _) => false,
    };
    if zero && lowest && operator == Operator::GreaterOrEqual {
        return Comparator::Any;
    }
    Comparator::Holds(operator, version)
}

fn version(major: u64, minor: u64, patch: u64, prerelease: &str) -> Version {
    let mut text = format!("{major}.{minor}.{patch}");
    if !prerelease.is_empty() {
        text.push('-');
        text.push_str(prerelease);
    }
    Version::parse(&text).unwrap_or_else(|_| {
        // Numbers past what JavaScript counts to: nothing has such a version.
        Version::from((NUMBER_MAX, NUMBER_MAX, NUMBER_MAX))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_cannot_be_read_is_passed_over_or_not() {
        for (text, loose, whole) in [
            ("1.0.0 - 2.0.0", true, true),
            (">= 1.2 <2 || ^3", true, true),
            ("1 ||", true, true),
            ("", true, true),
            ("vx", true, true),
            (">=1.0.0 <2.O.0", true, false),
            ("1.x or 2.x", true, false),
            ("1.0.0 - two", true, false),
            ("1 || two", true, false),
            ("not a range", false, false),
        ] {
            let read = [Range::parse, Range::parse_whole];
            let read = read.map(|read| read(text, Prereleases::Named).is_some());
            assert_eq!(read, [loose, whole], "{text}");
        }
    }
}
