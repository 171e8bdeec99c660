//! What the endpoints of variants take and give.

use crate::commerce::catalog::products::shapes::{Sku, Stock};
use crate::http::PageQuery;
use crate::id::Id;
use crate::json::{Amount, Change, Document, Time};

crate::shape! {
    /// A form that a product comes in.
    pub struct Variant writes {
        pub id: Id,
        pub version: i64,
        pub product_id: Id,
        pub sku: String,
        /// What tells it from the others: texts by name.
        pub options: Document,
        /// In the minor unit of the product's currency; null where it is the product's price.
        pub price_amount: Option<i64>,
        pub stock: Stock,
        pub created_at: Time,
        pub updated_at: Time,
    }
}

crate::shape! {
    /// What `POST /api/v1/products/:id/variants` takes.
    pub struct CreateVariant reads {
        pub sku: Sku,
        /// At most 8 texts by name, not those of another variant.
        pub options: Document,
        pub price_amount: Option<Amount>,
    }
}

crate::shape! {
    /// What `PUT /api/v1/products/:id/variants/:variant_id` takes: what is absent stays as it is.
    pub struct UpdateVariant reads {
        pub sku: Option<Sku>,
        pub options: Option<Document>,
        /// Null makes it the product's price.
        pub price_amount: Change<Amount>,
    }
}

crate::shape! {
    /// The query of `GET /api/v1/products/:id/variants`.
    pub struct VariantQuery reads {
        ..pub page: PageQuery,
    }
}
