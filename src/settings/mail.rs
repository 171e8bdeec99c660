//! What the settings of mail take.

use lettre::message::Mailbox;
use lettre::transport::smtp::SmtpTransport;

/// An SMTP server, or nothing. A password has no place in it: settings are shown.
pub(super) fn smtp_url(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Ok(());
    }
    let authority = text.split_once("://").map_or(text, |(_, rest)| rest);
    if let Some((user, _)) = authority.rsplit_once('@')
        && user.contains(':')
    {
        return Err("it holds a password, which belongs into `mail.smtp_password_file`".to_owned());
    }
    match SmtpTransport::from_url(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("`{text}` is no SMTP URL: {error}")),
    }
}

/// A path, or nothing.
pub(super) fn path(text: &str) -> Result<(), String> {
    if text.contains('\0') {
        return Err("the path holds a NUL byte".to_owned());
    }
    Ok(())
}

/// `a@b.example` or `Name <a@b.example>`.
pub(super) fn mailbox(text: &str) -> Result<(), String> {
    match text.parse::<Mailbox>() {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("`{text}` is no address of mail: {error}")),
    }
}

/// `http://host` or `https://host/path`, without a slash at its end.
pub(super) fn link_base(text: &str) -> Result<(), String> {
    let rest = ["https://", "http://"]
        .into_iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .ok_or_else(|| format!("`{text}` begins with neither https:// nor http://"))?;
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#@\"\\<>".contains(&byte);
    if rest.is_empty() || rest.ends_with('/') || !rest.bytes().all(plain) {
        return Err(format!("`{text}` is no URL that a link can begin with"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers() {
        for taken in [
            "",
            "smtp://127.0.0.1:2525",
            "smtps://user@mail.example",
            "smtp://user@mail.example:587?tls=required",
        ] {
            assert_eq!(smtp_url(taken), Ok(()), "{taken}");
        }
        for refused in [
            "mail.example",
            "http://mail.example",
            "smtp://",
            "smtp://user:secret@mail.example",
            "smtp://mail.example?tls=perhaps",
        ] {
            assert!(smtp_url(refused).is_err(), "{refused}");
        }
        let told = smtp_url("smtp://user:hunter2@mail.example").unwrap_err();
        assert!(!told.contains("hunter2"));
    }

    #[test]
    fn senders_and_links() {
        assert_eq!(mailbox("Shop <shop@example.com>"), Ok(()));
        assert!(mailbox("shop").is_err() && mailbox("").is_err());
        assert_eq!(link_base("https://shop.example/en"), Ok(()));
        for refused in ["", "shop.example", "https://", "https://a/", "https://a?b"] {
            assert!(link_base(refused).is_err(), "{refused}");
        }
    }
}
