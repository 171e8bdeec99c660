//! Variants of a product.

use serde_json::json;

use crate::auth::principal::{Maybe, Seller, User};
use crate::commerce::catalog::{products, staff};
use crate::commerce::inventory;
use crate::context::Context;
use crate::http::{
    Body, Created, Cursor, Exchange, NoContent, Page, PageQuery, Problem, Query, Rendered, Reply,
    Request, VersionedParts, Written, if_match,
};
use crate::id::Id;
use crate::json::{Document, Time};
use crate::store::{SqlFault, Topic, Tx, View};

use super::change::{self, ChangeFault};
use super::shapes::{CreateVariant, UpdateVariant, Variant, VariantQuery};
use super::sql;

/// `GET /api/v1/products/:id/variants`.
pub fn list(
    context: &Context,
    user: Maybe<User>,
    query: Query<VariantQuery>,
    request: &Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<Written<Page<Variant>>, Problem> {
    let product_id = request.id("id")?;
    let after = query.page.after_id(BY_ID)?;
    let store = &*context.house.commerce;
    let product = store.read(|view| products::sql::read(view, product_id))?;
    product
        .filter(|product| products::api::is_seen_by(user.0, product.status, product.vendor_id))
        .ok_or_else(|| Problem::new(404, ""))?;
    let topics = [Topic::of(product_id.as_bytes())];
    context.replies.serve(store, request, reply, &topics, || {
        let page = store.read(|view| page(view, product_id, after, &query.page))?;
        Ok(Rendered::page(&page, request))
    })?;
    Ok(Written::by_hand())
}

/// `POST /api/v1/products/:id/variants`.
pub async fn create(
    context: &Context,
    seller: Seller,
    body: Body<CreateVariant>,
    exchange: &mut Exchange<'_>,
) -> Result<Created<Variant>, Problem> {
    let product_id = exchange.request().id("id")?;
    let command = move |tx: &mut Tx<'_>| {
        let variant = change::create(tx, seller, product_id, body.value)?;
        let (subject, detail) = (("variant", variant.id), json!({ "sku": variant.sku }));
        staff::note(tx, staff::actor(seller), "variant.created", subject, detail)?;
        Ok::<_, ChangeFault>(shown(tx, variant)?)
    };
    let variant = context.house.commerce.write(command).await??;
    Ok(Created {
        location: format!("/api/v1/products/{product_id}/variants/{}", variant.id),
        version: variant.version,
        value: variant,
    })
}

/// `GET /api/v1/products/:id/variants/:variantId`.
pub fn read(
    context: &Context,
    user: Maybe<User>,
    request: &Request<'_>,
    _: &mut Reply<'_>,
) -> Result<VersionedParts<Variant>, Problem> {
    let (product_id, id) = (request.id("id")?, request.id("variantId")?);
    let read = |view: &View<'_>| {
        let product = products::sql::read(view, product_id)?;
        let is_seen = product.is_some_and(|product| {
            products::api::is_seen_by(user.0, product.status, product.vendor_id)
        });
        let variant = sql::read(view, product_id, id)?.filter(|_| is_seen);
        variant.map(|variant| shown(view, variant)).transpose()
    };
    let variant = context.house.commerce.read(read)?;
    let variant = variant.ok_or_else(|| Problem::new(404, ""))?;
    Ok(VersionedParts {
        version: variant.version,
        value: variant,
    })
}

/// `PUT /api/v1/products/:id/variants/:variantId`.
pub async fn update(
    context: &Context,
    seller: Seller,
    body: Body<UpdateVariant>,
    exchange: &mut Exchange<'_>,
) -> Result<VersionedParts<Variant>, Problem> {
    let request = exchange.request();
    let (ids, expected) = (
        (request.id("id")?, request.id("variantId")?),
        if_match(&request),
    );
    let command = move |tx: &mut Tx<'_>| {
        let (before, variant) = change::update(tx, seller, ids, &expected, body.value)?;
        let detail = staff::changes([
            ("sku", json!(before.sku), json!(variant.sku)),
            (
                "price_amount",
                json!(before.price_amount),
                json!(variant.price_amount),
            ),
            ("options", json!(before.options), json!(variant.options)),
        ]);
        let subject = ("variant", ids.1);
        staff::note(tx, staff::actor(seller), "variant.updated", subject, detail)?;
        Ok::<_, ChangeFault>(shown(tx, variant)?)
    };
    let variant = context.house.commerce.write(command).await??;
    Ok(VersionedParts {
        version: variant.version,
        value: variant,
    })
}

/// `DELETE /api/v1/products/:id/variants/:variantId`.
pub async fn delete(
    context: &Context,
    seller: Seller,
    exchange: &mut Exchange<'_>,
) -> Result<NoContent, Problem> {
    let request = exchange.request();
    let (ids, expected) = (
        (request.id("id")?, request.id("variantId")?),
        if_match(&request),
    );
    let command = move |tx: &mut Tx<'_>| {
        let variant = change::delete(tx, seller, ids, &expected)?;
        let (subject, detail) = (("variant", ids.1), json!({ "sku": variant.sku }));
        staff::note(tx, staff::actor(seller), "variant.deleted", subject, detail)?;
        Ok::<_, ChangeFault>(())
    };
    context.house.commerce.write(command).await??;
    Ok(NoContent)
}

fn page(
    view: &View<'_>,
    product_id: Id,
    after: Option<Id>,
    page: &PageQuery,
) -> Result<Page<Variant>, SqlFault> {
    let (skip, count) = (page.offset() as i64, i64::from(page.limit) + 1);
    let rows = sql::list(view, product_id, after, skip, count)?;
    let listed = page.page(rows, |row| Cursor::new(BY_ID).string(&row.id.text()));
    let listed = listed.with_total(page, || sql::count(view, product_id))?;
    let items = listed.items.into_iter().map(|row| shown(view, row));
    Ok(Page {
        items: items.collect::<Result<_, _>>()?,
        next: listed.next,
        total: listed.total,
    })
}

fn shown(view: &View<'_>, row: sql::Variant) -> Result<Variant, SqlFault> {
    let stock = inventory::sql::of_variant(view, row.product_id, row.id)?;
    Ok(Variant {
        id: row.id,
        version: row.version,
        product_id: row.product_id,
        sku: row.sku,
        options: Document::from_stored(row.options),
        price_amount: row.price_amount,
        stock: stock.into(),
        created_at: Time(row.created_at),
        updated_at: Time(row.updated_at),
    })
}

/// The order of the list, for its cursors.
const BY_ID: u8 = 0;
