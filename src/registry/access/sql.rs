//! What access depends on in the store. Whoever changes it touches `topics::package`.

use super::rules::{Permission, Visibility};
use crate::id::Id;
use crate::store::{Row, SqlFault, Tx, View};

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

/// What an account may do with a package as its collaborator.
pub fn permission(
    view: &View<'_>,
    package: Id,
    account: Id,
) -> Result<Option<Permission>, SqlFault> {
    let found = view.one(PERMISSION, &[&package, &account], |row| row.get(0))?;
    found.map(|text: String| permission_of(&text)).transpose()
}

/// A package's collaborators by name, and what each may do.
pub fn collaborators(view: &View<'_>, package: Id) -> Result<Vec<(String, Permission)>, SqlFault> {
    view.all(COLLABORATORS, &[&package], named_permission)
}

/// The packages of which an account is a collaborator, by name, and what it may do with each.
pub fn packages_of(view: &View<'_>, account: Id) -> Result<Vec<(String, Permission)>, SqlFault> {
    view.all(PACKAGES_OF, &[&account], named_permission)
}

/// The packages that an account has starred, by name.
pub fn starred(view: &View<'_>, account: &str) -> Result<Vec<String>, SqlFault> {
    view.all(STARRED, &[&account], |row| row.get(0))
}

/// How many owners a package has.
pub fn owners(view: &View<'_>, package: Id) -> Result<u64, SqlFault> {
    let count = view.one(OWNERS, &[&package], |row| row.get::<i64>(0))?;
    Ok(count.unwrap_or_default().unsigned_abs())
}

/// Lets an account do this with a package, and nothing else.
pub fn grant(
    tx: &mut Tx<'_>,
    package: Id,
    account: Id,
    permission: Permission,
) -> Result<(), SqlFault> {
    let permission = permission.as_str();
    tx.run(GRANT, &[&package, &account, &permission])
        .map(|_| ())
}

/// Takes a collaborator away; tells whether there was one.
pub fn withdraw(tx: &mut Tx<'_>, package: Id, account: Id) -> Result<bool, SqlFault> {
    Ok(tx.run(WITHDRAW, &[&package, &account])? == 1)
}

/// Changes who may read a package.
pub fn set_visibility(
    tx: &mut Tx<'_>,
    package: Id,
    visibility: Visibility,
) -> Result<(), SqlFault> {
    let visibility = visibility.as_str();
    tx.run(SET_VISIBILITY, &[&package, &visibility]).map(|_| ())
}

fn named_permission(row: &Row<'_>) -> Result<(String, Permission), SqlFault> {
    Ok((row.get(0)?, permission_of(row.text(1)?)?))
}

fn permission_of(text: &str) -> Result<Permission, SqlFault> {
    let unreadable = || SqlFault::Other("collaborators.permission holds what is none".to_owned());
    Permission::parse(text).ok_or_else(unreadable)
}

const PACKAGE: &str = "SELECT id, access, upstream FROM packages WHERE name = ?1";
const PERMISSION: &str = "\
    SELECT permission FROM collaborators WHERE package_id = ?1 AND account_id = ?2";
const COLLABORATORS: &str = "\
    SELECT accounts.name, permission FROM collaborators \
    JOIN accounts ON accounts.id = account_id WHERE package_id = ?1 ORDER BY accounts.name";
const PACKAGES_OF: &str = "\
    SELECT packages.name, permission FROM collaborators \
    JOIN packages ON packages.id = package_id WHERE account_id = ?1 ORDER BY packages.name";
const STARRED: &str = "\
    SELECT packages.name FROM accounts JOIN stars ON stars.account_id = accounts.id \
    JOIN packages ON packages.id = stars.package_id \
    WHERE accounts.name = ?1 ORDER BY packages.name";
const OWNERS: &str = "\
    SELECT count(*) FROM collaborators WHERE package_id = ?1 AND permission = 'write'";
const GRANT: &str = "\
    INSERT INTO collaborators (package_id, account_id, permission) VALUES (?1, ?2, ?3) \
    ON CONFLICT (package_id, account_id) DO UPDATE SET permission = excluded.permission";
const WITHDRAW: &str = "DELETE FROM collaborators WHERE package_id = ?1 AND account_id = ?2";
const SET_VISIBILITY: &str = "UPDATE packages SET access = ?2 WHERE id = ?1";

/// Every statement, for the test of query plans.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("access::PACKAGE", PACKAGE),
    ("access::PERMISSION", PERMISSION),
    ("access::COLLABORATORS", COLLABORATORS),
    ("access::PACKAGES_OF", PACKAGES_OF),
    ("access::STARRED", STARRED),
    ("access::OWNERS", OWNERS),
    ("access::GRANT", GRANT),
    ("access::WITHDRAW", WITHDRAW),
    ("access::SET_VISIBILITY", SET_VISIBILITY),
];
