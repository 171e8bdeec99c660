//! What the endpoints of products take and give.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::rules::{Order, Sort, Status};
use crate::commerce::currency::Currency;
use crate::commerce::inventory::sql::Levels;
use crate::http::PageQuery;
use crate::id::Id;
use crate::json::{Amount, Change, Describe, Document, Int, Line, List, Schemas, Slug, Text, Time};

/// What the shop calls a product or a variant.
pub type Sku = Line<1, 64>;
/// A rating.
pub type Stars = Int<0, 5>;

crate::shape! {
    /// A product.
    pub struct Product writes {
        pub id: Id,
        pub version: i64,
        pub name: String,
        /// Its name in URLs.
        pub slug: String,
        pub sku: String,
        pub description: String,
        pub specifications: Document,
        /// In the minor unit of the currency.
        pub price_amount: i64,
        /// ISO 4217.
        pub currency: String,
        pub category_id: Option<Id>,
        pub vendor_id: Option<Id>,
        pub status: Status,
        pub attributes: Vec<HeldValue>,
        pub images: Images,
        /// 0 to 5; 0 without ratings.
        pub rating_average: f64,
        pub rating_count: i64,
        pub popularity: i64,
        pub stock: Stock,
        pub created_at: Time,
        pub updated_at: Time,
    }
}

crate::shape! {
    /// How much there is, with all variants.
    pub struct Stock writes {
        /// In the house.
        pub on_hand: i64,
        /// Of that, what nobody has reserved.
        pub available: i64,
    }
}

crate::shape! {
    /// A value of an attribute that a product has.
    pub struct HeldValue writes {
        pub attribute_id: Id,
        pub name: String,
        pub value_id: Id,
        pub value: String,
    }
}

crate::shape! {
    /// A value of an attribute that a product is to have. Only `value_id` counts; the rest is
    /// taken so that what was read can be sent back.
    pub struct ValueChoice reads {
        pub value_id: Id,
        pub attribute_id: Option<Id>,
        pub name: Option<Line<1, 80>>,
        pub value: Option<Line<1, 200>>,
    }
}

crate::shape! {
    /// A picture: an upload of an image type.
    pub struct Image reads writes {
        /// The path of the upload, `/v1/uploads/…`.
        pub url: Text<1, 200>,
        /// What it shows, for those who do not see it.
        pub alt: Option<Text<0, 300>>,
    }
}

/// Pictures as they are stored: a JSON array.
#[derive(Clone, Debug)]
pub struct Images(pub String);

crate::shape! {
    /// What `POST /api/v1/products` takes.
    pub struct CreateProduct reads {
        pub name: Line<1, 200>,
        /// Made of the name where it is not given.
        pub slug: Option<Slug>,
        pub sku: Sku,
        pub description: Option<Text<0, 20_000>>,
        pub specifications: Option<Document>,
        /// In the minor unit of the currency.
        pub price_amount: Amount,
        pub currency: Currency,
        pub category_id: Option<Id>,
        /// Whose it is; a vendor's own products are the vendor's whatever is said.
        pub vendor_id: Option<Id>,
        /// `active` where it is not given.
        pub status: Option<Status>,
        pub attributes: Option<List<ValueChoice, 0, 50>>,
        pub images: Option<List<Image, 0, 20>>,
    }
}

crate::shape! {
    /// What `PUT /api/v1/products/:id` takes: what is absent stays as it is.
    pub struct UpdateProduct reads {
        pub name: Option<Line<1, 200>>,
        pub slug: Option<Slug>,
        pub sku: Option<Sku>,
        pub description: Option<Text<0, 20_000>>,
        pub specifications: Option<Document>,
        pub price_amount: Option<Amount>,
        pub currency: Option<Currency>,
        pub category_id: Change<Id>,
        pub vendor_id: Change<Id>,
        pub status: Option<Status>,
        /// Replaces all of them.
        pub attributes: Option<List<ValueChoice, 0, 50>>,
        /// Replaces all of them.
        pub images: Option<List<Image, 0, 20>>,
    }
}

crate::shape! {
    /// Which products a list has.
    pub struct ProductFilter reads {
        /// In this category or below it.
        pub category: Option<Id>,
        /// Other than `active` for staff, and for a vendor's own products.
        pub status: Option<StatusFilter>,
        /// At least this price, in the minor unit.
        pub price_min: Option<Amount>,
        /// At most this price.
        pub price_max: Option<Amount>,
        /// At least this average of ratings.
        pub rating: Option<Stars>,
        pub vendor: Option<Id>,
        /// Ids of values of attributes; all of them are to be had.
        pub attribute: Option<List<Id, 1, 5>>,
        /// `true`: what can be bought; `false`: what is sold out.
        pub in_stock: Option<bool>,
        ..pub page: PageQuery,
    }
}

crate::shape! {
    /// The query of lists of products.
    pub struct ProductQuery reads {
        /// `created` where it is not given.
        pub sort: Option<Sort>,
        /// `asc` for prices where it is not given, else `desc`.
        pub order: Option<Order>,
        ..pub filter: ProductFilter,
    }
}

crate::choice! {
    /// The states that a list has.
    pub enum StatusFilter {
        Active = "active",
        Inactive = "inactive",
        Archived = "archived",
        All = "all",
    }
}

impl From<Levels> for Stock {
    fn from(levels: Levels) -> Stock {
        Stock {
            on_hand: levels.on_hand,
            available: levels.available,
        }
    }
}

impl Serialize for Images {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl Describe for Images {
    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        Vec::<Image>::schema(schemas)
    }
}
