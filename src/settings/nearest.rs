//! The known name nearest to a misspelt one.

/// The candidate nearest to `name` by edit distance; `None` only without candidates.
///
/// A dotted candidate is also met by its last part, so that a key put outside of its section is
/// recognised, and a candidate that holds the whole name is near however much longer it is.
pub(crate) fn nearest<'c>(
    name: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let name = name.to_ascii_lowercase();
    candidates.into_iter().min_by_key(|candidate| {
        let lower = candidate.to_ascii_lowercase();
        let whole = distance(&name, &lower);
        let last = lower
            .rsplit_once('.')
            .map(|(_, last)| 1 + distance(&name, last));
        let holding = (name.len() >= 3 && lower.contains(&name)).then_some(2);
        whole
            .min(last.unwrap_or(whole))
            .min(holding.unwrap_or(whole))
    })
}

/// The Levenshtein distance in characters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, left_char) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, right_char) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(left_char != *right_char);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (left, right, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("flaw", "lawn", 2),
            ("same", "same", 0),
        ] {
            assert_eq!(distance(left, right), expected, "{left} {right}");
        }
    }

    #[test]
    fn a_key_outside_its_section_is_recognised() {
        let known = ["api.listen", "websocket.client_timeout_ms", "shards"];
        assert_eq!(
            nearest("client_timeout", known),
            Some("websocket.client_timeout_ms")
        );
        assert_eq!(nearest("shard", known), Some("shards"));
        assert_eq!(nearest("api.lisen", known), Some("api.listen"));
        assert_eq!(nearest("beta", ["DEBUG", "BETA_API"]), Some("BETA_API"));
        assert_eq!(nearest("anything", []), None);
    }
}
