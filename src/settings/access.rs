//! Who may read and publish packages: the settings of the registry door's access.

use std::time::Duration;

use serde_json::Value;

use super::choices::Choice;
use super::model::Settings;
use super::slots::{Field, Part, Slot};

/// Who may read and publish packages.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// What callers may read who show no credentials.
    pub anonymous: Anonymous,
    /// Scopes whose packages only accounts may read.
    pub private_scopes: Vec<String>,
    /// Where accounts may create packages.
    pub open_scopes: OpenScopes,
    /// Who reads a scoped package whose first publish does not say.
    pub scoped_access: ScopedAccess,
    /// Whether clients may make accounts.
    pub signup: Signup,
    /// How long the token of a login is good; zero for as long as nobody ends it.
    pub login_token_ttl: Duration,
    /// Under which names packages may be created.
    pub names: Names,
    /// A folder of OSV files that audits are answered from; empty for none.
    pub osv_folder: String,
}

/// What callers may read who show no credentials (`registry.anonymous`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Anonymous {
    /// Public packages that are in no private scope.
    #[default]
    Read,
    /// Nothing.
    None,
}

/// Who reads a scoped package whose first publish does not say (`registry.scoped_access`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ScopedAccess {
    /// Who reads any other.
    #[default]
    Public,
    /// Its collaborators.
    Restricted,
}

/// Whether clients may make accounts (`registry.signup`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Signup {
    /// Whoever reaches the door may.
    #[default]
    Open,
    /// Nobody may.
    Closed,
}

/// Under which names packages may be created (`registry.names`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Names {
    /// Those that npm gives.
    #[default]
    New,
    /// Those that npm ever gave: with capitals too, or beginning with `-`, or `_` after a scope.
    Old,
}

/// Where accounts may create packages (`registry.open_scopes`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum OpenScopes {
    /// Under every name.
    #[default]
    All,
    /// In these scopes; `unscoped` stands for names without one.
    Listed(Vec<String>),
}

impl Choice for Anonymous {
    const NAMED: &'static [(&'static str, Anonymous)] =
        &[("read", Anonymous::Read), ("none", Anonymous::None)];
}

impl Choice for ScopedAccess {
    const NAMED: &'static [(&'static str, ScopedAccess)] = &[
        ("public", ScopedAccess::Public),
        ("restricted", ScopedAccess::Restricted),
    ];
}

impl Choice for Signup {
    const NAMED: &'static [(&'static str, Signup)] =
        &[("open", Signup::Open), ("closed", Signup::Closed)];
}

impl Choice for Names {
    const NAMED: &'static [(&'static str, Names)] = &[("new", Names::New), ("old", Names::Old)];
}

impl Access {
    /// How long the token of a login is good.
    pub fn login_lifetime_ms(&self) -> Option<i64> {
        let ms = i64::try_from(self.login_token_ttl.as_millis()).unwrap_or(i64::MAX);
        (ms > 0).then_some(ms)
    }

    /// Whether this is a private scope.
    pub fn is_private(&self, scope: Option<&str>) -> bool {
        let mut private = self.private_scopes.iter();
        scope.is_some_and(|scope| private.any(|listed| listed == scope))
    }
}

impl OpenScopes {
    /// Whether this scope is listed by its name.
    pub fn names(&self, scope: Option<&str>) -> bool {
        match (self, scope) {
            (OpenScopes::Listed(listed), Some(scope)) => listed.iter().any(|one| one == scope),
            (OpenScopes::Listed(_), None) | (OpenScopes::All, _) => false,
        }
    }

    /// Whether accounts may create packages in a scope, or without one.
    pub fn holds(&self, scope: Option<&str>) -> bool {
        match self {
            OpenScopes::All => true,
            OpenScopes::Listed(listed) => listed
                .iter()
                .any(|listed| listed == scope.unwrap_or(UNSCOPED)),
        }
    }
}

/// Scopes, in text separated by commas.
pub(super) struct Scopes(pub Field<Vec<String>>);

/// `*`, or scopes and `unscoped`, in text separated by commas.
pub(super) struct Open(pub Field<OpenScopes>);

impl Slot for Scopes {
    fn put(&self, settings: &mut Settings, raw: &Value, _: Part) -> Result<String, String> {
        let scopes = listed(raw)?;
        if let Some(wrong) = scopes.iter().find(|scope| !is_scope(scope)) {
            return Err(format!("`{wrong}` is not a scope"));
        }
        let shown = scopes.join(",");
        *(self.0)(settings) = scopes;
        Ok(shown)
    }

    fn accepts(&self) -> String {
        "scopes like @team, several with commas between; empty for none".to_owned()
    }
}

impl Slot for Open {
    fn put(&self, settings: &mut Settings, raw: &Value, _: Part) -> Result<String, String> {
        let scopes = listed(raw)?;
        if scopes == [ALL] {
            *(self.0)(settings) = OpenScopes::All;
            return Ok(ALL.to_owned());
        }
        let is_known = |scope: &&String| is_scope(scope) || *scope == UNSCOPED;
        if let Some(wrong) = scopes.iter().find(|scope| !is_known(scope)) {
            return Err(format!("`{wrong}` is neither a scope nor `{UNSCOPED}`"));
        }
        let shown = scopes.join(",");
        *(self.0)(settings) = OpenScopes::Listed(scopes);
        Ok(shown)
    }

    fn accepts(&self) -> String {
        "* for all, or scopes like @team and `unscoped` with commas between; empty for none"
            .to_owned()
    }
}

/// The items of a list, or of a text with commas.
fn listed(raw: &Value) -> Result<Vec<String>, String> {
    let text = |item: &Value| {
        let text = item.as_str().map(|text| text.trim().to_owned());
        text.ok_or_else(|| format!("`{item}` is not text"))
    };
    match raw.as_array() {
        Some(items) => items.iter().map(text).collect(),
        None => Ok(text(raw)?
            .split(',')
            .map(|item| item.trim().to_owned())
            .filter(|item| !item.is_empty())
            .collect()),
    }
}

/// The rule of names of packages, for the part before the slash.
fn is_scope(text: &str) -> bool {
    let Some(name) = text.strip_prefix('@') else {
        return false;
    };
    let is_plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.~".contains(&byte);
    !name.is_empty() && !name.starts_with(['.', '_', '-']) && name.bytes().all(is_plain)
}

/// Says what is wrong with a text as the path of a folder.
pub(super) fn folder(text: &str) -> Result<(), String> {
    match text.contains('\0') {
        true => Err("the path holds a NUL byte".to_owned()),
        false => Ok(()),
    }
}

const ALL: &str = "*";
const UNSCOPED: &str = "unscoped";

#[cfg(test)]
mod tests {
    use super::*;

    fn put(slot: &dyn Slot, raw: &str) -> (Result<String, String>, Access) {
        let mut settings = Settings::default();
        let outcome = slot.put(&mut settings, &Value::from(raw), Part::Whole);
        (outcome, settings.access)
    }

    #[test]
    fn scopes_are_lists_of_scopes() {
        let slot = Scopes(|settings| &mut settings.access.private_scopes);
        let (shown, access) = put(&slot, "@one, @two");
        assert_eq!(shown.as_deref(), Ok("@one,@two"));
        assert!(access.is_private(Some("@two")) && !access.is_private(Some("@three")));
        assert!(!access.is_private(None));
        for refused in ["one", "@", "@One", "@a/b", "@.a", "unscoped", "*"] {
            assert!(put(&slot, refused).0.is_err(), "{refused}");
        }
    }

    #[test]
    fn open_scopes_are_all_or_those_that_are_listed() {
        let slot = Open(|settings| &mut settings.access.open_scopes);
        let open = |raw| put(&slot, raw).1.open_scopes;
        assert!(open("*").holds(None) && open("*").holds(Some("@a")));
        assert!(!open("@a").holds(None) && open("@a").holds(Some("@a")));
        assert!(open("unscoped").holds(None) && !open("unscoped").holds(Some("@unscoped")));
        assert!(!open("").holds(None) && !open("").holds(Some("@a")));
        assert!(put(&slot, "*,@a").0.is_err() && put(&slot, "a").0.is_err());
    }
}
