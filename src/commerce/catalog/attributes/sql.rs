//! Attributes, their values, and which products have them, in the store.

use crate::id::Id;
use crate::store::{Row, SqlFault, Topic, Tx, View};

use super::rules::Kind;

/// An attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its id.
    pub id: Id,
    /// Counts its changes, those of its values included.
    pub version: i64,
    /// Shown to customers, unlike any other attribute's in any case of its letters.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub updated_at: i64,
}

/// A value that an attribute takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeValue {
    /// Its id.
    pub id: Id,
    /// What it says.
    pub value: String,
    /// Its place among the values.
    pub sort_order: i64,
}

/// A value that a product has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Of this attribute.
    pub attribute_id: Id,
    /// The attribute's name.
    pub name: String,
    /// The value's id.
    pub value_id: Id,
    /// What it says.
    pub value: String,
}

/// The attribute of an id.
pub fn read(view: &View<'_>, id: Id) -> Result<Option<Attribute>, SqlFault> {
    view.one(READ, &[&id], attribute)
}

/// At most `count` attributes in the order of their creation.
pub fn list(
    view: &View<'_>,
    after: Option<Id>,
    skip: i64,
    count: i64,
) -> Result<Vec<Attribute>, SqlFault> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    view.all(LIST, &[&after, &count, &skip], attribute)
}

/// How many attributes there are.
pub fn count(view: &View<'_>) -> Result<u64, SqlFault> {
    let count = view.one(COUNT, &[], |row| row.get::<i64>(0))?;
    Ok(count.unwrap_or_default().unsigned_abs())
}

/// The values of an attribute in their order.
pub fn values(view: &View<'_>, id: Id) -> Result<Vec<AttributeValue>, SqlFault> {
    view.all(VALUES, &[&id], |row| {
        Ok(AttributeValue {
            id: row.get(0)?,
            value: row.get(1)?,
            sort_order: row.get(2)?,
        })
    })
}

/// The attribute that a value belongs to.
pub fn attribute_of_value(view: &View<'_>, value: Id) -> Result<Option<Id>, SqlFault> {
    view.one(ATTRIBUTE_OF_VALUE, &[&value], |row| row.get(0))
}

/// Whether another attribute has the name, in any case of its letters.
pub fn name_is_taken(view: &View<'_>, name: &str, but: Option<Id>) -> Result<bool, SqlFault> {
    let holder = view.one(HOLDER_OF_NAME, &[&name], |row| row.get(0))?;
    Ok(holder.is_some_and(|holder| Some(holder) != but))
}

/// Whether a product has the value.
pub fn is_held(view: &View<'_>, value: Id) -> Result<bool, SqlFault> {
    let is_held = view.one(IS_HELD, &[&value], |row| row.get::<bool>(0))?;
    Ok(is_held == Some(true))
}

/// Adds an attribute without values.
pub fn insert(tx: &mut Tx<'_>, attribute: &Attribute) -> Result<(), SqlFault> {
    tx.run(
        INSERT,
        &[
            &attribute.id,
            &attribute.name,
            &attribute.kind.as_str(),
            &attribute.created_at,
        ],
    )?;
    touch(tx, attribute.id);
    Ok(())
}

/// Changes the name of an attribute, and adds one to its version.
pub fn update(tx: &mut Tx<'_>, id: Id, name: &str) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(UPDATE, &[&id, &name, &now_ms])?;
    touch_products(tx, id)?;
    touch(tx, id);
    Ok(())
}

/// Deletes an attribute with its values, which no product has.
pub fn delete(tx: &mut Tx<'_>, id: Id) -> Result<(), SqlFault> {
    tx.run(DELETE_VALUES, &[&id])?;
    tx.run(DELETE, &[&id])?;
    touch(tx, id);
    Ok(())
}

/// Adds a value to an attribute, whose version is to be moved by [`changed`].
pub fn insert_value(tx: &mut Tx<'_>, id: Id, value: &AttributeValue) -> Result<(), SqlFault> {
    tx.run(
        INSERT_VALUE,
        &[&value.id, &id, &value.value, &value.sort_order],
    )?;
    Ok(())
}

/// Changes a value of an attribute, whose version is to be moved by [`changed`].
pub fn update_value(tx: &mut Tx<'_>, value: &AttributeValue) -> Result<(), SqlFault> {
    tx.run(UPDATE_VALUE, &[&value.id, &value.value, &value.sort_order])?;
    Ok(())
}

/// Deletes a value that no product has; the attribute's version is to be moved by [`changed`].
pub fn delete_value(tx: &mut Tx<'_>, value: Id) -> Result<(), SqlFault> {
    tx.run(DELETE_VALUE, &[&value])?;
    Ok(())
}

/// Adds one to the version of an attribute whose values changed.
pub fn changed(tx: &mut Tx<'_>, id: Id) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(CHANGED, &[&id, &now_ms])?;
    touch_products(tx, id)?;
    touch(tx, id);
    Ok(())
}

/// Replies with products that have the attribute hold its name and values.
fn touch_products(tx: &mut Tx<'_>, id: Id) -> Result<(), SqlFault> {
    let holders = tx.all(HOLDERS, &[&id], |row| row.get::<Id>(0))?;
    for holder in holders {
        tx.touch(Topic::of(holder.as_bytes()));
    }
    Ok(())
}

fn touch(tx: &mut Tx<'_>, id: Id) {
    tx.touch(Topic::of(id.as_bytes()));
    tx.touch(Topic::CATALOG);
}

fn attribute(row: &Row<'_>) -> Result<Attribute, SqlFault> {
    let kind = row.text(3)?;
    let kind = Kind::parse(kind)
        .ok_or_else(|| SqlFault::Other(format!("`{kind}` is stored as a kind")))?;
    Ok(Attribute {
        id: row.get(0)?,
        version: row.get(1)?,
        name: row.get(2)?,
        kind,
        created_at: row.get(4)?,
        updated_at: row.get(5)?,
    })
}

macro_rules! attributes_where {
    ($rest:literal) => {
        concat!(
            "SELECT id, version, name, kind, created_at, updated_at FROM attributes WHERE ",
            $rest
        )
    };
}

const READ: &str = attributes_where!("id = ?1");
const LIST: &str = attributes_where!("id > ?1 ORDER BY id LIMIT ?2 OFFSET ?3");
const COUNT: &str = "SELECT COUNT(*) FROM attributes WHERE id > ''";
const VALUES: &str = "SELECT id, value, sort_order FROM attribute_values WHERE attribute_id = ?1 \
     ORDER BY sort_order, id";
const ATTRIBUTE_OF_VALUE: &str = "SELECT attribute_id FROM attribute_values WHERE id = ?1";
const HOLDER_OF_NAME: &str = "SELECT id FROM attributes WHERE lower(name) = lower(?1)";
const IS_HELD: &str = "SELECT EXISTS (SELECT 1 FROM product_attributes WHERE value_id = ?1)";
const HOLDERS: &str = "SELECT products.id FROM attribute_values \
     JOIN product_attributes ON product_attributes.value_id = attribute_values.id \
     JOIN products ON products.number = product_attributes.product_number \
     WHERE attribute_values.attribute_id = ?1";
const INSERT: &str = "INSERT INTO attributes (id, name, kind, created_at, updated_at) \
     VALUES (?1, ?2, ?3, ?4, ?4)";
const UPDATE: &str =
    "UPDATE attributes SET version = version + 1, name = ?2, updated_at = ?3 WHERE id = ?1";
const DELETE: &str = "DELETE FROM attributes WHERE id = ?1";
const DELETE_VALUES: &str = "DELETE FROM attribute_values WHERE attribute_id = ?1";
const INSERT_VALUE: &str = "INSERT INTO attribute_values (id, attribute_id, value, sort_order) \
     VALUES (?1, ?2, ?3, ?4)";
const UPDATE_VALUE: &str = "UPDATE attribute_values SET value = ?2, sort_order = ?3 WHERE id = ?1";
const DELETE_VALUE: &str = "DELETE FROM attribute_values WHERE id = ?1";
const CHANGED: &str = "UPDATE attributes SET version = version + 1, updated_at = ?2 WHERE id = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("attributes::READ", READ),
    ("attributes::LIST", LIST),
    ("attributes::COUNT", COUNT),
    ("attributes::VALUES", VALUES),
    ("attributes::ATTRIBUTE_OF_VALUE", ATTRIBUTE_OF_VALUE),
    ("attributes::HOLDER_OF_NAME", HOLDER_OF_NAME),
    ("attributes::IS_HELD", IS_HELD),
    ("attributes::HOLDERS", HOLDERS),
    ("attributes::INSERT", INSERT),
    ("attributes::UPDATE", UPDATE),
    ("attributes::DELETE", DELETE),
    ("attributes::DELETE_VALUES", DELETE_VALUES),
    ("attributes::INSERT_VALUE", INSERT_VALUE),
    ("attributes::UPDATE_VALUE", UPDATE_VALUE),
    ("attributes::DELETE_VALUE", DELETE_VALUE),
    ("attributes::CHANGED", CHANGED),
];
