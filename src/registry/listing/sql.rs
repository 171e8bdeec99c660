//! Packages by name.

use crate::registry::access::Visitor;
use crate::registry::name::PackageName;
use crate::store::{Row, SqlFault, View};

/// Which packages are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// What their names hold, in lower case; empty for all.
    pub text: String,
    /// The name that they come after.
    pub after: String,
    /// How many are passed over.
    pub skip: u64,
    /// How many at most.
    pub limit: usize,
}

/// A package that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: PackageName,
    /// The hash of the upstream that it comes from; `None` for one that is hosted here.
    pub upstream: Option<u32>,
    /// The version of its tag `latest`.
    pub latest: Option<String>,
    /// Versions that are to be had.
    pub versions: i64,
    /// When it changed; Unix milliseconds.
    pub modified_at: i64,
}

/// The packages that are wanted, of those that the visitor may read.
///
/// # Errors
/// What the store says.
pub fn list(view: &View<'_>, visitor: &Visitor, wanted: &Wanted) -> Result<Vec<Listed>, SqlFault> {
    let (mut found, mut skipped) = (Vec::new(), 0);
    walk(view, visitor, &wanted.text, &wanted.after, |listed| {
        if skipped < wanted.skip {
            skipped += 1;
        } else {
            found.push(listed);
        }
        found.len() < wanted.limit
    })?;
    Ok(found)
}

/// How many packages whose names hold a text the visitor may read.
///
/// # Errors
/// What the store says.
pub fn total(view: &View<'_>, visitor: &Visitor, text: &str) -> Result<u64, SqlFault> {
    let mut total = 0;
    walk(view, visitor, text, "", |_| {
        total += 1;
        true
    })?;
    Ok(total)
}

/// How many packages are here, whoever may read them.
///
/// # Errors
/// What the store says.
pub fn count(view: &View<'_>) -> Result<u64, SqlFault> {
    let count = view.one(COUNT, &[], |row| row.get::<i64>(0))?;
    Ok(count.unwrap_or(0).unsigned_abs())
}

/// Goes through packages by name for as long as `visit` wants more.
fn walk(
    view: &View<'_>,
    visitor: &Visitor,
    text: &str,
    after: &str,
    mut visit: impl FnMut(Listed) -> bool,
) -> Result<(), SqlFault> {
    let mut after = after.to_owned();
    loop {
        let rows = view.all(LIST, &[&after, &text, &BATCH], listed)?;
        let is_last = rows.len() < BATCH as usize;
        for listed in rows {
            after.clear();
            after.push_str(listed.name.as_str());
            if visitor.sees(view, &listed.name)? && !visit(listed) {
                return Ok(());
            }
        }
        if is_last {
            return Ok(());
        }
    }
}

fn listed(row: &Row<'_>) -> Result<Listed, SqlFault> {
    let unreadable = |_| SqlFault::Other("packages.name holds what is none".to_owned());
    let upstream = row.get::<Option<i64>>(1)?.map(u32::try_from).transpose();
    let no_hash = |_| SqlFault::Other("packages.upstream holds what is no hash".to_owned());
    Ok(Listed {
        name: PackageName::parse(row.text(0)?).map_err(unreadable)?,
        upstream: upstream.map_err(no_hash)?,
        modified_at: row.get(2)?,
        latest: row.get(3)?,
        versions: row.get(4)?,
    })
}

/// Packages that are read at once.
const BATCH: i64 = 256;

// A package of which no version is left is kept for its numbers, one whose documents had to make
// room for what was said of it: neither is to be had here.
const LIST: &str = "\
    SELECT name, upstream, modified_at, \
    (SELECT version FROM tags WHERE package_id = packages.id AND tag = 'latest'), \
    (SELECT count(*) FROM versions WHERE package_id = packages.id AND state = 'live') \
    FROM packages WHERE name > ?1 AND instr(lower(name), ?2) > 0 \
    AND (upstream IS NULL OR document IS NOT NULL) \
    AND EXISTS (SELECT 1 FROM versions WHERE package_id = packages.id AND state = 'live') \
    ORDER BY name LIMIT ?3";
const COUNT: &str = "\
    SELECT count(*) FROM packages WHERE (upstream IS NULL OR document IS NOT NULL) \
    AND EXISTS (SELECT 1 FROM versions WHERE package_id = packages.id AND state = 'live')";

/// See [`crate::registry::schema`].
pub const STATEMENTS: &[(&str, &str)] = &[("listing::LIST", LIST), ("listing::COUNT", COUNT)];
