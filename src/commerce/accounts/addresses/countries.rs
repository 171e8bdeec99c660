//! Countries by their two letters (ISO 3166-1), and the form of their postal codes where it is
//! known.

/// Whether two letters name a country.
pub(super) fn is_country(code: &str) -> bool {
    code.len() == 2 && CODES.split_ascii_whitespace().any(|known| known == code)
}

/// Whether a text can be a postal code of a country. A country whose form is not listed takes any
/// code of letters, digits, spaces and hyphens.
pub(super) fn is_postal_code(country: &str, code: &str) -> bool {
    let known = FORMS
        .iter()
        .find(|(countries, _)| countries.split(' ').any(|known| known == country));
    match known {
        Some((_, forms)) => forms.split('|').any(|form| matches(form, code)),
        None => is_plain(code),
    }
}

fn is_plain(code: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b' ' || byte == b'-';
    (2..=12).contains(&code.len())
        && code.bytes().all(is_part)
        && code.bytes().any(|byte| byte.is_ascii_alphanumeric())
}

/// `9` stands for a digit, `A` for a letter of either case, `X` for
/// either, `?` makes what is before it optional.
fn matches(form: &str, code: &str) -> bool {
    walk(form.as_bytes(), code.as_bytes())
}

fn walk(form: &[u8], code: &[u8]) -> bool {
    let Some((sign, mut rest)) = form.split_first() else {
        return code.is_empty();
    };
    let is_optional = rest.first() == Some(&b'?');
    if is_optional {
        rest = &rest[1..];
    }
    let fits = code.first().is_some_and(|byte| match sign {
        b'9' => byte.is_ascii_digit(),
        b'A' => byte.is_ascii_alphabetic(),
        b'X' => byte.is_ascii_alphanumeric(),
        _ => byte.eq_ignore_ascii_case(sign),
    });
    (fits && walk(rest, &code[1..])) || (is_optional && walk(rest, code))
}

/// Forms of postal codes by country; `|` between alternatives.
const FORMS: &[(&str, &str)] = &[
    (
        "DE FR IT ES FI EE HR TR UA MX MY TH VN ID PK KW LT RS ME BA MA",
        "99999",
    ),
    ("AT BE CH DK NO AU HU SI BG LU CY NZ ZA", "9999"),
    ("US PR", "99999|99999-9999"),
    ("CA", "A9A ?9A9"),
    (
        "GB GG IM JE",
        "A9 ?9AA|A99 ?9AA|AA9 ?9AA|AA99 ?9AA|A9A ?9AA|AA9A ?9AA|GIR ?0AA",
    ),
    ("NL", "9999 ?AA"),
    ("PL", "99-999"),
    ("PT", "9999-999"),
    ("SE CZ SK GR", "999 ?99"),
    ("JP", "999-?9999"),
    ("BR", "99999-?999"),
    ("IN CN RU SG RO KZ", "999999"),
    ("KR", "99999"),
    ("IE", "A99 ?XXXX|D6W ?XXXX"),
    ("LV", "LV-9999"),
    ("IS", "999"),
    ("IL", "9999999|99999"),
];

/// ISO 3166-1 alpha-2, and XK, which posts use for Kosovo.
const CODES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR \
    BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ \
    EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW \
    GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY \
    KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV \
    MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY \
    QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG \
    TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA \
    ZM ZW";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries() {
        assert_eq!(CODES.split_ascii_whitespace().count(), 250);
        for code in ["DE", "US", "GB", "ZW"] {
            assert!(is_country(code), "{code}");
        }
        for code in ["", "D", "de", "UK", "EU", "XX", "D E", "DEU", " "] {
            assert!(!is_country(code), "{code}");
        }
        for (countries, _) in FORMS {
            for code in countries.split(' ') {
                assert!(is_country(code), "{code} has a form and is no country");
            }
        }
    }

    #[test]
    fn postal_codes() {
        let taken = [
            ("DE", "10115"),
            ("US", "94103"),
            ("US", "94103-1234"),
            ("CA", "K1A 0B1"),
            ("CA", "k1a0b1"),
            ("GB", "SW1A 1AA"),
            ("GB", "M1 1AE"),
            ("GB", "GIR 0AA"),
            ("NL", "1012 AB"),
            ("PL", "00-950"),
            ("JP", "100-0001"),
            ("IE", "D02 AF30"),
            ("AE", "00000"),
            ("HK", "999077"),
        ];
        for (country, code) in taken {
            assert!(is_postal_code(country, code), "{country} {code}");
        }
        let refused = [
            ("DE", "1011"),
            ("DE", "101155"),
            ("DE", "1011A"),
            ("US", "94103-"),
            ("US", "9410-31234"),
            ("CA", "K1A  0B1"),
            ("CA", "1K1 A0B"),
            ("GB", "SW1A1AAA"),
            ("PL", "00950"),
            ("AE", ""),
            ("AE", "--"),
            ("AE", "1;2"),
        ];
        for (country, code) in refused {
            assert!(!is_postal_code(country, code), "{country} {code}");
        }
    }
}
