//! What access depends on in the store. Whoever changes it touches `topics::package`.

use super::super::packages::rows::Visibility;
use crate::id::Id;
use crate::store::{SqlFault, View};

/// A package, as far as access depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its id.
    pub id: Id,
    /// Who may read it.
    pub visibility: Visibility,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a package comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is hosted here.
    Hosted,
    /// From an upstream; it is kept here for a while.
    Upstream,
}

/// The package of a name.
pub fn package(view: &View<'_>, name: &str) -> Result<Option<Package>, SqlFault> {
    view.one(PACKAGE, &[&name], |row| {
        let (visibility, upstream): (String, Option<i64>) = (row.get(1)?, row.get(2)?);
        let unreadable = || SqlFault::Other("packages.access holds what is none".to_owned());
        Ok(Package {
            id: row.get(0)?,
            visibility: Visibility::parse(&visibility).ok_or_else(unreadable)?,
            origin: match upstream {
                Some(_) => Origin::Upstream,
                None => Origin::Hosted,
            },
        })
    })
}

const PACKAGE: &str = "SELECT id, access, upstream FROM packages WHERE name = ?1";

/// Every statement, for the test of query plans.
pub const STATEMENTS: &[(&str, &str)] = &[("access::PACKAGE", PACKAGE)];
