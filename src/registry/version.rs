//! Versions as semver 2.0.0 writes them and npm cleans them.

/// A version as npm writes it into documents: spaces, `v` and `=` before it taken away, and what
/// follows a `+`; nothing where it is none. As npm's reader it takes numbers up to 2^53 - 1.
pub fn clean(text: &str) -> Option<String> {
    if text.len() > CHARACTERS_MAX {
        return None;
    }
    let text = text.trim().trim_start_matches(['=', 'v']);
    let (version, build) = match text.split_once('+') {
        Some((version, build)) => (version, Some(build)),
        None => (text, None),
    };
    if !build.is_none_or(|build| build.split('.').all(is_identifier)) {
        return None;
    }
    let (numbers, prerelease) = match version.split_once('-') {
        Some((numbers, prerelease)) => (numbers, Some(prerelease)),
        None => (version, None),
    };
    numbers_of(numbers)?;
    let is_fine = |part: &str| is_identifier(part) && !is_number_with_zeros(part);
    let are_fine = prerelease.is_none_or(|text| text.split('.').all(is_fine));
    are_fine.then(|| version.to_owned())
}

/// Major, minor and patch of a version that is clean.
pub fn numbers(version: &str) -> Option<[u64; 3]> {
    numbers_of(version.split('-').next()?)
}

fn numbers_of(text: &str) -> Option<[u64; 3]> {
    let mut parts = text.split('.').map(|part| {
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let is_plain = is_number && !is_number_with_zeros(part);
        let number = is_plain.then(|| part.parse().ok()).flatten()?;
        (number <= NUMBER_MAX).then_some(number)
    });
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

fn is_identifier(part: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !part.is_empty() && part.bytes().all(is_plain)
}

fn is_number_with_zeros(part: &str) -> bool {
    part.len() > 1 && part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit())
}

/// node-semver's bound.
const CHARACTERS_MAX: usize = 256;
/// JavaScript's largest safe integer, as in node-semver.
const NUMBER_MAX: u64 = (1 << 53) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_cleaned_as_npm_does() {
        for (text, cleaned) in [
            ("1.2.3", "1.2.3"),
            (" v1.2.3 ", "1.2.3"),
            ("=1.2.3", "1.2.3"),
            ("==v1.2.3", "1.2.3"),
            ("1.2.3+build.01", "1.2.3"),
            ("1.2.3-rc.1+x", "1.2.3-rc.1"),
            ("0.0.0-0", "0.0.0-0"),
            ("1.0.0--1.-.a", "1.0.0--1.-.a"),
            ("1.0.0-01a", "1.0.0-01a"),
            ("9007199254740991.0.0", "9007199254740991.0.0"),
        ] {
            assert_eq!(clean(text).as_deref(), Some(cleaned), "{text}");
        }
        assert_eq!(numbers("1.20.300-rc.1"), Some([1, 20, 300]));
    }

    #[test]
    fn what_is_no_version_is_none() {
        let long = format!("1.0.0-{}", "a".repeat(300));
        for text in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "01.2.3",
            "1.2.3-",
            "1.2.3-01",
            "1.2.3-a..b",
            "1.2.3+",
            "1.2.3+a_b",
            "1.2.3-é",
            "a.b.c",
            "latest",
            "9007199254740992.0.0",
            "1.2.-3",
            "1. 2.3",
            &long,
        ] {
            assert_eq!(clean(text), None, "{text}");
        }
    }
}
