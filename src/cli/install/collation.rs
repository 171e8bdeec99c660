//! The order of names: that of `localeCompare` in English, in which npm looks at packages. It
//! decides which of two versions is hoisted.

use std::cmp::Ordering;

/// Compares as a collator of the language `en` does, for the characters of package names.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let weights = |text: &str| text.chars().map(weight).collect::<Vec<_>>();
    let primary = weights(a).cmp(&weights(b));
    // Equal but for case: lower case stands first.
    primary.then_with(|| {
        let cases = |text: &str| text.chars().map(char::is_uppercase).collect::<Vec<_>>();
        cases(a).cmp(&cases(b))
    })
}

/// CLDR's root order: punctuation, symbols, digits, letters.
fn weight(character: char) -> u32 {
    const BEFORE_DIGITS: &str = "_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$";
    let folded = character.to_ascii_lowercase();
    if folded.is_ascii_alphanumeric() {
        return 0x100 + u32::from(folded);
    }
    match BEFORE_DIGITS.find(folded) {
        Some(position) => u32::try_from(position).expect("the list is short"),
        None => 0x1000 + u32::from(folded),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sorted by `localeCompare` of Node 20 with its full ICU.
    #[test]
    fn names_stand_as_npm_sorts_them() {
        let sorted = [
            "_a", "-a", ".a", "@a/b", "@a/c", "/a", "~a", "0", "1a", "a", "A", "a_b", "a-b", "a.b",
            "a/b", "aa", "Ab", "b", "Z",
        ];
        for pair in sorted.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
        assert_eq!(compare("a-b", "a-b"), Ordering::Equal);
    }
}
