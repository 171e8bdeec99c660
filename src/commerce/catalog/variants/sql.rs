//! Variants in the store.

use crate::commerce::catalog::products;
use crate::commerce::inventory;
use crate::commerce::inventory::rules::Item;
use crate::commerce::inventory::sql::Opening;
use crate::id::Id;
use crate::store::{Row, SqlFault, Tx, View};
use crate::vault::uploads;

/// A variant that is not deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Its id.
    pub id: Id,
    /// Counts its changes.
    pub version: i64,
    /// Of this product.
    pub product_id: Id,
    /// Unlike any other live variant's.
    pub sku: String,
    /// A JSON object of texts by name, in the order of the names.
    pub options: String,
    /// What it costs, where that is not the product's price.
    pub price_amount: Option<i64>,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub updated_at: i64,
}

/// The variant of an id.
pub fn read(view: &View<'_>, product_id: Id, id: Id) -> Result<Option<Variant>, SqlFault> {
    view.one(READ, &[&id, &product_id], variant)
}

/// At most `count` variants of a product in the order of their creation.
pub fn list(
    view: &View<'_>,
    product_id: Id,
    after: Option<Id>,
    skip: i64,
    count: i64,
) -> Result<Vec<Variant>, SqlFault> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    view.all(LIST, &[&product_id, &after, &count, &skip], variant)
}

/// How many variants a product has.
pub fn count(view: &View<'_>, product_id: Id) -> Result<u64, SqlFault> {
    let count = view.one(COUNT, &[&product_id], |row| row.get::<i64>(0))?;
    Ok(count.unwrap_or_default().unsigned_abs())
}

/// Whether another live variant has the sku.
pub fn sku_is_taken(view: &View<'_>, sku: &str, but: Option<Id>) -> Result<bool, SqlFault> {
    let holder = view.one(HOLDER_OF_SKU, &[&sku], |row| row.get(0))?;
    Ok(holder.is_some_and(|holder| Some(holder) != but))
}

/// Whether another live variant of the product has the same options.
pub fn options_are_taken(
    view: &View<'_>,
    product_id: Id,
    options: &str,
    but: Option<Id>,
) -> Result<bool, SqlFault> {
    let holder = view.one(HOLDER_OF_OPTIONS, &[&product_id, &options], |row| {
        row.get(0)
    })?;
    Ok(holder.is_some_and(|holder| Some(holder) != but))
}

/// Adds a variant and begins to count its stock. Its version is 1.
pub fn insert(tx: &mut Tx<'_>, variant: &Variant, opening: Opening) -> Result<(), SqlFault> {
    tx.run(
        INSERT,
        &[
            &variant.id,
            &variant.product_id,
            &variant.sku,
            &variant.options,
            &variant.price_amount,
            &variant.created_at,
        ],
    )?;
    let item = Item {
        product_id: variant.product_id,
        variant_id: Some(variant.id),
    };
    inventory::sql::open(tx, item, opening)?;
    uploads::sql::hold(tx, variant.id, &[&variant.options])?;
    products::sql::touch(tx, variant.product_id);
    Ok(())
}

/// Changes a variant and adds one to its version.
pub fn update(tx: &mut Tx<'_>, variant: &Variant) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(
        UPDATE,
        &[
            &variant.id,
            &variant.sku,
            &variant.options,
            &variant.price_amount,
            &now_ms,
        ],
    )?;
    uploads::sql::hold(tx, variant.id, &[&variant.options])?;
    products::sql::touch(tx, variant.product_id);
    Ok(())
}

/// Deletes a variant softly.
pub fn delete(tx: &mut Tx<'_>, variant: &Variant) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(DELETE, &[&variant.id, &now_ms])?;
    uploads::sql::hold(tx, variant.id, &[])?;
    inventory::sql::close_variant(tx, variant.product_id, variant.id)?;
    products::sql::touch(tx, variant.product_id);
    Ok(())
}

fn variant(row: &Row<'_>) -> Result<Variant, SqlFault> {
    Ok(Variant {
        id: row.get(0)?,
        version: row.get(1)?,
        product_id: row.get(2)?,
        sku: row.get(3)?,
        options: row.get(4)?,
        price_amount: row.get(5)?,
        created_at: row.get(6)?,
        updated_at: row.get(7)?,
    })
}

macro_rules! variants_where {
    ($rest:literal) => {
        concat!(
            "SELECT id, version, product_id, sku, options, price_amount, created_at, updated_at ",
            "FROM product_variants WHERE deleted_at IS NULL AND ",
            $rest
        )
    };
}

const READ: &str = variants_where!("id = ?1 AND product_id = ?2");
const LIST: &str = variants_where!("product_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3 OFFSET ?4");
const COUNT: &str =
    "SELECT COUNT(*) FROM product_variants WHERE deleted_at IS NULL AND product_id = ?1";
const HOLDER_OF_SKU: &str = "SELECT id FROM product_variants WHERE deleted_at IS NULL AND sku = ?1";
const HOLDER_OF_OPTIONS: &str = "SELECT id FROM product_variants \
     WHERE deleted_at IS NULL AND product_id = ?1 AND options = ?2";
const INSERT: &str = "INSERT INTO product_variants (id, product_id, sku, options, price_amount, \
     created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)";
const UPDATE: &str = "UPDATE product_variants SET version = version + 1, sku = ?2, \
     options = ?3, price_amount = ?4, updated_at = ?5 WHERE id = ?1 AND deleted_at IS NULL";
const DELETE: &str = "UPDATE product_variants SET version = version + 1, deleted_at = ?2, \
     updated_at = ?2 WHERE id = ?1 AND deleted_at IS NULL";

/// Every statement of this file.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("variants::READ", READ),
    ("variants::LIST", LIST),
    ("variants::COUNT", COUNT),
    ("variants::HOLDER_OF_SKU", HOLDER_OF_SKU),
    ("variants::HOLDER_OF_OPTIONS", HOLDER_OF_OPTIONS),
    ("variants::INSERT", INSERT),
    ("variants::UPDATE", UPDATE),
    ("variants::DELETE", DELETE),
];
