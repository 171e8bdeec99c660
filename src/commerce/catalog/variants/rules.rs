//! What tells the variants of a product apart.

use std::collections::BTreeMap;

use crate::json::{At, Faults};

/// The options of a variant as they are stored: compact JSON in the order of the names, so that
/// equal options are equal texts. A fault is noted for what is none.
pub fn options_of(document: &str, at: &At<'_>, faults: &mut Faults) -> Option<String> {
    let Ok(options) = serde_json::from_str::<BTreeMap<String, String>>(document) else {
        faults.add(at, "type", "must be an object of texts");
        return None;
    };
    if options.len() > OPTIONS_MAX {
        faults.add(
            at,
            "length",
            format!("must have at most {OPTIONS_MAX} options"),
        );
        return None;
    }
    let is_fit = |text: &str| !text.trim().is_empty() && text.chars().count() <= OPTION_CHARS_MAX;
    if !options
        .iter()
        .all(|(name, value)| is_fit(name) && is_fit(value))
    {
        let detail = format!("names and values must have 1 to {OPTION_CHARS_MAX} characters");
        faults.add(at, "length", detail);
        return None;
    }
    serde_json::to_string(&options).ok()
}

/// Options of one variant.
const OPTIONS_MAX: usize = 8;
/// Characters of an option's name, and of its value.
const OPTION_CHARS_MAX: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(document: &str) -> Option<String> {
        options_of(document, &At::Root, &mut Faults::default())
    }

    #[test]
    fn equal_options_are_equal_texts() {
        let expected = Some(r#"{"color":"red","size":"M"}"#.to_owned());
        assert_eq!(read(r#"{"size": "M", "color": "red"}"#), expected);
        assert_eq!(read(r#"{"color":"red","size":"M"}"#), expected);
    }

    #[test]
    fn what_is_no_option_is_refused() {
        for text in [
            r#"{"a":1}"#,
            r#"{"a":""}"#,
            r#"{" ":"b"}"#,
            r#"{"a":{"b":"c"}}"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let many: BTreeMap<String, String> = (0..9)
            .map(|number| (number.to_string(), "x".to_owned()))
            .collect();
        assert_eq!(read(&serde_json::to_string(&many).unwrap()), None);
    }
}
