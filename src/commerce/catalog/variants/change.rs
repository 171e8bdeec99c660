//! Changes of variants: what has to hold for one, and then the change.

use crate::auth::principal::Seller;
use crate::commerce::catalog::products::change as of_product;
use crate::commerce::inventory::sql::Opening;
use crate::http::{Expected, Problem};
use crate::id::Id;
use crate::json::{At, Document, Fault, Faults, Line};
use crate::store::{SqlFault, StoreFault, Tx};

use super::rules::options_of;
use super::shapes::{CreateVariant, UpdateVariant};
use super::sql::{self, Variant};

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeFault {
    /// There is no such product or variant, or it is another vendor's.
    NotFound,
    /// The client has read another version.
    Moved,
    /// Another live variant has the sku.
    SkuTaken,
    /// Another live variant of the product has the options.
    OptionsTaken,
    /// The product has `VARIANTS_MAX` variants.
    TooMany,
    /// The options are none.
    Options(Vec<Fault>),
    /// The store failed.
    Sql(SqlFault),
}

impl From<SqlFault> for ChangeFault {
    fn from(fault: SqlFault) -> ChangeFault {
        ChangeFault::Sql(fault)
    }
}

impl From<ChangeFault> for Problem {
    fn from(fault: ChangeFault) -> Problem {
        let taken = |what: &str, code| {
            Problem::new(409, format!("Another variant has this {what}."))
                .code(code)
                .fault(format!("/{what}"), code, "is taken")
        };
        match fault {
            ChangeFault::NotFound => Problem::new(404, ""),
            ChangeFault::Moved => Problem::new(412, "The variant has changed since."),
            ChangeFault::SkuTaken => taken("sku", "sku_taken"),
            ChangeFault::OptionsTaken => taken("options", "options_taken"),
            ChangeFault::TooMany => {
                let detail = format!("A product has at most {VARIANTS_MAX} variants.");
                Problem::new(409, detail).code("too_many_variants")
            }
            ChangeFault::Options(faults) => Problem::invalid().faults(faults),
            ChangeFault::Sql(fault) => StoreFault::from(fault).into(),
        }
    }
}

/// Makes a variant of a product.
pub fn create(
    tx: &mut Tx<'_>,
    by: Seller,
    product_id: Id,
    new: CreateVariant,
) -> Result<Variant, ChangeFault> {
    require_product(tx, by, product_id)?;
    let variant = Variant {
        id: Id::fresh(),
        version: 1,
        product_id,
        sku: new.sku.into_string(),
        options: read_options(&new.options)?,
        price_amount: new.price_amount.map(|price| price.value()),
        created_at: tx.now_ms(),
        updated_at: tx.now_ms(),
    };
    if sql::count(tx, product_id)? >= VARIANTS_MAX {
        return Err(ChangeFault::TooMany);
    }
    require_free(tx, &variant)?;
    let opening = Opening {
        on_hand: 0,
        actor: Some(by.id),
    };
    sql::insert(tx, &variant, opening)?;
    Ok(variant)
}

/// Changes a variant and tells what it was and is.
pub fn update(
    tx: &mut Tx<'_>,
    by: Seller,
    (product_id, id): (Id, Id),
    expected: &Expected,
    change: UpdateVariant,
) -> Result<(Variant, Variant), ChangeFault> {
    let before = present(tx, by, (product_id, id), expected)?;
    let options = change.options.as_ref().map(read_options).transpose()?;
    let after = Variant {
        version: before.version + 1,
        sku: change.sku.map_or(before.sku.clone(), Line::into_string),
        options: options.unwrap_or(before.options.clone()),
        price_amount: change
            .price_amount
            .map(|price| price.value())
            .over(before.price_amount),
        updated_at: tx.now_ms(),
        ..before.clone()
    };
    require_free(tx, &after)?;
    sql::update(tx, &after)?;
    Ok((before, after))
}

/// Deletes a variant and tells what it was.
pub fn delete(
    tx: &mut Tx<'_>,
    by: Seller,
    ids: (Id, Id),
    expected: &Expected,
) -> Result<Variant, ChangeFault> {
    let variant = present(tx, by, ids, expected)?;
    sql::delete(tx, &variant)?;
    Ok(variant)
}

fn present(
    tx: &Tx<'_>,
    by: Seller,
    (product_id, id): (Id, Id),
    expected: &Expected,
) -> Result<Variant, ChangeFault> {
    require_product(tx, by, product_id)?;
    let variant = sql::read(tx, product_id, id)?.ok_or(ChangeFault::NotFound)?;
    if expected.is_met(variant.version) {
        Ok(variant)
    } else {
        Err(ChangeFault::Moved)
    }
}

fn require_product(tx: &Tx<'_>, by: Seller, product_id: Id) -> Result<(), ChangeFault> {
    use of_product::ChangeFault as Of;
    match of_product::owned(tx, by, product_id, &Expected::Any) {
        Ok(_) => Ok(()),
        Err(Of::Sql(fault)) => Err(ChangeFault::Sql(fault)),
        Err(
            Of::NotFound
            | Of::Moved
            | Of::SlugTaken
            | Of::SkuTaken
            | Of::Transition { .. }
            | Of::Unknown(_),
        ) => Err(ChangeFault::NotFound),
    }
}

fn require_free(tx: &Tx<'_>, variant: &Variant) -> Result<(), ChangeFault> {
    let (product_id, id) = (variant.product_id, Some(variant.id));
    if sql::sku_is_taken(tx, &variant.sku, id)? {
        return Err(ChangeFault::SkuTaken);
    }
    if sql::options_are_taken(tx, product_id, &variant.options, id)? {
        return Err(ChangeFault::OptionsTaken);
    }
    Ok(())
}

fn read_options(options: &Document) -> Result<String, ChangeFault> {
    let mut faults = Faults::default();
    let at = At::Key(&At::Root, "options");
    let read = options_of(options.as_str(), &at, &mut faults);
    read.ok_or_else(|| ChangeFault::Options(faults.into_list()))
}

/// Variants of one product.
const VARIANTS_MAX: u64 = 500;
