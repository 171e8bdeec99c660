//! What upstreams are asked for, when, and what of their answers is shown; without I/O.

use nodejs_semver::Version;

use crate::ranges::{Prereleases, Range};
use crate::registry::name::PackageName;
use crate::settings::blocked;

/// How well a pattern fits a name: the length of its fixed part. A pattern without a `*` that fits
/// beats any that has one.
pub fn fit(pattern: &str, name: &PackageName) -> Option<usize> {
    // `*` alone is every name; elsewhere a star does not reach over the scope's slash.
    if pattern == "*" {
        return Some(0);
    }
    if !pattern.contains('*') {
        return (pattern == name.as_str()).then_some(usize::MAX);
    }
    let (scope, base) = match pattern.split_once('/') {
        Some((scope, base)) => (Some(scope), base),
        None => (None, pattern),
    };
    let fits = match (scope, name.scope()) {
        (None, None) => true,
        (Some(pattern), Some(scope)) => star_matches(pattern, scope),
        (None, Some(_)) | (Some(_), None) => false,
    };
    let fixed = pattern.bytes().filter(|byte| *byte != b'*').count();
    (fits && star_matches(base, name.base())).then_some(fixed)
}

/// Whether a text is one of a pattern, whose stars stand for any characters.
fn star_matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let tail = pieces.pop().unwrap_or_default();
    for piece in pieces {
        match text.find(piece) {
            Some(position) => text = &text[position + piece.len()..],
            None => return false,
        }
    }
    text.ends_with(tail)
}

/// The position of the one upstream that a name comes from: the best fit of all their patterns,
/// the first listed where two fit alike.
pub fn origin<'p, L, P>(upstreams: L, name: &PackageName) -> Option<usize>
where
    L: IntoIterator<Item = P>,
    P: IntoIterator<Item = &'p String>,
{
    let mut best: Option<(usize, usize)> = None;
    for (position, patterns) in upstreams.into_iter().enumerate() {
        let fits = patterns.into_iter().filter_map(|one| fit(one, name));
        if let Some(fit) = fits.max()
            && best.is_none_or(|(_, other)| fit > other)
        {
            best = Some((position, fit));
        }
    }
    best.map(|(position, _)| position)
}

/// The segment of a URL that npm's registries have a package under.
pub fn segment_of(name: &PackageName) -> String {
    name.as_str().replace('/', "%2f")
}

/// Whether what an upstream said is taken as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It is.
    Fresh,
    /// It is served, and the upstream is asked meanwhile.
    Stale {
        /// How long ago the upstream was asked with success, in seconds: the `Age` of a reply.
        age_s: u64,
    },
}

/// Judges what was last checked at a moment, where it is taken as it is for `fresh_ms`. A version
/// that is held back until `rebuild_at` ends that earlier.
pub fn freshness(
    checked_at: Option<i64>,
    rebuild_at: Option<i64>,
    fresh_ms: i64,
    now_ms: i64,
) -> Freshness {
    let checked_at = checked_at.unwrap_or(0);
    let is_due = rebuild_at.is_some_and(|at| at <= now_ms && checked_at < at);
    // A clock that was set back makes nothing fresh for longer than the setting says.
    let age_ms = now_ms - checked_at;
    if (0..fresh_ms).contains(&age_ms) && !is_due {
        return Freshness::Fresh;
    }
    let age_s = age_ms.max(0) / 1000;
    Freshness::Stale {
        age_s: u64::try_from(age_s).expect("it is at least 0"),
    }
}

/// Which versions of upstreams are shown.
#[derive(Debug, Default)]
pub struct Policy {
    /// The age from which a version is shown, in milliseconds.
    pub minimum_age_ms: i64,
    /// For how long a version is held back after it was first seen, in milliseconds.
    pub quarantine_ms: i64,
    blocked: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    name: String,
    /// All versions where there is none.
    range: Option<Range>,
}

/// What becomes of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is shown.
    Shown,
    /// It is not shown before this moment, in Unix milliseconds.
    HeldUntil(i64),
    /// It is never shown.
    Blocked,
}

impl Policy {
    /// The policy of these settings, which were checked when they were read.
    pub fn new(minimum_age_ms: i64, quarantine_ms: i64, blocked: &[String]) -> Policy {
        let blocked = blocked.iter().map(|text| {
            let (name, range) = blocked::split(text);
            Block {
                name: name.to_owned(),
                range: match range {
                    "" => None,
                    range => {
                        let range = Range::parse_whole(range, Prereleases::All);
                        Some(range.expect("the settings hold ranges only"))
                    }
                },
            }
        });
        Policy {
            minimum_age_ms,
            quarantine_ms,
            blocked: blocked.collect(),
        }
    }

    /// Whether there is any rule.
    pub fn hide_anything(&self) -> bool {
        self.minimum_age_ms > 0 || self.quarantine_ms > 0 || !self.blocked.is_empty()
    }

    /// Whether no version of a package may ever be shown.
    pub fn blocks(&self, name: &PackageName) -> bool {
        let mut blocks = self.blocked.iter();
        blocks.any(|block| block.name == name.as_str() && block.range.is_none())
    }

    /// Judges a version: when its upstream says that it was published, and since when it is known
    /// here; both in Unix milliseconds. A version that says nothing of its publication is as old
    /// as we have known it.
    pub fn judge(
        &self,
        name: &PackageName,
        version: &str,
        published_at: Option<i64>,
        seen_at: i64,
        now_ms: i64,
    ) -> Verdict {
        let mut blocks = self.blocked.iter();
        if blocks.any(|block| block.covers(name, version)) {
            return Verdict::Blocked;
        }
        // What is said to be published in the future was published when we saw it, at the latest.
        let published_at = published_at.unwrap_or(seen_at).min(seen_at);
        let aged_at = published_at.saturating_add(self.minimum_age_ms);
        let released_at = match self.quarantine_ms {
            0 => aged_at,
            quarantine_ms => aged_at.max(seen_at.saturating_add(quarantine_ms)),
        };
        if released_at <= now_ms {
            Verdict::Shown
        } else {
            Verdict::HeldUntil(released_at)
        }
    }
}

impl Block {
    fn covers(&self, name: &PackageName, version: &str) -> bool {
        if self.name != name.as_str() {
            return false;
        }
        let Some(range) = &self.range else {
            return true;
        };
        match Version::parse(version) {
            // A pre-release is of the version that it comes before: `<2` blocks `1.9.0-rc.1`,
            // which ranges leave out otherwise.
            Ok(version) => range.holds(&version, Prereleases::All),
            // What cannot be compared may be what was meant.
            Err(_) => true,
        }
    }
}

/// Whether a list of `Via` headers names us: the request has been here before.
pub fn is_loop<'v>(via: impl IntoIterator<Item = &'v [u8]>, id: &str) -> bool {
    let mut hops = via
        .into_iter()
        .flat_map(|value| value.split(|byte| *byte == b','));
    hops.any(|hop| {
        let mut words = hop
            .split(|byte| byte.is_ascii_whitespace())
            .filter(|word| !word.is_empty());
        words.nth(1) == Some(id.as_bytes())
    })
}

/// Something of an upstream that is kept here and can be fetched again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept<T> {
    /// What it is.
    pub what: T,
    /// When it was last asked for; Unix milliseconds.
    pub used_at: i64,
    /// Its length.
    pub bytes: u64,
}

/// What goes of a cache so that so many bytes are free: what was not asked for longest, first.
pub fn evicted<T>(mut kept: Vec<Kept<T>>, bytes_over: u64) -> Vec<Kept<T>> {
    kept.sort_by_key(|one| one.used_at);
    let mut freed = 0;
    kept.into_iter()
        .take_while(|one| {
            let is_needed = freed < bytes_over;
            freed += one.bytes;
            is_needed
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> PackageName {
        PackageName::parse(text).unwrap()
    }

    #[test]
    fn patterns_fit_names() {
        for (pattern, text, expected) in [
            ("*", "a", Some(0)),
            ("*", "@a/b", Some(0)),
            ("a", "a", Some(usize::MAX)),
            ("a", "ab", None),
            ("a*", "ab", Some(1)),
            ("*b", "ab", Some(1)),
            ("a*c*e", "abcde", Some(3)),
            ("a*c*e", "abdde", None),
            ("a*a", "a", None),
            ("a*", "@a/b", None),
            ("@a/*", "@a/b", Some(3)),
            ("@a/*", "@ab/c", None),
            ("@a*/*", "@ab/c", Some(3)),
            ("@*/x", "@ab/x", Some(3)),
            ("@a/b", "@a/b", Some(usize::MAX)),
            ("@a/b*", "@a/bc", Some(4)),
        ] {
            assert_eq!(fit(pattern, &name(text)), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_name_has_one_origin_which_is_the_longest_fit() {
        let lists = [
            vec!["*".to_owned()],
            vec!["@acme/*".to_owned(), "acme-*".to_owned()],
            vec!["@acme/public-*".to_owned(), "acme-tool".to_owned()],
            vec![],
        ];
        for (text, expected) in [
            ("lodash", Some(0)),
            ("@other/x", Some(0)),
            ("@acme/x", Some(1)),
            ("acme-x", Some(1)),
            ("acme-tool", Some(2)),
            ("@acme/public-x", Some(2)),
        ] {
            assert_eq!(origin(&lists, &name(text)), expected, "{text}");
        }
        assert_eq!(origin(&lists[1..], &name("lodash")), None);
        let twice = [vec!["a*".to_owned()], vec!["*a".to_owned()]];
        assert_eq!(origin(&twice, &name("aa")), Some(0));
    }

    #[test]
    fn a_scope_s_slash_is_escaped_in_urls() {
        assert_eq!(segment_of(&name("lodash")), "lodash");
        assert_eq!(segment_of(&name("@types/node")), "@types%2fnode");
    }

    #[test]
    fn documents_grow_stale() {
        let judge = |checked, rebuild, now| freshness(checked, rebuild, 300, now);
        assert_eq!(judge(Some(1000), None, 1299), Freshness::Fresh);
        assert_eq!(judge(Some(1000), None, 1300), Freshness::Stale { age_s: 0 });
        assert_eq!(judge(Some(1000), None, 6000), Freshness::Stale { age_s: 5 });
        assert_eq!(judge(None, None, 6000), Freshness::Stale { age_s: 6 });
        // A clock that was set back.
        assert_eq!(judge(Some(1000), None, 900), Freshness::Stale { age_s: 0 });
        // A version's time has come; it came before the last check; it has not come.
        assert_eq!(
            judge(Some(1000), Some(1100), 1100),
            Freshness::Stale { age_s: 0 }
        );
        assert_eq!(judge(Some(1200), Some(1100), 1250), Freshness::Fresh);
        assert_eq!(judge(Some(1000), Some(1250), 1200), Freshness::Fresh);
        // Nothing is ever fresh.
        assert_eq!(
            freshness(Some(1000), None, 0, 1000),
            Freshness::Stale { age_s: 0 }
        );
    }

    #[test]
    fn versions_are_judged_by_age_quarantine_and_block_list() {
        let blocked = ["bad", "left@<2 || 3.0.0", "span@1.0.0 - 2.0.0"].map(str::to_owned);
        let policy = Policy::new(100, 50, &blocked);
        let judge = |text, version, published, seen| {
            policy.judge(&name(text), version, published, seen, 1000)
        };
        for (published, seen, expected) in [
            (Some(900), 950, Verdict::Shown),
            (Some(901), 950, Verdict::HeldUntil(1001)),
            (Some(800), 951, Verdict::HeldUntil(1001)),
            (None, 900, Verdict::Shown),
            (None, 901, Verdict::HeldUntil(1001)),
            // Published in the future, as it says.
            (Some(5000), 1000, Verdict::HeldUntil(1100)),
        ] {
            assert_eq!(judge("a", "1.0.0", published, seen), expected);
        }
        for (text, version, is_blocked) in [
            ("bad", "1.0.0", true),
            ("left", "1.9.0", true),
            ("left", "1.9.0-rc.1", true),
            ("left", "2.0.0", false),
            ("left", "3.0.0", true),
            ("left", "3.0.1", false),
            ("left", "nonsense", true),
            ("span", "1.5.0", true),
            ("span", "2.0.0-rc.1", true),
            ("span", "2.0.1", false),
            ("right", "1.0.0", false),
        ] {
            let verdict = judge(text, version, Some(0), 0);
            assert_eq!(verdict == Verdict::Blocked, is_blocked, "{text}@{version}");
        }
        assert!(policy.blocks(&name("bad")) && !policy.blocks(&name("left")));
        let open = Policy::default();
        assert!(!open.hide_anything() && policy.hide_anything());
        let verdict = open.judge(&name("a"), "1.0.0", Some(1000), 1000, 1000);
        assert_eq!(verdict, Verdict::Shown);
    }

    #[test]
    fn a_request_that_was_here_before_is_known() {
        let check = |values: &[&str]| is_loop(values.iter().map(|v| v.as_bytes()), "thirteen-1");
        assert!(check(&["1.1 thirteen-1"]));
        assert!(check(&["1.1 a, HTTP/1.1  thirteen-1 (Thirteen)", "1.0 b"]));
        assert!(check(&["1.0 b", "1.1 a,1.1 thirteen-1"]));
        assert!(!check(&[]));
        assert!(!check(&["1.1 thirteen-12, 1.1 a (thirteen-1)"]));
    }

    #[test]
    fn what_was_not_used_longest_goes() {
        let kept = |used_at, bytes| Kept {
            what: used_at,
            used_at,
            bytes,
        };
        let all = vec![kept(3, 10), kept(1, 10), kept(2, 10)];
        let names = |over| -> Vec<i64> {
            let gone = evicted(all.clone(), over);
            gone.into_iter().map(|one| one.what).collect()
        };
        assert_eq!(names(0), [] as [i64; 0]);
        assert_eq!(names(1), [1]);
        assert_eq!(names(10), [1]);
        assert_eq!(names(11), [1, 2]);
        assert_eq!(names(1000), [1, 2, 3]);
    }
}
