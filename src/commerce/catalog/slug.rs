//! Slugs made of names.

use crate::id::Id;
use crate::json::Slug;

/// The slug of a name: its letters without accents and its digits, the rest hyphens. Nothing where
/// the name has no Latin letter or digit.
pub fn of_name(name: &str) -> Option<Slug> {
    let mut slug = String::with_capacity(name.len());
    for character in name.chars().flat_map(char::to_lowercase) {
        match character {
            'a'..='z' | '0'..='9' => slug.push(character),
            _ => match without_accent(character) {
                "" if slug.ends_with('-') || slug.is_empty() => {}
                "" if is_part_of_a_word(character) => {}
                "" => slug.push('-'),
                letters => slug.push_str(letters),
            },
        }
    }
    slug.truncate(DERIVED_BYTES_MAX);
    Slug::parse(slug.trim_end_matches('-'))
}

/// The slug of a name that others have too, told apart by a part of the id.
pub fn of_name_and_id(name: &str, id: Id) -> Slug {
    let text = id.text();
    let distinction = &text[text.len() - DISTINCTION_BYTES..];
    let slug = match of_name(name) {
        Some(slug) => Slug::parse(&format!("{}-{distinction}", &*slug)),
        None => Slug::parse(distinction),
    };
    slug.expect("hexadecimal digits are the word of a slug, and there is room for them")
}

/// The slug that is asked for, or one made of the name that nobody has; nothing where the one that
/// is asked for is taken.
pub fn free<E>(
    asked: Option<Slug>,
    name: &str,
    id: Id,
    is_taken: impl Fn(&str) -> Result<bool, E>,
) -> Result<Option<String>, E> {
    if let Some(slug) = asked {
        let is_free = !is_taken(&slug)?;
        return Ok(is_free.then(|| slug.into_string()));
    }
    if let Some(slug) = of_name(name)
        && !is_taken(&slug)?
    {
        return Ok(Some(slug.into_string()));
    }
    Ok(Some(of_name_and_id(name, id).into_string()))
}

/// Apostrophes and combining accents stand inside words.
fn is_part_of_a_word(character: char) -> bool {
    matches!(character, '\'' | '\u{2019}' | '\u{300}'..='\u{36f}')
}

fn without_accent(character: char) -> &'static str {
    match character {
        'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ĥ' | 'ħ' => "h",
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'ĵ' => "j",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => "o",
        'œ' => "oe",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => "s",
        'ß' => "ss",
        'ţ' | 'ť' | 'ŧ' | 'ț' => "t",
        'þ' => "th",
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => "",
    }
}

/// Leaves room in a slug for a distinction.
const DERIVED_BYTES_MAX: usize = 100;
/// The random end of an id, in which no two made in one millisecond are alike.
const DISTINCTION_BYTES: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_slugs() {
        let cases = [
            ("Blue Shirt", Some("blue-shirt")),
            ("  Crème brûlée -- 2 l ", Some("creme-brulee-2-l")),
            ("Straße & Müller's", Some("strasse-mullers")),
            ("100% cotton!", Some("100-cotton")),
            ("靴", None),
            ("", None),
            ("---", None),
        ];
        for (name, expected) in cases {
            assert_eq!(of_name(name).as_deref(), expected, "{name:?}");
        }
    }

    #[test]
    fn long_names_leave_room_for_a_distinction() {
        for name in ["x".repeat(300), "x-".repeat(300), "靴".repeat(300)] {
            let slug = of_name_and_id(&name, Id::of(1, [0xab; 10]));
            assert!(slug.ends_with("abababababab"), "{name}");
        }
    }
}
