//! What the endpoints of attributes take and give.

use crate::http::PageQuery;
use crate::id::Id;
use crate::json::{Int, Line, List, Time};

use super::rules::Kind;

/// What a value says.
pub type ValueText = Line<1, 200>;
/// The place of a value among the others; lower ones come first.
pub type SortOrder = Int<0, 1_000_000>;

crate::shape! {
    /// What products can be told apart by.
    pub struct Attribute writes {
        pub id: Id,
        pub version: i64,
        pub name: String,
        pub kind: Kind,
        /// In their order.
        pub values: Vec<AttributeValue>,
        pub created_at: Time,
        pub updated_at: Time,
    }
}

crate::shape! {
    /// A value that an attribute takes.
    pub struct AttributeValue writes {
        pub id: Id,
        pub value: String,
        pub sort_order: i64,
    }
}

crate::shape! {
    /// The values of an attribute.
    pub struct AttributeValues writes {
        pub items: Vec<AttributeValue>,
    }
}

crate::shape! {
    /// What `POST /api/v1/attributes` takes.
    pub struct CreateAttribute reads {
        pub name: Line<1, 80>,
        /// `text` where it is not given.
        pub kind: Option<Kind>,
        /// In their order.
        pub values: Option<List<ValueText, 0, 500>>,
    }
}

crate::shape! {
    /// What `PUT /api/v1/attributes/:id` takes: what is absent stays as it is.
    pub struct UpdateAttribute reads {
        pub name: Option<Line<1, 80>>,
        /// All values in their order: those that are there keep their ids, others are made, and
        /// what is left out is deleted unless a product has it.
        pub values: Option<List<ValueText, 0, 500>>,
    }
}

crate::shape! {
    /// What `POST /api/v1/attributes/:id/values` takes.
    pub struct CreateValue reads {
        pub value: ValueText,
        /// Last where it is not given.
        pub sort_order: Option<SortOrder>,
    }
}

crate::shape! {
    /// What `PUT /api/v1/attributes/:id/values` takes.
    pub struct ReplaceValues reads {
        /// As `values` of the attribute.
        pub values: List<ValueText, 0, 500>,
    }
}

crate::shape! {
    /// What `PUT /api/v1/attributes/:id/values/:value_id` takes: what is absent stays as it is.
    pub struct UpdateValue reads {
        pub value: Option<ValueText>,
        pub sort_order: Option<SortOrder>,
    }
}

crate::shape! {
    /// The query of `GET /api/v1/attributes`.
    pub struct AttributeQuery reads {
        ..pub page: PageQuery,
    }
}
