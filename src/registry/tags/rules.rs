//! What a tag may be called.

use crate::ranges::{Prereleases, Range};

/// Why a text is no tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagFault {
    /// It is empty.
    Empty,
    /// It has more than 255 characters.
    Long,
    /// It holds what a client could not ask for in a URL as it stands.
    Character,
    /// It is a range of versions, which clients would take it for.
    Range,
}

impl TagFault {
    /// What is wrong.
    pub fn as_str(self) -> &'static str {
        match self {
            TagFault::Empty => "A tag has at least one character.",
            TagFault::Long => "A tag has at most 255 characters.",
            TagFault::Character => {
                "A tag has printable ASCII characters, none of which a URL would escape."
            }
            TagFault::Range => "Tag name must not be a valid SemVer range.",
        }
    }
}

/// Whether a text may be a tag.
///
/// # Errors
/// Why not.
pub fn check_tag(text: &str) -> Result<(), TagFault> {
    if text.is_empty() {
        return Err(TagFault::Empty);
    }
    if text.len() > CHARACTERS_MAX {
        return Err(TagFault::Long);
    }
    // What encodeURIComponent leaves as it is: npm's clients ask for nothing else.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
    if !text.bytes().all(is_plain) {
        return Err(TagFault::Character);
    }
    if Range::parse(text, Prereleases::Named).is_some() {
        return Err(TagFault::Range);
    }
    Ok(())
}

const CHARACTERS_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_a_name_and_no_range() {
        for tag in [
            "latest", "next", "beta-1", "canary_x", "v", "lts.18x", "2fast",
        ] {
            assert_eq!(check_tag(tag), Ok(()), "{tag}");
        }
        for range in [
            "1",
            "1.0.0",
            "v1.0.0",
            "1.x",
            "*",
            "x",
            "^1",
            "~2.1",
            "01",
            "vv1",
            "1.2.3beta",
            "~x",
        ] {
            let fault = check_tag(range).unwrap_err();
            assert!(
                matches!(fault, TagFault::Range | TagFault::Character),
                "{range}"
            );
        }
        assert_eq!(check_tag(""), Err(TagFault::Empty));
        assert_eq!(check_tag("a/b"), Err(TagFault::Character));
        assert_eq!(check_tag("a b"), Err(TagFault::Character));
        assert_eq!(check_tag("é"), Err(TagFault::Character));
        assert_eq!(check_tag(&"a".repeat(256)), Err(TagFault::Long));
    }
}
