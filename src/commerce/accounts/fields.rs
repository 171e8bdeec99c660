//! Types of fields of accounts: addresses of mail, passwords, phone numbers.

use std::fmt;
use std::ops::Deref;

use serde::Serialize;
use serde_json::{Value, json};

use crate::auth::passwords::{Weakness, judge};
use crate::json::{At, Describe, Faults, Raw, Read, Schemas};
use crate::limits::{PASSWORD_CHARACTERS_MAX, PASSWORD_CHARACTERS_MIN};

/// An address of mail: `local@domain.example`, ASCII, as servers everywhere take it (the dot-atom
/// of RFC 5321, section 4.1.2, at a name in the DNS).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// An address, if the text is one.
    pub fn parse(text: &str) -> Option<Email> {
        let (local, domain) = text.rsplit_once('@')?;
        let is_whole = text.len() <= EMAIL_BYTES_MAX && local.len() <= LOCAL_BYTES_MAX;
        let is_atom = |part: &str| !part.is_empty() && part.bytes().all(is_atom_byte);
        let is_local = local.split('.').all(is_atom);
        let is_domain = domain.contains('.') && domain.split('.').all(is_label);
        // The last label of a name is no number: that would be an address of a machine.
        let has_letters = domain.bytes().rev().take_while(|byte| *byte != b'.');
        let is_name = has_letters
            .into_iter()
            .any(|byte| byte.is_ascii_alphabetic());
        (is_whole && is_local && is_domain && is_name).then(|| Email(text.to_owned()))
    }

    /// What makes two addresses one. The local part's case could matter to a server, and does to
    /// none.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl Deref for Email {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Read for Email {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<Email> {
        let email = raw.text().and_then(Email::parse);
        if email.is_none() {
            faults.add(at, "format", "must be an address such as ada@example.com");
        }
        email
    }
}

impl Describe for Email {
    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "string", "format": "email", "maxLength": EMAIL_BYTES_MAX })
    }
}

/// A password as somebody typed it, to be checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

/// A password that the policy takes, to be stored.
#[derive(Clone, PartialEq, Eq)]
pub struct NewPassword(String);

impl Password {
    /// The text on its own.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl NewPassword {
    /// The text on its own.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(_)")
    }
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("NewPassword(_)")
    }
}

impl Read for Password {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<Password> {
        let text = raw.text();
        // What is longer is no password of anybody, and is not worth the hashing.
        let password = text.filter(|text| text.len() <= PASSWORD_CHARACTERS_MAX * 4);
        if password.is_none() {
            faults.add(at, "type", "must be a text of at most 128 characters");
        }
        password.map(|text| Password(text.to_owned()))
    }
}

impl Describe for Password {
    fn schema(_: &mut Schemas) -> Value {
        json!({
            "type": "string",
            "format": "password",
            "maxLength": PASSWORD_CHARACTERS_MAX,
        })
    }
}

impl Read for NewPassword {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<NewPassword> {
        let Some(text) = raw.text() else {
            faults.add(at, "type", "must be a text");
            return None;
        };
        match judge(text) {
            Ok(()) => Some(NewPassword(text.to_owned())),
            Err(weakness @ (Weakness::TooShort | Weakness::TooLong | Weakness::Common)) => {
                faults.add(at, weakness.code(), weakness.detail());
                None
            }
        }
    }
}

impl Describe for NewPassword {
    fn schema(_: &mut Schemas) -> Value {
        json!({
            "type": "string",
            "format": "password",
            "minLength": PASSWORD_CHARACTERS_MIN,
            "maxLength": PASSWORD_CHARACTERS_MAX,
        })
    }
}

/// A phone number: digits with the usual marks between them, 5 to 20 digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Phone(String);

impl Phone {
    /// A number, if the text is one.
    pub fn parse(text: &str) -> Option<Phone> {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let rest = text.strip_prefix('+').unwrap_or(text);
        let is_part = |byte: u8| byte.is_ascii_digit() || b" -./()".contains(&byte);
        let begins_well = rest.starts_with(|c: char| c.is_ascii_digit() || c == '(');
        let ends_well = rest.ends_with(|c: char| c.is_ascii_digit());
        let is_number = begins_well && ends_well && rest.bytes().all(is_part);
        (is_number && (5..=20).contains(&digits) && text.len() <= PHONE_BYTES_MAX)
            .then(|| Phone(text.to_owned()))
    }

    /// The number on its own.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl Read for Phone {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<Phone> {
        let phone = raw.text().and_then(Phone::parse);
        if phone.is_none() {
            faults.add(
                at,
                "format",
                "must be a phone number such as +49 30 1234567",
            );
        }
        phone
    }
}

impl Describe for Phone {
    fn schema(_: &mut Schemas) -> Value {
        let pattern = r"^\+?[0-9(]([0-9 ./()-]*[0-9])?$";
        json!({ "type": "string", "maxLength": PHONE_BYTES_MAX, "pattern": pattern })
    }
}

/// RFC 5322, section 3.2.3.
fn is_atom_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// RFC 1123, section 2.1.
fn is_label(label: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let has_ends = !label.starts_with('-') && !label.ends_with('-');
    (1..=63).contains(&label.len()) && has_ends && label.bytes().all(is_part)
}

/// RFC 5321, section 4.5.3.1.3, less the brackets.
const EMAIL_BYTES_MAX: usize = 254;
/// RFC 5321, section 4.5.3.1.1.
const LOCAL_BYTES_MAX: usize = 64;
const PHONE_BYTES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_servers_take() {
        let long = format!("{}@example.com", "a".repeat(64));
        let taken = [
            "a@b.co",
            "Ada.Lovelace+shop@Example.COM",
            "o'neil@sub.example.co.uk",
            "x@xn--bcher-kva.example",
            "!#$%&'*+-/=?^_`{|}~@example.com",
            &long,
        ];
        for text in taken {
            assert!(Email::parse(text).is_some(), "{text}");
            assert!(
                text.parse::<lettre::Address>().is_ok(),
                "the mailer takes {text}"
            );
        }
        let refused = [
            "",
            "a",
            "@b.co",
            "a@",
            "a@b",
            "a@b.",
            "a@.co",
            "a@b..co",
            "a@-b.co",
            "a@b-.co",
            ".a@b.co",
            "a.@b.co",
            "a..b@b.co",
            "a b@b.co",
            "a@b c.co",
            "a@b.co\r\nBcc: c@d.co",
            "a@b@c.co",
            "\"a b\"@b.co",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "\u{e4}@b.co",
            "a@b\u{fc}cher.de",
            " a@b.co",
            &format!("a{long}"),
            &format!("a@{}.co", "b".repeat(64)),
            &format!("a@{}co", "b.".repeat(130)),
        ];
        for text in refused {
            assert_eq!(Email::parse(text), None, "{text}");
        }
        assert_eq!(
            Email::parse("Ada@Example.COM").unwrap().key(),
            "ada@example.com"
        );
    }

    #[test]
    fn phone_numbers() {
        for text in ["+49 30 1234567", "(030) 12345", "12345", "+1-800-555.0199"] {
            assert!(Phone::parse(text).is_some(), "{text}");
        }
        let refused = [
            "",
            "1234",
            "+",
            "+49x30123",
            "1234567890123456789012",
            "12345 ",
            "-12345",
        ];
        for text in refused {
            assert_eq!(Phone::parse(text), None, "{text}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        let mut body = br#""hunter2hunter2""#.to_vec();
        let password: NewPassword = crate::json::read_body(&mut body).unwrap();
        assert_eq!(format!("{password:?}"), "NewPassword(_)");
        let mut body = br#""password""#.to_vec();
        assert!(crate::json::read_body::<NewPassword>(&mut body).is_err());
        let mut body = br#""password""#.to_vec();
        assert!(
            crate::json::read_body::<Password>(&mut body).is_ok(),
            "as it was stored once"
        );
    }
}
