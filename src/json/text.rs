//! Texts with bounds.

use std::ops::Deref;

use serde::Serialize;
use serde_json::{Value, json};

use super::fault::{At, Faults};
use super::schema::{Describe, Schemas};
use super::shape::{Raw, Read};

/// A text of `MIN` to `MAX` characters, without control characters but tab and line breaks, and
/// without white space at either end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// The text on its own.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const MIN: usize, const MAX: usize> Deref for Text<MIN, MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> Read for Text<MIN, MAX> {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<Self> {
        let text = bounded::<MIN, MAX>(raw, at, faults)?;
        if text.contains(is_barred) {
            faults.add(at, "characters", "must not have control characters");
            return None;
        }
        trimmed(text, at, faults).map(Text)
    }
}

impl<const MIN: usize, const MAX: usize> Describe for Text<MIN, MAX> {
    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "string", "minLength": MIN, "maxLength": MAX, "pattern": PRINTABLE })
    }
}

/// A [`Text`] of one line, without tabs: what is called something, is written on a parcel, or
/// stands in a letter or a header, where a line break would begin another sentence than ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Line<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Line<MIN, MAX> {
    /// The line on its own.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const MIN: usize, const MAX: usize> Deref for Line<MIN, MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> Read for Line<MIN, MAX> {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<Self> {
        let text = bounded::<MIN, MAX>(raw, at, faults)?;
        if text.contains(is_barred_in_line) {
            let detail = "must not have line breaks, tabs or other control characters";
            faults.add(at, "characters", detail);
            return None;
        }
        trimmed(text, at, faults).map(Line)
    }
}

impl<const MIN: usize, const MAX: usize> Describe for Line<MIN, MAX> {
    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "string", "minLength": MIN, "maxLength": MAX, "pattern": ONE_LINE })
    }
}

/// A name in URLs: words of lower-case letters and digits with single hyphens between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Slug(String);

impl Slug {
    /// A slug, if the text is one.
    pub fn parse(text: &str) -> Option<Slug> {
        let is_word = |word: &str| {
            let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            !word.is_empty() && word.bytes().all(is_part)
        };
        let is_slug = text.len() <= SLUG_BYTES_MAX && text.split('-').all(is_word);
        is_slug.then(|| Slug(text.to_owned()))
    }

    /// The slug as text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl Deref for Slug {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Read for Slug {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<Self> {
        let slug = Slug::parse(text_of(raw, at, faults)?);
        if slug.is_none() {
            let detail = "must be words of a-z and 0-9 with single hyphens between them";
            faults.add(at, "format", detail);
        }
        slug
    }
}

impl Describe for Slug {
    fn schema(_: &mut Schemas) -> Value {
        let pattern = "^[a-z0-9]+(-[a-z0-9]+)*$";
        json!({ "type": "string", "maxLength": SLUG_BYTES_MAX, "pattern": pattern })
    }
}

/// The text of a value; a fault where it is none.
pub(super) fn text_of<'t>(raw: Raw<'t, '_>, at: &At<'_>, faults: &mut Faults) -> Option<&'t str> {
    let text = raw.text();
    if text.is_none() {
        faults.add(at, "type", "must be a text");
    }
    text
}

fn bounded<'t, const MIN: usize, const MAX: usize>(
    raw: Raw<'t, '_>,
    at: &At<'_>,
    faults: &mut Faults,
) -> Option<&'t str> {
    let text = text_of(raw, at, faults)?;
    if !(MIN..=MAX).contains(&text.chars().count()) {
        faults.add(at, "length", format!("must have {MIN} to {MAX} characters"));
        return None;
    }
    Some(text)
}

fn trimmed(text: &str, at: &At<'_>, faults: &mut Faults) -> Option<String> {
    if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        faults.add(at, "space", "must not begin or end with white space");
        return None;
    }
    Some(text.to_owned())
}

fn is_barred(character: char) -> bool {
    character.is_control() && !matches!(character, '\t' | '\n' | '\r')
}

fn is_barred_in_line(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

/// The longest slug.
const SLUG_BYTES_MAX: usize = 120;

/// What [`Line`] takes, but for its length.
const ONE_LINE: &str = r"^(?!\s)[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*(?<!\s)$";

/// What [`Text`] takes, but for its length.
const PRINTABLE: &str = r"^(?!\s)[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*(?<!\s)$";
