//! Attributes and their values.

use serde_json::json;

use crate::audit::Actor;
use crate::auth::principal::Admin;
use crate::commerce::catalog::staff;
use crate::context::Context;
use crate::http::{
    Body, Created, Cursor, Exchange, Json, NoContent, Page, PageQuery, Problem, Query, Reply,
    Request, Versioned, if_match,
};
use crate::id::Id;
use crate::json::Time;
use crate::store::{SqlFault, Tx, View};

use super::change::{self, ChangeFault};
use super::shapes::{
    Attribute, AttributeQuery, AttributeValue, AttributeValues, CreateAttribute, CreateValue,
    ReplaceValues, UpdateAttribute, UpdateValue,
};
use super::sql;

/// `GET /api/v1/attributes`.
pub fn list(
    context: &Context,
    _: Admin,
    query: Query<AttributeQuery>,
    _: &Request<'_>,
    _: &mut Reply<'_>,
) -> Result<Page<Attribute>, Problem> {
    let after = query.page.after_id(BY_ID)?;
    Ok(context
        .house
        .commerce
        .read(|view| page(view, after, &query.page))?)
}

/// `POST /api/v1/attributes`.
pub async fn create(
    context: &Context,
    admin: Admin,
    body: Body<CreateAttribute>,
    _: &mut Exchange<'_>,
) -> Result<Created<Attribute>, Problem> {
    let command = move |tx: &mut Tx<'_>| {
        let attribute = change::create(tx, body.value)?;
        note(tx, admin, "attribute.created", attribute.id)?;
        Ok::<_, ChangeFault>(shown(tx, attribute)?)
    };
    let attribute = context.house.commerce.write(command).await??;
    Ok(Created {
        location: format!("/api/v1/attributes/{}", attribute.id),
        version: attribute.version,
        value: attribute,
    })
}

/// `GET /api/v1/attributes/:id`.
pub fn read(
    context: &Context,
    _: Admin,
    request: &Request<'_>,
    _: &mut Reply<'_>,
) -> Result<Versioned<Attribute>, Problem> {
    let attribute = found(context, request)?;
    Ok(Versioned {
        version: attribute.version,
        value: attribute,
    })
}

/// `PUT /api/v1/attributes/:id`.
pub async fn update(
    context: &Context,
    admin: Admin,
    body: Body<UpdateAttribute>,
    exchange: &mut Exchange<'_>,
) -> Result<Versioned<Attribute>, Problem> {
    let (id, expected) = (exchange.request().id("id")?, if_match(&exchange.request()));
    let command = move |tx: &mut Tx<'_>| {
        let attribute = change::update(tx, id, &expected, body.value)?;
        note(tx, admin, "attribute.updated", id)?;
        Ok::<_, ChangeFault>(shown(tx, attribute)?)
    };
    let attribute = context.house.commerce.write(command).await??;
    Ok(Versioned {
        version: attribute.version,
        value: attribute,
    })
}

/// `DELETE /api/v1/attributes/:id`.
pub async fn delete(
    context: &Context,
    admin: Admin,
    exchange: &mut Exchange<'_>,
) -> Result<NoContent, Problem> {
    let (id, expected) = (exchange.request().id("id")?, if_match(&exchange.request()));
    let command = move |tx: &mut Tx<'_>| {
        change::delete(tx, id, &expected)?;
        note(tx, admin, "attribute.deleted", id)?;
        Ok::<_, ChangeFault>(())
    };
    context.house.commerce.write(command).await??;
    Ok(NoContent)
}

/// `GET /api/v1/attributes/:id/values`.
pub fn list_values(
    context: &Context,
    _: Admin,
    request: &Request<'_>,
    _: &mut Reply<'_>,
) -> Result<Versioned<AttributeValues>, Problem> {
    let attribute = found(context, request)?;
    Ok(Versioned {
        version: attribute.version,
        value: AttributeValues {
            items: attribute.values,
        },
    })
}

/// `POST /api/v1/attributes/:id/values`.
pub async fn create_value(
    context: &Context,
    admin: Admin,
    body: Body<CreateValue>,
    exchange: &mut Exchange<'_>,
) -> Result<Created<AttributeValue>, Problem> {
    let id = exchange.request().id("id")?;
    let command = move |tx: &mut Tx<'_>| {
        let value = change::create_value(tx, id, body.value)?;
        note(tx, admin, "attribute.value_created", id)?;
        let version = sql::read(tx, id)?.map_or(0, |attribute| attribute.version);
        Ok::<_, ChangeFault>((value, version))
    };
    let (value, version) = context.house.commerce.write(command).await??;
    Ok(Created {
        location: format!("/api/v1/attributes/{id}/values"),
        version,
        value: value.into(),
    })
}

/// `PUT /api/v1/attributes/:id/values`.
pub async fn replace_values(
    context: &Context,
    admin: Admin,
    body: Body<ReplaceValues>,
    exchange: &mut Exchange<'_>,
) -> Result<Json<AttributeValues>, Problem> {
    let (id, expected) = (exchange.request().id("id")?, if_match(&exchange.request()));
    let command = move |tx: &mut Tx<'_>| {
        change::replace_values(tx, id, &expected, &body.values)?;
        note(tx, admin, "attribute.values_replaced", id)?;
        Ok::<_, ChangeFault>(sql::values(tx, id)?)
    };
    let values = context.house.commerce.write(command).await??;
    let items = values.into_iter().map(AttributeValue::from).collect();
    Ok(Json(AttributeValues { items }))
}

/// `PUT /api/v1/attributes/:id/values/:valueId`.
pub async fn update_value(
    context: &Context,
    admin: Admin,
    body: Body<UpdateValue>,
    exchange: &mut Exchange<'_>,
) -> Result<Json<AttributeValue>, Problem> {
    let request = exchange.request();
    let ids = (request.id("id")?, request.id("valueId")?);
    let command = move |tx: &mut Tx<'_>| {
        let value = change::update_value(tx, ids, body.value)?;
        note(tx, admin, "attribute.value_updated", ids.0)?;
        Ok::<_, ChangeFault>(value)
    };
    let value = context.house.commerce.write(command).await??;
    Ok(Json(value.into()))
}

/// `DELETE /api/v1/attributes/:id/values/:valueId`.
pub async fn delete_value(
    context: &Context,
    admin: Admin,
    exchange: &mut Exchange<'_>,
) -> Result<NoContent, Problem> {
    let request = exchange.request();
    let ids = (request.id("id")?, request.id("valueId")?);
    let command = move |tx: &mut Tx<'_>| {
        change::delete_value(tx, ids)?;
        note(tx, admin, "attribute.value_deleted", ids.0)?;
        Ok::<_, ChangeFault>(())
    };
    context.house.commerce.write(command).await??;
    Ok(NoContent)
}

fn found(context: &Context, request: &Request<'_>) -> Result<Attribute, Problem> {
    let id = request.id("id")?;
    let read = |view: &View<'_>| {
        let attribute = sql::read(view, id)?;
        attribute
            .map(|attribute| shown(view, attribute))
            .transpose()
    };
    let attribute = context.house.commerce.read(read)?;
    attribute.ok_or_else(|| Problem::new(404, ""))
}

fn note(tx: &mut Tx<'_>, admin: Admin, action: &'static str, id: Id) -> Result<(), SqlFault> {
    let subject = ("attribute", id);
    staff::note(tx, Actor::Staff(admin.id), action, subject, json!({}))
}

fn page(view: &View<'_>, after: Option<Id>, page: &PageQuery) -> Result<Page<Attribute>, SqlFault> {
    let (skip, count) = (page.offset() as i64, i64::from(page.limit) + 1);
    let rows = sql::list(view, after, skip, count)?;
    let listed = page.page(rows, |row| Cursor::new(BY_ID).string(&row.id.text()));
    let listed = listed.with_total(page, || sql::count(view))?;
    let items = listed.items.into_iter().map(|row| shown(view, row));
    Ok(Page {
        items: items.collect::<Result<_, _>>()?,
        next: listed.next,
        total: listed.total,
    })
}

fn shown(view: &View<'_>, row: sql::Attribute) -> Result<Attribute, SqlFault> {
    let values = sql::values(view, row.id)?;
    Ok(Attribute {
        id: row.id,
        version: row.version,
        name: row.name,
        kind: row.kind,
        values: values.into_iter().map(AttributeValue::from).collect(),
        created_at: Time(row.created_at),
        updated_at: Time(row.updated_at),
    })
}

impl From<sql::AttributeValue> for AttributeValue {
    fn from(row: sql::AttributeValue) -> AttributeValue {
        AttributeValue {
            id: row.id,
            value: row.value,
            sort_order: row.sort_order,
        }
    }
}

/// The order of the list, for its cursors.
const BY_ID: u8 = 0;
