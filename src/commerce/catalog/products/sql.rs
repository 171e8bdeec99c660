//! Products in the store, one at a time.

use crate::commerce::catalog::attributes::sql::Held;
use crate::commerce::catalog::search;
use crate::commerce::inventory;
use crate::commerce::inventory::rules::Item;
use crate::commerce::inventory::sql::Opening;
use crate::id::Id;
use crate::store::{Row, SqlFault, Topic, Tx, View};
use crate::vault::uploads;

use super::rules::Status;

/// A product that is not deleted, as its row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// How many products were made before it; 0 until it is stored.
    pub number: i64,
    /// Its id.
    pub id: Id,
    /// Counts its changes.
    pub version: i64,
    /// Who sees it.
    pub status: Status,
    /// Where it stands.
    pub category_id: Option<Id>,
    /// Whose it is, where it is not the shop's own.
    pub vendor_id: Option<Id>,
    /// What it costs, in the minor unit.
    pub price_amount: i64,
    /// Of this currency (ISO 4217).
    pub currency: String,
    /// The average of its ratings in hundredths of a star; 0 without any.
    pub rating_average_centi: i64,
    /// How many ratings it has.
    pub rating_count: i64,
    /// How often it was wanted.
    pub popularity: i64,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub updated_at: i64,
    /// Shown to customers.
    pub name: String,
    /// Its name in URLs, unlike that of any other live product.
    pub slug: String,
    /// What the shop calls it, unlike any other live product.
    pub sku: String,
    /// Shown to customers.
    pub description: String,
    /// A JSON object.
    pub specifications: String,
    /// A JSON array of objects with `url` and `alt`.
    pub images: String,
}

/// The product of an id.
pub fn read(view: &View<'_>, id: Id) -> Result<Option<Product>, SqlFault> {
    view.one(READ, &[&id], product)
}

/// The product of a number.
pub fn read_numbered(view: &View<'_>, number: i64) -> Result<Option<Product>, SqlFault> {
    view.one(READ_NUMBERED, &[&number], product)
}

/// Whether another live product has the slug.
pub fn slug_is_taken(view: &View<'_>, slug: &str, but: Option<Id>) -> Result<bool, SqlFault> {
    let holder = view.one(HOLDER_OF_SLUG, &[&slug], |row| row.get(0))?;
    Ok(holder.is_some_and(|holder| Some(holder) != but))
}

/// Whether another live product has the sku.
pub fn sku_is_taken(view: &View<'_>, sku: &str, but: Option<Id>) -> Result<bool, SqlFault> {
    let holder = view.one(HOLDER_OF_SKU, &[&sku], |row| row.get(0))?;
    Ok(holder.is_some_and(|holder| Some(holder) != but))
}

/// The first product that there ever was, and the number of the last one.
pub fn extent(view: &View<'_>) -> Result<Option<(Id, i64)>, SqlFault> {
    view.one(EXTENT, &[], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Adds a product with the values of attributes that it has, and begins to count its stock. Its
/// version is 1; its number comes back.
pub fn insert(
    tx: &mut Tx<'_>,
    product: &Product,
    values: &[Id],
    opening: Opening,
) -> Result<i64, SqlFault> {
    let number = tx.one(
        INSERT,
        &[
            &product.id,
            &product.status.as_str(),
            &product.category_id,
            &product.vendor_id,
            &product.price_amount,
            &product.currency,
            &product.rating_average_centi,
            &product.rating_count,
            &product.popularity,
            &product.created_at,
            &product.name,
            &product.slug,
            &product.sku,
            &product.description,
            &product.specifications,
            &product.images,
        ],
        |row| row.get(0),
    )?;
    let number = number.ok_or_else(|| SqlFault::Other("an INSERT returned nothing".to_owned()))?;
    for value in values {
        tx.run(ADD_VALUE, &[&number, &value])?;
    }
    count_one_more(tx, product)?;
    search::sql::add(tx, number, &search::words_of(product, values))?;
    let item = Item {
        product_id: product.id,
        variant_id: None,
    };
    inventory::sql::open(tx, item, opening)?;
    hold_uploads(tx, product)?;
    touch(tx, product.id);
    Ok(number)
}

/// Changes a product and adds one to its version; `values` replaces those that it has.
pub fn update(
    tx: &mut Tx<'_>,
    before: &Product,
    after: &Product,
    values: Option<&[Id]>,
) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(
        UPDATE,
        &[
            &before.number,
            &after.status.as_str(),
            &after.category_id,
            &after.vendor_id,
            &after.price_amount,
            &after.currency,
            &after.name,
            &after.slug,
            &after.sku,
            &after.description,
            &after.specifications,
            &after.images,
            &now_ms,
        ],
    )?;
    if (before.category_id, before.status) != (after.category_id, after.status) {
        count_one_less(tx, before)?;
        count_one_more(tx, after)?;
    }
    if let Some(values) = values {
        tx.run(REMOVE_VALUES, &[&before.number])?;
        for value in values {
            tx.run(ADD_VALUE, &[&before.number, &value])?;
        }
    }
    index_again(tx, after)?;
    hold_uploads(tx, after)?;
    touch(tx, after.id);
    Ok(())
}

/// Deletes a product softly, with its variants.
pub fn delete(tx: &mut Tx<'_>, product: &Product) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(DELETE, &[&product.number, &now_ms])?;
    for variant in tx.all(VARIANTS, &[&product.id], |row| row.get::<Id>(0))? {
        uploads::sql::hold(tx, variant, &[])?;
    }
    uploads::sql::hold(tx, product.id, &[])?;
    tx.run(DELETE_VARIANTS, &[&product.id, &now_ms])?;
    tx.run(REMOVE_VALUES, &[&product.number])?;
    count_one_less(tx, product)?;
    search::sql::remove(tx, product.number)?;
    inventory::sql::close_product(tx, product.id)?;
    touch(tx, product.id);
    Ok(())
}

/// Makes what caches hold of a product stale, after a change to what belongs to it.
pub fn touch(tx: &mut Tx<'_>, id: Id) {
    tx.touch(Topic::of(id.as_bytes()));
    tx.touch(Topic::CATALOG);
}

/// The values of attributes that a product has.
pub fn values(view: &View<'_>, number: i64) -> Result<Vec<Held>, SqlFault> {
    view.all(VALUES, &[&number], |row| {
        Ok(Held {
            attribute_id: row.get(0)?,
            name: row.get(1)?,
            value_id: row.get(2)?,
            value: row.get(3)?,
        })
    })
}

fn hold_uploads(tx: &mut Tx<'_>, product: &Product) -> Result<(), SqlFault> {
    let texts = [
        &*product.images,
        &product.description,
        &product.specifications,
    ];
    uploads::sql::hold(tx, product.id, &texts)
}

fn index_again(tx: &mut Tx<'_>, product: &Product) -> Result<(), SqlFault> {
    let values: Vec<Id> = values(tx, product.number)?
        .iter()
        .map(|held| held.value_id)
        .collect();
    search::sql::remove(tx, product.number)?;
    search::sql::add(tx, product.number, &search::words_of(product, &values))
}

fn count_one_more(tx: &mut Tx<'_>, product: &Product) -> Result<(), SqlFault> {
    let category = product
        .category_id
        .map(|id| id.to_string())
        .unwrap_or_default();
    tx.run(COUNT_ONE_MORE, &[&category, &product.status.as_str()])?;
    Ok(())
}

fn count_one_less(tx: &mut Tx<'_>, product: &Product) -> Result<(), SqlFault> {
    let category = product
        .category_id
        .map(|id| id.to_string())
        .unwrap_or_default();
    tx.run(COUNT_ONE_LESS, &[&category, &product.status.as_str()])?;
    Ok(())
}

fn product(row: &Row<'_>) -> Result<Product, SqlFault> {
    let status = row.text(3)?;
    let status = Status::parse(status)
        .ok_or_else(|| SqlFault::Other(format!("`{status}` is stored as a status")))?;
    Ok(Product {
        number: row.get(0)?,
        id: row.get(1)?,
        version: row.get(2)?,
        status,
        category_id: row.get(4)?,
        vendor_id: row.get(5)?,
        price_amount: row.get(6)?,
        currency: row.get(7)?,
        rating_average_centi: row.get(8)?,
        rating_count: row.get(9)?,
        popularity: row.get(10)?,
        created_at: row.get(11)?,
        updated_at: row.get(12)?,
        name: row.get(13)?,
        slug: row.get(14)?,
        sku: row.get(15)?,
        description: row.get(16)?,
        specifications: row.get(17)?,
        images: row.get(18)?,
    })
}

macro_rules! products_where {
    ($rest:literal) => {
        concat!(
            "SELECT number, id, version, status, category_id, vendor_id, price_amount, currency, ",
            "rating_average_centi, rating_count, popularity, created_at, updated_at, name, slug, ",
            "sku, description, specifications, images FROM products ",
            "WHERE deleted_at IS NULL AND ",
            $rest
        )
    };
}

const READ: &str = products_where!("id = ?1");
const READ_NUMBERED: &str = products_where!("number = ?1");
const HOLDER_OF_SLUG: &str = "SELECT id FROM products WHERE deleted_at IS NULL AND slug = ?1";
const HOLDER_OF_SKU: &str = "SELECT id FROM products WHERE deleted_at IS NULL AND sku = ?1";
const EXTENT: &str = "SELECT id, (SELECT MAX(number) FROM products) FROM products \
     WHERE number > 0 ORDER BY number LIMIT 1";
const INSERT: &str = "INSERT INTO products (id, status, category_id, vendor_id, price_amount, \
     currency, rating_average_centi, rating_count, popularity, created_at, updated_at, name, \
     slug, sku, description, specifications, images) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, \
     ?10, ?10, ?11, ?12, ?13, ?14, ?15, ?16) RETURNING number";
const UPDATE: &str = "UPDATE products SET version = version + 1, status = ?2, category_id = ?3, \
     vendor_id = ?4, price_amount = ?5, currency = ?6, name = ?7, slug = ?8, sku = ?9, \
     description = ?10, specifications = ?11, images = ?12, updated_at = ?13 \
     WHERE number = ?1 AND deleted_at IS NULL";
const VARIANTS: &str =
    "SELECT id FROM product_variants WHERE product_id = ?1 AND deleted_at IS NULL";
const DELETE: &str = "UPDATE products SET version = version + 1, deleted_at = ?2, \
     updated_at = ?2 WHERE number = ?1 AND deleted_at IS NULL";
const DELETE_VARIANTS: &str = "UPDATE product_variants SET version = version + 1, \
     deleted_at = ?2, updated_at = ?2 WHERE product_id = ?1 AND deleted_at IS NULL";
const ADD_VALUE: &str = "INSERT INTO product_attributes (product_number, value_id) VALUES (?1, ?2)";
const REMOVE_VALUES: &str = "DELETE FROM product_attributes WHERE product_number = ?1";
const VALUES: &str = "SELECT attributes.id, attributes.name, attribute_values.id, \
     attribute_values.value FROM product_attributes \
     JOIN attribute_values ON attribute_values.id = product_attributes.value_id \
     JOIN attributes ON attributes.id = attribute_values.attribute_id \
     WHERE product_attributes.product_number = ?1 \
     ORDER BY attributes.name, attribute_values.sort_order, attribute_values.id";
const COUNT_ONE_MORE: &str = "INSERT INTO product_counts (category_id, status, products) \
     VALUES (?1, ?2, 1) ON CONFLICT (category_id, status) DO UPDATE SET \
     products = product_counts.products + 1";
const COUNT_ONE_LESS: &str =
    "UPDATE product_counts SET products = products - 1 WHERE category_id = ?1 AND status = ?2";

/// Every statement of this file.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("products::READ", READ),
    ("products::READ_NUMBERED", READ_NUMBERED),
    ("products::HOLDER_OF_SLUG", HOLDER_OF_SLUG),
    ("products::HOLDER_OF_SKU", HOLDER_OF_SKU),
    ("products::EXTENT", EXTENT),
    ("products::INSERT", INSERT),
    ("products::UPDATE", UPDATE),
    ("products::VARIANTS", VARIANTS),
    ("products::DELETE", DELETE),
    ("products::DELETE_VARIANTS", DELETE_VARIANTS),
    ("products::ADD_VALUE", ADD_VALUE),
    ("products::REMOVE_VALUES", REMOVE_VALUES),
    ("products::VALUES", VALUES),
    ("products::COUNT_ONE_MORE", COUNT_ONE_MORE),
    ("products::COUNT_ONE_LESS", COUNT_ONE_LESS),
];
