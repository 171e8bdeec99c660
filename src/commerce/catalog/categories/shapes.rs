//! What the endpoints of categories take and give.

use crate::http::PageQuery;
use crate::id::Id;
use crate::json::{Change, Int, Line, Slug, Text, Time};

use super::sql;

/// The place of a category among its siblings; lower ones come first.
pub type SortOrder = Int<0, 1_000_000>;

crate::shape! {
    /// A category.
    pub struct Category writes {
        pub id: Id,
        pub version: i64,
        pub name: String,
        /// Its name in URLs.
        pub slug: String,
        pub description: String,
        pub parent_id: Option<Id>,
        /// The path of an upload.
        pub image: Option<String>,
        /// Its place among its siblings.
        pub sort_order: i64,
        /// The slugs from the root, each with a slash on both sides.
        pub path: String,
        /// How many categories are above it.
        pub depth: i64,
        pub created_at: Time,
        pub updated_at: Time,
    }
}

crate::shape! {
    /// What `POST /api/v1/categories` takes.
    pub struct CreateCategory reads {
        pub name: Line<1, 200>,
        /// Made of the name where it is not given.
        pub slug: Option<Slug>,
        pub description: Option<Text<0, 5000>>,
        pub parent_id: Option<Id>,
        /// The path of an upload of an image type.
        pub image: Option<Text<1, 200>>,
        /// 0 where it is not given.
        pub sort_order: Option<SortOrder>,
    }
}

crate::shape! {
    /// What `PUT /api/v1/categories/:id` takes: what is absent stays as it is.
    pub struct UpdateCategory reads {
        pub name: Option<Line<1, 200>>,
        pub slug: Option<Slug>,
        pub description: Option<Text<0, 5000>>,
        /// Null makes it a root.
        pub parent_id: Change<Id>,
        /// Null takes it away.
        pub image: Change<Text<1, 200>>,
        pub sort_order: Option<SortOrder>,
    }
}

crate::shape! {
    /// The query of `GET /api/v1/categories`.
    pub struct CategoryQuery reads {
        /// Those right below this one, in their order; all of the tree where it is not given, each
        /// before those below it.
        pub parent: Option<Id>,
        ..pub page: PageQuery,
    }
}

impl From<sql::Category> for Category {
    fn from(row: sql::Category) -> Category {
        Category {
            id: row.id,
            version: row.version,
            name: row.name,
            slug: row.slug,
            description: row.description,
            parent_id: row.parent_id,
            image: row.image,
            sort_order: row.sort_order,
            depth: row.path.depth(),
            path: row.path.as_str().to_owned(),
            created_at: Time(row.created_at),
            updated_at: Time(row.updated_at),
        }
    }
}
