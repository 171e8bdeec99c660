//! Changes of products: what has to hold for one, and then the change. All is checked before the
//! first row is written, so a change that is refused has written nothing.

use serde_json::{Value, json};

use crate::auth::Role;
use crate::auth::principal::Seller;
use crate::commerce::catalog::{attributes, categories, images, slug, staff};
use crate::commerce::inventory::sql::Opening;
use crate::http::{Expected, Problem};
use crate::id::Id;
use crate::json::{Fault, Line, Slug, Text};
use crate::store::{SqlFault, StoreFault, Tx};

use super::rules::Status;
use super::shapes::{CreateProduct, UpdateProduct, ValueChoice};
use super::sql::{self, Product};

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeFault {
    /// There is no such product, or it is another vendor's.
    NotFound,
    /// The client has read another version.
    Moved,
    /// Another live product has the slug.
    SlugTaken,
    /// Another live product has the sku.
    SkuTaken,
    /// The states do not follow each other.
    Transition {
        /// The state that it is in.
        from: Status,
    },
    /// What the change names is not there; every such place.
    Unknown(Vec<Fault>),
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
            Problem::new(409, format!("Another product has this {what}."))
                .code(code)
                .fault(format!("/{what}"), code, "is taken")
        };
        match fault {
            ChangeFault::NotFound => Problem::new(404, ""),
            ChangeFault::Moved => Problem::new(412, "The product has changed since."),
            ChangeFault::SlugTaken => taken("slug", "slug_taken"),
            ChangeFault::SkuTaken => taken("sku", "sku_taken"),
            ChangeFault::Transition { from } => {
                let next = from.transitions().iter().map(|status| status.as_str());
                let next = next.collect::<Vec<_>>().join(" or ");
                let from = from.as_str();
                let detail = format!("A product that is {from} can become {next}.");
                Problem::new(409, detail).code("illegal_transition")
            }
            ChangeFault::Unknown(faults) => Problem::invalid().faults(faults),
            ChangeFault::Sql(fault) => StoreFault::from(fault).into(),
        }
    }
}

/// A product before and after a change.
#[derive(Clone, Debug)]
pub struct Updated {
    /// As it was.
    pub before: Product,
    /// As it is.
    pub after: Product,
}

impl Updated {
    /// What the audit log tells of the change.
    pub fn detail(&self) -> Value {
        let fields = |product: &Product| {
            [
                ("name", json!(product.name)),
                ("sku", json!(product.sku)),
                ("price_amount", json!(product.price_amount)),
                ("currency", json!(product.currency)),
                ("status", json!(product.status.as_str())),
                ("category_id", json!(product.category_id)),
                ("vendor_id", json!(product.vendor_id)),
            ]
        };
        let pairs = fields(&self.before).into_iter().zip(fields(&self.after));
        staff::changes(pairs.map(|((name, before), (_, after))| (name, before, after)))
    }
}

/// What the audit log tells of a product that was made or deleted.
pub fn detail(product: &Product) -> Value {
    json!({ "sku": product.sku })
}

/// Makes a product and tells it with its number.
pub fn create(tx: &mut Tx<'_>, by: Seller, new: CreateProduct) -> Result<Product, ChangeFault> {
    let id = Id::fresh();
    let name = new.name.into_string();
    let sku = new.sku.into_string();
    let values = values_of(new.attributes.as_deref().unwrap_or_default());
    let images = new.images.as_deref().unwrap_or_default();
    let mut unknown = Vec::new();
    check_category(tx, new.category_id, &mut unknown)?;
    check_values(tx, &values, &mut unknown)?;
    images::check(tx, images, &mut unknown)?;
    if !unknown.is_empty() {
        return Err(ChangeFault::Unknown(unknown));
    }
    if sql::sku_is_taken(tx, &sku, None)? {
        return Err(ChangeFault::SkuTaken);
    }
    let is_taken = |slug: &str| sql::slug_is_taken(tx, slug, None);
    let slug = slug::free(new.slug, &name, id, is_taken)?.ok_or(ChangeFault::SlugTaken)?;
    let mut product = Product {
        number: 0,
        id,
        version: 1,
        status: new.status.unwrap_or(Status::Active),
        category_id: new.category_id,
        vendor_id: match by.role {
            Role::Vendor => Some(by.id),
            Role::Admin | Role::Customer => new.vendor_id,
        },
        price_amount: new.price_amount.value(),
        currency: new.currency.as_str().to_owned(),
        rating_average_centi: 0,
        rating_count: 0,
        popularity: 0,
        created_at: tx.now_ms(),
        updated_at: tx.now_ms(),
        slug,
        name,
        sku,
        description: new.description.map(Text::into_string).unwrap_or_default(),
        specifications: new.specifications.unwrap_or_default().as_str().to_owned(),
        images: images::stored(images),
    };
    let opening = Opening {
        on_hand: 0,
        actor: Some(by.id),
    };
    product.number = sql::insert(tx, &product, &values, opening)?;
    Ok(product)
}

/// Changes a product and tells what it was and is.
pub fn update(
    tx: &mut Tx<'_>,
    by: Seller,
    id: Id,
    expected: &Expected,
    change: UpdateProduct,
) -> Result<Updated, ChangeFault> {
    let before = owned(tx, by, id, expected)?;
    let values = change.attributes.as_deref().map(values_of);
    let mut unknown = Vec::new();
    images::check(
        tx,
        change.images.as_deref().unwrap_or_default(),
        &mut unknown,
    )?;
    let after = changed(&before, by, change, tx.now_ms());
    if !before.status.may_become(after.status) {
        return Err(ChangeFault::Transition {
            from: before.status,
        });
    }
    let category = after
        .category_id
        .filter(|_| after.category_id != before.category_id);
    check_category(tx, category, &mut unknown)?;
    check_values(tx, values.as_deref().unwrap_or_default(), &mut unknown)?;
    if !unknown.is_empty() {
        return Err(ChangeFault::Unknown(unknown));
    }
    if after.slug != before.slug && sql::slug_is_taken(tx, &after.slug, Some(id))? {
        return Err(ChangeFault::SlugTaken);
    }
    if after.sku != before.sku && sql::sku_is_taken(tx, &after.sku, Some(id))? {
        return Err(ChangeFault::SkuTaken);
    }
    sql::update(tx, &before, &after, values.as_deref())?;
    Ok(Updated { before, after })
}

/// What a product is after a change; one of a vendor's stays the vendor's unless staff says so.
fn changed(before: &Product, by: Seller, change: UpdateProduct, now_ms: i64) -> Product {
    let text = |text: Option<String>, before: &str| text.unwrap_or_else(|| before.to_owned());
    let specifications = change.specifications.map(|value| value.as_str().to_owned());
    let currency = change.currency.map(|currency| currency.as_str().to_owned());
    let description = change.description.map(Text::into_string);
    let images = change.images.as_deref().map(images::stored);
    Product {
        version: before.version + 1,
        status: change.status.unwrap_or(before.status),
        category_id: change.category_id.over(before.category_id),
        vendor_id: match by.role {
            Role::Admin => change.vendor_id.over(before.vendor_id),
            Role::Vendor | Role::Customer => before.vendor_id,
        },
        price_amount: change
            .price_amount
            .map_or(before.price_amount, |price| price.value()),
        currency: text(currency, &before.currency),
        updated_at: now_ms,
        name: text(change.name.map(Line::into_string), &before.name),
        slug: text(change.slug.map(Slug::into_string), &before.slug),
        sku: text(change.sku.map(Line::into_string), &before.sku),
        description: text(description, &before.description),
        specifications: text(specifications, &before.specifications),
        images: text(images, &before.images),
        ..before.clone()
    }
}

/// Deletes a product and tells what it was.
pub fn delete(
    tx: &mut Tx<'_>,
    by: Seller,
    id: Id,
    expected: &Expected,
) -> Result<Product, ChangeFault> {
    let product = owned(tx, by, id, expected)?;
    sql::delete(tx, &product)?;
    Ok(product)
}

/// The product, if it is the seller's to change and has the version that is expected.
pub fn owned(tx: &Tx<'_>, by: Seller, id: Id, expected: &Expected) -> Result<Product, ChangeFault> {
    let product = sql::read(tx, id)?.ok_or(ChangeFault::NotFound)?;
    if by.role != Role::Admin && product.vendor_id != Some(by.id) {
        return Err(ChangeFault::NotFound);
    }
    if !expected.is_met(product.version) {
        return Err(ChangeFault::Moved);
    }
    Ok(product)
}

/// The values that are chosen, each once.
fn values_of(choices: &[ValueChoice]) -> Vec<Id> {
    let mut values: Vec<Id> = choices.iter().map(|choice| choice.value_id).collect();
    values.sort_unstable();
    values.dedup();
    values
}

fn check_category(
    tx: &Tx<'_>,
    category: Option<Id>,
    unknown: &mut Vec<Fault>,
) -> Result<(), SqlFault> {
    if let Some(category) = category
        && categories::sql::read(tx, category)?.is_none()
    {
        unknown.push(Fault {
            pointer: "/category_id".to_owned(),
            code: "unknown",
            detail: "is no category".to_owned(),
        });
    }
    Ok(())
}

fn check_values(tx: &Tx<'_>, values: &[Id], unknown: &mut Vec<Fault>) -> Result<(), SqlFault> {
    for value in values {
        if attributes::sql::attribute_of_value(tx, *value)?.is_none() {
            unknown.push(Fault {
                pointer: "/attributes".to_owned(),
                code: "unknown",
                detail: format!("{value} is no value of an attribute"),
            });
        }
    }
    Ok(())
}
