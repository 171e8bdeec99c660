//! The page: forms without a script, in which nothing stands that was not escaped.

use crate::auth::{Secret, is_equal, keys, text_of};

/// What a page shows.
pub(super) struct Page<'p> {
    /// The last segment of its URL.
    pub(super) secret: &'p str,
    /// The address of the client that waits.
    pub(super) peer: &'p str,
    /// What the form brings back to show that this page sent it.
    pub(super) proof: &'p str,
    /// Which form stands open.
    pub(super) form: Form,
    /// Whether accounts can be made.
    pub(super) signup: Offer,
    /// What was typed before.
    pub(super) name: &'p str,
    /// What was typed before.
    pub(super) email: &'p str,
    /// Why what was sent is not taken.
    pub(super) refusal: Option<&'p str>,
}

/// Which form of the page stands open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Of those who have an account.
    SignIn,
    /// Of those who want one.
    Create,
}

/// Whether accounts can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    Made,
    Withheld,
}

/// What a page of this login and this browser shows that it sent a form: without the browser's
/// cookie, which other sites cannot read, nobody can make it up.
pub(super) fn proof_of(key: &[u8; 32], page: &Secret, browser: &Secret) -> String {
    let message = [page.bytes().as_slice(), browser.bytes()].concat();
    text_of(&keys::mac(key, &message))
}

/// Whether a form was sent by a page of this login and this browser.
pub(super) fn is_proof(key: &[u8; 32], page: &Secret, browser: &Secret, shown: &str) -> bool {
    is_equal(proof_of(key, page, browser).as_bytes(), shown.as_bytes())
}

impl Page<'_> {
    /// The page as HTML.
    pub(super) fn html(&self) -> String {
        let (title, verb) = match self.form {
            Form::SignIn => ("Sign in", "Sign in"),
            Form::Create => ("Make an account", "Make the account"),
        };
        let refusal = self.refusal.map_or_else(String::new, |told| {
            format!("<p class=\"refusal\" role=\"alert\">{}</p>", escaped(told))
        });
        let email = match self.form {
            Form::SignIn => String::new(),
            Form::Create => format!(
                "<label>E-mail, which other accounts can see; it can be left empty\n\
                 <input name=\"email\" type=\"email\" maxlength=\"254\" \
                 value=\"{}\"></label>\n",
                escaped(self.email)
            ),
        };
        let other = match (self.form, self.signup) {
            (Form::SignIn, Offer::Withheld) => String::new(),
            (Form::SignIn, Offer::Made) => self.link("?create", "Make an account instead"),
            (Form::Create, _) => self.link("", "Sign in to an account instead"),
        };
        let completes = match self.form {
            Form::SignIn => "current-password",
            Form::Create => "new-password",
        };
        let body = format!(
            "<h1>{title}</h1>\n\
             <p>A client at <strong>{peer}</strong> waits to act in your name. Go on if it is \
             you who asked for it.</p>\n{refusal}\n\
             <form method=\"post\" action=\"{path}{query}\">\n\
             <input type=\"hidden\" name=\"proof\" value=\"{proof}\">\n\
             <label>Name\n<input name=\"name\" required maxlength=\"64\" \
             autocomplete=\"username\" autocapitalize=\"none\" value=\"{name}\"></label>\n{email}\
             <label>Password\n<input name=\"password\" type=\"password\" required \
             maxlength=\"128\" autocomplete=\"{completes}\"></label>\n\
             <button>{verb}</button>\n</form>\n{other}",
            peer = escaped(self.peer),
            path = self.path(),
            query = if self.form == Form::Create {
                "?create"
            } else {
                ""
            },
            proof = escaped(self.proof),
            name = escaped(self.name),
        );
        document(title, &body)
    }

    fn path(&self) -> String {
        format!("{PATH}{}", escaped(self.secret))
    }

    fn link(&self, query: &str, text: &str) -> String {
        format!("<p><a href=\"{}{query}\">{text}</a></p>\n", self.path())
    }
}

/// A page that says one thing.
pub(super) fn notice(title: &str, text: &str) -> String {
    let body = format!("<h1>{}</h1>\n<p>{}</p>\n", escaped(title), escaped(text));
    document(title, &body)
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<link rel=\"stylesheet\" href=\"{STYLE_PATH}\">\n</head>\n\
         <body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        title = escaped(title),
    )
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// What the URLs of pages begin with.
pub(super) const PATH: &str = "/-/v1/login/page/";
/// Where the style is.
pub(super) const STYLE_PATH: &str = "/-/v1/login/style.css";
/// The style of the page.
pub(super) const STYLE: &str = "\
:root { color-scheme: light dark; font-family: system-ui, sans-serif; }\n\
main { max-width: 24rem; margin: 4rem auto; padding: 0 1rem; }\n\
h1 { font-size: 1.5rem; }\n\
form { display: grid; gap: 1rem; }\n\
label { display: grid; gap: 0.25rem; }\n\
input, button { font: inherit; padding: 0.5rem; }\n\
.refusal { border-left: 0.25rem solid #c00; padding-left: 0.75rem; }\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_escaped() {
        let page = Page {
            secret: "s",
            peer: "127.0.0.1",
            proof: "p",
            form: Form::Create,
            signup: Offer::Made,
            name: "\"><script>alert(1)</script>",
            email: "'&",
            refusal: Some("<b>no</b>"),
        };
        let html = page.html();
        assert!(!html.contains("<script") && !html.contains("<b>"), "{html}");
        assert!(html.contains("&quot;&gt;&lt;script") && html.contains("&#39;&amp;"));
        assert!(html.contains("action=\"/-/v1/login/page/s?create\""));
    }

    #[test]
    fn a_form_shows_its_page_and_its_browser() {
        let (page, browser) = (Secret::of([1; 32]), Secret::of([2; 32]));
        let proof = proof_of(&[3; 32], &page, &browser);
        assert!(is_proof(&[3; 32], &page, &browser, &proof));
        assert!(!is_proof(&[4; 32], &page, &browser, &proof));
        assert!(!is_proof(&[3; 32], &browser, &browser, &proof));
        assert!(!is_proof(&[3; 32], &page, &page, &proof));
        assert!(!is_proof(&[3; 32], &page, &browser, ""));
    }
}
