//! Products as clients see them: the row with what belongs to it.

use crate::commerce::inventory;
use crate::json::{Document, Time};
use crate::store::{SqlFault, View};

use super::rules::Position;
use super::shapes::{HeldValue, Images, Product};
use super::sql;

/// A product with its attributes and stock.
pub fn product(view: &View<'_>, row: sql::Product) -> Result<Product, SqlFault> {
    let attributes = sql::values(view, row.number)?
        .into_iter()
        .map(|held| HeldValue {
            attribute_id: held.attribute_id,
            name: held.name,
            value_id: held.value_id,
            value: held.value,
        });
    let stock = inventory::sql::of_product(view, row.id)?;
    Ok(Product {
        id: row.id,
        version: row.version,
        name: row.name,
        slug: row.slug,
        sku: row.sku,
        description: row.description,
        specifications: Document::from_stored(row.specifications),
        price_amount: row.price_amount,
        currency: row.currency,
        category_id: row.category_id,
        vendor_id: row.vendor_id,
        status: row.status,
        attributes: attributes.collect(),
        images: Images(row.images),
        rating_average: row.rating_average_centi as f64 / 100.0,
        rating_count: row.rating_count,
        popularity: row.popularity,
        stock: stock.into(),
        created_at: Time(row.created_at),
        updated_at: Time(row.updated_at),
    })
}

/// The products of a page.
pub fn products(view: &View<'_>, found: &[Position]) -> Result<Vec<Product>, SqlFault> {
    let mut products = Vec::with_capacity(found.len());
    for position in found {
        // The page and its products are read in one snapshot, so none is missing.
        if let Some(row) = sql::read_numbered(view, position.number)? {
            products.push(product(view, row)?);
        }
    }
    Ok(products)
}
