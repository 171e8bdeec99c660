//! What an account may be called (npm-user-validate, with a shorter bound).

use std::fmt;

/// The name of an account: lower case, safe as a segment of a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountName(Box<str>);

/// The address of an account. It is shown to other accounts, as npm says when it asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(Box<str>);

/// What is wrong with a name or an address.
pub type Fault = &'static str;

impl AccountName {
    /// Reads a name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<AccountName, Fault> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let may_follow = |byte: u8| is_plain(byte) || b"-_.~".contains(&byte);
        if text.is_empty() {
            return Err("the name of an account has at least one character");
        }
        if text.len() > NAME_BYTES_MAX {
            return Err("the name of an account has at most 64 characters");
        }
        if !text.bytes().all(may_follow) {
            return Err(
                "the name of an account has lower-case letters, digits, `-`, `_`, `.` and `~` only",
            );
        }
        if !text.bytes().next().is_some_and(is_plain) {
            return Err("the name of an account begins with a letter or a digit");
        }
        Ok(AccountName(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Email {
    /// Reads an address. Nothing is sent to it, so that it looks like one is enough.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Email, Fault> {
        let text = text.trim();
        let is_plain = |character: char| !character.is_control() && !character.is_whitespace();
        let parts = text.split_once('@');
        let is_address = parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
        if !is_address || !text.chars().all(is_plain) || text.contains(['<', '>', '"']) {
            return Err("the e-mail address looks like no address");
        }
        if text.len() > EMAIL_BYTES_MAX {
            return Err("the e-mail address is longer than 254 bytes");
        }
        Ok(Email(text.into()))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const NAME_BYTES_MAX: usize = 64;
/// RFC 5321, section 4.5.3.1.3, without the brackets.
const EMAIL_BYTES_MAX: usize = 254;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let longest = "a".repeat(64);
        for name in ["a", "0", "alice", "a.b-c_d~e", &longest] {
            assert_eq!(AccountName::parse(name).unwrap().as_str(), name);
        }
        let long = "a".repeat(65);
        for refused in [
            "", "Alice", ".a", "-a", "_a", "~a", "a b", "a:b", "a/b", "\u{e9}", &long,
        ] {
            assert!(AccountName::parse(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn addresses() {
        for address in ["a@b", "alice+npm@example.com"] {
            assert_eq!(Email::parse(address).unwrap().as_str(), address);
        }
        for refused in ["", "a", "@b", "a@", "a b@c", "a@b\r\nX: y", "<a@b>"] {
            assert!(Email::parse(refused).is_err(), "{refused}");
        }
    }
}
