//! What a link is for, and the letter that brings it.

use crate::auth::Secret;
use crate::mail::Letter;

crate::choice! {
    /// What a link is for.
    pub enum Purpose {
        /// To show that an address is the user's.
        VerifyEmail = "verify_email",
        /// To set a password.
        ResetPassword = "reset_password",
    }
}

/// The letter with a link; `base` is the front end's URL. It calls nobody by a name whose address
/// was not shown to be theirs: anybody could have us mail what they call a name to a stranger.
pub fn letter(
    purpose: Purpose,
    base: &str,
    recipient: &str,
    name: Option<&str>,
    secret: &Secret,
) -> Letter {
    let (greeting, token) = (greeting(name), secret.text());
    let (subject, page, ask) = match purpose {
        Purpose::VerifyEmail => (
            "Confirm your address",
            "verify-email",
            "Please confirm that this is your address:",
        ),
        Purpose::ResetPassword => (
            "Set a password",
            "reset-password",
            "Somebody, probably you, asked to set another password for your account:",
        ),
    };
    let body = format!(
        "{greeting},\n\n{ask}\n\n{base}/{page}?token={token}\n\n\
         The link works once and for 30 minutes. If you did not ask for this letter, nothing \
         happens unless you follow it.\n"
    );
    Letter {
        recipient: recipient.to_owned(),
        subject: subject.to_owned(),
        body,
    }
}

fn greeting(name: Option<&str>) -> String {
    name.map_or_else(|| "Hello".to_owned(), |name| format!("Hello {name}"))
}

/// The letter to an address that an account has no more; names as in [`letter`].
pub fn farewell(recipient: &str, name: Option<&str>) -> Letter {
    let greeting = greeting(name);
    let body = format!(
        "{greeting},\n\nyour account has another address from here on; nothing more comes to \
         this one. If that was not you, answer this letter at once.\n"
    );
    Letter {
        recipient: recipient.to_owned(),
        subject: "Your address was replaced".to_owned(),
        body,
    }
}

/// How long a link is good.
pub const LINK_MS: i64 = 30 * 60 * 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_has_its_link_on_a_line() {
        let secret = Secret::of([7; 32]);
        let letter = letter(
            Purpose::ResetPassword,
            "https://shop.example",
            "ada@example.com",
            Some("Ada"),
            &secret,
        );
        let link = format!(
            "https://shop.example/reset-password?token={}",
            secret.text()
        );
        assert!(
            letter.body.lines().any(|line| line == link),
            "{}",
            letter.body
        );
        assert!(letter.body.starts_with("Hello Ada,\n"), "{}", letter.body);
        let letter = farewell("ada@example.com", None);
        assert!(letter.body.starts_with("Hello,\n"), "{}", letter.body);
    }
}
