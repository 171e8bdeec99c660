//! What `registry.blocked` takes: names of packages, with or without a range of versions.

use crate::ranges::{Prereleases, Range};

/// Splits `name@range`; the range is empty where all versions are meant.
pub fn split(text: &str) -> (&str, &str) {
    // The first character of a name may be an `@` of its own.
    match text.get(1..).and_then(|rest| rest.find('@')) {
        Some(position) => (&text[..=position], &text[position + 2..]),
        None => (text, ""),
    }
}

/// Says what is wrong with an item.
pub(super) fn check(text: &str) -> Result<(), String> {
    let (name, range) = split(text);
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"\\<>=^|".contains(&byte);
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(format!(
            "`{text}` does not begin with the name of a package"
        ));
    }
    if !range.is_empty() {
        let read = Range::parse_whole(range, Prereleases::All);
        read.ok_or_else(|| format!("`{range}` in `{text}` is no range of versions"))?;
    } else if text.len() > name.len() {
        return Err(format!("`{text}` has no range after its `@`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ranges_are_told_apart() {
        for (text, parts) in [
            ("left-pad", ("left-pad", "")),
            ("left-pad@<1.3.0", ("left-pad", "<1.3.0")),
            ("@a/b", ("@a/b", "")),
            ("@a/b@1.x || 2", ("@a/b", "1.x || 2")),
            ("a@1.0.0 - 1.2.0", ("a", "1.0.0 - 1.2.0")),
        ] {
            assert_eq!(split(text), parts, "{text}");
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for text in [
            "",
            "<1.0.0",
            "a@",
            "a@not a range",
            "a b",
            "a@>=1.0.0 <2.O.0",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
