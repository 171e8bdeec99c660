//! Who may read and publish what: decisions as functions of values.

use super::super::name::PackageName;
use super::super::packages::rows::{Permission, Visibility};
use crate::settings::{Access, Anonymous};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Somebody without credentials.
    Nobody,
    /// An account of the registry.
    Account,
    /// Staff of the shop.
    Administrator,
}

/// Whether a package may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It may.
    Allowed,
    /// Not without credentials, whether or not it is there.
    SignIn,
    /// It is to look as if it were not there.
    Hidden,
}

/// Whether a package may be published or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// It may.
    Allowed,
    /// Not without credentials.
    SignIn,
    /// Others own it.
    NotOwner,
    /// Nobody but staff makes packages in its scope.
    ScopeClosed,
}

/// Whether a name may be read at all: what is decided without knowing the package.
pub fn may_ask(settings: &Access, standing: Standing, name: &PackageName) -> Reading {
    match standing {
        Standing::Account | Standing::Administrator => Reading::Allowed,
        Standing::Nobody if settings.anonymous == Anonymous::None => Reading::SignIn,
        Standing::Nobody if settings.is_private(name.scope()) => Reading::SignIn,
        Standing::Nobody => Reading::Allowed,
    }
}

/// Whether a package may be read that the caller may ask for.
pub fn may_read(
    standing: Standing,
    visibility: Visibility,
    permission: Option<Permission>,
) -> Reading {
    match (visibility, standing) {
        (Visibility::Public, _) | (_, Standing::Administrator) => Reading::Allowed,
        (Visibility::Restricted, Standing::Account) if permission.is_some() => Reading::Allowed,
        (Visibility::Restricted, Standing::Account | Standing::Nobody) => Reading::Hidden,
    }
}

/// Whether a package that is hosted here may be changed.
pub fn may_change(standing: Standing, permission: Option<Permission>) -> Writing {
    match (standing, permission) {
        (Standing::Nobody, _) => Writing::SignIn,
        (Standing::Administrator, _) | (Standing::Account, Some(Permission::Write)) => {
            Writing::Allowed
        }
        (Standing::Account, Some(Permission::Read) | None) => Writing::NotOwner,
    }
}

/// Whether a package may be made under a name that nothing has here.
pub fn may_create(settings: &Access, standing: Standing, name: &PackageName) -> Writing {
    match standing {
        Standing::Nobody => Writing::SignIn,
        Standing::Administrator => Writing::Allowed,
        Standing::Account if settings.open_scopes.holds(name.scope()) => Writing::Allowed,
        Standing::Account => Writing::ScopeClosed,
    }
}

/// Whether a package may be made under a name that an upstream has. `unscoped` in the list of open
/// scopes is no scope of anybody's: npm's names are in it.
pub fn may_take_over(settings: &Access, standing: Standing, name: &PackageName) -> bool {
    match standing {
        Standing::Nobody => false,
        Standing::Administrator => true,
        Standing::Account => {
            settings.is_private(name.scope()) || settings.open_scopes.names(name.scope())
        }
    }
}

/// Reads how npm's clients name who may read a package.
pub fn visibility_named(text: &str) -> Option<Visibility> {
    match text {
        "private" => Some(Visibility::Restricted),
        text => Visibility::parse(text),
    }
}

/// Reads how npm's clients name what a collaborator may do.
pub fn permission_named(text: &str) -> Option<Permission> {
    match text {
        "read-only" => Some(Permission::Read),
        "read-write" => Some(Permission::Write),
        text => Permission::parse(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::OpenScopes;

    const ALL: [Standing; 3] = [Standing::Nobody, Standing::Account, Standing::Administrator];

    fn name(text: &str) -> PackageName {
        PackageName::parse(text).unwrap()
    }

    #[test]
    fn who_may_ask() {
        use Reading::{Allowed, SignIn};
        let open = Access {
            private_scopes: vec!["@team".to_owned()],
            ..Access::default()
        };
        let closed = Access {
            anonymous: Anonymous::None,
            ..Access::default()
        };
        let table = [
            (&open, "left-pad", [Allowed, Allowed, Allowed]),
            (&open, "@other/a", [Allowed, Allowed, Allowed]),
            (&open, "@team/a", [SignIn, Allowed, Allowed]),
            (&closed, "left-pad", [SignIn, Allowed, Allowed]),
            (&closed, "@other/a", [SignIn, Allowed, Allowed]),
        ];
        for (settings, package, expected) in table {
            let found = ALL.map(|standing| may_ask(settings, standing, &name(package)));
            assert_eq!(found, expected, "{package}");
        }
    }

    #[test]
    fn who_may_read() {
        use Reading::{Allowed, Hidden};
        let table = [
            (Visibility::Public, None, [Allowed, Allowed, Allowed]),
            (Visibility::Restricted, None, [Hidden, Hidden, Allowed]),
            (
                Visibility::Restricted,
                Some(Permission::Read),
                [Hidden, Allowed, Allowed],
            ),
            (
                Visibility::Restricted,
                Some(Permission::Write),
                [Hidden, Allowed, Allowed],
            ),
        ];
        for (visibility, permission, expected) in table {
            let found = ALL.map(|standing| may_read(standing, visibility, permission));
            assert_eq!(found, expected, "{visibility:?} {permission:?}");
        }
    }

    #[test]
    fn who_may_write() {
        use Writing::{Allowed, NotOwner, ScopeClosed, SignIn};
        for (permission, account) in [
            (None, NotOwner),
            (Some(Permission::Read), NotOwner),
            (Some(Permission::Write), Allowed),
        ] {
            let found = ALL.map(|standing| may_change(standing, permission));
            assert_eq!(found, [SignIn, account, Allowed], "{permission:?}");
        }
        let some = Access {
            open_scopes: OpenScopes::Listed(vec!["@a".to_owned()]),
            ..Access::default()
        };
        for (settings, package, account) in [
            (&Access::default(), "left-pad", Allowed),
            (&some, "@a/b", Allowed),
            (&some, "@b/b", ScopeClosed),
            (&some, "left-pad", ScopeClosed),
        ] {
            let found = ALL.map(|standing| may_create(settings, standing, &name(package)));
            assert_eq!(found, [SignIn, account, Allowed], "{package}");
        }
    }

    #[test]
    fn who_may_take_a_name_from_an_upstream() {
        let open = Access {
            private_scopes: vec!["@team".to_owned()],
            ..Access::default()
        };
        let listed = Access {
            open_scopes: OpenScopes::Listed(vec!["@a".to_owned(), "unscoped".to_owned()]),
            ..Access::default()
        };
        for (settings, package, account) in [
            (&open, "react", false),
            (&open, "@a/b", false),
            (&open, "@team/b", true),
            (&listed, "@a/b", true),
            (&listed, "@b/b", false),
            (&listed, "react", false),
        ] {
            let found = ALL.map(|standing| may_take_over(settings, standing, &name(package)));
            assert_eq!(found, [false, account, true], "{package}");
        }
    }
}
