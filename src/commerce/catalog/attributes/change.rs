//! Changes of attributes and their values: what has to hold for one, and then the change. All is
//! checked before the first row is written.

use crate::http::{Expected, Problem};
use crate::id::Id;
use crate::json::{Fault, Line};
use crate::store::{SqlFault, StoreFault, Tx, View};

use super::rules::Kind;
use super::shapes::{CreateAttribute, CreateValue, UpdateAttribute, UpdateValue, ValueText};
use super::sql::{self, Attribute, AttributeValue};

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeFault {
    /// There is no such attribute or value.
    NotFound,
    /// The client has read another version.
    Moved,
    /// Another attribute has the name.
    NameTaken,
    /// The attribute has the value already.
    ValueTaken,
    /// Products have the value.
    InUse,
    /// The attribute has `VALUES_MAX` values.
    TooMany,
    /// Values that the attribute cannot take; every one.
    Values(Vec<Fault>),
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
        match fault {
            ChangeFault::NotFound => Problem::new(404, ""),
            ChangeFault::Moved => Problem::new(412, "The attribute has changed since."),
            ChangeFault::NameTaken => Problem::new(409, "Another attribute has this name.")
                .code("name_taken")
                .fault("/name", "name_taken", "is taken"),
            ChangeFault::ValueTaken => Problem::new(409, "The attribute has this value already.")
                .code("value_taken")
                .fault("/value", "value_taken", "is taken"),
            ChangeFault::InUse => Problem::new(409, "Products have this value.").code("in_use"),
            ChangeFault::TooMany => {
                let detail = format!("An attribute has at most {VALUES_MAX} values.");
                Problem::new(409, detail).code("too_many_values")
            }
            ChangeFault::Values(faults) => Problem::invalid().faults(faults),
            ChangeFault::Sql(fault) => StoreFault::from(fault).into(),
        }
    }
}

/// Makes an attribute with its values.
pub fn create(tx: &mut Tx<'_>, new: CreateAttribute) -> Result<Attribute, ChangeFault> {
    let kind = new.kind.unwrap_or(Kind::Text);
    let values = texts_of(kind, new.values.as_deref().unwrap_or_default())?;
    if sql::name_is_taken(tx, &new.name, None)? {
        return Err(ChangeFault::NameTaken);
    }
    let attribute = Attribute {
        id: Id::fresh(),
        version: 1,
        name: new.name.into_string(),
        kind,
        created_at: tx.now_ms(),
        updated_at: tx.now_ms(),
    };
    sql::insert(tx, &attribute)?;
    for (position, value) in values.into_iter().enumerate() {
        sql::insert_value(tx, attribute.id, &made(value, position as i64))?;
    }
    Ok(attribute)
}

/// Changes an attribute.
pub fn update(
    tx: &mut Tx<'_>,
    id: Id,
    expected: &Expected,
    change: UpdateAttribute,
) -> Result<Attribute, ChangeFault> {
    let before = present(tx, id, expected)?;
    let name = change.name.map_or(before.name, Line::into_string);
    if sql::name_is_taken(tx, &name, Some(id))? {
        return Err(ChangeFault::NameTaken);
    }
    if let Some(values) = change.values {
        let values = texts_of(before.kind, &values)?;
        arrange(tx, id, values)?;
    }
    sql::update(tx, id, &name)?;
    Ok(Attribute {
        name,
        version: before.version + 1,
        updated_at: tx.now_ms(),
        ..before
    })
}

/// Deletes an attribute that no product has.
pub fn delete(tx: &mut Tx<'_>, id: Id, expected: &Expected) -> Result<(), ChangeFault> {
    present(tx, id, expected)?;
    for value in sql::values(tx, id)? {
        if sql::is_held(tx, value.id)? {
            return Err(ChangeFault::InUse);
        }
    }
    Ok(sql::delete(tx, id)?)
}

/// Adds a value.
pub fn create_value(
    tx: &mut Tx<'_>,
    id: Id,
    new: CreateValue,
) -> Result<AttributeValue, ChangeFault> {
    let attribute = present(tx, id, &Expected::Any)?;
    let text = text_of(attribute.kind, &new.value)?;
    let values = sql::values(tx, id)?;
    if values.iter().any(|value| value.value == text) {
        return Err(ChangeFault::ValueTaken);
    }
    if values.len() >= VALUES_MAX {
        return Err(ChangeFault::TooMany);
    }
    let last = values.last().map_or(0, |value| value.sort_order + 1);
    let value = made(text, new.sort_order.map_or(last, |order| order.value()));
    sql::insert_value(tx, id, &value)?;
    sql::changed(tx, id)?;
    Ok(value)
}

/// Replaces all values: those that are there keep their ids.
pub fn replace_values(
    tx: &mut Tx<'_>,
    id: Id,
    expected: &Expected,
    values: &[ValueText],
) -> Result<(), ChangeFault> {
    let attribute = present(tx, id, expected)?;
    let values = texts_of(attribute.kind, values)?;
    arrange(tx, id, values)?;
    Ok(sql::changed(tx, id)?)
}

/// Changes a value.
pub fn update_value(
    tx: &mut Tx<'_>,
    (id, value_id): (Id, Id),
    change: UpdateValue,
) -> Result<AttributeValue, ChangeFault> {
    let attribute = present(tx, id, &Expected::Any)?;
    let values = sql::values(tx, id)?;
    let (mut value, others) = apart(values, value_id)?;
    if let Some(text) = change.value {
        value.value = text_of(attribute.kind, &text)?;
        if others.iter().any(|other| other.value == value.value) {
            return Err(ChangeFault::ValueTaken);
        }
    }
    value.sort_order = change
        .sort_order
        .map_or(value.sort_order, |order| order.value());
    sql::update_value(tx, &value)?;
    sql::changed(tx, id)?;
    Ok(value)
}

/// Deletes a value that no product has.
pub fn delete_value(tx: &mut Tx<'_>, (id, value_id): (Id, Id)) -> Result<(), ChangeFault> {
    let (value, _) = apart(sql::values(tx, id)?, value_id)?;
    if sql::is_held(tx, value.id)? {
        return Err(ChangeFault::InUse);
    }
    sql::delete_value(tx, value.id)?;
    Ok(sql::changed(tx, id)?)
}

fn present(view: &View<'_>, id: Id, expected: &Expected) -> Result<Attribute, ChangeFault> {
    let attribute = sql::read(view, id)?.ok_or(ChangeFault::NotFound)?;
    if expected.is_met(attribute.version) {
        Ok(attribute)
    } else {
        Err(ChangeFault::Moved)
    }
}

/// Makes these the values, in this order.
fn arrange(tx: &mut Tx<'_>, id: Id, texts: Vec<String>) -> Result<(), ChangeFault> {
    let present = sql::values(tx, id)?;
    let (kept, gone): (Vec<_>, Vec<_>) = present
        .into_iter()
        .partition(|value| texts.contains(&value.value));
    for value in &gone {
        if sql::is_held(tx, value.id)? {
            return Err(ChangeFault::InUse);
        }
    }
    for value in gone {
        sql::delete_value(tx, value.id)?;
    }
    for (position, text) in texts.into_iter().enumerate() {
        let sort_order = position as i64;
        match kept.iter().find(|value| value.value == text) {
            Some(value) => sql::update_value(
                tx,
                &AttributeValue {
                    sort_order,
                    ..value.clone()
                },
            )?,
            None => sql::insert_value(tx, id, &made(text, sort_order))?,
        }
    }
    Ok(())
}

fn apart(
    mut values: Vec<AttributeValue>,
    id: Id,
) -> Result<(AttributeValue, Vec<AttributeValue>), ChangeFault> {
    let position = values.iter().position(|value| value.id == id);
    let value = values.remove(position.ok_or(ChangeFault::NotFound)?);
    Ok((value, values))
}

fn made(value: String, sort_order: i64) -> AttributeValue {
    AttributeValue {
        id: Id::fresh(),
        value,
        sort_order,
    }
}

fn text_of(kind: Kind, value: &ValueText) -> Result<String, ChangeFault> {
    match kind.fault_of(value) {
        None => Ok(value.to_string()),
        Some(detail) => Err(ChangeFault::Values(vec![Fault {
            pointer: "/value".to_owned(),
            code: "format",
            detail: detail.to_owned(),
        }])),
    }
}

fn texts_of(kind: Kind, values: &[ValueText]) -> Result<Vec<String>, ChangeFault> {
    let mut faults = Vec::new();
    let mut texts: Vec<String> = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        let is_twice = texts.iter().any(|text| **text == **value);
        let fault = match kind.fault_of(value) {
            Some(detail) => Some(("format", detail)),
            None => is_twice.then_some(("duplicate", "is there twice")),
        };
        texts.push(value.to_string());
        faults.extend(fault.map(|(code, detail)| Fault {
            pointer: format!("/values/{index}"),
            code,
            detail: detail.to_owned(),
        }));
    }
    if faults.is_empty() {
        Ok(texts)
    } else {
        Err(ChangeFault::Values(faults))
    }
}

/// Values of one attribute.
const VALUES_MAX: usize = 500;
