//! Changes of the tree: what has to hold for one, and then the change. All is checked before the
//! first row is written.

use crate::commerce::catalog::{images, slug};
use crate::http::{Expected, Problem};
use crate::id::Id;
use crate::json::{Line, Slug, Text};
use crate::limits::CATEGORIES_MAX;
use crate::store::{SqlFault, StoreFault, Tx};

use super::rules::{DEPTH_MAX, Path, PlaceFault, place, relocate};
use super::shapes::{CreateCategory, UpdateCategory};
use super::sql::{self, Category};

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeFault {
    /// There is no such category.
    NotFound,
    /// The client has read another version.
    Moved,
    /// Another live category has the slug.
    SlugTaken,
    /// There is no such parent.
    UnknownParent,
    /// The picture is no uploaded image.
    UnknownImage,
    /// It cannot stand there.
    Place(PlaceFault),
    /// Categories or products are in it.
    NotEmpty,
    /// The shop has [`CATEGORIES_MAX`] categories.
    TooMany,
    /// The store failed.
    Sql(SqlFault),
}

impl From<SqlFault> for ChangeFault {
    fn from(fault: SqlFault) -> ChangeFault {
        ChangeFault::Sql(fault)
    }
}

impl From<PlaceFault> for ChangeFault {
    fn from(fault: PlaceFault) -> ChangeFault {
        ChangeFault::Place(fault)
    }
}

impl From<ChangeFault> for Problem {
    fn from(fault: ChangeFault) -> Problem {
        match fault {
            ChangeFault::NotFound => Problem::new(404, ""),
            ChangeFault::Moved => Problem::new(412, "The category has changed since."),
            ChangeFault::SlugTaken => Problem::new(409, "Another category has this slug.")
                .code("slug_taken")
                .fault("/slug", "slug_taken", "is taken"),
            ChangeFault::UnknownParent => {
                Problem::invalid().fault("/parent_id", "unknown", "is no category")
            }
            ChangeFault::UnknownImage => {
                let fault = images::fault_at("/image".to_owned());
                Problem::invalid().fault(fault.pointer, fault.code, fault.detail)
            }
            ChangeFault::Place(PlaceFault::Cycle) => {
                Problem::new(409, "A category cannot stand below itself.").code("category_cycle")
            }
            ChangeFault::Place(PlaceFault::TooDeep) => {
                let detail = format!("the tree has at most {} levels", DEPTH_MAX + 1);
                Problem::invalid().fault("/parent_id", "too_deep", detail)
            }
            ChangeFault::NotEmpty => {
                Problem::new(409, "Categories or products are in it.").code("category_not_empty")
            }
            ChangeFault::TooMany => {
                let detail = format!("A shop has at most {CATEGORIES_MAX} categories.");
                Problem::new(409, detail).code("too_many_categories")
            }
            ChangeFault::Sql(fault) => StoreFault::from(fault).into(),
        }
    }
}

/// Makes a category.
pub fn create(tx: &mut Tx<'_>, new: CreateCategory) -> Result<Category, ChangeFault> {
    if sql::count(tx, None)? >= CATEGORIES_MAX {
        return Err(ChangeFault::TooMany);
    }
    let id = Id::fresh();
    let name = new.name.into_string();
    let image = new.image.map(Text::into_string);
    check_image(tx, image.as_deref())?;
    let parent = path_of(tx, new.parent_id)?;
    let is_taken = |slug: &str| sql::slug_is_taken(tx, slug, None);
    let slug = slug::free(new.slug, &name, id, is_taken)?.ok_or(ChangeFault::SlugTaken)?;
    let category = Category {
        id,
        version: 1,
        parent_id: new.parent_id,
        path: place(parent.as_ref(), &slug)?,
        name,
        slug,
        description: new.description.map(Text::into_string).unwrap_or_default(),
        image,
        sort_order: new.sort_order.map_or(0, |order| order.value()),
        created_at: tx.now_ms(),
        updated_at: tx.now_ms(),
    };
    sql::insert(tx, &category)?;
    Ok(category)
}

/// Changes a category, and the paths of all below it where it moves; tells what it was and is.
pub fn update(
    tx: &mut Tx<'_>,
    id: Id,
    expected: &Expected,
    change: UpdateCategory,
) -> Result<(Category, Category), ChangeFault> {
    let before = present(tx, id, expected)?;
    let mut after = Category {
        version: before.version + 1,
        parent_id: change.parent_id.over(before.parent_id),
        image: change
            .image
            .map(Text::into_string)
            .over(before.image.clone()),
        updated_at: tx.now_ms(),
        ..before.clone()
    };
    if after.image != before.image {
        check_image(tx, after.image.as_deref())?;
    }
    if let Some(slug) = change.slug.map(Slug::into_string) {
        if sql::slug_is_taken(tx, &slug, Some(id))? {
            return Err(ChangeFault::SlugTaken);
        }
        after.slug = slug;
    }
    after.name = change.name.map_or(after.name, Line::into_string);
    after.description = change
        .description
        .map_or(after.description, Text::into_string);
    after.sort_order = change
        .sort_order
        .map_or(after.sort_order, |order| order.value());
    let is_moved = (after.parent_id, &after.slug) != (before.parent_id, &before.slug);
    let relocation = if is_moved {
        let parent = path_of(tx, after.parent_id)?;
        let height = sql::height(tx, &before)?;
        Some(relocate(
            &before.path,
            height,
            parent.as_ref(),
            &after.slug,
        )?)
    } else {
        None
    };
    if let Some(relocation) = relocation {
        sql::relocate(tx, &before, &relocation.path, relocation.depth_delta)?;
        after.path = relocation.path;
    }
    sql::update(tx, &after)?;
    Ok((before, after))
}

/// Deletes a category that is empty, and tells what it was.
pub fn delete(tx: &mut Tx<'_>, id: Id, expected: &Expected) -> Result<Category, ChangeFault> {
    let category = present(tx, id, expected)?;
    if !sql::is_empty(tx, category.id)? {
        return Err(ChangeFault::NotEmpty);
    }
    sql::delete(tx, id)?;
    Ok(category)
}

fn present(tx: &Tx<'_>, id: Id, expected: &Expected) -> Result<Category, ChangeFault> {
    let category = sql::read(tx, id)?.ok_or(ChangeFault::NotFound)?;
    if expected.is_met(category.version) {
        Ok(category)
    } else {
        Err(ChangeFault::Moved)
    }
}

fn path_of(tx: &Tx<'_>, parent: Option<Id>) -> Result<Option<Path>, ChangeFault> {
    let Some(parent) = parent else {
        return Ok(None);
    };
    let parent = sql::read(tx, parent)?.ok_or(ChangeFault::UnknownParent)?;
    Ok(Some(parent.path))
}

fn check_image(tx: &Tx<'_>, image: Option<&str>) -> Result<(), ChangeFault> {
    match image {
        Some(image) if !images::is_image(tx, image)? => Err(ChangeFault::UnknownImage),
        Some(_) | None => Ok(()),
    }
}
