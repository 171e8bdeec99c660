//! Categories in the store.

use crate::id::Id;
use crate::store::{Row, SqlFault, Topic, Tx, View};
use crate::vault::uploads;

use super::rules::Path;

/// A category that is not deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    /// Its id.
    pub id: Id,
    /// Counts its changes, those of its path included.
    pub version: i64,
    /// The one above it.
    pub parent_id: Option<Id>,
    /// Shown to customers.
    pub name: String,
    /// Its name in URLs, unlike that of any other live category.
    pub slug: String,
    /// The slugs from the root.
    pub path: Path,
    /// Shown to customers.
    pub description: String,
    /// The URL of its picture.
    pub image: Option<String>,
    /// Its place among its siblings.
    pub sort_order: i64,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub updated_at: i64,
}

/// The category of an id.
pub fn read(view: &View<'_>, id: Id) -> Result<Option<Category>, SqlFault> {
    view.one(READ, &[&id], category)
}

/// At most `count` categories in the order of their paths, each before its descendants.
pub fn list(
    view: &View<'_>,
    after_path: &str,
    skip: i64,
    count: i64,
) -> Result<Vec<Category>, SqlFault> {
    view.all(LIST, &[&after_path, &count, &skip], category)
}

/// At most `count` categories right below `parent`, in the order that the shop gave them, from
/// after a place in that order.
pub fn list_children(
    view: &View<'_>,
    parent: Id,
    after: Option<(i64, Id)>,
    skip: i64,
    count: i64,
) -> Result<Vec<Category>, SqlFault> {
    let (order, id) = match after {
        Some((order, id)) => (order, id.to_string()),
        None => (i64::MIN, String::new()),
    };
    view.all(CHILDREN, &[&parent, &order, &id, &count, &skip], category)
}

/// How many categories there are; those right below `parent` where one is given.
pub fn count(view: &View<'_>, parent: Option<Id>) -> Result<u64, SqlFault> {
    let read = |row: &Row<'_>| row.get::<i64>(0).map(i64::unsigned_abs);
    let counted = match parent {
        None => view.one(COUNT, &[], read),
        Some(parent) => view.one(COUNT_CHILDREN, &[&parent], read),
    };
    counted.map(Option::unwrap_or_default)
}

/// At most `count` ids of a category's descendants, itself first.
pub fn family(view: &View<'_>, category: &Category, count: i64) -> Result<Vec<Id>, SqlFault> {
    let (path, end) = (category.path.as_str(), category.path.end());
    view.all(FAMILY, &[&path, &end, &count], |row| row.get(0))
}

/// By how much the deepest descendant is deeper than the category.
pub fn height(view: &View<'_>, category: &Category) -> Result<i64, SqlFault> {
    let (path, end) = (category.path.as_str(), category.path.end());
    let deepest = view.one(DEEPEST, &[&path, &end], |row| row.get::<Option<i64>>(0))?;
    Ok(deepest
        .flatten()
        .map_or(0, |depth| depth - category.path.depth()))
}

/// Whether another live category has the slug.
pub fn slug_is_taken(view: &View<'_>, slug: &str, but: Option<Id>) -> Result<bool, SqlFault> {
    let holder = view.one(HOLDER_OF_SLUG, &[&slug], |row| row.get(0))?;
    Ok(holder.is_some_and(|holder| Some(holder) != but))
}

/// Whether live categories or products are in it.
pub fn is_empty(view: &View<'_>, id: Id) -> Result<bool, SqlFault> {
    let occupied = view.one(OCCUPIED, &[&id], |row| row.get::<bool>(0))?;
    Ok(occupied == Some(false))
}

/// Adds a category; its version is 1 and its times those of the command.
pub fn insert(tx: &mut Tx<'_>, category: &Category) -> Result<(), SqlFault> {
    tx.run(
        INSERT,
        &[
            &category.id,
            &category.parent_id,
            &category.name,
            &category.slug,
            &category.path.as_str(),
            &category.path.depth(),
            &category.description,
            &category.image,
            &category.sort_order,
            &category.created_at,
        ],
    )?;
    hold_uploads(tx, category)?;
    touch(tx, category.id);
    Ok(())
}

/// Changes everything but the path of a category, and adds one to its version.
pub fn update(tx: &mut Tx<'_>, category: &Category) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(
        UPDATE,
        &[
            &category.id,
            &category.parent_id,
            &category.name,
            &category.slug,
            &category.description,
            &category.image,
            &category.sort_order,
            &now_ms,
        ],
    )?;
    hold_uploads(tx, category)?;
    touch(tx, category.id);
    Ok(())
}

/// Gives a category and its descendants the paths that follow from `path`. Descendants get a
/// version more: what a client has of them holds the old path.
pub fn relocate(
    tx: &mut Tx<'_>,
    category: &Category,
    path: &Path,
    depth_delta: i64,
) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    let (from, end) = (category.path.as_str(), category.path.end());
    for id in family(tx, category, i64::MAX)? {
        touch(tx, id);
    }
    tx.run(
        RELOCATE_DESCENDANTS,
        &[&from, &end, &path.as_str(), &depth_delta, &now_ms],
    )?;
    tx.run(RELOCATE, &[&category.id, &path.as_str(), &path.depth()])?;
    Ok(())
}

/// Deletes a category softly.
pub fn delete(tx: &mut Tx<'_>, id: Id) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(DELETE, &[&id, &now_ms])?;
    uploads::sql::hold(tx, id, &[])?;
    touch(tx, id);
    Ok(())
}

fn hold_uploads(tx: &mut Tx<'_>, category: &Category) -> Result<(), SqlFault> {
    let image = category.image.as_deref().unwrap_or_default();
    uploads::sql::hold(tx, category.id, &[image, &category.description])
}

fn touch(tx: &mut Tx<'_>, id: Id) {
    tx.touch(Topic::of(id.as_bytes()));
    tx.touch(Topic::CATALOG);
}

fn category(row: &Row<'_>) -> Result<Category, SqlFault> {
    Ok(Category {
        id: row.get(0)?,
        version: row.get(1)?,
        parent_id: row.get(2)?,
        name: row.get(3)?,
        slug: row.get(4)?,
        path: Path::from_stored(row.get(5)?),
        description: row.get(6)?,
        image: row.get(7)?,
        sort_order: row.get(8)?,
        created_at: row.get(9)?,
        updated_at: row.get(10)?,
    })
}

macro_rules! categories_where {
    ($rest:literal) => {
        concat!(
            "SELECT id, version, parent_id, name, slug, path, description, image, sort_order, ",
            "created_at, updated_at FROM categories WHERE deleted_at IS NULL AND ",
            $rest
        )
    };
}

const READ: &str = categories_where!("id = ?1");
const LIST: &str = categories_where!("path > ?1 ORDER BY path LIMIT ?2 OFFSET ?3");
const CHILDREN: &str = categories_where!(
    "parent_id = ?1 AND (sort_order, id) > (?2, ?3) ORDER BY sort_order, id LIMIT ?4 OFFSET ?5"
);
const COUNT: &str = "SELECT COUNT(*) FROM categories WHERE deleted_at IS NULL AND path > ''";
const COUNT_CHILDREN: &str =
    "SELECT COUNT(*) FROM categories WHERE deleted_at IS NULL AND parent_id = ?1";
const FAMILY: &str = "SELECT id FROM categories \
     WHERE deleted_at IS NULL AND path >= ?1 AND path < ?2 ORDER BY path LIMIT ?3";
const DEEPEST: &str =
    "SELECT MAX(depth) FROM categories WHERE deleted_at IS NULL AND path >= ?1 AND path < ?2";
const HOLDER_OF_SLUG: &str = "SELECT id FROM categories WHERE deleted_at IS NULL AND slug = ?1";
const OCCUPIED: &str = "SELECT \
     EXISTS (SELECT 1 FROM categories WHERE deleted_at IS NULL AND parent_id = ?1) \
     OR EXISTS (SELECT 1 FROM product_counts WHERE category_id = ?1 AND products > 0)";
const INSERT: &str = "INSERT INTO categories (id, parent_id, name, slug, path, depth, \
     description, image, sort_order, created_at, updated_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)";
const UPDATE: &str = "UPDATE categories SET version = version + 1, parent_id = ?2, name = ?3, \
     slug = ?4, description = ?5, image = ?6, sort_order = ?7, updated_at = ?8 \
     WHERE id = ?1 AND deleted_at IS NULL";
const RELOCATE_DESCENDANTS: &str = "UPDATE categories SET version = version + 1, \
     path = ?3 || substr(path, length(?1) + 1), depth = depth + ?4, updated_at = ?5 \
     WHERE deleted_at IS NULL AND path > ?1 AND path < ?2";
const RELOCATE: &str =
    "UPDATE categories SET path = ?2, depth = ?3 WHERE id = ?1 AND deleted_at IS NULL";
const DELETE: &str = "UPDATE categories SET version = version + 1, deleted_at = ?2, \
     updated_at = ?2 WHERE id = ?1 AND deleted_at IS NULL";

/// Every statement of this file.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("categories::READ", READ),
    ("categories::LIST", LIST),
    ("categories::CHILDREN", CHILDREN),
    ("categories::COUNT", COUNT),
    ("categories::COUNT_CHILDREN", COUNT_CHILDREN),
    ("categories::FAMILY", FAMILY),
    ("categories::DEEPEST", DEEPEST),
    ("categories::HOLDER_OF_SLUG", HOLDER_OF_SLUG),
    ("categories::OCCUPIED", OCCUPIED),
    ("categories::INSERT", INSERT),
    ("categories::UPDATE", UPDATE),
    ("categories::RELOCATE_DESCENDANTS", RELOCATE_DESCENDANTS),
    ("categories::RELOCATE", RELOCATE),
    ("categories::DELETE", DELETE),
];
