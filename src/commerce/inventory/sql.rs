//! Stock in the store.

use crate::id::Id;
use crate::store::{Row, SqlFault, Tx, View};

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// In the house.
    pub on_hand: i64,
    /// Of that, what nobody has reserved.
    pub available: i64,
}

/// The stock of a product with all its live variants.
pub fn of_product(view: &View<'_>, product_id: Id) -> Result<Levels, SqlFault> {
    let levels = view.one(OF_PRODUCT, &[&product_id], levels)?;
    Ok(levels.unwrap_or_default())
}

/// The stock of one variant.
pub fn of_variant(view: &View<'_>, product_id: Id, variant_id: Id) -> Result<Levels, SqlFault> {
    let levels = view.one(OF_VARIANT, &[&product_id, &variant_id], levels)?;
    Ok(levels.unwrap_or_default())
}

/// Begins to count a product or a variant.
pub fn open(
    tx: &mut Tx<'_>,
    product_id: Id,
    variant_id: Option<Id>,
    on_hand: i64,
) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(OPEN, &[&product_id, &variant_id, &on_hand, &now_ms])?;
    Ok(())
}

fn levels(row: &Row<'_>) -> Result<Levels, SqlFault> {
    Ok(Levels {
        on_hand: row.get(0)?,
        available: row.get(1)?,
    })
}

/// A condition on `walked.id`, the id of a product: some of it can be bought.
pub const IS_AVAILABLE: &str = "EXISTS (SELECT 1 FROM inventory \
     LEFT JOIN product_variants ON product_variants.id = inventory.variant_id \
     WHERE inventory.product_id = walked.id AND inventory.on_hand > inventory.reserved \
     AND product_variants.deleted_at IS NULL)";

const OF_PRODUCT: &str = "SELECT COALESCE(SUM(inventory.on_hand), 0), \
     COALESCE(SUM(inventory.on_hand - inventory.reserved), 0) FROM inventory \
     LEFT JOIN product_variants ON product_variants.id = inventory.variant_id \
     WHERE inventory.product_id = ?1 AND product_variants.deleted_at IS NULL";
const OF_VARIANT: &str = "SELECT on_hand, on_hand - reserved FROM inventory \
     WHERE product_id = ?1 AND variant_id = ?2";
const OPEN: &str = "INSERT INTO inventory (product_id, variant_id, on_hand, reserved, \
     reorder_point, version, updated_at) VALUES (?1, ?2, ?3, 0, 0, 1, ?4)";

/// Every statement of this file.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("inventory::OF_PRODUCT", OF_PRODUCT),
    ("inventory::OF_VARIANT", OF_VARIANT),
    ("inventory::OPEN", OPEN),
];
